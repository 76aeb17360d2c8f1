"""Whatever apprise brings messages to: Teams, Discord, PagerDuty, Opsgenie, e-mail, ntfy, ... as plain text."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from app.notify.courier import LATER, LOOK, Outcome
from app.notify.message import Summary
from app.notify.text import body, title
from app.redaction import redact
from app.secrets import misconfigured
from storage.records import MessageState, Priority

if TYPE_CHECKING:
    from app.notify.destinations import Destination
    from app.notify.message import Message
    from app.secrets import Secrets

_INSTALL = "Install it beside Tocsin: `uv tool install 'tocsin[apprise]'` or `pip install apprise`."


class Apprise:
    """Posts to every URL of a destination; none of them can edit, so each news is a message."""

    def __init__(self, library: Any, services: Any) -> None:
        self._library, self._services = library, services

    def post(self, message: Message | Summary, key: str) -> Outcome:  # noqa: ARG002
        """A new message."""
        given = {"title": title(message), "body": body(message), "body_format": self._library.NotifyFormat.TEXT}
        with self._library.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:
            kind = getattr(self._library.NotifyType, _type(message))
            failed = [_name(each) for each in self._services if not each.notify(**given, notify_type=kind)]
            why = " ".join(redact(said.getvalue()).split())[:200]
        if not failed:
            return Outcome(MessageState.SENT)
        text = f"{', '.join(failed)}: {why or 'not taken'}"
        if len(failed) == len(self._services):
            return Outcome(MessageState.WAITING, text, f"Check its URL and the network. {LATER}")
        return Outcome(MessageState.UNSURE, f"taken by some, but not by {text}", LOOK)

    def edit(self, message: Message | Summary, key: str, channel: str, ts: str) -> Outcome:  # noqa: ARG002
        """A new message: it cannot do otherwise."""
        return self.post(message, key)

    def reply(self, text: str, channel: str, ts: str) -> Outcome:  # noqa: ARG002
        """Nothing: apprise knows no threads."""
        return Outcome(MessageState.SENT)


def apprise(name: str, destination: Destination, secrets: Secrets) -> Apprise:
    """That of the settings. Raises SourceError where it is not installed, or a URL cannot be read or means nothing."""
    place = f"notify.destinations.{name}.urls"
    try:
        import apprise as library
    except ImportError:
        raise misconfigured(f"notify.destinations.{name}: the package apprise is not installed", _INSTALL) from None
    # What it logs may name addresses with their secrets: it comes to the outbox, redacted, and nowhere else.
    logging.getLogger("apprise").propagate = False
    asset = library.AppriseAsset(app_id="Tocsin", app_desc="Tocsin", async_mode=False)
    services = library.Apprise(asset=asset)
    # A line each, or one after the other: commas are part of some of them.
    for number, url in enumerate(destination.secret("urls", name, secrets).reveal().split(), 1):
        if not services.add(url):
            raise misconfigured(f"{place}: the URL number {number} means nothing to apprise", "See its documentation.")
    if not services:
        raise misconfigured(f"{place}: there is none", "Put the URLs there.")
    return Apprise(library, services)


def _type(message: Message | Summary) -> str:
    if isinstance(message, Summary):
        return "INFO"
    if message.over:
        return "SUCCESS"
    return "FAILURE" if message.priority in (Priority.P1, Priority.P2) else "WARNING"


def _name(service: Any) -> str:
    return str(getattr(service, "service_name", "") or type(service).__name__)
