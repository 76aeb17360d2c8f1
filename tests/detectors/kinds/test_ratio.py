from dataclasses import replace

import numpy as np
import pytest

from detectors.kinds import DETECTORS
from detectors.model import Coverage
from detectors.windows import SignalData
from tests.detectors.synthetic import TIMES, WINDOWS, T, fired, last, requests, traffic, with_days

judge = DETECTORS["ratio-spike"]


@pytest.mark.parametrize("minutes", [5, 8, 12, 16])
@pytest.mark.parametrize("per_minute", [600, 6000])
def test_errors_are_found_while_they_last(per_minute, minutes):
    assert fired("ratio-spike", requests(per_minute, last(minutes, 0.05, 0.001))).mean() > 0.9


def test_what_is_said_of_them():
    found = judge(requests(600, last(8, 0.08, 0.002)), {}, {}, WINDOWS)
    assert found.observed == pytest.approx(0.08, rel=0.2)
    assert (found.expected_high < 0.02).all()
    assert (found.onset == TIMES[-8]).mean() > 0.9
    assert (found.p_value < 1e-6).all()
    assert found.confidence.min() > 0.3
    assert found.extra["errors"] == pytest.approx(found.observed * found.extra["requests"])


def test_a_service_that_never_failed_fails():
    assert fired("ratio-spike", requests(600, last(6, 0.03, 0.0))).mean() > 0.95


def test_an_usual_share_of_errors_is_silent():
    assert not fired("ratio-spike", requests(600, 0.03, series=500)).any()


def test_a_share_below_the_floor_is_silent():
    assert not fired("ratio-spike", requests(6000, last(8, 0.006, 0.0001))).any()


def test_errors_that_come_in_bursts_anyway_are_silent():
    """The same burst of 5 % that is news elsewhere happens here every ten minutes."""
    bursts = np.where(np.arange(T) % 10 >= 7, 0.05, 0.001)
    phases = np.stack([np.roll(bursts, shift) for shift in range(10)])
    assert fired("ratio-spike", requests(600, phases, series=10)).sum() <= 1


def test_one_bad_minute_is_over_before_it_counts():
    assert not fired("ratio-spike", requests(600, np.where(np.arange(T) == T - 6, 0.2, 0.001))).any()


def test_few_requests_are_not_judged():
    found = judge(requests(5, last(8, 0.5, 0.0)), {}, {}, WINDOWS)
    assert set(found.coverage) == {Coverage.LEARNING}
    assert np.isnan(found.score).all()


def test_missing_is_not_normal():
    data = requests(600, 0.001, series=4)
    total, errors = data.total.copy(), data.errors.copy()
    total[0, -8:] = errors[0, -8:] = np.nan
    total[1, -8:] = errors[1, -8:] = np.nan
    total[2, -8:] = errors[2, -8:] = 0
    total[3, :25] = errors[3, :25] = np.nan
    found = judge(replace(data, total=total, errors=errors, up=np.array([1.0, 0, 1, 1])), {}, {}, WINDOWS)
    assert found.coverage == (Coverage.NO_TRAFFIC, Coverage.NO_DATA, Coverage.NO_TRAFFIC, Coverage.LEARNING)


def test_a_gap_within_the_evaluation_leaves_the_verdict():
    data = requests(600, last(8, 0.05, 0.001))
    data.total[:, -3] = data.errors[:, -3] = np.nan
    assert fired("ratio-spike", data).mean() > 0.9


def test_a_series_without_any_sample_and_one_with_a_single_one():
    total = np.full((2, T), np.nan)
    total[1, -1] = 5.0
    found = judge(SignalData(TIMES, total=total, errors=total), {}, {}, WINDOWS)
    assert found.coverage == (Coverage.NO_DATA, Coverage.NO_DATA)
    assert np.isnan(found.score).all()


def test_errors_that_the_same_hour_always_has_are_silent():
    nightly = requests(600, last(5, 0.05, 0.001))
    assert fired("ratio-spike", nightly).any()
    assert not fired("ratio-spike", with_days(nightly, requests(600, last(5, 0.05, 0.001), seed=9))).any()
    assert fired("ratio-spike", with_days(nightly, requests(600, 0.001, seed=9))).mean() > 0.8


def test_an_incident_does_not_become_normal_while_the_engine_remembers_it():
    data = requests(600, last(28, 0.05, 0.001))
    excluded = np.broadcast_to(np.arange(T) >= T - 28, (40, T))
    assert not fired("ratio-spike", data).any()
    remembered = judge(replace(data, excluded=excluded), {}, {"min_requests_baseline": 100}, WINDOWS)
    assert (remembered.score[~np.isnan(remembered.score)] >= 1).all()
    assert np.isfinite(remembered.score).any()


def test_blocks_give_what_one_block_gives():
    share = np.where(np.arange(3000)[:, None] % 100 == 7, last(8, 0.06, 0.001), 0.001)
    data = requests(600, share, series=3000)
    whole = judge(data, {}, {}, WINDOWS)
    assert set(np.flatnonzero(whole.score >= 1) % 100) == {7}
    part = judge(data.rows(slice(2000, 2500)), {}, {}, WINDOWS)
    assert np.array_equal(part.score, whole.score[2000:2500], equal_nan=True)
    assert np.array_equal(part.high, whole.high[2000:2500])
    assert part.coverage == whole.coverage[2000:2500]


def test_without_errors_to_read_it_refuses():
    with pytest.raises(ValueError, match="errors"):
        judge(SignalData(TIMES, total=traffic(60)), {}, {}, WINDOWS)
