"""Robust summaries of many series at once, and the false-discovery bound.

Everything works on rows, ignores NaN, and gives NaN for a row without samples. Tails of counts are in
`detectors.tails`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from detectors.series import BoolArray, FloatArray

NORMAL_MAD = 1.482602218505602
"""Makes the median absolute deviation of normal samples an estimate of their standard deviation."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """Rows sorted once, from which every order statistic is read."""

    values: FloatArray
    """Shape (S, N): each row ascending, its NaN at the end."""
    count: FloatArray
    """Shape (S,): samples per row."""

    @classmethod
    def of(cls, rows: FloatArray) -> Ordered:
        """Sort rows of shape (S, N)."""
        return cls(np.sort(rows, axis=-1), np.sum(~np.isnan(rows), axis=-1).astype(np.float64))

    def quantile(self, q: float) -> FloatArray:
        """The q-quantile of every row, shape (S,): linear interpolation, as numpy's default."""
        if self.values.shape[-1] == 0:
            return np.full(self.count.shape, np.nan)
        rank = q * np.maximum(self.count - 1, 0)
        below = rank.astype(np.intp)
        above = np.minimum(below + 1, np.maximum(self.count - 1, 0).astype(np.intp))
        low = np.take_along_axis(self.values, below[..., None], axis=-1)[..., 0]
        high = np.take_along_axis(self.values, above[..., None], axis=-1)[..., 0]
        # Not low + w * (high - low): equal infinities would give NaN.
        return np.where(low == high, low, low * (1 - (rank - below)) + high * (rank - below))

    def median(self) -> FloatArray:
        """The median of every row, shape (S,)."""
        return self.quantile(0.5)


def median(rows: FloatArray) -> FloatArray:
    """The median of every row of (S, N), shape (S,)."""
    return Ordered.of(rows).median()


def robust_spread(rows: FloatArray, centre: FloatArray, share: float = 0.0, floor: float = 0.0) -> FloatArray:
    """How far samples usually lie from the centre, never less than the scale floors.

    max(1.4826 * MAD, share of the level, absolute floor): without the floors a constant series has no spread, and its
    first wiggle would be infinitely improbable.

    Args:
        rows: shape (S, N).
        centre: shape (S,).
        share: of |centre|.
        floor: in the unit of the rows.
    """
    deviation = NORMAL_MAD * median(np.abs(rows - centre[:, None]))
    spread: FloatArray = np.maximum(np.maximum(deviation, share * np.abs(centre)), floor)
    return spread


def mean_and_variance(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and unbiased variance of every row of (S, N); variance is NaN below two samples."""
    present = ~np.isnan(rows)
    count = present.sum(axis=-1).astype(np.float64)
    filled = np.where(present, rows, 0.0)
    mean = divide(filled.sum(axis=-1), count)
    deviation = np.where(present, filled - mean[..., None], 0.0)
    return mean, divide(np.einsum("...n,...n->...", deviation, deviation), count - 1)


def divide(numerator: FloatArray, denominator: FloatArray | float) -> FloatArray:
    """The quotient, NaN where the denominator is not positive."""
    positive = np.broadcast_to(np.greater(denominator, 0), np.broadcast_shapes(numerator.shape, np.shape(denominator)))
    quotient: FloatArray = np.divide(numerator, denominator, out=np.full(positive.shape, np.nan), where=positive)
    return quotient


def false_discoveries(p_values: FloatArray, q: float) -> BoolArray:
    """Which findings to accept so that on average at most a share q of them is false.

    The step-up procedure of Benjamini and Hochberg (1995): with m tests, accept the k smallest p-values for the
    largest k with p(k) <= q * k / m. It holds for the positively dependent tests of one cycle.

    Args:
        p_values: any shape; NaN is not a test.
        q: the bound, in (0, 1).

    Returns:
        Mask of the shape of `p_values`; False for NaN.
    """
    tested = ~np.isnan(p_values)
    ordered = np.sort(p_values[tested])
    passing = np.flatnonzero(ordered <= q * np.arange(1, len(ordered) + 1) / max(len(ordered), 1))
    if not len(passing):
        return np.zeros(p_values.shape, dtype=np.bool_)
    accepted: BoolArray = tested & (np.where(tested, p_values, np.inf) <= ordered[passing[-1]])
    return accepted
