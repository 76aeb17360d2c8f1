"""What is told of a case to somebody who was not there, and the report of an incident for the post-mortem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.export.document import Chart, Code, Document, Facts, Lines, Section, Table
from app.findings import instant
from detectors.words import counted
from storage.history import describe
from storage.records import Stance
from widgets.ledger import together
from widgets.text import NOTHING, age, quantity, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from app.export.document import Part
    from app.snapshot import Case
    from storage.records import AnomalyRecord, CauseRecord, IncidentRecord, MessageRecord

SIGNS = {Stance.SUPPORTS: "for", Stance.CONTRADICTS: "against", Stance.SILENT: "silent", Stance.UNKNOWN: "unknown"}


def case_document(case: Case, messages: Sequence[MessageRecord], now: float, runbook: str = "") -> Document:
    """A case as it stands, with the address of its runbook where there is one."""
    read = (("runbook", runbook),) if runbook else ()
    sections = (
        Section("Summary", (Facts((*_what(case), *_came_to(case), *_state(case, now), *read)),)),
        *_found(case),
        Section("What next", _code(case.conclusion.commands if case.conclusion else ())),
        Section("Anomalies", tuple(_anomalies(case.anomalies))),
        Section("Evidence", _evidence(case)),
        Section("Timeline", _timeline(case, ())),
        Section("What was done", _lines(f"{instant(line.at)}  {describe(line)}" for line in case.history)),
        Section("What was sent", _sent(messages)),
    )
    return _document(f"#{case.investigation.id} {_title(case)}", sections)


def incident_report(
    case: Case, messages: Sequence[MessageRecord], incidents: Sequence[IncidentRecord], now: float
) -> Document:
    """What a post-mortem begins from.

    Args:
        case: with its timeline and history.
        messages: what was sent of it.
        incidents: what people wrote down of its workload and time; the first of them says when it really began.
        now: unix seconds.
    """
    labels = [line for line in case.history if "label" in line.after]
    record = case.investigation
    judged = f"{record.label} {record.label_reason}".rstrip() if record.label else "not labelled"
    sections = (
        Section("Summary", (Facts((*_what(case), *_came_to(case))),)),
        Section("Times", (Facts(tuple(_times(case, messages, incidents, now))),)),
        *_found(case),
        Section("Timeline", _timeline(case, messages)),
        Section("Evidence", _evidence(case)),
        Section("Anomalies", tuple(_anomalies(case.anomalies))),
        Section("Labels", (Lines((judged, *(f"{instant(line.at)}  {describe(line)}" for line in labels))),)),
        Section("What people wrote down", _lines(f"{instant(each.since)}  {each.note}" for each in incidents)),
        Section("What was sent", _sent(messages)),
    )
    return _document(f"Incident report: {_title(case)}", sections)


def _document(title: str, sections: Iterable[Section]) -> Document:
    return Document(title, tuple(section for section in sections if section.parts))


def _title(case: Case) -> str:
    return f"{case.investigation.entity.title}: {case.investigation.title}"


def _what(case: Case) -> Iterator[tuple[str, str]]:
    record = case.investigation
    yield "investigation", f"#{record.id}"
    yield "what", f"{record.entity.kind} {record.entity.title}".strip()
    yield "cluster", record.cluster
    if record.entity.environment:
        yield "environment", record.entity.environment
    yield "severity", str(record.severity)


def _came_to(case: Case) -> Iterator[tuple[str, str]]:
    found = case.conclusion
    if found is None:
        yield "verdict", "it has not been investigated"
        return
    yield "verdict", f"{found.verdict} (confidence {found.confidence}): {found.reason}"
    yield "priority", f"{found.priority}: {found.priority_reason}"
    yield "scope", found.scope


def _state(case: Case, now: float) -> Iterator[tuple[str, str]]:
    record = case.investigation
    yield "state", record.state(now)
    yield "since", f"{instant(record.onset)} ({age((record.ended or now) - record.onset)})"
    if record.ended is not None:
        yield "until", str(instant(record.ended))
    if record.label:
        yield "label", f"{record.label} {record.label_reason}".rstrip()


def _times(
    case: Case, messages: Sequence[MessageRecord], incidents: Sequence[IncidentRecord], now: float
) -> Iterator[tuple[str, str]]:
    """When it was found, told, taken and over; delays from its begin, as people wrote it down or as it was seen."""
    record = case.investigation
    begin = min((each.since for each in incidents), default=record.onset)
    yield "began", f"{instant(begin)}, {'as written down by hand' if incidents else 'by the first value out of band'}"
    told = min((each.posted for each in messages if each.posted is not None), default=None)
    for name, at in (("detected", record.opened), ("told others", told), ("acknowledged", record.acknowledged_at)):
        yield name, f"{instant(at)}, after {age(at - begin)}" if at is not None else "never"
    if record.ended is None:
        yield "over", f"not yet, after {age(now - begin)}"
    else:
        yield "over", f"{instant(record.ended)}, after {age(record.ended - begin)}"


def _found(case: Case) -> Iterator[Section]:
    found = case.conclusion
    if found is None:
        return
    yield Section("Impact", _lines(found.impact))
    causes = tuple(part for cause in found.causes for part in _cause(cause))
    yield Section("Likely causes", causes or (Lines(("none stands out in what could be seen",)),))
    yield Section("Ruled out", _lines(f"{each.title}: {'; '.join(each.contradicts)}" for each in found.ruled_out))
    yield Section("Could not be seen", _lines(found.unknown))


def _cause(cause: CauseRecord) -> Iterator[Part]:
    told = (("for", cause.supports), ("against", cause.contradicts), ("unknown", cause.unknown))
    reasons = tuple((sign, text) for sign, texts in told for text in texts)
    yield Lines((f"{cause.title} (confidence {cause.confidence}, {counted(cause.points, 'points')})",))
    if reasons:
        yield Table(("says", "because"), reasons)


def _anomalies(anomalies: Sequence[AnomalyRecord]) -> Iterator[Part]:
    if anomalies:
        headings = ("signal", "of", "state", "seen", "expected", "score", "since")
        yield Table(headings, tuple(_anomaly(anomaly) for anomaly in anomalies))
    for anomaly in anomalies:
        if anomaly.band:
            title = f"{anomaly.signal}, {anomaly.entity.title}"
            yield Chart(title, anomaly.band, anomaly.unit, anomaly.onset)
        if anomaly.source.query:
            yield Code((anomaly.source.query,))


def _anomaly(anomaly: AnomalyRecord) -> tuple[str, ...]:
    return (
        anomaly.signal,
        anomaly.entity.title,
        str(anomaly.state),
        quantity(anomaly.observed, anomaly.unit),
        span(anomaly.low, anomaly.high, anomaly.unit, like=anomaly.observed),
        f"{anomaly.score:.1f}",
        instant(anomaly.onset) or NOTHING,
    )


def _evidence(case: Case) -> tuple[Part, ...]:
    rows = tuple(
        (SIGNS[line.stance], line.text, line.held or line.value, instant(line.at) or "", line.source)
        for line in together(case.evidence)
    )
    return (Table(("says", "what", "value", "when", "by"), rows),) if rows else ()


def _timeline(case: Case, messages: Iterable[MessageRecord]) -> tuple[Part, ...]:
    posted = ((each.posted, "sent", f"{each.headline} -> {each.destination}") for each in messages)
    entries = [(entry.at, entry.kind, entry.text) for entry in case.timeline]
    entries += [(at, kind, text) for at, kind, text in posted if at is not None]
    rows = tuple((instant(at) or "", kind, text) for at, kind, text in sorted(entries))
    return (Table(("when", "what", "how"), rows),) if rows else ()


def _sent(messages: Sequence[MessageRecord]) -> tuple[Part, ...]:
    rows = tuple(
        (each.destination, str(each.state), instant(each.posted) or NOTHING, each.headline, each.error)
        for each in messages
    )
    return (Table(("to", "state", "posted", "what", "trouble"), rows),) if rows else ()


def _lines(lines: Iterable[str]) -> tuple[Part, ...]:
    found = tuple(lines)
    return (Lines(found),) if found else ()


def _code(lines: tuple[str, ...]) -> tuple[Part, ...]:
    return (Code(lines),) if lines else ()
