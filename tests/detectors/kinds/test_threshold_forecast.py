"""Near a capacity, or on the way to it; and everything that only looks like it."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.kinds import DETECTORS
from detectors.model import Coverage, Views
from detectors.windows import SignalData, Windows
from tests.detectors.synthetic import fired

STEP, POINTS = 300, 289
HOURS = np.arange(POINTS) * STEP / 3600 - (POINTS - 1) * STEP / 3600
"""Hours before now, negative."""
TIMES = 1_700_000_100 + STEP * np.arange(POINTS, dtype=np.int64)
WINDOWS = Windows(step=STEP, evaluation=1, baseline=POINTS - 1, hold=1)
PARAMS = {"min_ratio_for_forecast": 0.6, "horizon_warn_seconds": 345_600, "horizon_critical_seconds": 14_400}
GUARDS = {"min_capacity_bytes": 104_857_600, "min_samples_for_trend": 30}
CAPACITY = 1e10


def volume(share, *, capacity=CAPACITY, noise=0.001, series=20, seed=1):
    values = np.broadcast_to(share, (series, POINTS)) + np.random.default_rng(seed).normal(0, noise, (series, POINTS))
    return SignalData(TIMES, level=values, per=np.broadcast_to(capacity, (series, POINTS)).astype(float))


def growing(per_hour, now, since=-24.0):
    """A share that has grown steadily since that hour, and stands at `now`."""
    return now + per_hour * np.where(since < HOURS, HOURS, since)


def alarms(data):
    return fired("threshold-forecast", data, PARAMS, GUARDS, WINDOWS)


def judged(data):
    return DETECTORS["threshold-forecast"](data, PARAMS, GUARDS, WINDOWS)


@pytest.mark.parametrize(("share", "steps"), [(0.87, -1), (0.96, 0), (1.0, 0)])
def test_nearly_full_is_found(share, steps):
    found = judged(volume(share, noise=0))
    assert (found.score >= 1).all()
    assert set(found.severity) == {steps}
    assert (found.views == Views.STATE).all()


def test_half_full_and_still_is_silent():
    assert not alarms(volume(0.5)).any()
    assert not alarms(volume(0.84, noise=0.002)).any()


@pytest.mark.parametrize(
    ("per_hour", "now", "since", "steps"),
    [(0.005, 0.75, -24, -1), (0.02, 0.7, -6, -1), (0.08, 0.8, -3, 0), (0.1, 0.8, -2, 0)],
)
def test_growth_that_will_fill_it_is_found(per_hour, now, since, steps):
    found = judged(volume(growing(per_hour, now, since)))
    assert (found.score >= 1).all()
    assert set(found.severity) == {steps}
    assert (found.observed > found.expected_high).all()
    left = found.extra["seconds_to_full"]
    assert np.allclose(left, (1 - now) / per_hour * 3600, rtol=0.35)


def test_growth_that_takes_longer_or_starts_low_is_silent():
    assert not alarms(volume(growing(0.001, 0.7))).any()
    assert not alarms(volume(growing(0.02, 0.5))).any()


def test_noise_is_no_trend():
    assert not alarms(volume(growing(0.002, 0.78), noise=0.01, series=500)).any()


@pytest.mark.parametrize("hours", [2, 5, 9, 14, 20])
def test_a_saw_tooth_that_drops_by_itself_is_silent(hours):
    """Log rotation, compaction, retention: wherever in its period it is looked at."""
    for phase in np.linspace(0.3, 1, 8):
        cycle = ((HOURS + 24) / hours + phase - 24 / hours) % 1
        assert not alarms(volume(0.62 + 0.18 * cycle, noise=0.002)).any(), phase


def test_growth_beyond_where_it_usually_falls_is_found():
    """The rotation has stopped working."""
    cycle = (HOURS + 24) / 8
    share = 0.45 + 0.15 * np.where(HOURS < -12, cycle % 1, cycle - 1)
    assert alarms(volume(share)).all()


def test_a_weekly_clean_up_is_silent_where_last_week_is_known():
    rising = volume(growing(0.01, 0.78))
    last_week = (Views.WEEK, volume(growing(0.01, 0.80), seed=2))
    assert alarms(rising).all()
    assert not alarms(replace(rising, references=(last_week,))).any()
    lower = (Views.WEEK, volume(growing(0.001, 0.5), seed=2))
    assert alarms(replace(rising, references=(lower,))).all()


def test_one_step_is_judged_by_what_is_left():
    restored = np.where(HOURS > -3, 0.75, 0.3)
    assert not alarms(volume(restored)).any()
    assert alarms(volume(np.where(HOURS > -3, 0.9, 0.3))).all()


def test_a_volume_that_was_resized_neither_grew_nor_shrank():
    share = np.where(HOURS > -4, 0.4, 0.8)
    capacity = np.where(HOURS > -4, 2 * CAPACITY, CAPACITY)
    assert not alarms(volume(share, capacity=capacity)).any()
    shrunk = np.where(HOURS > -4, 0.7, 0.35)
    assert not alarms(volume(shrunk, capacity=np.where(HOURS > -4, CAPACITY / 2, CAPACITY))).any()


def test_growth_through_a_resize_is_followed():
    used = growing(0.01, 0.75)
    capacity = np.where(HOURS > -4, CAPACITY, CAPACITY * 0.8)
    assert alarms(volume(used * CAPACITY / capacity, capacity=capacity, noise=0)).all()


def test_gaps_do_not_matter_and_too_few_samples_only_for_the_trend():
    gappy = volume(growing(0.02, 0.75))
    gappy.level[:, 240:250] = np.nan
    gappy.per[:, 100] = np.nan
    assert alarms(gappy).all()
    young = volume(growing(0.02, 0.75))
    young.level[:, :-20] = np.nan
    assert not alarms(young).any()
    full = volume(0.9)
    full.level[:, :-1] = np.nan
    assert alarms(full).all()


def test_without_a_sample_now_there_is_no_verdict():
    gone = volume(0.9)
    gone.level[:, -1] = np.nan
    found = judged(gone)
    assert set(found.coverage) == {Coverage.NO_DATA}
    assert np.isnan(found.score).all()


def test_small_volumes_are_left_alone():
    assert not alarms(volume(0.97, capacity=5e7)).any()


def test_an_amount_without_a_limit_is_judged_as_a_level():
    used = 3e8 * np.where(HOURS > -1, 4.0, 1.0) * np.random.default_rng(4).normal(1, 0.02, (20, POINTS))
    guards = {"min_used_bytes": 1e8}
    assert fired("threshold-forecast", SignalData(TIMES, level=used), {}, guards, WINDOWS).all()
    assert not fired("threshold-forecast", SignalData(TIMES, level=used / 100), {}, guards, WINDOWS).any()
    rotated = 1e8 + 3e8 * (((HOURS + 24) / 6) % 1) * np.ones((20, 1))
    assert not fired("threshold-forecast", SignalData(TIMES, level=rotated), {}, guards, WINDOWS).any()


def test_it_needs_a_level():
    with pytest.raises(ValueError, match="needs a level"):
        judged(SignalData(TIMES, total=np.zeros((1, POINTS))))
