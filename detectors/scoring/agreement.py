"""One score from several views: the mean of their log-ratios, in one direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.series import BoolArray, FloatArray

_LEAST = 0.01
"""What a view that disagrees counts as, in spreads."""


def agreement(deviations: Sequence[FloatArray], known: Sequence[BoolArray], sign: FloatArray) -> FloatArray:
    """The geometric mean of the deviations that point the same way: exp(mean(log(z_i))).

    A view that sees nothing, or the opposite, pulls it towards zero as strongly as another one lifts it: an anomaly has
    to be one in every view. Averaging logarithms is pooling likelihood ratios (Genest and Zidek 1986).

    Args:
        deviations: one array (S,) per view, in spreads.
        known: one mask (S,) per view: whether it had anything to compare with.
        sign: shape (S,): the direction, +1 or -1; 0 agrees with nothing.

    Returns:
        Shape (S,); 0 for a series that no view knows.
    """
    logs = np.zeros_like(sign)
    views = np.zeros_like(sign)
    for deviation, has in zip(deviations, known, strict=True):
        logs += np.where(has, np.log(np.maximum(deviation * sign, _LEAST)), 0.0)
        views += has
    return np.where(views > 0, np.exp(logs / np.maximum(views, 1)), 0.0)
