"""A case as a message that knows of no destination; everything in it is redacted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.notify.rules import chosen
from app.notify.runbooks import runbook_of
from app.redaction import redact_tree
from app.wording import reason
from detectors.model import Confidence
from storage.codec import struct_json
from storage.records import Announcement, HeldBy, Priority, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.notify.settings import NotifySettings
    from detectors.catalog import Catalogue
    from storage.records import AnomalyRecord, Conclusion, InvestigationRecord, MessageRecord

MOST_READINGS = 5
"""Anomalies that a message names; the case has all."""


class Message(msgspec.Struct, frozen=True):
    """What is told of a case."""

    case: int
    verdict: Verdict
    priority: Priority
    title: str
    """What is wrong, in a few words."""
    subject: str
    """What it is about: `Deployment shop/checkout`."""
    cluster: str
    environment: str
    onset: float
    ended: float | None
    reason: str
    """Why this verdict."""
    confidence: Confidence
    """Of the verdict."""
    scope: str
    impact: tuple[str, ...]
    readings: tuple[str, ...]
    """What was seen and what was expected, an anomaly each."""
    cause: str
    """The likely cause; empty where none stands out."""
    sure: Confidence | None
    """Of the cause."""
    supports: tuple[str, ...]
    """Evidence for it."""
    contradicts: tuple[str, ...]
    unknown: tuple[str, ...]
    commands: tuple[str, ...]
    """What to run next."""
    kind: str = ""
    """The Kubernetes kind of what it is about."""
    namespace: str = ""
    name: str = ""
    playbook: str = ""
    """The class: `C4`."""
    runbook: str = ""
    """Its address; empty where there is none."""
    status: str = ""
    """`closed` or `false alarm`, where the engineer says so; it goes before the verdict."""
    notes: tuple[str, ...] = ()
    """What the engineers did about it: `kim acknowledged it`."""

    @property
    def word(self) -> str:
        """What it comes to: `REAL`, `RECOVERED`, `CLOSED`, ..."""
        return (self.status or self.verdict).upper()

    @property
    def headline(self) -> str:
        """One line; where it changes, that is news."""
        cause = f"; likely cause: {self.cause}" if self.cause else ""
        done = f" ({'; '.join(self.notes)})" if self.status else ""
        return f"{self.word} {self.priority} {self.subject}: {self.title}{cause}{done}"

    @property
    def over(self) -> bool:
        """Whether nobody has to look any more."""
        return bool(self.status) or self.verdict in (Verdict.RECOVERED, Verdict.NOISE)

    @property
    def back(self) -> str:
        """The way back to the case."""
        return f"tocsin show {self.case}"


class Summary(msgspec.Struct, frozen=True):
    """What is told, in one message, of those that were held back."""

    held: tuple[tuple[int, str], ...]
    """Cases with their headlines, the gravest first."""
    by: HeldBy = HeldBy.LIMIT
    """What held them back."""

    @property
    def headline(self) -> str:
        """One line."""
        one, several = _SUMMARIES[self.by]
        return one if len(self.held) == 1 else several.format(len(self.held))


_SUMMARIES = {
    HeldBy.LIMIT: (
        "1 more case was held back by the limit per hour",
        "{} more cases were held back by the limit per hour",
    ),
    HeldBy.QUIET: ("1 case was held back in the quiet hours", "{} cases were held back in the quiet hours"),
    HeldBy.DIGEST: ("Digest of 1 case", "Digest of {} cases"),
}
"""What holds cases back that a summary tells of -> its headline, of one and of several."""


read_message = msgspec.json.Decoder(Message).decode
read_summary = msgspec.json.Decoder(Summary).decode


def message_of(record: MessageRecord) -> Message | Summary:
    """What a row of the outbox says."""
    return read_summary(record.body) if record.investigation is None else read_message(record.body)


def compose(
    case: InvestigationRecord,
    found: Conclusion,
    anomalies: Sequence[AnomalyRecord],
    catalogue: Catalogue,
    runbooks: Mapping[str, str],
) -> Message:
    """The message of a case as it stands.

    Args:
        case: with its entity and times.
        found: what its investigation came to.
        anomalies: of the case, the gravest first.
        catalogue: the rows.
        runbooks: pattern -> address, as the settings have them.
    """
    lead = found.causes[0] if found.causes else None
    message = Message(
        case=case.id,
        verdict=found.verdict,
        priority=found.priority,
        title=case.title,
        subject=f"{case.entity.kind} {case.entity.title}".strip(),
        cluster=case.cluster,
        environment=case.entity.environment,
        onset=case.onset,
        ended=case.ended,
        reason=found.reason,
        confidence=found.confidence,
        scope=found.scope,
        impact=found.impact,
        readings=tuple(reason(catalogue, anomaly) for anomaly in anomalies[:MOST_READINGS]),
        cause=lead.title if lead else "",
        sure=lead.confidence if lead else None,
        supports=lead.supports if lead else (),
        contradicts=lead.contradicts if lead else (),
        unknown=found.unknown,
        commands=found.commands,
        kind=case.entity.kind,
        namespace=case.entity.namespace,
        name=case.entity.name,
        playbook=found.playbook,
        runbook=runbook_of(runbooks, case, found),
    )
    return msgspec.convert(redact_tree(msgspec.to_builtins(message)), Message)


def announcement(
    settings: NotifySettings,
    catalogue: Catalogue,
    case: InvestigationRecord,
    found: Conclusion,
    anomalies: Sequence[AnomalyRecord],
) -> Announcement | None:
    """What the destinations shall be told of a case from now on; None while there are none."""
    if not settings.destinations:
        return None
    message = compose(case, found, anomalies, catalogue, settings.runbooks)
    return Announcement(message.headline, found.priority, struct_json(message), chosen(settings, case, found, found.at))


def summary(held: Sequence[MessageRecord]) -> Announcement:
    """One announcement of several messages that the same thing held back."""
    cases = tuple((each.investigation or 0, each.headline) for each in held)
    told = Summary(cases, held[0].held_by or HeldBy.LIMIT)
    return Announcement(told.headline, Priority.P5, struct_json(told), ())
