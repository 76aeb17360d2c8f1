"""The quality report as JSON, schema 1 (`docs/cli.md`). Numbers that do not exist are null, times ISO 8601 in UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from app.findings import SCHEMA, instant, number

if TYPE_CHECKING:
    from app.quality.proposals import Proposal
    from app.quality.report import Found, Line, Question, Report, Ruled
    from detectors.quality.delays import Delay
    from detectors.quality.shares import Share
    from storage.records import IncidentRecord


def report_object(report: Report) -> dict[str, Any]:
    """The whole report."""
    return {
        "schema": SCHEMA,
        "cluster": report.cluster,
        "at": instant(report.at),
        "since": instant(report.since),
        "targets": msgspec.to_builtins(report.targets),
        "total": line_object(report.total),
        "lines": [line_object(line) for line in report.lines],
        "incidents": [found_object(found) for found in report.incidents],
        "completeness": {
            "days": number(report.completeness.days),
            "watched": number(report.completeness.watched),
            "cycles": report.completeness.cycles,
            "with_errors": number(report.completeness.with_errors),
            "live": number(report.completeness.live),
        },
        "questions": [question_object(question) for question in report.questions],
        "member": None if report.member is None else msgspec.to_builtins(report.member),
        "proposals": [proposal_object(proposal) for proposal in report.proposals],
        "rules": [rule_object(ruled) for ruled in report.rules],
    }


def line_object(line: Line) -> dict[str, Any]:
    """One detector, signal or workload; or everything."""
    return {
        "group": str(line.group),
        "name": line.name,
        "title": line.title,
        "fired": line.fired,
        "muted": line.muted,
        "labels": {"true": line.true, "false": line.false, "unsure": line.unsure, "none": line.unlabelled},
        "precision": {**_share(line.precision), "enough": line.told},
        "recall": _share(line.recall),
        "detection_seconds": _delay(line.detection),
        "acknowledgement_seconds": _delay(line.acknowledgement),
        "per_day": number(line.per_day),
        "actionable_per_day": number(line.actionable_per_day),
        "drift": {
            "recent_per_day": number(line.drift.recent),
            "before_per_day": number(line.drift.before),
            "p_value": number(line.drift.p_value),
        },
    }


def incident_object(record: IncidentRecord) -> dict[str, Any]:
    """One incident as it was written down."""
    return {
        "schema": SCHEMA,
        "id": record.id,
        "workload": record.workload,
        "since": instant(record.since),
        "until": instant(record.until),
        "note": record.note,
        "actor": record.actor,
    }


def found_object(found: Found) -> dict[str, Any]:
    """One incident, and what was told of it."""
    return {
        **incident_object(found.incident),
        "watched": found.watched,
        "investigation": found.investigation,
        "seconds": number(found.seconds),
    }


def question_object(question: Question) -> dict[str, Any]:
    """One investigation to label."""
    return {
        "investigation": question.investigation,
        "title": question.title,
        "workload": question.workload,
        "signal": question.signal,
        "likely": number(question.likely),
        "why": question.why,
    }


def proposal_object(proposal: Proposal) -> dict[str, Any]:
    """A rule that labels ask for, and what it would have hidden."""
    effect = proposal.effect
    return {
        "kind": proposal.kind,
        "pattern": msgspec.to_builtins(proposal.pattern),
        "lasting_seconds": proposal.lasting,
        "hides": {
            "false": effect.false,
            "true": effect.true,
            "unsure": effect.unsure,
            "none": effect.unlabelled,
            "lost": list(effect.lost),
        },
        "precision": {"before": _share(effect.precision_before), "after": _share(effect.precision_after)},
    }


def rule_object(ruled: Ruled) -> dict[str, Any]:
    """A rule, and what it hides."""
    rule = ruled.rule
    return {
        "id": rule.id,
        "pattern": msgspec.to_builtins(rule.pattern),
        "owner": rule.owner,
        "reason": rule.reason,
        "created": instant(rule.created),
        "starts": instant(rule.starts),
        "expires": instant(rule.expires),
        "in_force": ruled.holds,
        "muted": ruled.muted,
    }


def _share(share: Share) -> dict[str, Any]:
    return {
        "value": number(share.value),
        "low": number(share.low),
        "high": number(share.high),
        "successes": share.successes,
        "trials": share.trials,
    }


def _delay(delay: Delay | None) -> dict[str, Any] | None:
    if delay is None:
        return None
    return {"count": delay.count, "median": number(delay.median), "p90": number(delay.p90)}
