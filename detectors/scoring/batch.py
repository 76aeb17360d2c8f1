"""Whole series through the streaming scorer: what it would have said at every sample, at that time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.scoring.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from detectors.scoring.grid import Samples
    from detectors.series import BoolArray, FloatArray

TOGETHER = 256
"""Series in lockstep: enough to amortise numpy's overhead, few enough to keep all their scores in memory."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The scores of one series; every array has the shape (T,) of its samples."""

    score: FloatArray
    """1.0 is the threshold; NaN without a sample."""
    alert: BoolArray
    """Whether an alert starts here."""
    low: FloatArray
    """Lower edge of the band."""
    high: FloatArray


def traces(series: Mapping[str, Samples]) -> Iterator[tuple[str, Trace]]:
    """Score many series, those of one step in lockstep. The order is not that of the input."""
    by_step: dict[float, list[str]] = defaultdict(list)
    # Series of like length beside each other: the shorter ones wait for the longest.
    for name in sorted(series, key=lambda name: len(series[name].times)):
        by_step[series[name].step].append(name)
    for step, names in by_step.items():
        for start in range(0, len(names), TOGETHER):
            batch = names[start : start + TOGETHER]
            yield from zip(batch, lockstep([series[name] for name in batch], step), strict=True)


def lockstep(series: Sequence[Samples], step: float) -> list[Trace]:
    """Score series of one step; the i-th samples of all are judged at once, whatever their times."""
    lengths = [len(each.times) for each in series]
    shape = max(lengths, default=0), len(series)
    times, values = np.zeros(shape), np.full(shape, np.nan)
    for column, each in enumerate(series):
        times[: lengths[column], column] = each.times
        values[: lengths[column], column] = each.values
    scorer = Scorer(len(series), step)
    score, low, high = np.full((3, *shape), np.nan)
    alert = np.zeros(shape, dtype=np.bool_)
    for index in range(shape[0]):
        said = scorer.update(times[index], values[index])
        score[index], alert[index], low[index], high[index] = said.score, said.alert, said.low, said.high
    return [
        Trace(
            score=score[:length, column].copy(),
            alert=alert[:length, column].copy(),
            low=low[:length, column].copy(),
            high=high[:length, column].copy(),
        )
        for column, length in enumerate(lengths)
    ]
