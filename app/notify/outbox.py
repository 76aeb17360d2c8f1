"""The outbox as people read it: each message with its text, what is the matter with it, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.notify.message import message_of
from app.notify.sending import as_text, place
from app.notify.shown import Outbox, Posted
from storage.records import MessageState

if TYPE_CHECKING:
    from app.notify.settings import NotifySettings
    from storage.database import Store
    from storage.records import MessageRecord

AGAIN = "`tocsin notify retry ID`"
"""How hints call sending again."""
_UNREAD = "The message cannot be read: another version of Tocsin wrote it."


def read_outbox(store: Store, settings: NotifySettings, now: float) -> Outbox:
    """The outbox of a store, newest message first."""
    messages = tuple(_posted(record, settings, now) for record in store.outbox.listed())
    return Outbox(now, messages, tuple(settings.destinations), settings.dry_run)


def trouble(record: MessageRecord, settings: NotifySettings) -> tuple[str, str]:
    """What is the matter with a message and what to do; both empty where nothing is."""
    if record.state is MessageState.DROPPED:
        return "", ""
    if record.destination not in settings.destinations:
        return f"{record.destination} is no destination of the settings any more: it waits", ""
    return record.error, record.hint


def _posted(record: MessageRecord, settings: NotifySettings, now: float) -> Posted:
    destination = settings.destinations.get(record.destination)
    error, hint = trouble(record, settings)
    return Posted(
        msgspec.structs.replace(record, body=b""),
        place(destination) if destination is not None else "",
        _text(record, destination.kind if destination is not None else "apprise", now),
        error,
        hint.replace(AGAIN, "R"),
    )


def _text(record: MessageRecord, kind: str, now: float) -> str:
    try:
        return as_text(kind, message_of(record), now)
    except msgspec.DecodeError:
        return _UNREAD
