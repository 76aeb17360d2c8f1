"""The only place that knows what time it is; everything else is handed a clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Sleep until the time has passed or `stop` is set; True when it was set."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Sleep in real time."""
        return stop.wait(max(0.0, seconds))


class ManualClock:
    """A clock that stands still until it is told to move: for replays, scans and tests."""

    def __init__(self, now: float, speed: float = 0.0) -> None:
        self._now = now
        self.speed = speed
        """How many recorded seconds pass in a real one; 0 is as fast as possible."""

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def set(self, now: float) -> None:
        """Move to an instant; time never runs backwards."""
        self._now = max(self._now, now)

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Let that much recorded time pass, at this clock's speed."""
        stopped = stop.wait(seconds / self.speed) if self.speed > 0 else stop.is_set()
        self._now += max(0.0, seconds)
        return stopped
