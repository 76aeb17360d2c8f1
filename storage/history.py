"""What engineers did: every act is an append-only line with what was before and after, so that it can be taken back.

The undo stack is not stored: it follows from the actor's lines of the last `UNDO_SECONDS`, also after a restart. An act
pushes; `undo` writes a line that takes the top act back; `redo` writes a line that takes the undo back and counts as an
act again; a new act empties what could be redone.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import repeat
from typing import TYPE_CHECKING

import msgspec

from storage import labels, outbox, rules, sending
from storage.codec import NAME_LIMIT, clean, next_ids
from storage.errors import UndoError
from storage.records import HistoryRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from storage.connections import Connections
    from storage.records import Announcement, Pattern
    from storage.sending import Change

UNDO_SECONDS = 24 * 3600.0
"""How far back an act can be undone."""


class Act(StrEnum):
    """What an engineer can do with investigations."""

    LABEL = "label"
    ACKNOWLEDGE = "acknowledge"
    SNOOZE = "snooze"
    CLOSE = "close"
    PIN = "pin"
    RULE = "rule"
    """Put a rule in force, or out of it: its line names no investigation."""
    MESSAGE = "message"
    """Send a message by hand, or drop one that was not sent: undone for as long as nothing has left."""
    SEEN = "seen"
    """Opened for the first time: written down, never undone."""


FIELDS: Mapping[Act, tuple[str, ...]] = {
    Act.LABEL: ("label", "label_reason"),
    Act.ACKNOWLEDGE: ("acknowledged_at", "acknowledged_by"),
    Act.SNOOZE: ("snoozed_until", "awaits_rollout"),
    Act.CLOSE: ("closed_at",),
    Act.PIN: ("pinned",),
    Act.SEEN: ("seen_at",),
}
"""The values that each act sets."""

_WORDS: Mapping[str, tuple[str, str]] = {
    "label": ("labelled it {}", "took the label off"),
    "acknowledged_at": ("acknowledged it", "gave it back"),
    "snoozed_until": ("snoozed it", "ended the snooze"),
    "closed_at": ("closed it", "opened it again"),
    "pinned": ("pinned it", "unpinned it"),
    "seen_at": ("saw it first", "marked it new"),
    "active": ("put the rule in force", "put the rule out of force"),
    "sent_to": ("sent it to {}", "took it out of the outbox"),
}
"""An act in words, by its first field: when it sets it, and when it clears it."""

_TRIAGE = tuple(dict.fromkeys(field for fields in FIELDS.values() for field in fields))

_TOLD = {"label", "closed_at", "acknowledged_at", "snoozed_until"}
"""Fields that messages to the outside tell of, or wait for."""

_UNDO, _REDO = "undo", "redo"

_values = msgspec.json.Decoder(dict[str, object])

Values = dict[str, object]


class History:
    """Acts on investigations, and takes acts back."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def of(self, investigation: int) -> tuple[HistoryRecord, ...]:
        """The acts on one investigation, the oldest first."""
        with self._connections.read() as connection:
            return tuple(lines_of(connection, investigation))

    def act(
        self,
        ids: Sequence[int],
        act: Act,
        values: Mapping[str, object],
        *,
        actor: str,
        at: float,
        session: str = "",
        detector_of: labels.DetectorOf = labels.nobody,
    ) -> tuple[HistoryRecord, ...]:
        """Set the act's `FIELDS` on investigations, as one step of the undo stack.

        Args:
            ids: investigations; unknown ones are passed over.
            act: what is done.
            values: a value for each of the act's fields; None takes it back (`{"snoozed_until": None}`).
            actor: who; the undo stack is theirs.
            at: unix seconds.
            session: which run of the program.
            detector_of: names what found a signal; kept with labels.

        Returns:
            One line for each investigation that it changed; empty when nothing changed.

        Raises:
            ValueError: `values` are not the act's fields.
        """
        if set(values) != set(FIELDS[act]):
            raise ValueError(f"{act} sets {', '.join(FIELDS[act])}, not {', '.join(values) or 'nothing'}")
        after = {field: _storable(value) for field, value in values.items()}
        with self._connections.write() as connection:
            current = _current(connection, ids)
            changes = [
                (case, {field: now[field] for field in after}, after)
                for case, now in current.items()
                if any(now[field] != value for field, value in after.items())
            ]
            lines = _write(connection, _Step(act.value, actor, at, session), changes)
            if act is Act.LABEL:
                labels.append(connection, lines, detector_of)
            return lines

    def add_rule(
        self,
        cluster: str,
        pattern: Pattern,
        *,
        reason: str,
        expires: float | None,
        actor: str,
        at: float,
        session: str = "",
        owner: str = "",
        starts: float | None = None,
    ) -> HistoryRecord:
        """Put a new rule in force, as one step of the undo stack.

        Args:
            cluster: whose findings it hides.
            pattern: which of them.
            reason: why.
            expires: unix seconds; None for as long as it is in force.
            actor: who.
            at: unix seconds.
            session: which run of the program.
            owner: whose the rule is; empty: the actor's.
            starts: unix seconds before which it hides nothing; None: at once.
        """
        with self._connections.write() as connection:
            number = rules.put(
                connection, cluster, pattern, owner=owner or actor, reason=reason, created=at, expires=expires,
                starts=starts,
            )  # fmt: skip
            return _switch(connection, _Step(Act.RULE.value, actor, at, session), number, active=True)

    def switch_rule(self, rule: int, *, active: bool, actor: str, at: float, session: str = "") -> HistoryRecord | None:
        """Put a rule in force, or out of it; None where there is no such rule, or it is so already."""
        with self._connections.write() as connection:
            if rules.is_active(connection, rule) != (not active):
                return None
            return _switch(connection, _Step(Act.RULE.value, actor, at, session), rule, active=active)

    def send(
        self, announcements: Mapping[int, Announcement], *, actor: str, at: float, session: str = ""
    ) -> tuple[HistoryRecord, ...]:
        """Put messages into the outbox by hand, as one step of the undo stack.

        Args:
            announcements: what to say of each case, and where.
            actor: who.
            at: unix seconds.
            session: which run of the program.

        Returns:
            A line for each message that is to be sent now; none where the destinations have it already.
        """
        with self._connections.write() as connection:
            changes = tuple(sending.send(connection, announcements, at))
            return _write_messages(connection, _Step(Act.MESSAGE.value, actor, at, session), changes)

    def drop(self, messages: Sequence[int], *, actor: str, at: float, session: str = "") -> tuple[HistoryRecord, ...]:
        """Take messages out of the outbox, as one step; those that have arrived or are on their way stay."""
        with self._connections.write() as connection:
            changes = tuple(sending.drop(connection, messages))
            return _write_messages(connection, _Step(Act.MESSAGE.value, actor, at, session), changes)

    def undo(self, *, actor: str, at: float, session: str = "") -> tuple[HistoryRecord, ...]:
        """Take back the actor's last act that has not been taken back.

        Returns:
            The lines that did it, whose `undoes` name the act's; empty when there is nothing to undo.

        Raises:
            UndoError: what the act changed has been changed again by somebody else; nothing was taken back.
        """
        return self._take_back(_UNDO, actor, at, session)

    def redo(self, *, actor: str, at: float, session: str = "") -> tuple[HistoryRecord, ...]:
        """Do again what the actor last undid, unless they have acted since.

        Returns:
            The lines that did it; empty when there is nothing to redo.

        Raises:
            UndoError: as for `undo`.
        """
        return self._take_back(_REDO, actor, at, session)

    def _take_back(self, action: str, actor: str, at: float, session: str) -> tuple[HistoryRecord, ...]:
        with self._connections.write() as connection:
            done, undone = _stacks(connection, actor, at - UNDO_SECONDS)
            stack = done if action == _UNDO else undone
            if not stack:
                return ()
            lines = tuple(_select(connection, "WHERE step = ? ORDER BY id", stack[-1]))
            step = _Step(action, actor, at, session)
            if "rule" in lines[0].after:
                return (_switched_back(connection, step, lines[0]),)
            if "message" in lines[0].after:
                undone_messages = tuple(sending.taken_back(connection, lines))
                return _write_messages(connection, step, undone_messages, [line.id for line in lines])
            current = _current(connection, [line.investigation for line in lines if line.investigation is not None])
            for line in lines:
                _refuse_conflict(line, current)
            changes = [(line.investigation or 0, line.after, line.before) for line in lines]
            return _write(connection, step, changes, [line.id for line in lines])


