from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from detectors.growth import _line, leak

MEBI = 2.0**20


def test_leaks_grow_over_their_whole_length_and_still_at_the_end():
    noise = np.random.default_rng(7).normal(0, 2 * MEBI, 120)
    line = np.linspace(100, 220, 120) * MEBI
    assert leak(line + noise, 60.0, 256 * MEBI) is not None
    assert leak(np.full(120, 200.0 * MEBI) + noise, 60.0, 256 * MEBI) is None
    levelled = np.minimum(line, 150 * MEBI)
    assert leak(levelled + noise, 60.0, 256 * MEBI) is None
    step = np.where(np.arange(120) < 60, 100.0, 200.0) * MEBI
    assert leak(step + noise, 60.0, 256 * MEBI) is None


def test_a_leak_is_seen_through_the_restarts_that_it_causes():
    teeth = np.concatenate([np.linspace(80, 250, 60), np.linspace(80, 250, 60)]) * MEBI
    found = leak(teeth, 60.0, 256 * MEBI)
    assert found is not None
    assert found.since == 60
    assert found.hourly == pytest.approx(170 * MEBI * 60 / 59, rel=0.01)


@pytest.mark.parametrize("values", [np.array([]), np.full(50, np.nan), np.zeros(50), np.linspace(1, 2, 5)])
def test_too_little_is_no_leak(values):
    assert leak(values, 60.0, 256 * MEBI) is None


@pytest.mark.parametrize("top", [0.3, 0.9])
def test_load_that_comes_and_goes_is_no_leak(top):
    times = np.arange(120)
    values = (150 + 100 * top * np.sin(times / 9)) * MEBI
    assert leak(values, 60.0, 256 * MEBI) is None


@given(st.lists(st.floats(1e3, 1e9), min_size=3, max_size=40))
def test_the_line_is_that_of_least_squares(values):
    x, y = np.arange(len(values), dtype=float), np.array(values)
    slope, fit = _line(x, y)
    if np.ptp(y) < 1e-6 * y.max():
        return
    theirs = stats.linregress(x, y)
    assert slope == pytest.approx(theirs.slope, rel=1e-6, abs=1e-6 * np.ptp(y))
    assert fit == pytest.approx(theirs.rvalue**2, abs=1e-6)


@given(st.lists(st.one_of(st.floats(0, 1e12), st.just(float("nan"))), max_size=60), st.floats(1, 1e12))
def test_no_series_breaks_it(values, limit):
    found = leak(np.array(values, dtype=float), 60.0, limit)
    assert found is None or found.hourly > 0
