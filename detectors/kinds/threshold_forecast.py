"""threshold-forecast: near a capacity, or on the way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detectors.kinds.level import level_shift
from detectors.kinds.verdict import HIGHEST, LIVE, NO_DATA, Test, conclude, margin, number
from detectors.model import Views
from detectors.statistics import divide, median, robust_spread

if TYPE_CHECKING:
    from detectors.kinds.verdict import Numbers
    from detectors.series import BoolArray, FloatArray, Judgement
    from detectors.windows import SignalData, Windows

_FITS = (1.0, 0.5)
"""Shares of the trend window that are fitted: growth that began in the middle of it is a line only over its end."""
_LAST = 1 / 3
"""The end of a fit that must still be growing: what filled in one step is judged by what is left, not by the step."""
_FREED = 0.25
"""A level that has fallen by itself must come that share of the fall above where it fell from to be called growth."""

_WIGGLES = 6.0
"""Falls of fewer spreads of the steps between samples are noise."""


def threshold_forecast(data: SignalData, params: Numbers, guards: Numbers, windows: Windows) -> Judgement:
    """A share of what there is: `level` in [0, 1] with its capacity `per`, over a history of some hours.

    Conditions, either of: share >= warn_ratio; or the line through the last trend_seconds reaches 1 within
    horizon_warn_seconds, explains the data (R^2 >= min_r2), still rises at its end, from a share of at least
    min_ratio_for_forecast that is higher than the level has been before it last fell. A level that falls by itself
    (rotation, compaction, retention) is a saw-tooth: its rising edge is no forecast. Earlier samples count in today's
    capacity, so that a resized volume has not grown or shrunk.

    One step less severe than the row before critical_ratio, or more than horizon_critical_seconds away.

    An amount without a capacity (`per` is None) is judged as a level.
    """
    if data.level is None:
        raise ValueError("threshold-forecast needs a level")
    if data.per is None:
        return level_shift(data, params, guards, windows)
    capacity = _newest(data.per)
    share = data.level * divide(data.per, capacity[:, None])
    now = windows.evaluation_means(share)[0]
    trend = _steepest(share, params, guards, windows)
    left = divide(np.maximum(1 - now, 0.0), trend.slope)
    horizon = number(params, "horizon_warn_seconds", 4 * 86400)
    least = number(params, "min_ratio_for_forecast", 0)
    news = (now >= _been_at(share)) & ~(now <= _been_at_in_references(data, capacity))
    forecast = np.where(news, np.minimum.reduce([_soon(horizon, left), trend.fit, margin(now, least)]), 0.0)
    warn, critical = number(params, "warn_ratio", 0.85), number(params, "critical_ratio", 0.95)
    score = np.fmax(margin(now, warn), np.nan_to_num(forecast, nan=0.0))
    grave = (now >= critical) | (left <= number(params, "horizon_critical_seconds", 0)) & (forecast >= 1)
    on_course = np.clip(1 - trend.slope * horizon, min(least, warn), warn)
    small = capacity < number(guards, "min_capacity_bytes", 0)
    return conclude(
        data,
        windows,
        Test(
            values=share,
            low=np.zeros((len(share), 1)),
            high=np.where(forecast >= 1, on_course, warn)[:, None],
            margins=(np.where(small, 0.0, score)[None],),
            coverage=np.where(np.isnan(now), NO_DATA, LIVE).astype(np.int8),
            observed=now,
            history=np.ones(len(share)),
            views=np.full(len(share), float(Views.STATE)),
            severity=np.where(grave, 0, -1),
            extra={"capacity": capacity, "seconds_to_full": np.where(forecast >= 1, left, np.nan), "fit": trend.r2},
        ),
    )


class _Trend(NamedTuple):
    """How fast each of S series grows."""

    slope: FloatArray
    """Shape (S,), per second; NaN where it does not grow."""
    fit: FloatArray
    """Shape (S,): margin of the line's explaining the data; 0 with too few samples."""
    r2: FloatArray