def lines_of(connection: sqlite3.Connection, investigation: int) -> Iterator[HistoryRecord]:
    """The acts on one investigation, the oldest first."""
    return _select(connection, "WHERE investigation = ? ORDER BY id", investigation)


def describe(line: HistoryRecord) -> str:
    """An act in words: `kim labelled it false: noise`, `kim undid, took the label off`."""
    field = next(iter(line.after))
    done, cleared = _WORDS[field]
    value = line.after[field]
    words = done.format(value) if value else cleared
    reason = line.after.get("label_reason")
    again = {_UNDO: "undid, ", _REDO: "redid, "}.get(line.action, "")
    return f"{line.actor} {again}{words}" + (f": {reason}" if reason else "")


class _Step(msgspec.Struct, frozen=True):
    """What all lines of one act share."""

    action: str
    actor: str
    at: float
    session: str


def _select(connection: sqlite3.Connection, where: str, value: object) -> Iterator[HistoryRecord]:
    cursor = connection.execute(
        f"SELECT id, at, actor, action, investigation, before, after, undoes, session, step FROM history {where}",  # noqa: S608
        (value,),
    )
    return (_read(row) for row in cursor)


def _read(row: tuple[Any, ...]) -> HistoryRecord:
    identity, at, actor, action, investigation, before, after, undoes, session, step = row
    return HistoryRecord(
        identity, at, actor, action, investigation, _values.decode(before), _values.decode(after), undoes, session, step
    )


