"""Header, tabs and footer: what stays when it gets narrow, and what the mouse does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from tests.widgets.host import staged
from widgets.key_footer import FooterKey, KeyFooter
from widgets.parts import Part, fit, spot_at
from widgets.status_header import Source, Status, StatusHeader, Tab, TabLine

STATUS = Status(
    context="prod-eu-1",
    freshness="every 15s",
    sources=(Source("prom", "ok", "42 ms"), Source("k8s", "down", "connection refused"), Source("store", "ok")),
    counts=(("new", 3), ("open", 7), ("snoozed", 0)),
    clock="12:41:07Z",
)

part = st.builds(
    lambda text, priority, short, right, close: Part(
        Content(text), priority, Part(Content(text[:3]), 1) if short else None, text, right, close
    ),
    st.text("abc日", min_size=1, max_size=12),
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(part, max_size=8), st.integers(0, 80))
def test_parts_fit_and_are_where_they_are_said_to_be(parts, width) -> None:
    line, spots = fit(parts, width)
    assert line.cell_length <= width
    for spot in spots:
        if spot.end <= width:
            assert spot_at(spots, spot.start) == spot.name
    assert spot_at(spots, 10_000) == ""


@pytest.mark.parametrize("width", [200, 120, 80, 60, 40, 24])
async def test_context_and_trouble_stay_longest(width: int) -> None:
    header = StatusHeader()
    async with staged(header, size=(width, 5)) as stage:
        header.status = STATUS
        await stage.pilot.pause()
        line = stage.lines()[0]
        assert "prod-eu-1" in line
        if width >= 40:
            assert "k8s ×" in line
            assert "LIVE" in line
        if width >= 120:
            assert "connection refused" in line
            assert "open 7" in line


async def test_a_click_on_a_tab_selects_it() -> None:
    tabs = TabLine()
    async with staged(tabs) as stage:
        tabs.tabs = (Tab("inbox", "Inbox", "1", 3), Tab("coverage", "Coverage", "2"))
        tabs.active = "inbox"
        await stage.pilot.pause()
        line = stage.lines()[0]
        assert "[1 Inbox 3]" in line
        await stage.pilot.click(tabs, offset=(line.index("Coverage"), 0))
        assert [event.id for event in stage.take(TabLine.Selected)] == ["coverage"]
        await stage.pilot.click(tabs, offset=(79, 0))
        assert not stage.take(TabLine.Selected)


@pytest.mark.parametrize(
    ("width", "titles"),
    [(120, ["Investigation", "Settings", "Quality"]), (64, ["Investigation", "Settings", "Quality"]),
     (50, ["Inve", "Sett", "Qual"])],
)  # fmt: skip
async def test_tabs_are_shortened_evenly_and_none_is_cut(width: int, titles: list[str]) -> None:
    tabs = TabLine()
    names = ("Inbox", "Investigation", "Coverage", "Settings", "Quality")
    async with staged(tabs, size=(width, 3)) as stage:
        tabs.tabs = tuple(Tab(name.lower(), name, str(number)) for number, name in enumerate(names, 1))
        tabs.active = "inbox"
        await stage.pilot.pause()
        line = stage.lines()[0]
        assert all(f" {title} " in f"{line} " for title in titles)
        assert "…" not in line


async def test_keys_are_pressed_by_click_unless_impossible() -> None:
    footer = KeyFooter()
    async with staged(footer) as stage:
        footer.keys = (FooterKey("enter", "open"), FooterKey("S", "slack", False, "no [destination]"))
        await stage.pilot.pause()
        line = stage.lines()[-1]
        await stage.pilot.click(footer, offset=(line.index("open"), 0))
        assert [event.key for event in stage.take(KeyFooter.Pressed)] == ["enter"]
        await stage.pilot.click(footer, offset=(line.index("slack"), 0))
        assert not stage.take(KeyFooter.Pressed)
        await stage.pilot.hover(footer, offset=(line.index("slack"), 0))
        assert str(footer.tooltip) == "no [destination]"
        await stage.pilot.hover(footer, offset=(line.index("open"), 0))
        assert footer.tooltip is None


async def test_the_footer_keeps_its_important_keys() -> None:
    footer = KeyFooter()
    async with staged(footer, size=(24, 3)) as stage:
        footer.keys = tuple(FooterKey(key, f"do {key}", priority=n) for n, key in enumerate("abcdef"))
        await stage.pilot.pause()
        assert stage.lines()[-1].split() == ["a", "do", "a", "b", "do", "b", "c", "do", "c"]
