"""Faults change what they are about, from when they begin, by their size, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.catalog.schema import DetectorKind
from detectors.model import Direction
from detectors.quality.overlay import SCALES, Fault, form, overlaid, scale_of, slower
from detectors.windows import SignalData

T, STEP = 30, 60
TIMES = np.arange(T, dtype=np.int64) * STEP
BOUNDS = np.array([0.1, 0.2, 0.4, 0.8, np.inf])


def counts(size=2):
    return SignalData(TIMES, total=np.full((size, T), 10.0), errors=np.full((size, T), 0.1), up=np.ones(size))


def test_forms_begin_at_their_age():
    assert form(Fault.SHIFT, 6, 2, 60).tolist() == [0, 0, 0, 0, 1, 1]
    assert form(Fault.SPIKE, 8, 5, 60).tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    assert form(Fault.RAMP, 12, 11, 60).tolist() == pytest.approx([0, *np.arange(1, 11) / 10, 1.0])


def test_more_of_all_fail_and_no_more_than_there_are():
    data = overlaid(counts(), DetectorKind.RATIO_SPIKE, Direction.UP, Fault.SHIFT, np.array([0.2, 5.0]), 3)
    assert data.errors[0].tolist() == pytest.approx([0.1] * (T - 3) + [2.1] * 3)
    assert data.errors[1, -1] == 10.0
    assert (data.total == 10.0).all()


def test_a_drop_takes_failures_along():
    data = overlaid(counts(), DetectorKind.RATIO_SPIKE, Direction.UP, Fault.DROP, np.array([0.5, 1.0]), 1)
    assert data.total[:, -1].tolist() == [5.0, 0.0] and data.errors[:, -1].tolist() == [0.05, 0.0]
    assert (data.total[:, :-1] == 10.0).all()


def test_what_is_abnormal_below_goes_down():
    data = overlaid(counts(), DetectorKind.RATE_DROP, Direction.DOWN, Fault.SHIFT, np.array([0.25, 0.9]), 4)
    assert data.total[:, -1].tolist() == pytest.approx([7.5, 1.0])
    assert scale_of(DetectorKind.LEVEL_SHIFT, Direction.DOWN, Fault.SHIFT).sizes[-1] == 1.0


def test_occurrences_come_on_top_of_nothing():
    data = SignalData(TIMES, total=np.full((1, T), np.nan))
    more = overlaid(data, DetectorKind.COUNT_SPIKE, Direction.UP, Fault.SPIKE, np.array([6.0]), 2)
    assert more.total[0, -2:].tolist() == pytest.approx([0.1, 0.1])
    assert np.isnan(more.total[0, :-2]).all()


def test_lost_is_lost_everywhere_and_what_was_before_is_there():
    data = overlaid(counts(), DetectorKind.RATE_DROP, Direction.DOWN, Fault.LOSS, np.ones(2), 5)
    for values in (data.total, data.errors):
        assert np.isnan(values[:, -5:]).all() and not np.isnan(values[:, :-5]).any()
    assert (data.up == 1).all()


@given(
    st.lists(st.floats(0.001, 3.0), min_size=3, max_size=60),
    st.floats(1.0, 10.0),
)
def test_slower_keeps_the_count_and_moves_no_more_than_the_factor(durations, factor):
    samples = np.array(durations)
    buckets = np.array([[(samples <= bound).sum() for bound in BOUNDS]], dtype=float)[:, :, None]
    moved = slower(buckets, BOUNDS, np.full((1, 1), factor))[0, :, 0]
    assert moved[-1] == len(samples)
    assert (np.diff(moved) >= -1e-9).all()
    assert (moved <= buckets[0, :, 0] + 1e-9).all()
    if factor == 1.0:
        assert moved == pytest.approx(buckets[0, :, 0])


def test_twice_as_slow_at_bounds_that_double_moves_each_bucket_by_one():
    buckets = np.array([3.0, 7.0, 8.0, 9.0, 10.0])[None, :, None]
    moved = slower(buckets, BOUNDS, np.full((1, 1), 2.0))[0, :, 0]
    assert moved.tolist() == pytest.approx([1.5, 3.0, 7.0, 8.0, 10.0])


@pytest.mark.parametrize("kind", SCALES)
@pytest.mark.parametrize("fault", Fault)
def test_sizes_ascend_and_are_told(kind, fault):
    scale = scale_of(kind, Direction.UP, fault)
    assert list(scale.sizes) == sorted(set(scale.sizes))
    assert len({scale.text.format(size) for size in scale.sizes}) == len(scale.sizes)
