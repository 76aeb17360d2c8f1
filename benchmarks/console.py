"""Keys in the real console while the real engine works: `python -m benchmarks.console`.

Goals (G4): with 10,000 investigations in the inbox, and the engine running cycle after cycle over 10,000 series in its
process, a key is painted within 1.3 times (median) and 1.5 times (99 %) of what it takes while the engine rests, and
within 50 ms. The median of the console's CPU time is held to the same, which a busy machine changes little. A cycle
comes every 15 seconds in life; here one follows the other. The servers, which have machines of their own in life, get
the processor when nobody else wants it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import inspect
import os
import random
import sys
import time
from datetime import UTC
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from app.console import COLLECT_AFTER, SWITCH_SECONDS, Console
from benchmarks.cluster import AT, NAMESPACES
from benchmarks.measure import Goal, goals_table, table
from benchmarks.paced import paced
from benchmarks.painting import PATIENCE, Paints, moved, worst
from benchmarks.served import connected, serving
from benchmarks.storage import anomaly, case
from detectors.model import Entity, EntityType
from detectors.series import Band
from storage.cycles import CycleUpdate
from storage.records import AnomalyState, CycleRecord
from widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.paced import Paced
    from benchmarks.painting import Press
    from benchmarks.served import Bench
    from storage.records import AnomalyRecord

SIZE = (140, 45)
KEYS = {"j": "down", "pagedown": "page down"}


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
            onset=float(AT - 3600 * (2 + number % 40)),
            opened=float(AT - 3600),
            last_seen=float(AT - 600),
            closed=None,
            band=bands[number % len(bands)],
        )


def stored(found: Bench, count: int) -> Path:
    """A store with so many open investigations."""
    cluster = found.objects.cluster
    members = list(remembered(cluster, count))
    cases = [replace(case(member.investigation, [member]), cluster=cluster) for member in members]
    record = CycleRecord(cluster, AT - 60.0, 1.0, 0, 0, 0)
    with found.store("inbox") as store:
        store.cycles.write(CycleUpdate(record, investigations=cases, anomalies=members))
        return store.path


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


async def rest(session: Paced) -> None:
    """Let the engine finish its cycle, and the console show it."""
    await asyncio.to_thread(session.rest)
    await asyncio.sleep(1)


async def pressed(app: PaintedConsole, session: Paced, rounds: int, times: int) -> dict[tuple[str, str], list[Press]]:
    """Every press, by key and by what the engine did; rest and work take turns."""
    rows = app.screen.query_one(RowList)
    spent: dict[tuple[str, str], list[Press]] = {}
    for _ in range(rounds):
        for state in ("idle", "busy"):
            if state == "busy":
                await asyncio.to_thread(session.go)
            for key in KEYS:
                await app.painted(rows.action_top, lambda: rows.position == 0) if rows.position else None
                spent.setdefault((key, state), []).extend(await moved(app, rows, key, times))
            await rest(session)
    return spent


async def measure(session: Paced, count: int, rounds: int, times: int) -> dict[tuple[str, str], list[Press]]:
    """The console with its inbox, on a session over the engine."""
    app = PaintedConsole(lambda _choice: session, zone=UTC)
    app.animation_level = "none"
    async with app.run_test(size=SIZE):
        await until("the stored rows", lambda: len(app.snapshot.rows) >= count)
        await asyncio.to_thread(session.cycles, 1)
        await until("the first cycle", lambda: app.snapshot.cycle)
        await rest(session)
        before = app.snapshot.cycle
        spent = await pressed(app, session, rounds, times)
        print(f"{app.snapshot.cycle - before} cycles while keys were pressed\n")
    app.link.close()
    return spent


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keys", type=int, default=60)
    parser.add_argument("--together", action="store_true", help="the engine in the console's process, for comparison")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*COLLECT_AFTER)
    with serving(options.series, yielding=True) as servers:
        found = connected(servers)
        database = stored(found, options.rows)
        found.objects.close()
        with paced(servers, database, apart=not options.together) as session:
            spent = asyncio.run(measure(session, options.rows, options.rounds, options.keys))
    rows, goals = [], []
    for key, name in KEYS.items():
        for state in ("idle", "busy"):
            for what, each in (("", walls(spent[key, state])), (", CPU", processors(spent[key, state]))):
                rows.append((name, state + what, f"{median(each):.1f}", f"{worst(each):.1f}", f"{max(each):.1f}"))
        goals += [
            *compared(f"{name}: key to paint", walls(spent[key, "idle"]), walls(spent[key, "busy"])),
            Goal("G4", f"{name}: key to paint busy, 99 %", worst(walls(spent[key, "busy"])), 50, "ms"),
            compared(f"{name}: CPU of the console", processors(spent[key, "idle"]), processors(spent[key, "busy"]))[0],
        ]
    title = f"Key to paint with {options.rows:,} rows, engine over {options.series:,} series, ms"
    print(table(title, ("key", "engine", "median", "99 %", "max"), rows))
    print(goals_table(goals))
    return goals


def walls(presses: list[Press]) -> list[float]:
    """What the engineer waits for."""
    return [press.wall for press in presses]


def processors(presses: list[Press]) -> list[float]:
    """What it costs the console's process."""
    return [press.processor for press in presses]


def compared(what: str, idle: list[float], busy: list[float]) -> tuple[Goal, Goal]:
    """With the engine at work against with the engine at rest."""
    half, most = median(busy) / median(idle), worst(busy) / worst(idle)
    return Goal("G4", f"{what} busy / idle, median", half, 1.3), Goal("G4", f"{what} busy / idle, 99 %", most, 1.5)


if __name__ == "__main__":
    main()
