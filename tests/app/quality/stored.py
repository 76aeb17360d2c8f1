"""Stores with a past: cycles, cases with anomalies, labels, for the tests of what is measured and learnt from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.quality.naming import detectors_of
from detectors.catalog import load
from detectors.model import Entity, EntityType, Severity
from storage.cycles import CycleUpdate
from storage.history import Act
from storage.records import CycleRecord, Label, Lifecycle
from tests.storage.samples import anomaly, case

if TYPE_CHECKING:
    from storage.database import Store

CLUSTER = "prod"
NOW = 1_790_000_000.0
DAY = 86_400.0
CATALOGUE = load()
SPIKE, P99, CRASH = "http-server-5xx-spike", "http-server-latency-p99", "pod-crashloopbackoff"


def workload(name: str = "checkout", namespace: str = "shop") -> Entity:
    return Entity(EntityType.WORKLOAD, CLUSTER, namespace, "Deployment", name)


class History:
    """Writes a past into a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._anomalies = 0
        self._cases = 0

    def watched(self, days: float, step: float = 60.0, until: float = NOW, errors: int = 0) -> History:
        """Cycles over the last days."""
        at = until - days * DAY
        while at <= until:
            self.store.cycles.write(CycleUpdate(CycleRecord(CLUSTER, at, 0.1, 10, 0, errors)))
            at += step
        return self

    def found(
        self,
        *signals: str,
        name: str = "checkout",
        ago: float = DAY,
        label: Label | None = None,
        reason: str = "",
        score: float = 2.5,
        severity: Severity = Severity.HIGH,
        lasting: float = 600.0,
        **changes: Any,
    ) -> int:
        """An investigation with one anomaly for each signal, opened so long ago; returns its number."""
        self._cases += 1
        number, opened, entity = self._cases, NOW - ago, workload(name)
        members = []
        for signal in signals or (SPIKE,):
            self._anomalies += 1
            members.append(
                anomaly(
                    self._anomalies,
                    number,
                    signal=signal,
                    entity=entity,
                    opened=opened,
                    onset=opened - 120,
                    last_seen=opened + lasting,
                    closed=opened + lasting,
                    score=score,
                    peak_score=score,
                    severity=severity,
                    **changes,
                )
            )
        record = case(
            number, entity=entity, opened=opened, onset=opened - 120, updated=opened + lasting, score=score,
            severity=severity, ended=opened + lasting, lifecycle=Lifecycle.RECOVERED, held=False,
            signals=tuple(signals or (SPIKE,)), anomalies=len(members),
        )  # fmt: skip
        cycle = CycleRecord(CLUSTER, opened + 1.5, 0.1, 10, 1, 0)
        self.store.cycles.write(CycleUpdate(cycle, investigations=[record], anomalies=members))
        if label is not None:
            self.label(number, label, reason)
        return number

    def label(self, number: int, label: Label, reason: str = "") -> None:
        """Label one."""
        values = {"label": label, "label_reason": reason}
        self.store.history.act([number], Act.LABEL, values, actor="kim", at=NOW, detector_of=detectors_of(CATALOGUE))

    def acknowledge(self, number: int, at: float) -> None:
        """Take one."""
        values = {"acknowledged_at": at, "acknowledged_by": "kim"}
        self.store.history.act([number], Act.ACKNOWLEDGE, values, actor="kim", at=at)

    def incident(self, name: str, ago: float, minutes: float = 30.0) -> None:
        """Write an incident down that began so long ago."""
        since = NOW - ago
        self.store.incidents.add(
            CLUSTER, name, since=since, until=since + 60 * minutes, note="it broke", actor="kim", at=NOW
        )
