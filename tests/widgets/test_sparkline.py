"""The sparkline shows distance from the band, and survives whatever a server can send."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from widgets import palette
from widgets.levels import MIDDLE, MISSING, UNJUDGED, levels_of
from widgets.sparkline import GLYPHS, from_levels, sparkline

number = st.floats(allow_nan=True, allow_infinity=True, width=64)


def emphasised(content) -> str:
    """The cells shown as out of band."""
    return "".join(content.plain[start:end] for start, end, style in content.spans if style == palette.BAD)


@given(st.lists(st.tuples(number, number, number), max_size=80), st.integers(-1, 90), st.booleans())
def test_any_input_gives_exactly_the_cells_asked_for(rows, width, raw) -> None:
    values, low, high = (np.array([row[part] for row in rows]) for part in range(3))
    content = sparkline(values, low, high, width, raw=raw)
    assert content.cell_length == max(0, width)
    assert set(content.plain) <= set(GLYPHS)


def test_inside_the_band_everything_is_the_middle_level_whatever_the_unit() -> None:
    noise = np.random.default_rng(1).uniform(0.3, 0.42, 40)
    for factor in (1e-6, 1.0, 1e9):
        content = sparkline(noise * factor, np.full(40, 0.3) * factor, np.full(40, 0.42) * factor, 24)
        assert content.plain == GLYPHS[MIDDLE] * 24
        assert not emphasised(content)


def test_height_grows_with_the_distance_in_both_directions() -> None:
    values = np.array([1.0, 2.2, 3.0, 5.0, 50.0, 0.9, -0.3, -1.5, -50.0])
    content = sparkline(values, np.zeros(9), np.full(9, 2.0), 9)
    assert content.plain == "▄▅▅▆█▄▃▂▁"
    assert emphasised(content) == "▅▅▆█▃▂▁"


def test_one_sample_out_of_band_is_never_averaged_away() -> None:
    values = np.ones(1440)
    values[700] = 40.0
    levels, outside = levels_of(values, np.zeros(1440), np.full(1440, 2.0), 24)
    assert outside.sum() == 1
    assert levels[outside] == 7


def test_missing_learning_and_expected_look_different() -> None:
    values = np.array([np.nan, 1.0, 1.0])
    low, high = np.array([0.0, np.nan, 0.0]), np.array([2.0, np.nan, 2.0])
    levels, _ = levels_of(values, low, high, 3)
    assert levels.tolist() == [MISSING, UNJUDGED, MIDDLE]


def test_a_band_open_on_one_side_is_judged_on_the_other() -> None:
    levels, outside = levels_of([1.0, 30.0], [-np.inf, -np.inf], [2.0, 2.0], 2)
    assert levels.tolist() == [MIDDLE, 7]
    assert outside.tolist() == [False, True]


def test_a_flat_band_calls_only_other_values_abnormal() -> None:
    _, outside = levels_of([0.0, 0.0, 1.0], [0.0] * 3, [0.0] * 3, 3)
    assert outside.tolist() == [False, False, True]


def test_raw_uses_the_scale_of_the_values_and_still_emphasises() -> None:
    content = sparkline(np.arange(8.0), np.zeros(8), np.full(8, 5.0), 8, raw=True)
    assert content.plain == GLYPHS[:8]
    assert emphasised(content) == "▇█"


bands = st.lists(st.tuples(number, number, number), min_size=12, max_size=12)


@given(st.lists(bands, min_size=1, max_size=4), st.integers(1, 20))
def test_thousands_at_once_have_the_levels_that_each_has_alone(rows, width) -> None:
    values, low, high = np.moveaxis(np.array(rows), -1, 0)
    levels, outside = levels_of(values, low, high, width)
    for place in range(len(rows)):
        alone = levels_of(values[place], low[place], high[place], width)
        assert (levels[place].tolist(), outside[place].tolist()) == (alone[0].tolist(), alone[1].tolist())


@given(st.lists(st.tuples(st.integers(0, UNJUDGED), st.booleans()), min_size=1, max_size=30), st.integers(1, 40))
def test_fewer_cells_lose_no_excursion_and_are_blank_only_where_nothing_is(cells, width) -> None:
    levels, outside = zip(*cells, strict=True)
    content = from_levels(levels, outside, width)
    assert content.cell_length == width
    if width < len(levels):
        farthest = max(levels, key=lambda level: abs(level - MIDDLE) if level < MISSING else -level)
        assert GLYPHS[farthest] in content.plain or any(
            abs(GLYPHS.index(sign) - MIDDLE) == abs(farthest - MIDDLE) for sign in content.plain
        )
    assert from_levels(levels, outside, len(levels)).plain == "".join(GLYPHS[level] for level in levels)
