"""A metrics source in front of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.sources.base import MetricsSource, ServerInfo
    from detectors.series import Grid, SeriesBlock


class ForwardingSource:
    """A `MetricsSource` that passes every question on; what stands in front for a reason overrides some.

    Args:
        source: who is asked.
    """

    def __init__(self, source: MetricsSource) -> None:
        self._source = source

    def info(self) -> ServerInfo:
        """As the source."""
        return self._source.info()

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """As the source."""
        return self._source.range(promql, grid)

    def instant(self, promql: str, at: float) -> SeriesBlock:
        """As the source."""
        return self._source.instant(promql, at)

    def label_values(self, label: str, matchers: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """As the source."""
        return self._source.label_values(label, matchers, start, end)

    def label_names(self, matchers: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """As the source."""
        return self._source.label_names(matchers, start, end)

    def close(self) -> None:
        """As the source."""
        self._source.close()
