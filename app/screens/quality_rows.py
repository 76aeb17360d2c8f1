"""The quality screen's faces as data: for each its columns, its rows, what its filter sees, what explains a line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from app.quality.report import Found, Group, Line, Met, Question
from app.quality.rules import told
from app.quality.wording import (
    TOO_FEW,
    delay_text,
    drift_text,
    labels_text,
    precision_text,
    rate_text,
    share_text,
    targets,
)
from detectors.words import counted
from widgets import palette
from widgets.palette import Mark
from widgets.rows import Column
from widgets.text import NOTHING, age, plain, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import tzinfo

    from textual.content import Content

    from app.quality.proposals import Effect, Proposal
    from app.quality.report import Report
    from storage.records import RuleRecord

MET: Mapping[Met, Mark] = {
    Met.YES: Mark("✓", "reached", palette.GOOD),
    Met.NO: Mark("×", "missed", palette.BAD),
    Met.UNCERTAIN: Mark("~", "too few to tell", palette.DOUBTFUL),
    Met.UNKNOWN: Mark("·", "nothing to tell it by", palette.MUTED),
}


class QualityRow(NamedTuple):
    """One line of a face."""

    number: int
    """Its place; of a question the investigation's number."""
    item: Any
    """What it shows: a `Line`, `Question` or `Found`."""


class Face(NamedTuple):
    """One of the lists that the screen can show."""

    id: str
    title: str
    columns: Sequence[Column[QualityRow]]
    rows: Callable[[Report], list[QualityRow]]
    fields: Callable[[QualityRow], dict[str, str]]
    explain: Callable[[QualityRow, Report, tzinfo], list[tuple[str, str]]]
    empty: str
    """Why there may be nothing."""


def targets_line(report: Report) -> list[Content]:
    """The four targets, each with its mark."""
    from textual.content import Content

    return [
        Content.assemble(
            MET[met].sign, f" {name} ", plain(value, style=MET[met].style), " ", plain(wanted, style=palette.MUTED)
        )
        for name, value, wanted, met in targets(report)
    ]


# Detectors, signals, workloads


def _numbered(items: Sequence[Any]) -> list[QualityRow]:
    return [QualityRow(number, item) for number, item in enumerate(items)]


def _precision_cell(row: QualityRow, _: int) -> Content:
    text = precision_text(row.item)
    style = palette.MUTED if text in (TOO_FEW, NOTHING) else ""
    return plain(text, style=style)


def _line_columns(title: str, named: Callable[[Line], str]) -> Sequence[Column[QualityRow]]:
    def number(key: str, heading: str, value: Callable[[Line], int], priority: int = 0) -> Column[QualityRow]:
        return Column(key, heading, lambda row, _: str(value(row.item) or ""), 5, right=True, priority=priority,
                      sort=lambda row: value(row.item), descending=True)  # fmt: skip

    return (
        Column("name", title, lambda row, _: named(row.item), 14, flex=5, limit=40, sort=lambda row: named(row.item)),
        number("fired", "FIRED", lambda line: line.fired),
        number("true", "TRUE", lambda line: line.true, 3),
        number("false", "FALSE", lambda line: line.false, 3),
        number("none", "OPEN", lambda line: line.unlabelled, 5),
        Column("precision", "PRECISION", _precision_cell, 13,
               sort=lambda row: row.item.precision.value if row.item.told else math.nan),
        Column("recall", "RECALL", lambda row, _: share_text(row.item.recall), 13, priority=4,
               sort=lambda row: row.item.recall.value),
        Column("detection", "AFTER", lambda row, _: delay_text(row.item.detection), 5, right=True, priority=2,
               sort=lambda row: row.item.detection.median if row.item.detection else math.nan),
        Column("rate", "A DAY", lambda row, _: rate_text(row.item.per_day), 5, right=True,
               sort=lambda row: row.item.per_day, descending=True),
        Column("drift", "DRIFT", lambda row, _: plain(drift_text(row.item), style=palette.DOUBTFUL), 5, flex=2,
               limit=18, priority=1, sort=lambda row: row.item.drift.p_value),
    )  # fmt: skip


def _line_fields(row: QualityRow) -> dict[str, str]:
    line: Line = row.item
    return {"name": line.name, "title": line.title, "precision": precision_text(line), "drift": drift_text(line)}


def _line_explained(row: QualityRow, report: Report, _: tzinfo) -> list[tuple[str, str]]:
    line: Line = row.item
    facts = [("", line.title), ("labels", labels_text(line)), ("precision", _precision_told(line, report))]
    caught, watched = line.recall.successes, line.recall.trials
    if line.group is not Group.WORKLOAD or watched:
        facts.append(("recall", f"{caught} of {counted(watched, 'incidents')}" if watched else "no incident recorded"))
    if line.detection:
        facts.append(("detected", f"after {delay_text(line.detection)}, p90 {age(line.detection.p90)}"))
    if line.acknowledgement:
        facts.append(("taken", f"after {delay_text(line.acknowledgement)}, p90 {age(line.acknowledgement.p90)}"))
    facts.append(("a day", f"{rate_text(line.per_day)}, {rate_text(line.actionable_per_day)} actionable"))
    facts.append(("last week", drift_text(line) or "as before"))
    return facts


