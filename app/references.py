"""Earlier days, to compare with: fetched in chunks, since the past does not change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.series import Grid, SeriesBlock

if TYPE_CHECKING:
    from app.sources.base import MetricsSource

REFERENCE_CHUNK = 3600
"""Seconds of reference data fetched at once: one query serves an hour of cycles."""


class References:
    """Range queries on grids in the past, answered from chunks that are fetched once."""

    def __init__(self, metrics: MetricsSource) -> None:
        self._metrics = metrics
        self._chunks: dict[tuple[str, int, int], SeriesBlock] = {}

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """The values on a grid that lies in the past. Raises SourceError."""
        end = -(-grid.end // REFERENCE_CHUNK) * REFERENCE_CHUNK
        key = (promql, grid.step, end)
        chunk = self._chunks.get(key)
        if chunk is None or chunk.times[0] > grid.start:
            points = (end - grid.start) // grid.step + 1
            chunk = self._metrics.range(promql, Grid(end - end % grid.step, grid.step, points))
            self._chunks = {k: v for k, v in self._chunks.items() if k[:2] != key[:2] or abs(k[2] - end) > 7200}
            self._chunks[key] = chunk
        first = int((grid.start - chunk.times[0]) // grid.step)
        return SeriesBlock(grid.times, chunk.values[:, first : first + grid.points], chunk.labels, chunk.warnings)
