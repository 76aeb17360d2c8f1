"""Keys that arrive together, as from a paste or over a slow line, mean what they mean one by one."""

from __future__ import annotations

import pytest
from textual import events

from app.ordered_keys import LONGEST_WAIT
from app.screens.help import HelpDialog
from tests.app.screens.fake_session import FakeSession
from tests.app.screens.running import eventually, running
from widgets.row_list import RowList

ACTS = ("labelled", "pinned", "acknowledged", "closed", "snoozed")


def burst(console, *keys):
    """Hand the app all keys before it looks at the first."""
    for key in keys:
        name = {":": "colon", "/": "slash", "?": "question_mark", " ": "space"}.get(key, key)
        console.post_message(events.Key(name, {"space": " "}.get(key, key) if len(key) == 1 else None))


def acts(session):
    return [call for call in session.calls if str(call[0]).startswith(ACTS)]


async def test_a_command_in_one_burst_is_a_command():
    session = FakeSession()
    async with running(session) as (console, pilot):
        burst(console, *":theme nord", "enter")
        await eventually(pilot, lambda: console.theme == "nord")
        assert acts(session) == []


async def test_a_filter_in_one_burst_is_a_filter():
    session = FakeSession()
    async with running(session) as (console, pilot):
        burst(console, *"/paz")
        await eventually(pilot, lambda: console.view.bar.query_text == "paz")
        burst(console, *"/:?")
        await eventually(pilot, lambda: console.view.bar.query_text == "paz/:?")
        assert acts(session) == []


async def test_a_search_in_the_help_acts_on_nothing():
    session = FakeSession()
    async with running(session) as (console, pilot):
        burst(console, *"?paz")
        await eventually(pilot, lambda: isinstance(console.screen, HelpDialog))
        assert acts(session) == []


@pytest.mark.parametrize("keymap", [{}, {"command": "semicolon"}], ids=["default", "rebound"])
async def test_typing_slowly_and_other_keys_for_it_work_as_well(keymap):
    session = FakeSession()
    async with running(session, keymap=keymap) as (console, pilot):
        await pilot.press(keymap.get("command", ":"), *"theme", "space", *"nord", "enter")
        await eventually(pilot, lambda: console.theme == "nord")
        await pilot.press("p")
        await eventually(pilot, lambda: acts(session) == [("pinned", 412)])


async def test_a_burst_on_the_investigation_goes_to_its_command_line():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("enter")
        await eventually(pilot, lambda: console.current_mode == "investigation")
        burst(console, *":inbox", "enter")
        await eventually(pilot, lambda: console.current_mode == "inbox")
        assert acts(session) == []


async def test_keys_right_behind_a_command_mean_what_they_mean_after_it():
    session = FakeSession()
    async with running(session) as (console, pilot):
        burst(console, *":theme nord", "enter", "p")
        await eventually(pilot, lambda: acts(session) == [("pinned", 412)])
        assert console.theme == "nord"
        assert isinstance(console.focused, RowList)


@pytest.mark.parametrize("leave", ["enter", "down"])
async def test_keys_right_behind_a_filter_move_in_the_list(leave):
    async with running(FakeSession()) as (console, pilot):
        burst(console, *"/shop", leave, "j", "j")
        await eventually(pilot, lambda: console.view.rows.cursor == console.view.rows.rows.order[2])
        assert console.view.bar.query_text == "shop"


async def test_what_is_typed_behind_the_key_that_clears_a_filter_is_the_next_filter():
    session = FakeSession()
    async with running(session) as (console, pilot):
        burst(console, *"/paz", "escape", *"xa")
        await eventually(pilot, lambda: console.view.bar.query_text == "xa")
        burst(console, "backspace", "backspace", "escape", "p")
        await eventually(pilot, lambda: acts(session) == [("pinned", 412)])
        assert console.view.bar.query_text == ""


async def test_keys_are_looked_at_in_time_whatever_becomes_of_the_one_before(monkeypatch):
    async def lost(way):
        """The note never comes back."""

    session = FakeSession()
    async with running(session) as (console, pilot):
        burst(console, *"/pa")
        await eventually(pilot, lambda: console.view.bar.query_text == "pa")
        monkeypatch.setattr(console, "_follow", lost)
        burst(console, "enter", "p")
        await eventually(pilot, lambda: isinstance(console.focused, RowList))
        assert acts(session) == []
        late = events.Key("t", "t")
        late.time += LONGEST_WAIT
        console.post_message(late)
        await eventually(pilot, lambda: [act[0] for act in acts(session)] == ["pinned", "labelled true"])
