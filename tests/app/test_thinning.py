"""What may be left out: bounds of histograms, each layout by itself, and whole entities, the quiet ones first."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.thinning import LONGEST_PATTERN, MOST_LAYOUTS, RATIOS, Buckets, busiest, fewer_buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

STANDARD = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10")
FINE = tuple(f"{bound:.6g}" for bound in np.geomspace(0.001, 100, 200))


def series_of(*layouts: tuple[str, tuple[str, ...], int]) -> dict[tuple[str, str], int]:
    """Series by family and bound, for (family, bounds, histograms)."""
    counts: dict[tuple[str, str], int] = {}
    for family, bounds, histograms in layouts:
        for le in (*bounds, "+Inf"):
            counts[family, le] = counts.get((family, le), 0) + histograms
    return counts


def beside_of(*layouts: tuple[str, tuple[str, ...], int]) -> Callable[[Collection[str]], dict[tuple[str, str], int]]:
    """What a server answers of such series."""

    def beside(values: Collection[str]) -> dict[tuple[str, str], int]:
        assert values
        return series_of(*(each for each in layouts if set(values) & {*each[1], "+Inf"}))

    return beside


def fewer(most: int, *layouts: tuple[str, tuple[str, ...], int]) -> Buckets:
    return fewer_buckets(series_of(*layouts), most, beside_of(*layouts))


def gaps(kept: frozenset[str], layout: tuple[str, ...]) -> list[float]:
    """By what factors the kept ones among a layout's bounds differ."""
    bounds = sorted(float(le) for le in kept & set(layout))
    return [above / below for below, above in pairwise(bounds)]


@pytest.mark.parametrize(("most", "ratio"), [(6_000, 1.25), (3_500, 1.5), (2_500, 2.0), (10, 2.0)])
def test_no_more_bounds_go_than_have_to(most: int, ratio: float) -> None:
    found = fewer(most, ("a", FINE, 100))
    assert found.ratio == ratio
    assert all(ratio * 0.999 <= gap < ratio * 1.07 for gap in gaps(found.bounds, FINE))
    assert {"+Inf", FINE[-1]} <= found.bounds
    assert (found.finite, found.of) == (len(found.bounds) - 1, 200)


def test_what_libraries_have_by_default_is_never_thinned() -> None:
    found = fewer(1, ("a", STANDARD, 100))
    assert found.bounds == {*STANDARD, "+Inf"}
    assert (found.finite, found.of, found.ratio) == (11, 11, RATIOS[-1])


def test_no_layout_loses_its_bounds_to_another() -> None:
    for layouts in (
        [("a", STANDARD, 100), ("b", FINE, 100)],
        [("a", STANDARD, 100), ("a", FINE, 7)],
        [("a", STANDARD, 7), ("a", FINE, 100)],
        [("a", STANDARD, 50), ("a", FINE, 50)],
        [("a", FINE, 50), ("a", STANDARD, 50), ("b", STANDARD, 50), ("b", FINE, 7)],
    ):
        found = fewer(1, *layouts)
        assert set(STANDARD) <= found.bounds
        assert max(gaps(found.bounds, FINE)) < 2.2
        assert found.finite < 50


@pytest.mark.parametrize("others", range(1, 4))
def test_layouts_of_equal_size_that_interleave_keep_each_their_own(others: int) -> None:
    layouts = [("a", tuple(f"{float(le) * (1 - 0.01 * n):.6g}" for le in FINE), 50) for n in range(others + 1)]
    found = fewer(1, *layouts)
    for _, bounds, _ in layouts:
        assert max(gaps(found.bounds, bounds)) < 2.2
        assert bounds[-1] in found.bounds
    assert found.finite < 25 * len(layouts)


def test_what_cannot_be_told_apart_is_kept() -> None:
    layouts = [("a", tuple(f"{float(le) * (1 - 0.003 * n):.8g}" for le in FINE), 50) for n in range(MOST_LAYOUTS + 2)]
    found = fewer(1, *layouts)
    assert sum(set(bounds) <= found.bounds for _, bounds, _ in layouts) == 2


def test_nothing_more_is_asked_where_the_number_tells() -> None:
    def unasked(_: object) -> dict[tuple[str, str], int]:
        raise AssertionError

    assert fewer_buckets(series_of(("a", FINE, 50), ("b", STANDARD, 50)), 1, unasked).finite < 50


def test_native_histograms_stay_and_what_is_no_number_goes() -> None:
    counts = {("a", ""): 50, ("a", "+Inf"): 9, ("a", "1.0"): 9, ("a", "1"): 2, ("a", "much"): 9, ("a", "0.9"): 11}
    assert fewer_buckets(counts, 1, lambda _: counts).bounds == {"", "+Inf", "1.0", "1"}


def test_the_busiest_stay_as_far_as_there_is_room() -> None:
    series = {"a": 50.0, "b": 40.0, "c": 30.0, "d": 20.0, "": 1.0}
    volume = {"a": 1.0, "b": 9.0, "c": 8.0, "d": 7.0}
    assert busiest(series, volume, 91) == ("b", "c", "d", "")
    assert busiest(series, volume, 75) == ("b", "c", ""), "what has no room does not end it"
    assert busiest(series, volume, 0.5) == ()


def test_what_was_kept_stays_when_others_become_busier() -> None:
    series, volume = dict.fromkeys("abcd", 10.0), {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    assert set(busiest(series, volume, 20)) == {"c", "d"}
    assert set(busiest(series, volume, 20, before=("a", "d"))) == {"a", "d"}
    assert set(busiest(series, volume, 10, before=("a", "d"))) == {"d"}
    assert set(busiest(series, volume, 20, before=("gone", "a"))) == {"a", "d"}


def test_as_many_stay_as_a_matcher_can_name() -> None:
    series = {f"workload-{number:050}": 1.0 for number in range(1000)}
    kept = busiest(series, {}, 1e6)
    assert 50 < len(kept) < 1000
    assert len("|".join(kept)) <= LONGEST_PATTERN
