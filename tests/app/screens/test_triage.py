"""From the first row to the last label with the keyboard, as an engineer at 03:00 does it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from app.screens.cases import duration
from app.screens.inbox import InboxScreen
from app.screens.investigation import InvestigationScreen
from app.screens.query import QueryDialog
from app.screens.reason import FITTING, ReasonDialog
from app.screens.silence import SilenceDialog
from app.screens.snooze import SnoozeDialog
from app.snapshot import ActResult
from storage.records import Label, Lifecycle, Reason
from tests.app.screens.fake_session import FakeSession
from tests.app.screens.night import FAULTS, NOW
from tests.app.screens.running import eventually, painted, running, toasts

RANKED = [fault.id for fault in FAULTS if fault.id != 388]
"""The inbox's rows; 388 is snoozed."""


def record(session, number):
    return next(row.investigation for row in session.snapshot.rows if row.investigation.id == number)


async def test_the_cursor_moves_by_letters_and_arrows():
    async with running(FakeSession()) as (console, pilot):
        rows = console.view.rows
        assert rows.rows.order == RANKED
        await pilot.press("j", "j", "down", "k")
        assert rows.cursor == RANKED[2]
        await pilot.press("G")
        assert rows.cursor == RANKED[-1]
        await pilot.press("g", "up")
        assert rows.cursor == RANKED[0]


async def test_a_label_is_one_key_moves_on_and_is_taken_back_by_z():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("t")
        await eventually(pilot, lambda: record(session, 412).label is Label.TRUE and toasts(console))
        assert toasts(console) == ["labelled true: shop/checkout   z undoes"]
        assert console.view.rows.cursor == 411
        await pilot.press("f")
        await eventually(pilot, lambda: record(session, 411).label is Label.FALSE)
        await pilot.press("z")
        await eventually(pilot, lambda: record(session, 411).label is None)
        assert record(session, 412).label is Label.TRUE
        await pilot.press("Z")
        await eventually(pilot, lambda: record(session, 411).label is Label.FALSE)


async def test_acts_reach_the_session_in_the_order_of_their_keys():
    session = FakeSession()
    async with running(session) as (_, pilot):
        await pilot.press("a", "t", "p", "u", "x")
        await eventually(pilot, lambda: len(session.done) == 5)
        acts = [call for call in session.calls if call[0] not in {"case", "mark_seen"}]
        assert acts == [
            ("acknowledged", 412),
            ("labelled true", 412),
            ("pinned", 411),
            ("labelled unsure", 411),
            ("closed", 409),
        ]


async def test_acknowledging_twice_gives_it_back():
    session = FakeSession()
    async with running(session) as (_, pilot):
        await pilot.press("a")
        await eventually(pilot, lambda: record(session, 412).acknowledged_at)
        await pilot.press("a")
        await eventually(pilot, lambda: record(session, 412).acknowledged_at is None)


async def test_what_is_closed_leaves_the_inbox_and_h_shows_it():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("x")
        await eventually(pilot, lambda: record(session, 412).lifecycle is Lifecycle.CLOSED)
        await eventually(pilot, lambda: 412 not in console.view.rows.rows.order)
        await pilot.press("h")
        await eventually(pilot, lambda: {412, 388} <= set(console.view.rows.rows.order))


async def test_what_is_closed_says_so_at_once_where_closed_ones_are_shown():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("h")
        case = console.view.current.investigation.id
        await pilot.press("x")
        await eventually(pilot, lambda: console.view.rows.rows.items[case].state == "closed")
        assert "closed" in painted(console)


async def test_snoozing_asks_for_how_long():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("s")
        await eventually(pilot, lambda: isinstance(console.screen, SnoozeDialog))
        await pilot.press("t", "x")
        assert session.done == []
        await pilot.press("2")
        await eventually(pilot, lambda: record(session, 412).snoozed_until == NOW + 3600)
        await pilot.press("s", "escape")
        await eventually(pilot, lambda: isinstance(console.screen, InboxScreen))
        assert len(session.done) == 1


