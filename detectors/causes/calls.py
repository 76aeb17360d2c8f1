"""What callees account for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.statistics import divide

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from detectors.series import BoolArray, FloatArray


def adjacency(nodes: Sequence[str], calls: Iterable[tuple[str, str]]) -> BoolArray:
    """Who calls whom, shape (N, N), row calls column; calls of or by unknown nodes are left out.

    Calls within a cycle are left out too: nodes that call each other would explain each other away.
    """
    index = {node: position for position, node in enumerate(nodes)}
    direct = np.zeros((len(nodes), len(nodes)), dtype=np.bool_)
    for caller, callee in calls:
        if caller in index and callee in index:
            direct[index[caller], index[callee]] = True
    acyclic: BoolArray = direct & ~_closure(direct).T
    return acyclic


def _closure(direct: BoolArray) -> BoolArray:
    """Who reaches whom in one or more calls, by squaring."""
    reached = direct
    while True:
        further = reached | (reached.astype(np.float32) @ reached.astype(np.float32) > 0)
        if np.array_equal(further, reached):
            return reached
        reached = further


def explained(work: FloatArray, calls: BoolArray) -> FloatArray:
    """The share of each node's extra work that its direct callees did, shape (N,), 0 to 1.

    Args:
        work: shape (N,), what the fault added to each node in a unit that adds up along calls: requests times extra
            latency, or extra errors.
        calls: shape (N, N), row calls column.
    """
    share: FloatArray = np.minimum(np.nan_to_num(divide(calls.astype(np.float64) @ work, work)), 1.0)
    return share
