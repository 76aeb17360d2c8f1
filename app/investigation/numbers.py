"""Arithmetic on tracks: requests, shares, quantiles and levels of a stretch of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detectors import histograms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.investigation.readings import Track
    from detectors.series import BoolArray, FloatArray

NOW_SECONDS = 300.0
"""What counts as now: the last so many seconds."""


class Requests(NamedTuple):
    """What was asked in a stretch of time, and how much of it failed."""

    total: float
    failed: float

    @property
    def share(self) -> float:
        """Of those that failed; NaN without any."""
        return self.failed / self.total if self.total > 0 else float("nan")

    def __sub__(self, other: Requests) -> Requests:
        return Requests(max(self.total - other.total, 0.0), max(self.failed - other.failed, 0.0))


def before(track: Track, onset: float) -> BoolArray:
    """The instants before an onset, shape (T,)."""
    chosen: BoolArray = track.data.times < onset
    return chosen


def since(track: Track, onset: float) -> BoolArray:
    """The instants from an onset on, shape (T,)."""
    chosen: BoolArray = track.data.times >= onset
    return chosen


def now(track: Track, over: float = float("-inf")) -> BoolArray:
    """The newest instants, shape (T,); of what is over since a while only those since then."""
    times = track.data.times
    chosen: BoolArray = times > max(times[-1] - NOW_SECONDS, over)
    chosen[-1] = True
    return chosen


def requests(track: Track, chosen: BoolArray) -> Requests:
    """Requests and failures in those instants."""
    data = track.data
    if data.buckets is not None:
        return Requests(_sum(data.buckets[0, -1], track, chosen), 0.0)
    if data.total is None:
        return Requests(0.0, 0.0)
    failed = 0.0 if data.errors is None else _sum(data.errors[0], track, chosen)
    return Requests(_sum(data.total[0], track, chosen), failed)


def rate(track: Track, chosen: BoolArray) -> float:
    """Mean of the requests per second, or of the level, in those instants; NaN without samples."""
    data = track.data
    values = data.level if data.total is None else data.total
    values = data.buckets[:, -1] if values is None and data.buckets is not None else values
    return mean(values[0], chosen) if values is not None else float("nan")


def quantile(
    tracks: Iterable[Track],
    q: float,
    onset: float | None = None,
    *,
    earlier: bool = False,
    over: float = float("-inf"),
) -> float:
    """A quantile over all requests of some tracks with the same bounds; NaN without any.

    Args:
        tracks: with histograms.
        q: in (0, 1).
        onset: only what is before or since then; None: only now.
        earlier: before it rather than since.
        over: as in `now`.
    """
    total: FloatArray | None = None
    bounds: FloatArray | None = None
    for track in tracks:
        data = track.data
        if data.buckets is None or data.bounds is None or not (bounds is None or np.array_equal(bounds, data.bounds)):
            continue
        chosen = now(track, over) if onset is None else before(track, onset) if earlier else since(track, onset)
        part = np.nansum(np.where(chosen, data.buckets[0], np.nan), axis=1)
        total, bounds = part if total is None else total + part, data.bounds
    if total is None or bounds is None or not total[-1] > 0:
        return float("nan")
    return float(histograms.quantile(total, bounds, q).value)


def mean(values: FloatArray, chosen: BoolArray) -> float:
    """Mean of the samples, shape (T,), in those instants; NaN without any."""
    kept = values[chosen & np.isfinite(values)]
    return float(kept.mean()) if len(kept) else float("nan")


def step_of(track: Track) -> float:
    """Seconds between two instants."""
    times = track.data.times
    return float(times[1] - times[0]) if len(times) > 1 else 60.0


def _sum(values: FloatArray, track: Track, chosen: BoolArray) -> float:
    return float(np.nansum(values[chosen])) * step_of(track)
