"""Container restarts that were seen: what is counted over the last minutes is the same after a start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.codec import NAME_LIMIT, clean, cluster_id
from storage.records import RestartRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from storage.connections import Connections

KEPT_SECONDS = 2 * 3600.0
"""No signal looks back further."""


class Restarts:
    """Reads the restarts of a cluster; cycles write them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def since(self, cluster: str, at: float) -> tuple[RestartRecord, ...]:
        """Those from an instant on, unix seconds, oldest first."""
        with self._connections.read() as connection:
            found = connection.execute(
                """SELECT at, pod, container, delta, reason, exit_code FROM restart
                WHERE cluster = ? AND at >= ? ORDER BY at""",
                (cluster_id(connection, cluster), at),
            )
            return tuple(RestartRecord(*row) for row in found)


def put(connection: sqlite3.Connection, cluster: int, restarts: Iterable[RestartRecord], now: float) -> None:
    """Add restarts, known ones once, and forget those that no signal looks back to."""
    connection.execute("DELETE FROM restart WHERE cluster = ? AND at < ?", (cluster, now - KEPT_SECONDS))
    connection.executemany(
        "INSERT OR IGNORE INTO restart VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (cluster, each.at, clean(each.pod, NAME_LIMIT), clean(each.container, NAME_LIMIT), each.delta,
             clean(each.reason, NAME_LIMIT), each.exit_code)
            for each in restarts
        ],
    )  # fmt: skip
