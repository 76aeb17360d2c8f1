"""What may be left out of a query that costs too much, so that what remains is still true.

Bounds of a histogram may: fewer of them tell quantiles less finely, and the detector knows how finely. Whole entities
may: the others are judged as before. Some of one entity's series may not, since its sums would be wrong.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping

RATIOS = (1.25, 1.5, 2.0)
"""By what factor neighbouring bounds may differ; twice is what the default buckets of most libraries do."""
_ROUNDING = 1e-6
LONGEST_PATTERN = 8_000
"""Bytes of a matcher for what remains; parts of it are asked with a second one, and servers take 16 KB in all."""


class Buckets(NamedTuple):
    """The bounds that remain of histograms."""

    bounds: frozenset[str]
    """Values of `le`; empty for series without one."""
    finite: int
    """How many of them are finite numbers."""
    of: int
    """How many finite bounds there are."""
    ratio: float
    """By what factor neighbouring bounds may differ now, where they differed by less before."""


def fewer_buckets(series: Mapping[tuple[Hashable, str], int], most: float) -> Buckets:
    """The finest choice of bounds that touches few enough series, else the coarsest that is still useful.

    Bounds that equally many series of one family have are taken for those of one layout; each layout is thinned by
    itself, so that none loses its bounds to another one's.

    Args:
        series: number of series by family (what probably comes from one exporter) and `le`.
        most: number of series.
    """
    numbers = {le: _number(le) for _, le in series}
    families: dict[Hashable, dict[float, int]] = {}
    for (family, le), count in series.items():
        if math.isfinite(bound := numbers[le]):
            counts = families.setdefault(family, {})
            counts[bound] = counts.get(bound, 0) + count
    always = {le for le, bound in numbers.items() if not le or math.isinf(bound)}
    for ratio in RATIOS:
        kept = {bound for counts in families.values() for bound in _spaced(counts, ratio)}
        names = frozenset(always | {le for le, bound in numbers.items() if bound in kept})
        found = Buckets(names, len(kept), len({bound for counts in families.values() for bound in counts}), ratio)
        if sum(count for (_, le), count in series.items() if le in names) <= most:
            break
    return found


def _spaced(counts: Mapping[float, int], ratio: float) -> Iterable[float]:
    """From the highest bound down, those of each layout that are far enough below the one before."""
    last: dict[int, float] = {}
    for bound in sorted(counts, reverse=True):
        above = last.get(counts[bound])
        if above is None or bound * ratio <= above * (1 + _ROUNDING):
            last[counts[bound]] = bound
            yield bound


def busiest(
    series: Mapping[str, float], volume: Mapping[str, float], most: float, before: Collection[str] = ()
) -> tuple[str, ...]:
    """The values of a label that may stay, in the order in which they were chosen.

    Args:
        series: number of series by value.
        volume: how much happens there; nothing where it is not said.
        most: number of series.
        before: what was chosen last time stays if it can, for what comes and goes is never learnt.
    """
    ranked = sorted(series, key=lambda value: (value not in before, -volume.get(value, 0.0), value))
    kept, room, length = [], most, LONGEST_PATTERN
    for value in ranked:
        own = 2 * len(value.encode()) + 1
        if series[value] <= room and own <= length:
            kept.append(value)
            room -= series[value]
            length -= own
    return tuple(kept)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
