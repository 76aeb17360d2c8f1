"""A message as a kind of destination gets it, for reading; no secret is part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.notify.alertmanager import alerts
from app.notify.blocks import payload as slack
from app.notify.message import Summary
from app.notify.text import body, title
from app.notify.webhook import payload as webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.notify.message import Message

_RENDERED: Mapping[str, Callable[[Message | Summary, float], Any]] = {
    "slack": lambda message, _: slack(message),
    "alertmanager": lambda message, now: [] if isinstance(message, Summary) else alerts(message, now),
    "webhook": lambda message, _: webhook(message),
    "apprise": lambda message, _: {"title": title(message), "body": body(message)},
}


def rendered(kind: str, message: Message | Summary, now: float) -> Any:
    """What is posted, as JSON has it.

    Args:
        kind: of the destination.
        message: what is told.
        now: unix seconds.
    """
    return _RENDERED[kind](message, now)
