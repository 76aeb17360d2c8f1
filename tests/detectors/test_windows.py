from dataclasses import replace

import numpy as np
import pytest

from detectors.model import Views
from detectors.windows import SignalData, Windows, learn, moving_means, season, trailing_run
from tests.detectors.synthetic import TIMES, WINDOWS, T


def test_the_windows_do_not_overlap_and_use_every_point():
    marks = np.arange(T, dtype=float)[None]
    assert WINDOWS.baseline_of(marks)[0].tolist() == list(range(30))
    sums, counts = WINDOWS.evaluation_sums(marks)
    assert sums[:, 0].tolist() == [sum(range(31, 36)), sum(range(30, 35))]
    assert (counts == 5).all()


def test_longer_data_is_cut_at_its_start_and_shorter_data_has_less_baseline():
    assert WINDOWS.baseline_of(np.zeros((1, T + 10))).shape == (1, 30)
    assert WINDOWS.baseline_of(np.zeros((1, 16))).shape == (1, 10)
    assert WINDOWS.baseline_of(np.zeros((1, 3))).shape == (1, 0)


def test_windows_of_nothing_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Windows(evaluation=0)


def test_a_run_ends_the_row_and_may_have_one_gap():
    def run(text):
        out = np.array([[letter == "x" for letter in text]])
        missing = np.array([[letter == "?" for letter in text]])
        return "".join("r" if each else "." for each in trailing_run(out, missing)[0])

    assert run("..xx..xxx") == "......rrr"
    assert run("..xxx.xxx") == "..rrrrrrr"
    assert run("..xx??xx?") == "..rrrrrrr"
    assert run("xxxx.....") == "........."
    assert run("xxxx?....") == "........."
    assert run(".........") == "........."
    assert run("?????????") == "........."


def baseline_of(values, sign=1, excluded=None):
    data = SignalData(TIMES, total=values, excluded=excluded)
    return learn(values, data, WINDOWS, floor=0.0, sign=sign)


def test_an_incident_under_way_does_not_train_its_baseline():
    values = np.random.default_rng(1).normal(100, 3, (1, T))
    values[:, 22:] += 300
    assert np.nanmax(baseline_of(values).training) < 150
    assert np.isnan(baseline_of(values).training[0, 22:]).all()


def test_what_is_abnormal_on_the_other_side_trains():
    values = np.random.default_rng(1).normal(100, 3, (1, T))
    values[:, 22:] += 300
    assert np.nanmax(baseline_of(values, sign=-1).training) > 300


def test_a_burst_in_the_middle_is_how_the_series_behaves():
    values = np.random.default_rng(1).normal(100, 3, (1, T))
    values[:, 10:13] += 300
    assert np.nanmax(baseline_of(values).training) > 300


def test_what_the_engine_excludes_does_not_train():
    values = np.random.default_rng(1).normal(100, 3, (1, T))
    excluded = np.zeros((1, T), dtype=bool)
    excluded[:, 10:] = True
    learned = baseline_of(values, excluded=excluded)
    assert np.isnan(learned.training[0, 10:]).all()
    assert learned.coverage[0] == 1
    excluded[:] = True
    assert not baseline_of(values, excluded=excluded).enough[0]


@pytest.mark.parametrize(("present", "enough"), [(17, False), (18, True), (30, True)])
def test_sixty_percent_of_the_baseline_must_exist(present, enough):
    values = np.full((1, T), np.nan)
    values[:, 30 - present : 30] = 1.0
    assert baseline_of(values).enough[0] == enough


def test_moving_means_are_those_of_a_loop():
    values = np.random.default_rng(2).normal(10, 1, (4, 12))
    values[0, 3:6] = np.nan
    ours = moving_means(values, 5)
    for start in range(8):
        piece = values[:, start : start + 5]
        theirs = [row[~np.isnan(row)].mean() if np.isnan(row).sum() <= 2 else np.nan for row in piece]
        assert ours[:, start] == pytest.approx(np.array(theirs), nan_ok=True)


def constant(level):
    return SignalData(TIMES, level=np.full((2, T), float(level)))


def of_level(data):
    return data.level[:, 0], WINDOWS.evaluation_means(data.level)


def test_of_two_earlier_days_the_one_like_today_speaks():
    """Monday is compared with last Monday, not with Sunday."""
    monday = replace(constant(100), references=((Views.DAY, constant(30)), (Views.WEEK, constant(95))))
    found = season(monday, WINDOWS, monday.level[:, 0], of_level)
    assert (found.expected == 95).all()
    assert (found.views == Views.DAY | Views.WEEK).all()


def test_a_day_without_data_is_no_view():
    gone = SignalData(TIMES, level=np.full((2, T), np.nan))
    today = replace(constant(100), references=((Views.DAY, gone),))
    found = season(today, WINDOWS, today.level[:, 0], of_level)
    assert np.isnan(found.expected).all()
    assert (found.views == 0).all()


def test_rows_cut_everything_alike():
    data = SignalData(
        TIMES,
        total=np.arange(3.0)[:, None] * np.ones(T),
        up=np.arange(3.0),
        references=((Views.DAY, SignalData(TIMES, total=np.ones((3, T)))),),
        excluded=np.zeros((3, T), dtype=bool),
    )
    cut = data.rows(slice(1, 3))
    assert cut.size == 2
    assert cut.up.tolist() == [1, 2]
    assert cut.references[0][1].size == 2
    assert data.rows(np.array([2, 0])).total[:, 0].tolist() == [2, 0]


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("points", [3, 36])
def test_sums_over_complete_windows_are_the_same_to_the_last_digit(missing, points):
    random = np.random.default_rng(points)
    values = random.lognormal(size=(7, 5, points))
    values[random.random(values.shape) < missing] = np.nan
    windows = Windows()
    for laid_out in (values, np.asfortranarray(values), np.moveaxis(np.moveaxis(values, 1, 2).copy(), 2, 1)):
        recent = laid_out[..., -(windows.evaluation + windows.hold - 1) :]
        filled = np.where(np.isnan(recent), 0.0, recent)
        ends = [recent.shape[-1] - back for back in range(windows.hold)]
        expected = np.stack([filled[..., max(0, end - windows.evaluation) : end].sum(axis=-1) for end in ends])
        samples = [(~np.isnan(recent))[..., max(0, end - windows.evaluation) : end].sum(axis=-1) for end in ends]
        sums, counts = windows.evaluation_sums(laid_out)
        assert np.array_equal(sums, expected)
        assert np.array_equal(counts, samples)
