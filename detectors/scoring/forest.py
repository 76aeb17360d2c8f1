"""An isolation forest of S series at once (Liu, Ting and Zhou 2008)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.series import FloatArray

_EULER = 0.5772156649015329


TREES, SAMPLE = 50, 64
"""Trees of a series, and the points that each is grown from."""


@dataclass
class IsolationForest:
    """Trees of random cuts, stored as heaps: the children of node i are 2i + 1 and 2i + 2."""

    feature: NDArray[np.int8]
    """Shape (K, nodes, S): which feature a node cuts."""
    cut: NDArray[np.float32]
    """Shape (K, nodes, S): where; NaN for a leaf."""
    length: NDArray[np.float32]
    """Shape (K, nodes, S): path length of a point that ends there."""
    sample: int
    """Points that each tree was grown from."""

    @classmethod
    def unborn(cls, size: int, trees: int = TREES, sample: int = SAMPLE) -> IsolationForest:
        """Trees without a cut, to which every point is an average one."""
        shape = trees, 2 ** (_depth(sample) + 1) - 1, size
        average = np.full(shape, usual_path(np.array(float(sample))), dtype=np.float32)
        return cls(np.zeros(shape, dtype=np.int8), np.full(shape, np.nan, dtype=np.float32), average, sample)

    @classmethod
    def fit(
        cls, points: FloatArray, random: np.random.Generator, trees: int = TREES, sample: int = SAMPLE
    ) -> IsolationForest:
        """Grow `trees` trees for every series.

        Args:
            points: shape (S, N, F); points with a NaN are not used.
            random: where the cuts come from.
            trees: K.
            sample: points that each tree is grown from, drawn with replacement.
        """
        forest = cls.unborn(len(points), trees, sample)
        for series, its in enumerate(points):
            whole = its[np.isfinite(its).all(axis=1)]
            if len(whole):
                drawn = whole[random.integers(len(whole), size=(trees, sample))]
                grown = (forest.feature[..., series], forest.cut[..., series], forest.length[..., series])
                _grow(drawn, _depth(sample), random, *grown)
        return forest

    def score(self, points: FloatArray) -> FloatArray:
        """2 ** -(mean path / usual path) of one point (S, F) in each series, shape (S,): near 1 is abnormal."""
        count, _, size = self.cut.shape
        trees, series = np.ogrid[:count, :size]
        node = np.zeros((count, size), dtype=np.intp)
        for _ in range(_depth(self.sample)):
            cut = self.cut[trees, node, series]
            right = points[series, self.feature[trees, node, series]] >= cut
            node = np.where(np.isnan(cut), node, 2 * node + 1 + right)
        path = self.length[trees, node, series].mean(axis=0)
        score: FloatArray = 2 ** (-path / usual_path(np.array(float(self.sample))))
        return score


def _depth(sample: int) -> int:
    return max(1, ceil(log2(sample)))


def usual_path(points: FloatArray) -> FloatArray:
    """Mean path length of an unsuccessful search in a binary tree of so many points, c(n) of the paper."""
    many = np.maximum(points, 2.0)
    path: FloatArray = np.where(points < 2, 0.0, 2 * (np.log(many - 1) + _EULER) - 2 * (many - 1) / many)
    return path


def _grow(
    drawn: FloatArray,
    depth: int,
    random: np.random.Generator,
    feature: NDArray[np.int8],
    cut: NDArray[np.float32],
    length: NDArray[np.float32],
) -> None:
    """Fill the trees of one series from points (K, sample, F), all trees one level at a time."""
    trees, _, features = drawn.shape
    nodes = cut.shape[1]
    node = np.zeros(drawn.shape[:2], dtype=np.intp)
    rows = np.arange(trees)[:, None]
    count = np.zeros((trees, nodes))
    for level in range(depth + 1):
        low, high = np.full((trees, nodes, features), np.inf), np.full((trees, nodes, features), -np.inf)
        np.minimum.at(low, (rows, node), drawn)
        np.maximum.at(high, (rows, node), drawn)
        count[:] = 0
        np.add.at(count, (rows, node), 1)
        here = slice(2**level - 1, 2 ** (level + 1) - 1)
        length[:, here] = level + usual_path(count[:, here])
        if level == depth:
            return
        chosen = random.integers(features, size=(trees, 2**level))
        pick = chosen[..., None]
        least = np.take_along_axis(low[:, here], pick, axis=2)[..., 0]
        most = np.take_along_axis(high[:, here], pick, axis=2)[..., 0]
        feature[:, here] = chosen
        splits = most > least
        cut[:, here] = np.where(
            splits, np.where(splits, least, 0) + random.random(least.shape) * np.where(splits, most - least, 0), np.nan
        )
        at = cut[rows, node]
        right = np.take_along_axis(drawn, feature[rows, node][..., None].astype(np.intp), axis=2)[..., 0] >= at
        node = np.where(np.isnan(at), node, 2 * node + 1 + right)
