"""Values on time grids: the types that hold arrays.

Shapes are written (S, T): S series, T instants. Times are unix seconds, int64, evenly spaced. A missing sample is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

    from detectors.model import Coverage

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
TimeArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grid:
    """The time grid of one evaluation: `points` instants, `step` seconds apart, ending at `end`."""

    end: int
    """Unix seconds, a multiple of `step`: the newest complete sample, not the wall clock."""
    step: int
    points: int

    @property
    def start(self) -> int:
        """Unix seconds of the first instant."""
        return self.end - (self.points - 1) * self.step

    @property
    def times(self) -> TimeArray:
        """All instants, shape (T,), unix seconds."""
        return np.arange(self.start, self.end + 1, self.step, dtype=np.int64)


Labels = tuple[tuple[str, str], ...]
"""One series' labels, sorted by name: hashable, so that it can be a row's identity."""


@dataclass(frozen=True, slots=True)
class SeriesBlock:
    """The values of many series on one time grid."""

    times: TimeArray
    """Shape (T,), unix seconds, evenly spaced."""
    values: FloatArray
    """Shape (S, T); NaN where there is no sample."""
    labels: tuple[Labels, ...]
    """Length S."""
    warnings: tuple[str, ...] = ()
    """What the server said about partial or limited answers."""

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.labels), len(self.times)):
            raise ValueError(f"values {self.values.shape} for {len(self.labels)} series x {len(self.times)} times")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a detector says about every series of one block at its newest instant.

    All arrays have length S unless said otherwise. NaN in `score` means: no verdict (see `coverage`).
    """

    times: TimeArray
    """Shape (T,)."""
    values: FloatArray
    """Shape (S, T), in the row's unit: what a chart draws."""
    low: FloatArray
    """Shape (S, T): lower edge of the expected band at every instant."""
    high: FloatArray
    """Shape (S, T): upper edge."""
    score: FloatArray
    """1.0 is the threshold."""
    observed: FloatArray
    """The value judged (over the evaluation window), in the row's unit."""
    expected_low: FloatArray
    expected_high: FloatArray
    confidence: FloatArray
    onset: FloatArray
    """Unix seconds of the first instant out of band; NaN where in band."""
    p_value: FloatArray
    """Of the statistical test, for the false-discovery bound; NaN where the detector makes none."""
    coverage: tuple[Coverage, ...]
    views: NDArray[np.int8]
    """A `Views` value per series."""
    severity: NDArray[np.intp]
    """Steps away from the row's severity, for kinds that know grave from less grave."""
    extra: Mapping[str, FloatArray] = field(default_factory=dict)
    """Named numbers behind the verdict (requests, errors, observations), for the ledger."""


@dataclass(frozen=True, slots=True)
class Band:
    """One entity's recent values with their expected band: a chart's or a sparkline's data."""

    times: TimeArray
    values: FloatArray
    low: FloatArray
    high: FloatArray

    def to_bytes(self) -> bytes:
        """A compact form for the store: step grid and float32 rows."""
        head = np.array([self.times[0], self.times[1] - self.times[0] if len(self.times) > 1 else 60], dtype="<i8")
        rows = np.stack([self.values, self.low, self.high]).astype("<f4")
        return head.tobytes() + rows.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Band:
        """The inverse of `to_bytes` (to float32 precision)."""
        start, step = np.frombuffer(data[:16], dtype="<i8")
        rows = np.frombuffer(data[16:], dtype="<f4").reshape(3, -1).astype(np.float64)
        times = start + step * np.arange(rows.shape[1], dtype=np.int64)
        return cls(times, rows[0], rows[1], rows[2])
