"""From a key to the lines it changed: measured from the event's arrival to the escape sequences for the terminal.

Headless, so the terminal's own time is not in it.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, NamedTuple

from textual import events
from textual._compositor import CompositorUpdate
from textual.app import App

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType
    from textual.screen import Screen

    from widgets.row_list import RowList

PATIENCE = 10.0


class Press(NamedTuple):
    """What a key took, in milliseconds."""

    wall: float
    processor: float
    """Of this process: what else runs on the machine changes little about it."""


class Paints(App[Any]):
    """An app that tells when something was painted."""

    processor = 0.0
    """CPU milliseconds of this process until the last paint that was waited for."""
    _painted: asyncio.Event | None = None
    _seen: Callable[[], bool] = staticmethod(lambda: True)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Where Textual writes to the terminal: headless it would not even join the segments."""
        super()._display(screen, renderable)
        update: object = renderable
        if self._painted is not None and isinstance(update, CompositorUpdate) and self._seen():
            update.render_segments(self.console)
            self._painted.set()

    async def painted(self, act: Callable[[], object], seen: Callable[[], bool] = lambda: True) -> float:
        """Milliseconds from the act until what it changed was ready for the terminal."""
        self._painted, self._seen = asyncio.Event(), seen
        began, busy = time.perf_counter(), time.process_time()
        act()
        await asyncio.wait_for(self._painted.wait(), PATIENCE)
        self._painted, self.processor = None, (time.process_time() - busy) * 1e3
        return (time.perf_counter() - began) * 1e3


async def moved(app: Paints, rows: RowList[Any], key: str, times: int) -> list[Press]:
    """Every press of a key, from its arrival in the app's queue; back to the top now and then."""
    spent = []
    for number in range(times):
        if number % 15 == 14:
            await app.painted(rows.action_top)
        press = partial(app.post_message, events.Key(key, None))
        wall = await app.painted(press, partial(_left, rows, rows.position))
        spent.append(Press(wall, app.processor))
    return spent


def _left(rows: RowList[Any], position: int | None) -> bool:
    return rows.position != position


def worst(spent: list[float]) -> float:
    """The 99th percentile."""
    return quantiles(spent, n=100)[98]


def told(spent: list[float]) -> str:
    """Median and 99th percentile."""
    return f"{median(spent):7.1f} {worst(spent):7.1f}"
