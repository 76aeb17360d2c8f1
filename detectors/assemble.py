"""From labelled series to a detector's input: group sums by entity, in the meaning the labels give them.

The caller has resolved every series of a block to an entity's index (`-1`: to none, dropped). What is missing is
settled here, once: no error series beside a total means no errors; no sample at all stays NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from detectors.statistics import divide
from detectors.windows import SignalData

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from detectors.series import BoolArray, FloatArray, Labels, SeriesBlock

    Index = NDArray[np.intp]


def group_sum(values: FloatArray, index: Index, size: int) -> FloatArray:
    """Sum rows by group, ignoring NaN; NaN where a group has no sample at all.

    Args:
        values: shape (N, ...).
        index: shape (N,): each row's group, -1 for none.
        size: number of groups.

    Returns:
        Shape (size, ...).
    """
    result = np.full((size, *values.shape[1:]), np.nan)
    order = np.argsort(index, kind="stable")
    order = order[np.searchsorted(index[order], 0) :]
    groups, starts = np.unique(index[order], return_index=True)
    if len(groups) == len(order):
        result[groups] = values[order]
        return result
    rows = values[order]
    present = ~np.isnan(rows)
    if present.all():
        result[groups] = np.add.reduceat(rows, starts, axis=0)
        return result
    sums = np.add.reduceat(np.where(present, rows, 0.0), starts, axis=0)
    result[groups] = np.where(np.logical_or.reduceat(present, starts, axis=0), sums, np.nan)
    return result


def counts_of(
    total: SeriesBlock,
    total_index: Index,
    errors: SeriesBlock,
    error_index: Index,
    size: int,
    *,
    up: FloatArray | None = None,
) -> SignalData:
    """Requests and errors per second, by entity.

    Args:
        total: rates of all requests, by entity and whatever else.
        total_index: shape (N,): the entity of each series, -1 for none.
        errors: rates of the failed ones: some of the same series, or a metric of their own.
        error_index: shape (M,).
        size: number of entities.
        up: shape (size,), see `SignalData.up`.
    """
    all_of_it = group_sum(total.values, total_index, size)
    failed = group_sum(errors.values, error_index, size)
    return SignalData(total.times, total=all_of_it, errors=_none_is_zero(failed, all_of_it), up=up)


def levels(
    block: SeriesBlock, index: Index, size: int, *, scale: float = 1.0, up: FloatArray | None = None
) -> SignalData:
    """Levels by entity, summed over its series, in the row's unit (`scale` times the metric's)."""
    reporting = group_sum(np.where(np.isnan(block.values), np.nan, 1.0), index, size)
    return SignalData(block.times, level=group_sum(block.values, index, size) * scale, members=reporting, up=up)


def shares(data: SignalData, per: SeriesBlock, index: Index, *, complement: bool = False) -> SignalData:
    """Levels divided by what they are a share of, after both were summed.

    Args:
        data: the levels.
        per: what they are divided by.
        index: shape (M,): the entity of each of its series, -1 for none.
        complement: whether the share is what is left: of free space, the used one.
    """
    if data.level is None:
        raise ValueError("a share needs levels")
    whole = group_sum(per.values, index, data.size)
    quotient = divide(data.level, whole)
    return replace(data, level=1 - quotient if complement else quotient, per=whole)


def among(data: SignalData, per: SeriesBlock, index: Index) -> SignalData:
    """Counts with what they happen among."""
    return replace(data, per=group_sum(per.values, index, data.size))


def states(
    block: SeriesBlock, index: Index, size: int, *, absent_is_zero: bool = False, up: FloatArray | None = None
) -> SignalData:
    """State metrics by entity: how many of its objects are in the state.

    Args:
        block: 1 (or a number of objects) while something is so.
        index: shape (N,): the entity of each series, -1 for none.
        size: number of entities.
        absent_is_zero: the exporter has the series only while the state lasts.
        up: shape (size,), see `SignalData.up`.
    """
    level = group_sum(block.values, index, size)
    return SignalData(block.times, level=np.nan_to_num(level, nan=0.0) if absent_is_zero else level, up=up)


@dataclass(frozen=True, slots=True)
class Cells:
    """Where each series of a histogram belongs; the same for as long as the series are."""

    index: Index
    """Shape (N,): entity * B + bound, -1 for none."""
    bounds: FloatArray
    """Shape (B,), ascending, in the metric's unit: those of all entities."""

    @classmethod
    def of(cls, labels: Sequence[Labels], index: Index, le: str = "le") -> Cells:
        """Read the bounds.

        Args:
            labels: of each series.
            index: shape (N,): the entity of each series, -1 for none.
            le: the bound's label.
        """
        texts = [dict(each).get(le, "") for each in labels]
        known = {text: _bound(text) for text in set(texts)}
        bound_of = np.array([known[text] for text in texts])
        usable = (index >= 0) & ~np.isnan(bound_of)
        bounds = np.unique(bound_of[usable])
        place = np.searchsorted(bounds, np.where(usable, bound_of, 0.0))
        return cls(np.where(usable, index * len(bounds) + place, -1), bounds)


