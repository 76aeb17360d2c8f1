"""Earlier days, to compare with: fetched in chunks, since the past does not change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.sources.prometheus.kept import KeptBlocks
from detectors.series import Grid, SeriesBlock

if TYPE_CHECKING:
    from app.sources.base import RangeSource

REFERENCE_CHUNK = 3600
"""Seconds of reference data fetched at once: one query serves an hour of cycles."""
SUPERSEDED_SECONDS = 2 * REFERENCE_CHUNK
"""A chunk this near to a newer one of the same view is of the hour before; those of other days are farther."""
LIMIT = 512_000_000
"""Bytes: a day and a week ago of 140,000 series at one minute. What is above it every cycle asks for again."""


class References:
    """Range queries on grids in the past, answered from chunks that are fetched once.

    Args:
        metrics: who is asked.
        limit: bytes that the chunks may take; what does not fit is asked for every time.
    """

    def __init__(self, metrics: RangeSource, limit: int = LIMIT) -> None:
        self._metrics = metrics
        self._chunks: KeptBlocks[tuple[str, int, int]] = KeptBlocks(limit)

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """The values on a grid that lies in the past. Raises SourceError."""
        end = -(-grid.end // REFERENCE_CHUNK) * REFERENCE_CHUNK
        key = (promql, grid.step, end)
        chunk = self._chunks.get(key)
        if chunk is None or chunk.times[0] > grid.start:
            points = (end - grid.start) // grid.step + 1
            chunk = self._metrics.range(promql, Grid(end - end % grid.step, grid.step, points))
            self._chunks.put(key, chunk, self._superseded(key))
        first = int((grid.start - chunk.times[0]) // grid.step)
        return SeriesBlock(grid.times, chunk.values[:, first : first + grid.points], chunk.labels, chunk.warnings)

    def _superseded(self, newer: tuple[str, int, int]) -> list[tuple[str, int, int]]:
        near = (key for key, _ in self._chunks.items() if key[:2] == newer[:2])
        return [key for key in near if abs(key[2] - newer[2]) <= SUPERSEDED_SECONDS]