async def test_a_reason_is_asked_for_by_the_capital_and_moves_on():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("F")
        await eventually(
            pilot, lambda: isinstance(console.screen, ReasonDialog) and "nothing happened" in painted(console)
        )
        await pilot.press("x", "7")
        assert session.done == []
        await pilot.press("1")
        await eventually(pilot, lambda: record(session, 412).label_reason == Reason.NOISE)
        assert record(session, 412).label is Label.FALSE
        assert console.view.rows.cursor == 411
        await pilot.press("T", "escape")
        await eventually(pilot, lambda: isinstance(console.screen, InboxScreen))
        assert len(session.done) == 1
        await pilot.press("z")
        await eventually(pilot, lambda: record(session, 412).label is None)


@pytest.mark.parametrize("label", Label)
def test_the_reasons_fit_the_label_the_usual_one_first(label):
    answers = [answer for _, answer in ReasonDialog(label, 1)._choices]
    assert tuple(answers) == FITTING[label]


async def test_snoozing_by_command():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press(*":snooze", "space", *"2h", "enter")
        await eventually(pilot, lambda: record(session, 412).snoozed_until == NOW + 7200)
        await pilot.press(*":snooze", "space", *"never", "enter")
        await eventually(pilot, lambda: any("a time is a number" in toast for toast in toasts(console)))
        assert len(session.done) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15m", 900.0), ("1h", 3600.0), ("2d", 172800.0), ("0m", None), ("31d", None), ("1.5h", None), ("h", None)],
)
def test_durations(text, seconds):
    assert duration(text) == seconds


async def test_marks_make_one_act_of_many():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("space", "space", "f")
        await eventually(pilot, lambda: len(session.done) == 1)
        assert session.calls[-1] == ("labelled false", 412, 411)
        await eventually(pilot, lambda: console.view.rows.marks == frozenset())
        await pilot.press("z")
        await eventually(pilot, lambda: record(session, 412).label is None and record(session, 411).label is None)


async def test_the_title_counts_the_marks_and_an_act_on_them_clears_them():
    session = FakeSession()
    async with running(session) as (console, pilot):
        assert "marked" not in painted(console)
        await pilot.press("space")
        await eventually(pilot, lambda: "11 investigations  1 marked" in painted(console))
        await pilot.press("v")
        await eventually(pilot, lambda: "2 marked" in painted(console))
        await pilot.press("G", "a")
        await eventually(pilot, lambda: record(session, 411).acknowledged_at and "marked" not in painted(console))
        assert console.view.rows.cursor == RANKED[-1]
        await pilot.press("z")
        await eventually(pilot, lambda: record(session, 411).acknowledged_at is record(session, 412).acknowledged_at)
        assert record(session, 412).acknowledged_at is None


async def test_one_investigation_is_one():
    session = FakeSession(FAULTS[:1])
    async with running(session) as (console, pilot):
        await eventually(pilot, lambda: " 1 investigation " in painted(console))


async def test_marks_stay_where_the_act_was_refused(monkeypatch):
    session = FakeSession()
    monkeypatch.setattr(session, "label", lambda ids, label: ActResult(False, "nothing to do"))
    async with running(session) as (console, pilot):
        await pilot.press("space", "t")
        await eventually(pilot, lambda: "nothing to do" in toasts(console))
        assert console.view.rows.marks == {412}


async def test_opening_marks_as_seen_and_shows_the_query_behind_a_line():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(console.view, InvestigationScreen) and console.view.case)
        await eventually(pilot, lambda: record(session, 412).seen_at == NOW)
        assert ("mark_seen", 412) in session.calls
        await pilot.press("tab", "j", "enter")
        await eventually(pilot, lambda: isinstance(console.screen, QueryDialog))
        assert "kubectl rollout history deployment/checkout -n shop" in painted(console)
        await pilot.press("c")
        await eventually(pilot, lambda: console.clipboard == "kubectl rollout history deployment/checkout -n shop")
        await pilot.press("escape")
        await eventually(pilot, lambda: isinstance(console.view, InboxScreen))
        assert console.view.rows.cursor == 412


