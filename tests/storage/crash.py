"""A process that writes cycles and acts until it is killed, and what has to be true of the file afterwards.

`python -m tests.storage.crash PATH CLUSTER [COUNT]` writes; every number it prints has been acknowledged by the store.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from storage.cycles import CycleUpdate
from storage.database import Store
from storage.history import Act
from storage.records import CycleRecord, TimelineEntry
from tests.storage import samples

if TYPE_CHECKING:
    import random

ANOMALIES = 3
LINES = 2


def write(path: Path, cluster: str, count: int | None = None) -> None:
    """Write cycles, each one case with all that can belong to it, and an act on every third one."""
    owner = f"{cluster}-{os.getpid()}"
    with Store.open(path) as store:
        for number in itertools.count() if count is None else range(count):
            if not store.cycles.acquire_lease(cluster, owner, samples.NOW + number, ttl=600):
                raise SystemExit("the lease of a dead process was not free")
            (case,), anomalies = store.cycles.new_ids(investigations=1, anomalies=ANOMALIES)
            store.cycles.write(_update(cluster, owner, case, anomalies))
            if number % 3 == 0:
                store.history.act([case], Act.PIN, {"pinned": True}, actor=cluster, at=samples.NOW)
            os.write(1, f"{case}\n".encode())


def _update(cluster: str, owner: str, case: int, anomalies: range) -> CycleUpdate:
    return CycleUpdate(
        CycleRecord(cluster, float(case), 0.5, case, ANOMALIES, 0),
        investigations=[samples.case(case, cluster=cluster, anomalies=ANOMALIES)],
        anomalies=[samples.anomaly(each, case, signal=f"signal-{each % 9}", band=bytes(400)) for each in anomalies],
        evidence=[samples.evidence(case, f"line {line}") for line in range(LINES)],
        timeline=[(case, TimelineEntry(samples.NOW, "rollout", "revision 2"))],
        events=[samples.event(f"event-{case}", cluster=cluster)],
        coverage=[samples.coverage(f"signal-{signal}", cluster=cluster, live=case) for signal in range(4)],
        owner=owner,
    )


def start(path: Path, cluster: str, count: int | None = None) -> subprocess.Popen[str]:
    """A writer in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "tests.storage.crash",
        str(path),
        cluster,
        *([] if count is None else [str(count)]),
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=_ROOT)


_ROOT = Path(__file__).parents[2]


@dataclass
class Damage:
    """What a series of kills did; all zero is the only good answer."""

    corrupt: int = 0
    lost: int = 0
    torn: int = 0
    cycles: int = 0
    """How many were stored in all: a series that stored nothing proves nothing."""


def kill_repeatedly(path: Path, kills: int, draw: random.Random) -> Damage:
    """Let writers work on one file, kill -9 each in mid-write, and look at the file after every kill."""
    damage = Damage()
    for _ in range(kills):
        acknowledged = _killed(path, draw.uniform(0.0, 0.03))
        with Store.open(path) as store:
            damage.corrupt += bool(store.integrity())
        cases, torn = examine(path)
        damage.lost += len(acknowledged - cases)
        damage.torn += torn
        damage.cycles = len(cases)
    return damage


def _killed(path: Path, delay: float) -> set[int]:
    """The ids that a writer acknowledged before it was killed, `delay` seconds after the first one."""
    writer = start(path, samples.CLUSTER)
    assert writer.stdout is not None
    assert writer.stderr is not None
    first = writer.stdout.readline()
    time.sleep(delay)
    writer.kill()
    output, errors = writer.communicate()
    if not first or errors:
        raise AssertionError(errors or "the writer wrote nothing")
    return {int(line) for line in (first + output).splitlines(keepends=True) if line.endswith("\n")}


def examine(path: Path) -> tuple[set[int], int]:
    """The cases that are stored, and in how many places a cycle is there in part."""
    with closing(sqlite3.connect(path)) as connection:
        ask = connection.execute
        cases = {row[0] for row in ask("SELECT id FROM investigation")}
        cycles = {row[0] for row in ask("SELECT series FROM cycle")}
        torn = len(cases ^ cycles)
        for table, expected in {"anomaly": ANOMALIES, "evidence": LINES, "timeline": 1}.items():
            counts = dict(ask(f"SELECT investigation, count(*) FROM {table} GROUP BY 1"))  # noqa: S608
            torn += sum(counts.get(case) != expected for case in cases | set(counts))
        torn += {row[0] for row in ask("SELECT uid FROM event")} != {f"event-{case}" for case in cases}
        torn += sum(
            len(set(row[0].split())) > 1 for row in ask("SELECT group_concat(live, ' ') FROM coverage GROUP BY cluster")
        )
        pinned = {row[0] for row in ask("SELECT id FROM investigation WHERE pinned")}
        torn += len(pinned ^ {row[0] for row in ask("SELECT investigation FROM history")})
    return cases, torn


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], msgspec.convert(sys.argv[3], int, strict=False) if sys.argv[3:] else None)
