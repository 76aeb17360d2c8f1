"""What every screen looks like at both sizes; `pytest --snapshot-update` after a change that was meant."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from tests.app.screens.fake_session import session_of
from tests.app.screens.running import console_of, eventually, painted

SIZES = {"120x36": (120, 36), "80x24": (80, 24)}
SCENES = {
    "inbox": ("inbox", (), ("shop/checkout",)),
    "investigation": ("inbox", ("enter",), ("Causes, and what next", "P99 Latency spike")),
    "coverage": ("inbox", ("3",), ("HTTP server",)),
    "settings": ("inbox", ("4",), ("prometheus.url",)),
    "advisor": ("inbox", ("5",), ("cpu request",)),
    "advisor-learning": ("empty", ("5",), ("no answer beats a wrong one",)),
    "quality": ("inbox", ("6",), ("rate-drop",)),
    "quality-next": ("inbox", ("6", "w", "w", "w"), ("WHY ASK", "shop/checkout")),
    "quality-proposals": ("inbox", ("6", "w", "w", "w", "w"), ("raise the threshold", "30d")),
    "mute": ("inbox", ("m",), ("hides 19",)),
    "quality-incidents": ("inbox", ("6", "left_square_bracket"), ("LASTED", "not watched")),
    "outbox": ("inbox", ("7",), ("1 failed", "tried again")),
    "outbox-empty": ("empty", ("7",), ("Nothing is ever sent",)),
    "workloads": ("inbox", ("8",), ("shop/web", "3 out of band")),
    "workloads-charts": ("inbox", ("8", "enter"), ("expected", "opens case #412")),
    "send": ("inbox", ("S",), ("y sends", "Likely cause")),
    "snooze": ("inbox", ("s",), ("next rollout",)),
    "silence": ("inbox", ("M", *"moving"), ("hides 1",)),
    "empty": ("empty", (), ("Nothing is wrong.",)),
    "down": ("down", (), ("its rows are held",)),
    "connecting": ("connecting", (), ("12 done",)),
    "help": ("inbox", ("?",), ("Triage",)),
}
"""Session, keys, and what has to be there before the picture is taken."""


@pytest.fixture(autouse=True)
def still(monkeypatch):
    monkeypatch.setattr(Input, "cursor_blink", False, raising=False)
    monkeypatch.setenv("LOGNAME", "kim")


def shot(snap_compare, scene, size, theme=""):
    name, keys, signs = SCENES[scene]
    session = session_of(name)
    console = console_of(session, theme=theme)

    async def prepare(pilot):
        await eventually(pilot, lambda: console.snapshot is session.snapshot)
        await pilot.press(*keys)
        await eventually(pilot, lambda: all(sign in painted(console) for sign in signs))

    assert snap_compare(console, terminal_size=size, run_before=prepare)
    console.link.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", SCENES)
def test_screen(snap_compare, scene, size):
    shot(snap_compare, scene, SIZES[size])


@pytest.mark.parametrize("theme", ["tocsin-light", "ansi-dark"])
def test_inbox_in_other_colours(snap_compare, theme):
    shot(snap_compare, "inbox", SIZES["120x36"], theme)


def test_inbox_without_colours(snap_compare, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    shot(snap_compare, "inbox", SIZES["120x36"])
