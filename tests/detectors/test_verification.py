"""A new revision against the old one: worse by effect and by test, or neither."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportions_ztest

from detectors.verification import FLOOR, greater, latencies, levels, shares

BOUNDS = np.array([0.05, 0.1, 0.2, 0.4, 0.8, np.inf])
counts = st.integers(100, 5000)


@given(counts, counts, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_test_is_that_of_two_proportions(before: int, after: int, was: float, now: float) -> None:
    hits = round(was * before), round(now * after)
    if 0 < sum(hits) < before + after:
        _, expected = proportions_ztest([hits[1], hits[0]], [after, before], alternative="larger")
        assert greater(hits[0], before, hits[1], after) == pytest.approx(expected, abs=1e-9)


def test_more_failures_fail_and_as_many_do_not() -> None:
    assert shares(5, 5000, 250, 5000).failed
    assert not shares(250, 5000, 250, 5000).failed
    assert not shares(250, 5000, 5, 5000).failed


def test_an_effect_without_significance_fails_nothing_nor_does_significance_without_effect() -> None:
    assert not shares(0, FLOOR, 2, FLOOR).failed
    barely = shares(1000, 1_000_000, 1500, 1_000_000)
    assert barely.p_value < 1e-6
    assert not barely.failed
    assert barely.notable


def test_too_few_requests_on_either_side_are_no_test() -> None:
    for before, after in ((FLOOR - 1, 9000), (9000, FLOOR - 1)):
        told = shares(0, before, after / 2, after)
        assert not told.enough
        assert not told.failed
        assert math.isnan(told.p_value)


def _histogram(shares_of: list[float], total: float) -> np.ndarray:
    return np.cumsum(shares_of) / sum(shares_of) * total


def test_slower_requests_fail_and_equal_ones_do_not() -> None:
    fast = _histogram([50, 40, 9, 1, 0, 0], 4000)
    slow = _histogram([10, 20, 30, 30, 10, 0], 4000)
    assert latencies(fast, slow, BOUNDS, 0.95).failed
    assert latencies(fast, slow, BOUNDS, 0.5).failed
    assert not latencies(fast, fast, BOUNDS, 0.95).failed
    assert not latencies(slow, fast, BOUNDS, 0.95).failed
    assert not latencies(fast, slow / 4000 * (FLOOR - 1), BOUNDS, 0.95).enough


@given(st.lists(st.floats(0, 100), min_size=6, max_size=6), st.lists(st.floats(0, 100), min_size=6, max_size=6))
def test_whatever_the_histograms_a_failure_is_slower(one: list[float], other: list[float]) -> None:
    told = latencies(np.cumsum(one) * 10, np.cumsum(other) * 10, BOUNDS, 0.95)
    assert not told.failed or (told.enough and told.after > told.before and told.p_value < 0.01)


def test_levels_are_told_and_fail_nothing() -> None:
    told = levels(0.2, 0.5)
    assert told.change == pytest.approx(1.5)
    assert told.notable
    assert not told.failed
    assert not levels(math.nan, 0.5).enough
