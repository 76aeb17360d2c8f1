"""A case as plain text, for `tocsin show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.records import Stance
from widgets.cause_list import reasons, ruled_out
from widgets.ledger import together
from widgets.text import age, clean, quantity, span, stamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.snapshot import Case
    from storage.records import Conclusion

_SIGNS = {Stance.SUPPORTS: "+", Stance.CONTRADICTS: "-", Stance.SILENT: ".", Stance.UNKNOWN: "?"}


def report(case: Case, now: float, runbook: str) -> str:
    """The case in sections; times in UTC."""
    return "\n".join(_lines(case, now, runbook))


def _lines(case: Case, now: float, runbook: str) -> Iterator[str]:
    record = case.investigation
    yield f"#{record.id}  {clean(record.entity.kind)} {clean(record.entity.title)}  {clean(record.title)}"
    yield (
        f"{record.severity}, {record.state(now)}, since {stamp(record.onset, now)} UTC ({age(now - record.onset)}), "
        f"cluster {clean(record.cluster)}, environment {clean(record.entity.environment) or '-'}"
    )
    if record.label:
        yield f"label {record.label} {clean(record.label_reason)}".rstrip()
    if runbook:
        yield f"runbook {runbook}"
    if case.conclusion is not None:
        yield from _conclusion(case.conclusion)
    yield ""
    yield "ANOMALIES"
    for anomaly in case.anomalies:
        seen = quantity(anomaly.observed, anomaly.unit)
        expected = span(anomaly.low, anomaly.high, anomaly.unit, like=anomaly.observed)
        yield f"  {anomaly.signal:<32} {anomaly.state:<7} {seen}, expected {expected}, score {anomaly.score:.1f}"
        yield f"      {clean(anomaly.source.query)}"
    yield ""
    yield "EVIDENCE"
    for line in together(case.evidence):
        yield f"  {_SIGNS[line.stance]} {clean(line.text)}"
        for origin in filter(None, (line.held, *line.source.split("\n"))):
            yield f"      {clean(origin)}"
    yield ""
    yield "TIMELINE"
    for entry in case.timeline:
        yield f"  {stamp(entry.at, now)}  {entry.kind:<8} {clean(entry.text)}"
    if case.history:
        yield ""
        yield "HISTORY"
        for act in case.history:
            yield f"  {stamp(act.at, now)}  {clean(act.actor)}: {act.action}"


def _conclusion(found: Conclusion) -> Iterator[str]:
    yield ""
    yield f"{found.verdict.upper()}  {found.priority}  {clean(found.reason)}"
    yield f"  priority   {clean(found.priority_reason)}"
    yield f"  scope      {clean(found.scope)}"
    for text in found.impact:
        yield f"  impact     {clean(text)}"
    yield ""
    yield "CAUSES"
    for cause in found.causes:
        yield f"  {cause.confidence:<6} {clean(cause.title)}"
        for text in reasons(cause).splitlines():
            yield f"         {clean(text)}".rstrip()
    if not found.causes:
        yield "  none stands out in what could be seen"
    yield from (f"  not    {clean(text)}" for text, _ in ruled_out(found))
    if found.unknown:
        yield ""
        yield "UNKNOWN"
        yield from (f"  ? {clean(text)}" for text in found.unknown)
    if found.commands:
        yield ""
        yield "NEXT"
        yield from (f"  {clean(command)}" for command in found.commands)
