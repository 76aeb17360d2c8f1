"""A whole cycle of the engine over 10,000 series, next to curl asking the same: `python -m benchmarks.engine`.

Goals: a cycle takes at most 1.5 times as long as curl takes to throw the answers to the same requests away, as many
at once. (G3) Meanwhile the event loop's ticks are late by at most 5 ms (99 %) and 20 ms (all) through our doing, and
nobody holds the interpreter lock for more than 10 ms.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from app.console import COLLECT_AFTER, SWITCH_SECONDS
from benchmarks.measure import Goal, Lateness, curl, goals_table, lateness, milliseconds, table
from benchmarks.paced import paced
from benchmarks.served import connected, serving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.engine import Engine, Outcome
    from app.snapshot import Snapshot
    from benchmarks.served import Bench, Servers


@dataclass
class Spent:
    """Seconds of some cycles, and of curl for the same requests."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    curl: list[float] = field(default_factory=list)

    def add(self, engine: Engine, found: Bench) -> Outcome:
        """One cycle, then curl."""
        wall, processor = time.perf_counter(), time.process_time()
        outcome = engine.cycle()
        self.wall.append(time.perf_counter() - wall)
        self.processor.append(time.process_time() - processor)
        self.curl.append(found.curl())
        return outcome

    @property
    def ratio(self) -> float:
        """Median of the ratios of neighbours in time."""
        return statistics.median(ours / theirs for ours, theirs in zip(self.wall, self.curl, strict=True))

    def row(self, name: str) -> tuple[str, ...]:
        """For the table."""
        medians = (statistics.median(each) for each in (self.wall, self.processor, self.curl))
        return name, *(f"{median * 1e3:.0f}" for median in medians), f"{self.ratio:.2f}"


def cycles(found: Bench, rounds: int) -> tuple[Spent, Spent, Outcome]:
    """First cycles of new engines, and later cycles of one."""
    first, later = Spent(), Spent()
    for number in range(rounds + 1):
        with found.store(f"first-{number}") as store:
            engine = found.engine(store)
            first.add(engine, found)
            engine.close()
    with found.store("later") as store:
        engine = found.engine(store)
        Spent().add(engine, found)
        for _ in range(rounds + 1):
            found.next_minute()
            outcome = later.add(engine, found)
        engine.close()
    for spent in (first, later):
        del spent.wall[0], spent.processor[0], spent.curl[0]
    return first, later, outcome


def late(servers: Servers, asked: Sequence[str], rounds: int) -> tuple[Lateness, Lateness, Lateness]:
    """How late the console's loop ticks while curl asks, during the first cycle of an engine, and during later ones.

    The engine is where the console has it, and tells its snapshots as it does there.
    """
    told: list[Snapshot] = []
    with paced(servers, servers.folder / "late.db") as session:
        session.restored()
        session.start(told.append)
        first = lateness(partial(session.cycles, 1), 1)
        gc.freeze()
        idle, later = lateness(partial(curl, asked, 4), 2), lateness(partial(session.cycles, 1), rounds)
    if len(told) < rounds:
        raise RuntimeError("snapshots are missing")
    return idle, first, later


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    # As the console does it.
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*COLLECT_AFTER)
    with serving(options.series) as servers:
        found = connected(servers)
        first, later, outcome = cycles(found, options.rounds)
        pods = len(found.objects.state(found.clock.now()).pods)
        found.objects.close()
        idle, begun, going_on = late(servers, found.compared, 3 * options.rounds)
    size = f"{options.series:,} series of {pods // 2} workloads and {pods} pods, {outcome.series:,} verdicts"
    rows = [first.row("first cycle, with discovery"), later.row("later cycle: new steps")]
    print(table(f"{size}, median of {options.rounds}", ("what", "ms", "CPU ms", "curl, ms", "x curl"), rows))
    cases = (
        ("curl asks, this process idle", idle.all),
        ("the same, our part", idle.own),
        ("the first cycle", begun.all),
        ("the first cycle, our part", begun.own),
        ("the first cycle, CPU of other threads", begun.others),
        ("later cycles", going_on.all),
        ("later cycles, our part", going_on.own),
        ("later cycles, CPU of other threads", going_on.others),
    )
    rows = [(name, *milliseconds(each)) for name, each in cases]
    print(table("How late the event loop ticks, ms", ("while", "median", "99 %", "max"), rows))
    own, others = (np.concatenate(pair) * 1e3 for pair in zip(begun[1:], going_on[1:], strict=True))
    found_goals = [
        Goal("cycle", "first cycle / curl with the same requests", first.ratio, 1.5),
        Goal("cycle", "later cycle / curl with the same requests", later.ratio, 1.5),
        Goal("G3", "event loop late during cycles, 99 %", float(np.quantile(own, 0.99)), 5, "ms"),
        Goal("G3", "event loop late during cycles, longest", float(own.max()), 20, "ms"),
        Goal("G3", "CPU of the console's other threads in a tick, 99 %", float(np.quantile(others, 0.99)), 5, "ms"),
        Goal("G3", "CPU of the console's other threads in a tick, most", float(others.max()), 20, "ms"),
    ]
    print(goals_table(found_goals))
    return found_goals


if __name__ == "__main__":
    main()
