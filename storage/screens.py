"""Pieces of screen state (selection, filter, sort, scroll, drafts) that survive a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.codec import NAME_LIMIT, clean

if TYPE_CHECKING:
    from storage.connections import Connections

_VALUE_LIMIT = 100_000
"""Characters; a longer value is not kept, since half a JSON text is none."""


class ScreenState:
    """A small dictionary of JSON texts."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def recall(self, key: str) -> str:
        """The text kept under a key, empty when there is none."""
        with self._connections.read() as connection:
            row = connection.execute("SELECT value FROM screen WHERE key = ?", (clean(key, NAME_LIMIT),)).fetchone()
            return str(row[0]) if row else ""

    def remember(self, key: str, json_text: str) -> None:
        """Keep a text under a key; an empty or an enormous one forgets it."""
        with self._connections.write() as connection:
            if json_text and len(json_text) <= _VALUE_LIMIT:
                connection.execute(
                    "INSERT INTO screen VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                    (clean(key, NAME_LIMIT), clean(json_text, _VALUE_LIMIT)),
                )
            else:
                connection.execute("DELETE FROM screen WHERE key = ?", (clean(key, NAME_LIMIT),))
