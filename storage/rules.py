"""Rules that hide findings; what they say is written once, whether they are in force is an act (`storage.history`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.codec import NAME_LIMIT, Names, clean, cluster_id, next_ids
from storage.records import Pattern, RuleRecord

if TYPE_CHECKING:
    import sqlite3
    from typing import Any

    from storage.connections import Connections

_SELECT = """
    SELECT rule.id, cluster.name, signal, workload, below, first_hour, last_hour, owner, reason, created, expires,
        active, environment, starts
    FROM rule JOIN cluster ON cluster.id = rule.cluster
"""


class Rules:
    """Reads rules."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def of(self, cluster: str) -> tuple[RuleRecord, ...]:
        """Every rule of a cluster, in force or not, the newest first."""
        with self._connections.read() as connection:
            cursor = connection.execute(
                _SELECT + "WHERE rule.cluster = ? ORDER BY rule.id DESC", (cluster_id(connection, cluster),)
            )
            return tuple(_read(row) for row in cursor)

    def get(self, rule: int) -> RuleRecord | None:
        """One rule."""
        with self._connections.read() as connection:
            row = connection.execute(_SELECT + "WHERE rule.id = ?", (rule,)).fetchone()
            return _read(row) if row else None


def put(
    connection: sqlite3.Connection,
    cluster: str,
    pattern: Pattern,
    *,
    owner: str,
    reason: str,
    created: float,
    expires: float | None,
    starts: float | None = None,
) -> int:
    """Add a rule that is not in force yet; returns its number."""
    (number,) = next_ids(connection, "rule", 1)
    first, last = pattern.hours or (None, None)
    texts = [clean(text, NAME_LIMIT) for text in (pattern.signal, pattern.workload, owner, pattern.environment)]
    connection.execute(
        """INSERT INTO rule (id, cluster, signal, workload, below, first_hour, last_hour, owner, reason, created,
            expires, active, environment, starts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)""",
        (
            number, Names(connection).cluster(cluster), texts[0], texts[1], pattern.below, first, last, texts[2],
            clean(reason), created, expires, texts[3], starts,
        ),
    )  # fmt: skip
    return number


def is_active(connection: sqlite3.Connection, rule: int) -> bool | None:
    """Whether a rule is in force; None where there is no such rule."""
    row = connection.execute("SELECT active FROM rule WHERE id = ?", (rule,)).fetchone()
    return bool(row[0]) if row else None


def switch(connection: sqlite3.Connection, rule: int, *, active: bool) -> None:
    """Put a rule in force, or out of it."""
    connection.execute("UPDATE rule SET active = ? WHERE id = ?", (active, rule))


def _read(row: tuple[Any, ...]) -> RuleRecord:
    number, cluster, signal, workload, below, first, last, owner, reason, created, expires, active, *added = row
    environment, starts = added
    pattern = Pattern(signal, workload, below, None if first is None else (first, last), environment)
    return RuleRecord(number, cluster, pattern, owner, reason, created, expires, bool(active), starts)
