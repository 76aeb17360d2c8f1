"""What a row adds to level-shift: replicas, falls, members, volume and duration."""

from dataclasses import replace

import numpy as np

from detectors.kinds import DETECTORS
from detectors.model import Coverage
from detectors.windows import SignalData
from tests.detectors.synthetic import TIMES, WINDOWS, T, fired, last, with_days

BYTES = {"min_bytes_per_second": 1e5, "min_absolute_increase_bytes_per_second": 1e6}
REPLICAS = {"per_replica": True}
BOTH = {"max_fraction": 0.2}
DUTY = {"absolute_ratio": 0.25}


def noisy(factor, level=5e6, members=None, series=60, seed=1):
    noise = np.random.default_rng(seed).normal(1, 0.1, (series, T))
    counted = None if members is None else np.broadcast_to(members, (series, T)).astype(float)
    return SignalData(TIMES, level=level * factor * noise, members=counted)


def shares(values, per, series=20):
    level = np.broadcast_to(values, (series, T)) * np.random.default_rng(2).normal(1, 0.03, (series, T))
    return SignalData(TIMES, level=level, per=np.full((series, T), float(per)))


# replicas


def test_more_replicas_that_do_more_are_silent():
    grown = noisy(last(8, 3), members=last(8, 6, 2))
    assert not fired("level-shift", grown, REPLICAS, BYTES).any()
    assert fired("level-shift", grown, {}, BYTES).all()


def test_the_same_replicas_that_do_more_are_found():
    assert fired("level-shift", noisy(last(8, 4), members=3), REPLICAS, BYTES).all()
    assert fired("level-shift", noisy(last(8, 9), members=last(8, 3, 2)), REPLICAS, BYTES).all()


def test_fewer_replicas_that_do_the_same_work_are_silent():
    assert not fired("level-shift", noisy(1.0, members=last(8, 2, 6)), REPLICAS, BYTES).any()


# falls


def test_a_fall_is_found_where_another_day_says_otherwise():
    fallen = noisy(last(8, 0.05))
    found = DETECTORS["level-shift"](with_days(fallen, noisy(1.0, seed=5)), BOTH, BYTES, WINDOWS)
    assert (found.score >= 1).all()
    assert (found.onset == TIMES[-8]).all()
    assert (found.observed < found.expected_low).all()


def test_a_fall_is_silent_without_another_day_or_the_row_s_wish():
    fallen = noisy(last(8, 0.05))
    assert not fired("level-shift", fallen, BOTH, BYTES).any()
    assert not fired("level-shift", with_days(fallen, noisy(1.0, seed=5)), {}, BYTES).any()


def test_the_end_of_a_batch_is_silent():
    batch = noisy(last(8, 1, 20))
    assert not fired("level-shift", with_days(batch, noisy(1.0, seed=5)), BOTH, BYTES).any()


def test_a_fall_of_little_is_silent():
    little = with_days(noisy(last(8, 0.05), level=5e4), noisy(1.0, level=5e4, seed=5))
    assert not fired("level-shift", little, BOTH, BYTES).any()


def test_a_rise_is_still_found_where_falls_are_judged():
    assert fired("level-shift", with_days(noisy(last(8, 4)), noisy(1.0, seed=5)), BOTH, BYTES).all()


def test_scaling_to_fewer_replicas_is_no_fall():
    scaled = noisy(last(8, 0.1), members=last(8, 1, 10))
    assert not fired("level-shift", with_days(scaled, noisy(1.0, seed=5)), BOTH | REPLICAS, BYTES).any()


# shares of little, and short bursts


def test_a_share_of_enough_periods_is_judged():
    throttled = last(8, 0.6, 0.02)
    assert fired("level-shift", shares(throttled, 10), DUTY, {"min_periods_eval": 500}).all()
    found = DETECTORS["level-shift"](shares(throttled, 1), DUTY, {"min_periods_eval": 500}, WINDOWS)
    assert set(found.coverage) == {Coverage.LEARNING}


def test_a_share_of_few_segments_is_not_judged():
    lossy, guards = last(8, 0.05, 0.001), {"min_segments_per_second": 100, "min_level": 0.002}
    assert fired("level-shift", shares(lossy, 200), {}, guards).all()
    assert not fired("level-shift", shares(lossy, 20), {}, guards).any()


def test_a_burst_at_start_up_is_too_short():
    burst = np.where((np.arange(T) >= T - 4) & (np.arange(T) < T - 1), 0.95, 0.02)
    guards = {"min_duration_seconds": 300}
    assert not fired("level-shift", shares(burst, 10), DUTY, guards).any()
    assert fired("level-shift", shares(burst, 10), DUTY, {}, replace(WINDOWS, hold=1)).any()
    assert fired("level-shift", shares(last(8, 0.95, 0.02), 10), DUTY, guards).all()


# members


def test_a_cluster_that_lost_nodes_has_no_verdict():
    guards = {"min_nodes_reporting_share": 0.8, "min_level": 0.5, "min_increase": 0.15}
    busy = SignalData(TIMES, level=last(8, 0.8, 0.3)[None], members=np.full((1, T), 5.0))
    assert fired("level-shift", busy, {}, guards).all()
    found = DETECTORS["level-shift"](replace(busy, members=last(8, 3, 5)[None]), {}, guards, WINDOWS)
    assert found.coverage == (Coverage.NO_DATA,)


# increases of what cannot double


def test_with_a_ratio_of_one_the_increase_decides():
    params, guards = {"min_ratio": 1}, {"min_level": 0.6, "min_increase": 0.1}
    fuller = SignalData(TIMES, level=last(8, 0.8, 0.62) + np.random.default_rng(3).normal(0, 0.005, (20, T)))
    assert fired("level-shift", fuller, params, guards).all()
    assert not fired("level-shift", fuller, {}, guards).any()
    little = SignalData(TIMES, level=last(8, 0.7, 0.62)[None])
    assert not fired("level-shift", little, params, guards).any()
