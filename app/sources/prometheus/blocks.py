"""Series blocks put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.series import Grid, Labels, SeriesBlock

if TYPE_CHECKING:
    from collections.abc import Iterable


def merge(grid: Grid, blocks: Iterable[SeriesBlock]) -> SeriesBlock:
    """All series of some blocks on one grid; where two hold the same instant of a series, the later block counts.

    Args:
        grid: the result's grid.
        blocks: on grids of the same step and phase, anywhere in time; their series are told apart by labels.
    """
    blocks = tuple(blocks)
    rows: dict[Labels, int] = {}
    for block in blocks:
        for labels in block.labels:
            rows.setdefault(labels, len(rows))
    values = np.full((len(rows), grid.points), np.nan)
    for block in blocks:
        columns = (block.times - grid.start) // grid.step
        inside = (columns >= 0) & (columns < grid.points)
        if block.labels and inside.any():
            first, last = np.flatnonzero(inside)[[0, -1]]
            own = np.fromiter((rows[labels] for labels in block.labels), dtype=np.intp, count=len(block.labels))
            values[own, columns[first] : columns[last] + 1] = block.values[:, first : last + 1]
    warnings = dict.fromkeys(warning for block in blocks for warning in block.warnings)
    return SeriesBlock(grid.times, values, tuple(rows), tuple(warnings))
