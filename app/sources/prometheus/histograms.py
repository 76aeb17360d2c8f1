"""Native histograms as the rows that classic ones have, so that everything downstream sees buckets by `le`."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.series import Labels

Sample = tuple[float, float]
"""Unix seconds and value."""


class NativeHistogram(msgspec.Struct):
    """One histogram sample of the query API; numbers are strings there."""

    count: str
    sum: str = "0"
    buckets: list[tuple[int, str, str, str]] = []
    """Boundary rule (which ends are closed), lower bound, upper bound, count: only buckets that are not empty."""


def expand(labels: Labels, samples: Sequence[tuple[float, NativeHistogram]]) -> list[tuple[Labels, list[Sample]]]:
    """Cumulative rows, one for each upper bound that any of the samples has, and `+Inf` last.

    A bound that a sample lacks gets what its buckets below hold, so that counts never fall with growing `le`.
    """
    if not samples:
        return []
    names = {float(upper): upper for _, sample in samples for _, _, upper, _ in sample.buckets}
    bounds = sorted(bound for bound in names if bound != float("inf"))
    rows: list[list[Sample]] = [[] for _ in range(len(bounds) + 1)]
    for at, sample in samples:
        held = {float(upper): float(count) for _, _, upper, count in sample.buckets}
        cumulative = [*accumulate(held.get(bound, 0.0) for bound in bounds), float(sample.count)]
        for row, count in zip(rows, cumulative, strict=True):
            row.append((at, count))
    les = [*(names[bound] for bound in bounds), "+Inf"]
    return [(tuple(sorted((*labels, ("le", le)))), row) for le, row in zip(les, rows, strict=True)]
