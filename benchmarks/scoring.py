"""What following series costs: `python -m benchmarks.scoring`.

Every detector that a row can name, sample by sample over many series in lockstep, a week of profiles known; then what a
cycle pays for it, and what one series takes in memory and in the store. Goal: less than 1 us of CPU for each sample and
view.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measure import Goal, goals_table, table
from detectors.scoring.compact import packed, unpacked
from detectors.scoring.members import MEMBERS
from detectors.scoring.state import size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from detectors.scoring.members import Member

STEP = 60
START = 1_699_833_600
VIEWS = {"holt-winters": 2, "ensemble": 4}
"""How many views a detector compares with, where it is not one."""
WARM = 300
"""Samples before the clock runs: trees are grown, profiles have begun."""


def values(series: int, samples: int, seed: int = 1) -> np.ndarray:
    """Healthy values with a daily season, (T, S)."""
    random = np.random.default_rng(seed)
    season = 30 * np.sin(2 * np.pi * STEP * np.arange(samples) / 86_400)
    return 100 + season[:, None] + random.normal(0, 3, (samples, series))


def cost(make: Callable[[int], Member], series: int, samples: int) -> float:
    """Microseconds of CPU that one sample of one series costs."""
    rows = values(series, WARM + samples)
    detector = make(series)
    for index in range(WARM):
        detector.update(START + STEP * index, rows[index])
    began = time.process_time()
    for index in range(WARM, WARM + samples):
        detector.update(START + STEP * index, rows[index])
    return (time.process_time() - began) / samples / series * 1e6


def kept(make: Callable[[int], Member], series: int) -> tuple[float, float, float]:
    """Bytes of a stored series, and milliseconds of packing and unpacking a thousand."""
    detector = make(series)
    began = time.process_time()
    rows = packed(detector)
    between = time.process_time()
    unpacked(rows, make)
    ended = time.process_time()
    return len(rows[0]), (between - began) / series * 1e6, (ended - between) / series * 1e6


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, nargs="+", default=[100, 1000, 4000])
    parser.add_argument("--samples", type=int, default=60)
    options = parser.parse_args(arguments)
    rows, worst = [], 0.0
    for name, seed in MEMBERS.items():

        def made(size: int, make: Callable[[int, float], Member] = seed.make) -> Member:
            return make(size, STEP)

        views = VIEWS.get(name, 1)
        # Trees are grown for one series after the other: a thousand are enough to see it.
        sizes = [min(size, 1000) if name == "isolation-forest" else size for size in options.series]
        costs = [cost(made, size, options.samples) for size in sizes]
        stored, packing, unpacking = kept(made, 1000) if seed.seasonal else (0.0, 0.0, 0.0)
        rows.append(
            (
                name,
                *(f"{each:.2f}" for each in costs),
                f"{costs[-1] / views:.2f}",
                f"{size_of(made(100)) / 100:,.0f}",
                f"{stored:,.0f}",
                f"{packing:.0f} + {unpacking:.0f}" if seed.seasonal else "",
            )
        )
        worst = max(worst, costs[-1] / views) if name == "ensemble" else worst
    header = (
        "detector",
        *(f"us a sample, {size:,}" for size in options.series),
        "and view",
        "bytes a series",
        "stored",
        "ms to pack and unpack 1,000",
    )
    print(table("Following series", header, rows))
    found = [Goal("scoring", "the scorer, us of CPU for each sample and view", worst, 1, "us")]
    print(goals_table(found))
    return found


if __name__ == "__main__":
    main()
