"""Faults that must alert, and look-alikes that must not."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.model import Views
from detectors.scoring import Scorer

STEP = 300
DAY = 288
START = 1_699_833_600
"""A midnight."""


def healthy(days: float, *, seed: int = 1, noise: float = 2.0) -> np.ndarray:
    """One value each five minutes with a daily season, shape (T,)."""
    at = np.arange(int(days * DAY))
    return 100 + 30 * np.sin(2 * np.pi * at / DAY) + np.random.default_rng(seed).normal(0, noise, len(at))


def alerts(values: np.ndarray, step: float = STEP) -> np.ndarray:
    """Positions where an alert starts in (T,)."""
    scorer = Scorer(1, step)
    return np.flatnonzero([scorer.update(START + step * i, [value]).alert[0] for i, value in enumerate(values)])


def test_a_healthy_series_is_quiet() -> None:
    assert len(alerts(healthy(6))) == 0


@pytest.mark.parametrize("size", [60, -60])
def test_a_spike_alerts_once_and_at_once(size: float) -> None:
    values = healthy(5)
    at = int(4.3 * DAY)
    values[at : at + 6] += size
    found = alerts(values)
    assert len(found) == 1
    assert at <= found[0] <= at + 1


def test_the_same_bump_every_day_is_the_season() -> None:
    values = healthy(6)
    for day in range(6):
        values[day * DAY + 100 : day * DAY + 112] += 60
    found = alerts(values)
    assert not (found > 3 * DAY).any()


def test_a_short_peak_at_about_the_same_hour_becomes_a_habit_and_one_at_another_hour_does_not() -> None:
    values = healthy(9)
    for day in range(9):
        values[day * DAY + 120 + (day * 7) % 9] += 300
    values[8 * DAY + 250 : 8 * DAY + 253] += 300
    found = alerts(values)
    late = found[found >= 6 * DAY]
    assert list(late // 10) == [(8 * DAY + 250) // 10]


def test_a_level_shift_alerts_and_is_adopted() -> None:
    values = healthy(8)
    values[5 * DAY :] += 80
    found = alerts(values)
    assert 5 * DAY <= found[0] <= 5 * DAY + 3
    assert len(found) <= 3
    assert not (found > 6.5 * DAY).any()


def test_an_anomaly_does_not_train_what_it_is_judged_by() -> None:
    scorer, values = Scorer(1, STEP), healthy(4)
    values[-12:] += 100
    expected = [scorer.update(START + STEP * i, [value]).expected[0] for i, value in enumerate(values)]
    clean = healthy(4)
    assert abs(expected[-1] - clean[-1]) < 40


def test_the_first_event_after_a_long_silence_is_news_only_when_it_is_many() -> None:
    one, many = np.zeros(3 * DAY), np.zeros(3 * DAY)
    one[2 * DAY] = 1
    many[: DAY // 2 : 20] = 1
    many[2 * DAY : 2 * DAY + 3] = 60
    assert len(alerts(one)) == 0
    assert (alerts(many) >= 2 * DAY).any()


def test_the_unit_of_a_count_does_not_matter() -> None:
    counts = np.random.default_rng(2).poisson(3.0, 4 * DAY).astype(float)
    counts[3 * DAY + 50 : 3 * DAY + 54] = 40
    assert np.array_equal(alerts(counts), alerts(counts / 64))


def test_learning_says_nothing_and_then_which_views_it_has() -> None:
    scorer, seen = Scorer(1, STEP), []
    for index, value in enumerate(healthy(8.1)):
        scores = scorer.update(START + STEP * index, [value])
        seen.append((bool(scores.learning[0]), Views(int(scores.views[0])), float(scores.score[0])))
    assert seen[3] == (True, Views.LOCAL, 0.0)
    assert seen[100][:2] == (False, Views.LOCAL)
    assert seen[300][:2] == (False, Views.LOCAL | Views.DAY)
    assert seen[-1][:2] == (False, Views.LOCAL | Views.DAY | Views.WEEK)


def test_no_sample_is_no_verdict() -> None:
    scores = Scorer(2, STEP).update(START, [np.nan, np.inf])
    assert np.isnan(scores.score).all()
    assert not scores.alert.any()
    assert not scores.views.any()
