"""The advisor's list as data: its columns, what its filter sees, what a line rests on, and why there may be none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.screens.conditions import BLIND
from detectors.model import Coverage, Sizing
from detectors.rightsizing import FIRM_SECONDS, amount
from detectors.words import counted
from widgets import palette
from widgets.palette import Mark
from widgets.rows import Column
from widgets.text import NOTHING, age, stamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from app.snapshot import Snapshot
    from detectors.model import Confidence
    from storage.records import AdviceRecord

SIZING: Mapping[Sizing, Mark] = {
    Sizing.RAISE: Mark("+", "raise", palette.DOUBTFUL),
    Sizing.LOWER: Mark("-", "lower", palette.GOOD),
    Sizing.WITHHELD: Mark("?", "withheld", palette.MUTED),
}
"""What is listed; whatever else comes of a comparison is only counted."""

TRUST: Mapping[str, str] = {
    "low": f"low: less than {age(FIRM_SECONDS)} of history, or too few values",
    "medium": "medium: a week of it, with gaps, or with another revision in it",
    "high": "high: a week of one revision without gaps",
}
"""By the words of `detectors.model.Confidence`, a string enumeration."""


@dataclass(frozen=True, slots=True)
class AdviceRow:
    """One line."""

    number: int
    """Its rank."""
    record: AdviceRecord

    @property
    def what(self) -> str:
        """`cpu request`."""
        return f"{self.record.resource} {self.record.bound}"

    def said(self, value: float) -> str:
        """Cores or bytes, as they are written in a manifest."""
        return amount(value, self.record.resource)

    @property
    def used(self) -> str:
        """`p95 118m`."""
        statistic = "max" if self.record.statistic == "maximum" else self.record.statistic
        return f"{statistic} {self.said(self.record.observed)}"


def ranked(records: Sequence[AdviceRecord]) -> list[AdviceRow]:
    """The lines in the advisor's own order."""
    return [AdviceRow(number, record) for number, record in enumerate(records)]


def columns() -> Sequence[Column[AdviceRow]]:
    """The columns; amounts of one resource sort among themselves."""
    confidences: list[Confidence | str] = list(TRUST)
    return (
        Column("severity", "S", lambda row, _: palette.SEVERITY[row.record.severity].sign, 2,
               sort=lambda row: row.record.severity.rank, descending=True),
        Column("advice", "ADVICE", lambda row, _: SIZING[row.record.outcome].full, 10,
               sort=lambda row: list(SIZING).index(row.record.outcome)),
        Column("workload", "WORKLOAD", lambda row, _: row.record.entity.title, 15, flex=5, limit=44,
               sort=lambda row: row.record.entity.title),
        Column("container", "CONTAINER", lambda row, _: row.record.container, 9, flex=2, limit=24, priority=5,
               sort=lambda row: row.record.container),
        Column("what", "OF", lambda row, _: row.what, 14, sort=lambda row: row.what),
        Column("now", "NOW", lambda row, _: row.said(row.record.current), 7, right=True,
               sort=lambda row: (row.record.resource, row.record.current)),
        Column("used", "USED", lambda row, _: row.used, 10, right=True, priority=2,
               sort=lambda row: (row.record.resource, row.record.observed), descending=True),
        Column("suggestion", "SUGGEST", lambda row, _: row.said(row.record.suggestion), 7, right=True,
               sort=lambda row: (row.record.resource, row.record.suggestion)),
        Column("saving", "SAVES", lambda row, _: row.said(row.record.saving), 7, right=True, priority=1,
               sort=lambda row: (row.record.resource, row.record.saving), descending=True),
        Column("span", "SPAN", lambda row, _: age(row.record.span), 4, right=True, priority=4,
               sort=lambda row: row.record.span, descending=True),
        Column("confidence", "TRUST", lambda row, _: row.record.confidence.value, 6, priority=3,
               sort=lambda row: confidences.index(row.record.confidence), descending=True),
    )  # fmt: skip


def fields(row: AdviceRow) -> dict[str, str]:
    """What a filter sees."""
    record = row.record
    return {
        "namespace": record.entity.namespace,
        "env": record.entity.environment,
        "workload": record.entity.title,
        "kind": record.entity.kind,
        "container": record.container,
        "of": row.what,
        "advice": record.outcome,
        "severity": record.severity,
        "trust": record.confidence,
        "why": record.reason,
    }


def explanation(row: AdviceRow, now: float, zone: tzinfo) -> list[tuple[str, str]]:
    """Everything known of a line, as names and texts."""
    record = row.record
    pods = f"{record.replicas} pod" + "s" * (record.replicas != 1)
    change = f"{row.said(record.current)} -> {row.said(record.suggestion)}"
    saved = row.said(abs(record.saving))
    effect = "" if record.saving != record.saving else f"{'saves' if record.saving >= 0 else 'costs'} {saved}"
    return [
        (row.what, change if record.outcome is not Sizing.WITHHELD else f"{row.said(record.current)}, no suggestion"),
        ("why", record.reason),
        ("used", f"{row.used}, at most {row.said(record.peak)}"),
        ("by", f"{record.worst_pod or NOTHING} at {stamp(record.peak_at, now, zone)}"),
        ("effect", f"{effect or 'none'} over {pods}"),
        ("history", f"{age(record.span)}, {record.points:,} values"),
        ("trust", TRUST[record.confidence]),
        ("told by", record.source.convention),
    ]


def summary(snapshot: Snapshot) -> str:
    """When the advisor looked, and at how much."""
    run = snapshot.advised
    if snapshot.advising:
        return snapshot.advising
    if run is None:
        return "has not looked yet"
    judged, learning = (max((getattr(e, name) for e in run.coverage), default=0) for name in ("live", "learning"))
    looked = f"looked {age(snapshot.now - run.at)} ago"
    return f"{looked}, {counted(judged, 'containers')} judged" + (f", {learning} learning" if learning else "")


def why_empty(snapshot: Snapshot) -> str:
    """Why there is no line."""
    run = snapshot.advised
    if snapshot.advising:
        return f"{snapshot.advising} ...\nadvice appears here as soon as there is any"
    if run is None and snapshot.mode != "live":
        return "A recording is too short for advice: it takes a day at least."
    if run is None:
        return "The advisor has not looked yet.\nIt looks a minute after the console has started, then once a day."
    troubles = dict.fromkeys(e.detail for e in run.coverage if e.status in (*BLIND, Coverage.LEARNING) and e.detail)
    if any(each.live for each in run.coverage):
        head = "No request or limit asks for a change."
    elif any(each.status is Coverage.LEARNING for each in run.coverage):
        head = "There is not enough history yet: no answer beats a wrong one."
    else:
        head = "Nothing tells what containers use."
    return "\n".join([head, "", *troubles])
