"""A finding as JSON: the stable schema that scripts read (`docs/cli.md`)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from app.snapshot import Case
    from detectors.catalog import Row
    from detectors.model import Entity, FieldRef
    from storage.records import (
        AdviceRecord,
        AnomalyRecord,
        Conclusion,
        CoverageRecord,
        InvestigationRecord,
        MessageRecord,
        VerificationRecord,
    )

SCHEMA = 1


def finding(anomaly: AnomalyRecord) -> dict[str, Any]:
    """One anomaly in schema 1. Times are ISO 8601 in UTC; numbers that do not exist are null."""
    return {
        "schema": SCHEMA,
        "id": anomaly.id,
        "signal": anomaly.signal,
        "entity": _entity(anomaly.entity),
        "onset": instant(anomaly.onset),
        "last_seen": instant(anomaly.last_seen),
        "observed": number(anomaly.observed),
        "expected": {"low": number(anomaly.low), "high": number(anomaly.high)},
        "unit": anomaly.unit,
        "score": number(anomaly.score),
        "confidence": number(anomaly.confidence),
        "severity": str(anomaly.severity),
        "state": str(anomaly.state),
        "source": {"convention": anomaly.source.convention, "query": anomaly.source.query},
        "investigation": anomaly.investigation,
    }


def _entity(entity: Entity) -> dict[str, str]:
    return {
        "kind": entity.kind,
        "cluster": entity.cluster,
        "environment": entity.environment,
        "namespace": entity.namespace,
        "name": entity.name,
        "type": str(entity.type),
        "peer": entity.peer,
    }


def message(record: MessageRecord) -> dict[str, Any]:
    """One message of the outbox."""
    return {
        "schema": SCHEMA,
        "id": record.id,
        "investigation": record.investigation,
        "destination": record.destination,
        "rule": record.rule,
        "state": str(record.state),
        "priority": str(record.priority),
        "headline": record.headline,
        "wanted": record.wanted,
        "sent": record.sent,
        "attempts": record.attempts,
        "created": instant(record.created),
        "posted": instant(record.posted),
        "next": instant(record.next_at or None) if record.state == "waiting" else None,
        "error": record.error,
        "hint": record.hint,
    }


def instant(at: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC."""
    if at is None or not math.isfinite(at):
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def number(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return round(value, 9) if math.isfinite(value) else None


def json_line(value: Any) -> str:
    """One line of JSON."""
    return msgspec.json.encode(value).decode()


def verification(record: VerificationRecord) -> dict[str, Any]:
    """What became of one rollout, in schema 1."""
    return {
        "schema": SCHEMA,
        "entity": _entity(record.entity),
        "revision": record.revision,
        "change": record.change,
        "began": instant(record.began),
        "at": instant(record.at),
        "verdict": str(record.outcome),
        "reason": record.reason,
        "compared": record.compared,
        "metrics": [
            {
                "name": metric.name,
                "unit": metric.unit,
                "before": metric.before,
                "after": metric.after,
                "change": metric.change,
                "p_value": metric.p_value,
                "requests": list(metric.samples),
                "failed": metric.failed,
                "notable": metric.notable,
                "query": metric.source,
            }
            for metric in record.metrics
        ],
    }


def investigation(case: InvestigationRecord, now: float) -> dict[str, Any]:
    """One investigation in schema 1."""
    return {
        "schema": SCHEMA,
        "id": case.id,
        "title": case.title,
        "entity": _entity(case.entity),
        "severity": str(case.severity),
        "score": number(case.score),
        "state": case.state(now),
        "onset": instant(case.onset),
        "opened": instant(case.opened),
        "ended": instant(case.ended),
        "signals": list(case.signals),
        "label": str(case.label) if case.label else None,
        "label_reason": case.label_reason,
        "acknowledged_by": case.acknowledged_by,
        "verdict": case.verdict and str(case.verdict),
        "priority": case.priority and str(case.priority),
        "cause": case.cause,
    }


def case_object(case: Case, now: float, runbook: str) -> dict[str, Any]:
    """One investigation with its findings, evidence, timeline and history in schema 1."""
    return {
        **investigation(case.investigation, now),
        "runbook": runbook or None,
        "conclusion": None if case.conclusion is None else conclusion(case.conclusion),
        "findings": [finding(anomaly) for anomaly in case.anomalies],
        "evidence": [
            {
                "step": line.step,
                "text": line.text,
                "source": line.source,
                "value": line.value,
                "at": instant(line.at),
                "stance": str(line.stance),
                "convention": line.convention,
                "object": _field(line.field),
            }
            for line in case.evidence
        ],
        "timeline": [{"at": instant(entry.at), "kind": entry.kind, "text": entry.text} for entry in case.timeline],
        "history": [
            {"at": instant(act.at), "actor": act.actor, "action": act.action, "before": act.before, "after": act.after}
            for act in case.history
        ],
    }


def conclusion(found: Conclusion) -> dict[str, Any]:
    """What an investigation came to, in schema 1."""
    return {**msgspec.to_builtins(found), "at": instant(found.at), "seconds": number(found.seconds)}


def _field(field: FieldRef | None) -> dict[str, str] | None:
    if field is None:
        return None
    return {"kind": field.kind, "namespace": field.namespace, "name": field.name, "field": field.path}


def coverage_object(record: CoverageRecord, row: Row) -> dict[str, Any]:
    """One row of the coverage matrix in schema 1."""
    return {
        "schema": SCHEMA,
        "signal": record.signal,
        "title": row.title,
        "group": row.group,
        "status": str(record.status),
        "conventions": list(record.conventions),
        "live": record.live,
        "learning": record.learning,
        "silent": record.silent,
        "last_fired": instant(record.last_fired),
        "detail": record.detail,
        "query": record.query,
        "query_seconds": None if record.query_seconds is None else number(record.query_seconds),
        "query_series": record.query_series,
        "query_samples": record.query_samples,
        "thinned": record.thinned,
    }


def advice_object(record: AdviceRecord) -> dict[str, Any]:
    """One piece of advice in schema 1: cores for `cpu`, bytes for `memory`; what is withheld has no suggestion."""
    return {
        "schema": SCHEMA,
        "signal": record.signal,
        "entity": _entity(record.entity),
        "container": record.container,
        "resource": record.resource,
        "bound": record.bound,
        "outcome": str(record.outcome),
        "severity": str(record.severity),
        "confidence": str(record.confidence),
        "current": number(record.current),
        "suggestion": number(record.suggestion),
        "saving": number(record.saving),
        "replicas": record.replicas,
        "observed": {"statistic": record.statistic, "value": number(record.observed)},
        "peak": {"value": number(record.peak), "at": instant(record.peak_at), "pod": record.worst_pod},
        "history": {"seconds": number(record.span), "points": record.points},
        "reason": record.reason,
        "source": {"convention": record.source.convention, "query": record.source.query},
    }
