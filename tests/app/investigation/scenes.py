"""Scenes for the tests of gates, collectors and playbooks: a small cluster, anomalies, and sources that answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from app.investigation.pipeline import investigate
from app.investigation.scene import Scene
from app.sources.base import LogTail, SourceError, Trouble
from detectors.model import Entity, EntityType, Severity, SourceRef, Views
from storage.records import AnomalyRecord, AnomalyState, InvestigationRecord, Lifecycle
from tests.detectors.states.objects import CATALOGUE, NOW, cluster

if TYPE_CHECKING:
    from app.investigation.pipeline import Investigation
    from app.investigation.readings import Track
    from detectors.cluster import ClusterState
    from detectors.series import SeriesBlock
    from storage.records import EventRecord, VerificationRecord

ROWS = {row.id: row for row in CATALOGUE.rows}


class Answers:
    """Sources that answer what a test gave them and refuse all else."""

    def __init__(
        self,
        logs: dict[str, str] | None = None,
        past: tuple[InvestigationRecord, ...] = (),
        causes: dict[int, str] | None = None,
        series: dict[str, SeriesBlock] | None = None,
        numbers: dict[str, tuple[Track, ...]] | None = None,
        split: dict[tuple[str, tuple[str, ...]], tuple[Track, ...]] | None = None,
        verified: tuple[VerificationRecord, ...] = (),
    ) -> None:
        self.logs = logs or {}
        """By `pod/container[/previous]`."""
        self.past, self.causes, self.series = past, causes or {}, series or {}
        self.has_logs = True
        self.verified = verified
        self.numbers, self.split = numbers or {}, split or {}
        """By row, and by row and labels."""
        self.has_metrics = series is not None or numbers is not None

    def range(self, promql: str, start: float, end: float, step: int) -> SeriesBlock:
        if promql not in self.series:
            raise SourceError(Trouble.UNAVAILABLE, "no answer")
        return self.series[promql]

    def tracks(self, row: str, onset: float, namespace: str = "") -> tuple[Track, ...]:
        if not self.numbers:
            raise SourceError(Trouble.UNAVAILABLE, "no answer")
        return self.numbers.get(row, ())

    def parts(self, row: str, track: Track, names: tuple[str, ...], onset: float) -> tuple[Track, ...]:
        return self.split.get((row, names), ())

    def log(self, namespace: str, pod: str, container: str, *, previous: bool, lines: int) -> LogTail:
        text = self.logs.get(f"{pod}/{container}{'/previous' if previous else ''}", "")
        return LogTail(tuple(text.splitlines()[-lines:]))

    def cases_of(self, entity: Entity) -> tuple[InvestigationRecord, ...]:
        return self.past

    def cause_of(self, investigation: int) -> str:
        return self.causes.get(investigation, "")

    def verifications_of(self, entity: Entity) -> tuple[VerificationRecord, ...]:
        return self.verified

    def events_of(self, namespace: str, kind: str, name: str, since: float) -> tuple[EventRecord, ...]:
        return ()


def entity(kind: str = "Deployment", name: str = "web", namespace: str = "prod", **more: Any) -> Entity:
    kinds = {"Node": EntityType.NODE, "Cluster": EntityType.CLUSTER, "PersistentVolumeClaim": EntityType.CLAIM}
    return Entity(kinds.get(kind, EntityType.WORKLOAD), "lab", namespace, kind, name, **more)


def anomaly(
    signal: str, about: Entity | None = None, *, number: int = 1, ago: float = 600.0, **more: Any
) -> AnomalyRecord:
    row = ROWS[signal]
    objects = bool(row.fallback.state_detector)
    given: dict[str, Any] = {
        "state": AnomalyState.OPEN,
        "severity": Severity.HIGH,
        "score": 2.0,
        "peak_score": 2.0,
        "observed": 1.0,
        "low": 0.0,
        "high": 0.0,
        "unit": row.unit,
        "onset": NOW - ago,
        "opened": NOW - ago,
        "last_seen": NOW,
        "closed": None,
        "confidence": 0.95,
        "views": int(Views.STATE if objects else Views.LOCAL),
        "source": SourceRef("kubernetes-api" if objects else "istio", "up"),
    }
    return AnomalyRecord(number, "lab", more.pop("case", 1), signal, about or entity(), **given | more)


def case(about: Entity, anomalies: tuple[AnomalyRecord, ...], number: int = 1, **more: Any) -> InvestigationRecord:
    over = all(each.closed is not None for each in anomalies)
    worst = anomalies[0]
    given: dict[str, Any] = {
        "severity": worst.severity,
        "score": worst.score,
        "lifecycle": Lifecycle.RECOVERED if over else Lifecycle.OPEN,
        "onset": min(each.onset for each in anomalies),
        "opened": min(each.opened for each in anomalies),
        "updated": NOW,
        "ended": NOW if over else None,
        "signals": tuple(dict.fromkeys(each.signal for each in anomalies)),
        "anomalies": len(anomalies),
    }
    return InvestigationRecord(number, "lab", about, ROWS[worst.signal].title, **given | more)


def scene(
    objects: list[tuple[str, dict[str, Any]]] | ClusterState,
    *anomalies: AnomalyRecord,
    sources: Answers | None = None,
    **more: Any,
) -> Scene:
    """The scene of a case with these anomalies, worst first, in a cluster with these objects, at NOW."""
    state = cluster(objects) if isinstance(objects, list) else objects
    about = more.pop("about", anomalies[0].entity)
    return Scene(
        case=more.pop("case", None) or case(about, anomalies),
        anomalies=anomalies,
        rows=ROWS,
        state=state,
        sources=sources or Answers(),
        now=more.pop("now", NOW),
        newest=NOW,
        **more,
    )


def investigated(at: Scene) -> Investigation:
    """What its investigation comes to."""
    with ThreadPoolExecutor(1) as pool:
        return investigate(at, pool)
