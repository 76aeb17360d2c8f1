"""What may be left out of a query that costs too much, so that what remains is still true.

Bounds of a histogram may: fewer of them tell quantiles less finely, and the detector knows how finely. Whole entities
may: the others are judged as before. Some of one entity's series may not, since its sums would be wrong.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping

    Counted = Mapping[tuple[Hashable, str], int]
    """Number of series by family and `le`."""

RATIOS = (1.25, 1.5, 2.0)
"""By what factor neighbouring bounds may differ; twice is what the default buckets of most libraries do."""
_ROUNDING = 1e-6
MOST_LAYOUTS = 8
"""Questions by which layouts of equal size are told apart; the bounds of what remains are all kept."""
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


def fewer_buckets(series: Counted, most: float, beside: Callable[[Collection[str]], Counted]) -> Buckets:
    """The finest choice of bounds that touches few enough series, else the coarsest that is still useful.

    Each layout of a family is thinned by itself, so that none loses its bounds to another one's.

    Args:
        series: number of series by family (what probably comes from one exporter) and `le`.
        most: number of series.
        beside: counts, in the same way, only series that have one with any of these values of `le` beside them, alike
            in all other labels.
    """
    numbers = {le: _number(le) for _, le in series}
    layouts = _layouts(
        _by_bound(series), lambda bound: _by_bound(beside([le for le in numbers if numbers[le] == bound]))
    )
    always = {le for le, bound in numbers.items() if not le or math.isinf(bound)}
    for ratio in RATIOS:
        kept = {bound for bounds in layouts for bound in _spaced(bounds, ratio)}
        names = frozenset(always | {le for le, bound in numbers.items() if bound in kept})
        found = Buckets(names, len(kept), len({bound for bounds in layouts for bound in bounds}), ratio)
        if sum(count for (_, le), count in series.items() if le in names) <= most:
            break
    return found


def _by_bound(series: Counted) -> dict[tuple[Hashable, float], int]:
    """The same counts by the number that `le` is; what is none is left out."""
    found: dict[tuple[Hashable, float], int] = {}
    for (family, le), count in series.items():
        if not math.isnan(bound := _number(le)):
            found[family, bound] = found.get((family, bound), 0) + count
    return found


def _layouts(
    counts: Mapping[tuple[Hashable, float], int], beside: Callable[[float], Mapping[tuple[Hashable, float], int]]
) -> list[list[float]]:
    """The finite bounds of each layout, the highest first; those that several layouts share are one of their own.

    Bounds of one layout have equally many series. Where that is all of the family's, nothing else can have as many;
    else those that stand beside the highest of them are of its layout, and the others of another.
    """
    groups: dict[tuple[Hashable, int], list[float]] = {}
    for (family, bound), count in sorted(counts.items(), key=lambda item: -item[0][1]):
        if math.isfinite(bound):
            groups.setdefault((family, count), []).append(bound)
    found = [bounds for key, bounds in groups.items() if not _several(counts, key, bounds)]
    doubtful = {key: bounds for key, bounds in groups.items() if _several(counts, key, bounds)}
    for _ in range(MOST_LAYOUTS if doubtful else 0):
        highest = Counter(bounds[0] for bounds in doubtful.values()).most_common(1)[0][0]
        together = beside(highest)
        for (family, count), bounds in [(key, each) for key, each in doubtful.items() if each[0] == highest]:
            own = [each for each in bounds if each == highest or together.get((family, each)) == count]
            found.append(own)
            doubtful[family, count] = [each for each in bounds if each not in own]
        doubtful = {key: bounds for key, bounds in doubtful.items() if bounds}
        if not doubtful:
            break
    return found + [[bound] for bounds in doubtful.values() for bound in bounds]


def _several(
    counts: Mapping[tuple[Hashable, float], int], key: tuple[Hashable, int], bounds: Collection[float]
) -> bool:
    """Whether bounds with equally many series can be those of several layouts: the family has twice as many in all."""
    family, count = key
    return len(bounds) > 1 and counts.get((family, math.inf), 2 * count) >= 2 * count


def _spaced(bounds: Iterable[float], ratio: float) -> Iterator[float]:
    """Of bounds, the highest first, those that are far enough below the one before."""
    last = math.inf
    for bound in bounds:
        if math.isinf(last) or bound * ratio <= last * (1 + _ROUNDING):
            last = bound
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