@dataclass(frozen=True, slots=True)
class BucketGroup:
    """The entities whose histograms have the same bounds."""

    entities: Index
    """Shape (G,): which of the caller's entities."""
    data: SignalData
    """Of those G entities."""


def buckets(
    block: SeriesBlock, cells: Cells, size: int, *, scale: float = 1.0, up: FloatArray | None = None
) -> tuple[BucketGroup, ...]:
    """Bucket rates by entity, in one group for each set of bounds.

    An entity's bounds are those of its newest sample; earlier instants with other bounds (a release changed the
    buckets) are missing, since counts of different buckets say nothing about each other. Entities with fewer than one
    finite bound are left out.

    Args:
        block: cumulative bucket rates by entity and `le`.
        cells: the entity and the bound of each series.
        size: number of entities.
        scale: from the metric's unit to the row's (0.001 for milliseconds).
        up: shape (size,), see `SignalData.up`.
    """
    bounds = cells.bounds
    if not len(bounds):
        return ()
    dense = group_sum(block.values, cells.index, size * len(bounds)).reshape(size, len(bounds), -1)
    present = ~np.isnan(dense)
    newest = _newest(present)
    same = (present == newest[:, :, None]).all(axis=1)
    groups = []
    for pattern in np.unique(newest, axis=0):
        members = np.flatnonzero((newest == pattern).all(axis=1))
        if pattern.sum() < 2 or not np.isposinf(bounds[pattern][-1]):
            continue
        values = dense[members][:, pattern]
        if not same[members].all():
            values = np.where(same[members][:, None, :], values, np.nan)
        kept = None if up is None else up[members]
        data = SignalData(block.times, buckets=values, bounds=bounds[pattern] * scale, up=kept)
        groups.append(BucketGroup(members, data))
    return tuple(groups)


def observations(data: SignalData) -> SignalData:
    """The request counts that a histogram carries: its +Inf bucket."""
    if data.buckets is None:
        raise ValueError("no buckets")
    return SignalData(data.times, total=data.buckets[:, -1], up=data.up)


def pick(data: SignalData, rows: Mapping[int, int], size: int) -> SignalData:
    """An earlier day's data in the order of today's entities: row `rows[i]` becomes row i, others are missing."""
    source = np.array([rows.get(row, -1) for row in range(size)], dtype=np.intp)
    found = source >= 0

    def move(values: FloatArray) -> FloatArray:
        moved = np.full((size, *values.shape[1:]), np.nan)
        moved[found] = values[source[found]]
        return moved

    return data.changed(move)


def _newest(present: BoolArray) -> BoolArray:
    """Which bounds an entity had at its last instant with any sample: (S, B, T) -> (S, B)."""
    seen = present.any(axis=1)
    last = present.shape[2] - 1 - np.argmax(np.flip(seen, axis=1), axis=1)
    newest: BoolArray = np.take_along_axis(present, last[:, None, None], axis=2)[:, :, 0]
    return newest


def _none_is_zero(part: FloatArray, total: FloatArray) -> FloatArray:
    return np.where(np.isnan(part) & ~np.isnan(total), 0.0, part)


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
