"""A bad night in a shop, as records: twelve investigations of all severities and states, one of them hostile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from app.snapshot import Case, CheckResult, Health, InboxRow, SettingValue, SourceStatus
from detectors.model import Confidence, Coverage, Entity, EntityType, Severity, Sizing, SourceRef, Views
from detectors.series import Band
from storage.records import (
    AdviceCoverage,
    AdviceRecord,
    AdviceRun,
    AnomalyRecord,
    AnomalyState,
    CoverageRecord,
    EvidenceRecord,
    HistoryRecord,
    InvestigationRecord,
    Label,
    Lifecycle,
    Stance,
    TimelineEntry,
)
from tests.app.screens.verdicts import conclusion, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = 1_760_000_000.0
"""2025-10-09 08:53:20 UTC."""
CLUSTER = "prod-eu-1"
HOSTILE = "probe [red]failed[/red] [/healthz] got [500 \x1b[31mX\x07 \u202egnp.exe"
"""What a pod may be called or say: unbalanced markup, a terminal escape, a bell, a right-to-left override."""


@dataclass(frozen=True)
class Fault:
    """What one investigation of the fixture looks like."""

    id: int
    name: str
    signal: str
    title: str
    severity: Severity
    score: float
    unit: str
    low: float
    high: float
    observed: float
    minutes: int
    """Since its onset."""
    reason: str
    kind: str = "Deployment"
    type: EntityType = EntityType.WORKLOAD
    others: tuple[str, ...] = ()
    changes: dict[str, Any] = field(default_factory=dict)
    """Fields of the investigation that differ from an untouched one."""

    @property
    def entity(self) -> Entity:
        namespace, name = self.name.split("/", 1) if self.kind != "Node" else ("", self.name)
        return Entity(self.type, CLUSTER, namespace, self.kind, name)

    @property
    def onset(self) -> float:
        return NOW - 60.0 * self.minutes


FAULTS = (
    Fault(412, "shop/checkout", "http-server-latency-p99", "P99 latency spike", Severity.CRITICAL,
          9.4, "seconds", 0.30, 0.42, 2.41, 4, "2.41 s against 0.30-0.42 s; began 1 minute after rollout v2.14.0",
          others=("http-server-5xx-spike", "pod-oomkilled")),
    Fault(411, "shop/cart", "http-server-5xx-spike", "5XX error rate spike", Severity.CRITICAL,
          8.8, "ratio", 0.0, 0.003, 0.041, 5, "4.1 % of requests fail, 0 to 0.3 % is usual; calls shop/checkout"),
    Fault(409, "platform/kafka", "pod-crashloopbackoff", "CrashLoopBackOff", Severity.HIGH, 6.1, "state", 0, 0, 1, 38,
          "1 of 3 pods crash-looping: exit code 137 (OOMKilled), 7 restarts", kind="StatefulSet",
          changes={"acknowledged_at": NOW - 1500.0, "acknowledged_by": "me", "seen_at": NOW - 1600.0}),
    Fault(408, "shop/payments", "pod-restart-spike", "Restart spike", Severity.HIGH, 5.7, "count", 0, 1, 9, 22,
          "9 restarts in 10 minutes, usually none", changes={"seen_at": NOW - 900.0, "pinned": True}),
    Fault(405, "shop/search", "http-server-request-rate-drop", "Request rate drop", Severity.MEDIUM, 3.2,
          "requests per second", 700, 980, 410, 12, "410 requests/s against 700-980; upstream shop/web is normal"),
    Fault(404, "infra/coredns", "http-server-latency-p95", "P95 latency spike", Severity.MEDIUM,
          2.6, "seconds", 0.002, 0.009, 0.031, 64, "31 ms against 2-9 ms",
          changes={"seen_at": NOW - 3000.0, "label": Label.UNSURE}),
    Fault(402, "ip-10-2-7-41.eu-west-1.compute.internal", "node-memory-pressure", "MemoryPressure", Severity.HIGH, 5.0,
          "state", 0, 0, 1, 17, "MemoryPressure is True; 31 pods run there", kind="Node", type=EntityType.NODE),
    Fault(401, "jobs/nightly-etl-warehouse-synchronisation-with-a-name-of-63-chars-x", "pod-stuck-pending",
          "Stuck in Pending", Severity.MEDIUM, 2.2, "seconds", 0, 300, 1860, 31,
          "0/12 nodes are available: 12 Insufficient memory", kind="CronJob", changes={"held": True}),
    Fault(398, "shop/" + HOSTILE[:28], "pod-errimagepull", "ErrImagePull", Severity.MEDIUM, 2.0, "state", 0, 0, 1, 9,
          HOSTILE),
    Fault(396, "ml/ranker", "http-server-request-rate-surge", "Request rate surge", Severity.LOW, 1.4,
          "requests per second", 40, 88, 131, 8, "131 requests/s against 40-88"),
    Fault(390, "shop/web", "http-server-latency-p50", "P50 latency spike", Severity.LOW, 1.2, "seconds",
          0.020, 0.031, 0.026, 95, "back in band for 18 minutes",
          changes={"lifecycle": Lifecycle.RECOVERED, "ended": NOW - 1080.0,
          "label": Label.TRUE, "seen_at": NOW - 4000.0}),
    Fault(388, "infra/ingress-nginx", "events-warning-cluster", "Warning events", Severity.INFO,
          1.1, "count", 4, 20, 27, 140, "27 Warning events in 5 minutes, 4 to 20 are usual",
          changes={"snoozed_until": NOW + 2400.0}),
)  # fmt: skip
OTHERS = {
    "http-server-5xx-spike": "HTTP Server: 5XX error rate spike",
    "pod-oomkilled": "Pod Failure: OOMKilled",
}
"""Titles of the signals that are not their case's worst."""


