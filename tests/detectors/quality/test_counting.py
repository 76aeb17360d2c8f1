"""Shares, rates and delays against independent implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

from detectors.quality.delays import delay
from detectors.quality.rates import rate_change
from detectors.quality.shares import wilson


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_are_those_of_statsmodels(counts):
    successes, trials = counts
    share = wilson(successes, trials)
    low, high = proportion_confint(successes, trials, method="wilson")
    assert share.low == pytest.approx(low, abs=1e-12)
    assert share.high == pytest.approx(high, abs=1e-12)
    assert 0 <= share.low <= share.value <= share.high <= 1


def test_no_trials_say_nothing():
    share = wilson(0, 0)
    assert math.isnan(share.value) and math.isnan(share.low) and math.isnan(share.high)


@given(st.integers(0, 60), st.floats(0.1, 30), st.integers(0, 200), st.floats(0.1, 90))
def test_changes_of_rate_are_those_of_scipy(count, days, before, days_before):
    expected = 1.0
    if count + before:
        expected = binomtest(count, count + before, days / (days + days_before)).pvalue
    assert rate_change(count, days, before, days_before) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("count", "days", "before", "days_before"), [(0, 7, 0, 21), (3, 0, 5, 7), (3, 7, 5, 0)])
def test_where_nothing_can_be_said_nothing_changed(count, days, before, days_before):
    assert rate_change(count, days, before, days_before) == 1.0


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=50))
def test_delays(seconds):
    found = delay(seconds)
    assert found.median == pytest.approx(np.median(seconds))
    assert found.p90 == pytest.approx(np.quantile(seconds, 0.9, method="inverted_cdf"))


def test_no_delay():
    assert delay([]) is None