def _row(line: HistoryRecord) -> tuple[object, ...]:
    head = (line.id, line.at, line.actor, line.action, line.investigation)
    values = (msgspec.json.encode(line.before).decode(), msgspec.json.encode(line.after).decode())
    return (*head, *values, line.undoes, line.session, line.step)


def _storable(value: object) -> object:
    return clean(str(value)) if isinstance(value, str) else value


def _current(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Values]:
    """The triage fields of those investigations that exist, in the order asked."""
    cursor = connection.execute(
        f"SELECT id, {', '.join(_TRIAGE)} FROM investigation WHERE id IN (SELECT value FROM json_each(?))",  # noqa: S608
        (msgspec.json.encode(list(ids)).decode(),),
    )
    found = {case: dict(zip(_TRIAGE, values, strict=True)) for case, *values in cursor}
    for now in found.values():
        now["pinned"] = bool(now["pinned"])
    return {case: found[case] for case in dict.fromkeys(ids) if case in found}


def _write(
    connection: sqlite3.Connection,
    step: _Step,
    changes: Sequence[tuple[int, Values, Values]],
    undoes: Sequence[int] | None = None,
) -> tuple[HistoryRecord, ...]:
    """Apply (investigation, before, after) changes of the same fields, and write them down."""
    if not changes:
        return ()
    lines = _lines(connection, step, changes, undoes)
    fields = tuple(changes[0][2])
    connection.executemany(
        f"UPDATE investigation SET {', '.join(f'{field} = ?' for field in fields)} WHERE id = ?",  # noqa: S608
        [(*(line.after[field] for field in fields), line.investigation) for line in lines],
    )
    _append(connection, lines)
    if _TOLD & set(fields):
        outbox.judged(connection, [case for case, *_ in changes])
    return lines


def _write_messages(
    connection: sqlite3.Connection, step: _Step, changes: Sequence[Change], undoes: Sequence[int] | None = None
) -> tuple[HistoryRecord, ...]:
    """Write down what was done to messages."""
    lines = _lines(connection, step, changes, undoes)
    _append(connection, lines)
    return lines


def _lines(
    connection: sqlite3.Connection, step: _Step, changes: Sequence[Change], undoes: Sequence[int] | None
) -> tuple[HistoryRecord, ...]:
    if not changes:
        return ()
    ids = next_ids(connection, "history", len(changes))
    actor, session = clean(step.actor, NAME_LIMIT), clean(step.session, NAME_LIMIT)
    return tuple(
        HistoryRecord(line, step.at, actor, step.action, case, before, after, undone, session, ids[0])
        for line, undone, (case, before, after) in zip(ids, undoes or repeat(None, len(ids)), changes, strict=True)
    )


def _switch(
    connection: sqlite3.Connection, step: _Step, rule: int, *, active: bool, undoes: int | None = None
) -> HistoryRecord:
    """Put a rule in force, or out of it, and write it down."""
    (number,) = next_ids(connection, "history", 1)
    actor, session = clean(step.actor, NAME_LIMIT), clean(step.session, NAME_LIMIT)
    before: Values = {"active": not active, "rule": rule}
    after: Values = {"active": active, "rule": rule}
    line = HistoryRecord(number, step.at, actor, step.action, None, before, after, undoes, session, number)
    rules.switch(connection, rule, active=active)
    _append(connection, [line])
    return line


def _switched_back(connection: sqlite3.Connection, step: _Step, line: HistoryRecord) -> HistoryRecord:
    rule, active = int(str(line.after["rule"])), bool(line.after["active"])
    if rules.is_active(connection, rule) is not active:
        raise UndoError(f"rule {rule} has been changed since: not taken back")
    return _switch(connection, step, rule, active=not active, undoes=line.id)


def _append(connection: sqlite3.Connection, lines: Sequence[HistoryRecord]) -> None:
    connection.executemany(
        """INSERT INTO history (id, at, actor, action, investigation, before, after, undoes, session, step)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        map(_row, lines),
    )


def _stacks(connection: sqlite3.Connection, actor: str, since: float) -> tuple[list[int], list[int]]:
    """The actor's steps that can be undone and those that can be redone, the next one last."""
    done: list[int] = []
    undone: list[int] = []
    steps = connection.execute(
        "SELECT step, action FROM history WHERE actor = ? AND at >= ? AND id = step AND action <> ? ORDER BY id",
        (clean(actor, NAME_LIMIT), since, Act.SEEN.value),
    )
    for step, action in steps:
        if action == _UNDO:
            # The act may lie before `since` while its undo does not.
            del done[-1:]
            undone.append(step)
            continue
        if action == _REDO:
            del undone[-1:]
        else:
            undone.clear()
        done.append(step)
    return done, undone


def _refuse_conflict(line: HistoryRecord, current: Mapping[int, Values]) -> None:
    case = line.investigation or 0
    if case not in current:
        raise UndoError(f"#{case} is no longer stored", case)
    changed = [field for field, value in line.after.items() if current[case][field] != value]
    if changed:
        raise UndoError(f"#{case} has been changed since ({', '.join(changed)}): not taken back", case)
