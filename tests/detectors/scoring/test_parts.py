"""The parts against independent oracles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.tsa.holtwinters import SimpleExpSmoothing

from detectors.scoring.agreement import agreement
from detectors.scoring.alerts import Episodes, Persistence
from detectors.scoring.average import gain
from detectors.scoring.forest import IsolationForest, usual_path
from detectors.scoring.grid import ordered
from detectors.scoring.noise import NoiseFloor
from detectors.scoring.threshold import TailThreshold
from detectors.scoring.tuning import TUNING, Tuning
from detectors.scoring.views import Level, Spread
from detectors.scoring.window import WINDOW_TUNING, window_scores

ONE = np.array([True])
NOTHING = np.full(1, 1e-12)


def test_a_level_without_outliers_is_simple_exponential_smoothing() -> None:
    tuning = Tuning(winsor=1e15)
    level, values = Level(1, tuning), np.random.default_rng(1).normal(0, 1, 300)
    values[:100] = 0
    for value in values:
        level.update(np.array([value]), ONE, NOTHING, ONE)
    fit = SimpleExpSmoothing(values[100:], initialization_method="known", initial_level=0.0).fit(
        smoothing_level=gain(tuning.level_half_life), optimized=False
    )
    assert level.centre[0] == pytest.approx(fit.forecast(1)[0], abs=1e-6)


def test_a_spread_is_the_standard_deviation_of_normal_samples() -> None:
    spread = Spread(1, Tuning(winsor=6, spread_half_life=1e6))
    for value in stats.norm(scale=7).rvs(20_000, random_state=1):
        spread.update(np.array([value]), ONE, NOTHING)
    assert spread.value(NOTHING)[0] == pytest.approx(7, rel=0.03)


@pytest.mark.parametrize("unit", [1.0, 0.25, 1e-6, 1024.0])
def test_the_floor_of_counts_is_their_poisson_deviation_in_any_unit(unit: float) -> None:
    floor, law = NoiseFloor(1, TUNING), stats.poisson(6)
    for seen, count in enumerate(law.rvs(5000, random_state=1), start=1):
        found = floor.update(np.array([count * unit]), ONE, np.array([float(seen)]))
    assert found[0] / unit == pytest.approx(law.std(), rel=0.12)


def test_the_floor_of_continuous_values_is_a_share_of_their_level() -> None:
    floor = NoiseFloor(1, TUNING)
    for seen, value in enumerate(np.random.default_rng(1).normal(100, 1, 5000), start=1):
        found = floor.update(np.array([value]), ONE, np.array([float(seen)]))
    assert found[0] == pytest.approx(TUNING.share * 100, rel=0.02)


def test_the_tail_of_a_power_law_is_extrapolated() -> None:
    tuning = Tuning(prior_weight=1, least=0.1, youth=0, tail_memory=20_000)
    tail, law = TailThreshold(1, 60, tuning), stats.pareto(2.0)
    for seen, value in enumerate(law.rvs(60_000, random_state=1), start=1):
        tail.update(np.array([value]), np.zeros(1), ONE, np.array([float(seen)]))
    wanted = tuning.tail_far * (tuning.tail_far / tuning.tail_near) ** tuning.tail_reach
    assert tail.value(np.array([60_000.0]))[0] == pytest.approx(law.isf(wanted), rel=0.15)


def test_a_young_series_has_the_prior_for_a_threshold() -> None:
    assert TailThreshold(1, 60, TUNING).of_tail(np.zeros(1))[0] == pytest.approx(TUNING.prior)


def test_agreement_is_the_geometric_mean_of_the_views_that_know() -> None:
    views = [np.array([2.0, 2.0, -5.0]), np.array([8.0, 8.0, -5.0]), np.array([99.0, -9.0, 1.0])]
    known = [np.array([True, True, True]), np.array([True, True, True]), np.array([False, True, False])]
    found = agreement(views, known, np.array([1.0, 1.0, -1.0]))
    assert found == pytest.approx([stats.gmean([2, 8]), stats.gmean([2, 8, 0.01]), 5.0])


def test_two_in_a_row_weigh_more_than_one_and_opposite_ones_do_not_add_up() -> None:
    limit = np.array([100.0])
    single, same, opposite = (Persistence(1, 60, Tuning(smoothing=0.0)) for _ in range(3))
    for persistence, sign in ((same, 1.0), (opposite, -1.0)):
        persistence.update(np.array([6.0]), np.array([sign]), ONE, limit)
    found = [p.update(np.array([6.0]), np.array([1.0]), ONE, limit)[0] for p in (single, same, opposite)]
    assert found == pytest.approx([6 / TUNING.single, 6, 6 / TUNING.single])


def test_an_episode_alerts_once_and_again_when_it_was_over_or_is_worse() -> None:
    episodes = Episodes(1, 60, TUNING)
    scores = np.concatenate([np.full(5, 2.0), np.zeros(12), [2.0], np.zeros(12), [9.0], np.zeros(40), [2.0]])
    starts = [bool(episodes.update(np.array([s > 1]), np.array([s]), ONE)[0]) for s in scores]
    assert list(np.flatnonzero(starts)) == [0, 17, 30, 71]


def test_the_forest_isolates_what_lies_apart() -> None:
    random = np.random.default_rng(1)
    points = random.normal(0, 1, (3, 256, 2))
    forest = IsolationForest.fit(points, random)
    assert (forest.score(np.full((3, 2), 9.0)) > 0.65).all()
    assert (forest.score(np.zeros((3, 2))) < 0.5).all()


def test_the_usual_path_is_that_of_binary_search_trees() -> None:
    harmonic = sum(1 / n for n in range(1, 256))
    assert usual_path(np.array([1.0, 256.0])) == pytest.approx([0, 2 * harmonic - 2 * 255 / 256], rel=1e-3)


def test_samples_are_put_in_order_and_the_step_is_read_from_them() -> None:
    samples = ordered([180, 60, 120, 120, 600], [3.0, 1.0, 9.0, 2.0, np.inf])
    assert list(samples.times) == [60, 120, 180, 600]
    assert np.array_equal(samples.values, [1.0, 2.0, 3.0, np.nan], equal_nan=True)
    assert (samples.step, samples.duplicates, samples.reordered) == (60, 1, 1)


@pytest.mark.parametrize(("times", "values"), [([1, 2], [1.0]), ([np.nan, 2], [1.0, 2.0]), ([[1]], [[1.0]])])
def test_what_is_no_series_is_refused(times: list, values: list) -> None:
    with pytest.raises(ValueError, match=r"must be one list|is no number"):
        ordered(times, values)


def test_a_series_of_one_point_or_none_is_one() -> None:
    assert ordered([60], [1.0]).step == 60
    assert len(ordered([], []).times) == 0


def test_the_window_sees_only_its_own_length() -> None:
    values = np.random.default_rng(1).normal(50, 1, 200)
    other = values.copy()
    other[:100] = 1e6
    assert np.array_equal(window_scores(values, 35)[134:], window_scores(other, 35)[134:])


def test_the_window_finds_a_jump_and_stays_silent_on_noise() -> None:
    values = np.random.default_rng(1).normal(50, 1, 400)
    assert not (window_scores(values, 35) > 1).any()
    values[300:303] += 60
    assert (window_scores(values, 35)[300:303] > 1).any()
    assert WINDOW_TUNING.threshold > 0
