"""Series blocks put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.series import Grid, Labels, SeriesBlock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def merge(grid: Grid, blocks: Sequence[SeriesBlock]) -> SeriesBlock:
    """All series of some blocks on one grid; where two hold the same instant of a series, the later block counts.

    Args:
        grid: the result's grid.
        blocks: on grids of the same step and phase, anywhere in time; their series are told apart by labels.
    """
    labels, rows = _rows(blocks)
    values = np.full((len(labels), grid.points), np.nan)
    for block, own in zip(blocks, rows, strict=True):
        columns = (block.times - grid.start) // grid.step
        inside = np.flatnonzero((columns >= 0) & (columns < grid.points))
        if len(inside):
            first, last = inside[0], inside[-1]
            values[own, columns[first] : columns[last] + 1] = block.values[:, first : last + 1]
    return SeriesBlock(grid.times, values, labels, remarks(blocks))


def remarks(blocks: Sequence[SeriesBlock]) -> tuple[str, ...]:
    """What the servers said about any of some blocks, each once."""
    return tuple(dict.fromkeys(warning for block in blocks for warning in block.warnings))


def _rows(blocks: Sequence[SeriesBlock]) -> tuple[tuple[Labels, ...], list[slice | NDArray[np.intp]]]:
    """All labels, and for each block the rows of its series among them."""
    # Servers answer in the same order each time: comparing is much cheaper than hashing all labels.
    if all(block.labels == blocks[0].labels for block in blocks[1:]):
        return blocks[0].labels, [slice(None) for _ in blocks]
    known: dict[Labels, int] = {}
    rows: list[slice | NDArray[np.intp]] = []
    for block in blocks:
        own = (known.setdefault(labels, len(known)) for labels in block.labels)
        rows.append(np.fromiter(own, dtype=np.intp, count=len(block.labels)))
    return tuple(known), rows
