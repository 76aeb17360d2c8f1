"""What engineers do with messages: send by hand, send again, drop. Each is a line of history, and can be undone for as
long as nothing has left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.codec import clean
from storage.errors import UndoError
from storage.records import BY_HAND, MessageState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from storage.records import Announcement, HistoryRecord

    Values = dict[str, object]
    Change = tuple[int | None, Values, Values]
    """Whose case, and the line's values before and after."""

_UNDELIVERED = (MessageState.HELD, MessageState.FAILED)
"""What may become of a message that waits, without anybody having got it."""


def send(connection: sqlite3.Connection, announcements: Mapping[int, Announcement], at: float) -> Iterator[Change]:
    """Write messages of cases that shall be sent; what a destination has already in these words changes nothing."""
    for case, announcement in announcements.items():
        body = (announcement.priority.value, clean(announcement.headline), announcement.body)
        for destination, _ in announcement.to:
            row = connection.execute(
                """SELECT id, state, owner <> '' AND until IS NOT NULL, (priority, headline, body) = (?, ?, ?)
                FROM message WHERE investigation = ? AND destination = ?""",
                (*body, case, destination),
            ).fetchone()
            number, state, busy, same = row or (0, MessageState.DROPPED.value, False, False)
            if busy or (same and state in (MessageState.SENT, MessageState.WAITING)):
                continue
            if row is None:
                number = connection.execute(
                    """INSERT INTO message (investigation, destination, rule, state, priority, headline, body, next_at,
                    created) VALUES (?, ?, ?, 'waiting', ?, ?, ?, 0, ?)""",
                    (case, destination, BY_HAND, *body, at),
                ).lastrowid
            else:
                connection.execute(
                    """UPDATE message SET rule = ?, priority = ?, headline = ?, body = ?, wanted = wanted + 1,
                    created = CASE WHEN state = 'dropped' THEN ? ELSE created END WHERE id = ?""",
                    (BY_HAND, *body, at, number),
                )
                _set_state(connection, number, MessageState.WAITING)
            yield case, _values(number, "" if row is None else destination, state), _values(number, destination)


def drop(connection: sqlite3.Connection, numbers: Sequence[int]) -> Iterator[Change]:
    """Take messages out that have not arrived and are not on their way; the others stay as they are."""
    for number in numbers:
        row = connection.execute(
            "SELECT investigation, destination, state FROM message WHERE id = ? AND until IS NULL", (number,)
        ).fetchone()
        if row is not None and row[2] not in (MessageState.SENT, MessageState.DROPPED):
            case, destination, state = row
            _set_state(connection, number, MessageState.DROPPED)
            yield case, _values(number, destination, state), _values(number, "", MessageState.DROPPED)


def taken_back(connection: sqlite3.Connection, lines: Iterable[HistoryRecord]) -> Iterator[Change]:
    """Give messages the states of before.

    Raises:
        UndoError: one has been sent since, or is on its way.
    """
    for line in lines:
        number = int(str(line.after["message"]))
        row = connection.execute("SELECT state, until IS NOT NULL FROM message WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise UndoError(f"message {number} is no longer stored")
        state, busy = row
        if busy or (state != line.after["state"] and state in (MessageState.SENT, MessageState.UNSURE)):
            raise UndoError(f"message {number} has left already: nothing takes it back")
        if state != line.after["state"] and state not in _UNDELIVERED:
            raise UndoError(f"message {number} has been changed since: not taken back")
        _set_state(connection, number, MessageState(str(line.before["state"])))
        yield line.investigation, line.after, line.before


def _values(number: int, destination: str, state: str = MessageState.WAITING) -> Values:
    return {"sent_to": destination, "message": number, "state": str(state)}


def _set_state(connection: sqlite3.Connection, number: int, state: MessageState) -> None:
    """Another state. What shall be sent is tried at once, what is given up is nobody's."""
    connection.execute(
        """UPDATE message SET state = ?1, attempts = 0, next_at = 0, owner = '', until = NULL,
            error = CASE ?1 WHEN 'waiting' THEN '' ELSE error END, hint = CASE ?1 WHEN 'waiting' THEN '' ELSE hint END
        WHERE id = ?2""",
        (state.value, number),
    )
