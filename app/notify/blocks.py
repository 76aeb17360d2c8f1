"""A message in Slack's Block Kit, within its limits, with all text from the cluster made harmless.

Limits: 150 characters of a header, 3000 of a section's text, 50 blocks (https://docs.slack.dev/reference/block-kit).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from app.notify.message import Summary
from app.notify.text import BREAK, copied, single, uncalled
from storage.records import Priority

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.notify.message import Message

HEADER = 150
SECTION = 3000
LINE = 500
"""Characters of one line of ours: a section shows several."""

OVER = "#2eb886"
COLOURS = {
    Priority.P1: "#d40e0d",
    Priority.P2: "#e8590c",
    Priority.P3: "#f2c744",
    Priority.P4: "#8d99ae",
    Priority.P5: "#8d99ae",
}

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "ʼ", "*": "∗", "~": "∼"}
"""Slack reads the first three as entities, mentions and links; the others would end our own formatting."""
_CODE_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "ʼ"}


def payload(message: Message | Summary) -> dict[str, Any]:
    """The arguments of a message but for its channel.

    The text is what notifications show; the blocks are in an attachment, since only those have a colour.
    """
    over = not isinstance(message, Summary) and message.over
    colour = COLOURS[Priority.P5 if isinstance(message, Summary) else message.priority]
    blocks = list(_summary(message) if isinstance(message, Summary) else _blocks(message))
    return {
        "text": escaped(message.headline, LINE),
        "attachments": [{"color": OVER if over else colour, "blocks": blocks}],
        # Slack's own search for names, channels and addresses in what we send.
        "parse": "none",
        "link_names": False,
    }


def escaped(text: str, limit: int = LINE) -> str:
    """Text from outside on one line, without meaning to Slack, cut to a number of characters."""
    return fitted((_ESCAPES.get(c, c) for c in uncalled(text)), limit)


def code(text: str, limit: int = LINE) -> str:
    """The same for what is copied from between backticks, where little else has a meaning."""
    return fitted((_CODE_ESCAPES.get(c, c) for c in copied(text)), limit)


def fitted(pieces: Iterable[str], limit: int) -> str:
    """As many whole pieces as fit, with an ellipsis in place of the others; Slack counts in UTF-16."""
    kept: list[str] = []
    size = 0
    for piece in pieces:
        size += _size(piece)
        if size > limit:
            while kept and size > limit - 1:
                size = sum(map(_size, kept[:-1]))
                kept.pop()
            return f"{''.join(kept)}…"
        kept.append(piece)
    return "".join(kept)


def _size(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    yield _header(f"{message.priority} {message.word}: {message.title}")
    where = f"{message.cluster}, {message.environment}" if message.environment else message.cluster
    until = f", until {_time(message.ended)}" if message.ended is not None else ""
    yield _section(
        [
            f"*{escaped(message.subject)}* in {escaped(where)}\n",
            f"since {_time(message.onset)}{until}\n",
            f"{escaped(message.reason)} (confidence {message.confidence})",
        ]
    )
    if message.notes:
        yield _section(_bullets(message.notes))
    if message.readings:
        yield _section(["*Seen and expected*\n", *_bullets(message.readings)])
    sure = f" (confidence {message.sure})" if message.sure else ""
    yield _section(
        [
            f"*Likely cause*{sure}\n",
            escaped(message.cause) if message.cause else "none stands out in what could be seen",
            *_bullets(message.supports, "\n+ "),
            *_bullets(message.contradicts, "\n- "),
            *_bullets(message.unknown, "\n? "),
        ]
    )
    if message.impact or message.scope:
        scope = [f"scope: {message.scope}"] if message.scope else []
        yield _section(["*Impact*\n", *_bullets((*message.impact, *scope))])
    if message.commands:
        yield _section(["*Next*\n", *(f"`{code(command)}`\n" for command in message.commands)])
    ways = [f"`{code(message.back)}`"]
    if message.runbook:
        # The only link: its address comes from the settings, which take none that could end it.
        ways.append(f"<{message.runbook.replace('&', '&amp;')}|Runbook>")
    yield {"type": "context", "elements": [_text(way) for way in ways]}


def _summary(summary: Summary) -> Iterator[dict[str, Any]]:
    yield _header(summary.headline)
    yield _section([f"#{BREAK}{number} {escaped(headline)}\n" for number, headline in summary.held])
    yield {"type": "context", "elements": [_text("`tocsin list`")]}


def _bullets(texts: Iterable[str], sign: str = "• ") -> Iterator[str]:
    end = "\n" if sign == "• " else ""
    return (f"{sign}{escaped(text)}{end}" for text in texts)


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": fitted(single(text), HEADER), "emoji": False}}


def _section(pieces: Iterable[str]) -> dict[str, Any]:
    return {"type": "section", "text": _text(fitted(pieces, SECTION))}


def _text(text: str) -> dict[str, Any]:
    # Verbatim: Slack does not look for addresses and names in it.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _time(at: float) -> str:
    """In the zone of who reads it."""
    plain = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at)}^{{date_short_pretty}} {{time}}|{plain}>"