def _precision_told(line: Line, report: Report) -> str:
    if line.told:
        return f"{share_text(line.precision)}, wanted {report.targets.precision:.0%}"
    missing = report.targets.fewest_labels - line.precision.trials
    return f"{counted(missing, 'more labels')} needed to tell"


# What to label next


def _questions(report: Report) -> list[QualityRow]:
    return [QualityRow(question.investigation, question) for question in report.questions]


_QUESTION_COLUMNS: Sequence[Column[QualityRow]] = (
    Column("case", "CASE", lambda row, _: f"#{row.number}", 6, right=True, sort=lambda row: row.number),
    Column("workload", "WORKLOAD", lambda row, _: row.item.workload, 15, flex=3, limit=40,
           sort=lambda row: row.item.workload),
    Column("signal", "SIGNAL", lambda row, _: row.item.title.rpartition(": ")[2], 16, flex=3, limit=30,
           sort=lambda row: row.item.title),
    Column("likely", "LIKELY", lambda row, _: f"{row.item.likely:.0%}", 6, right=True, priority=2,
           sort=lambda row: row.item.likely),
    Column("why", "WHY ASK", lambda row, _: row.item.why, 20, flex=8, limit=60, middle=False, priority=1),
)  # fmt: skip


def _question_fields(row: QualityRow) -> dict[str, str]:
    question: Question = row.item
    return {"id": str(row.number), "workload": question.workload, "signal": question.signal, "why": question.why}


def _question_explained(row: QualityRow, _: Report, __: tzinfo) -> list[tuple[str, str]]:
    question: Question = row.item
    return [
        ("", question.title),
        ("workload", question.workload),
        ("likely true", f"{question.likely:.0%} by the labels so far"),
        ("why ask", question.why),
        ("", "t true  f false  u unsure, enter opens it"),
    ]


# Incidents


def _incident_told(found: Found) -> Mark:
    if not found.watched:
        return Mark("·", "not watched", palette.MUTED)
    if found.investigation is None:
        return Mark("×", "missed", palette.BAD)
    return Mark("✓", f"after {age(found.seconds)}", palette.GOOD)


def _incident_columns() -> Sequence[Column[QualityRow]]:
    return (
        Column("id", "NO", lambda row, _: str(row.item.incident.id), 4, right=True),
        Column("workload", "WORKLOAD", lambda row, _: row.item.incident.workload, 15, flex=3, limit=40,
               sort=lambda row: row.item.incident.workload),
        Column("lasted", "LASTED", lambda row, _: age(row.item.incident.until - row.item.incident.since), 6, right=True,
               sort=lambda row: row.item.incident.until - row.item.incident.since),
        Column("found", "FOUND", lambda row, _: _incident_told(row.item).full, 13,
               sort=lambda row: row.item.seconds),
        Column("case", "CASE", lambda row, _: f"#{row.item.investigation}" if row.item.investigation else NOTHING, 6,
               right=True, priority=2),
        Column("note", "NOTE", lambda row, _: row.item.incident.note, 10, flex=4, limit=60, middle=False, priority=1),
    )  # fmt: skip


def _incident_fields(row: QualityRow) -> dict[str, str]:
    found: Found = row.item
    return {"workload": found.incident.workload, "note": found.incident.note, "found": _incident_told(found).word}


def _incident_explained(row: QualityRow, report: Report, zone: tzinfo) -> list[tuple[str, str]]:
    found: Found = row.item
    incident = found.incident
    return [
        ("", incident.workload),
        ("began", stamp(incident.since, report.at, zone)),
        ("over", stamp(incident.until, report.at, zone)),
        ("found", _incident_told(found).word),
        ("by", f"investigation #{found.investigation}" if found.investigation else NOTHING),
        ("note", incident.note or NOTHING),
        ("written by", incident.actor),
    ]


# Proposals and rules


def _change(effect: Effect) -> str:
    return f"{share_text(effect.precision_before)} -> {share_text(effect.precision_after)}"


_PROPOSAL_COLUMNS: Sequence[Column[QualityRow]] = (
    Column("kind", "PROPOSAL", lambda row, _: row.item.kind, 19, sort=lambda row: row.item.kind),
    Column("what", "OF", lambda row, _: told(row.item.pattern), 20, flex=5, limit=80,
           sort=lambda row: told(row.item.pattern)),
    Column("false", "FALSE", lambda row, _: f"-{row.item.effect.false}", 5, right=True,
           sort=lambda row: row.item.effect.false, descending=True),
    Column("true", "TRUE", lambda row, _: f"-{row.item.effect.true}", 5, right=True,
           sort=lambda row: row.item.effect.true, descending=True),
    Column("others", "OTHER", lambda row, _: f"-{row.item.effect.unlabelled + row.item.effect.unsure}", 5, right=True,
           priority=2),
    Column("precision", "PRECISION", lambda row, _: _change(row.item.effect), 30, priority=1),
)  # fmt: skip


