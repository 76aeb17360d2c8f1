"""The console as a whole: starting, being refused, remembering, growing small, and ending."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual._compositor import CompositorUpdate
from textual.color import Color
from textual.css.stylesheet import Stylesheet

from app.connection import Choice
from app.console import BACK_SECONDS, MEMORY, Console
from app.memory import Memory
from app.screens.connection import ConnectionScreen
from app.screens.inbox import InboxScreen
from app.screens.too_small import TooSmall
from app.snapshot import ActResult, CheckResult
from app.sources.base import SourceError, Trouble
from tests.app.screens.fake_session import FakeSession
from tests.app.screens.night import FAULTS
from tests.app.screens.running import console_of, eventually, painted, running, toasts

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "plotext", "httpx", "kubernetes", "sqlite_utils")


class Refusing:
    """A factory that refuses until something is chosen."""

    def __init__(self, session: FakeSession, error: Exception) -> None:
        self.session = session
        self.error = error
        self.choices: list[Choice | None] = []

    def __call__(self, choice: Choice | None) -> FakeSession:
        self.choices.append(choice)
        if choice is None:
            raise self.error
        return self.session


class Kubeconfig:
    """What the connection screen may ask."""

    def __init__(self) -> None:
        self.configured = Choice()
        self.tested: list[Choice] = []
        self.kept: list[Choice] = []

    def contexts(self) -> tuple[str, ...]:
        return ("prod-eu-1", "[red]staging[/]")

    def test(self, choice: Choice) -> tuple[CheckResult, ...]:
        self.tested.append(choice)
        return (CheckResult("prometheus", False, "401 Unauthorized", "set prometheus.bearer"),)

    def keep(self, choice: Choice) -> ActResult:
        self.kept.append(choice)
        if not choice.settings:
            return ActResult(False, "nothing is chosen")
        return ActResult(True, "prometheus.url written to /etc/config.toml")


REFUSAL = SourceError(Trouble.UNREACHABLE, "connection refused by localhost:9090 [/x]", "start it, or type another URL")


async def test_without_a_connection_the_screen_says_what_is_the_matter_and_connects():
    factory, kubeconfig = Refusing(FakeSession(), REFUSAL), Kubeconfig()
    console = console_of(factory.session, factory=factory, connections=kubeconfig)
    async with console.run_test(size=(120, 36)) as pilot:
        await eventually(pilot, lambda: isinstance(console.screen, ConnectionScreen))
        await eventually(pilot, lambda: "[red]staging[/]" in painted(console))
        text = painted(console)
        assert "Not connected: unreachable" in text
        assert "connection refused by localhost:9090 [/x]" in text
        assert "start it, or type another URL" in text
        await pilot.press(*"http://prom:9090/x", "ctrl+t")
        await eventually(pilot, lambda: "set prometheus.bearer" in painted(console))
        assert kubeconfig.tested == [Choice("http://prom:9090/x")]
        await pilot.press("tab", "down", "ctrl+s")
        await eventually(pilot, lambda: console.snapshot is factory.session.snapshot)
        assert factory.choices == [None, Choice("http://prom:9090/x", "prod-eu-1")]
        assert isinstance(console.screen, InboxScreen)
    console.link.close()


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_what_is_chosen_can_be_kept_and_the_screen_says_where(size):
    factory, kubeconfig = Refusing(FakeSession(), REFUSAL), Kubeconfig()
    console = console_of(factory.session, factory=factory, connections=kubeconfig)
    async with console.run_test(size=size) as pilot:
        await eventually(pilot, lambda: isinstance(console.screen, ConnectionScreen))
        await eventually(pilot, lambda: "[red]staging[/]" in painted(console))
        text = painted(console)
        assert "Connect holds until you quit; Keep also writes to the settings file." in text
        assert "Not connected: unreachable" in text
        assert "Keep  ctrl+y" in text and "Demo  ctrl+o" in text
        assert "ctrl+y keep" in text
        await pilot.press("ctrl+y")
        await eventually(pilot, lambda: "nothing is chosen" in painted(console))
        assert (kubeconfig.kept, factory.choices) == ([Choice()], [None])
        await pilot.press(*"http://prom:9090", "ctrl+y")
        await eventually(pilot, lambda: console.snapshot is factory.session.snapshot)
        assert kubeconfig.kept[1:] == factory.choices[1:] == [Choice("http://prom:9090")]
        assert toasts(console) == ["prometheus.url written to /etc/config.toml"]
    console.link.close()


@pytest.mark.parametrize(
    ("known", "url"),
    [(Choice("http://prom:9090/x"), "http://prom:9090/x"), (Choice("http://me:hunter2@prom:9090"), "")],
)
async def test_what_is_in_use_stands_in_the_fields_and_typing_replaces_it(known, url):
    factory, kubeconfig = Refusing(FakeSession(), REFUSAL), Kubeconfig()
    kubeconfig.configured = replace(known, context="staging")
    console = console_of(factory.session, factory=factory, connections=kubeconfig)
    async with console.run_test(size=(120, 36)) as pilot:
        await eventually(pilot, lambda: "[red]staging[/]" in painted(console))
        screen = console.screen
        assert isinstance(screen, ConnectionScreen)
        assert screen.choice == Choice(url)
        assert "hunter2" not in painted(console)
        await pilot.press(*"http://b", "ctrl+s")
        await eventually(pilot, lambda: console.snapshot is factory.session.snapshot)
        assert factory.choices == [None, Choice("http://b")]
        console.do_connect()
        await eventually(pilot, lambda: isinstance(console.screen, ConnectionScreen))
        assert console.screen.choice.prometheus == "http://b"
    console.link.close()


async def test_a_replay_keeps_no_connection():
    async with running(FakeSession()) as (console, pilot):
        console.do_connect()
        await eventually(pilot, lambda: isinstance(console.screen, ConnectionScreen))
        await pilot.click("#keep")
        await eventually(pilot, lambda: "a replay connects to nothing" in painted(console))


async def test_the_demo_can_be_started_instead():
    factory = Refusing(FakeSession(), ValueError("config.toml:3: prometheus.url: not a URL"))
    console = console_of(factory.session, factory=factory)
    async with console.run_test(size=(80, 24)) as pilot:
        await eventually(pilot, lambda: "config.toml:3: prometheus.url: not a URL" in painted(console))
        await pilot.press("ctrl+o")
        await eventually(pilot, lambda: console.snapshot is factory.session.snapshot)
        assert factory.choices == [None, Choice(demo=True)]
    console.link.close()


async def test_a_session_that_cannot_tell_what_it_remembers_is_ended(monkeypatch):
    session = FakeSession()
    monkeypatch.setattr(session, "restored", lambda: (_ for _ in ()).throw(REFUSAL))
    console = console_of(session)
    async with console.run_test(size=(120, 36)) as pilot:
        await eventually(pilot, lambda: isinstance(console.screen, ConnectionScreen))
        assert ("stop",) in session.calls
    console.link.close()


async def test_a_session_that_was_replaced_is_not_listened_to():
    old, new = FakeSession(), FakeSession(FAULTS[:2])
    sessions = iter((old, new))
    console = console_of(old, factory=lambda choice: next(sessions))
    async with console.run_test(size=(80, 24)) as pilot:
        await eventually(pilot, lambda: console.snapshot is old.snapshot)
        console.connect(Choice(context="other"))
        await eventually(pilot, lambda: console.snapshot is new.snapshot)
        assert ("stop",) in old.calls
        old.publish(cycle=99)
        await pilot.pause()
        assert console.snapshot is new.snapshot
    console.link.close()


async def test_the_remembered_inbox_is_shown_at_once_with_its_age():
    session = FakeSession()
    session.start = lambda listener: None  # type: ignore[method-assign]
    session.snapshot = replace(session.snapshot, now=time.time())
    session.restored = lambda: replace(session.snapshot, cycle=0, now=time.time() - 7200)  # type: ignore[method-assign]
    console = console_of(session)
    async with console.run_test(size=(120, 36)) as pilot:
        await eventually(pilot, lambda: "shop/checkout" in painted(console))
        assert "CONNECTING as of 2h ago" in painted(console)
    console.link.close()


async def test_keys_before_there_is_any_data_do_no_harm():
    opened = threading.Event()
    session = FakeSession()

    def slow(choice: Choice | None) -> FakeSession:
        opened.wait(10)
        return session

    console = console_of(session, factory=slow)
    async with console.run_test(size=(120, 36)) as pilot:
        await pilot.press("t")
        assert toasts(console) == ["True: still starting: there is nothing to ask yet"]
        await pilot.press(*"jkgGtfuasxpzZoc2341", "enter", "space", "O", "v", "tab", "ctrl+r", "P", "P", "1")
        await pilot.press("2", "enter", "tab", "tab", "3", "enter", "4", "enter", "1")
        opened.set()
        await eventually(pilot, lambda: console.snapshot is session.snapshot)
        assert session.done == []
    console.link.close()


async def test_screen_filter_and_row_survive_a_restart():
    memory: dict[str, str] = {}
    async with running(FakeSession(memory=memory)) as (console, pilot):
        await pilot.press("/", *"namespace:shop", "enter", "j", "j")
        row = console.view.rows.cursor
        await pilot.press("O")
        await pilot.press("3")
        await eventually(pilot, lambda: console.current_mode == "coverage")
        await pilot.press("q")
    assert Memory.read(memory[MEMORY]).place == "coverage"
    async with running(FakeSession(memory=memory)) as (console, pilot):
        await eventually(pilot, lambda: console.current_mode == "coverage")
        await pilot.press("1")
        await eventually(pilot, lambda: isinstance(console.view, InboxScreen))
        assert console.view.bar.query_text == "namespace:shop"
        assert console.view.rows.cursor == row
        assert console.view.rows.rows.sorted_by is not None


async def test_whoever_comes_back_late_finds_the_inbox_with_its_filter():
    memory: dict[str, str] = {}
    async with running(FakeSession(memory=memory)) as (console, pilot):
        await pilot.press("/", *"namespace:shop", "enter", "3")
        await eventually(pilot, lambda: console.current_mode == "coverage")
        await pilot.press("q")
    left = Memory.read(memory[MEMORY])
    left.left -= BACK_SECONDS
    memory[MEMORY] = left.write()
    async with running(FakeSession(memory=memory)) as (console, pilot):
        await eventually(pilot, lambda: console.link.session is not None)
        await eventually(pilot, lambda: console.view.bar.query_text == "namespace:shop")
        assert console.current_mode == "inbox"


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[1]", '{"place": 3, "case": "x", "views": [1]}', '{"views": {"inbox": 3, "coverage": null}}'],
)
def test_an_odd_memory_counts_as_none(text):
    memory = Memory.read(text)
    assert (memory.place, memory.case, memory.views) == ("", None, {})


@pytest.mark.parametrize(
    "state", [{"filter": 3, "order": [1], "row": "x", "all": 2}, {"order": ["nothing", True], "row": 99}]
)
async def test_an_odd_state_of_a_screen_is_ignored(state):
    memory = {MEMORY: json.dumps({"place": "nowhere", "views": {"inbox": state}})}
    async with running(FakeSession(memory=memory)) as (console, pilot):
        assert console.current_mode == "inbox"
        await pilot.press("j")
        assert console.view.rows.cursor == 411


async def test_below_the_smallest_size_keys_do_nothing():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.resize_terminal(59, 20)
        await eventually(pilot, lambda: isinstance(console.screen, TooSmall))
        assert "60x15" in painted(console)
        await pilot.press("t", "3", "q", ":", "enter")
        assert session.done == [] and console.current_mode == "inbox" and console.is_running
        await pilot.resize_terminal(80, 24)
        await eventually(pilot, lambda: isinstance(console.screen, InboxScreen))


async def test_q_leaves_with_the_last_act_done():
    session = FakeSession()
    async with running(session) as (console, pilot):
        await pilot.press("t", "q")
        assert console.return_value == 0
    assert ("labelled true", 412) in session.calls
    assert ("stop",) in session.calls


async def test_a_failing_call_is_said_and_nothing_else_fails():
    session = FakeSession()

    def broken(*_: object) -> None:
        raise SourceError(Trouble.UNAVAILABLE, "the store is locked [/]", "another tocsin runs")

    session.label = broken  # type: ignore[assignment]
    async with running(session) as (console, pilot):
        await pilot.press("t")
        await eventually(pilot, lambda: toasts(console))
        assert toasts(console) == ["label true: the store is locked [/] - another tocsin runs"]
        await pilot.press("a")
        await eventually(pilot, lambda: ("acknowledged", 411) in session.calls)


BUSY = """
import asyncio, time
from functools import partial
from app.console import Console, run_console
from tests.app.screens.fake_session import FakeSession

