"""From anomalies to investigations: what befell one workload at one time is one case."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from storage.records import AnomalyState, InvestigationRecord, Lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from detectors.model import Entity
    from storage.records import AnomalyRecord


@dataclass
class Casebook:
    """Keeps the investigations of one cluster that may still change."""

    grouping_seconds: float
    titles: Mapping[str, str]
    """Signal id -> the title of its row."""
    cases: dict[int, InvestigationRecord] = field(default_factory=dict)

    def restore(self, records: Iterable[InvestigationRecord]) -> None:
        """Take over what the store remembers."""
        self.cases = {record.id: record for record in records}

    def assign(
        self, anomaly: AnomalyRecord, members: Iterable[AnomalyRecord], allocate: Callable[[], int], now: float
    ) -> AnomalyRecord:
        """Put an anomaly into the open case of its subject with a near onset, or into a new one.

        Args:
            anomaly: opened or reopened just now.
            members: all anomalies that belong to a case already.
            allocate: gives the id of a new investigation.
            now: unix seconds of the cycle.
        """
        own = self.cases.get(anomaly.investigation)
        if own is not None and own.lifecycle is not Lifecycle.CLOSED:
            return anomaly
        for other in members:
            case = self.cases.get(other.investigation)
            if (
                case is not None
                and case.lifecycle is Lifecycle.OPEN
                and subject(other.entity) == subject(anomaly.entity)
                and abs(other.onset - anomaly.onset) <= self.grouping_seconds
            ):
                return replace(anomaly, investigation=case.id)
        case = _new_case(allocate(), anomaly, self.titles, now)
        self.cases[case.id] = case
        return replace(anomaly, investigation=case.id)

    def refresh(self, number: int, members: Iterable[AnomalyRecord], now: float) -> InvestigationRecord:
        """Bring a case up to date with its anomalies."""
        case = self.cases[number]
        everyone = sorted(members, key=lambda a: (a.state is AnomalyState.CLOSED, -a.severity.rank, -a.score, a.id))
        living = [a for a in everyone if a.state is not AnomalyState.CLOSED]
        worst = everyone[0]
        over = not living and case.lifecycle is not Lifecycle.CLOSED
        lifecycle = Lifecycle.RECOVERED if over else Lifecycle.OPEN
        updated = replace(
            case,
            entity=worst.entity,
            title=self.titles.get(worst.signal, worst.signal),
            severity=worst.severity,
            score=worst.score if living else max(a.peak_score for a in everyone),
            lifecycle=case.lifecycle if case.lifecycle is Lifecycle.CLOSED else lifecycle,
            onset=min(a.onset for a in everyone),
            updated=now,
            ended=None if living else (case.ended or now),
            signals=tuple(dict.fromkeys(a.signal for a in everyone)),
            anomalies=len(everyone),
            held=any(a.state is AnomalyState.HELD for a in living),
        )
        self.cases[number] = updated
        return updated


def subject(entity: Entity) -> tuple[str, str, str, str]:
    """Whom a case is about: the workload itself also for its dependencies, databases and pods."""
    return entity.cluster, entity.namespace, entity.kind, entity.name


def _new_case(number: int, anomaly: AnomalyRecord, titles: Mapping[str, str], now: float) -> InvestigationRecord:
    return InvestigationRecord(
        id=number, cluster=anomaly.cluster, entity=anomaly.entity, title=titles.get(anomaly.signal, anomaly.signal),
        severity=anomaly.severity, score=anomaly.score, lifecycle=Lifecycle.OPEN, onset=anomaly.onset, opened=now,
        updated=now, ended=None, signals=(anomaly.signal,), anomalies=1,
    )  # fmt: skip
