"""Asking in parts what would cost a server too much as a whole, and not asking what costs too much in any way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.blocks import merge
from app.sources.prometheus.forwarding import ForwardingSource
from app.sources.prometheus.sharding import closed_matchers, matchers, restricted
from app.sources.prometheus.splitting import Splitter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.sources.base import MetricsSource
    from detectors.series import Grid, SeriesBlock

_DAY = 86_400


class Ration(NamedTuple):
    """How one expression may be asked."""

    label: str = ""
    """By whose values it is divided."""
    parts: int = 1
    refusal: str = ""
    """Why it may not be asked at all."""


Parts = dict[tuple[str, int], tuple[str, ...]]
"""Matchers by expression and day; none where there are too many values to remember them so."""


class _Allotted(NamedTuple):
    rations: Mapping[str, Ration]
    """By expression."""
    known: Parts


class RationedSource(ForwardingSource):
    """A `MetricsSource` that asks expressions as it was allotted; thread-safe.

    The values by which one is divided are looked up once: those that are new since then are all in its last part.

    Args:
        source: who is asked.
    """

    def __init__(self, source: MetricsSource) -> None:
        super().__init__(source)
        self._splitter = Splitter(source.range, source.label_values)
        self._allotted = _Allotted({}, {})

    def allot(self, rations: Mapping[str, Ration]) -> None:
        """How expressions may be asked from now on, as far as not as they are."""
        self._allotted = _Allotted(rations, {})

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """As the source, in as many queries as the ration says, one after the other."""
        rations, known = self._allotted
        ration = rations.get(promql)
        if ration is None:
            return self._source.range(promql, grid)
        if ration.refusal:
            hint = "Raise the [budget], or have the server record it by a rule."
            raise SourceError(Trouble.LIMITED, ration.refusal, hint)
        parts = self._parts(promql, grid, ration, known)
        return merge(grid, [self._source.range(restricted(promql, part), grid) for part in parts])

    def _parts(self, promql: str, grid: Grid, ration: Ration, known: Parts) -> tuple[str, ...]:
        """The matchers of an expression's parts: another day had other values, and has a list of its own."""
        key = promql, grid.end // _DAY
        if not known.get(key):
            values = self._splitter.values(promql, ration.label, grid)
            known[key] = closed_matchers(ration.label, values, ration.parts)
            return known[key] or matchers(ration.label, values, ration.parts)
        return known[key]
