"""Exponential averages that are plain means as long as there is little to average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from detectors.series import BoolArray, FloatArray


def gain(half_life: float) -> float:
    """The gain of an exponential average that forgets half in `half_life` updates."""
    return float(1 - 0.5 ** (1 / half_life))


def retained(least: float, seen: FloatArray, present: BoolArray) -> FloatArray:
    """The gain of this update, shape (S,): 1/n until that falls below `least`; 0 where there is no sample."""
    return np.where(present, np.maximum(least, 1 / np.maximum(seen, 1)), 0.0)
