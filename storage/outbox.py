"""Messages to the outside: what each destination shall be told of a case, what it has been told, and who delivers it.

A message is written in the transaction that stores what it tells, and claimed before it is sent, so that it is neither
lost nor sent twice. What cannot be known after a crash is whether a first post arrived: such a message is `unsure`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from storage.codec import NAME_LIMIT, clean, names_json
from storage.records import MessageRecord, MessageState, Priority

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from storage.connections import Connections
    from storage.records import Announcement

HOUR = 3600.0

_COLUMNS = ", ".join(MessageRecord.__struct_fields__)

_DUE = """state = 'waiting' AND owner = '' AND next_at <= :now AND sent < wanted
    AND destination IN (SELECT value FROM json_each(:destinations))"""

_UNSURE = "It was being sent when its process ended: it may have arrived."
_LOOK = "Look into the channel. If it is not there: `tocsin notify retry ID`."


def announce(connection: sqlite3.Connection, case: int, announcement: Announcement, at: float) -> None:
    """Write what the destinations shall be told of a case, within a transaction.

    What was never posted, and nobody is posting, is withdrawn where it shall not be told any more.
    """
    body = (announcement.priority.value, clean(announcement.headline), announcement.body)
    wanted = dict(announcement.to)
    known = connection.execute(
        "SELECT id, destination, sent, owner, state FROM message WHERE investigation = ?", (case,)
    ).fetchall()
    for identity, destination, sent, owner, state in known:
        if destination not in wanted and not sent and not owner and state == MessageState.WAITING:
            connection.execute("DELETE FROM message WHERE id = ?", (identity,))
            continue
        connection.execute(
            """UPDATE message SET priority = ?1, headline = ?2, body = ?3, wanted = wanted + 1,
                state = CASE WHEN state = 'sent' OR (state = 'held' AND (sent > 0 OR (?1 = 'P1' AND summary IS NOT 0)))
                    THEN 'waiting' ELSE state END
            WHERE id = ?4 AND (priority, headline, body) <> (?1, ?2, ?3)""",
            (*body, identity),
        )
    for destination in wanted.keys() - {row[1] for row in known}:
        connection.execute(
            """INSERT INTO message (investigation, destination, rule, state, priority, headline, body, next_at, created)
            VALUES (?, ?, ?, 'waiting', ?, ?, ?, 0, ?)""",
            (case, destination, clean(wanted[destination], NAME_LIMIT), *body, at),
        )


class Outbox:
    """Reads messages, and hands them to who delivers them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def listed(self, limit: int = 200) -> tuple[MessageRecord, ...]:
        """The messages, newest first."""
        query = f"SELECT {_COLUMNS} FROM message ORDER BY created DESC, id DESC LIMIT ?"  # noqa: S608
        with self._connections.read() as connection:
            return tuple(_record(row) for row in connection.execute(query, (limit,)))

    def get(self, identity: int) -> MessageRecord | None:
        """One message; None where there is none."""
        with self._connections.read() as connection:
            return _get(connection, identity)

    def busy(self, now: float, destinations: Sequence[str]) -> bool:
        """Whether a message is to be sent, or the claim on one has run out; writes nothing."""
        with self._connections.read() as connection:
            query = f"SELECT 1 FROM message WHERE ({_DUE}) OR (owner <> '' AND until <= :now) LIMIT 1"  # noqa: S608
            return connection.execute(query, _given(now, destinations)).fetchone() is not None

    def claim(
        self, owner: str, now: float, seconds: float, destinations: Sequence[str], limit: int
    ) -> MessageRecord | None:
        """Take the most urgent message that is due; nobody else gets it until the claim runs out.

        What would go beyond the limit is held back, except P1 and edits.

        Args:
            owner: a name that no other deliverer has.
            now: unix seconds.
            seconds: until others may take over. One that was being posted then becomes unsure.
            destinations: those that can be delivered to.
            limit: first posts of each destination in an hour.

        Raises:
            StoreError: nothing was claimed.
        """
        query = f"SELECT {_COLUMNS} FROM message WHERE {_DUE} ORDER BY priority, created, id LIMIT 1"  # noqa: S608
        with self._connections.write() as connection:
            _expire(connection, now)
            while (row := connection.execute(query, _given(now, destinations)).fetchone()) is not None:
                message = _record(row)
                if message.sent or message.priority is Priority.P1 or _posted(connection, message, now) < limit:
                    connection.execute(
                        "UPDATE message SET owner = ?, until = ? WHERE id = ?", (owner, now + seconds, message.id)
                    )
                    return _get(connection, message.id)
                text = f"{message.destination} has got its {limit} messages of this hour"
                connection.execute(
                    "UPDATE message SET state = 'held', error = ?, hint = ? WHERE id = ?",
                    (text, "A summary tells of it as soon as the limit allows: notify.hourly_limit.", message.id),
                )
            return None

    def sent(self, message: MessageRecord, now: float, channel: str = "", ts: str = "") -> bool:
        """The destination has the claimed version; returns whether it was still this owner's to say."""
        with self._connections.write() as connection:
            done = connection.execute(
                """UPDATE message SET state = CASE WHEN wanted > :version THEN 'waiting' ELSE 'sent' END,
                    sent = :version, told = :told, channel = :channel, ts = :ts, posted = coalesce(posted, :now),
                    attempts = 0, next_at = :now, error = '', hint = '', owner = '', until = NULL
                WHERE id = :id AND owner = :owner""",
                {
                    "version": message.wanted,
                    "told": message.headline,
                    "channel": clean(channel, NAME_LIMIT),
                    "ts": clean(ts, NAME_LIMIT),
                    "now": now,
                    "id": message.id,
                    "owner": message.owner,
                },
            )
            return done.rowcount > 0

    def unsent(
        self,
        message: MessageRecord,
        state: MessageState,
        error: str,
        hint: str,
        *,
        again: float = 0.0,
        wait: float = 0.0,
    ) -> None:
        """A claimed message was not delivered.

        Args:
            message: as it was claimed.
            state: what it is now; waiting is tried again.
            error: what is the matter.
            hint: what to do about it.
            again: unix seconds before which it is not tried again.
            wait: the same for everything that goes to this destination; 0 leaves the others alone.
        """
        with self._connections.write() as connection:
            connection.execute(
                """UPDATE message SET state = ?, error = ?, hint = ?, next_at = ?, attempts = attempts + ?,
                    summary = ?, owner = '', until = NULL WHERE id = ? AND owner = ?""",
                (
                    *(state.value, clean(error), clean(hint), max(again, wait), int(not wait)),
                    *(0 if state is MessageState.HELD else None, message.id, message.owner),
                ),
            )
            connection.execute(
                "UPDATE message SET next_at = max(next_at, ?) WHERE destination = ? AND state = 'waiting'",
                (wait, message.destination),
            )

    def retry(self, identity: int, now: float) -> bool:
        """Send what failed, is unsure or was held; returns whether there is such a message."""
        with self._connections.write() as connection:
            done = connection.execute(
                """UPDATE message SET state = 'waiting', attempts = 0, next_at = ?, error = '', hint = '', owner = '',
                    until = NULL, summary = NULL WHERE id = ? AND state IN ('failed', 'unsure', 'held')""",
                (now, identity),
            )
            return done.rowcount > 0

    def summarise(
        self, destination: str, now: float, limit: int, write: Callable[[Sequence[MessageRecord]], Announcement]
    ) -> bool:
        """Write one message for all that were held back, if the limit allows one now; returns whether there is one."""
        query = f"""SELECT {_COLUMNS} FROM message
            WHERE state = 'held' AND summary IS NULL AND destination = ? ORDER BY priority, id"""  # noqa: S608
        with self._connections.read() as connection:
            if connection.execute(query, (destination,)).fetchone() is None:
                return False
        with self._connections.write() as connection:
            held = [_record(row) for row in connection.execute(query, (destination,))]
            if not held or _posted(connection, held[0], now) >= limit:
                return False
            told = write(held)
            identity = connection.execute(
                """INSERT INTO message (destination, rule, state, priority, headline, body, next_at, created)
                VALUES (?, '', 'waiting', ?, ?, ?, 0, ?)""",
                (destination, told.priority.value, clean(told.headline), told.body, now),
            ).lastrowid
            connection.executemany(
                "UPDATE message SET summary = ? WHERE id = ?", [(identity, message.id) for message in held]
            )
            return True


