"""Keys that arrive together, as over a slow line: those behind the one that ends a typed line wait until it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import App

from widgets.line_input import LineInput

if TYPE_CHECKING:
    from textual.message_pump import MessagePump

LONGEST_WAIT = 1.0
"""Seconds after which keys are looked at whatever became of the one before them."""


class OrderedKeys(App[int]):
    """Hands a key to whatever has the focus once the keys before it have done their work.

    What a key such as enter does to a typed line goes through several queues: from the line up to the app, which knows
    its binding, and as messages from the line up again, until the focus is somewhere else. Whatever is typed behind it
    is held back until a note that went the same way has come back.
    """

    _held: list[events.Key] | None = None
    """None while every key is looked at as it comes."""
    _held_since = 0.0

    async def on_event(self, event: events.Event) -> None:
        """Keep keys in order."""
        if not isinstance(event, events.Key) or event.is_forwarded:
            await super().on_event(event)
        elif self._held is not None and event.time - self._held_since < LONGEST_WAIT:
            self._held.append(event)
        else:
            await self._let_go()
            await self._look_at(event)

    async def _look_at(self, event: events.Key) -> None:
        line = self.focused
        if isinstance(line, LineInput) and not event.is_printable:
            self._held, self._held_since = [], event.time
            way: list[MessagePump] = list(line.ancestors_with_self)
            # Up with the key, then up with its messages: twice at each, for what it tells itself.
            await super().on_event(event)
            await self._follow([*way, *(pump for pump in way for _ in range(2))])
        else:
            await super().on_event(event)

    async def _follow(self, way: list[MessagePump]) -> None:
        """Wait in the queue of one after the other, those left out that are gone; then let the keys go."""
        while way:
            if way.pop(0).call_later(self._follow, way):
                return
        await self._let_go()

    async def _let_go(self) -> None:
        held, self._held = self._held or [], None
        for event in held:
            await self.on_event(event)
