"""The detectors that people know, against other implementations of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.tsa.holtwinters import SimpleExpSmoothing

from detectors.scoring.average import gain
from detectors.scoring.forest import IsolationForest
from detectors.scoring.members import MEMBERS, MovingAverage, ZScore, member
from detectors.scoring.tuning import TUNING

DAY = 288
START = 1_699_833_600
"""A midnight."""
STEP = 300


def opinions(name: str, values: np.ndarray, step: float = STEP) -> tuple[np.ndarray, np.ndarray]:
    """Scores and expectations of one series (T,)."""
    its = member(name, 1, step)
    said = [its.update(START + step * index, [value]) for index, value in enumerate(values)]
    return np.array([each.score[0] for each in said]), np.array([each.expected[0] for each in said])


def season(days: int, noise: float = 0.5, seed: int = 1) -> np.ndarray:
    """A daily season with noise that no winsorising cuts."""
    at = np.arange(days * DAY)
    return 100 + 30 * np.sin(2 * np.pi * at / DAY) + np.random.default_rng(seed).uniform(-noise, noise, len(at))


def test_the_z_score_is_that_of_scipy() -> None:
    values, its = np.random.default_rng(3).normal(5, 2, 31), ZScore(1, 60, seconds=30 * 60)
    score = [its.update(0, [value]).score[0] for value in values][-1]
    assert score == pytest.approx(abs(stats.zmap(values[-1:], values[:-1], ddof=1)[0]) / 3)


def test_the_moving_average_is_that_of_pandas() -> None:
    values, its = np.random.default_rng(4).gamma(2, 5, 2000), MovingAverage(1, 60)
    said = [its.update(0, [value]) for value in values]
    ewm = pd.Series(values).ewm(alpha=gain(30), adjust=False)
    mean, spread = ewm.mean().to_numpy()[-2], ewm.std(bias=True).to_numpy()[-2]
    assert said[-1].expected[0] == pytest.approx(mean, rel=1e-6)
    assert said[-1].score[0] == pytest.approx(abs(values[-1] - mean) / spread / 3, rel=1e-6)


def test_the_seasonal_expectation_is_the_mean_of_the_days_before() -> None:
    values = season(6)
    _, expected = opinions("seasonal", values)
    naive = values.reshape(6, DAY)[:5].mean(axis=0)
    assert np.allclose(expected[5 * DAY :], naive, atol=0.05)


def test_holt_winters_is_exponential_smoothing_of_what_the_season_leaves() -> None:
    values = season(6) + np.repeat([0, 0, 0, 0, 0, 1.0], DAY)
    _, by_season = opinions("seasonal", values)
    _, forecast = opinions("holt-winters", values)
    left = (values - by_season)[DAY:]
    fit = SimpleExpSmoothing(left, initialization_method="known", initial_level=left[0]).fit(
        smoothing_level=gain(TUNING.level_half_life), optimized=False
    )
    assert np.allclose((forecast - by_season)[DAY + 300 :], fit.fittedvalues[300:], atol=0.05)


def test_the_forest_scores_like_that_of_scikit_learn() -> None:
    ensemble = pytest.importorskip("sklearn.ensemble", reason="scikit-learn of the dev extra is not installed")
    random = np.random.default_rng(1)
    points = random.normal(0, 1, (256, 3))
    asked = np.concatenate([random.normal(0, 1, (40, 3)), random.normal(0, 4, (40, 3))])
    ours = IsolationForest.fit(np.repeat(points[None], len(asked), axis=0), random, trees=200, sample=64).score(asked)
    theirs = (
        -ensemble.IsolationForest(n_estimators=400, max_samples=64, random_state=1).fit(points).score_samples(asked)
    )
    assert np.abs(ours - theirs).max() < 0.06
    assert stats.spearmanr(ours, theirs).statistic > 0.98


@pytest.mark.parametrize("name", MEMBERS)
def test_each_finds_a_jump_and_hardly_anything_else(name: str) -> None:
    values = np.random.default_rng(2).normal(100, 2, 5 * DAY)
    at = 4 * DAY + 100
    values[at : at + 3] += 150
    scores, _ = opinions(name, values)
    assert (scores[at : at + 3] >= 1).any()
    healthy = np.delete(scores[2 * DAY :], slice(at - 2 * DAY, at - 2 * DAY + 60))
    assert (healthy >= 1).mean() <= 0.02


@pytest.mark.parametrize("name", ["seasonal", "holt-winters", "ensemble"])
def test_a_season_is_silent_to_those_that_know_one_and_its_absence_is_not(name: str) -> None:
    values = season(6)
    scores, _ = opinions(name, values)
    assert not (scores[2 * DAY :] >= 1).any()
    at = 5 * DAY + DAY // 4
    values[at : at + 6] = values[at + DAY // 2]
    assert (opinions(name, values)[0][at : at + 6] >= 1).any()


@pytest.mark.parametrize("name", sorted(set(MEMBERS) - {"isolation-forest"}))
def test_what_is_not_to_be_learnt_from_moves_no_expectation(name: str) -> None:
    values = np.random.default_rng(5).normal(100, 2, 2 * DAY)
    taught, frozen = (MEMBERS[name].make(1, STEP) for _ in range(2))
    for index, value in enumerate(values):
        for its in (taught, frozen):
            its.update(START + STEP * index, [value])
    for index in range(len(values), len(values) + 60):
        at = START + STEP * index
        one, other = taught.update(at, [140.0]), frozen.update(at, [140.0], np.array([False]))
        assert other.score[0] >= 1
    assert other.expected[0] == pytest.approx(100, abs=4)
    assert one.expected[0] >= other.expected[0]


def test_a_forest_that_was_never_grown_says_nothing() -> None:
    its = member("isolation-forest", 2, 60)
    for index in range(300):
        said = its.update(60 * index, [float(index % 7), np.nan])
    assert said.known.tolist() == [True, False]
    said = its.update(60 * 301, [1.0, 5.0])
    assert said.score[1] == 0
