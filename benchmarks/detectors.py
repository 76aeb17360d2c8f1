"""What judging costs: every detector kind over 10,000 series of 36 points: `python -m benchmarks.detectors`.

Goals (G6): at most 5 % of the server's time for the same query, the robust z-score at least 50 times as fast as a
numpy loop over the series, peak memory at most 4 times the input. The server's time is not measured here: 43,000 series
take Prometheus 2.42 about 1.6 s (`python -m benchmarks.cycle` measures it), which is what `--server-ms` stands for.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measure import Goal, goals_table, interleaved, table
from detectors.kinds import BLOCK, DETECTORS
from detectors.statistics import NORMAL_MAD, median, robust_spread
from detectors.windows import SignalData, Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from detectors.series import FloatArray

WINDOWS = Windows()
T = WINDOWS.points
TIMES = 1_700_000_040 + 60 * np.arange(T, dtype=np.int64)
BOUNDS = np.array([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, np.inf])
GUARDS = {"count-spike": {"min_restarts_eval": 3}}
"""Where a row always states one."""


def signals(series: int, seed: int = 1) -> dict[str, SignalData]:
    """Healthy data for each kind; histograms have a twelfth of the entities, so that all have as many input series."""
    random = np.random.default_rng(seed)
    counts = random.poisson(10 ** random.uniform(0, 4, (series, 1)), (series, T))
    total = counts / 60
    parts = random.multinomial(random.poisson(2000, (series // len(BOUNDS), T)), np.full(len(BOUNDS), 1 / len(BOUNDS)))
    return {
        "ratio-spike": SignalData(TIMES, total=total, errors=random.binomial(counts, 0.002) / 60),
        "rate-drop": SignalData(TIMES, total=total),
        "rate-surge": SignalData(TIMES, total=total),
        "quantile-shift": SignalData(TIMES, buckets=np.moveaxis(parts.cumsum(axis=2), 1, 2) / 60, bounds=BOUNDS),
        "count-spike": SignalData(TIMES, total=random.poisson(0.01, (series, T)) / 60),
        "level-shift": SignalData(TIMES, level=random.normal(100, 5, (series, T))),
        "state-transition": SignalData(TIMES, level=np.zeros((series, T))),
    }


def size_of(data: SignalData) -> int:
    """Bytes of a signal's arrays."""
    return sum(each.nbytes for each in (data.total, data.errors, data.buckets, data.level) if each is not None)


def robust_z(values: FloatArray) -> None:
    """The kernel of every robust detector, in blocks as the detectors run it."""
    for start in range(0, len(values), BLOCK):
        window = WINDOWS.baseline_of(values[start : start + BLOCK])
        centre = median(window)
        (values[start : start + BLOCK, -1] - centre) / robust_spread(window, centre, floor=1e-9)


def robust_z_in_a_loop(values: FloatArray) -> None:
    """The same one series at a time."""
    for row in values:
        window = row[: WINDOWS.baseline]
        centre = np.median(window)
        (row[-1] - centre) / max(NORMAL_MAD * np.median(np.abs(window - centre)), 1e-9)


def peak(work: Callable[[], object]) -> int:
    """The most bytes that were allocated at once."""
    tracemalloc.start()
    work()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--server-ms", type=float, default=377.0, help="the server's time per 10,000 series")
    options = parser.parse_args(arguments)
    data = signals(options.series)

    def judged(kind: str) -> Callable[[], object]:
        return lambda: DETECTORS[kind](data[kind], {}, GUARDS.get(kind, {}), WINDOWS)

    cases = {kind: judged(kind) for kind in data}
    level = data["level-shift"].level
    assert level is not None
    cases |= {"a copy": level.copy, "robust z": lambda: robust_z(level)}
    seconds = interleaved(cases, options.rounds, time.process_time)
    loop = interleaved({"loop": lambda: robust_z_in_a_loop(level)}, 3, time.process_time)["loop"]
    server = options.server_ms / 1e3 * options.series / 10_000
    rows = [
        (
            kind,
            f"{seconds[kind] * 1e3:.1f}",
            f"{seconds[kind] / seconds['a copy']:.0f}",
            f"{seconds[kind] / server:.1%}",
            f"{loop / seconds[kind]:.0f}",
            f"{peak(cases[kind]) / size_of(data[kind]):.1f}",
        )
        for kind in data
    ]
    rows.append(
        (
            "robust z alone",
            f"{seconds['robust z'] * 1e3:.1f}",
            f"{seconds['robust z'] / seconds['a copy']:.0f}",
            f"{seconds['robust z'] / server:.1%}",
            f"{loop / seconds['robust z']:.0f}",
            f"{peak(cases['robust z']) / level.nbytes:.1f}",
        )
    )
    header = ("detector", "CPU ms", "x a copy", "of the server's time", "x faster than a MAD loop", "peak / input")
    print(table(f"{options.series:,} series x {T} points", header, rows))
    slowest = max(seconds[kind] for kind in data)
    most = max(peak(cases[kind]) / size_of(data[kind]) for kind in data)
    found = [
        Goal("G6", "slowest detector / the server's time for its query", slowest / server * 100, 5, "%"),
        Goal("G6", "a loop over the series / robust z", loop / seconds["robust z"], 50, at_least=True),
        Goal("G6", "memory of the hungriest detector / its input", most, 4),
    ]
    print(goals_table(found))
    return found


if __name__ == "__main__":
    main()
