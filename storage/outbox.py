"""Messages to the outside: what each destination shall be told of a case, what it has been told, and who delivers it.

A message is written in the transaction that stores what it tells, and claimed before it is sent, so that it is neither
lost nor sent twice. What cannot be known after a crash is whether a first post arrived: such a message is `unsure`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from storage.codec import NAME_LIMIT, clean, names_json
from storage.records import BY_HAND, HeldBy, MessageRecord, MessageState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from storage.connections import Connections
    from storage.records import Announcement, Hold

HOUR = 3600.0

_COLUMNS = ", ".join(MessageRecord.__struct_fields__)

_SUMMED = f"('{HeldBy.LIMIT}', '{HeldBy.QUIET}', '{HeldBy.DIGEST}')"
"""What a summary tells of."""
_JUDGED = f"('{HeldBy.SILENCE}', '{HeldBy.TRIAGE}')"
"""What is posted after all when nothing holds it any more."""

_DUE = f"""owner = '' AND destination IN (SELECT value FROM json_each(:destinations)) AND id IN (
    SELECT id FROM message WHERE state = 'waiting' AND next_at <= :now AND sent < wanted
    UNION ALL SELECT id FROM message WHERE again <= :now
        AND (+state = 'sent' OR (+state = 'held' AND held_by IN {_JUDGED})))"""  # noqa: S608
"""What is to be sent, told again or judged again; it is asked all the time, so each part has an index,
and the pluses keep SQLite from taking another."""

_UNSURE = "It was being sent when its process ended: it may have arrived."
_LOOK = "Look into the channel. If it is not there: `tocsin notify retry ID`."


def announce(connection: sqlite3.Connection, case: int, announcement: Announcement, at: float) -> None:
    """Write what the destinations shall be told of a case, within a transaction.

    What was never posted, and nobody is posting, is withdrawn where it shall not be told any more. What is held back is
    judged again where it has become graver.
    """
    body = (announcement.priority.value, clean(announcement.headline), announcement.body)
    wanted = dict(announcement.to)
    known = connection.execute(
        "SELECT id, destination, sent, owner, state, rule FROM message WHERE investigation = ?", (case,)
    ).fetchall()
    for identity, destination, sent, owner, state, rule in known:
        unsent = not sent and not owner and state == MessageState.WAITING
        if destination not in wanted and unsent and rule != BY_HAND:
            connection.execute("DELETE FROM message WHERE id = ?", (identity,))
            continue
        connection.execute(
            f"UPDATE message SET again = CASE WHEN ? THEN coalesce(again, 0) END "  # noqa: S608
            f"WHERE id = ? AND state = 'held' AND held_by IN {_JUDGED}",
            (destination in wanted, identity),
        )
        connection.execute(_BRING_UP_TO_DATE, (*body, identity))
    for destination in wanted.keys() - {row[1] for row in known}:
        connection.execute(
            """INSERT INTO message (investigation, destination, rule, state, priority, headline, body, next_at, created)
            VALUES (?, ?, ?, 'waiting', ?, ?, ?, 0, ?)""",
            (case, destination, clean(wanted[destination], NAME_LIMIT), *body, at),
        )


def judged(connection: sqlite3.Connection, cases: Sequence[int]) -> None:
    """An engineer did something about cases, within a transaction: what was posted of them is brought up to date.

    What is told of it is read when it is delivered.
    """
    given = (msgspec.json.encode(cases).decode(),)
    connection.execute(
        """UPDATE message SET wanted = wanted + 1, state = CASE state WHEN 'sent' THEN 'waiting' ELSE state END
        WHERE sent > 0 AND investigation IN (SELECT value FROM json_each(?))""",
        given,
    )
    connection.execute(
        """UPDATE message SET again = 0 WHERE state = 'held' AND held_by = 'triage' AND again IS NOT NULL
        AND investigation IN (SELECT value FROM json_each(?))""",
        given,
    )


_NEWS = f"(state = 'sent' OR (state = 'held' AND (sent > 0 OR (?1 < priority AND held_by IN {_SUMMED}))))"
"""What is looked at again because it changed: what is there, and what became graver while it was held back."""

_BRING_UP_TO_DATE = f"""UPDATE message SET priority = ?1, headline = ?2, body = ?3, wanted = wanted + 1,
        state = CASE WHEN {_NEWS} THEN 'waiting' ELSE state END,
        held_by = CASE WHEN {_NEWS} THEN NULL ELSE held_by END
    WHERE id = ?4 AND (priority, headline, body) <> (?1, ?2, ?3)"""  # noqa: S608


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

    def of(self, case: int) -> tuple[MessageRecord, ...]:
        """The messages of a case, the oldest first."""
        query = f"SELECT {_COLUMNS} FROM message WHERE investigation = ? ORDER BY id"  # noqa: S608
        with self._connections.read() as connection:
            return tuple(_record(row) for row in connection.execute(query, (case,)))

    def stuck(self) -> int:
        """How many messages wait for somebody: held back, given up, or not known to have arrived."""
        query = """SELECT count(*) FROM message WHERE state IN ('failed', 'unsure')
            OR (state = 'held' AND summary IS NULL AND held_by IS NOT 'dry run')"""
        with self._connections.read() as connection:
            return int(connection.execute(query).fetchone()[0])

    def busy(self, now: float, destinations: Sequence[str]) -> bool:
        """Whether a message is to be sent, or the claim on one has run out; writes nothing."""
        with self._connections.read() as connection:
            query = f"""SELECT EXISTS (SELECT 1 FROM message WHERE {_DUE}) OR EXISTS (
                SELECT 1 FROM message WHERE state = 'waiting' AND until <= :now)"""  # noqa: S608
            return bool(connection.execute(query, _given(now, destinations)).fetchone()[0])

    def claim(
        self,
        owner: str,
        now: float,
        seconds: float,
        destinations: Sequence[str],
        hold: Callable[[MessageRecord, int], Hold | None],
        repeatable: Sequence[str] = (),
    ) -> MessageRecord | None:
        """Take the most urgent message that is due; nobody else gets it until the claim runs out.

        Args:
            owner: a name that no other deliverer has.
            now: unix seconds.
            seconds: until others may take over. One that was being posted then becomes unsure, unless that may be
                done again.
            destinations: those that can be delivered to.
            hold: says why a message that was never posted is held back, given how many were posted there in the last
                hour; None where it may be sent.
            repeatable: destinations at which a post that comes twice does no harm.

        Raises:
            StoreError: nothing was claimed.
        """
        query = f"SELECT {_COLUMNS} FROM message WHERE {_DUE} ORDER BY priority, created, id LIMIT 1"  # noqa: S608
        with self._connections.write() as connection:
            _expire(connection, now, repeatable)
            while (row := connection.execute(query, _given(now, destinations)).fetchone()) is not None:
                message = _record(row)
                reason = None if message.sent or message.by_hand else hold(message, _posted(connection, message, now))
                if reason is None:
                    connection.execute(
                        """UPDATE message SET owner = ?, until = ?, state = 'waiting', again = NULL,
                            held_by = CASE WHEN state = 'held' THEN NULL ELSE held_by END,
                            wanted = wanted + (sent >= wanted) WHERE id = ?""",
                        (owner, now + seconds, message.id),
                    )
                    return _get(connection, message.id)
                _hold(connection, message.id, reason)
            return None

    def sent(
        self,
        message: MessageRecord,
        now: float,
        channel: str = "",
        ts: str = "",
        *,
        told: str | None = None,
        again: float | None = None,
        remark: str = "",
    ) -> bool:
        """The destination has the claimed version; returns whether it was still this owner's to say.

        Args:
            message: as it was claimed.
            now: unix seconds.
            channel: of the destination, where it has some.
            ts: names the message there; empty where it cannot be edited.
            told: the headline that was sent, if it is not the message's own.
            again: unix seconds at which it has to be told again; None is never.
            remark: what is the matter although it was sent.
        """
        with self._connections.write() as connection:
            done = connection.execute(
                """UPDATE message SET state = CASE WHEN wanted > :version THEN 'waiting' ELSE 'sent' END,
                    sent = :version, told = :told, channel = :channel, ts = :ts, posted = coalesce(posted, :now),
                    attempts = 0, next_at = :now, error = :remark, hint = '', owner = '', until = NULL,
                    again = :again, held_by = NULL
                WHERE id = :id AND owner = :owner""",
                {
                    "version": message.wanted,
                    "told": message.headline if told is None else clean(told),
                    "channel": clean(channel, NAME_LIMIT),
                    "ts": clean(ts, NAME_LIMIT),
                    "now": now,
                    "again": again,
                    "remark": clean(remark),
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
                    owner = '', until = NULL WHERE id = ? AND owner = ?""",
                (
                    *(state.value, clean(error), clean(hint), max(again, wait), int(not wait)),
                    *(message.id, message.owner),
                ),
            )
            connection.execute(
                "UPDATE message SET next_at = max(next_at, ?) WHERE destination = ? AND state = 'waiting'",
                (wait, message.destination),
            )

    def remark(self, identity: int, error: str, hint: str) -> None:
        """Say what is the matter with a message although it was sent."""
        with self._connections.write() as connection:
            connection.execute(
                "UPDATE message SET error = ?, hint = ? WHERE id = ? AND state = 'sent'",
                (clean(error), clean(hint), identity),
            )

    def hold(self, message: MessageRecord, reason: Hold) -> None:
        """A claimed message is held back."""
        with self._connections.write() as connection:
            _hold(connection, message.id, reason, message.owner)

    def retry(self, identity: int, now: float) -> bool:
        """Send what failed, is unsure, dropped or held, whatever held it, or waits for its next try.

        Returns:
            Whether there is such a message.
        """
        with self._connections.write() as connection:
            done = connection.execute(
                """UPDATE message SET state = 'waiting', attempts = 0, next_at = ?, error = '', hint = '', owner = '',
                    until = NULL, summary = NULL, again = NULL
                WHERE id = ? AND (state IN ('failed', 'unsure', 'held', 'dropped')
                    OR (state = 'waiting' AND attempts > 0 AND owner = ''))""",
                (now, identity),
            )
            return done.rowcount > 0

    def summarise(
        self, destination: str, now: float, limit: int, write: Callable[[Sequence[MessageRecord]], Announcement]
    ) -> bool:
        """Write one message for all that one thing holds back, if it is due and the limit allows one now.

        Args:
            destination: whose.
            now: unix seconds.
            limit: messages of a destination in an hour.
            write: makes one of several, the gravest first; all are held by the same.

        Returns:
            Whether there is one.
        """
        query = f"""SELECT {_COLUMNS} FROM message WHERE state = 'held' AND summary IS NULL AND held_by = (
                SELECT held_by FROM message WHERE state = 'held' AND summary IS NULL AND destination = :destination
                AND held_by IN {_SUMMED} AND coalesce(again, 0) <= :now ORDER BY again LIMIT 1)
            AND destination = :destination ORDER BY priority, id"""  # noqa: S608
        given = {"destination": destination, "now": now}
        with self._connections.read() as connection:
            if connection.execute(query, given).fetchone() is None:
                return False
        with self._connections.write() as connection:
            held = [_record(row) for row in connection.execute(query, given)]
            if not held or _posted(connection, held[0], now) >= limit:
                return False
            told = write(held)
            identity = connection.execute(
                """INSERT INTO message (destination, rule, state, priority, headline, body, next_at, created)
                VALUES (?, '', 'waiting', ?, ?, ?, 0, ?)""",
                (destination, told.priority.value, clean(told.headline), told.body, now),
            ).lastrowid
            connection.executemany(
                "UPDATE message SET summary = ?, again = NULL WHERE id = ?",
                [(identity, message.id) for message in held],
            )
            return True


def _hold(connection: sqlite3.Connection, identity: int, reason: Hold, owner: str = "") -> None:
    connection.execute(
        """UPDATE message SET state = 'held', held_by = ?, error = ?, hint = ?, again = ?, summary = NULL, owner = '',
            until = NULL WHERE id = ? AND owner = ?""",
        (reason.by.value, clean(reason.error), clean(reason.hint), reason.until, identity, owner),
    )


def _expire(connection: sqlite3.Connection, now: float, repeatable: Sequence[str]) -> None:
    """Free what a deliverer that is gone has claimed; what can be edited or posted twice is sent again, at no harm.

    The owner of what is unsure stays known: should it only have been slow, it can still tell that it was sent.
    """
    connection.execute(
        """UPDATE message SET state = 'unsure', until = NULL, error = ?, hint = ? WHERE until <= ? AND ts = ''
        AND destination NOT IN (SELECT value FROM json_each(?))""",
        (_UNSURE, _LOOK, now, names_json(repeatable)),
    )
    connection.execute("UPDATE message SET owner = '', until = NULL WHERE until <= ?", (now,))


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
