"""Records for the store's tests: small, complete, and different in every field."""

from __future__ import annotations

from typing import Any

import msgspec

from detectors.model import Confidence, Coverage, Entity, EntityType, Severity, Sizing, SourceRef
from storage.cycles import CycleUpdate
from storage.records import (
    AdviceRecord,
    AnomalyRecord,
    AnomalyState,
    CoverageRecord,
    CycleRecord,
    EventRecord,
    EvidenceRecord,
    InvestigationRecord,
    Lifecycle,
    UsageRecord,
)

CLUSTER = "prod"
NOW = 1_790_000_000.0
CHECKOUT = Entity(EntityType.WORKLOAD, CLUSTER, "shop", "Deployment", "checkout")


def anomaly(identity: int = 1, investigation: int = 1, **changes: Any) -> AnomalyRecord:
    record = AnomalyRecord(
        id=identity,
        cluster=CLUSTER,
        investigation=investigation,
        signal="http-server-5xx-spike",
        entity=CHECKOUT,
        state=AnomalyState.OPEN,
        severity=Severity.HIGH,
        score=2.5,
        peak_score=3.125,
        observed=0.2,
        low=0.0,
        high=0.05,
        unit="ratio",
        onset=NOW - 300,
        opened=NOW - 0.5,
        last_seen=NOW - 60,
        closed=None,
        confidence=0.875,
        views=3,
        source=SourceRef("opentelemetry", "rate(http_server_request_duration_seconds_count[5m])"),
        clean_passes=1,
        reopened=2,
        band=b"\x00\xffcurve",
    )
    return msgspec.structs.replace(record, **changes)


def case(identity: int = 1, **changes: Any) -> InvestigationRecord:
    record = InvestigationRecord(
        id=identity,
        cluster=CLUSTER,
        entity=CHECKOUT,
        title="Share of 5xx answers is unusual",
        severity=Severity.HIGH,
        score=2.5,
        lifecycle=Lifecycle.OPEN,
        onset=NOW - 300,
        opened=NOW,
        updated=NOW,
        ended=None,
        signals=("http-server-5xx-spike", "http-server-latency"),
        anomalies=1,
        held=True,
    )
    return msgspec.structs.replace(record, **changes)


def recovered(identity: int = 1, ended: float = NOW, **changes: Any) -> InvestigationRecord:
    return case(identity, lifecycle=Lifecycle.RECOVERED, ended=ended, updated=ended, **changes)


def closed_anomaly(identity: int = 1, investigation: int = 1, closed: float = NOW, **changes: Any) -> AnomalyRecord:
    return anomaly(identity, investigation, state=AnomalyState.CLOSED, closed=closed, **changes)


def evidence(investigation: int = 1, text: str = "20% of answers are 5xx", **changes: Any) -> EvidenceRecord:
    record = EvidenceRecord(0, investigation, 1, "detect", text, "rate(x[5m])", "0.2", NOW - 60, NOW)
    return msgspec.structs.replace(record, **changes)


def event(uid: str = "e1", **changes: Any) -> EventRecord:
    record = EventRecord(
        cluster=CLUSTER,
        uid=uid,
        namespace="shop",
        kind="Pod",
        name="checkout-6f9d-x",
        object_uid="p1",
        type="Warning",
        reason="BackOff",
        message="Back-off restarting failed container",
        count=3,
        first_seen=NOW - 200,
        last_seen=NOW - 100,
        component="kubelet",
        owner_kind="Deployment",
        owner_name="checkout",
    )
    return msgspec.structs.replace(record, **changes)


def coverage(signal: str = "http-server-5xx-spike", **changes: Any) -> CoverageRecord:
    record = CoverageRecord(
        CLUSTER,
        signal,
        Coverage.LIVE,
        ("opentelemetry", "istio"),
        3,
        2,
        1,
        NOW,
        "",
        0.25,
        "rate(x)",
        61,
        2_623,
        "opentelemetry: 61 of 200 bounds",
    )
    return msgspec.structs.replace(record, **changes)


def cycle(at: float = NOW, cluster: str = CLUSTER) -> CycleRecord:
    return CycleRecord(cluster, at, 0.75, 1_000, 12, 1)


def update(*cases: InvestigationRecord, at: float = NOW, **parts: Any) -> CycleUpdate:
    """A cycle with these cases and one anomaly for each, unless `anomalies` says otherwise."""
    parts.setdefault("anomalies", [anomaly(each.id, each.id) for each in cases])
    return CycleUpdate(cycle(at), investigations=cases, **parts)


def usage(day: int = 1_789_948_800, **changes: Any) -> UsageRecord:
    record = UsageRecord(
        entity=CHECKOUT,
        container="app",
        resource="cpu",
        source="cadvisor",
        day=day,
        first=day + 5.5,
        last=day + 86_000.0,
        points=288,
        peak=0.75,
        peak_at=day + 4_000.0,
        peak_pod="checkout-6f9d-x",
        hours=b"\x00\xffhours",
        sketch=b"\x00\xfesketch",
    )
    return msgspec.structs.replace(record, **changes)


def advice(signal: str = "rightsizing-cpu-request-high", **changes: Any) -> AdviceRecord:
    record = AdviceRecord(
        cluster=CLUSTER,
        signal=signal,
        entity=CHECKOUT,
        container="app",
        resource="cpu",
        bound="request",
        outcome=Sizing.LOWER,
        severity=Severity.INFO,
        confidence=Confidence.MEDIUM,
        current=1.0,
        observed=0.2,
        statistic="p95",
        peak=0.75,
        peak_at=NOW - 4_000,
        worst_pod="checkout-6f9d-x",
        suggestion=0.25,
        saving=2.25,
        replicas=3,
        span=7 * 86_400.0,
        points=2_016,
        reason="p95 is 20% of the request",
        source=SourceRef("cadvisor", "quantile_over_time(...)"),
    )
    return msgspec.structs.replace(record, **changes)
