"""What the engineers did about a case, in its message: read when it is delivered, since no investigation follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.redaction import redact
from storage.history import describe
from storage.records import Label, Lifecycle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.notify.message import Message
    from storage.records import HistoryRecord, InvestigationRecord

_FIELDS = ("acknowledged_at", "label", "closed_at")
"""What a message tells of, in this order."""


def judged(message: Message, case: InvestigationRecord, history: Sequence[HistoryRecord]) -> Message:
    """The message with what is in force of what was done.

    Args:
        message: what the last investigation has to say.
        case: as it is now.
        history: the acts on it, the oldest first.
    """
    return replace(message, status=_status(case), notes=tuple(_notes(history)))


def _status(case: InvestigationRecord) -> str:
    if case.label is Label.FALSE:
        return "false alarm"
    return "closed" if case.lifecycle is Lifecycle.CLOSED else ""


def _notes(history: Sequence[HistoryRecord]) -> Iterator[str]:
    for field in _FIELDS:
        last = next((line for line in reversed(history) if field in line.after), None)
        if last is not None and last.after[field] is not None:
            yield redact(describe(last))