def _expire(connection: sqlite3.Connection, now: float) -> None:
    """Free what a deliverer that is gone has claimed; what can be edited is edited again, at no harm.

    The owner of what is unsure stays known: should it only have been slow, it can still tell that it was sent.
    """
    connection.execute(
        "UPDATE message SET state = 'unsure', until = NULL, error = ?, hint = ? WHERE until <= ? AND ts = ''",
        (_UNSURE, _LOOK, now),
    )
    connection.execute("UPDATE message SET owner = '', until = NULL WHERE until <= ? AND ts <> ''", (now,))


def _posted(connection: sqlite3.Connection, message: MessageRecord, now: float) -> int:
    """First posts to the same destination in the last hour, those under way included."""
    row = connection.execute(
        "SELECT count(*) FROM message WHERE destination = ? AND (posted > ? OR (posted IS NULL AND until > ?))",
        (message.destination, now - HOUR, now),
    ).fetchone()
    return int(row[0])


def _given(now: float, destinations: Sequence[str]) -> dict[str, object]:
    return {"now": now, "destinations": names_json(destinations)}


def _get(connection: sqlite3.Connection, identity: int) -> MessageRecord | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM message WHERE id = ?", (identity,)).fetchone()  # noqa: S608
    return _record(row) if row else None


def _record(row: Sequence[object]) -> MessageRecord:
    return msgspec.convert(dict(zip(MessageRecord.__struct_fields__, row, strict=True)), MessageRecord)
