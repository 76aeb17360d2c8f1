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
    from detectors.series import FloatArray

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


def _per_minute(events: Iterable[Event], now: float) -> FloatArray:
    """Occurrences in each minute of the grid, oldest first."""
    start = now - WINDOWS.step * WINDOWS.points
    lumps = [lump for event in events if event.last_seen > start for lump in event.lumps()]
    if not lumps:
        return np.zeros(WINDOWS.points)
    begin, end, number = np.array(lumps, dtype=np.float64).T
    # A lump without length is over the moment it begins.
    length = np.where(end > begin, end - begin, 1.0)
    edges = start + WINDOWS.step * np.arange(WINDOWS.points + 1.0)
    share = np.where(end > begin, np.clip((edges[:, None] - begin) / length, 0.0, 1.0), edges[:, None] >= begin)
    return np.diff((share * number).sum(axis=1))
