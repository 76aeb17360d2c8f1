import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.histograms import count_above, quantile, value_at

BOUNDS = np.array([0.1, 0.25, 0.5, 1.0, np.inf])


def prometheus_quantile(q, buckets, bounds):
    """The definition in Prometheus' documentation of histogram_quantile, one histogram at a time."""
    total = buckets[-1]
    if total == 0:
        return float("nan")
    rank = q * total
    index = next(i for i, count in enumerate(buckets) if count >= rank)
    if index == len(bounds) - 1:
        return bounds[-2]
    start = bounds[index - 1] if index else 0.0
    below = buckets[index - 1] if index else 0.0
    return start + (bounds[index] - start) * (rank - below) / (buckets[index] - below)


@given(st.lists(st.lists(st.integers(0, 50), min_size=5, max_size=5), min_size=1, max_size=5), st.floats(0.01, 0.99))
@settings(deadline=None)
def test_it_is_histogram_quantile(parts, q):
    buckets = np.cumsum(np.array(parts, dtype=float), axis=1)
    ours = quantile(buckets, BOUNDS, q)
    for row, value in zip(buckets, ours.value, strict=True):
        assert value == pytest.approx(prometheus_quantile(q, row, BOUNDS), nan_ok=True)


def test_beyond_the_highest_bound_it_is_clamped_and_says_so():
    found = quantile(np.array([[0.0, 0, 0, 10, 100], [0, 0, 0, 100, 100]]), BOUNDS, 0.95)
    assert found.clamped.tolist() == [True, False]
    assert found.value[0] == 1.0


def test_resolution_is_the_width_of_the_bucket_it_lies_in():
    found = quantile(np.array([[0.0, 0, 10, 10, 10], [10, 10, 10, 10, 10]]), BOUNDS, 0.5)
    assert found.resolution == pytest.approx([0.25, 0.1])


def test_counts_that_decrease_are_repaired():
    torn = np.array([[5.0, 4.0, 10.0, 9.0, 10.0]])
    whole = np.array([[5.0, 5.0, 10.0, 10.0, 10.0]])
    assert quantile(torn, BOUNDS, 0.9).value == pytest.approx(quantile(whole, BOUNDS, 0.9).value)


def test_nothing_observed_or_nothing_known_has_no_quantile():
    found = quantile(np.array([[0.0] * 5, [np.nan] * 5]), BOUNDS, 0.5)
    assert np.isnan(found.value).all()
    assert not found.clamped.any()


def test_over_time_it_keeps_the_shape():
    buckets = np.cumsum(np.random.default_rng(1).poisson(5, (3, 7, 5)), axis=2).astype(float)
    assert quantile(buckets, BOUNDS, 0.5).value.shape == (3, 7)


@given(st.lists(st.integers(1, 50), min_size=5, max_size=5), st.floats(0.01, 0.79))
@settings(deadline=None)
def test_the_share_above_the_quantile_is_what_is_left(parts, q):
    buckets = np.cumsum(np.array([parts], dtype=float), axis=1)
    found = quantile(buckets, BOUNDS, q)
    if not found.clamped[0]:
        assert count_above(buckets, found.position)[0] == pytest.approx((1 - q) * buckets[0, -1])
        assert value_at(found.position, BOUNDS)[0] == pytest.approx(found.value[0])
