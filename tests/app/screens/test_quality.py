"""The quality screen: targets, faces, what explains a line, and labelling what is asked about."""

from __future__ import annotations

from datetime import UTC

import pytest

from app.quality.report import Group
from app.screens.quality_rows import FACES, targets_line
from storage.records import Label
from tests.app.screens.fake_session import FakeSession
from tests.app.screens.measured import NOTHING_YET, PROPOSALS, quality_report
from tests.app.screens.running import eventually, painted, running, toasts
from widgets.filter import parse


async def opened(pilot, console):
    await pilot.press("6")
    await eventually(pilot, lambda: console.current_mode == "quality" and "rate-drop" in painted(console))


async def test_targets_say_what_is_wanted_and_whether_it_is_reached():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        text = painted(console)
        assert "× precision 72 % (64-79) >= 85%" in text
        assert "~ recall 75 % (30-95) >= 70%" in text
        assert "✓ detected 2m <= 5 min" in text
        assert "✓ a day 3.2 <= 5" in text
        assert "too few" in text


async def test_faces_turn_and_come_back():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("w")
        await eventually(pilot, lambda: "P99 Latency spike" in painted(console))
        await pilot.press("[", "[")
        await eventually(pilot, lambda: "payments timed out" in painted(console))
        assert "missed" in painted(console) and "not watched" in painted(console)
        await pilot.press("1", "6")
        await eventually(pilot, lambda: "payments timed out" in painted(console))


async def test_what_is_asked_about_is_labelled_here_and_leaves():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("t")
        assert session.done == []
        await pilot.press("w", "w", "w")
        await eventually(pilot, lambda: "another convention" in painted(console))
        await pilot.press("f")
        await eventually(pilot, lambda: ("labelled false", 412) in session.calls)
        await eventually(pilot, lambda: 412 not in {row.number for row in console.view.rows.rows.items.values()})
        await pilot.press("z")
        await eventually(pilot, lambda: 412 in {row.number for row in console.view.rows.rows.items.values()})


async def test_enter_opens_the_investigation_that_is_asked_about():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("w", "w", "w")
        await eventually(pilot, lambda: "another convention" in painted(console))
        await pilot.press("enter")
        await eventually(pilot, lambda: console.current_mode == "investigation" and console.case == 412)


async def test_nothing_from_the_cluster_is_markup():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("[", "j")
        await eventually(pilot, lambda: "[red]failed" in painted(console))
        await pilot.press("[", "j")
        await eventually(pilot, lambda: "run out" in painted(console) and "[red]" in painted(console))


async def test_a_proposal_is_accepted_and_a_rule_switched_by_the_same_key():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("A")
        await eventually(pilot, lambda: any("choose a proposal" in toast for toast in toasts(console)))
        await pilot.press("w", "w", "w", "w", "j", "A")
        await eventually(pilot, lambda: ("accept", PROPOSALS[1].pattern) in session.calls)
        assert "loses" in painted(console) and "#300" in painted(console)
        await pilot.press("w", "A")
        await eventually(pilot, lambda: ("switch_rule", 3) in session.calls)


async def test_muting_a_pattern_says_what_it_would_have_hidden():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("m")
        await eventually(pilot, lambda: "hides 19: 14 false, 0 true" in painted(console))
        await pilot.press("2")
        await eventually(pilot, lambda: ("accept", PROPOSALS[1].pattern) in session.calls)


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.id)
def test_every_column_and_fact_of_every_line_has_something_to_say(face):
    report = quality_report({})
    rows = face.rows(report)
    assert rows
    for row in rows:
        for column in face.columns:
            column.cell(row, column.width)
            if column.sort is not None:
                column.sort(row)
        assert all(text for _, text in face.explain(row, report, UTC))
        assert all(isinstance(value, str) for value in face.fields(row).values())
    assert face.rows(NOTHING_YET) == [] and face.empty


def test_without_anything_no_target_is_missed_or_reached():
    assert all(each.plain.startswith("·") for each in targets_line(NOTHING_YET))


def test_a_filter_finds_what_drifts():
    signals = next(face for face in FACES if face.id == Group.DETECTOR)
    rows = signals.rows(quality_report({412: Label.TRUE}))
    assert [row.item.name for row in rows if parse("drift:day").matches(signals.fields(row))] == ["count-spike"]
