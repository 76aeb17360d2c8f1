from __future__ import annotations

from app.references import REFERENCE_CHUNK, References
from detectors.series import Grid
from tests.app.sources.prometheus.functions import Source

END = 100 * REFERENCE_CHUNK
WEEK, DAY = 7 * 86_400, 86_400
ONE = 1000 + 8 * 90
"""Bytes of a chunk of one series: its labels and at most an hour and half of minutes."""


def asked_for(promql: str, ends: list[int], references: References, source: Source) -> int:
    """How often the server is asked for half an hour that ends at each of these times."""
    before = len(source.asked)
    for end in ends:
        grid = Grid(end, 60, 30)
        assert references.range(promql, grid).values[0].tolist() == grid.times.tolist()
    return len(source.asked) - before


def test_an_hour_of_cycles_asks_once_for_each_earlier_day() -> None:
    source = Source({"a": float})
    references = References(source)
    minutes = range(END + WEEK + 60, END + WEEK + REFERENCE_CHUNK + 1, 60)
    ends = [minute - back for minute in minutes for back in (DAY, WEEK)]
    assert asked_for("m", ends, references, source) == 2


def test_hours_that_have_passed_are_given_up_and_other_days_are_not() -> None:
    source = Source({"a": float})
    references = References(source)
    hours = [END + hour * REFERENCE_CHUNK for hour in range(12)]
    assert asked_for("m", [END - WEEK, *hours], references, source) == 13
    assert asked_for("m", [END - WEEK, hours[-1]], references, source) == 0
    assert len(references._chunks.items()) == 2


def test_of_more_than_fits_each_cycle_asks_anew_only_for_what_does_not_fit() -> None:
    source = Source({"a": float})
    references = References(source, limit=3 * ONE)
    minutes = range(END, END + 3 * REFERENCE_CHUNK, 60)
    asked = [sum(asked_for(promql, [minute], references, source) for promql in "wxyz") for minute in minutes]
    whole = [place for place, count in enumerate(asked) if count == 4]
    assert whole == [0, 1, 61, 121], "once for each hour, all new"
    assert max(count for place, count in enumerate(asked) if place not in whole) == 1


def test_memory_is_bounded_and_the_least_recently_used_goes_first() -> None:
    source = Source({"a": float})
    references = References(source, limit=2 * ONE)
    assert asked_for("x", [END], references, source) == 1
    assert asked_for("y", [END], references, source) == 1
    assert asked_for("x", [END], references, source) == 0
    assert asked_for("z", [END], references, source) == 1
    assert asked_for("x", [END], references, source) == 0, "it was used more lately than y"
    assert asked_for("y", [END], references, source) == 1
