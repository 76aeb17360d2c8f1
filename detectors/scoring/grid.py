"""Bringing raw samples into the order that the scorer needs: sorted, unique, one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from detectors.series import FloatArray

DEFAULT_STEP = 60.0
"""Seconds between samples that a series of fewer than two samples is taken to have."""


@dataclass(frozen=True, slots=True)
class Samples:
    """One series in order."""

    times: FloatArray
    """Shape (T,), unix seconds, strictly ascending."""
    values: FloatArray
    """Shape (T,); NaN where missing."""
    step: float
    """Seconds from one sample to the next, most of the time."""
    reordered: int = 0
    """Samples that came before an earlier one."""
    duplicates: int = 0
    """Samples dropped because a later one had the same time."""


def ordered(times: ArrayLike, values: ArrayLike) -> Samples:
    """Sort by time; of several samples at one time the last one counts; infinities are missing samples.

    Args:
        times: shape (T,), unix seconds.
        values: shape (T,).

    Raises:
        ValueError: the shapes differ, or a time is no finite number.
    """
    at = np.asarray(times, dtype=np.float64)
    what = np.asarray(values, dtype=np.float64)
    if at.ndim != 1 or at.shape != what.shape:
        raise ValueError(f"times {at.shape} for values {what.shape}; both must be one list of the same length")
    if not np.isfinite(at).all():
        raise ValueError(f"time {at[~np.isfinite(at)][0]} at position {int(np.argmin(np.isfinite(at)))} is no number")
    reordered = int(np.sum(np.diff(at) < 0))
    order = np.argsort(at, kind="stable")
    at, what = at[order], what[order]
    last = np.append(at[1:] != at[:-1], True)[: len(at)]
    at, what = at[last], np.where(np.isfinite(what[last]), what[last], np.nan)
    return Samples(at, what, step_of(at), reordered, len(order) - len(at))


def step_of(times: FloatArray) -> float:
    """The usual distance of ascending times, shape (T,), in seconds: their median, which gaps do not move."""
    return float(np.median(np.diff(times))) if len(times) > 1 else DEFAULT_STEP
