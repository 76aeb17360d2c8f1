import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from statsmodels.stats.multitest import multipletests

from detectors.statistics import Ordered, divide, false_discoveries, mean_and_variance, median, robust_spread

rows = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(1, 12)), elements=st.floats(-1e6, 1e6) | st.just(np.nan)
)


@given(rows, st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]))
@settings(deadline=None)
def test_quantiles_are_numpys_and_ignore_what_is_missing(values, q):
    ours = Ordered.of(values).quantile(q)
    for row, value in zip(values, ours, strict=True):
        seen = row[~np.isnan(row)]
        assert np.isnan(value) if not len(seen) else value == pytest.approx(np.quantile(seen, q), rel=1e-9, abs=1e-6)


def test_the_spread_is_scipys_mad_where_no_floor_is_larger():
    values = np.random.default_rng(1).normal(100, 7, (20, 31))
    ours = robust_spread(values, median(values))
    assert ours == pytest.approx(stats.median_abs_deviation(values, axis=1, scale="normal"), rel=1e-6)


def test_a_constant_series_has_the_spread_of_its_floors():
    flat = np.full((1, 30), 50.0)
    assert robust_spread(flat, median(flat), share=0.05) == pytest.approx([2.5])
    assert robust_spread(flat, median(flat), share=0.05, floor=4.0) == pytest.approx([4.0])


def test_mean_and_variance_are_numpys_on_what_is_there():
    values = np.array([[1.0, 2, np.nan, 4], [np.nan, 5, np.nan, np.nan], [np.nan] * 4])
    mean, variance = mean_and_variance(values)
    assert mean[:2] == pytest.approx([7 / 3, 5])
    assert variance[0] == pytest.approx(np.var([1, 2, 4], ddof=1))
    assert np.isnan([mean[2], variance[1], variance[2]]).all()


def test_dividing_by_nothing_is_unknown():
    assert np.isnan(divide(np.array([1.0, 0.0]), np.array([0.0, -1.0]))).all()


@given(arrays.arrays(np.float64, st.integers(0, 60), elements=st.floats(0, 1)), st.sampled_from([0.01, 0.05, 0.2]))
@settings(deadline=None)
def test_false_discoveries_are_those_of_statsmodels(p_values, q):
    ours = false_discoveries(p_values, q)
    theirs = multipletests(p_values, q, method="fdr_bh")[0] if len(p_values) else np.zeros(0, bool)
    assert (ours == theirs).all()


def test_what_was_not_tested_is_no_discovery_and_counts_for_none():
    tested = np.array([1e-9, 0.8, 0.02])
    padded = np.concatenate([tested, np.full(97, np.nan)])
    assert (false_discoveries(padded, 0.05)[:3] == false_discoveries(tested, 0.05)).all()
    assert not false_discoveries(padded, 0.05)[3:].any()


def test_healthy_tests_are_accepted_rarely():
    random = np.random.default_rng(3)
    assert np.mean([false_discoveries(random.uniform(size=1000), 0.05).any() for _ in range(400)]) < 0.09
