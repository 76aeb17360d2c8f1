"""What a container used, in a form small enough to keep for weeks: a quantile sketch and the hourly maxima of each day.

The sketch counts values in buckets whose bounds grow by a constant factor, so that every quantile is right to within a
relative error (C. Masson, J. E. Rim, H. K. Lee: DDSketch, VLDB 2019), and two sketches merge without loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from detectors.series import FloatArray

DAY = 86_400
HOUR = 3_600
_HOURS = DAY // HOUR

ACCURACY = 0.02
"""Relative error of a quantile; less than any suggestion is rounded by."""
_FACTOR = (1 + ACCURACY) / (1 - ACCURACY)
_SMALLEST = 1e-4
"""Cores or bytes: less counts as this."""

_ROW = np.dtype([("bucket", "<i2"), ("count", "<u4")])


@dataclass(frozen=True, slots=True)
class Sketch:
    """How often which values were seen. Equal-length arrays, buckets ascending."""

    buckets: NDArray[np.int64]
    """Shape (B,): bucket i holds values in (f**(i-1), f**i]."""
    counts: NDArray[np.int64]
    """Shape (B,)."""

    @classmethod
    def of(cls, values: FloatArray) -> Sketch:
        """The sketch of some values; NaN is no value."""
        clean = np.maximum(values[np.isfinite(values)], _SMALLEST)
        places = np.ceil(np.log(clean) / math.log(_FACTOR)).astype(np.int64)
        buckets, counts = np.unique(places, return_counts=True)
        return cls(buckets, counts.astype(np.int64))

    @property
    def total(self) -> int:
        """How many values."""
        return int(self.counts.sum())

    def merged(self, other: Sketch) -> Sketch:
        """The sketch of the values of both."""
        buckets = np.union1d(self.buckets, other.buckets)
        counts = np.zeros(len(buckets), dtype=np.int64)
        for sketch in (self, other):
            counts[np.searchsorted(buckets, sketch.buckets)] += sketch.counts
        return Sketch(buckets, counts)

    def quantile(self, q: float) -> float:
        """The value at rank q (n - 1), rounded down, to within `ACCURACY`; NaN without values."""
        if not self.total:
            return math.nan
        rank = math.floor(q * (self.total - 1))
        place = int(np.searchsorted(np.cumsum(self.counts), rank, side="right"))
        return float(2 * _FACTOR ** int(self.buckets[place]) / (_FACTOR + 1))

    def to_bytes(self) -> bytes:
        """Six bytes for each bucket."""
        rows = np.empty(len(self.buckets), dtype=_ROW)
        rows["bucket"], rows["count"] = self.buckets, self.counts
        return rows.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Sketch:
        """The inverse of `to_bytes`."""
        rows = np.frombuffer(data, dtype=_ROW)
        return cls(rows["bucket"].astype(np.int64), rows["count"].astype(np.int64))


@dataclass(frozen=True, slots=True)
class UsageDay:
    """One resource of one container of one workload on one UTC day: of its pods the one that used most, each time."""

    day: int
    """Unix seconds at which it begins."""
    first: float
    """Unix seconds of the first value."""
    last: float
    points: int
    peak: float
    peak_at: float
    peak_pod: str
    hours: FloatArray
    """Shape (24,): the maximum of each hour, NaN where nothing was seen."""
    sketch: Sketch

    @classmethod
    def of(cls, times: FloatArray, values: FloatArray, pods: Sequence[str]) -> UsageDay:
        """A day from its values, at least one.

        Args:
            times: shape (N,), unix seconds, all of one day.
            values: shape (N,), cores or bytes, no NaN.
            pods: length N, who used that much.
        """
        day = int(times[0] // DAY) * DAY
        hours = np.full(_HOURS, -np.inf)
        np.maximum.at(hours, ((times - day) // HOUR).astype(np.int64), values)
        top = int(np.argmax(values))
        return cls(
            day=day,
            first=float(times.min()),
            last=float(times.max()),
            points=len(values),
            peak=float(values[top]),
            peak_at=float(times[top]),
            peak_pod=pods[top],
            hours=np.where(np.isfinite(hours), hours, np.nan),
            sketch=Sketch.of(values),
        )

    def merged(self, other: UsageDay) -> UsageDay:
        """Two parts of the same day, without common values."""
        top = self if self.peak >= other.peak else other
        return UsageDay(
            day=self.day,
            first=min(self.first, other.first),
            last=max(self.last, other.last),
            points=self.points + other.points,
            peak=top.peak,
            peak_at=top.peak_at,
            peak_pod=top.peak_pod,
            hours=np.fmax(self.hours, other.hours),
            sketch=self.sketch.merged(other.sketch),
        )


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of one resource of one container, over some days."""

    sketch: Sketch
    newest: Sketch
    """Of the last day alone, with the one before while it is young: what a new revision or growth has changed shows
    here first."""
    points: int
    first: float
    """Unix seconds of the first value."""
    last: float
    peak: float
    peak_at: float
    peak_pod: str
    hours: FloatArray
    """Shape (24 days,): hourly maxima from the first day on, NaN where nothing was seen."""
    start: int
    """Unix seconds at which `hours` begins."""

    @classmethod
    def of(cls, days: Iterable[UsageDay]) -> History:
        """The history of some days, at least one, in any order."""
        ordered = sorted(days, key=lambda each: each.day)
        start = ordered[0].day
        hours = np.full((ordered[-1].day - start) // HOUR + _HOURS, np.nan)
        for each in ordered:
            place = (each.day - start) // HOUR
            hours[place : place + _HOURS] = each.hours
        top = max(ordered, key=lambda each: each.peak)
        young = np.isfinite(ordered[-1].hours).sum() < _HOURS // 2
        recent = ordered[-2:] if young else ordered[-1:]
        return cls(
            sketch=reduce(Sketch.merged, (each.sketch for each in ordered)),
            newest=reduce(Sketch.merged, (each.sketch for each in recent)),
            points=sum(each.points for each in ordered),
            first=ordered[0].first,
            last=ordered[-1].last,
            peak=top.peak,
            peak_at=top.peak_at,
            peak_pod=top.peak_pod,
            hours=hours,
            start=start,
        )

    @property
    def span(self) -> float:
        """Seconds from the first to the last value."""
        return self.last - self.first

    @property
    def seen(self) -> float:
        """Share of the hours of the span in which there were values, 0 to 1."""
        inside = int(self.last // HOUR) - int(self.first // HOUR) + 1
        return float(np.isfinite(self.hours).sum()) / inside

    def quantile(self, q: float) -> float:
        """The value that the share `q` of all values stays below; exact for 1."""
        return self.peak if q >= 1 else self.sketch.quantile(q)

    def hours_above(self, value: float) -> int:
        """In how many hours more than this was used."""
        return int((self.hours > value).sum())

    def hours_since(self, at: float) -> int:
        """In how many hours after an instant there were values."""
        place = max(0, math.ceil((at - self.start) / HOUR))
        return int(np.isfinite(self.hours[place:]).sum())
