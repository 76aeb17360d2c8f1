"""What brings a message to one destination, and what can become of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from app.notify.message import Message, Summary
    from storage.records import MessageState


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


class Courier(Protocol):
    """One destination. Everything blocks, and nothing raises but for a fault of the program."""

    def post(self, message: Message | Summary) -> Outcome:
        """A new message."""
        ...

    def edit(self, message: Message | Summary, channel: str, ts: str) -> Outcome:
        """Another text in place of the one that is there; twice is as good as once."""
        ...

    def reply(self, text: str, channel: str, ts: str) -> Outcome:
        """A line in the message's thread."""
        ...