def band(fault: Fault) -> bytes:
    """An hour of values that leave the band at the onset, with a gap; nothing for object states."""
    if fault.unit == "state":
        return b""
    generator = np.random.default_rng(fault.id)
    points, middle, width = 60, (fault.low + fault.high) / 2, max(fault.high - fault.low, 1e-9)
    wave = 0.25 * np.sin(np.arange(points) / 6.0) + generator.normal(0.0, 0.10, points)
    values = middle + width * wave
    begin = points - min(fault.minutes, points)
    ramp = np.clip(np.arange(points - begin) / 3.0, 0.0, 1.0)
    values[begin:] += (fault.observed - middle) * ramp
    values = np.maximum(values, 0.0)
    values[18:22] = np.nan
    low, high = np.full(points, fault.low), np.full(points, fault.high)
    times = (int(NOW) // 60 * 60 - 60 * np.arange(points)[::-1]).astype(np.int64)
    return Band(times, values, low, high).to_bytes()


def query(fault: Fault, signal: str) -> str:
    """What the evidence says reproduces it."""
    if fault.unit == "state":
        return f"kubectl get pods -n {fault.entity.namespace} -l app={fault.entity.name} -o wide"
    return (
        f'histogram_quantile(0.99, sum by (le) (rate(http_server_request_duration_seconds_bucket{{k8s_namespace_name="'
        f'{fault.entity.namespace}",k8s_deployment_name="{fault.entity.name}"}}[4m]))) # {signal}'
    )


def anomaly(fault: Fault, signal: str, number: int) -> AnomalyRecord:
    """One anomaly of a fault; the first carries its numbers."""
    first = signal == fault.signal
    recovered = fault.changes.get("lifecycle") is Lifecycle.RECOVERED
    held = bool(fault.changes.get("held"))
    state = AnomalyState.CLOSED if recovered else AnomalyState.HELD if held else AnomalyState.OPEN
    return AnomalyRecord(
        id=fault.id * 10 + number, cluster=CLUSTER, investigation=fault.id, signal=signal, entity=fault.entity,
        state=state, severity=fault.severity if first else fault.severity.shifted(-1), score=fault.score / (number + 1),
        peak_score=fault.score * 1.1, observed=fault.observed if first else 0.021, low=fault.low if first else 0.0,
        high=fault.high if first else 0.002, unit=fault.unit if first else "ratio", onset=fault.onset + 60.0 * number,
        opened=fault.onset + 90.0, last_seen=NOW - (1260.0 if recovered else 15.0),
        closed=NOW - 1080.0 if recovered else None, confidence=0.93,
        views=int(Views.STATE if fault.unit == "state" else Views.LOCAL | Views.DAY),
        source=SourceRef("otel-http", query(fault, signal)), band=band(fault),
    )  # fmt: skip


def inbox_row(fault: Fault) -> InboxRow:
    """A fault as the inbox shows it."""
    signals = (fault.signal, *fault.others)
    record = InvestigationRecord(
        id=fault.id, cluster=CLUSTER, entity=fault.entity, title=fault.title, severity=fault.severity,
        score=fault.score, lifecycle=Lifecycle.OPEN, onset=fault.onset, opened=fault.onset + 90.0, updated=NOW - 15.0,
        ended=None,
        signals=signals, anomalies=len(signals),
    )  # fmt: skip
    record = msgspec.structs.replace(record, **fault.changes, **verdict(fault.id))
    also = tuple(OTHERS[signal] for signal in fault.others)
    worst = anomaly(fault, fault.signal, 0)
    return InboxRow(record, worst, fault.reason, worst.last_seen, also, record.state(NOW))


def evidence(fault: Fault) -> tuple[EvidenceRecord, ...]:
    """A ledger with all four stances."""
    lines = (
        ("detect", fault.reason, query(fault, fault.signal), f"{fault.observed:g} {fault.unit}", Stance.SUPPORTS),
        ("change", f"Deployment {fault.entity.name} rolled out v2.13.4 -> v2.14.0 at 08:48 (image, env)",
         f"kubectl rollout history deployment/{fault.entity.name} -n {fault.entity.namespace}", "revision 41",
         Stance.SUPPORTS),
        ("replicas", "3 of 3 pods of the new ReplicaSet are out of band, 5 of 5 old ones are in band",
         f"kubectl get pods -n {fault.entity.namespace} -l app={fault.entity.name}", "3/3", Stance.SUPPORTS),
        ("event", f"Warning Unhealthy: {HOSTILE}",
         f"kubectl get events -n {fault.entity.namespace} --field-selector reason=Unhealthy", "3", Stance.SUPPORTS),
        ("traffic", "request rate is in band: no surge explains it", query(fault, "http-server-request-rate-surge"),
         "812/s", Stance.CONTRADICTS),
        ("peers", "4 other workloads on the same nodes are in band", "kubectl get pods -A -o wide", "0 of 4",
         Stance.SILENT),
        ("logs", "pods/log is forbidden: the logs could not be read",
         f"kubectl logs -n {fault.entity.namespace} deployment/{fault.entity.name} --tail=100", "403", Stance.UNKNOWN),
    )  # fmt: skip
    return tuple(
        EvidenceRecord(
            fault.id * 100 + i, fault.id, fault.id * 10, step, text, source, value, fault.onset + i, NOW, stance
        )
        for i, (step, text, source, value, stance) in enumerate(lines)
    )


def case(fault: Fault, row: InboxRow, history: tuple[HistoryRecord, ...]) -> Case:
    """A fault with everything known of it."""
    anomalies = tuple(anomaly(fault, signal, i) for i, signal in enumerate((fault.signal, *fault.others)))
    entries = (
        TimelineEntry(fault.onset - 2700, "hpa", f"{fault.entity.name} 6 -> 8 replicas"),
        TimelineEntry(fault.onset - 60, "rollout", f"{fault.entity.name} v2.13.4 -> v2.14.0 (image, env)"),
        TimelineEntry(fault.onset, "anomaly", f"{fault.title} left its band"),
        TimelineEntry(fault.onset + 20, "event", f"Warning Unhealthy {HOSTILE}"),
        TimelineEntry(fault.onset + 90, "event", f"OOMKilled {fault.entity.name}-7d9-x2lfm"),
    )
    found = conclusion(fault.id, NOW - 15.0, HOSTILE)
    return Case(row.investigation, anomalies, evidence(fault), entries, history, found)


SOURCES = (
    SourceStatus("prometheus", Health.OK, "prometheus 2.42.0, 42 ms"),
    SourceStatus("kubernetes", Health.OK, "v1.31.2, 18 ms"),
    SourceStatus("store", Health.OK, "12 MB"),
)
DOWN = (
    SourceStatus("prometheus", Health.DOWN, "connection refused by prom.monitoring:9090",
                 "check that the server runs and that prometheus.url is right, then ctrl+r", NOW - 185.0),
    SourceStatus("kubernetes", Health.DEGRADED, "pods/log: forbidden",
                 "kubectl apply -f deploy/clusterrole.yaml grants get, list and watch", NOW - 9000.0),
    SOURCES[2],
)  # fmt: skip

SETTINGS = (
    SettingValue("prometheus.url", "http://prom.monitoring:9090", "~/.config/tocsin/config.toml:3",
                 "Base URL of the Prometheus API, with its path prefix.", "an http or https URL"),
    SettingValue("prometheus.bearer", "set (environment PROM_TOKEN)", "environment PROM_TOKEN",
                 "The token's source: env:NAME, file:PATH or keyring:NAME.", "env:NAME, file:PATH, keyring:NAME"),
    SettingValue("prometheus.timeout", "10", "default", "Seconds to wait for an answer.", "seconds, 1 to 120"),
    SettingValue("kubernetes.context", "prod-eu-1", "--context", "The kubeconfig context.", "a context's name"),
    SettingValue("kubernetes.namespaces", "", "default", "Namespaces to look at; empty for all.", "a list of names"),
    SettingValue("engine.interval", "15", "default", "Seconds between two cycles.", "seconds, 5 to 600"),
    SettingValue("engine.baseline_minutes", "30", "default", "How much is normal.", "minutes, 5 to 30"),
    SettingValue("engine.evaluation_minutes", "5", "~/.config/tocsin/config.toml:9", "How much is judged.",
                 "minutes, 1 to 10, at most half of the baseline"),
    SettingValue("console.theme", "tocsin", "default", "Colours.", "a theme's name"),
    SettingValue("store.path", "~/.local/share/tocsin/tocsin.db", "default", "The database.", "a file's path"),
    SettingValue("store.retention_days", "90", "default", "How long closed ones are kept.", "days, 1 to 3650"),
)  # fmt: skip

CHECKS = (
    CheckResult("prometheus", True, "2.42.0 at http://prom.monitoring:9090, 42 ms, clock 0.2 s behind"),
    CheckResult("kubernetes", True, "v1.31.2, context prod-eu-1"),
    CheckResult("list and watch pods", True, "allowed"),
    CheckResult("get pods/log", False, "forbidden: User \"oncall\" cannot get resource \"pods/log\"",
                "kubectl apply -f deploy/clusterrole.yaml"),
    CheckResult("metrics.k8s.io", None, "not served by this cluster", "install metrics-server if usage is wanted"),
)  # fmt: skip


def coverage(signals: Sequence[str]) -> tuple[CoverageRecord, ...]:
    """A row for every signal: mostly live, with each of the other words among them."""
    words = {
        3: Coverage.LEARNING, 9: Coverage.NO_SOURCE, 15: Coverage.NO_DATA, 21: Coverage.QUERY_ERROR,
        27: Coverage.FORBIDDEN, 33: Coverage.DISABLED, 36: Coverage.NO_TRAFFIC, 40: Coverage.PLANNED,
        41: Coverage.PLANNED,
    }  # fmt: skip
    details = {
        Coverage.QUERY_ERROR: f"422: found duplicate series for the match group {HOSTILE}",
        Coverage.FORBIDDEN: "list on persistentvolumeclaims is forbidden: kubectl apply -f deploy/clusterrole.yaml",
        Coverage.NO_SOURCE: "no convention feeds it here: install the OpenTelemetry Java agent or Istio",
        Coverage.NO_DATA: "the metric exists, but no sample in the last 35 minutes",
        Coverage.LEARNING: "12 of 30 minutes of baseline seen",
    }
    firing = {fault.signal: fault.onset for fault in FAULTS}
    rows = []
    for number, signal in enumerate(signals):
        status = words.get(number, Coverage.LIVE)
        seen = status in {Coverage.LIVE, Coverage.LEARNING, Coverage.NO_TRAFFIC}
        source = "otel-http" if signal.startswith("http") else "kube-state-metrics"
        rows.append(
            CoverageRecord(
                CLUSTER, signal, status, (source, "istio") if number % 5 == 0 else (source,) if seen else (),
                212 - 3 * number if status is Coverage.LIVE else 0, 4 if status is Coverage.LEARNING else 0, number % 7,
                firing.get(signal), details.get(status, ""), 0.042 if seen else None,
                f"sum by (namespace) (rate({signal.replace('-', '_')}_total[4m]))",
            )
        )  # fmt: skip
    return tuple(rows)


MIB = 2.0**20


def advice(
    name: str, signal: str, outcome: Sizing, current: float, observed: float, suggestion: float, **more: Any
) -> AdviceRecord:
    """One line of the advisor; `signal` without its prefix says what it is of."""
    resource, bound = signal.split("-")[:2]
    namespace, workload = name.split("/")
    record = AdviceRecord(
        cluster=CLUSTER,
        signal=f"rightsizing-{signal}",
        entity=Entity(EntityType.WORKLOAD, CLUSTER, namespace, "Deployment", workload, environment="production"),
        container="app",
        resource=resource,
        bound=bound,
        outcome=outcome,
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        current=current,
        observed=observed,
        statistic="p95",
        peak=observed * 1.2,
        peak_at=NOW - 3 * 86_400,
        worst_pod=f"{workload}-5d8f7c9b6-bx2kq",
        suggestion=suggestion,
        saving=(current - suggestion) * 3,
        replicas=3,
        span=8 * 86_400.0,
        points=2_304,
        reason=f"p95 is {observed / current:.0%} of the {bound}",
        source=SourceRef(
            "cadvisor+kube-state-metrics", f'quantile_over_time(0.95, usage{{pod=~"{workload}(-.+)?"}}[7d:5m])'
        ),
    )
    return msgspec.structs.replace(record, **more)


ADVICE = (
    advice("shop/search", "memory-limit-low", Sizing.RAISE, 1024 * MIB, 300 * MIB, 1280 * MIB, severity=Severity.MEDIUM,
           statistic="maximum", reason="OOM killed at its limit of 1Gi"),
    advice("shop/checkout", "cpu-request-low", Sizing.RAISE, 0.25, 0.41, 0.48, severity=Severity.MEDIUM),
    advice("platform/gateway", "cpu-request-high", Sizing.LOWER, 4.0, 0.31, 0.36, replicas=12, saving=43.68),
    advice("shop/cart", "memory-request-high", Sizing.LOWER, 2048 * MIB, 400 * MIB, 480 * MIB,
           confidence=Confidence.LOW, span=30 * 3600.0, points=180),
    advice("jobs/nightly", "cpu-request-high", Sizing.WITHHELD, 1.0, 0.1, float("nan"), saving=float("nan"),
           reason="peaks of up to 900m in 7 hours: the percentile passes over them"),
    advice("shop/payments", "cpu-request-high", Sizing.WITHHELD, 1.0, 0.1, float("nan"), saving=float("nan"),
           container=HOSTILE, worst_pod=HOSTILE, reason=f"HorizontalPodAutoscaler {HOSTILE} scales on cpu utilisation"),
)  # fmt: skip
ADVISED = AdviceRun(
    CLUSTER, NOW - 3 * 3600, 41.0,
    (AdviceCoverage("rightsizing-cpu-request-high", Coverage.LIVE, ("cadvisor+kube-state-metrics",), 212, 4, ""),),
)  # fmt: skip
TOO_YOUNG = AdviceRun(
    CLUSTER, NOW - 600, 1.0,
    (AdviceCoverage("rightsizing-cpu-request-high", Coverage.LEARNING, ("metrics.k8s.io",), 0, 212,
                    "a day of history is needed: not before 2025-10-10 04:12 UTC"),),
)  # fmt: skip
