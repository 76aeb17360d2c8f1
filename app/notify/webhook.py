"""Any program that takes signed JSON, as https://www.standardwebhooks.com has it: docs/webhook.md is its schema."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from app.notify.courier import Outcome
from app.notify.http import post
from app.notify.message import Summary
from app.secrets import misconfigured
from storage.records import MessageState

if TYPE_CHECKING:
    from app.clock import Clock
    from app.notify.destinations import Destination
    from app.notify.message import Message
    from app.secrets import Secret, Secrets

SCHEMA = 1
"""Fields are added within a schema; one that changes its meaning makes another."""
PREFIX = "whsec_"
"""Of a secret that is written in Base64."""


def payload(message: Message | Summary, event: str = "posted") -> dict[str, Any]:
    """The body: `event` is `posted`, `changed` or `summary`."""
    if isinstance(message, Summary):
        held = [{"id": number, "headline": headline} for number, headline in message.held]
        return {"schema": SCHEMA, "event": "summary", "headline": message.headline, "held": held}
    case = {"id": message.case, **msgspec.to_builtins(message), "back": message.back}
    del case["case"]
    return {"schema": SCHEMA, "event": event, "headline": message.headline, "over": message.over, "case": case}


def signature(secret: str, key: str, at: int, body: bytes) -> str:
    """The header that proves who sent it and when: HMAC-SHA256 over `key.at.body`.

    Args:
        secret: what both sides know; Base64 where it begins with `whsec_`, the text itself else.
        key: the `webhook-id`.
        at: the `webhook-timestamp`, unix seconds.
        body: as it is posted.

    Raises:
        ValueError: the secret is not the Base64 that it says it is.
    """
    known = (
        base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else secret.encode()
    )
    digest = hmac.new(known, f"{key}.{at}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


class Webhook:
    """Posts every version of a message; who takes them knows one that comes twice by its id."""

    def __init__(self, url: str, secret: Secret, clock: Clock) -> None:
        self._url, self._secret, self._clock = url, secret, clock

    def post(self, message: Message | Summary, key: str) -> Outcome:
        """The first version."""
        return self._post(payload(message), key)

    def edit(self, message: Message | Summary, key: str, channel: str, ts: str) -> Outcome:  # noqa: ARG002
        """A later one."""
        return self._post(payload(message, "changed"), key)

    def reply(self, text: str, channel: str, ts: str) -> Outcome:  # noqa: ARG002
        """Nothing: every version was posted."""
        return Outcome(MessageState.SENT)

    def _post(self, given: dict[str, Any], key: str) -> Outcome:
        body, at = msgspec.json.encode(given), int(self._clock.now())
        headers = {
            "webhook-id": key,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(self._secret.reveal(), key, at, body),
        }
        outcome = post(self._url, body, headers, unclear=MessageState.WAITING)
        if outcome.state is not MessageState.SENT:
            return outcome._replace(error=f"webhook: {outcome.error}")
        return outcome._replace(ts=key)


def webhook(name: str, destination: Destination, secrets: Secrets, clock: Clock) -> Webhook:
    """That of the settings. Raises SourceError where a secret of it cannot be read or used."""
    place = f"notify.destinations.{name}"
    url = destination.url or destination.secret("webhook", name, secrets).reveal()
    if urlsplit(url).scheme not in ("http", "https"):
        raise misconfigured(f"{place}.webhook: not an http or https address", "Copy it again.")
    secret = destination.secret("secret", name, secrets)
    try:
        signature(secret.reveal(), "", 0, b"")
    except (binascii.Error, ValueError):
        raise misconfigured(f"{place}.secret: begins with {PREFIX}, but is no Base64", "Copy it again.") from None
    if not secret:
        raise misconfigured(f"{place}.secret: is empty", "Put the secret there that the other side knows.")
    return Webhook(url, secret, clock)
