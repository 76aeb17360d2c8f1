"""An app around the widgets under test, the messages they send, and hostile strings to feed them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from textual.app import App
from textual.message import Message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from textual.app import ComposeResult
    from textual.pilot import Pilot
    from textual.widget import Widget

HOSTILE = (
    "probe failed [/healthz] got [500",
    "[red]x[/red] [@click=app.quit]quit[/]",
    "\x1b[31mred\x1b[0m \x1b]52;c;ZXZpbA==\x07 \x9b2J",
    "bell\x07 back\x08 return\rover \x00 \x7f",
    "two\nlines\r\nand\ttabs\u2028end",
    "pay\u202etxt.exe \u2066isolated\u2069 \u200f \u200b zero",
    "חנות/עגלה متجر/دفع",
    "n" * 300,
    "🔥👩‍👩‍👧 日本語の名前 ﷽ e\u0301" + "\u0301" * 50,
    "lone \ud800 surrogate \ue000 private",
    "$text-error @click $(rm -rf /) {} %s",
    "",
    " ",
)
"""What whoever can name a pod can put on the engineer's screen."""


M = TypeVar("M", bound=Message)


class Host(App[None]):
    """Shows the widgets, nothing else."""

    def __init__(self, *widgets: Widget) -> None:
        super().__init__()
        self.animation_level = "none"
        self._widgets = widgets

    def compose(self) -> ComposeResult:
        yield from self._widgets


class Stage:
    """A running host: its pilot and the messages seen."""

    def __init__(self, app: Host, pilot: Pilot[None], seen: list[Message]) -> None:
        self.app = app
        self.pilot = pilot
        self._seen = seen

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def take(self, kind: type[M]) -> list[M]:
        """Messages of a class since the last call, each once however far it bubbled."""
        found: dict[int, M] = {id(message): message for message in self._seen if isinstance(message, kind)}
        self._seen[:] = [message for message in self._seen if not isinstance(message, kind)]
        return list(found.values())

    def lines(self) -> list[str]:
        """The screen as the terminal gets it."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]


@asynccontextmanager
async def staged(*widgets: Widget, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Stage]:
    """Run the widgets in a terminal of that size."""
    seen: list[Message] = []
    app = Host(*widgets)
    async with app.run_test(size=size, message_hook=seen.append) as pilot:
        await pilot.pause()
        yield Stage(app, pilot, seen)
