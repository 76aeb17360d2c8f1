"""What an engineer does with investigations, in words for a toast; every act can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.durations import DAY
from app.quality.rules import told
from app.quality.silence import lasting
from app.snapshot import ActResult
from detectors.words import counted
from storage.errors import UndoError
from storage.history import Act, describe
from storage.labels import nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from app.clock import Clock
    from app.quality.proposals import Proposal
    from app.quality.silence import Silence
    from storage.database import Store
    from storage.labels import DetectorOf
    from storage.records import Announcement, HistoryRecord, InvestigationRecord, Label, RuleRecord

LONGEST_WAIT = 30 * DAY
"""How long a snooze waits for a rollout: what nobody deploys any more is not forgotten."""
ROLLED_OUT = ("Deployment", "Rollout")
"""Kinds whose revisions are objects that can be seen."""


ACTS: Mapping[str, tuple[str, str]] = {
    "label": ("label {}", "taking the label off"),
    "acknowledged_at": ("acknowledgement", "giving it back"),
    "snoozed_until": ("snooze", "end of the snooze"),
    "closed_at": ("close", "opening again"),
    "pinned": ("pin", "unpin"),
}
"""An act by its first field: what sets it, and what clears it."""


class Triage:
    """Acts of one person, written to the store's history.

    Args:
        store: where to.
        clock: dates the acts.
        actor: whose undo stack this is.
        session: names this run of the program in the history.
        detector_of: names what found a signal; kept with labels.
    """

    def __init__(self, store: Store, clock: Clock, actor: str, session: str, detector_of: DetectorOf = nobody) -> None:
        self._store = store
        self._clock = clock
        self._actor = actor
        self._session = session
        self._detector_of = detector_of

    def label(self, ids: Sequence[int], label: Label, reason: str = "") -> ActResult:
        """Judge."""
        return self._act(ids, Act.LABEL, {"label": label, "label_reason": reason}, _labelled(label, reason))

    def acknowledge(self, ids: Sequence[int]) -> ActResult:
        """Take; give back when all of them are taken already."""
        taken = all(case.acknowledged_at is not None for case in self._cases(ids))
        values = {
            "acknowledged_at": None if taken else self._clock.now(),
            "acknowledged_by": "" if taken else self._actor,
        }
        return self._act(ids, Act.ACKNOWLEDGE, values, "given back" if taken else "acknowledged")

    def snooze(self, ids: Sequence[int], seconds: float) -> ActResult:
        """Hide for a while."""
        values = {"snoozed_until": self._clock.now() + seconds, "awaits_rollout": None}
        return self._act(ids, Act.SNOOZE, values, f"snoozed for {_length(seconds)}")

    def snooze_until_rollout(self, ids: Sequence[int]) -> ActResult:
        """Hide until the workload has a newer revision, where rollouts of it are seen."""
        fitting = [case.id for case in self._cases(ids) if case.entity.kind in ROLLED_OUT]
        if not fitting:
            return ActResult(False, f"rollouts are seen of {' and '.join(ROLLED_OUT)} only: choose a time")
        now = self._clock.now()
        values = {"snoozed_until": now + LONGEST_WAIT, "awaits_rollout": now}
        days = round(LONGEST_WAIT / DAY)
        return self._act(fitting, Act.SNOOZE, values, f"snoozed until the next rollout, at most {days} d")

    def close(self, ids: Sequence[int]) -> ActResult:
        """Close."""
        return self._act(ids, Act.CLOSE, {"closed_at": self._clock.now()}, "closed")

    def pin(self, ids: Sequence[int]) -> ActResult:
        """Pin; unpin when all of them are pinned already."""
        pinned = all(case.pinned for case in self._cases(ids))
        return self._act(ids, Act.PIN, {"pinned": not pinned}, "unpinned" if pinned else "pinned")

    def seen(self, investigation: int) -> None:
        """Opened; only the first time counts."""
        if any(case.seen_at is None for case in self._cases([investigation])):
            self._write([investigation], Act.SEEN, {"seen_at": self._clock.now()})

    def accept(self, cluster: str, proposal: Proposal) -> ActResult:
        """Put a proposed rule in force."""
        now = self._clock.now()
        expires = None if proposal.lasting is None else now + proposal.lasting
        self._store.history.add_rule(
            cluster, proposal.pattern, reason=proposal.reason, expires=expires, actor=self._actor, at=now,
            session=self._session,
        )  # fmt: skip
        return ActResult(True, f"muted from now on: {told(proposal.pattern)}")

    def silence(self, cluster: str, silence: Silence) -> ActResult:
        """Put what an engineer does not want to hear of in force."""
        self._store.history.add_rule(
            cluster, silence.pattern, reason=silence.reason, expires=silence.expires, actor=self._actor,
            at=self._clock.now(), session=self._session, owner=silence.owner, starts=silence.starts,
        )  # fmt: skip
        return ActResult(True, f"silenced {lasting(silence)}: {told(silence.pattern)}")

    def switch_rule(self, rule: int) -> ActResult:
        """Put a rule out of force; one that was is in force again."""
        known = self._store.rules.get(rule)
        if known is None:
            return ActResult(False, f"there is no rule {rule}")
        if known.active and known.expired(self._clock.now()):
            return ActResult(False, f"rule {rule} has run out: accept a new one")
        return self._switched(known)

    def end_rule(self, rule: int) -> ActResult:
        """Put a rule out of force, also one that is still to begin."""
        known = self._store.rules.get(rule)
        if known is None or not known.active:
            return ActResult(False, f"there is no rule {rule} to end")
        return self._switched(known)

    def _switched(self, rule: RuleRecord) -> ActResult:
        now = self._clock.now()
        self._store.history.switch_rule(
            rule.id, active=not rule.active, actor=self._actor, at=now, session=self._session
        )
        return ActResult(
            True, f"rule {rule.id} is {'out of force' if rule.active else 'in force'}: {told(rule.pattern)}"
        )

    def send(self, announcements: Mapping[int, Announcement]) -> ActResult:
        """Put messages into the outbox; who delivers it sends them."""
        lines = self._store.history.send(announcements, actor=self._actor, at=self._clock.now(), session=self._session)
        if not lines:
            return ActResult(False, "nothing to send: it has got this, or is about to")
        places = dict.fromkeys(str(line.after["sent_to"]) for line in lines)
        cases = self._cases(dict.fromkeys(_investigations(lines)))
        return ActResult(True, f"in the outbox for {', '.join(places)}: {_named(cases)}")

    def drop(self, messages: Sequence[int]) -> ActResult:
        """Take messages out of the outbox."""
        lines = self._store.history.drop(messages, actor=self._actor, at=self._clock.now(), session=self._session)
        if not lines:
            return ActResult(False, "not dropped: what was sent, or is being sent, cannot be taken back")
        return ActResult(True, f"dropped: {_messages(lines)}")

    def retry(self, messages: Sequence[int]) -> ActResult:
        """Send again, at once, what was not sent."""
        now = self._clock.now()
        done = [number for number in messages if self._store.outbox.retry(number, now)]
        if not done:
            return ActResult(False, "nothing to send again: it was sent, or is about to be")
        return ActResult(True, f"sent again: {counted(len(done), 'messages')}")

    def undo(self) -> ActResult:
        """Take back the last act."""
        return self._moved(self._store.history.undo, "undone", "nothing to undo")

    def redo(self) -> ActResult:
        """Do again what was taken back."""
        return self._moved(self._store.history.redo, "done again", "nothing to redo")

    def _act(self, ids: Sequence[int], act: Act, values: Mapping[str, object], words: str) -> ActResult:
        lines = self._write(ids, act, values)
        if not lines:
            return ActResult(False, f"nothing to do: {_named(self._cases(ids))} is so already")
        touched = _investigations(lines)
        return ActResult(True, f"{words}: {_named(self._cases(touched))}", touched)

    def _write(self, ids: Sequence[int], act: Act, values: Mapping[str, object]) -> tuple[HistoryRecord, ...]:
        return self._store.history.act(
            ids, act, values, actor=self._actor, at=self._clock.now(), session=self._session,
            detector_of=self._detector_of,
        )  # fmt: skip

    def _moved(self, move: Callable[..., tuple[HistoryRecord, ...]], words: str, nothing: str) -> ActResult:
        try:
            lines = move(actor=self._actor, at=self._clock.now(), session=self._session)
        except UndoError as error:
            return ActResult(False, error.message)
        if not lines:
            return ActResult(False, nothing)
        touched = _investigations(lines)
        if not touched or "message" in lines[0].after:
            return ActResult(True, f"{words}: {describe(lines[0])}", touched)
        act = _act_of(lines[0].before if move == self._store.history.undo else lines[0].after)
        return ActResult(True, f"{words}: {act} of {_named(self._cases(touched))}", touched)

    def _cases(self, ids: Iterable[int]) -> list[InvestigationRecord]:
        found = (self._store.investigations.get(number) for number in ids)
        return [case for case in found if case is not None]


def _labelled(label: Label, reason: str) -> str:
    return f"labelled {label} ({reason})" if reason else f"labelled {label}"


def _act_of(values: Mapping[str, object]) -> str:
    """The act that left these values: `label true`, `snooze`, `unpin`."""
    field, value = next(iter(values.items()))
    done, cleared = ACTS[field]
    return done.format(value) if value else cleared


def _investigations(lines: Iterable[HistoryRecord]) -> tuple[int, ...]:
    return tuple(line.investigation for line in lines if line.investigation is not None)


def _messages(lines: Sequence[HistoryRecord]) -> str:
    return f"message {lines[0].after['message']}" if len(lines) == 1 else f"{len(lines)} messages"


def _named(cases: Sequence[InvestigationRecord]) -> str:
    if len(cases) == 1:
        return cases[0].entity.title
    return f"{len(cases)} investigations"


def _length(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes / 60:g} h"
