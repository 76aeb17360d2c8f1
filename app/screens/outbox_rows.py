"""The outbox's list as data: its columns, what its filter sees, what explains a line, and why there may be none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.records import BY_HAND, MessageState, Priority
from widgets import palette
from widgets.palette import Mark
from widgets.rows import Column
from widgets.text import NOTHING, age, plain, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import tzinfo

    from textual.content import Content

    from app.notify.shown import Outbox, Posted
    from storage.records import MessageRecord

STATE: Mapping[MessageState, Mark] = {
    MessageState.FAILED: Mark("×", "failed", palette.BAD),
    MessageState.UNSURE: Mark("?", "unsure", palette.DOUBTFUL),
    MessageState.HELD: Mark("=", "held", palette.DOUBTFUL),
    MessageState.WAITING: Mark("…", "waiting", palette.ACCENT),
    MessageState.SENT: Mark("✓", "sent", palette.GOOD),
    MessageState.DROPPED: Mark("-", "dropped", palette.MUTED),
}
"""What needs somebody first: that is how the column sorts."""


def columns(now: Callable[[], float]) -> Sequence[Column[Posted]]:
    """The columns; `now` is by the clock that the times are of."""
    order = list(STATE)
    priorities = list(Priority)
    return (
        Column("state", "STATE", lambda row, _: STATE[row.record.state].full, 9,
               sort=lambda row: order.index(row.record.state)),
        Column("case", "CASE", lambda row, _: row.subject, 7, sort=lambda row: row.record.investigation,
               descending=True),
        Column("priority", "P", lambda row, _: _priority(row.record), 2, priority=3,
               sort=lambda row: priorities.index(row.record.priority)),
        Column("to", "TO", lambda row, _: row.record.destination, 10, flex=1, limit=24,
               sort=lambda row: row.record.destination),
        Column("age", "AGE", lambda row, _: age(now() - row.record.created), 4, right=True, passing=True,
               sort=lambda row: row.record.created, descending=True),
        Column("tries", "TRIES", lambda row, _: str(row.record.attempts or ""), 5, right=True, priority=2,
               sort=lambda row: row.record.attempts, descending=True),
        Column("next", "NEXT", lambda row, _: upcoming(row.record, now()), 5, right=True, priority=1, passing=True,
               sort=lambda row: row.record.next_at),
        Column("what", "WHAT", _what, 16, flex=6, middle=False, sort=lambda row: row.error or row.record.headline),
    )  # fmt: skip


def upcoming(record: MessageRecord, now: float) -> str:
    """In how long it is tried: `now`, `40s`; empty where nobody is going to."""
    if record.state is not MessageState.WAITING:
        return ""
    return age(record.next_at - now) if record.next_at > now else "now"


def _priority(record: MessageRecord) -> Content:
    return plain(record.priority, style=palette.PRIORITY[record.priority])


def _what(row: Posted, _: int) -> Content:
    """What is the matter, else what it says."""
    return plain(row.error, style=palette.BAD) if row.error else plain(row.record.headline)


def fields(row: Posted) -> dict[str, str]:
    """What a filter sees."""
    record = row.record
    return {
        "state": record.state,
        "case": row.subject,
        "to": record.destination,
        "rule": record.rule,
        "priority": record.priority,
        "error": row.error,
        "what": record.headline,
    }


def explanation(row: Posted, now: float, zone: tzinfo) -> list[tuple[str, str]]:
    """Everything known of a message, as names and texts; its own text apart."""
    record = row.record
    version = f", version {record.sent} of {record.wanted} is there" if record.sent != record.wanted else ""
    facts = [("state", f"{record.state}{version}"), ("trouble", row.error), ("do", row.hint)]
    facts += [
        ("to", f"{record.destination}  {row.where}".rstrip()),
        ("chosen", record.rule if record.rule == BY_HAND else f"by rule {record.rule or NOTHING}"),
        ("written", f"{stamp(record.created, now, zone)} ({age(now - record.created)} ago)"),
    ]
    if record.posted is not None:
        facts.append(("posted", stamp(record.posted, now, zone)))
    if record.attempts:
        facts.append(("tries", str(record.attempts)))
    if waits := upcoming(record, now):
        facts.append(("next try", waits if waits == "now" else f"in {waits}"))
    return [(name, text) for name, text in facts if text]


def summary(outbox: Outbox) -> str:
    """How many there are in each state; those first that need somebody."""
    states = [posted.record.state for posted in outbox.messages]
    counts = [f"{states.count(state)} {state}" for state in STATE if state in states]
    return "  ".join([*(counts or ["empty"]), *(["dry run: nothing is sent"] if outbox.dry_run else [])])


def why_empty(outbox: Outbox, unsendable: str) -> str:
    """Why there is no message, and what to do."""
    if unsendable:
        return f"Nothing is ever sent: {unsendable}.\ntocsin notify test says what would be, once there is one"
    names = ", ".join(outbox.destinations)
    return f"Nothing was sent yet.\nUrgent cases go to {names} by themselves, others with S from the inbox"
