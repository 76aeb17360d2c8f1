"""The console on a session in another process."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from app.engine_process.session import open_remotely
from app.screens.connection import ConnectionScreen
from tests.app.engine_process import sessions
from tests.app.screens.running import console_of, eventually, painted, toasts

if TYPE_CHECKING:
    from pathlib import Path


class Opener:
    """Opens the session in another process, as the commands do."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.session: Any = None

    def __call__(self, choice: object) -> Any:
        self.session = open_remotely(f"{sessions.__name__}:open_answering", *self.arguments, pauses=(1.0, 0.05))
        return self.session


async def test_keys_act_in_the_other_process_and_its_answer_is_shown():
    opener = Opener()
    console = console_of(None, factory=opener)
    async with console.run_test(size=(120, 36)) as pilot:
        await eventually(pilot, lambda: "shop/checkout" in painted(console) and console.snapshot.cycle)
        await pilot.press("a")
        await eventually(pilot, lambda: any("acknowledged: shop/checkout" in toast for toast in toasts(console)))
        await eventually(pilot, lambda: console.snapshot.rows[0].state == "ack")
        await pilot.press("z")
        await eventually(pilot, lambda: console.snapshot.rows[0].state == "new")
        await pilot.press("enter")
        await eventually(pilot, lambda: console.view.place == "investigation" and console.view.case is not None)
    console.link.close()


async def test_the_console_outlives_its_engine_and_says_so():
    opener = Opener()
    console = console_of(None, factory=opener)
    async with console.run_test(size=(120, 36)) as pilot:
        await eventually(pilot, lambda: "shop/checkout" in painted(console) and console.snapshot.cycle)
        rows, cycle = console.snapshot.rows, console.snapshot.cycle
        os.kill(opener.session.pid, signal.SIGKILL)
        await eventually(pilot, lambda: "engine down" in painted(console))
        text = painted(console)
        assert "its process has ended (SIGKILL)" in text and "started again" in text
        assert "shop/checkout" in text and console.snapshot.rows == rows
        await pilot.press("j")
        await eventually(pilot, lambda: console.view.current is rows[1])
        await eventually(pilot, lambda: console.snapshot.cycle > cycle and "engine down" not in painted(console))
        assert console.snapshot.rows == rows
    console.link.close()


async def test_what_the_other_process_cannot_open_leads_to_the_connection_screen(tmp_path: Path):
    console = console_of(None, factory=Opener("", tmp_path / "gate"))
    async with console.run_test(size=(120, 36)) as pilot:
        await eventually(pilot, lambda: isinstance(console.screen, ConnectionScreen))
        await eventually(pilot, lambda: "the disk is full" in painted(console))
    console.link.close()
