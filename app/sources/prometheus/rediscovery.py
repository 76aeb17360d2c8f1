"""When to look again at what a server has, and when to believe that something is gone."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from app.sources.base import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.sources.prometheus.discovery import Discovery, Presence

INTERVAL = 600.0
"""Seconds between two looks."""
PATIENCE = 3600.0
"""Seconds for which a convention may be absent, through restarts and gaps, before it counts as gone."""


class Rediscovery:
    """What is known of a server, renewed from time to time; thread-safe.

    Args:
        look: one look at the server at an instant by our clock (`discovery.discover` with its source).
        interval: seconds between two looks.
    """

    def __init__(self, look: Callable[[float], Discovery], interval: float = INTERVAL) -> None:
        self._look, self._interval = look, interval
        self._lock = threading.Lock()
        self._known: Discovery | None = None
        self._looked = 0.0
        self._seen: dict[str, tuple[float, Presence]] = {}

    def current(self, at: float) -> Discovery:
        """What is known at an instant by our clock; blocks while it looks.

        Raises:
            SourceError: the first look failed; later ones leave what is known.
        """
        with self._lock:
            if self._known is None:
                self._known = self._renewed(at)
            elif at - self._looked >= self._interval:
                try:
                    self._known = self._renewed(at)
                except SourceError:
                    self._looked = at
            return self._known

    def hurry(self) -> None:
        """Look again when it is wanted next."""
        with self._lock:
            self._looked = -math.inf

    def _renewed(self, at: float) -> Discovery:
        found = self._look(at)
        self._looked = at
        self._seen |= {name: (at, presence) for name, presence in found.conventions.items()}
        self._seen = {name: seen for name, seen in self._seen.items() if at - seen[0] <= PATIENCE}
        return replace(found, conventions={name: presence for name, (_, presence) in self._seen.items()})
