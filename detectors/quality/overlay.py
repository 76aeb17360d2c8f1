"""Synthetic faults laid over real data: what a detector can see is measured with the series that are there.

A fault has a form over time (`FORMS`) and a size whose meaning the detector kind gives (`SCALES`).
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detectors.catalog.schema import DetectorKind
from detectors.model import Direction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from detectors.series import FloatArray
    from detectors.windows import SignalData

SPIKE_SECONDS = 120
"""How long a spike lasts."""
RAMP_SECONDS = 600
"""How long a ramp rises."""
MINUTE = 60.0


class Fault(StrEnum):
    """How a fault goes over time."""

    SPIKE = "spike"
    """There for two minutes, then gone."""
    SHIFT = "shift"
    """There at once, and stays."""
    RAMP = "ramp"
    """Grows over ten minutes, and stays."""
    DROP = "drop"
    """A share of it is gone at once, and stays away."""
    LOSS = "loss"
    """No more samples."""


class Scale(NamedTuple):
    """What a size means for a kind of detector."""

    sizes: tuple[float, ...]
    """To try, ascending."""
    text: str
    """A size in words, as a format: `{:g} times as much`."""


_TIMES = (0.25, 0.5, 1.0, 2.0, 4.0, 9.0)
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""What of it is missing."""

SCALES: Mapping[DetectorKind, Scale] = {
    DetectorKind.RATIO_SPIKE: Scale((0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5), "{:.1%} more fail"),
    DetectorKind.QUANTILE_SHIFT: Scale(_TIMES, "+{:.0%}"),
    DetectorKind.RATE_SURGE: Scale(_TIMES, "+{:.0%}"),
    DetectorKind.RATE_DROP: Scale(SHARES, "-{:.0%}"),
    DetectorKind.LEVEL_SHIFT: Scale(_TIMES, "+{:.0%}"),
    DetectorKind.COUNT_SPIKE: Scale((1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0), "{:g} a minute more"),
}
"""Of the kinds that numbers can be laid over; states are either so or not."""
MISSING = Scale(SHARES, "-{:.0%}")
"""Of a drop, whatever judges it."""


def scale_of(kind: DetectorKind, direction: Direction, fault: Fault) -> Scale:
    """The sizes to try. Raises KeyError for a kind that nothing can be laid over."""
    own = SCALES[kind]
    if fault is Fault.LOSS:
        return Scale((1.0,), "no samples")
    if fault is Fault.DROP or (direction is Direction.DOWN and own.sizes == _TIMES):
        return MISSING
    return own


def form(fault: Fault, points: int, age: int, step: int) -> FloatArray:
    """How much of a fault's size is there at each instant, (T,): 0 to 1.

    Args:
        fault: its form.
        points: T.
        age: points since it began, at the last instant; 1 where that is its first.
        step: seconds between two instants.
    """
    since = np.arange(points) - (points - age)
    there = since >= 0
    if fault is Fault.SPIKE:
        there &= since < max(1, SPIKE_SECONDS // step)
    if fault is Fault.RAMP:
        return np.where(there, np.clip((since + 1) * step / RAMP_SECONDS, 0.0, 1.0), 0.0)
    return there.astype(np.float64)


def overlaid(
    data: SignalData, kind: DetectorKind, direction: Direction, fault: Fault, sizes: NDArray[np.float64], age: int
) -> SignalData:
    """The data with a fault over its last points.

    Args:
        data: S entities.
        kind: of the detector that judges it.
        direction: on which side it is abnormal.
        fault: its form.
        sizes: shape (S,), see `scale_of`.
        age: points since the fault began.
    """
    step = int(data.times[-1] - data.times[-2]) if len(data.times) > 1 else int(MINUTE)
    amount = sizes[:, None] * form(fault, len(data.times), age, step)
    if fault is Fault.LOSS:
        return data.changed(lambda values: _lost(values, age))
    if fault is Fault.DROP or direction is Direction.DOWN:
        return _times(data, 1 - np.clip(amount, 0.0, 1.0))
    match kind:
        case DetectorKind.RATIO_SPIKE if data.total is not None:
            failed = np.nan_to_num(data.errors) if data.errors is not None else np.zeros_like(data.total)
            return replace(data, errors=np.minimum(failed + amount * data.total, data.total))
        case DetectorKind.QUANTILE_SHIFT if data.buckets is not None and data.bounds is not None:
            return replace(data, buckets=slower(data.buckets, data.bounds, 1 + amount))
        case DetectorKind.COUNT_SPIKE:
            return _with_more(data, amount / MINUTE)
        case _:
            return _times(data, 1 + amount)


def slower(buckets: FloatArray, bounds: FloatArray, factor: FloatArray) -> FloatArray:
    """Cumulative buckets (S, B, T) of durations that are longer by a factor (S, T); linear within a bucket.

    What takes longer than the last bound can tell stays there.
    """
    edges = np.concatenate([[0.0], bounds])
    padded = np.concatenate([np.zeros_like(buckets[:, :1]), buckets], axis=1)
    result = buckets.copy()
    for place, bound in enumerate(bounds.tolist()):
        if not np.isfinite(bound):
            continue
        before = bound / factor
        upper = np.clip(np.searchsorted(edges, before, side="left"), 1, len(edges) - 1)
        low, high = edges[upper - 1], edges[upper]
        share = np.where(np.isfinite(high), (before - low) / np.where(np.isfinite(high), high - low, 1.0), 0.0)
        below = np.take_along_axis(padded, (upper - 1)[:, None, :], axis=1)[:, 0]
        above = np.take_along_axis(padded, upper[:, None, :], axis=1)[:, 0]
        result[:, place] = below + share * (above - below)
    return result


def _lost(values: FloatArray, age: int) -> FloatArray:
    if values.ndim == 1:
        return values
    lost = values.copy()
    lost[..., -age:] = np.nan
    return lost


def _times(data: SignalData, factor: FloatArray) -> SignalData:
    """All that happens, or the level, by a factor (S, T); what a level is a share of stays."""

    def scaled(values: FloatArray | None) -> FloatArray | None:
        if values is None:
            return None
        return values * (factor[:, None, :] if values.ndim == 3 else factor)

    return replace(
        data,
        total=scaled(data.total),
        errors=scaled(data.errors),
        buckets=scaled(data.buckets),
        level=scaled(data.level),
    )


def _with_more(data: SignalData, more: FloatArray) -> SignalData:
    """More occurrences a second, also where nothing has happened yet."""
    if data.total is not None:
        return replace(data, total=np.where(more > 0, np.nan_to_num(data.total) + more, data.total))
    if data.level is not None:
        return replace(data, level=np.where(more > 0, np.nan_to_num(data.level) + more, data.level))
    return data
