"""Synthetic signals with a known truth: healthy traffic and latency, and faults laid over them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from detectors.kinds import DETECTORS
from detectors.model import Views
from detectors.windows import SignalData, Windows

WINDOWS = Windows(step=60, evaluation=5, baseline=30, hold=2)
T = WINDOWS.points
TIMES = 1_700_000_040 + 60 * np.arange(T, dtype=np.int64)
BOUNDS = np.array([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, np.inf])
SEASONS = (Views.DAY, Views.WEEK)


def last(minutes: int, then: float, before: float = 1.0) -> np.ndarray:
    """A factor over time: `then` in the last minutes, `before` until then; shape (T,)."""
    return np.where(np.arange(T) >= T - minutes, then, before)


def traffic(per_minute, factor=1.0, *, series: int = 40, seed: int = 1, dispersion: float = 1.0) -> np.ndarray:
    """Requests per second, (S, T), negative binomial (Poisson at dispersion 1)."""
    mean = np.broadcast_to(np.asarray(per_minute, dtype=float) * factor, (series, T))
    random = np.random.default_rng(seed)
    if dispersion == 1:
        return random.poisson(mean) / 60
    size = np.maximum(mean / (dispersion - 1), 1e-9)
    return random.negative_binomial(size, size / (size + mean)) / 60


def requests(per_minute, share, *, series: int = 40, seed: int = 1) -> SignalData:
    """Totals and errors with a given share of errors over time."""
    total = traffic(per_minute, series=series, seed=seed)
    errors = np.random.default_rng(seed + 1).binomial(np.rint(total * 60).astype(int), share) / 60
    return SignalData(TIMES, total=total, errors=errors)


def latency(per_minute, median, *, sigma=0.5, series: int = 40, seed: int = 1, bounds=BOUNDS) -> SignalData:
    """Bucket rates of lognormal durations whose median (seconds) may vary over time."""
    random = np.random.default_rng(seed)
    counts = random.poisson(np.broadcast_to(per_minute, (series, T)))
    scale = np.broadcast_to(median, (series, T))[..., None]
    below = stats.lognorm.cdf(bounds, sigma, scale=scale)
    parts = random.multinomial(counts, np.diff(below, axis=-1, prepend=0))
    return SignalData(TIMES, buckets=np.moveaxis(parts.cumsum(axis=-1), 1, 2) / 60, bounds=bounds)


def with_days(data: SignalData, *days: SignalData) -> SignalData:
    """The data with a day and a week before it."""
    return replace(data, references=tuple(zip(SEASONS, days, strict=False)))


def fired(kind: str, data: SignalData, params=None, guards=None, windows: Windows = WINDOWS) -> np.ndarray:
    """Which series are past their threshold."""
    return DETECTORS[kind](data, params or {}, guards or {}, windows).score >= 1
