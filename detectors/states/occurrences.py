"""Events on the grid of metrics: occurrences per minute, judged by the same test as any other count.

A baseline that is learned minute by minute can leave out the minutes right before the evaluation in which it had begun
already, so that an incident some minutes old is not taken for what is usual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detectors.kinds.count import count_spike
from detectors.windows import SignalData, Windows

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping
    from typing import TypeVar

    from detectors.catalog.schema import Row
    from detectors.objects import Event

    Key = TypeVar("Key", bound=Hashable)

WINDOWS = Windows(step=60, evaluation=5, baseline=30, hold=1)
EVALUATION_SECONDS = float(WINDOWS.step * WINDOWS.evaluation)


class Spike(NamedTuple):
    """More occurrences than usual."""

    score: float
    observed: float
    """Occurrences in the evaluation."""
    high: float
    """How many were to be expected at most."""
    since: float
    """Unix seconds: no occurrence before this belongs to it."""
    confidence: float


def spikes(events: Mapping[Key, Iterable[Event]], row: Row, now: float) -> dict[Key, Spike]:
    """The groups whose events of the last five minutes are more than the half hour before explains.

    Args:
        events: by whatever they are counted for.
        row: for the least count and the p-value, see `detectors.kinds.count`.
        now: unix seconds: the end of the evaluation.
    """
    keys = list(events)
    if not keys:
        return {}
    times = int(now) - WINDOWS.step * np.arange(WINDOWS.points - 1, -1, -1)
    counts = np.array([_per_minute(events[key], now) for key in keys])
    judgement = count_spike(SignalData(times, total=counts / WINDOWS.step), row.params, row.guards, WINDOWS)
    return {
        key: Spike(
            score=float(judgement.score[place]),
            observed=float(judgement.observed[place]),
            high=float(judgement.expected_high[place]),
            since=float(judgement.onset[place]) - EVALUATION_SECONDS,
            confidence=float(judgement.confidence[place]),
        )
        for place, key in enumerate(keys)
        if judgement.score[place] >= 1
    }


def _per_minute(events: Iterable[Event], now: float) -> list[float]:
    """Occurrences in each minute of the grid, oldest first."""
    counts = [0.0] * WINDOWS.points
    start = now - WINDOWS.step * WINDOWS.points
    for event in events:
        first = max(0, int((event.first_seen - start) // WINDOWS.step) - 1)
        last = min(WINDOWS.points, int((event.last_seen - start) // WINDOWS.step) + 1)
        for place in range(first, last):
            begin = start + place * WINDOWS.step
            counts[place] += event.between(begin, begin + WINDOWS.step)
    return counts
