"""The silences of the Alertmanagers among the destinations: what one of them silences is told nowhere else either."""

from __future__ import annotations

import logging
import re
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from app.notify.alertmanager import labels, login
from app.notify.courier import TIMEOUT
from app.redaction import redact
from app.sources.base import SourceError
from storage.records import HeldBy, Hold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.clock import Clock
    from app.notify.destinations import Destination
    from app.notify.message import Message
    from app.notify.settings import NotifySettings
    from app.secrets import Secrets

log = logging.getLogger(__name__)

FRESH_SECONDS = 30.0
"""How long an answer is used."""
JUDGE_SECONDS = 60.0
"""Until what is silenced is looked at again: silences are ended early."""


class Matcher(msgspec.Struct, frozen=True, rename="camel"):
    """One condition on a label; a label that is missing is an empty one."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool = True
    """Servers before 0.22 know no other."""

    def fits(self, given: Mapping[str, str]) -> bool:
        """Whether these labels meet it. An expression that cannot be read fits nothing."""
        value = given.get(self.name, "")
        if not self.is_regex:
            return (value == self.value) is self.is_equal
        try:
            return (re.fullmatch(self.value, value) is not None) is self.is_equal
        except re.error:
            log.warning("a silence's matcher cannot be read: %s", redact(self.value))
            return False


class _Status(msgspec.Struct, frozen=True):
    state: str


class Silence(msgspec.Struct, frozen=True, rename="camel"):
    """One silence, as `/api/v2/silences` has it."""

    id: str
    status: _Status
    matchers: tuple[Matcher, ...]
    ends_at: datetime
    created_by: str = ""
    comment: str = ""

    def fits(self, given: Mapping[str, str]) -> bool:
        """Whether it is in force and all of its matchers fit."""
        return self.status.state == "active" and all(matcher.fits(given) for matcher in self.matchers)


_read = msgspec.json.Decoder(tuple[Silence, ...]).decode


class _Answer(NamedTuple):
    at: float
    silences: tuple[Silence, ...]
    trouble: str


class Silences:
    """Asks the Alertmanagers, at most twice a minute each. It blocks.

    Args:
        settings: whose destinations they are.
        secrets: reads their tokens.
        clock: of this machine.
    """

    def __init__(self, settings: NotifySettings, secrets: Secrets, clock: Clock) -> None:
        self._servers = {name: each for name, each in settings.destinations.items() if each.kind == "alertmanager"}
        self._secrets, self._clock = secrets, clock
        self._answers: dict[str, _Answer] = {}

    def holding(self, message: Message) -> Hold | None:
        """The hold of a message that a silence fits; None where none does, or nobody could say."""
        given = labels(message)
        for name, destination in self._servers.items():
            for silence in self._of(name, destination).silences:
                if silence.fits(given):
                    return _hold(name, silence, self._clock.now())
        return None

    def troubles(self) -> Iterator[str]:
        """Why silences could not be read when last asked for; what they may have held is sent all the same."""
        for name, answer in self._answers.items():
            if answer.trouble:
                yield f"the silences of {name} could not be read, so none was honoured: {answer.trouble}"

    def _of(self, name: str, destination: Destination) -> _Answer:
        known, now = self._answers.get(name), self._clock.now()
        if known is None or now - known.at >= FRESH_SECONDS:
            known = self._answers[name] = self._asked(name, destination, now)
        return known

    def _asked(self, name: str, destination: Destination, now: float) -> _Answer:
        import httpx

        try:
            headers = login(name, destination, self._secrets)
            url = f"{destination.url.rstrip('/')}/api/v2/silences"
            answer = httpx.get(url, headers=headers, timeout=TIMEOUT).raise_for_status()
            return _Answer(now, _read(answer.content), "")
        except SourceError as error:
            trouble = error.message
        except httpx.HTTPStatusError as error:
            trouble = f"{error.response.status_code} {error.response.reason_phrase}"
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError) as error:
            trouble = redact(f"{type(error).__name__}: {error}")
        log.warning("the silences of %s: %s", name, trouble)
        return _Answer(now, (), trouble)


def _hold(name: str, silence: Silence, now: float) -> Hold:
    until = f"{silence.ends_at:%Y-%m-%d %H:%M} UTC"
    text = redact(f"silence {silence.id} of {name} by {silence.created_by} until {until}: {silence.comment}")
    return Hold(
        HeldBy.SILENCE, text, "It is sent when the silence ends, if the case is not over by then.", now + JUDGE_SECONDS
    )
