"""The chart: any numbers, any size, and the cells say what they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.series import Band
from tests.widgets.builders import NOW, a_band
from tests.widgets.host import staged
from widgets.band_chart import BandChart, ChartMark, readout
from widgets.chart_picture import Picture, _braille, draw
from widgets.chart_scale import band_cells, outside_columns, reduced, scale_of
from widgets.text import plain

number = st.floats(width=64)


def band(values, low, high) -> Band:
    times = np.arange(len(values), dtype=np.int64) * 60 + int(NOW)
    return Band(times, *(np.asarray(array, dtype=np.float64) for array in (values, low, high)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(number, number, number), max_size=90), st.integers(0, 200), st.integers(0, 50), st.booleans())
def test_any_numbers_at_any_size_give_exactly_the_lines_asked_for(rows, width, height, hatched) -> None:
    values, low, high = ([row[part] for row in rows] for part in range(3))
    reference = np.array(values[::-1])
    cursor = len(rows) // 2 if rows else None
    marks = (ChartMark(NOW + 120, "rollout"), ChartMark(NOW - 1e9, "long ago"))
    picture = Picture(
        band(values, low, high), "seconds", onset=NOW + 60, marks=marks, reference=reference, cursor=cursor
    )
    lines = draw(picture, width, height)
    assert len(lines) == (height if width else 0)
    assert all(line.cell_length <= width for line in lines)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (5, 3), (24, 4), (80, 6), (200, 50)])
@pytest.mark.parametrize("values", [[], [1.0], [np.nan], [np.inf, -np.inf], [5.0] * 30, [1e308, -1e308], [0.0, 5e-324]])
def test_corner_cases(size, values) -> None:
    lines = draw(Picture(band(values, values, values)), *size)
    assert len(lines) == size[1]


@given(st.lists(number, min_size=1, max_size=400), st.integers(1, 60))
def test_reduction_keeps_every_peak_and_at_most_two_samples_a_column(values, width) -> None:
    samples = np.array(values)
    positions, kept = reduced(samples, width)
    assert len(positions) == len(kept) <= 2 * width
    assert ((positions >= 0) & (positions <= width)).all()
    finite, left = samples[np.isfinite(samples)], kept[np.isfinite(kept)]
    assert finite.size == 0 or (finite.max() == left.max() and finite.min() == left.min())


@given(st.lists(number, max_size=60))
def test_the_scale_shows_every_finite_value(values) -> None:
    samples = np.array(values, dtype=np.float64)
    scale = scale_of(samples)
    heights = scale.height(samples[np.isfinite(samples)])
    assert ((heights >= 0) & (heights <= 1)).all()


@settings(max_examples=60, deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9), st.integers(5, 30), st.integers(0, 2))
def test_a_line_at_the_value_of_a_label_lies_in_the_row_of_that_label(low, room, rows, place) -> None:
    at = (0, rows // 2, rows - 1)[place]
    # A scale of a few representable numbers only has no row for each of them.
    scale = scale_of(np.array([low, low + max(room, abs(low) * 1e-6)]))
    drawn = _braille(scale.height(np.full(30, scale.at(at, rows))), 30, rows)
    assert [row for row, line in enumerate(drawn) if line.strip()] == [at]


def test_zeros_lie_at_the_label_zero() -> None:
    lines = [line.plain for line in draw(Picture(band([0.0] * 60, [0.0] * 60, [0.04] * 60), "ratio"), 80, 10)]
    label, _, line = lines[7].partition("┤")
    assert label.strip() == "0 %"
    assert line.strip()
    assert not any(each.partition("┤")[2].strip() for each in lines[:7])


def test_a_gap_is_a_break_in_the_line() -> None:
    data = a_band(60, 60)
    data.values[20:40] = np.nan
    lines = draw(Picture(data), 60, 3)
    drawn = [any(line.plain[x] != " " for line in lines) for x in range(60 - 0)]
    left = len(lines[0].plain) - 60
    assert left <= 12
    missing = [x for x, there in enumerate(drawn) if not there]
    assert len(missing) >= 10
    assert missing == list(range(missing[0], missing[-1] + 1))


def test_the_band_is_tinted_where_it_is_and_hatched_without_colours() -> None:
    data = band([1.0] * 20, [0.0] * 20, [2.0] * 20)
    data.values[-1] = 10.0
    cells = band_cells(data, scale_of(data.values, data.low, data.high), 20, 10)
    assert cells[-2:].all()
    assert not cells[:7].any()
    assert outside_columns(data, 20).tolist() == [False] * 19 + [True]
    tinted = draw(Picture(data), 20, 3)
    hatched = draw(Picture(data, hatched=True), 20, 3)
    assert any("on $primary-muted" in str(span.style) for line in tinted for span in line.spans)
    assert any("░" in line.plain for line in hatched)
    assert not any("on $" in str(span.style) for line in hatched for span in line.spans)


def test_axes_tell_values_with_units_and_local_times() -> None:
    lines = [line.plain for line in draw(Picture(a_band(), "seconds", onset=NOW - 540), 80, 12)]
    assert lines[0].split("┤")[0].strip().endswith(" s")
    assert lines[-2].split()[-1] == "22:13"
    assert "onset 22:04" in lines[-1]


def test_what_came_just_before_the_onset_is_told_beside_it_and_what_did_not_stands_alone() -> None:
    def marks(at: float) -> str:
        rollout = ChartMark(at, "rollout 22:03")
        return draw(Picture(a_band(), "seconds", onset=NOW - 540, marks=(rollout,)), 80, 12)[-1].plain

    assert "rollout 22:03, onset 22:04▲▲" in marks(NOW - 600)
    apart = marks(NOW - 3000)
    assert apart.index("▲rollout 22:03") < apart.index("▲onset 22:04")
    assert "rollout" not in marks(NOW - 30_000)


def test_all_columns_of_a_stretched_excursion_are_outside_and_only_those() -> None:
    data = band([1.0, 1.0, 9.0, 9.0, 1.0], [0.0] * 5, [2.0] * 5)
    assert outside_columns(data, 10).tolist() == [False] * 4 + [True] * 4 + [False] * 2


def test_readout_compares_with_the_band() -> None:
    data = a_band()
    assert readout(data, -1, "seconds") == "22:13:20  value 2.41 s  expected 0.30-0.42 s  +474 % beyond"
    assert readout(data, 0, "seconds") == "21:14:20  value 360 ms  expected 300-420 ms"
    data.values[0] = np.nan
    assert "no sample" in readout(data, 0, "seconds")


async def test_inspecting_moves_over_the_samples_and_tells() -> None:
    chart = BandChart()
    async with staged(chart) as stage:
        chart.unit, chart.band = "seconds", a_band()
        chart.focus()
        await stage.press("left")
        assert chart.cursor == 59
        assert "value 2.41 s" in stage.lines()[-1]
        await stage.press("left", "left", "right", "right", "right")
        assert chart.cursor == 59
        assert [event.index for event in stage.take(BandChart.Inspected)][-4:] == [58, 57, 58, 59]
        await stage.press("v")
        assert chart.cursor is None


async def test_zoom_and_pan_stay_on_the_samples() -> None:
    chart = BandChart()
    async with staged(chart) as stage:
        chart.band = a_band()
        chart.focus()
        await stage.press("plus")
        assert chart.window == (30, 60)
        await stage.press("L")
        assert chart.window == (30, 60)
        await stage.press("H", "H")
        assert chart.window == (16, 46)
        await stage.press(*["plus"] * 9)
        assert chart.window is not None
        assert chart.window[1] - chart.window[0] == 4
        await stage.press("0")
        assert chart.window is None
        await stage.press("underscore", "H", "plus")
        chart.band = a_band(8, 6)
        await stage.pilot.pause()
        assert chart.window is None


async def test_without_a_band_it_says_why() -> None:
    chart = BandChart()
    async with staged(chart) as stage:
        chart.empty, chart.title = "object states have no values", plain("pod pending")
        await stage.pilot.pause()
        assert "pod pending" in stage.lines()[0]
        assert "object states have no values" in stage.lines()[1]
