"""A console that runs in memory, and waiting for what it shows."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any

from app.console import Console

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from textual.pilot import Pilot

    from app.connection import Choice
    from tests.app.screens.fake_session import FakeSession

PATIENCE = 30.0
"""Seconds; a machine that is busy with other tests takes ten for what it does in one."""


def console_of(session: FakeSession, **options: Any) -> Console:
    """A console on a session, with nothing that moves by itself."""

    def open_session(choice: Choice | None) -> FakeSession:
        return session

    console = Console(options.pop("factory", open_session), zone=UTC, **options)
    console.animation_level = "none"
    return console


@asynccontextmanager
async def running(
    session: FakeSession, size: tuple[int, int] = (120, 36), **options: Any
) -> AsyncIterator[tuple[Console, Pilot[int]]]:
    """A running console that shows the session's snapshot."""
    console = console_of(session, **options)
    async with console.run_test(size=size) as pilot:
        await eventually(pilot, lambda: console.snapshot is session.snapshot)
        yield console, pilot
        session.gate.set()
        console.link.close()


async def eventually(pilot: Pilot[int], condition: Callable[[], object]) -> None:
    """Wait until it holds, and until everything that follows from it is drawn."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.005)
        await pilot.pause()
    await pilot.pause()


def toasts(console: Console) -> list[str]:
    """What the toasts say."""
    return [notification.message for notification in console._notifications]


def painted(console: Console) -> str:
    """The screen's text, line by line."""
    width, height = console.size
    lines = console.screen._compositor.render_strips(console.size)
    return "\n".join("".join(segment.text for segment in line) for line in lines[:height])[: (width + 1) * height]
