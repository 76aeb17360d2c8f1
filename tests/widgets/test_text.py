"""Hostile text is one harmless line, and numbers read as people write them."""

from __future__ import annotations

import math
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.content import Content, Span

from tests.widgets.host import HOSTILE
from widgets.text import age, alike, clean, clock, harmless, multi, plain, quantity, shorten, span, stamp

anything = st.text(st.characters(), max_size=400) | st.sampled_from(HOSTILE)


@given(anything)
def test_clean_text_is_printable_and_encodable(text: str) -> None:
    shown = clean(text)
    assert shown.isprintable()
    shown.encode()


@given(anything, st.integers(-2, 60))
def test_clean_text_keeps_to_its_cells(text: str, width: int) -> None:
    assert cell_len(clean(text, width)) <= max(0, width)
    assert cell_len(clean(text, width, middle=False)) <= max(0, width)


def test_attempts_are_seen_not_dropped() -> None:
    assert clean("\x1b[31mred") == "␛[31mred"
    assert clean("a\nb") == "a↵b"
    assert clean("pay\u202etxt.exe") == "pay\ufffdtxt.exe"
    assert clean("\x9b2J") == "\ufffd2J"


def test_ordinary_text_stays_as_it_is() -> None:
    for text in ("shop/checkout-7d9f8b6c5d-x2lfm", "日本語", "µs 4.1 %", "[/healthz]"):
        assert clean(text) == text
    assert clean("last line\r\n") == "last line"


def test_long_names_keep_both_ends() -> None:
    assert shorten("checkout-7d9f8b6c5d-x2lfm", 15) == "checkou…d-x2lfm"
    assert shorten("checkout-7d9f8b6c5d-x2lfm", 15, middle=False) == "checkout-7d9f8…"
    assert shorten("日本語日本語日本語", 9) == "日本…本語"
    assert shorten("日本語", 6) == "日本語"


def test_markup_is_text() -> None:
    content = plain("[red]x[/red] [/healthz] got [500")
    assert content.plain == "[red]x[/red] [/healthz] got [500"
    assert not content.spans


def test_styles_of_foreign_content_stay_in_place() -> None:
    content = harmless(Content("a\x1bb!", [Span(2, 3, "bold")]))
    assert content.plain == "a␛b!"
    assert content.spans == [Span(2, 3, "bold")]


def test_several_lines_are_kept_and_counted() -> None:
    assert multi("a\nb\x1b[0m\r\nc").plain == "a\nb␛[0m\nc"
    assert multi("\n".join("abcdef"), lines=4).plain == "a\nb\nc\nd\n… 2 more lines"


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (1.23, "seconds", "1.23 s"),
        (0.31, "seconds", "310 ms"),
        (0.0000412, "seconds", "41.2 µs"),
        (90, "seconds", "90 s"),
        (540, "seconds", "9 min"),
        (0, "seconds", "0 s"),
        (-0.5, "seconds", "-500 ms"),
        (0.041, "ratio (0..1) of requests", "4.1 %"),
        (0.61, "ratio", "61 %"),
        (0.0004, "ratio", "0.040 %"),
        (182_000, "requests per second", "182 k/s"),
        (7, "OOM kills", "7"),
        (2**30 * 1.5, "bytes", "1.50 GiB"),
        (2**20 * 3, "bytes per second", "3 MiB/s"),
        (0.004, "", "0.004"),
        (math.nan, "seconds", "-"),
        (math.inf, "seconds", "∞"),
        (-math.inf, "", "-∞"),
    ],
)
def test_quantities(value: float, unit: str, written: str) -> None:
    assert quantity(value, unit) == written


@given(st.floats(), st.sampled_from(["seconds", "bytes", "ratio", "x per second", ""]))
def test_every_number_can_be_written_in_a_cell(value: float, unit: str) -> None:
    assert 0 < len(quantity(value, unit)) <= 16
    assert 0 < len(span(value, value, unit)) <= 19


@pytest.mark.parametrize(
    ("low", "high", "unit", "like", "written"),
    [
        (0.30, 0.42, "seconds", math.nan, "300-420 ms"),
        (0.30, 0.42, "seconds", 2.41, "0.30-0.42 s"),
        (0, 0.003, "ratio", math.nan, "0-0.3 %"),
        (700, 980, "requests per second", math.nan, "700-980 /s"),
        (-math.inf, 2, "seconds", math.nan, "<= 2 s"),
        (2, math.inf, "seconds", math.nan, ">= 2 s"),
        (0, 0, "ratio", math.nan, "0 %"),
        (-1, 1, "", math.nan, "-1 to 1"),
        (math.nan, math.nan, "seconds", 1.0, "-"),
    ],
)
def test_ranges(low: float, high: float, unit: str, like: float, written: str) -> None:
    assert span(low, high, unit, like) == written


def test_an_axis_has_one_scale() -> None:
    assert alike([0.5, 1.0, 1.5], "seconds") == ["0.50 s", "1 s", "1.50 s"]
    assert alike([], "seconds") == []


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86_399, "23h"), (172_800, "2d"), (-5, "0s")],
)
def test_ages(seconds: float, written: str) -> None:
    assert age(seconds) == written


def test_unknown_ages_and_times_are_not_zero() -> None:
    assert age(None) == age(math.nan) == clock(None) == clock(math.nan) == clock(1e20) == stamp(None, 0.0) == "-"


def test_times_are_told_in_the_zone_given() -> None:
    at = 1_700_000_000.0
    assert clock(at) == "22:13"
    assert clock(at, ZoneInfo("Europe/Berlin"), seconds=True) == "23:13:20"
    assert stamp(at, at + 60, UTC) == "22:13"
    assert stamp(at, at + 86_400, UTC) == "11-14 22:13"
    assert stamp(at, at + 400 * 86_400, UTC) == "2023-11-14 22:13"
    assert stamp(at, at + 7200, ZoneInfo("Asia/Tokyo")) == "07:13"