def _proposal_fields(row: QualityRow) -> dict[str, str]:
    return {"kind": row.item.kind, "of": told(row.item.pattern)}


def proposal_facts(proposal: Proposal) -> list[tuple[str, str]]:
    """What a proposal would have done."""
    effect = proposal.effect
    lost = ", ".join(f"#{number}" for number in effect.lost[:8]) or "none"
    return [
        ("", proposal.kind),
        ("of", told(proposal.pattern)),
        ("hides", f"{effect.false} labelled false"),
        ("loses", f"{effect.true} labelled true: {lost}" if effect.true else "none labelled true"),
        ("and hides", f"{effect.unlabelled} not labelled, {effect.unsure} unsure"),
        ("precision", _change(effect)),
        ("lasts", f"{age(proposal.lasting)}" if proposal.lasting is not None else "until it is taken back"),
        ("", "A accepts it, z takes it back"),
    ]


_RULE_COLUMNS: Sequence[Column[QualityRow]] = (
    Column("id", "RULE", lambda row, _: str(row.number), 4, right=True, sort=lambda row: row.number),
    Column("state", "STATE", lambda row, _: row.item.state, 12, sort=lambda row: row.item.holds),
    Column("what", "MUTES", lambda row, _: told(row.item.rule.pattern), 20, flex=5, limit=80,
           sort=lambda row: told(row.item.rule.pattern)),
    Column("muted", "HIDDEN", lambda row, _: str(row.item.muted), 6, right=True, sort=lambda row: row.item.muted,
           descending=True),
    Column("owner", "OWNER", lambda row, _: row.item.rule.owner, 8, flex=1, limit=16, priority=1,
           sort=lambda row: row.item.rule.owner),
)  # fmt: skip


def _rule_fields(row: QualityRow) -> dict[str, str]:
    rule: RuleRecord = row.item.rule
    return {"state": row.item.state, "of": told(rule.pattern), "owner": rule.owner, "reason": rule.reason}


def _rule_explained(row: QualityRow, report: Report, zone: tzinfo) -> list[tuple[str, str]]:
    rule: RuleRecord = row.item.rule
    return [
        ("", f"Rule {rule.id}"),
        ("mutes", told(rule.pattern)),
        ("state", row.item.state),
        ("hidden", counted(row.item.muted, "investigations")),
        ("owner", rule.owner),
        ("reason", rule.reason or NOTHING),
        ("since", stamp(rule.created, report.at, zone)),
        *([("from", stamp(rule.starts, report.at, zone))] if rule.starts is not None else []),
        ("until", stamp(rule.expires, report.at, zone) if rule.expires is not None else "it is taken back"),
        ("", "A puts it out of force, or in force again"),
    ]


def _faces() -> Iterator[Face]:
    named = (
        (Group.DETECTOR, "Detectors", "DETECTOR", lambda line: line.name),
        (Group.SIGNAL, "Signals", "SIGNAL", lambda line: line.title.rpartition(": ")[2]),
        (Group.WORKLOAD, "Workloads", "WORKLOAD", lambda line: line.name),
    )
    quiet = "Nothing was found in this time: there is nothing to judge."
    for group, title, heading, name in named:
        yield Face(
            group, title, _line_columns(heading, name), lambda report, group=group: _numbered(report.of(group)),  # type: ignore[misc]
            _line_fields, _line_explained, quiet,
        )  # fmt: skip
    yield Face(
        "next", "Label next", _QUESTION_COLUMNS, _questions, _question_fields, _question_explained,
        "Everything of this time is labelled.",
    )  # fmt: skip
    yield Face(
        "proposals", "Proposals", _PROPOSAL_COLUMNS, lambda report: _numbered(report.proposals), _proposal_fields,
        lambda row, _, __: proposal_facts(row.item),
        "No rule is proposed: it takes several findings labelled false, and next to none labelled true.",
    )  # fmt: skip
    yield Face(
        "rules", "Rules", _RULE_COLUMNS, lambda report: [QualityRow(each.rule.id, each) for each in report.rules],
        _rule_fields, _rule_explained, "Nothing is muted by a rule.",
    )  # fmt: skip
    yield Face(
        "incidents", "Incidents", _incident_columns(), lambda report: _numbered(report.incidents), _incident_fields,
        _incident_explained,
        "No incident is written down; without any nothing can be said of what is missed.\n"
        "tocsin incident add --workload shop/checkout --since 2h --until 1h --note ...",
    )  # fmt: skip


FACES = tuple(_faces())
