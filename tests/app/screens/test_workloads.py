"""The workloads' screen: what is told apart, what comes first, what opens, and what stays while it is frozen."""

from __future__ import annotations

from msgspec.structs import replace

from app.baselines.shown import HEADLINES, Baselines
from app.screens.charts import ChartsDialog
from app.screens.workloads import WorkloadsScreen
from app.screens.workloads_rows import columns, explanation, fields, reading_cell, verdict
from detectors.model import Coverage
from tests.app.screens.fake_session import FakeSession, session_of
from tests.app.screens.running import eventually, painted, running, toasts
from tests.app.screens.usual import LINES, reading
from widgets import palette


async def opened(pilot, console):
    await pilot.press("8")
    await eventually(pilot, lambda: isinstance(console.view, WorkloadsScreen) and console.view.rows.rows.order)


async def charting(pilot, console):
    await pilot.press("enter")
    await eventually(pilot, lambda: isinstance(console.screen, ChartsDialog) and console.screen.focused)


def asked(session):
    return session.calls.count(("baselines",))


async def test_healthy_workloads_are_there_too_and_the_open_case_stands_beside_its_workload():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        text = painted(console)
        assert "12 workloads  3 out of band  3 not judged" in text
        assert "shop/web" in text and "#412" in text
        assert "enter, enter opens case #412" in text
        # The case of a node is no workload's.
        assert "#402" not in text


async def test_what_cannot_be_judged_is_told_apart_from_what_is_well():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        for sign in ("◐ learning", "◌ no traffic", "○ no data", "# forbidden", "= disabled"):
            assert sign in painted(console)
        await pilot.press("G")
        await eventually(pilot, lambda: "switched off by scope.exclude_services" in painted(console))


def test_a_live_reading_alone_has_a_sparkline():
    cells = {status: reading_cell(reading(0, status=status), 14, 8).plain for status in Coverage}
    assert len(set(cells.values())) == len(cells)
    assert [status for status, cell in cells.items() if "▄" in cell] == [Coverage.LIVE]
    assert len({verdict(reading(0, status=status)).plain for status in Coverage}) == len(Coverage)


def test_out_of_band_is_told_without_colours_too_and_a_score_without_finding_is_neither():
    found, doubtful, well = reading(0, 0.5), reading(0, score=1.3), reading(0)
    assert "!" in reading_cell(found, 14, 8).plain and verdict(found).plain.startswith("! out of band")
    assert "!" not in reading_cell(doubtful, 14, 8).plain and "not found" in verdict(doubtful).plain
    assert verdict(well).plain == "● in band  0.0"
    assert palette.BAD not in {span.style for span in reading_cell(well, 14, 8).spans}


def test_every_line_has_something_to_say():
    for line in LINES:
        for column in columns(lambda _: None):
            column.cell(line, column.width)
            assert column.sort is not None
            column.sort(line)
        assert list(explanation(line, 9))
        assert all(isinstance(value, str) for value in fields(line).values())


async def test_it_filters_and_sorts_by_any_signal():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        rows = console.view.rows
        await pilot.press("/", *"out:errors", "enter")
        await eventually(pilot, lambda: rows.rows.order == [1, 2])
        await pilot.press("escape", "/", *"status:learning", "enter")
        await eventually(pilot, lambda: rows.rows.order == [6])
        await pilot.press("escape", "shift+right", "shift+right", "O")
        await eventually(pilot, lambda: rows.rows.sorted_by is not None and len(rows.rows.order) == len(LINES))
        assert rows.rows.sorted_by.key == HEADLINES[0].id
        # The request rate of the search is what is farthest from its band.
        assert rows.rows.order[0] == 3


async def test_marked_names_are_copied():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("space", "space", "c")
        await eventually(pilot, lambda: toasts(console))
        assert console.clipboard == "shop/checkout shop/cart"
        assert toasts(console) == ["copied the name (23 characters) through the terminal (OSC 52)"]


async def test_enter_shows_charts_and_enter_again_goes_to_the_case():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        await charting(pilot, console)
        text = painted(console)
        assert "Errors  2.4 %  expected" in text and "! out of band" in text
        assert 'sum(rate(rate_total{namespace="shop"}[2m]))' in text
        await pilot.press("enter")
        await eventually(pilot, lambda: console.current_mode == "investigation" and console.case == 412)


async def test_the_query_of_the_chart_with_the_focus_is_copied():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        await charting(pilot, console)
        await pilot.press("j")
        await eventually(pilot, lambda: "errors_total" in painted(console))
        await pilot.press("c")
        await eventually(pilot, lambda: toasts(console))
        assert console.clipboard == 'sum(rate(errors_total{namespace="shop"}[2m]))'
        assert toasts(console) == ["copied the query (45 characters) through the terminal (OSC 52)"]


async def test_a_workload_without_a_case_or_values_says_so_and_enter_goes_back():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("G", "enter")
        await eventually(pilot, lambda: isinstance(console.screen, ChartsDialog))
        await eventually(pilot, lambda: "None of its headline signals has values" in painted(console))
        await pilot.press("enter")
        await eventually(pilot, lambda: console.screen is console.view)
        assert console.current_mode == "workloads"


async def test_each_cycle_is_asked_for_once_and_none_while_frozen():
    session = FakeSession()
    async with running(session) as (console, pilot):
        assert asked(session) == 0, "nobody looks"
        await opened(pilot, console)
        session.publish()
        await pilot.pause()
        assert asked(session) == 1
        session.publish(cycle=8)
        await eventually(pilot, lambda: asked(session) == 2)
        await pilot.press("P")
        session.usual = Baselines(LINES[:2])
        session.publish(cycle=9)
        await eventually(pilot, lambda: console.freeze.latest.cycle == 9)
        assert asked(session) == 2 and len(console.view.rows.rows.items) == len(LINES)
        await pilot.press("P")
        await eventually(pilot, lambda: len(console.view.rows.rows.items) == 2)


async def test_before_the_first_cycle_it_says_when():
    session = session_of("connecting")
    async with running(session) as (console, pilot):
        await pilot.press("8")
        await eventually(pilot, lambda: "known after this process's first cycle" in painted(console))
        assert asked(session) == 0
        session.publish(cycle=1)
        await eventually(pilot, lambda: "shop/checkout" in painted(console))


def test_the_worst_reading_is_a_finding_before_any_score():
    line = replace(LINES[0], readings=(reading(0, score=9.0), reading(1, 1.5)))
    assert line.worst is not None and line.worst.signal == HEADLINES[1].rows[0]