session, run = FakeSession(), Console.run

async def leave(console, pilot):
    while console.snapshot is not session.snapshot:
        await asyncio.sleep(0.01)
    session.gate.clear()
    console.act("label", lambda session: session.label([412], "true"))
    print(time.time(), flush=True)
    console.do_quit()

Console.run = lambda self, mouse: run(self, headless=True, auto_pilot=partial(leave, self))
raise SystemExit(run_console(lambda choice: session))
"""


def test_quitting_takes_a_second_at_most_while_the_session_is_busy(tmp_path):
    script = tmp_path / "busy.py"
    script.write_text(BUSY, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, script], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    took = time.time() - float(ended.stdout.split()[-1])
    assert ended.returncode == 0, ended.stderr
    assert took < 2.0, "0.7 s of farewell, and the end of the interpreter on a busy machine"


def test_nothing_heavy_is_imported_before_the_first_paint():
    script = f"""
import asyncio, sys, threading
from app.console import Console
held = threading.Event()
def never(choice):
    held.wait(5)
    raise ValueError("over")
async def paint():
    console = Console(never)
    async with console.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        print([name for name in {HEAVY!r} if name in sys.modules])
        held.set()
asyncio.run(paint())
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert ended.stdout.strip() == "[]", ended.stdout


def test_the_console_stays_thin():
    assert len((ROOT / "app" / "console.py").read_text(encoding="utf-8").splitlines()) <= 300
    assert Console.DEFAULT_MODE == "inbox"


async def test_style_sheets_are_read_once_at_the_start_and_again_for_other_colours(monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    reparse = Stylesheet.reparse
    monkeypatch.setattr(Stylesheet, "reparse", lambda sheet: read.append("again") or reparse(sheet))
    async with running(FakeSession()) as (console, pilot):
        await eventually(pilot, lambda: "investigations" in painted(console))
        assert not read
        assert console.screen.styles.background == Color.parse(console.theme_variables["background"])
        console.theme = "nord"
        await eventually(pilot, lambda: read)
        assert console.screen.styles.background == Color.parse(console.theme_variables["background"])


async def test_the_first_frame_is_the_whole_screen(monkeypatch: pytest.MonkeyPatch):
    frames: list[str] = []
    display = Console._display

    def noted(console: Console, screen: Any, update: Any) -> None:
        if isinstance(update, CompositorUpdate) and not console._batch_count:
            frames.append(update.render_segments(console.console))
        display(console, screen, update)

    monkeypatch.setattr(Console, "_display", noted)
    async with running(FakeSession()):
        assert "CONNECTING" in frames[0]
        assert "investigations" in frames[0]