async def test_labels_inside_an_investigation_go_on_to_the_next():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(console.view, InvestigationScreen) and console.view.case)
        await pilot.press("t")
        await eventually(pilot, lambda: console.case == 411 and console.view.case)
        assert console.view.case.investigation.id == 411
        assert record(session, 412).label is Label.TRUE


async def test_a_late_answer_never_replaces_a_newer_case():
    session = FakeSession()
    async with running(session) as (console, pilot):
        session.gate.clear()
        console.open_case(412)
        await pilot.pause()
        console.open_case(411)
        await pilot.pause()
        session.gate.set()
        await eventually(pilot, lambda: isinstance(console.view, InvestigationScreen) and console.view.case)
        assert console.view.case.investigation.id == 411


async def test_an_investigation_that_does_not_exist_says_so():
    async with running(FakeSession()) as (console, pilot):
        await pilot.press(*":case", "space", *"7", "enter")
        await eventually(pilot, lambda: "There is no such investigation" in painted(console))
        await pilot.press("1")
        await pilot.press(*":case", "space", *"x", "enter")
        await eventually(pilot, lambda: any("a number is needed" in toast for toast in toasts(console)))


async def test_panes_of_an_investigation_by_tab():
    async with running(FakeSession(), size=(80, 24)) as (console, pilot):
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(console.view, InvestigationScreen) and console.view.case)
        assert console.view.focused.id == "causes"
        seen = []
        for _ in range(6):
            await pilot.press("tab")
            seen.append(console.view.focused.id)
        assert seen == ["ledger", "anomalies", "timeline", "history", "chart", "causes"]
        await pilot.press("shift+tab")
        assert console.view.focused.id == "chart"


async def test_the_selected_anomaly_is_the_one_drawn():
    from widgets.band_chart import BandChart

    async with running(FakeSession()) as (console, pilot):
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(console.view, InvestigationScreen) and console.view.case)
        chart = console.view.query_one(BandChart)
        assert chart.unit == "seconds"
        await pilot.press("tab", "tab", "j")
        await eventually(pilot, lambda: chart.unit == "ratio")


async def test_the_filter_survives_refresh_and_return():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("/", *"namespace:shop", "enter")
        shop = [number for number in RANKED if record(session, number).entity.namespace == "shop"]
        await eventually(pilot, lambda: console.view.rows.rows.order == shop)
        session.publish(cycle=8)
        await eventually(pilot, lambda: console.snapshot.cycle == 8)
        assert console.view.rows.rows.order == shop
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(console.view, InvestigationScreen))
        await pilot.press("q")
        await eventually(pilot, lambda: isinstance(console.view, InboxScreen))
        assert console.view.bar.query_text == "namespace:shop"
        assert console.view.bar.display
        await pilot.press("escape")
        await eventually(pilot, lambda: console.view.rows.rows.order == RANKED)


async def test_a_filter_on_states_looks_at_the_hidden_ones_too():
    async with running(FakeSession()) as (console, pilot):
        await pilot.press("/", *"state:snoozed", "enter")
        await eventually(pilot, lambda: console.view.rows.rows.order == [388])


async def test_namespace_by_command():
    async with running(FakeSession()) as (console, pilot):
        await pilot.press(*":ns", "space", *"ml", "enter")
        await eventually(pilot, lambda: console.view.rows.rows.order == [396])
        await pilot.press(*":ns", "space", "*", "enter")
        await eventually(pilot, lambda: console.view.rows.rows.order == RANKED)


async def test_frozen_rows_stay_but_acts_show():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("P")
        session.publish(cycle=8, now=NOW + 120, rows=session.snapshot.rows[1:])
        await eventually(pilot, lambda: console.freeze.latest.cycle == 8)
        assert console.snapshot.cycle == 7
        assert console.view.rows.rows.order == RANKED
        assert "PAUSED 2m old" in painted(console)
        await pilot.press("j", "t")
        await eventually(pilot, lambda: console.snapshot.rows[1].investigation.label is Label.TRUE)
        assert console.snapshot.cycle == 7
        await pilot.press("P")
        await eventually(pilot, lambda: console.view.rows.rows.order == RANKED[1:])


