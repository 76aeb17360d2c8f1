"""What the console shows of messages: drafts, and the outbox. All of it travels from the engine's process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from storage.records import MessageRecord

if TYPE_CHECKING:
    from collections.abc import Collection


class Target(Struct, frozen=True):
    """A destination that a case can be sent to."""

    name: str
    where: str
    """What it is: `slack #oncall`."""
    why: str
    """Why the rules chose it, or that they did not; what it has of the case already."""
    chosen: bool
    """By the rules."""
    text: str = ""
    """What it would get, for reading."""


class Draft(Struct, frozen=True):
    """The message of one case, as it would be sent."""

    case: int
    title: str
    targets: tuple[Target, ...] = ()
    refusal: str = ""
    """Why there is nothing to send; empty where there is."""

    def text_for(self, chosen: Collection[str]) -> str:
        """What the first of these destinations would get; where none is chosen, the first there is."""
        first = next((target for target in self.targets if target.name in chosen), self.targets[0])
        return first.text


class Posted(Struct, frozen=True):
    """One message of the outbox."""

    record: MessageRecord
    """Without its body."""
    where: str
    """What its destination is; empty where the settings name it no more."""
    text: str
    error: str
    """What is the matter; empty where nothing is."""
    hint: str
    """What to do about it."""

    @property
    def subject(self) -> str:
        """`#412`, or that it is a summary."""
        return f"#{self.record.investigation}" if self.record.investigation is not None else "summary"


class Outbox(Struct, frozen=True):
    """All of them, newest first."""

    now: float
    """Unix seconds, by the clock that its times are of."""
    messages: tuple[Posted, ...] = ()
    destinations: tuple[str, ...] = ()
    """Those that the settings name."""
    dry_run: bool = False
