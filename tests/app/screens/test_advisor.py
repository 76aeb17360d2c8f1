"""The advisor's screen: what a line says, how it is found, why there is none, and that nothing there is markup."""

from __future__ import annotations

from datetime import UTC

import pytest
from msgspec.structs import replace

from app.screens.advisor_rows import AdviceRow, columns, explanation, fields, summary, why_empty
from detectors.model import Coverage, Sizing
from storage.records import AdviceCoverage, AdviceRun
from tests.app.screens.fake_session import FakeSession, session_of
from tests.app.screens.night import ADVICE, ADVISED, CLUSTER, NOW, TOO_YOUNG
from tests.app.screens.running import eventually, painted, running
from widgets.filter import parse
from widgets.row_list import RowList


def rows_of(console):
    return console.screen.query_one(RowList)


async def opened(pilot, console):
    await pilot.press("5")
    await eventually(pilot, lambda: console.current_mode == "advisor" and "cpu request" in painted(console))


async def test_the_line_under_the_cursor_is_explained():
    async with running(session_of("inbox")) as (console, pilot):
        await opened(pilot, console)
        text = painted(console)
        assert "OOM killed at its" in text
        await pilot.press("j", "j")
        await eventually(pilot, lambda: "saves 43680m" in painted(console))
        assert "4000m -> 360m" in painted(console)
        assert "high: a week of" in painted(console)


async def test_lines_are_filtered_and_sorted():
    async with running(session_of("inbox")) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("/", *"advice:withheld", "enter")
        await eventually(pilot, lambda: len(rows_of(console).rows.order) == 2)
        await pilot.press("escape")
        await eventually(pilot, lambda: len(rows_of(console).rows.order) == len(ADVICE))
        rows_of(console).sort_by("saving", descending=True)
        first = rows_of(console).rows.items[rows_of(console).rows.order[0]]
        assert first.record.entity.name == "cart"


async def test_a_look_is_asked_for_by_key_and_by_command():
    session = session_of("inbox")
    async with running(session) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("A")
        await eventually(pilot, lambda: ("advise",) in session.calls)


async def test_nothing_from_the_cluster_is_markup():
    async with running(session_of("inbox")) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("G", "enter")
        await eventually(pilot, lambda: "[red]failed" in painted(console))


@pytest.mark.parametrize("record", ADVICE, ids=lambda record: record.signal)
def test_every_column_shows_every_kind_of_line(record):
    row = AdviceRow(0, record)
    for column in columns():
        assert len(str(column.cell(row, column.width))) > 0
        assert column.sort is not None
        column.sort(row)
    assert all(text for _, text in explanation(row, NOW, UTC))
    assert parse(f"advice:{record.outcome} of:{record.resource}").matches(fields(row))


def test_withheld_lines_suggest_nothing():
    row = AdviceRow(0, next(record for record in ADVICE if record.outcome is Sizing.WITHHELD))
    facts = dict(explanation(row, NOW, UTC))
    assert facts["cpu request"] == "1000m, no suggestion"
    assert facts["effect"] == "none over 3 pods"


def snapshot(**changes):
    return replace(FakeSession(()).snapshot, **{"advice": (), "advised": None, **changes})


def run_of(status, detail, live=0):
    return AdviceRun(CLUSTER, NOW, 1.0, (AdviceCoverage("rightsizing-cpu-request-high", status, (), live, 0, detail),))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "has not looked yet"),
        ({"mode": "replay"}, "too short for advice"),
        ({"advising": "reading what containers used"}, "reading what containers used ..."),
        ({"advised": TOO_YOUNG}, "not before 2025-10-10 04:12 UTC"),
        ({"advised": run_of(Coverage.LIVE, "", live=12)}, "No request or limit asks for a change."),
        ({"advised": run_of(Coverage.FORBIDDEN, "metrics.k8s.io (list)")}, "metrics.k8s.io (list)"),
        ({"advised": run_of(Coverage.QUERY_ERROR, "504 from the proxy")}, "504 from the proxy"),
    ],
)
def test_an_empty_list_says_why(changes, said):
    assert said in why_empty(snapshot(**changes))


def test_the_summary_says_when_it_looked():
    assert summary(snapshot(advised=ADVISED)) == "looked 3h ago, 212 containers judged, 4 learning"
