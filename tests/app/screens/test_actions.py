"""The registry: every action can be reached, is documented, and clashes with no other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from textual.binding import Binding, BindingsMap

from app.actions import ACTIONS, ALIASES, COMMANDS, PLACES, Group, Situation, actions_of
from app.console import Console
from app.keymap import bindings, key_name, keys_of, reference, unknown_ids
from app.screens.advisor import AdvisorScreen
from app.screens.connection import ConnectionScreen
from app.screens.coverage import CoverageScreen
from app.screens.help import HelpDialog, entries_of
from app.screens.inbox import InboxScreen
from app.screens.investigation import InvestigationScreen
from app.screens.outbox import OutboxScreen
from app.screens.quality import QualityScreen
from app.screens.settings import SettingsScreen
from app.screens.workloads import WorkloadsScreen
from tests.app.screens.fake_session import FakeSession
from tests.app.screens.running import eventually, painted, running, toasts
from widgets.band_chart import BandChart
from widgets.row_list import RowList

SCREENS = {
    "inbox": InboxScreen,
    "investigation": InvestigationScreen,
    "coverage": CoverageScreen,
    "settings": SettingsScreen,
    "advisor": AdvisorScreen,
    "quality": QualityScreen,
    "outbox": OutboxScreen,
    "workloads": WorkloadsScreen,
    "connection": ConnectionScreen,
}
READY = Situation(True, (412,), "shop/checkout", "up", messages=(1,))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_is_declared_whole(action):
    assert action.title and action.tooltip and isinstance(action.group, Group)
    assert action.keys or action.command
    assert action.refusal(READY) == ""


@pytest.mark.parametrize("action", [action for action in ACTIONS if action.handler], ids=lambda action: action.id)
def test_every_handler_exists_on_all_its_screens(action):
    for place in action.places or SCREENS:
        assert hasattr(SCREENS[place], f"do_{action.handler}") or hasattr(Console, f"do_{action.handler}"), place


def test_ids_and_commands_are_unique():
    assert max(Counter(action.id for action in ACTIONS).values()) == 1
    assert max(Counter(action.command for action in ACTIONS if action.command).values()) == 1
    assert set(ALIASES) <= set(COMMANDS)


@pytest.mark.parametrize("place", SCREENS)
def test_no_two_actions_of_a_screen_share_a_key(place):
    keys = Counter(key for action in actions_of(place) for key in keys_of(action, {}))
    assert [key for key, count in keys.items() if count > 1] == []


def test_what_widgets_bind_is_what_the_registry_says():
    bound = {}
    for binding in (*RowList.BINDINGS, *BandChart.BINDINGS):
        assert isinstance(binding, Binding)
        bound[binding.id] = tuple(key_name(key) for key in binding.key.split(","))
    described = {action.id: keys_of(action, {}) for action in ACTIONS if not action.handler}
    assert described == bound


@pytest.mark.parametrize("place", SCREENS)
def test_every_action_with_a_handler_is_bound_by_its_id(place):
    bound = {binding.id for _, binding in BindingsMap(bindings(actions_of(place)))}
    assert bound == {action.id for action in actions_of(place) if action.handler and action.keys}


def test_only_screens_that_exist_have_a_number():
    assert [place.id for place in PLACES] == list(Console.MODES)


def test_help_and_reference_know_every_action():
    text = reference()
    for action in ACTIONS:
        assert f"`{action.id}`" in text or f"`:{action.command}" in text
    for place in SCREENS:
        assert len(entries_of(place, READY, {})) == len(actions_of(place))


def test_the_key_reference_is_not_stale():
    written = Path(__file__).parents[3] / "docs" / "keys.md"
    assert written.read_text(encoding="utf-8") == reference(), "run: python -m app.keymap > docs/keys.md"


def test_a_keymap_is_shown_and_unknown_names_are_found():
    action = next(action for action in ACTIONS if action.id == "case.true")
    assert keys_of(action, {"case.true": "y,ctrl+t"}) == ("y", "ctrl+t")
    assert unknown_ids({"case.true": "y", "case.ture": "y"}) == ("case.ture",)


async def test_keys_can_be_rebound_by_id():
    session = FakeSession()
    async with running(session, keymap={"case.true": "y", "move.down": "n", "nobody": "b"}) as (console, pilot):
        assert any("no action is called nobody" in toast for toast in toasts(console))
        await pilot.press("n", "y")
        await eventually(pilot, lambda: ("labelled true", 411) in session.calls)
        await pilot.press("t", "j")
        assert len(session.done) == 1
        assert " y true" in painted(console)


async def test_an_impossible_key_says_why_in_toast_and_help():
    async with running(FakeSession(())) as (console, pilot):
        await pilot.press("t")
        await eventually(pilot, lambda: toasts(console))
        assert toasts(console) == ["True: no investigation is selected"]
        await pilot.press("?", *"noise")
        await eventually(pilot, lambda: isinstance(console.screen, HelpDialog))
        await eventually(pilot, lambda: "(no investigation is selected)" in painted(console))


async def test_dialogs_swallow_every_other_key():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("?")
        await eventually(pilot, lambda: isinstance(console.screen, HelpDialog))
        await pilot.press("ctrl+r", "t", "3")
        assert session.calls == [] and console.current_mode == "inbox"
        await pilot.press("escape")
        await eventually(pilot, lambda: not isinstance(console.screen, HelpDialog))


@pytest.mark.parametrize(
    ("typed", "place"),
    [("coverage", "coverage"), ("cov", "coverage"), ("settings", "settings"), ("i", "inbox")],
)
async def test_commands_go_to_screens(typed, place):
    async with running(FakeSession()) as (console, pilot):
        await pilot.press(":", *typed, "enter")
        await eventually(pilot, lambda: console.current_mode == place)


async def test_odd_commands_are_explained():
    async with running(FakeSession()) as (console, pilot):
        for typed, answer in (
            ("nonsense", "no command is called"),
            ("case", "usage: :case NUMBER"),
            ("edit", "nothing"),
        ):
            await pilot.press(":", *typed, "enter")
            await eventually(pilot, lambda answer=answer: any(answer in toast for toast in toasts(console)))


async def test_the_palette_finds_investigations_and_actions():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("ctrl+p", *"#409")
        await eventually(pilot, lambda: "platform/kafka" in painted(console) and "CrashLoop" in painted(console))
        await pilot.press("enter")
        await pilot.press("enter")
        await eventually(pilot, lambda: console.current_mode == "investigation" and console.case == 409)


async def test_the_last_view_is_one_key_away():
    async with running(FakeSession()) as (console, pilot):
        await pilot.press("3")
        await eventually(pilot, lambda: console.current_mode == "coverage")
        await pilot.press("-")
        await eventually(pilot, lambda: console.current_mode == "inbox")
        await pilot.press("-")
        await eventually(pilot, lambda: console.current_mode == "coverage")
