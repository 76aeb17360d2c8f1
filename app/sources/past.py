"""A metrics server's past, asked for in long pieces: a run over days asks for every minute, the server only for hours.

What a question gets is what the server would have answered then: only samples up to its own instant, only series that
have one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from app.sources.prometheus.forwarding import ForwardingSource
from detectors.series import Grid, SeriesBlock

if TYPE_CHECKING:
    from app.sources.base import MetricsSource

AHEAD_SECONDS = 6 * 3600
"""How far beyond a question the same is asked at once."""
AHEAD_VALUES = 250_000
"""The most values that are read ahead for one expression: many series are read ahead less far."""
PIECES = 4
"""Of one expression: the present, the same minutes of a day and of a week before, and one to spare."""

_Question = tuple[str, int, int]
"""Expression, step, and phase of the grid."""


class PastMetrics(ForwardingSource):
    """Answers range questions that move on through the past from pieces that are fetched once; thread-safe.

    Args:
        source: who is asked.
        until: unix seconds: nothing later is ever asked about, but for what a question itself names.
        every: seconds between two cycles: instants that are asked about each time are read ahead too.
    """

    def __init__(self, source: MetricsSource, until: int, every: int) -> None:
        super().__init__(source)
        self._until, self._every = until, every
        self._lock = threading.Lock()
        self._pieces: dict[_Question, list[SeriesBlock]] = {}
        self._instants: dict[str, int] = {}
        """When each expression was last asked for at one instant."""

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """The values of an expression on a grid. Raises SourceError."""
        question = (promql, grid.step, grid.end % grid.step)
        piece = self._held(question, grid)
        if piece is None:
            piece = self._fetched(question, grid)
        first = int((grid.start - piece.times[0]) // grid.step)
        values = piece.values[:, first : first + grid.points]
        alive = np.flatnonzero(~np.isnan(values).all(axis=1))
        if len(alive) == len(piece.labels):
            return SeriesBlock(grid.times, values, piece.labels, piece.warnings)
        return SeriesBlock(grid.times, values[alive], tuple(piece.labels[row] for row in alive), piece.warnings)

    def instant(self, promql: str, at: float) -> SeriesBlock:
        """The values at one instant; read ahead where every cycle asks for them. Raises SourceError."""
        whole = int(at)
        before, self._instants[promql] = self._instants.get(promql), whole
        if whole != at or before is None or whole - before != self._every:
            return super().instant(promql, at)
        return self.range(promql, Grid(whole, self._every, 1))

    def _held(self, question: _Question, grid: Grid) -> SeriesBlock | None:
        with self._lock:
            for piece in self._pieces.get(question, ()):
                if piece.times[0] <= grid.start and grid.end <= piece.times[-1]:
                    return piece
        return None

    def _fetched(self, question: _Question, grid: Grid) -> SeriesBlock:
        with self._lock:
            known = self._pieces.get(question)
        series = max(1, len(known[-1].labels)) if known else 0
        ahead = min(AHEAD_SECONDS // grid.step, AHEAD_VALUES // series - grid.points) if series else grid.points
        ahead = max(0, min(ahead, (self._until - grid.end) // grid.step))
        piece = self._source.range(question[0], Grid(grid.end + ahead * grid.step, grid.step, grid.points + ahead))
        with self._lock:
            pieces = self._pieces.setdefault(question, [])
            pieces.append(piece)
            del pieces[:-PIECES]
        return piece
