"""Quantiles of classic histograms: from bucket increases to values, with the resolution the buckets allow.

Buckets are cumulative as Prometheus has them: `buckets[..., b]` counts observations <= `bounds[b]`, and the last bound
is +Inf. All functions work on the last axis and on any leading ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from detectors.series import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile read from buckets; all arrays have the leading shape of the buckets."""

    value: FloatArray
    """In the unit of the bounds; NaN without observations."""
    position: FloatArray
    """The same place in units of buckets (2.25: a quarter into the third bucket), on which resolution is uniform."""
    clamped: BoolArray
    """The rank lies beyond the highest finite bound: the true value is at least `value`."""
    resolution: FloatArray
    """Width of the bucket the value lies in: it is not known more exactly than that."""


def monotone(buckets: FloatArray) -> FloatArray:
    """Repair cumulative counts that decrease (scrapes and extrapolation are not atomic): the running maximum.

    What needs no repair, which is nearly all there ever is, is returned as it is.
    """
    rising = buckets[..., 1:] >= buckets[..., :-1]
    if rising.all():
        return buckets
    crooked = ~rising.all(axis=-1)
    repaired = buckets.copy()
    repaired[crooked] = np.maximum.accumulate(buckets[crooked], axis=-1)
    return repaired


def quantile(buckets: FloatArray, bounds: FloatArray, q: float) -> Quantile:
    """The q-quantile by linear interpolation inside its bucket, as `histogram_quantile` does.

    Args:
        buckets: shape (..., B), cumulative counts or rates; NaN where unknown.
        bounds: shape (B,), ascending, the last one +Inf, at least one finite.
        q: in (0, 1).
    """
    buckets = monotone(buckets)
    total = buckets[..., -1]
    rank = q * total
    index = np.minimum(np.sum(buckets < rank[..., None], axis=-1), len(bounds) - 1)
    clamped = index == len(bounds) - 1
    index = np.minimum(index, len(bounds) - 2)
    above = np.take_along_axis(buckets, index[..., None], axis=-1)[..., 0]
    below = np.take_along_axis(buckets, np.maximum(index - 1, 0)[..., None], axis=-1)[..., 0]
    below = np.where(index == 0, 0.0, below)
    inside = above - below
    share = np.clip(np.divide(rank - below, inside, out=np.ones_like(rank), where=inside > 0), 0.0, 1.0)
    seen = total > 0
    position = np.where(seen, np.where(clamped, len(bounds) - 1.0, index + share), np.nan)
    resolution = np.where(seen, _edges(bounds)[index + 1] - _edges(bounds)[index], np.nan)
    return Quantile(value_at(position, bounds), position, clamped & seen, resolution)


def value_at(position: FloatArray, bounds: FloatArray) -> FloatArray:
    """The value at a place given in units of buckets; positions beyond the finite bounds are clamped."""
    edges = _edges(bounds)
    known = np.isfinite(position)
    place = np.clip(np.where(known, position, 0.0), 0.0, len(edges) - 1.0)
    index = np.minimum(place.astype(np.intp), len(edges) - 2)
    value = edges[index] + (place - index) * (edges[index + 1] - edges[index])
    return np.where(known, value, np.nan)


def count_above(buckets: FloatArray, position: FloatArray) -> FloatArray:
    """How many observations lie above a place given in units of buckets, interpolating inside its bucket.

    Args:
        buckets: shape (..., B).
        position: broadcastable to the leading shape; the last bucket's share is taken as all above.
    """
    buckets = monotone(buckets)
    total = buckets[..., -1]
    known = np.isfinite(position)
    place = np.broadcast_to(np.clip(np.where(known, position, 0.0), 0.0, buckets.shape[-1] - 1.0), total.shape)
    index = np.minimum(place.astype(np.intp), buckets.shape[-1] - 2)
    above = np.take_along_axis(buckets, index[..., None], axis=-1)[..., 0]
    below = np.take_along_axis(buckets, np.maximum(index - 1, 0)[..., None], axis=-1)[..., 0]
    below = np.where(index == 0, 0.0, below)
    return np.where(known, total - (below + (place - index) * (above - below)), np.nan)


def _edges(bounds: FloatArray) -> FloatArray:
    """Lower edge of the first bucket, then every finite bound."""
    finite = bounds[:-1]
    return np.concatenate([[min(0.0, float(finite[0]))], finite])
