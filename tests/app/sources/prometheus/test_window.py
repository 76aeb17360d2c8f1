from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.sources.base import SourceError
from app.sources.prometheus.window import WindowCache
from detectors.series import Grid, Labels, SeriesBlock
from tests.app.sources.prometheus import shop
from tests.app.sources.prometheus.functions import Source, named
from tests.lab.fixtures import needs_servers

if TYPE_CHECKING:
    from app.sources.prometheus.client import PrometheusClient


END = 6_000


def by_label(block: SeriesBlock) -> dict[Labels, list[float]]:
    return dict(zip(block.labels, block.values.tolist(), strict=True))


def cached(source: Source, **settings: int) -> WindowCache:
    return WindowCache(source, **settings)  # type: ignore[arg-type]


def test_only_new_steps_are_asked_for() -> None:
    source = Source({"a": float, "b": lambda at: -at})
    cache = cached(source)
    for end in (END, END + 60, END + 300, END + 300):
        grid = Grid(end, 60, 30)
        block = cache.range("m", grid)
        assert block.times.tolist() == grid.times.tolist()
        assert by_label(block) == {named("a"): grid.times.tolist(), named("b"): (-grid.times).tolist()}
    assert source.points() == [30, 3, 6, 2]


def test_the_newest_steps_are_asked_for_again_since_they_may_have_been_incomplete() -> None:
    complete = 0
    source = Source({"a": lambda at: 1.0 if at <= END - 60 or complete else 0.5})
    cache = cached(source)
    assert cache.range("m", Grid(END, 60, 5)).values[0].tolist() == [1, 1, 1, 1, 0.5]
    complete = 1
    assert cache.range("m", Grid(END + 60, 60, 5)).values[0].tolist() == [1, 1, 1, 1, 1]


def test_series_come_and_go() -> None:
    source = Source(
        {
            "old": lambda at: 1.0 if at <= END - 240 else np.nan,
            "late": lambda at: 2.0 if at > END else np.nan,
            "always": lambda _: 3.0,
        }
    )
    cache = cached(source)
    assert set(by_label(cache.range("m", Grid(END, 60, 6)))) == {named("old"), named("always")}
    second = by_label(cache.range("m", Grid(END + 60, 60, 6)))
    np.testing.assert_array_equal(second[named("old")], [1, *[np.nan] * 5])
    np.testing.assert_array_equal(second[named("late")], [*[np.nan] * 5, 2])
    third = by_label(cache.range("m", Grid(END + 120, 60, 6)))
    assert set(third) == {named("late"), named("always")}
    assert source.points() == [6, 3, 3]


@pytest.mark.parametrize(
    "grid",
    [
        Grid(END + 60 * 60, 60, 30),
        Grid(END + 30 * 60, 60, 30),
        Grid(END + 60, 30, 30),
        Grid(END + 30, 60, 30),
        Grid(END + 60, 60, 40),
        Grid(END - 60, 60, 30),
    ],
    ids=["gap", "all new", "other step", "other phase", "longer", "back in time"],
)
def test_what_the_window_does_not_reach_is_asked_for_whole(grid: Grid) -> None:
    source = Source({"a": float})
    cache = cached(source)
    cache.range("m", Grid(END, 60, 30))
    block = cache.range("m", grid)
    assert block.values[0].tolist() == grid.times.tolist()
    assert source.asked[-1] == ("m", grid)


def test_a_shorter_grid_is_served_from_the_longer_window() -> None:
    source = Source({"a": float})
    cache = cached(source)
    cache.range("m", Grid(END, 60, 30))
    grid = Grid(END + 60, 60, 10)
    assert cache.range("m", grid).values[0].tolist() == grid.times.tolist()
    assert source.points() == [30, 3]


def test_windows_of_one_expression_at_two_times_do_not_disturb_each_other() -> None:
    source = Source({"a": float})
    cache = cached(source)
    for end in (END, END + 60, END + 120):
        for shift in (0, 86_400):
            grid = Grid(end + shift, 60, 30)
            assert cache.range("m", grid).values[0].tolist() == grid.times.tolist()
    assert source.points() == [30, 30, 3, 3, 3, 3]


def test_a_partial_answer_is_not_carried_along_but_remarks_on_the_expression_are_harmless() -> None:
    source = Source({"a": float}, warnings=("store 2 is down",))
    cache = cached(source)
    assert cache.range("m", Grid(END, 60, 30)).warnings == ("store 2 is down",)
    source.warnings = ("PromQL info: metric might not be a counter",)
    assert cache.range("m", Grid(END + 60, 60, 30)).warnings == source.warnings
    cache.range("m", Grid(END + 120, 60, 30))
    assert source.points() == [30, 30, 3]


def test_a_failure_leaves_the_window() -> None:
    source = Source({"a": float})
    cache = cached(source)
    cache.range("m", Grid(END, 60, 30))
    source.failing = True
    with pytest.raises(SourceError):
        cache.range("m", Grid(END + 60, 60, 30))
    source.failing = False
    cache.range("m", Grid(END + 120, 60, 30))
    assert source.points() == [30, 3, 4]


def test_memory_is_bounded_and_the_least_recently_used_goes_first() -> None:
    source = Source({"a": float})
    cache = cached(source, limit=2 * (30 * 8 + 1000))
    for promql in ("x", "y", "x", "z", "x", "y"):
        cache.range(promql, Grid(END, 60, 30))
    assert source.points() == [30, 30, 2, 30, 2, 30]


def test_of_more_than_fits_each_cycle_asks_anew_only_for_what_does_not_fit() -> None:
    source = Source({"a": float})
    cache = cached(source, limit=3 * (30 * 8 + 1000))
    for cycle in range(3):
        for promql in "wxyz":
            cache.range(promql, Grid(END + 60 * cycle, 60, 30))
    assert source.points()[4:] == [30, 3, 3, 3] * 2


def test_what_is_asked_no_more_makes_room_for_what_is() -> None:
    source = Source({"a": float})
    cache = cached(source, limit=2 * (30 * 8 + 1000))
    for cycle, asked in enumerate(("abc", "bcd", "cd", "cd")):
        for promql in asked:
            cache.range(promql, Grid(END + 60 * cycle, 60, 30))
    assert source.points()[-2:] == [3, 3]


def test_an_answer_larger_than_the_limit_pushes_out_nothing() -> None:
    source = Source({"a": float})
    cache = cached(source, limit=30 * 8 + 1000)
    for promql, points in (("x", 30), ("y", 3000), ("x", 30)):
        cache.range(promql, Grid(END, 60, points))
    assert source.points() == [30, 3000, 2]


def test_threads_may_ask_at_once() -> None:
    source = Source({"a": float})
    cache = cached(source)
    wrong: list[int] = []

    def ask() -> None:
        for step in range(50):
            grid = Grid(END + 60 * step, 60, 30)
            found = [cache.range(promql, grid).values[0].tolist() for promql in ("x", "y")]
            wrong.extend(step for values in found if values != grid.times.tolist())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


class TestRealServers:
    pytestmark = needs_servers

    def test_a_moved_window_is_what_a_fresh_query_gives(self, client: PrometheusClient) -> None:
        promql = "sum by (namespace, code) (rate(http_requests_total[2m]))"
        cache = WindowCache(client)
        for minutes in (10, 9, 7, 0):
            grid = Grid(shop.AT - 60 * minutes, 60, 20)
            moved, fresh = by_label(cache.range(promql, grid)), by_label(client.range(promql, grid))
            assert moved.keys() == fresh.keys()
            for labels, values in fresh.items():
                np.testing.assert_allclose(moved[labels], values, rtol=1e-12)