async def test_what_is_asked_for_is_shown_at_once_even_while_frozen():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("P", "h")
        await eventually(pilot, lambda: 388 in console.view.rows.rows.order and "waiting" not in painted(console))
        await pilot.press("h")
        await eventually(pilot, lambda: console.view.rows.rows.order == RANKED)
        await pilot.press("/", *"state:snoozed", "enter")
        await eventually(pilot, lambda: console.view.rows.rows.order == [388])
        assert console.freeze.frozen
        await pilot.press("escape")
        await eventually(pilot, lambda: console.view.rows.rows.order == RANKED)


async def test_refresh_asks_for_a_cycle():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("ctrl+r")
        await eventually(pilot, lambda: console.snapshot.cycle == 8)
        assert ("refresh",) in session.calls


async def test_a_silence_says_what_it_hides_as_it_is_typed_and_is_refused_without_a_reason():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("M")
        await eventually(pilot, lambda: "a reason is needed" in painted(console))
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(console.screen, SilenceDialog))
        assert not any(call[0] == "silence" for call in session.calls)
        await pilot.press(*"moving")
        await eventually(
            pilot, lambda: "shop/checkout, until" in painted(console) and "1 open case" in painted(console)
        )
        await pilot.press("enter")
        await eventually(pilot, lambda: any(call[0] == "silence" for call in session.calls))
        (wish,) = [call[1] for call in session.calls if call[0] == "silence"]
        assert (wish.namespace, wish.workload, wish.reason) == ("shop", "checkout", "moving")
        await eventually(pilot, lambda: toasts(console) == ["silenced   z undoes"])


async def test_what_is_silenced_before_anything_happens_needs_no_investigation():
    session = FakeSession(())
    async with running(session) as (console, pilot):
        await pilot.press(*":silence", "enter")
        await eventually(pilot, lambda: "name at least one of" in painted(console))
        await pilot.press("escape")
        await eventually(pilot, lambda: not isinstance(console.screen, SilenceDialog))


async def test_the_title_says_what_is_hidden_and_why():
    session = FakeSession()
    async with running(session) as (console, pilot):
        rows = [
            replace(row, investigation=replace(row.investigation, muted=3), state="muted")
            if row.investigation.id in (411, 408) else row
            for row in session.snapshot.rows
        ]  # fmt: skip
        session.publish(rows=tuple(rows))
        await eventually(pilot, lambda: "hidden (h): 2 muted, 1 snoozed" in painted(console))
        await pilot.press("h")
        await eventually(pilot, lambda: "hidden" not in painted(console) and 411 in console.view.rows.rows.order)


async def test_an_investigation_is_written_to_a_file_and_it_says_where():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(console.view, InvestigationScreen) and console.view.case)
        await pilot.press("E")
        await eventually(pilot, lambda: any("tocsin-412.md" in toast for toast in toasts(console)))
        assert ("export", 412) in session.calls


async def test_a_snooze_may_last_until_the_next_rollout():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("s")
        await eventually(pilot, lambda: isinstance(console.screen, SnoozeDialog))
        await pilot.press("4")
        await eventually(pilot, lambda: record(session, 412).awaits_rollout == NOW)
        await pilot.press("z")
        await eventually(pilot, lambda: record(session, 412).snoozed_until is None)


async def test_the_screen_is_written_to_files_as_picture_and_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with running(FakeSession()) as (console, pilot):
        await pilot.press("ctrl+s")
        await eventually(pilot, lambda: any("written to" in toast for toast in toasts(console)))
        picture, text = sorted(tmp_path.iterdir())
        assert picture.suffix == ".svg" and picture.read_text().startswith("<svg")
        assert "shop/checkout" in text.read_text() and "\x1b" not in text.read_text()
        monkeypatch.setattr("app.export.files.Path.cwd", lambda: tmp_path / "none")
        monkeypatch.setattr("app.export.files.Path.home", lambda: tmp_path / "none")
        await pilot.press(*":dump", "enter")
        await eventually(pilot, lambda: any("not written" in toast for toast in toasts(console)))
