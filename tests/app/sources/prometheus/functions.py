"""A metrics source whose series are functions of time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from app.sources.base import SourceError, Trouble
from detectors.series import Grid, Labels, SeriesBlock

if TYPE_CHECKING:
    from collections.abc import Callable


def named(name: str) -> Labels:
    return (("pod", name),)


@dataclass
class Source:
    """Series whose value is a function of time; remembers the grids it was asked for."""

    series: dict[str, Callable[[int], float]]
    asked: list[tuple[str, Grid]] = field(default_factory=list)
    warnings: tuple[str, ...] = ()
    failing: bool = False

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        self.asked.append((promql, grid))
        if self.failing:
            raise SourceError(Trouble.TIMEOUT, "late")
        rows = {name: [value(at) for at in grid.times.tolist()] for name, value in self.series.items()}
        alive = {name: row for name, row in rows.items() if not np.isnan(row).all()}
        values = np.array(list(alive.values())).reshape(len(alive), grid.points)
        return SeriesBlock(grid.times, values, tuple(map(named, alive)), self.warnings)

    def points(self) -> list[int]:
        return [grid.points for _, grid in self.asked]
