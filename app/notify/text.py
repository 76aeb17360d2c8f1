"""Text from the cluster made harmless for where others read it, and a message as plain text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.notify.message import Summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.notify.message import Message

BREAK = "\u200b"
_CALLS = re.compile(r"([@#])(?=\w)|(?<=:)(?=//)")
"""Where a mention, a channel or a link would begin."""
_EVERYBODY = re.compile(r"(@)(?=here|channel|everyone)")


def single(text: str) -> str:
    """On one line, without what cannot be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def uncalled(text: str) -> str:
    """On one line; nothing in it mentions anybody or links anywhere."""
    return _CALLS.sub(rf"\1{BREAK}", single(text))


def copied(text: str) -> str:
    """The same for what is copied, where only what calls everybody is broken."""
    return _EVERYBODY.sub(rf"\1{BREAK}", single(text))


def title(message: Message | Summary) -> str:
    """One line."""
    if isinstance(message, Summary):
        return uncalled(message.headline)
    return uncalled(f"{message.priority} {message.word} {message.subject}: {message.title}")


def body(message: Message | Summary) -> str:
    """The rest, in lines."""
    return "\n".join(_summary(message) if isinstance(message, Summary) else _lines(message))


def _summary(summary: Summary) -> Iterator[str]:
    yield from (uncalled(f"case {number}: {headline}") for number, headline in summary.held)
    yield "Back: tocsin list"


def _lines(message: Message) -> Iterator[str]:
    where = f"{message.cluster}, {message.environment}" if message.environment else message.cluster
    until = f", until {_time(message.ended)}" if message.ended is not None else ""
    yield uncalled(f"{message.subject} in {where}")
    yield f"since {_time(message.onset)}{until}"
    yield uncalled(f"{message.reason} (confidence {message.confidence})")
    yield from map(uncalled, message.notes)
    yield from (uncalled(f"seen: {text}") for text in message.readings)
    yield uncalled(f"likely cause: {message.cause or 'none stands out in what could be seen'}")
    yield from (uncalled(f"  + {text}") for text in message.supports)
    yield from (uncalled(f"  - {text}") for text in message.contradicts)
    yield from (uncalled(f"  ? {text}") for text in message.unknown)
    yield from (uncalled(f"impact: {text}") for text in message.impact)
    yield from (copied(f"next: {command}") for command in message.commands)
    if message.runbook:
        yield f"Runbook: {message.runbook}"
    yield f"Back: {message.back}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
