import numpy as np
import pytest

from detectors import assemble
from detectors.model import Views
from detectors.series import SeriesBlock
from detectors.windows import SignalData

TIMES = np.arange(0, 240, 60)
NAN = np.nan


def block(*series):
    labels = tuple(tuple(sorted(labels.items())) for labels, _ in series)
    return SeriesBlock(TIMES, np.array([values for _, values in series], dtype=float).reshape(-1, 4), labels)


def celled(series, index):
    return series, assemble.Cells.of(series.labels, index)


def test_groups_are_summed_and_what_none_has_stays_missing():
    values = np.array([[1, NAN, NAN], [10, 20, NAN], [5, 5, 5], [7, 7, 7.0]])
    summed = assemble.group_sum(values, np.array([1, 1, -1, 3]), 4)
    assert np.array_equal(summed, [[NAN] * 3, [11, 20, NAN], [NAN] * 3, [7, 7, 7]], equal_nan=True)
    assert np.isnan(assemble.group_sum(np.zeros((0, 3)), np.zeros(0, dtype=np.intp), 2)).all()


def test_complete_groups_are_summed_to_the_same_last_digit():
    random = np.random.default_rng(1)
    index = random.integers(-1, 40, 200)
    values = random.lognormal(size=(200, 36))
    gap = np.full((1, 36), NAN)
    with_a_gap = assemble.group_sum(np.concatenate([values, gap]), np.append(index, 40), 41)
    assert np.array_equal(assemble.group_sum(values, index, 40), with_a_gap[:40], equal_nan=True)


def test_no_error_series_beside_a_total_means_no_errors():
    total = block(({"w": "a"}, [5, 5, NAN, 5]), ({"w": "b"}, [2, 2, 2, 2]))
    errors = block(({"w": "b"}, [1, NAN, 1, 1]))
    data = assemble.counts_of(total, np.array([0, 1]), errors, np.array([1]), 2)
    assert np.array_equal(data.errors, [[0, 0, NAN, 0], [1, 0, 1, 1]], equal_nan=True)


def test_a_failure_counter_without_a_total_is_not_zero_traffic():
    errors = block(({"w": "b"}, [1, 1, 1, 1]))
    data = assemble.counts_of(block(), np.zeros(0, dtype=np.intp), errors, np.array([0]), 1)
    assert np.isnan(data.total).all()


def test_levels_come_in_the_rows_unit_and_states_count_objects():
    data = block(({}, [1, 2, NAN, NAN]), ({}, [1, NAN, NAN, 1]))
    index = np.array([0, 0])
    assert np.array_equal(assemble.levels(data, index, 1, scale=10).level, [[20, 20, NAN, 10]], equal_nan=True)
    assert assemble.states(data, index, 1, absent_is_zero=True).level.tolist() == [[2, 2, 0, 1]]
    assert np.isnan(assemble.states(data, index, 1).level[0, 2])


def buckets_of(entity, bounds, values=(1, 1, 1, 1)):
    return [({"w": entity, "le": le}, [(i + 1) * v for v in values]) for i, le in enumerate(bounds)]


def test_entities_with_other_bounds_are_another_group():
    series = [
        *buckets_of("a", ["0.1", "1", "+Inf"]),
        *buckets_of("b", ["5", "+Inf"]),
        *buckets_of("c", ["0.1", "1.0", "+Inf"]),
    ]
    index = np.array([0] * 3 + [1] * 2 + [2] * 3)
    groups = assemble.buckets(*celled(block(*series), index), 4, scale=0.001, up=np.array([1.0, 0, 1, 1]))
    found = {tuple(group.entities.tolist()): group.data for group in groups}
    assert set(found) == {(0, 2), (1,)}
    assert found[0, 2].bounds == pytest.approx([0.0001, 0.001, np.inf])
    assert found[0, 2].buckets[1, :, 0].tolist() == [1, 2, 3]
    assert found[1,].up.tolist() == [0]


def test_instants_with_other_bounds_than_the_newest_are_missing():
    old = [({"le": "1"}, [1, 1, NAN, NAN]), ({"le": "2"}, [2, 2, NAN, NAN])]
    new = [({"le": "0.5"}, [NAN, NAN, 1, 1]), ({"le": "4"}, [NAN, NAN, 2, 2])]
    both = [({"le": "+Inf"}, [3, 3, 3, 3])]
    (group,) = assemble.buckets(*celled(block(*old, *new, *both), np.zeros(5, dtype=np.intp)), 1)
    assert group.data.bounds.tolist() == [0.5, 4, np.inf]
    assert np.isnan(group.data.buckets[0, :, :2]).all()
    assert group.data.buckets[0, :, 3].tolist() == [1, 2, 3]


def test_histograms_without_finite_bounds_or_with_nonsense_are_left_out():
    series = [({"le": "+Inf"}, [1] * 4), ({"le": "oops"}, [1] * 4), ({"le": "3"}, [1] * 4)]
    assert assemble.buckets(*celled(block(*series), np.array([0, 0, 1])), 2) == ()
    assert assemble.buckets(*celled(block(), np.zeros(0, dtype=np.intp)), 0) == ()


def test_a_histogram_carries_its_request_counts():
    (group,) = assemble.buckets(*celled(block(*buckets_of("a", ["1", "+Inf"])), np.array([0, 0])), 1)
    assert assemble.observations(group.data).total.tolist() == [[2, 2, 2, 2]]


def test_an_earlier_day_is_put_in_todays_order():
    earlier = SignalData(TIMES, total=np.array([[1.0] * 4, [2.0] * 4]))
    picked = assemble.pick(earlier, {0: 1, 2: 0}, 3)
    assert np.array_equal(picked.total[:, 0], [2, NAN, 1], equal_nan=True)
    assert Views.DAY not in dict(picked.references)


def test_a_share_is_divided_after_both_sides_were_summed():
    used, size = block(({}, [10] * 4), ({}, [30] * 4), ({}, [NAN] * 4)), block(*[({}, [100] * 4)] * 3)
    index = np.array([0, 0, 1])
    data = assemble.shares(assemble.levels(used, index, 2), size, index)
    assert data.level[:, 0].tolist() == pytest.approx([0.2, NAN], nan_ok=True)
    assert data.per[:, 0].tolist() == [200, 100]
    assert data.members[:, 0].tolist() == pytest.approx([2, NAN], nan_ok=True)
    free = assemble.shares(assemble.levels(used, index, 2), size, index, complement=True)
    assert free.level[0, 0] == pytest.approx(0.8)


def test_a_share_of_nothing_is_unknown():
    used, nothing = block(({}, [10] * 4)), block(({}, [0] * 4))
    data = assemble.shares(assemble.levels(used, np.array([0]), 1), nothing, np.array([0]))
    assert np.isnan(data.level).all()
