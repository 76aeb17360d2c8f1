"""Sending by hand: a case's message as it would leave, where it could go, and why there."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from app.notify.judging import judged
from app.notify.message import announcement, compose
from app.notify.rendering import rendered
from app.notify.rules import readings, withheld
from app.notify.shown import Draft, Target
from app.notify.text import BREAK
from storage.records import BY_HAND, MessageState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.notify.destinations import Destination
    from app.notify.message import Message, Summary
    from app.notify.settings import NotifySettings
    from detectors.catalog import Catalogue
    from storage.database import Store
    from storage.records import Announcement, Conclusion, InvestigationRecord, MessageRecord

UNFINISHED = "it has not been investigated yet: there is nothing to tell"

_MARKS = re.compile(r"`([^`]*)`|\*")
_DATE = re.compile(r"<!date\^[^|>]*\|([^>]*)>")


def draft(store: Store, settings: NotifySettings, catalogue: Catalogue, case: InvestigationRecord, now: float) -> Draft:
    """What would be sent of a case."""
    found = store.conclusions.of(case.id)
    if found is None:
        return Draft(case.id, case.entity.title, refusal=UNFINISHED)
    message = compose(case, found, store.anomalies.of(case.id), catalogue, settings.runbooks)
    message = judged(message, case, store.history.of(case.id))
    sent = {record.destination: record for record in store.outbox.of(case.id)}
    return Draft(case.id, case.entity.title, tuple(_targets(settings, case, found, message, sent, now)))


def told_by_hand(
    store: Store,
    settings: NotifySettings,
    catalogue: Catalogue,
    case: InvestigationRecord,
    destinations: Sequence[str],
) -> Announcement | None:
    """What an engineer sends of a case; None where it has not been investigated."""
    found = store.conclusions.of(case.id)
    if found is None:
        return None
    told = announcement(settings, catalogue, case, found, store.anomalies.of(case.id))
    return told and replace(told, to=tuple((name, BY_HAND) for name in destinations))


def as_text(kind: str, message: Message | Summary, now: float) -> str:
    """All that a kind of destination gets, read back from what is sent: nothing else leaves.

    Args:
        kind: of the destination.
        message: what is told.
        now: unix seconds.
    """
    told = rendered(kind, message, now)
    if kind == "slack":
        return _slack(told)
    if kind == "apprise":
        return f"{told['title']}\n\n{told['body']}".replace(BREAK, "")
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def _slack(told: Mapping[str, Any]) -> str:
    blocks: Sequence[Mapping[str, Any]] = told["attachments"][0]["blocks"]
    parts = [part for block in blocks for part in block.get("elements", [block.get("text")])]
    return "\n\n".join(_read(part["text"]) if part["type"] == "mrkdwn" else part["text"] for part in parts)


def _read(text: str) -> str:
    """Text as its reader sees it: dates written out, entities resolved, without the marks of bold and code."""
    unmarked = _MARKS.sub(lambda found: found[1] or "", _DATE.sub(r"\1", text))
    return unescape(unmarked).replace(BREAK, "").rstrip("\n")


def _targets(
    settings: NotifySettings,
    case: InvestigationRecord,
    found: Conclusion,
    message: Message,
    sent: Mapping[str, MessageRecord],
    now: float,
) -> Iterator[Target]:
    chosen = {name: reading for reading in readings(settings, case, found, now) for name in reading.to}
    refused = withheld(case, now)
    for name, destination in settings.destinations.items():
        reading = chosen.get(name)
        if refused:
            why = f"{BY_HAND}: the rules tell nobody, {refused}"
        elif reading is None:
            why = f"{BY_HAND}: no rule sends it there"
        else:
            why = f"by rule {reading.rule}: {reading.why}"
        has = _KNOWN.get(sent[name].state, "") if name in sent else ""
        text = as_text(destination.kind, message, now)
        yield Target(name, place(destination), f"{why}{has}", reading is not None and not refused, text)


_KNOWN = {
    MessageState.SENT: "; it has got it, and gets changes by itself",
    MessageState.WAITING: "; it is in the outbox already",
    MessageState.UNSURE: "; it may be there already: look first",
}


def place(destination: Destination) -> str:
    """What a destination is, in words: `slack #oncall`."""
    return " ".join(filter(None, (destination.kind, destination.channel or destination.url)))
