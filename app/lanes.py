"""Where session calls run: off the UI thread, in order, and never in the way of quitting.

Textual's thread workers run on an executor whose threads the interpreter joins at exit, so one call to a server that
does not answer would hold the terminal. A lane is one daemon thread with a queue instead: what must stay in order (acts
and their undo) shares a lane, what may be slow has its own.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class Lane:
    """One thread that runs calls one after the other."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"console-{name}", daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], None]) -> None:
        """Run it after all that were submitted before; it must deal with its own errors."""
        self._calls.put(call)

    def close(self, timeout: float) -> bool:
        """Finish what was submitted; False when that took too long and was left to itself."""
        self._calls.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except Exception:
                logger.exception("a call of the console failed")


class Lanes:
    """The lanes of one console, each made when it is first used."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}

    def submit(self, lane: str, call: Callable[[], None]) -> None:
        """Run a call on a lane."""
        if lane not in self._lanes:
            self._lanes[lane] = Lane(lane)
        self._lanes[lane].submit(call)

    def close(self, timeout: float) -> bool:
        """Finish all lanes within a time in seconds; False when one was still busy."""
        deadline = time.monotonic() + timeout
        ended = [lane.close(max(0.0, deadline - time.monotonic())) for lane in self._lanes.values()]
        return all(ended)
