from dataclasses import replace

import numpy as np
import pytest

from detectors.kinds import DETECTORS
from detectors.model import Coverage, Views
from detectors.windows import SignalData
from tests.detectors.synthetic import TIMES, WINDOWS, T, fired, last, with_days

ONCE = replace(WINDOWS, hold=1)
RESTARTS = {"min_restarts_eval": 3}
AFFECTED = {"min_affected_containers": 1, "min_duration_seconds": 60}


def events(*minutes, series=1):
    rate = np.zeros((series, T))
    for minute in minutes:
        rate[:, minute] += 1 / 60
    return SignalData(TIMES, total=rate)


def levels(*rows, up=None):
    return SignalData(TIMES, level=np.array(rows, dtype=float), up=None if up is None else np.array(up, dtype=float))


# count-spike


def test_a_burst_after_quiet_is_news():
    found = DETECTORS["count-spike"](events(-4, -3, -2), {}, RESTARTS, ONCE)
    assert found.score[0] >= 1
    assert found.observed[0] == 3
    assert fired("count-spike", events(-3), {}, {"min_kills": 1}, ONCE).all()


def test_fewer_than_the_guard_are_silent():
    assert not fired("count-spike", events(-4, -3), {}, RESTARTS, ONCE).any()


def test_the_usual_number_is_silent_and_many_more_are_not():
    usual = events(*range(0, T, 2))
    assert not fired("count-spike", usual, {}, RESTARTS, ONCE).any()
    assert fired("count-spike", events(*range(0, T, 2), *[-4, -3, -2] * 8), {}, RESTARTS, ONCE).all()


def test_events_that_come_in_lumps_anyway_are_silent():
    lumps = [minute for start in (2, 9, 16, 23) for minute in (start, start, start, start)]
    assert not fired("count-spike", events(*lumps, -3, -3, -3, -3), {}, RESTARTS, ONCE).any()


def test_old_events_are_silent():
    assert not fired("count-spike", events(5, 6, 7, 8), {}, RESTARTS, ONCE).any()


def test_rates_are_rounded_to_whole_events():
    data = events(-4, -3, -2)
    assert fired("count-spike", replace(data, total=data.total * 0.97), {}, RESTARTS, ONCE).all()


def test_a_gauge_of_events_counts_by_its_increases():
    steps = np.where(np.arange(T) >= T - 3, 8.0, 5.0)
    assert fired("count-spike", levels(steps), {}, {"min_events_eval": 3}, ONCE).all()
    assert not fired("count-spike", levels(np.full(T, 50.0)), {}, {"min_events_eval": 3}, ONCE).any()


def test_few_among_many_are_silent():
    """Errors among packets: a share that every network has."""
    errors, guards = SignalData(TIMES, total=last(5, 2.0, 0.0)[None]), {"min_errors_eval": 100}
    share = guards | {"min_error_share_of_packets": 1e-4}
    for packets, fires in ((1e3, True), (1e6, False)):
        assert fired("count-spike", replace(errors, per=np.full((1, T), packets)), {}, share, ONCE).all() == fires
    assert fired("count-spike", errors, {}, share, ONCE).all()


def test_counting_needs_data():
    data = events(-4, -3, -2, series=2)
    data.total[0, -4:] = np.nan
    data.total[1, :-8] = np.nan
    found = DETECTORS["count-spike"](data, {}, RESTARTS, ONCE)
    assert found.coverage == (Coverage.NO_DATA, Coverage.LEARNING)


# state-transition, also for gauges of affected objects


@pytest.mark.parametrize(("kind", "guards"), [("state-transition", {"hold_seconds": 60}), ("count-spike", AFFECTED)])
def test_a_state_that_lasts_is_found_and_dated(kind, guards):
    found = DETECTORS[kind](levels(last(6, 1, 0), last(30, 2, 0)), {}, guards, ONCE)
    assert (found.score >= 1).all()
    assert found.onset.tolist() == [TIMES[-6], TIMES[-30]]
    assert found.observed.tolist() == [1, 2]
    assert (found.views == Views.STATE).all()


