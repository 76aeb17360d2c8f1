from dataclasses import replace

import numpy as np
import pytest

from detectors.kinds import DETECTORS
from detectors.model import Coverage
from detectors.windows import SignalData
from tests.detectors.synthetic import TIMES, WINDOWS, T, fired, last, latency, with_days

judge = DETECTORS["quantile-shift"]
P95 = {"quantile": 0.95, "min_multiple": 1.6, "min_increase_ms": 75}
P50 = {"quantile": 0.5, "min_multiple": 1.5, "min_increase_ms": 20}


@pytest.mark.parametrize("minutes", [5, 8, 12, 16])
@pytest.mark.parametrize("params", [P50, P95])
def test_slowness_is_found_while_it_lasts(minutes, params):
    assert fired("quantile-shift", latency(600, last(minutes, 0.4, 0.1)), params).mean() > 0.9


def test_what_is_said_of_it():
    found = judge(latency(600, last(8, 0.4, 0.1)), P50, {}, WINDOWS)
    assert found.observed == pytest.approx(0.4, rel=0.15)
    assert found.extra["usual"] == pytest.approx(0.1, rel=0.5)
    assert (found.onset == TIMES[-8]).mean() > 0.9
    assert (found.expected_high < found.observed).all()
    assert (found.extra["resolution"] >= 0.15).all()


def test_a_slow_tail_moves_p95_and_not_the_median():
    slow = latency(60, 2.0, series=40)
    normal = latency(600, 0.1, seed=2)
    share = (np.arange(T) >= T - 8)[None, None, :]
    data = replace(normal, buckets=normal.buckets + np.where(share, slow.buckets, 0))
    assert fired("quantile-shift", data, P95).all()
    assert not fired("quantile-shift", data, P50).any()


def test_values_beside_a_bound_that_cross_it_are_silent():
    """A change of 2 % moves the estimate by a whole bucket: 175 to 375 ms."""
    assert not fired("quantile-shift", latency(600, last(8, 0.2525, 0.2475), sigma=0.001), P50).any()
    assert not fired("quantile-shift", latency(600, last(8, 0.2525, 0.2475), sigma=0.05), P50).any()


def test_a_real_shift_beyond_the_next_bucket_is_found():
    assert fired("quantile-shift", latency(600, last(8, 0.7, 0.2), sigma=0.001), P50).all()


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3])
def test_a_noisy_median_is_silent(noise):
    wander = 0.1 * np.exp(np.random.default_rng(1).normal(0, noise, (300, T)))
    assert not fired("quantile-shift", latency(600, wander, series=300), P50).any()
    assert not fired("quantile-shift", latency(600, wander, series=300), P95).any()


def test_microseconds_that_double_are_below_the_floor():
    assert not fired("quantile-shift", latency(600, last(8, 0.012, 0.004)), P50).any()


def test_few_observations_are_not_judged():
    found = judge(latency(6, last(8, 2.0, 0.1)), P95, {}, WINDOWS)
    assert set(found.coverage) == {Coverage.LEARNING}


def test_values_beyond_the_highest_bound_are_said_to_be_clamped():
    found = judge(latency(600, last(8, 30.0, 0.1)), P50, {}, WINDOWS)
    assert (found.score >= 1).all()
    assert (found.extra["clamped"] == 1).all()
    assert (found.observed == 10).all()


def test_what_is_always_clamped_is_silent():
    assert not fired("quantile-shift", latency(600, 30.0), P50).any()


def test_missing_is_not_normal():
    data = latency(600, 0.1, series=3)
    buckets = data.buckets.copy()
    buckets[0, :, -8:] = np.nan
    buckets[1, :, -8:] = 0
    buckets[2] = np.nan
    found = judge(replace(data, buckets=buckets, up=np.array([0.0, 1.0, np.nan])), P50, {}, WINDOWS)
    assert found.coverage == (Coverage.NO_DATA, Coverage.NO_TRAFFIC, Coverage.NO_DATA)
    assert np.isnan(found.score).all()


def test_new_bucket_bounds_are_learned_first():
    data = latency(600, 0.1)
    buckets = data.buckets.copy()
    buckets[:, :, :-8] = np.nan
    assert set(judge(replace(data, buckets=buckets), P50, {}, WINDOWS).coverage) == {Coverage.LEARNING}


def test_the_same_slow_hour_yesterday_is_silent():
    backup = latency(600, last(6, 0.4, 0.1))
    assert fired("quantile-shift", backup, P50).mean() > 0.9
    assert not fired("quantile-shift", with_days(backup, latency(600, last(6, 0.4, 0.1), seed=5)), P50).any()
    assert fired("quantile-shift", with_days(backup, latency(600, 0.1, seed=5)), P50).mean() > 0.9


def test_more_traffic_at_the_same_speed_is_silent():
    surge = np.where(np.arange(T) >= T - 8, 6000, 600)
    assert not fired("quantile-shift", latency(surge, 0.1), P95).any()


def test_two_buckets_are_enough():
    bounds = np.array([0.1, np.inf])
    found = judge(latency(600, last(8, 0.4, 0.05), bounds=bounds), P50, {}, WINDOWS)
    assert np.isfinite(found.score).all()


def test_without_buckets_it_refuses():
    with pytest.raises(ValueError, match="buckets"):
        judge(SignalData(TIMES, level=np.zeros((1, T))), P50, {}, WINDOWS)
