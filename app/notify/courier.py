"""What brings a message to one destination, and what can become of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from app.clock import Clock
    from app.notify.chart import Chart
    from app.notify.destinations import Destination
    from app.notify.message import Message, Summary
    from app.secrets import Secrets
    from storage.records import MessageState

LATER = "It is tried again."
LOOK = "Look into the channel. If it is not there: `tocsin notify retry ID`."
TIMEOUT = 15.0
"""Seconds; a claim lasts longer."""


REPEATABLE = ("alertmanager", "webhook")
"""Kinds of destinations that know what comes twice."""


class Outcome(NamedTuple):
    """What became of a request."""

    state: MessageState
    """Sent, waiting (it was not done and can be tried again), failed (it would fail again), or unsure."""
    error: str = ""
    hint: str = ""
    """What to do about it."""
    channel: str = ""
    ts: str = ""
    """Names the message in its channel; empty where it cannot be edited."""
    wait: float = 0.0
    """Seconds for which the destination wants nothing more."""
    again: float = 0.0
    """Seconds after which it has to be told again, since the destination forgets it; 0 is never."""


class Courier(Protocol):
    """One destination. Everything blocks, and nothing raises but for a fault of the program."""

    def post(self, message: Message | Summary, key: str) -> Outcome:
        """A new message; the key is the same when this version of it is tried again, and no other's."""
        ...

    def edit(self, message: Message | Summary, key: str, channel: str, ts: str) -> Outcome:
        """Another text in place of the one that is there; twice is as good as once."""
        ...

    def reply(self, text: str, channel: str, ts: str) -> Outcome:
        """A line in the message's thread."""
        ...


@runtime_checkable
class Illustrator(Protocol):
    """One that can put a picture into a message's thread."""

    def attach(self, chart: Chart, channel: str, ts: str) -> Outcome:
        """Put it there. What comes of it is no fault of the message: the outbox remarks it."""
        ...


def courier(name: str, destination: Destination, secrets: Secrets, clock: Clock) -> Courier:
    """What brings messages to a destination of the settings.

    Raises:
        SourceError: a secret of it cannot be read, or a package that it takes is not installed.
    """
    # What each of them imports is imported only where a message goes there.
    if destination.kind == "alertmanager":
        from app.notify.alertmanager import alertmanager

        return alertmanager(name, destination, secrets, clock)
    if destination.kind == "webhook":
        from app.notify.webhook import webhook

        return webhook(name, destination, secrets, clock)
    if destination.kind == "apprise":
        from app.notify.apprise import apprise

        return apprise(name, destination, secrets)
    from app.notify.slack import slack

    return slack(name, destination, secrets)
