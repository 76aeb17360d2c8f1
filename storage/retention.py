"""Forgetting: old cases, events and cycles leave in small steps, so that no writer waits long."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.connections import Connections

_BATCH = 200
"""Investigations per transaction; each takes its anomalies, curves, ledger and history along."""

_ROWS = 2_000
"""Events, cycles or file pages per transaction."""

_BREATH = 0.001
"""Seconds between two steps: who waits for the lock gets it."""

_DAY = 86_400.0

USAGE_DAYS = 14
"""How long what containers used is kept: two weekends."""

PROFILE_DAYS = 14
"""How long what is usual for a series is kept after its last sample."""

_EXPIRED = """
    NOT pinned AND (label IS NULL OR updated < :labelled) AND (
        ended < :unlabelled OR (lifecycle = 2 AND ended IS NULL AND updated < :unlabelled))
"""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was forgotten."""

    investigations: int
    events: int
    cycles: int


class Retention:
    """Deletes what is older than it has to be kept."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def prune(self, now: float, *, days: float, label_days: float) -> Pruned:
        """Forget closed and recovered investigations with all that belongs to them, events and cycles.

        Open and pinned investigations stay. Blocks for as long as it takes, other writers only for one small step.

        Args:
            now: unix seconds.
            days: how long to keep after the end.
            label_days: how long to keep what has a label: the detectors learn from it.

        Raises:
            StoreError: what was deleted until then stays deleted.
        """
        cutoff = now - days * _DAY
        investigations = self._investigations({"unlabelled": cutoff, "labelled": now - max(days, label_days) * _DAY})
        events = self._rows("event", "last_seen", cutoff)
        cycles = self._rows("cycle", "at", cutoff)
        self._rows("verification", "at", cutoff)
        self._summaries(cutoff)
        forgotten = self._usage(now - USAGE_DAYS * _DAY)
        forgotten += self._rows("profile", "until", now - PROFILE_DAYS * _DAY)
        if investigations or forgotten:
            self._unused_names()
        self._shrink()
        return Pruned(investigations, events, cycles)

    def _investigations(self, cutoffs: dict[str, float]) -> int:
        with self._connections.read() as connection:
            found = connection.execute(f"SELECT id FROM investigation WHERE {_EXPIRED}", cutoffs)  # noqa: S608
            ids = [int(row[0]) for row in found]
        return sum(self._step(ids[start : start + _BATCH], cutoffs) for start in range(0, len(ids), _BATCH))

    def _step(self, ids: Sequence[int], cutoffs: dict[str, float]) -> int:
        with self._connections.write() as connection:
            # Asked again: it may have been labelled or pinned since.
            deleted = connection.execute(
                f"DELETE FROM investigation WHERE id IN (SELECT value FROM json_each(:ids)) AND {_EXPIRED}",  # noqa: S608
                {"ids": str(list(ids)), **cutoffs},
            ).rowcount
            connection.execute(
                """DELETE FROM history WHERE investigation IN (SELECT value FROM json_each(?))
                AND investigation NOT IN (SELECT id FROM investigation)""",
                (str(list(ids)),),
            )
        time.sleep(_BREATH)
        return deleted

    def _rows(self, table: str, column: str, cutoff: float) -> int:
        """Delete the rows of a table keyed by cluster and time that are older than the cutoff."""
        with self._connections.read() as connection:
            clusters = [row[0] for row in connection.execute("SELECT id FROM cluster")]
        total = 0
        for cluster in clusters:
            deleted = -1
            while deleted:
                with self._connections.write() as connection:
                    deleted = connection.execute(
                        f"""DELETE FROM {table} WHERE cluster = :cluster AND {column} <= (
                            SELECT max({column}) FROM (SELECT {column} FROM {table}
                            WHERE cluster = :cluster AND {column} < :cutoff ORDER BY {column} LIMIT {_ROWS}))""",  # noqa: S608
                        {"cluster": cluster, "cutoff": cutoff},
                    ).rowcount
                total += deleted
                time.sleep(_BREATH)
        return total

    def _summaries(self, cutoff: float) -> None:
        """Delete old messages that belong to no investigation; the others leave with theirs."""
        with self._connections.write() as connection:
            connection.execute("DELETE FROM message WHERE investigation IS NULL AND created < ?", (cutoff,))

    def _usage(self, cutoff: float) -> int:
        """Delete days that ended before the cutoff."""
        total, deleted = 0, -1
        while deleted:
            with self._connections.write() as connection:
                deleted = connection.execute(
                    """DELETE FROM usage_day WHERE rowid IN (
                        SELECT rowid FROM usage_day WHERE day < ? ORDER BY day LIMIT ?)""",
                    (cutoff - _DAY, _ROWS),
                ).rowcount
            total += deleted
            time.sleep(_BREATH)
        return total

    def _unused_names(self) -> None:
        with self._connections.write() as connection:
            connection.execute("DELETE FROM usage_series WHERE id NOT IN (SELECT series FROM usage_day)")
            connection.execute(
                """DELETE FROM subject
                WHERE id NOT IN (SELECT subject FROM anomaly UNION ALL SELECT subject FROM label)"""
            )
            connection.execute(
                """DELETE FROM entity WHERE id NOT IN (
                    SELECT entity FROM subject UNION ALL SELECT entity FROM investigation
                    UNION ALL SELECT entity FROM usage_series UNION ALL SELECT entity FROM advice
                    UNION ALL SELECT entity FROM verification UNION ALL SELECT entity FROM profile)"""
            )

    def _shrink(self) -> None:
        """Give freed pages back to the file system."""
        while self._connections.outside_transaction("PRAGMA freelist_count") != [(0,)]:
            self._connections.outside_transaction(f"PRAGMA incremental_vacuum({_ROWS})")
            time.sleep(_BREATH)
