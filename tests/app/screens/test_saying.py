"""What the chrome says: the way to help, the end of a recording, why there is no connection."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input
from textual.widgets._toast import Toast

from app.dispatch import TOAST_SECONDS
from app.screens.connection import ConnectionScreen
from app.snapshot import ENDED, FAILED, REPLAY, Health, SourceStatus
from storage.errors import StoreError
from tests.app.screens.fake_session import FakeSession
from tests.app.screens.night import DOWN
from tests.app.screens.running import console_of, eventually, painted, running, toasts
from widgets.key_footer import KeyFooter


def footer(console):
    return str(console.view.query_one(KeyFooter).render())


async def test_help_and_the_panes_stay_in_the_footer_of_a_small_terminal():
    async with running(FakeSession(), size=(80, 24)) as (console, pilot):
        for key, place in (("1", "inbox"), ("2", "investigation"), ("3", "coverage"), ("4", "settings")):
            await pilot.press(key)
            await eventually(pilot, lambda place=place: console.view.place == place)
            await eventually(pilot, lambda: "? help" in footer(console))
            assert ("tab next pane" in footer(console)) is (place == "investigation")


async def test_a_toast_covers_no_explanation():
    session = FakeSession()
    console = console_of(session)
    async with console.run_test(size=(80, 24), notifications=True) as pilot:
        await eventually(pilot, lambda: console.snapshot is session.snapshot)
        await pilot.press("P")
        await eventually(pilot, lambda: list(console.screen.query(Toast)))
        toast = console.screen.query_one(Toast)
        assert not toast.region.overlaps(console.view.query_one("#preview-line").region)
        assert not toast.region.overlaps(console.view.query_one(KeyFooter).region)
        console.link.close()


async def test_toasts_are_one_line_one_at_a_time():
    session = FakeSession()
    console = console_of(session)
    async with console.run_test(size=(80, 24), notifications=True) as pilot:
        await eventually(pilot, lambda: console.snapshot is session.snapshot)
        console.say("x" * 300)
        console.say("y " * 150)
        await eventually(pilot, lambda: [t._notification.message[0] for t in console.screen.query(Toast)] == ["y"])
        await eventually(pilot, lambda: console.screen.query_one(Toast).outer_size.height == 1)
        assert console.screen.query_one(Toast)._notification.timeout == TOAST_SECONDS
        console.link.close()


async def test_what_was_copied_is_told_by_its_kind_and_length():
    async with running(FakeSession()) as (console, pilot):
        await eventually(pilot, lambda: console.situation.query)
        long = "kubectl get pods --output " + "x" * 200
        console.view.copy(long)
        await eventually(pilot, lambda: toasts(console))
        assert toasts(console)[-1] == f"copied the command ({len(long)} characters) through the terminal (OSC 52)"
        console.view.copy("rate(x[5m])")
        await eventually(pilot, lambda: ["query" in text for text in toasts(console)] == [True])
        assert toasts(console)[-1].startswith("copied the query (11 characters)")


async def test_the_end_of_a_recording_is_told():
    session = FakeSession()
    async with running(session) as (console, pilot):
        session.publish(mode=ENDED)
        await eventually(pilot, lambda: "ENDED" in painted(console))
        text = painted(console)
        assert "every 15s" not in text
        assert "What you do here is forgotten when you leave." in text


async def test_a_replay_that_failed_is_told_apart_from_one_that_ended():
    session = FakeSession()
    async with running(session, size=(80, 24)) as (console, pilot):
        why = SourceStatus(REPLAY, Health.DOWN, "shop.gz: line 7 is no line", "It cannot go on from here.")
        session.publish(mode=FAILED, sources=(*DOWN, why))
        await eventually(pilot, lambda: "FAILED" in painted(console))
        text = painted(console)
        assert "ENDED" not in text and "has ended" not in text and "every 15s" not in text
        assert "The replay failed: shop.gz: line 7 is no line - It cannot go on from here." in text


@pytest.mark.parametrize("database", [True, False])
async def test_a_database_that_cannot_be_used_is_not_a_missing_connection(database):
    def refuse(choice):
        if database:
            raise StoreError(Path("here") / "tocsin.db", "it is no database", "Move it away.")
        raise ValueError("nobody answers")

    console = console_of(FakeSession(), factory=refuse)
    async with console.run_test(size=(120, 36)) as pilot:
        await eventually(pilot, lambda: isinstance(console.screen, ConnectionScreen))
        text = painted(console)
        assert ("The database cannot be used" in text) is database
        assert ("Not connected" in text) is not database
        assert ("here/tocsin.db: it is no database" in text and "Move it away." in text) is database
        assert console.screen.query_one(Input).display is not database
        assert ("until you quit" in text) is not database
        assert ("Keep  ctrl+y" in text) is not database
        assert ("Try again" in text) is database
        console.link.close()
