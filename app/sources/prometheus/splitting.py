"""Asking in parts what a server finds too big as a whole."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from app.sources.prometheus.blocks import merge
from app.sources.prometheus.errors import LimitError
from app.sources.prometheus.sharding import PREFERRED, closed_matchers, divisible_by, matchers, restricted, selectors
from detectors.series import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.sources.base import MetricsSource
    from detectors.series import SeriesBlock

MOST_POINTS = 11_000
"""Points of a series in one answer: Prometheus's fixed limit, the lowest of all servers."""
MOST_PARTS = 64
"""Queries that one becomes at most."""
_BEFORE = 3600.0
"""Seconds: how far before the grid a range selector may reach; a label value more does no harm."""
_REMEMBERED = 1000
"""Expressions whose way of being divided is remembered."""


_PORTIONED_BY = (*PREFERRED, "instance", "pod", "job")
"""Labels by whose values series are counted in parts; the first that has enough of them."""


class Splitter:
    """Divides range queries in time and by label values, as far as the server's limits ask for it; thread-safe.

    Args:
        ask: one range query; raises LimitError where it is too big.
        label_values: as of `MetricsSource`.
    """

    def __init__(
        self,
        ask: Callable[[str, Grid], SeriesBlock],
        label_values: Callable[[str, Sequence[str], float, float], tuple[str, ...]],
    ) -> None:
        self._ask = ask
        self._label_values = label_values
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """The whole answer, in as few queries as the server lets through.

        Raises:
            LimitError: no part is small enough, or the expression cannot be divided.
        """
        count = self._counts.get(promql, 1)
        parts = self._parts(promql, grid, count) or (promql,)
        while True:
            try:
                blocks = [self._range(part, grid) for part in parts]
                break
            except LimitError as limit:
                count *= 2
                parts = () if limit.points else self._parts(promql, grid, count)
                if not parts:
                    raise
        if count > 1:
            self._remember(promql, count)
        return merge(grid, blocks) if len(blocks) > 1 else blocks[0]

    def _remember(self, promql: str, count: int) -> None:
        with self._lock:
            if len(self._counts) >= _REMEMBERED:
                self._counts.clear()
            self._counts[promql] = count

    def _parts(self, promql: str, grid: Grid, count: int) -> tuple[str, ...]:
        """The expression for each of about `count` parts; empty where no label has that many values."""
        if not 1 < count <= MOST_PARTS:
            return ()
        for label in divisible_by(promql):
            parts = matchers(label, self.values(promql, label, grid), count)
            if len(parts) - 1 > count // 2:
                return tuple(restricted(promql, part) for part in parts)
        return ()

    def values(self, promql: str, label: str, grid: Grid) -> tuple[str, ...]:
        """The present values of a label of what an expression selects, maybe some others."""
        chosen = tuple(selector.text for selector in selectors(promql))
        try:
            return self._label_values(label, chosen, grid.start - _BEFORE, grid.end)
        except LimitError:
            # VictoriaMetrics counts the series that matchers select here too; values too many only make empty parts.
            return self._label_values(label, (), grid.start - _BEFORE, grid.end)

    def _range(self, promql: str, grid: Grid) -> SeriesBlock:
        """One query, or several after each other in time where the points of a series are too many."""
        if grid.points > MOST_POINTS:
            return self._halved(promql, grid)
        try:
            return self._ask(promql, grid)
        except LimitError as limit:
            if not limit.points or grid.points < 2:
                raise
        return self._halved(promql, grid)

    def _halved(self, promql: str, grid: Grid) -> SeriesBlock:
        later = Grid(grid.end, grid.step, grid.points // 2)
        earlier = Grid(later.start - grid.step, grid.step, grid.points - later.points)
        return merge(grid, [self._range(promql, earlier), self._range(promql, later)])


def portions(source: MetricsSource, selector: str, count: int, at: float) -> tuple[str, ...]:
    """Matchers that divide a selector's series into about so many parts, of which each series is in one.

    One empty matcher where no label has as many values. Raises SourceError.
    """
    splitter = Splitter(source.range, source.label_values)
    wanted = min(count, MOST_PARTS)
    for label in _PORTIONED_BY if wanted > 1 else ():
        values = splitter.values(selector, label, Grid(int(at), 1, 1))
        if len(values) >= wanted:
            return closed_matchers(label, values, wanted) or matchers(label, values, wanted)
    return ("",)