def _steepest(share: FloatArray, params: Numbers, guards: Numbers, windows: Windows) -> _Trend:
    """The trend of the fit that explains its data best."""
    points = int(number(params, "trend_seconds", 21600)) // windows.step + 1
    least, min_r2 = number(guards, "min_samples_for_trend", 30), number(params, "min_r2", 0.7)
    found = []
    for part in _FITS:
        stretch = share[:, -max(2, int(points * part)) :]
        slope, r2, samples = _line(stretch, windows.step)
        ending, _, _ = _line(stretch[:, -max(2, int(stretch.shape[1] * _LAST)) :], windows.step)
        slower = np.minimum(slope, ending)
        usable = (samples >= least) & (slower > 0)
        found.append(_Trend(np.where(slower > 0, slower, np.nan), np.where(usable, margin(r2, min_r2), 0.0), r2))
    best = np.argmax([each.fit for each in found], axis=0)[None]
    slope, fit, r2 = (np.take_along_axis(np.stack(each), best, axis=0)[0] for each in zip(*found, strict=True))
    return _Trend(slope, fit, r2)


def _line(values: FloatArray, step: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Least squares through every row of (S, N): slope per second, share of variance explained, samples."""
    present = ~np.isnan(values)
    samples = present.sum(axis=1).astype(np.float64)
    times = np.broadcast_to(step * np.arange(values.shape[1], dtype=np.float64), values.shape)

    def centred(numbers: FloatArray) -> FloatArray:
        filled = np.where(present, numbers, 0.0)
        return np.where(present, filled - divide(filled.sum(axis=1), samples)[:, None], 0.0)

    t, v = centred(times), centred(values)
    tt, tv, vv = (np.einsum("sn,sn->s", a, b) for a, b in ((t, t), (t, v), (v, v)))
    return divide(tv, tt), divide(tv * tv, tt * vv), samples


def _been_at(share: FloatArray) -> FloatArray:
    """The level that is new to each series, shape (S,): above where it was before its deepest fall."""
    highest = np.fmax.accumulate(share, axis=1)
    fallen = np.nan_to_num(highest - share, nan=0.0)
    deepest = np.argmax(fallen, axis=1)[:, None]
    depth = np.take_along_axis(fallen, deepest, axis=1)[:, 0]
    before = np.take_along_axis(highest, deepest, axis=1)[:, 0]
    steps = np.diff(share, axis=1)
    wiggle = robust_spread(steps, median(steps))
    return np.where(depth > _WIGGLES * np.nan_to_num(wiggle), before + _FREED * depth, -np.inf)


def _been_at_in_references(data: SignalData, capacity: FloatArray) -> FloatArray:
    """The highest share of today's capacity on earlier days, shape (S,); NaN where nothing is known of them."""
    highest = np.full(data.size, np.nan)
    for _, reference in data.references:
        if reference.level is not None and reference.per is not None:
            used = np.where(np.isnan(reference.level), -np.inf, reference.level * reference.per).max(axis=1)
            highest = np.fmax(highest, np.where(np.isfinite(used), divide(used, capacity), np.nan))
    return highest


def _soon(horizon: float, left: FloatArray) -> FloatArray:
    """The margin of getting there within the horizon; what is full already is there."""
    never: BoolArray = np.isnan(left)
    return np.where(never, 0.0, np.clip(horizon / np.maximum(left, horizon / HIGHEST), 0.0, HIGHEST))


def _newest(values: FloatArray) -> FloatArray:
    """The newest sample of every row of (S, T), shape (S,)."""
    present = ~np.isnan(values)
    last = values.shape[1] - 1 - np.argmax(present[:, ::-1], axis=1)
    return np.where(present.any(axis=1), np.take_along_axis(values, last[:, None], axis=1)[:, 0], np.nan)
