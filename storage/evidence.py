"""The ledger of an investigation: what was found, where, and what it says about the suspected cause."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from storage.codec import NAME_LIMIT, clean
from storage.records import EvidenceRecord, Stance

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from typing import Any

    from storage.connections import Connections


class Evidence:
    """Reads the ledger; cycles append to it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def of(self, investigation: int) -> tuple[EvidenceRecord, ...]:
        """The ledger of one investigation, in the order in which it was written."""
        with self._connections.read() as connection:
            cursor = connection.execute(
                """SELECT id, investigation, anomaly, step, text, source, value, at, recorded, stance
                FROM evidence WHERE investigation = ? ORDER BY id""",
                (investigation,),
            )
            return tuple(_read(row) for row in cursor)


def append(connection: sqlite3.Connection, records: Iterable[EvidenceRecord]) -> None:
    """Add lines (their `id` is given here); a line with the same anomaly, step and text stays as it was first found."""
    connection.executemany(
        """INSERT INTO evidence (investigation, digest, anomaly, step, text, source, value, at, recorded, stance)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (investigation, digest) DO NOTHING""",
        (_row(record) for record in records),
    )


def _row(record: EvidenceRecord) -> tuple[object, ...]:
    step, text = clean(record.step, NAME_LIMIT), clean(record.text)
    return (
        record.investigation,
        _digest(record.anomaly, step, text),
        record.anomaly,
        step,
        text,
        clean(record.source),
        clean(record.value),
        record.at,
        record.recorded,
        record.stance.value,
    )


def _read(row: tuple[Any, ...]) -> EvidenceRecord:
    identity, investigation, anomaly, step, text, source, value, at, recorded, stance = row
    return EvidenceRecord(identity, investigation, anomaly, step, text, source, value, at, recorded, Stance(stance))


def _digest(anomaly: int | None, step: str, text: str) -> int:
    """64 bits that stand for a line, so that the index need not repeat its text."""
    line = f"{anomaly}\0{step}\0{text}".encode()
    return int.from_bytes(hashlib.blake2b(line, digest_size=8).digest(), "big", signed=True)
