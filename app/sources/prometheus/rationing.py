"""Asking in parts what would cost a server too much as a whole, and not asking what costs too much in any way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.blocks import merge
from app.sources.prometheus.forwarding import ForwardingSource
from app.sources.prometheus.splitting import Splitter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.sources.base import MetricsSource
    from detectors.series import Grid, SeriesBlock


class Ration(NamedTuple):
    """How one expression may be asked."""

    label: str = ""
    """By whose values it is divided."""
    parts: int = 1
    refusal: str = ""
    """Why it may not be asked at all."""


class RationedSource(ForwardingSource):
    """A `MetricsSource` that asks expressions as `rations` has it; thread-safe.

    Args:
        source: who is asked.
    """

    def __init__(self, source: MetricsSource) -> None:
        super().__init__(source)
        self._splitter = Splitter(source.range, source.label_values)
        self.rations: Mapping[str, Ration] = {}
        """By expression; replaced as a whole."""

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """As the source, in as many queries as the ration says, one after the other."""
        ration = self.rations.get(promql)
        if ration is None:
            return self._source.range(promql, grid)
        if ration.refusal:
            hint = "Raise the [budget], or have the server record it by a rule."
            raise SourceError(Trouble.LIMITED, ration.refusal, hint)
        parts = self._splitter.parts(promql, grid, ration.label, ration.parts)
        return merge(grid, [self._source.range(part, grid) for part in parts])
