"""What must hold for any series whatever."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors.scoring import Scorer
from detectors.scoring.average import LARGEST
from detectors.scoring.members import MEMBERS, member

STEP = 300
START = 1_700_000_000
anything = arrays(
    np.float64,
    st.tuples(st.integers(1, 60), st.integers(1, 3)),
    elements=st.one_of(
        st.floats(-1e6, 1e6), st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1.0, 1e300, -1e300, 5e-324])
    ),
)


def run(values: np.ndarray, name: str = "ensemble", step: float = STEP) -> np.ndarray:
    """Scores of (T, S) values."""
    its = member(name, values.shape[1], step)
    return np.array([its.update(START + step * index, row).score for index, row in enumerate(values)])


def walk(seed: int, length: int = 700, series: int = 3) -> np.ndarray:
    random = np.random.default_rng(seed)
    season = 20 * np.sin(2 * np.pi * np.arange(length) / 288)[:, None]
    return 100 + season + random.normal(0, 3, (length, series))


@pytest.mark.parametrize("name", MEMBERS)
@given(values=anything)
@settings(max_examples=6, deadline=None)
def test_any_input_gives_a_score_for_each_sample_and_none_without(name: str, values: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        scores = run(values, name)
    assert np.array_equal(np.isnan(scores), ~(np.abs(values) <= LARGEST))
    assert (scores[~np.isnan(scores)] >= 0).all()


@pytest.mark.parametrize("name", MEMBERS)
@given(values=anything, cut=st.integers(0, 59))
@settings(max_examples=6, deadline=None)
def test_the_future_does_not_change_the_past(name: str, values: np.ndarray, cut: int) -> None:
    with np.errstate(all="ignore"):
        whole, part = run(values, name), run(values[: cut + 1], name)
    assert np.array_equal(whole[: len(part)], part, equal_nan=True)


@pytest.mark.parametrize("name", sorted(set(MEMBERS) - {"isolation-forest"}))
@given(exponent=st.integers(-20, 20), seed=st.integers(0, 99))
@settings(max_examples=6, deadline=None)
def test_the_unit_does_not_matter(name: str, exponent: int, seed: int) -> None:
    values = walk(seed, 350)
    scaled = run(values * 2.0**exponent, name)
    assert np.allclose(run(values, name), scaled, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["z-score", "ema"])
@given(shift=st.integers(-1000, 1000))
@settings(max_examples=6, deadline=None)
def test_the_zero_does_not_matter_where_no_floor_depends_on_it(name: str, shift: int) -> None:
    values = np.rint(walk(1, 350) * 8) / 8
    assert np.allclose(run(values, name), run(values + shift, name), rtol=1e-6, atol=1e-6)


@given(sign=st.sampled_from([1.0, -1.0]), seed=st.integers(0, 99))
@settings(max_examples=6, deadline=None)
def test_up_and_down_are_alike(sign: float, seed: int) -> None:
    assert np.allclose(run(walk(seed, 350)), run(sign * walk(seed, 350)), atol=1e-4)


def test_series_do_not_see_each_other() -> None:
    values = walk(3)
    together = run(values)
    alone = np.hstack([run(values[:, [column]]) for column in range(values.shape[1])])
    assert np.array_equal(together, alone)


def test_a_gap_changes_nothing_but_time() -> None:
    values = walk(5, 400, 1)
    gapped = np.insert(values, 200, np.full((40, 1), np.nan), axis=0)
    scorer, kept = Scorer(1, STEP), []
    for index, row in enumerate(gapped):
        kept.append(scorer.update(START + STEP * index, row).score[0])
    assert np.isnan(kept[200:240]).all()
    assert np.allclose(kept[:200], run(values)[:200, 0])


@pytest.mark.parametrize("level", [0.0, 1.0, -3.5, 1e12])
def test_a_constant_never_alerts(level: float) -> None:
    scorer = Scorer(1, STEP)
    assert not any(scorer.update(START + STEP * index, [level]).alert[0] for index in range(600))


@pytest.mark.parametrize("step", [0, -60, float("nan"), float("inf")])
def test_a_step_that_is_none_is_refused(step: float) -> None:
    with pytest.raises(ValueError, match="must be a positive number"):
        Scorer(1, step)


def test_an_unknown_member_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"'arima'.*z-score, ema, seasonal"):
        member("arima", 1, 60)
