"""Which metric conventions a cluster's server has had, so that one that disappears is missed after a restart too."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from storage.codec import NAME_LIMIT, clean, cluster_id
from storage.records import ConventionRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from storage.connections import Connections

log = logging.getLogger(__name__)

_read = msgspec.json.Decoder(ConventionRecord).decode


class Conventions:
    """Reads what is remembered; cycles write it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def of(self, cluster: str) -> tuple[ConventionRecord, ...]:
        """All conventions that a cluster's server has, or had until lately."""
        with self._connections.read() as connection:
            cursor = connection.execute(
                "SELECT name, body FROM convention WHERE cluster = ? ORDER BY name", (cluster_id(connection, cluster),)
            )
            return tuple(filter(None, map(_decoded, cursor)))


def _decoded(row: tuple[str, str]) -> ConventionRecord | None:
    """A record; None where another version, or a hand, wrote what cannot be read: it is learnt anew."""
    name, body = row
    try:
        return _read(body)
    except (msgspec.DecodeError, UnicodeError) as error:
        log.warning("what is remembered of convention %s cannot be read: %s", name, error)
        return None


def replace(connection: sqlite3.Connection, cluster: int, records: Iterable[ConventionRecord]) -> None:
    """Remember these conventions of a cluster and no others; writes nothing where that is so already."""
    wanted = {clean(each.convention, NAME_LIMIT): msgspec.json.encode(each).decode() for each in records}
    if wanted == dict(connection.execute("SELECT name, body FROM convention WHERE cluster = ?", (cluster,))):
        return
    connection.execute("DELETE FROM convention WHERE cluster = ?", (cluster,))
    connection.executemany(
        "INSERT INTO convention VALUES (?, ?, ?)", [(cluster, name, body) for name, body in wanted.items()]
    )
