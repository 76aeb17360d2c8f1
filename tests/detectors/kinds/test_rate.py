from dataclasses import replace

import numpy as np
import pytest

from detectors.kinds import DETECTORS
from detectors.model import Coverage, Views
from detectors.windows import SignalData
from tests.detectors.synthetic import TIMES, WINDOWS, T, fired, last, traffic, with_days


def of(per_minute, factor=1.0, **options):
    up = options.pop("up", None)
    rate = traffic(per_minute, factor, **options)
    return SignalData(TIMES, total=rate, up=None if up is None else np.full(len(rate), float(up)))


@pytest.mark.parametrize("minutes", [6, 8, 12])
@pytest.mark.parametrize("dispersion", [1, 5])
def test_a_drop_is_found_while_it_lasts(minutes, dispersion):
    assert fired("rate-drop", of(600, last(minutes, 0.2), dispersion=dispersion)).mean() > 0.9


@pytest.mark.parametrize("minutes", [6, 8, 12])
@pytest.mark.parametrize("dispersion", [1, 5])
def test_a_surge_is_found_while_it_lasts(minutes, dispersion):
    assert fired("rate-surge", of(600, last(minutes, 4), dispersion=dispersion)).mean() > 0.9


def test_what_is_said_of_a_drop():
    found = DETECTORS["rate-drop"](of(600, last(7, 0.1)), {}, {}, WINDOWS)
    assert found.observed == pytest.approx(1, rel=0.3)
    assert found.expected_low == pytest.approx(4, rel=0.1)
    assert np.isposinf(found.expected_high).all()
    assert (found.onset == TIMES[-7]).all()
    assert (found.views == Views.LOCAL).all()


def test_each_looks_one_way_only():
    assert not fired("rate-drop", of(600, last(8, 4))).any()
    assert not fired("rate-surge", of(600, last(8, 0.1))).any()


@pytest.mark.parametrize("kind", ["rate-drop", "rate-surge"])
def test_half_a_percent_of_ten_thousand_is_no_change(kind):
    assert not fired(kind, of(10_000, last(8, 1.02), series=200)).any()


def test_silence_of_a_scraped_target_is_a_drop_and_that_of_an_unknown_one_is_not():
    rate = traffic(600)
    rate[:, -7:] = np.nan
    scraped = DETECTORS["rate-drop"](SignalData(TIMES, total=rate, up=np.ones(40)), {}, {}, WINDOWS)
    assert (scraped.score >= 1).all()
    assert (scraped.observed == 0).all()
    for up in (0.0, np.nan):
        dark = DETECTORS["rate-drop"](SignalData(TIMES, total=rate, up=np.full(40, up)), {}, {}, WINDOWS)
        assert set(dark.coverage) == {Coverage.NO_DATA}
        assert np.isnan(dark.score).all()


def test_present_zeros_are_a_drop():
    found = DETECTORS["rate-drop"](of(600, last(7, 0)), {}, {}, WINDOWS)
    assert (found.score >= 1).all()
    assert set(found.coverage) == {Coverage.LIVE}


def test_a_scrape_gap_is_no_drop():
    rate = traffic(600)
    rate[:, -5:-3] = np.nan
    assert not fired("rate-drop", SignalData(TIMES, total=rate, up=np.ones(40))).any()


def test_a_counter_reset_during_a_rollout_is_no_drop():
    """rate() loses a part of one window per restarted pod."""
    dip = np.ones(T)
    dip[-4:-2] = 0.5
    assert not fired("rate-drop", of(600, dip)).any()


def test_low_traffic_is_not_judged_for_drops():
    found = DETECTORS["rate-drop"](of(3, last(8, 0)), {}, {}, WINDOWS)
    assert not (found.score >= 1).any()
    assert Coverage.LIVE not in found.coverage


def test_a_batch_job_every_ten_minutes_is_no_surge_and_its_end_no_drop():
    bursts = np.where(np.arange(T) % 10 < 3, 8.0, 1.0)
    phases = np.stack([np.roll(bursts, shift) for shift in range(10)])
    for kind in ("rate-surge", "rate-drop"):
        assert not fired(kind, of(600, phases, series=10)).any()


def test_the_same_peak_yesterday_is_no_surge():
    peak = last(6, 3.0)
    assert fired("rate-surge", of(600, peak)).all()
    assert not fired("rate-surge", with_days(of(600, peak), of(580, peak, seed=5))).any()
    flat = DETECTORS["rate-surge"](with_days(of(600, peak), of(600, seed=5)), {}, {}, WINDOWS)
    assert (flat.score >= 1).all()
    assert (flat.views == Views.LOCAL | Views.DAY).all()


def test_recovery_from_a_low_half_hour_is_no_surge():
    recovery = last(6, 1.0, 0.3)
    assert fired("rate-surge", of(600, recovery)).any()
    assert not fired("rate-surge", with_days(of(600, recovery), of(600, seed=5))).any()


def test_sundays_quiet_does_not_hide_mondays_drop():
    drop = of(600, last(7, 0.2))
    assert fired("rate-drop", with_days(drop, of(100, seed=5), of(600, seed=6))).all()


def test_without_another_day_the_threshold_is_higher_and_the_confidence_lower():
    drop = of(600, last(7, 0.44))
    alone = DETECTORS["rate-drop"](drop, {}, {}, WINDOWS)
    backed = DETECTORS["rate-drop"](with_days(drop, of(600, seed=5), of(600, seed=6)), {}, {}, WINDOWS)
    assert (alone.score < backed.score).all()
    assert (backed.score >= 1).mean() > 0.9
    assert not (alone.score >= 1).any()
    stark = of(600, last(7, 0.1))
    first = DETECTORS["rate-drop"](stark, {}, {}, WINDOWS)
    second = DETECTORS["rate-drop"](with_days(stark, of(600, seed=5), of(600, seed=6)), {}, {}, WINDOWS)
    assert (first.confidence < second.confidence).all()


def test_a_series_born_above_zero_is_learning():
    rate = traffic(600)
    rate[:, :-8] = np.nan
    found = DETECTORS["rate-surge"](SignalData(TIMES, total=rate), {}, {}, WINDOWS)
    assert set(found.coverage) == {Coverage.LEARNING}


def test_a_constant_series_cannot_alarm_on_itself():
    flat = np.full((3, T), 10.0)
    flat[1, -6:] = 10.4
    flat[2, -6:] = 9.6
    for kind in ("rate-surge", "rate-drop"):
        assert not fired(kind, SignalData(TIMES, total=flat)).any()


def test_a_worse_drop_has_a_higher_score():
    scores = [DETECTORS["rate-drop"](of(600, last(8, left)), {}, {}, WINDOWS).score.mean() for left in (0.4, 0.2, 0.05)]
    assert scores == sorted(scores)


def test_traffic_that_starts_from_nothing_is_a_surge():
    assert fired("rate-surge", of(600, last(7, 1.0, 0.0))).all()


def test_scale_up_keeps_the_sum():
    data = of(600)
    assert not fired("rate-surge", replace(data, total=data.total * 1.1)).any()
