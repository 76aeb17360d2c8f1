"""Sending by hand with a preview, and the outbox: what is said of each message, sending again, dropping."""

from __future__ import annotations

from datetime import UTC

import pytest

from app.screens.outbox import OutboxScreen
from app.screens.outbox_rows import columns, explanation, fields, upcoming, why_empty
from app.screens.send import SendDialog
from storage.records import MessageState
from tests.app.screens.fake_session import NO_DESTINATION, FakeSession, session_of
from tests.app.screens.night import NOW
from tests.app.screens.posted import MESSAGES, outbox
from tests.app.screens.running import eventually, painted, running, toasts


async def previewing(pilot, console):
    await pilot.press("S")
    await eventually(pilot, lambda: isinstance(console.screen, SendDialog))


async def opened(pilot, console):
    await pilot.press("7")
    await eventually(pilot, lambda: isinstance(console.view, OutboxScreen) and console.view.rows.rows.order)


def sent(session):
    return [call for call in session.calls if call[0] == "send"]


async def test_nothing_leaves_without_a_preview_and_a_second_key():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await previewing(pilot, console)
        text = painted(console)
        assert "[x] oncall" in text and "slack #shop-oncall" in text and "by rule critical" in text
        assert "Deployment shop/checkout in prod-eu-1" in text
        await pilot.press("t", "S", "enter")
        assert sent(session) == []
        await pilot.press("y")
        await eventually(pilot, lambda: sent(session) == [("send", (412,), ("oncall",))])
        await eventually(pilot, lambda: toasts(console) == ["in the outbox for oncall   z undoes"])


async def test_escape_leaves_without_sending():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await previewing(pilot, console)
        await pilot.press("escape")
        await eventually(pilot, lambda: not isinstance(console.screen, SendDialog))
        assert sent(session) == []


async def test_destinations_are_chosen_by_number_and_none_sends_nothing():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await previewing(pilot, console)
        await pilot.press("1")
        await eventually(pilot, lambda: "y sends" not in painted(console))
        await pilot.press("y", "9")
        assert sent(session) == [] and isinstance(console.screen, SendDialog)
        await pilot.press("2", "y")
        await eventually(pilot, lambda: sent(session) == [("send", (412,), ("platform",))])


async def test_marked_investigations_are_previewed_together():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("space", "space")
        await previewing(pilot, console)
        assert "Send 2 investigations" in painted(console) and "#412  shop/checkout" in painted(console)
        await pilot.press("y")
        await eventually(pilot, lambda: sent(session) == [("send", (412, 411), ("oncall",))])
        await eventually(pilot, lambda: console.view.rows.marks == frozenset())


async def test_it_is_sent_from_an_investigation_too():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("enter")
        await eventually(pilot, lambda: console.current_mode == "investigation" and console.view.case)
        await previewing(pilot, console)
        await pilot.press("y")
        await eventually(pilot, lambda: sent(session) == [("send", (412,), ("oncall",))])


async def test_without_a_destination_the_key_says_why():
    session = FakeSession()
    async with running(session) as (console, pilot):
        session.publish(unsendable=NO_DESTINATION)
        await eventually(pilot, lambda: console.situation.unsendable)
        await pilot.press("S")
        await eventually(pilot, lambda: toasts(console) == [f"Send: {NO_DESTINATION}"])


async def test_the_outbox_says_what_is_the_matter_and_what_to_do():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("j", "j")
        await eventually(pilot, lambda: "Unarchive the channel" in painted(console))
        assert "1 failed" in painted(console) and "Outbox 3" in painted(console)
        await pilot.press("enter")
        await eventually(pilot, lambda: console.current_mode == "investigation" and console.case == 409)


async def test_retry_and_drop_go_to_the_marked_ones():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("j", "j", "R")
        await eventually(pilot, lambda: ("retry", 7) in session.calls)
        await eventually(pilot, lambda: console.view.rows.rows.items[7].record.state is MessageState.WAITING)
        await pilot.press("j", "space", "space", "D")
        await eventually(pilot, lambda: ("drop", 6, 5) in session.calls)
        await eventually(pilot, lambda: console.view.rows.marks == frozenset())
        assert any("z undoes" in toast for toast in toasts(console))


async def test_the_outbox_filters_by_state_and_sorts_what_needs_somebody_first():
    async with running(FakeSession()) as (console, pilot):
        await opened(pilot, console)
        await pilot.press("/", *"state:failed", "enter")
        await eventually(pilot, lambda: console.view.rows.rows.order == [7])
        await pilot.press("escape", "O")
        await eventually(pilot, lambda: console.view.rows.rows.order[0] == 7 and len(console.view.rows.rows.order) == 7)


async def test_an_empty_outbox_says_what_to_do():
    async with running(session_of("empty")) as (console, pilot):
        await pilot.press("7")
        await eventually(
            pilot, lambda: "Nothing is ever sent: no destination is named in config.toml" in painted(console)
        )
        await pilot.press("R")
        await eventually(pilot, lambda: toasts(console) == ["Retry: no message is selected"])
    assert "S from the inbox" in why_empty(outbox({each.record.id: each.record.state for each in MESSAGES}), "")


@pytest.mark.parametrize("row", MESSAGES, ids=lambda row: row.record.state)
def test_every_message_has_something_to_say(row):
    for column in columns(lambda: NOW):
        column.cell(row, column.width)
        assert column.sort is not None
        column.sort(row)
    assert all(text for _, text in explanation(row, NOW, UTC))
    assert all(isinstance(value, str) for value in fields(row).values())


def test_the_next_try_is_told_of_what_waits_only():
    waiting, sent_one = MESSAGES[0].record, MESSAGES[1].record
    assert (upcoming(waiting, NOW), upcoming(waiting, NOW + 60), upcoming(sent_one, NOW)) == ("40s", "now", "")
