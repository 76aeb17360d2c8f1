"""Scores from nothing but the last minutes: what can be said when the server keeps no more, or has just started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from detectors.scoring.alerts import Episodes
from detectors.scoring.tuning import TUNING
from detectors.statistics import NORMAL_MAD, Ordered

if TYPE_CHECKING:
    from detectors.scoring.grid import Samples
    from detectors.series import FloatArray

NORMAL_Q90 = 1.6448536269514722
"""The 0.9-quantile of |x| of a standard normal x."""
LEAST_WINDOW = 12
"""Samples below which a window says nothing worth hearing: coarse steps get a longer one."""
_BLOCK = 20_000
"""Windows judged together."""


@dataclass(frozen=True, slots=True)
class WindowTuning:
    """Constants of the window's score."""

    gap: int = 4
    """Samples before the judged one that are no part of its baseline: the beginning of what it may be part of."""
    share: float = 0.05
    """Least spread as a share of the level."""
    poisson: float = 0.5
    """Least spread in standard deviations of Poisson counts of the smallest step seen."""
    threshold: float = 7.5
    """In spreads."""
    beyond: float = 2
    """How many times the largest deviation of the baseline."""
    single: float = 1.5
    """How many times the threshold a single sample must reach."""
    pair: float = 1.5
    """The same for the weaker of two in a row."""
    least: float = 0.5
    """Share of the baseline's samples that must be present."""


WINDOW_TUNING = WindowTuning()


def window_scores(values: FloatArray, length: int, tuning: WindowTuning = WINDOW_TUNING) -> FloatArray:
    """The score of every sample by the `length` samples that end with it; 1.0 is the threshold.

    With the baseline's median m, MAD, 0.9-quantile of the deviations q90 and their maximum:

        s = max((1.4826 MAD + q90 / 1.645) / 2, share |m|, poisson sqrt(q (|m| + q)))
        z = |x - m| / s where |x - m| exceeds `beyond` times the maximum, else 0
        score = max(z / single, min(z, z of the sample before, same direction) / pair) / threshold

    Two robust spreads are averaged because 30 samples have a poor idea of their tail.

    Args:
        values: shape (T,), evenly spaced, NaN where missing.
        length: samples, the judged one and the one before it included.
        tuning: the constants.

    Returns:
        Shape (T,): NaN without a sample, 0 while there is too little to compare with.
    """
    baseline = max(length - 2 - tuning.gap, 1)
    padded = np.concatenate([np.full(baseline + tuning.gap, np.nan), values])
    windows = sliding_window_view(padded, baseline)[: len(values)]
    parts = [
        _deviations(windows[start : start + _BLOCK], values[start : start + _BLOCK], tuning)
        for start in range(0, len(values), _BLOCK)
    ]
    z = np.concatenate(parts) if parts else np.zeros(0)
    before = np.concatenate([[0.0], z[:-1]])
    pair = np.where(np.sign(before) == np.sign(z), np.minimum(np.abs(z), np.abs(before)), 0.0)
    evidence = np.fmax(np.abs(z) / tuning.single, pair / tuning.pair) / tuning.threshold
    return np.where(np.isfinite(values), evidence, np.nan)


def _deviations(windows: FloatArray, values: FloatArray, tuning: WindowTuning) -> FloatArray:
    """Signed z of values (N,) by baselines (N, B)."""
    ordered = Ordered.of(windows)
    centre = ordered.median()
    deviations = Ordered.of(np.abs(windows - centre[:, None]))
    moves = np.abs(np.diff(windows, axis=1))
    moves = np.where(moves > 1e-6 * np.abs(windows[:, 1:]), moves, np.inf)
    quantum = np.fmin.reduce(moves, axis=1, initial=np.inf)
    quantum = np.where(np.isfinite(quantum), quantum, 0.0)
    level = np.abs(centre)
    spread = (NORMAL_MAD * deviations.median() + deviations.quantile(0.9) / NORMAL_Q90) / 2
    spread = np.maximum(spread, tuning.share * level)
    spread = np.maximum(spread, tuning.poisson * np.sqrt(quantum * (level + quantum))) + 1e-12
    deviation = values - centre
    judged = (ordered.count >= tuning.least * windows.shape[1]) & (
        np.abs(deviation) > tuning.beyond * deviations.quantile(1.0)
    )
    return np.where(judged, deviation / spread, 0.0)


def windowed(samples: Samples, seconds: float, tuning: WindowTuning = WINDOW_TUNING) -> tuple[FloatArray, FloatArray]:
    """Where alerts start in one series when each sample is judged by so many seconds of data.

    Args:
        samples: the series.
        seconds: how much data there is, the judged sample included.
        tuning: the constants.

    Returns:
        Times (unix seconds) and scores of the alerts, shape (A,) each.
    """
    if not len(samples.times):
        return np.zeros(0), np.zeros(0)
    place = np.rint((samples.times - samples.times[0]) / samples.step).astype(np.intp)
    grid = np.full(place[-1] + 1, np.nan)
    grid[place] = samples.values
    score = window_scores(grid, max(int(seconds // samples.step), LEAST_WINDOW), tuning)[place]
    episodes = Episodes(1, samples.step, TUNING)
    present = np.isfinite(samples.values)
    above = score > 1
    starts = np.zeros(len(score), dtype=np.bool_)
    # Between what is above, an episode only counts samples.
    previous = 0
    for at in np.flatnonzero(above):
        episodes.pass_by(int(present[previous:at].sum()))
        starts[at] = episodes.update(above[at : at + 1], score[at : at + 1], present[at : at + 1])[0]
        previous = int(at) + 1
    return samples.times[starts], score[starts]
