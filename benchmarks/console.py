"""Keys in the real console while the real engine works: `python -m benchmarks.console`.

Goals (G4): with 10,000 investigations in the inbox, and the engine running cycle after cycle over 10,000 series in its
thread, a key is painted within 1.3 times (median) and 1.5 times (99 %) of what it takes while the engine rests, and
within 50 ms. A cycle comes every 15 seconds in life; here one follows the other.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import inspect
import os
import random
import sys
import threading
import time
from datetime import UTC
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from app.console import COLLECT_AFTER, SWITCH_SECONDS, Console
from app.session import EngineSession
from app.snapshots import metrics_status, objects_status
from benchmarks.cluster import AT, NAMESPACES
from benchmarks.engine import Bench, bench
from benchmarks.measure import Goal, goals_table, table
from benchmarks.painting import PATIENCE, Paints, moved, worst
from benchmarks.storage import anomaly, case
from detectors.catalog import load
from detectors.model import Entity, EntityType
from detectors.series import Band
from storage.cycles import CycleUpdate
from storage.records import AnomalyState, CycleRecord
from widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from app.engine import Outcome
    from app.snapshot import CheckResult, SourceStatus
    from storage.database import Store
    from storage.records import AnomalyRecord

SIZE = (140, 45)
KEYS = {"j": "down", "pagedown": "page down"}


class Paced:
    """A run of the engine that goes on while `going` is set (`app.session.Run`)."""

    mode = "live"
    advisor = None
    interval = 15.0
    progress: Callable[[str], None]

    def __init__(self, found: Bench, store: Store) -> None:
        self._bench, self._engine = found, found.engine(store)
        self.cluster = found.objects.cluster
        self.going = threading.Event()
        self.done = 0
        self.resting = True

    def run(self, stop: threading.Event, wake: threading.Event, done: Callable[[Outcome], None]) -> None:
        """Cycles without a pause, each a minute later."""
        while not stop.is_set():
            wake.clear()
            self.resting = not self.going.wait(0.05)
            if not self.resting:
                self._bench.next_minute()
                done(self._engine.cycle())
                self._engine.look_again()
                self.done += 1

    def statuses(self, outcome: Outcome | None) -> tuple[SourceStatus, ...]:
        """As a live run's."""
        return metrics_status(None, None, None), objects_status(outcome.state if outcome is not None else None)

    def checks(self) -> tuple[CheckResult, ...]:
        """None."""
        return ()

    def close(self) -> None:
        """Stop fetching."""
        self._engine.close()


def remembered(cluster: str, count: int) -> Iterator[AnomalyRecord]:
    """Open anomalies of workloads that only metrics knew and that no longer tell anything: held, they stay open."""
    draw = random.Random(3)
    times = np.arange(AT - 35 * 60, AT, 60, dtype=np.int64)
    flat = np.ones(len(times))
    bands = [Band(times, flat * draw.random(), flat * 0, flat * 0.01).to_bytes() for _ in range(50)]
    for number in range(1, count + 1):
        namespace = f"team-{number % NAMESPACES:02d}"
        yield replace(
            anomaly(number, open_after=count, draw=draw),
            cluster=cluster,
            investigation=number,
            signal="http-server-5xx-spike",
            entity=Entity(EntityType.WORKLOAD, cluster, namespace, "Workload", f"past-{number:05d}"),
            state=AnomalyState.OPEN,
            onset=float(AT - 3600),
            opened=float(AT - 3600),
            last_seen=float(AT - 600),
            closed=None,
            band=bands[number % len(bands)],
        )


def stored(found: Bench, count: int) -> Store:
    """A store with so many open investigations."""
    store = found.store("inbox")
    cluster = found.objects.cluster
    members = list(remembered(cluster, count))
    cases = [replace(case(member.investigation, [member]), cluster=cluster) for member in members]
    record = CycleRecord(cluster, AT - 60.0, 1.0, 0, 0, 0)
    store.cycles.write(CycleUpdate(record, investigations=cases, anomalies=members))
    return store


class PaintedConsole(Paints, Console):
    """The console, telling when it has painted."""

    CSS_PATH = [Path(inspect.getfile(Console)).with_suffix(".tcss")]


async def until(what: str, condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline = time.perf_counter() + 6 * PATIENCE
    while not condition():
        if time.perf_counter() > deadline:
            raise TimeoutError(what)
        await asyncio.sleep(0.02)


async def rest(run: Paced) -> None:
    """Let the engine finish its cycle, and the console show it."""
    run.going.clear()
    await until("the end of a cycle", lambda: run.resting)
    await asyncio.sleep(1)


async def pressed(app: PaintedConsole, run: Paced, rounds: int, times: int) -> dict[tuple[str, str], list[float]]:
    """Milliseconds of every press, by key and by what the engine did; rest and work take turns."""
    rows = app.screen.query_one(RowList)
    spent: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for state in ("idle", "busy"):
            if state == "busy":
                run.going.set()
            for key in KEYS:
                await app.painted(rows.action_top, lambda: rows.position == 0) if rows.position else None
                spent.setdefault((key, state), []).extend(await moved(app, rows, key, times))
            await rest(run)
    return spent


async def measure(found: Bench, count: int, rounds: int, times: int) -> dict[tuple[str, str], list[float]]:
    """The console with its inbox, on a session over the engine."""
    store = stored(found, count)
    run = Paced(found, store)
    session = EngineSession(found.loaded, store, load(), found.clock, run)
    app = PaintedConsole(lambda _choice: session, zone=UTC)
    app.animation_level = "none"
    async with app.run_test(size=SIZE):
        await until("the stored rows", lambda: len(app.snapshot.rows) >= count)
        run.going.set()
        await until("the first cycle", lambda: app.snapshot.cycle)
        await rest(run)
        spent = await pressed(app, run, rounds, times)
    app.link.close()
    return spent


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keys", type=int, default=60)
    options = parser.parse_args(arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*COLLECT_AFTER)
    with bench(options.series) as found:
        spent = asyncio.run(measure(found, options.rows, options.rounds, options.keys))
    rows, goals = [], []
    for key, name in KEYS.items():
        idle, busy = spent[key, "idle"], spent[key, "busy"]
        half, most = median(busy) / median(idle), worst(busy) / worst(idle)
        rows += [
            (name, state, f"{median(each):.1f}", f"{worst(each):.1f}", f"{max(each):.1f}")
            for state, each in (("idle", idle), ("busy", busy))
        ]
        goals += [
            Goal("G4", f"{name}: key to paint busy / idle, median", half, 1.3),
            Goal("G4", f"{name}: key to paint busy / idle, 99 %", most, 1.5),
            Goal("G4", f"{name}: key to paint busy, 99 %", worst(busy), 50, "ms"),
        ]
    title = f"Key to paint with {options.rows:,} rows, engine over {options.series:,} series, ms"
    print(table(title, ("key", "engine", "median", "99 %", "max"), rows))
    print(goals_table(goals))
    return goals


if __name__ == "__main__":
    main()