def test_a_state_shorter_than_the_hold_or_over_is_silent():
    over = np.where((np.arange(T) > 5) & (np.arange(T) < 30), 1.0, 0.0)
    data = levels(last(3, 1, 0), over, np.zeros(T))
    assert not fired("state-transition", data, {"hold_seconds": 600}, {}, ONCE).any()
    assert not fired("state-transition", data, {"hold_seconds": 300}, {}, ONCE).any()


def test_a_state_that_blinks_still_lasts():
    blinking = last(12, 1, 0)
    blinking[-4] = 0
    assert fired("state-transition", levels(blinking), {"hold_seconds": 600}, {}, ONCE).all()


def test_a_state_series_that_vanished_is_over_only_if_its_exporter_is_there():
    gone = np.where(np.arange(T) < T - 6, 1.0, np.nan)
    found = DETECTORS["state-transition"](levels(gone, gone, up=[1, 0]), {}, {}, ONCE)
    assert found.coverage == (Coverage.LIVE, Coverage.NO_DATA)
    assert found.score[0] < 1
    assert np.isnan(found.score[1])


def test_an_event_announces_the_state_for_one_evaluation():
    assert fired("state-transition", events(-3), {"hold_seconds": 60}, {}, ONCE).all()
    assert not fired("state-transition", events(-9), {"hold_seconds": 60}, {}, ONCE).any()


def test_always_bad_is_bad():
    assert fired("state-transition", levels(np.ones(T)), {"hold_seconds": 600}, {}, ONCE).all()


# level-shift

BYTES = {"min_bytes_per_second": 1e5, "min_absolute_increase_bytes_per_second": 1e6}


def noisy(factor, level=2e6, series=60, seed=1):
    return SignalData(TIMES, level=level * factor * np.random.default_rng(seed).normal(1, 0.1, (series, T)))


@pytest.mark.parametrize("minutes", [6, 10, 16])
def test_a_shift_is_found_while_it_lasts(minutes):
    found = DETECTORS["level-shift"](noisy(last(minutes, 3)), {}, BYTES, WINDOWS)
    assert (found.score >= 1).mean() > 0.95
    assert (found.onset == TIMES[-minutes]).mean() > 0.9


def test_a_slow_drift_is_found():
    ramp = np.concatenate([np.ones(12), np.linspace(1, 6, T - 12)])
    assert fired("level-shift", noisy(ramp)).mean() > 0.9


def test_noise_steps_below_the_ratio_and_small_numbers_are_silent():
    assert not fired("level-shift", noisy(1.0, series=500), {}, BYTES).any()
    assert not fired("level-shift", noisy(last(8, 1.5)), {}, BYTES).any()
    assert not fired("level-shift", noisy(last(8, 5), level=1e4), {}, BYTES).any()


def test_a_constant_level_cannot_alarm_on_itself():
    flat = np.full((2, T), 5.0)
    flat[1, -8:] = 5.1
    assert not fired("level-shift", SignalData(TIMES, level=flat)).any()


def test_the_nightly_backup_is_silent_where_another_day_is_known():
    backup = noisy(last(6, 4))
    assert not fired("level-shift", with_days(backup, noisy(last(6, 4), seed=5)), {}, BYTES).any()
    assert fired("level-shift", with_days(backup, noisy(1.0, seed=5)), {}, BYTES).all()


def test_floors_of_the_row():
    throttled = SignalData(TIMES, level=0.05 * last(8, 4)[None] * np.ones((2, T)))
    assert not fired("level-shift", throttled, {"absolute_ratio": 0.25}).any()
    assert fired("level-shift", throttled, {"absolute_ratio": 0.15}).all()


def test_a_level_needs_data():
    data = noisy(1.0, series=3)
    data.level[0] = np.nan
    data.level[1, -4:] = np.nan
    data.level[2, :20] = np.nan
    found = DETECTORS["level-shift"](data, {}, {}, WINDOWS)
    assert found.coverage == (Coverage.NO_DATA, Coverage.NO_DATA, Coverage.LEARNING)


@pytest.mark.parametrize("kind", ["level-shift", "state-transition", "rate-drop", "count-spike"])
def test_without_anything_to_judge_it_refuses(kind):
    with pytest.raises(ValueError, match=r"without|needs"):
        DETECTORS[kind](SignalData(TIMES), {}, {}, WINDOWS)
