"""A window over each expression that moves with time: after the first answer, only new steps are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.sources.prometheus.blocks import merge
from app.sources.prometheus.forwarding import ForwardingSource
from app.sources.prometheus.kept import KeptBlocks
from detectors.series import Grid, SeriesBlock

if TYPE_CHECKING:
    from app.sources.base import MetricsSource

RECHECKED = 2
"""How many of the newest steps are asked for again: they may have been incomplete, for late scrapes and pushes."""
_ANNOTATION = "PromQL "
"""How Prometheus 3 begins remarks about the expression itself; all others are about missing data."""


class WindowCache(ForwardingSource):
    """A `MetricsSource` that keeps the windows of another one's range queries; thread-safe.

    An expression may have several windows, for example today's and the same minutes of a week ago.

    Args:
        source: who is asked for what is missing.
        limit: bytes that the windows may take; what does not fit is asked for as a whole every time.
        rechecked: how many of the newest steps to ask for again.
    """

    def __init__(self, source: MetricsSource, limit: int = 256_000_000, rechecked: int = RECHECKED) -> None:
        super().__init__(source)
        self._rechecked = rechecked
        self._windows: KeptBlocks[tuple[str, Grid]] = KeptBlocks(limit, _question)

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """The values of an expression on exactly this grid; series without a sample in it are left out."""
        found = self._overlapping(promql, grid)
        block = self._advanced(promql, grid, *found) if found else self._source.range(promql, grid)
        self._windows.put((promql, grid), block, [(promql, found[0])] if found else [])
        return block

    def close(self) -> None:
        """Forget the windows and close the source."""
        self._windows.clear()
        super().close()

    def _overlapping(self, promql: str, grid: Grid) -> tuple[Grid, SeriesBlock] | None:
        """The window that can be moved onto a grid with less than a whole query, and where it stands."""
        for (text, old), window in self._windows.items():
            if text == promql and self._reaches(old, window, grid) and not _incomplete(window):
                return old, window
        return None

    def _doubtful(self, window: SeriesBlock) -> int:
        """How many of the newest steps may still change: after a stall of the whole, its samples come late."""
        if not window.labels:
            return self._rechecked
        silent = np.asarray(np.isnan(window.values).all(axis=0))
        return max(self._rechecked, int(np.argmin(silent[::-1])) + self._rechecked)

    def _reaches(self, old: Grid, window: SeriesBlock, grid: Grid) -> bool:
        moved, phase = divmod(grid.end - old.end, grid.step)
        aligned = old.step == grid.step and phase == 0
        return aligned and moved >= 0 and old.start <= grid.start <= old.end - self._doubtful(window) * old.step

    def _advanced(self, promql: str, grid: Grid, old: Grid, window: SeriesBlock) -> SeriesBlock:
        doubtful = self._doubtful(window)
        missing = (grid.end - old.end) // grid.step + doubtful
        newest = self._source.range(promql, Grid(grid.end, grid.step, missing))
        kept = slice(0, old.points - doubtful)
        past = SeriesBlock(window.times[kept], window.values[:, kept], window.labels)
        block = merge(grid, [past, newest])
        alive = np.flatnonzero(~np.isnan(block.values).all(axis=1))
        if len(alive) == len(block.labels):
            return block
        return SeriesBlock(block.times, block.values[alive], tuple(block.labels[row] for row in alive), block.warnings)


def _question(key: tuple[str, Grid]) -> tuple[str, int, int]:
    """What remains the same of a window that moves."""
    promql, grid = key
    return promql, grid.step, grid.points


def _incomplete(window: SeriesBlock) -> bool:
    """Whether a window holds a partial answer, which must not be carried along."""
    return any(not warning.startswith(_ANNOTATION) for warning in window.warnings)
