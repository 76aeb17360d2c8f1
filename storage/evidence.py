"""The ledger of an investigation: what was found, where, and what it says about the suspected cause."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from detectors.model import FieldRef
from storage.codec import NAME_LIMIT, clean, cluster_id
from storage.records import COMPARED, EvidenceRecord, Stance

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from typing import Any

    from storage.connections import Connections

_NO_FIELD = FieldRef("", "", "", "")
_COLUMNS = (
    "investigation, anomaly, step, text, source, value, at, recorded, stance, convention, "
    "object_kind, object_namespace, object_name, field, clue"
)

_REVISED = (
    "DO UPDATE SET text = excluded.text, source = excluded.source, value = excluded.value, at = excluded.at, "
    "recorded = excluded.recorded, step = excluded.step, "
    "stance = CASE excluded.stance WHEN 'silent' THEN stance ELSE excluded.stance END"
)
"""While an investigation runs nobody knows yet what a line speaks for: what it spoke for before stays until then."""


class Evidence:
    """Reads the ledger; cycles append to it."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def of(self, investigation: int) -> tuple[EvidenceRecord, ...]:
        """The ledger of one investigation, in the order in which it was written."""
        with self._connections.read() as connection:
            cursor = connection.execute(
                f"SELECT id, {_COLUMNS} FROM evidence WHERE investigation = ? ORDER BY id",  # noqa: S608
                (investigation,),
            )
            return tuple(_read(row) for row in cursor)

    def contradicted(self, cluster: str, since: float) -> dict[int, int]:
        """How many lines of each investigation opened at `since` or later say that another convention sees it in band.

        Investigations without such a line are left out.
        """
        with self._connections.read() as connection:
            cursor = connection.execute(
                """SELECT evidence.investigation, count(*) FROM evidence
                JOIN investigation ON investigation.id = evidence.investigation
                WHERE investigation.cluster = ? AND investigation.opened >= ? AND step = ? AND stance = ?
                GROUP BY evidence.investigation""",
                (cluster_id(connection, cluster), since, COMPARED, Stance.CONTRADICTS.value),
            )
            return dict(cursor.fetchall())


def append(connection: sqlite3.Connection, records: Iterable[EvidenceRecord]) -> None:
    """Add lines (their `id` is given here); a line with the same anomaly, step and text stays as it was first found.

    What a convention says in comparison is passed over only when it is what it said last: the last line is what holds.
    What an investigation says of one thing is written over by what a later one says of it.
    """
    for record in records:
        if record.step == COMPARED and _said_last(connection, record) == clean(record.text):
            continue
        connection.execute(
            f"""INSERT INTO evidence (digest, {_COLUMNS}) VALUES ({", ".join("?" * (_COLUMNS.count(",") + 2))})
            ON CONFLICT (investigation, digest) {_REVISED if record.clue else "DO NOTHING"}""",  # noqa: S608
            _row(record),
        )


def withdraw(connection: sqlite3.Connection, investigation: int) -> None:
    """Take out of a ledger what investigations of the case have found."""
    connection.execute("DELETE FROM evidence WHERE investigation = ? AND clue <> ''", (investigation,))


def _said_last(connection: sqlite3.Connection, record: EvidenceRecord) -> str:
    found = connection.execute(
        """SELECT text FROM evidence WHERE investigation = ? AND anomaly = ? AND step = ? AND convention = ?
        ORDER BY id DESC LIMIT 1""",
        (record.investigation, record.anomaly, record.step, clean(record.convention, NAME_LIMIT)),
    ).fetchone()
    return str(found[0]) if found else ""


def _row(record: EvidenceRecord) -> tuple[object, ...]:
    step, text = clean(record.step, NAME_LIMIT), clean(record.text)
    field = record.field or _NO_FIELD
    return (
        _digest(record.anomaly, step, _identity(record, text)),
        record.investigation,
        record.anomaly,
        step,
        text,
        clean(record.source),
        clean(record.value),
        record.at,
        record.recorded,
        record.stance.value,
        clean(record.convention, NAME_LIMIT),
        *(clean(part, NAME_LIMIT) for part in (field.kind, field.namespace, field.name, field.path)),
        clean(record.clue, NAME_LIMIT),
    )


def _identity(record: EvidenceRecord, text: str) -> str:
    """What a line shares with those that say the same: an investigation's line is about one thing, whatever it says."""
    if record.clue:
        return f"{record.clue}\0{record.field.title if record.field is not None else ''}"
    return f"{text}\0{record.recorded}" if record.step == COMPARED else text


def _read(row: tuple[Any, ...]) -> EvidenceRecord:
    identity, investigation, anomaly, step, text, source, value, at, recorded, stance, convention, *names, clue = row
    told = (identity, investigation, anomaly, step, text, source, value, at, recorded)
    return EvidenceRecord(*told, Stance(stance), convention, FieldRef(*names) if names[0] else None, clue)


def _digest(anomaly: int | None, step: str, text: str) -> int:
    """64 bits that stand for a line, so that the index need not repeat its text."""
    line = f"{anomaly}\0{step}\0{text}".encode()
    return int.from_bytes(hashlib.blake2b(line, digest_size=8).digest(), "big", signed=True)
