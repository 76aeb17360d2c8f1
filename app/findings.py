"""A finding as JSON: the stable schema that scripts read (`docs/cli.md`)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from storage.records import AnomalyRecord

SCHEMA = 1


def finding(anomaly: AnomalyRecord) -> dict[str, Any]:
    """One anomaly in schema 1. Times are ISO 8601 in UTC; numbers that do not exist are null."""
    entity = anomaly.entity
    return {
        "schema": SCHEMA,
        "id": anomaly.id,
        "signal": anomaly.signal,
        "entity": {
            "kind": entity.kind,
            "cluster": entity.cluster,
            "environment": entity.environment,
            "namespace": entity.namespace,
            "name": entity.name,
            "type": str(entity.type),
            "peer": entity.peer,
        },
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
