"""The filter's grammar, and the bar it is typed into."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.widgets.host import staged
from widgets.filter import FilterBar, fold, parse, unmatched

ROW = fold({"workload": "Shop/Checkout", "state": "open", "image": "nginx:1.27", "note": "", "signal": "no data"})


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("checkout", True),
        ("CHECKOUT open", True),
        ("checkout kafka", False),
        ("!kafka", True),
        ("!checkout", False),
        ("state:open", True),
        ("State:OP", True),
        ("state:closed", False),
        ("!state:closed", True),
        ("!state:open", False),
        ("state:checkout", False),
        ("nginx:1.27", True),
        ("nginx:1.28", False),
        ("!nginx:1.28", True),
        ('"no data"', True),
        ('"data no"', False),
        ('signal:"no data" shop', True),
        ('!signal:"no data"', False),
        ("note:", False),
        ("!note:", True),
        ("state:", True),
        ("!", True),
        ('"', True),
        ('!""', True),
        ("  ", True),
        ("[a-z", False),
    ],
)
def test_grammar(text: str, matches: bool) -> None:
    assert parse(text).matches(ROW) is matches


@given(st.text(max_size=60))
def test_every_text_is_a_filter(text: str) -> None:
    query = parse(text)
    assert query.text == text
    assert query.matches({}) in {True, False}


@given(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), st.from_regex(r"[a-z]{1,8}", fullmatch=True))
def test_not_is_the_opposite(needle: str, field: str) -> None:
    for term in (needle, f"{field}:{needle}"):
        assert parse(f"!{term}").matches(ROW) is not parse(term).matches(ROW)


async def test_typing_filters_and_enter_keeps_it() -> None:
    bar = FilterBar()
    async with staged(bar) as stage:
        assert not bar.display
        bar.open()
        await stage.press("s", "h", "exclamation_mark")
        assert stage.take(FilterBar.Changed)[-1].query.text == "sh!"
        bar.shown = (3, 9)
        await stage.press("enter")
        assert "3 of 9" in stage.lines()[0]
        assert stage.take(FilterBar.Left)
        assert bar.display


async def test_the_empty_line_says_what_can_be_typed_and_which_fields_there_are() -> None:
    bar = FilterBar()
    async with staged(bar) as stage:
        bar.open()
        await stage.pilot.pause()
        assert "text  !not  field:value" in stage.lines()[0] and "fields" not in stage.lines()[0]
        bar.names = ("workload", "state")
        await stage.pilot.pause()
        assert "fields: workload, state" in stage.lines()[0]


async def test_escape_clears_and_then_closes() -> None:
    bar = FilterBar()
    async with staged(bar) as stage:
        bar.open()
        await stage.press("x", "escape")
        assert [event.query.text for event in stage.take(FilterBar.Changed)][-1] == ""
        assert bar.display
        assert not stage.take(FilterBar.Left)
        await stage.press("escape")
        assert not bar.display
        assert stage.take(FilterBar.Left)


async def test_a_restored_filter_is_visible_and_active() -> None:
    bar = FilterBar()
    async with staged(bar) as stage:
        bar.set_text("state:open")
        await stage.pilot.pause()
        assert stage.take(FilterBar.Changed)[-1].query == parse("state:open")
        assert "state:open" in stage.lines()[0]


@pytest.mark.parametrize(
    ("text", "named"),
    [("sevrity:crit", ["sevrity"]), ("!stat:open shop work:x", ["stat", "work"]), ("state:closed kafka", [])],
)
def test_what_is_no_field_is_named_with_those_that_there_are(text: str, named: list[str]) -> None:
    lines = unmatched(parse(text), ROW).splitlines()
    told = [line for line in lines if line.startswith("No field")]
    assert told == [f"No field is called '{name}'." for name in named]
    assert (f"There are: {', '.join(ROW)}" in lines) is bool(named)
    assert lines[0].startswith("No row") and lines[-1] == "esc clears it"
