"""From anomalies to investigations: what befell one workload, or what it stands on, at one time is one case."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.quality.rules import muting
from app.topology import LEADING, Subject, Topology
from detectors.cluster import ClusterState
from storage.records import AnomalyState, InvestigationRecord, Lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from storage.records import AnomalyRecord, RuleRecord


NOTICED_SECONDS = 120.0
"""How long after a node has fallen silent that is noticed, at most: what runs there may suffer before."""


@dataclass
class Casebook:
    """Keeps the investigations of one cluster that may still change."""

    grouping_seconds: float
    titles: Mapping[str, str]
    """Signal id -> the title of its row."""
    topology: Topology = field(default_factory=lambda: Topology(ClusterState("", 0.0)))
    """Who stands on what in this cycle."""
    cases: dict[int, InvestigationRecord] = field(default_factory=dict)
    _onsets: dict[Subject, list[tuple[float, int]]] = field(default_factory=dict)
    """Of the members of open cases: onset and case, in this order, so that thousands of new anomalies find theirs."""

    def restore(self, records: Iterable[InvestigationRecord], members: Iterable[AnomalyRecord]) -> None:
        """Take over what the store remembers, and the anomalies that belong to a case already."""
        self.cases = {record.id: record for record in records}
        self._onsets = {}
        for anomaly in members:
            self._enter(anomaly)

    def assign(self, anomaly: AnomalyRecord, allocate: Callable[[], int], now: float) -> AnomalyRecord:
        """Put an anomaly into the open case of its subject, or of what that stands on, with a near onset, or a new one.

        Of several cases the one that began first is chosen.

        Args:
            anomaly: opened or reopened just now.
            allocate: gives the id of a new investigation.
            now: unix seconds of the cycle.
        """
        own = self.cases.get(anomaly.investigation)
        if own is None or own.lifecycle is Lifecycle.CLOSED:
            anomaly = replace(anomaly, investigation=self._near(anomaly) or self._begin(allocate(), anomaly, now))
        self._enter(anomaly)
        return anomaly

    def _enter(self, anomaly: AnomalyRecord) -> None:
        case = self.cases.get(anomaly.investigation)
        if case is not None and case.lifecycle is Lifecycle.OPEN:
            for each in self._places(anomaly):
                insort(self._onsets.setdefault(each, []), (anomaly.onset, case.id))

    def _near(self, anomaly: AnomalyRecord) -> int:
        """The open case with a related member and a near onset; 0 when there is none."""
        found = []
        for each in self._places(anomaly):
            known = self._onsets.get(each, [])
            place = bisect_left(known, (anomaly.onset - self.grouping_seconds, 0))
            if place < len(known) and known[place][0] <= anomaly.onset + self.grouping_seconds:
                found.append(known[place])
        return min(found)[1] if found else 0

    def _places(self, anomaly: AnomalyRecord) -> list[Subject]:
        """Where its case is looked for: whatever it stands on, but for what went wrong only after it had begun."""
        latest = anomaly.onset + NOTICED_SECONDS
        return [each for each in self.topology.related(anomaly.entity) if self.topology.began(each) <= latest]

    def _begin(self, number: int, anomaly: AnomalyRecord, now: float) -> int:
        self.cases[number] = InvestigationRecord(
            id=number, cluster=anomaly.cluster, entity=anomaly.entity,
            title=self.titles.get(anomaly.signal, anomaly.signal), severity=anomaly.severity, score=anomaly.score,
            lifecycle=Lifecycle.OPEN, onset=anomaly.onset, opened=now, updated=now, ended=None,
            signals=(anomaly.signal,), anomalies=1,
        )  # fmt: skip
        return number

    def refresh(
        self, number: int, members: Iterable[AnomalyRecord], now: float, rules: Sequence[RuleRecord] = ()
    ) -> InvestigationRecord:
        """Bring a case up to date with its anomalies, and with the rules that hide them."""
        case = self.cases[number]
        everyone = sorted(members, key=lambda a: (a.state is AnomalyState.CLOSED, -a.severity.rank, -a.score, a.id))
        living = [a for a in everyone if a.state is not AnomalyState.CLOSED]
        worst = everyone[0]
        lead = min(living or everyone, key=lambda a: -LEADING.get(a.entity.kind, 0))
        over = not living and case.lifecycle is not Lifecycle.CLOSED
        lifecycle = Lifecycle.RECOVERED if over else Lifecycle.OPEN
        updated = replace(
            case,
            entity=lead.entity,
            title=self.titles.get(lead.signal, lead.signal),
            severity=worst.severity,
            score=worst.score if living else max(a.peak_score for a in everyone),
            lifecycle=case.lifecycle if case.lifecycle is Lifecycle.CLOSED else lifecycle,
            onset=min(a.onset for a in everyone),
            updated=now,
            ended=None if living else (case.ended or now),
            signals=tuple(dict.fromkeys(a.signal for a in everyone)),
            anomalies=len(everyone),
            held=any(a.state is AnomalyState.HELD for a in living),
            muted=muting(rules, living or everyone),
        )
        self.cases[number] = updated
        return updated
