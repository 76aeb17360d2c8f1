"""Snapshots: what the store remembers and what the last cycle saw, as the screens show it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from app.access import advice
from app.snapshot import Health, InboxRow, SourceStatus
from app.sources.kubernetes.resources import KUBELETS
from app.wording import reason
from detectors.cluster import AccessStatus
from storage.records import Lifecycle, Priority, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from app.sources.base import ServerInfo, SourceError
    from detectors.catalog import Catalogue
    from detectors.cluster import ClusterState
    from detectors.quality.member import Member
    from storage.database import Store
    from storage.investigations import Version
    from storage.records import AnomalyRecord, InvestigationRecord

RECENT_SECONDS = 24 * 3600.0
"""How long a case that has ended stays in the inbox's list."""
RECENT_CASES = 500
SNOOZED = "snoozed"
"""The only state of a case that ends without anything happening to it."""
EVEN = 0.5
"""Probability below which labels say that a case is rather noise: it comes after its equals."""


class Inbox:
    """The cases of a cluster that are open or ended lately; those are read again that have changed."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue
        self._titles = {row.id: row.title for row in catalogue.rows}
        self._lock = threading.Lock()
        """A cycle's end and the engineer's acts may look at the same time."""
        self._cluster = ""
        self._versions: dict[int, Version] = {}
        self._rows: dict[int, InboxRow] = {}
        self._ranked: tuple[InboxRow, ...] = ()
        self._member: Member | None = None

    def learn(self, cluster: str) -> None:
        """Train on the labels as they are now; all rows are read again where that changes anything."""
        from app.quality.learning import trained

        member = trained(self._store, cluster)
        with self._lock:
            if member != self._member:
                self._member, self._versions = member, {}

    def rows(self, cluster: str, now: float) -> tuple[InboxRow, ...]:
        """All of them, ranked: pinned, living, not noise, priority, severity, not noise by the labels, score, onset."""
        with self._lock:
            if cluster != self._cluster:
                self._cluster, self._member = cluster, None
                self._versions, self._rows, self._ranked = {}, {}, ()
            known, cases = self._versions, self._store.investigations
            versions = cases.listed(cluster, since=now - RECENT_SECONDS, limit=RECENT_CASES)
            asleep = (row for row in self._rows.values() if row.state == SNOOZED)
            woken = {row.investigation.id for row in asleep if row.investigation.state(now) != SNOOZED}
            changed = [
                number for number, version in versions.items() if known.get(number) != version or number in woken
            ]
            if changed or versions.keys() != known.keys():
                self._rows = {number: row for number, row in self._rows.items() if number in versions}
                self._rows |= self._read(changed, now)
                self._ranked = tuple(sorted(self._rows.values(), key=_rank))
            self._versions = versions
            return self._ranked

    def _likely(self, worst: Mapping[int, AnomalyRecord], cases: Iterable[InvestigationRecord]) -> dict[int, float]:
        """How likely each case is true by the labels; empty while these do not help."""
        if self._member is None or not self._member.on:
            return {}
        from app.quality.learning import likely

        told = ((worst[case.id], case.anomalies) for case in cases if case.id in worst)
        return likely(self._member, self._store, self._cluster, told)

    def _read(self, numbers: list[int], now: float) -> dict[int, InboxRow]:
        worst, last_seen = self._store.anomalies.worst_of(numbers), self._store.anomalies.last_seen_of(numbers)
        cases = self._store.investigations.many(numbers)
        likely = self._likely(worst, cases)
        consequences = self._store.investigations.consequences_of(numbers)
        return {
            case.id: InboxRow(
                case,
                worst[case.id],
                reason(self._catalogue, worst[case.id]),
                last_seen[case.id],
                tuple(self._titles.get(signal, signal) for signal in case.signals[1:]),
                case.state(now),
                likely.get(case.id),
                consequences.get(case.id, 0),
            )
            for case in cases
            if case.id in worst
        }


def _rank(row: InboxRow) -> tuple[bool, bool, bool, str, int, bool, float, float, int]:
    case = row.investigation
    return (
        not case.pinned,
        case.lifecycle is not Lifecycle.OPEN,
        case.verdict is Verdict.NOISE,
        # What has not been investigated yet may be anything.
        case.priority or Priority.P2,
        -case.severity.rank,
        row.likely is not None and row.likely < EVEN,
        -case.score,
        -case.onset,
        case.id,
    )


def metrics_status(info: ServerInfo | None, trouble: SourceError | None, since: float | None) -> SourceStatus:
    """How the metrics server is doing; without `info` it has not answered yet."""
    if trouble is not None:
        return SourceStatus("prometheus", Health.DOWN, trouble.message, trouble.hint, since, info is not None)
    if info is None:
        return SourceStatus("prometheus", Health.CONNECTING, "connecting")
    return SourceStatus("prometheus", Health.OK, f"{info.product} {info.version} at {info.url}", since=since)


def missing_status(name: str, why: SourceError) -> SourceStatus:
    """A source that is not there at all."""
    return SourceStatus(name, Health.OFF, why.message, why.hint)


def objects_status(state: ClusterState | None) -> SourceStatus:
    """How the Kubernetes API is doing, by what may be read of it."""
    if state is None or not state.access:
        return SourceStatus("kubernetes", Health.CONNECTING, "connecting")
    by_status: dict[AccessStatus, list[str]] = {}
    for resource, access in sorted(state.access.items()):
        # Not to be allowed to ask the kubelets is nothing unusual: the coverage says what is missing for it.
        if resource not in KUBELETS:
            by_status.setdefault(access.status, []).append(resource)
    listed, failing = by_status.get(AccessStatus.LISTED, []), by_status.get(AccessStatus.ERROR, [])
    refused = by_status.get(AccessStatus.FORBIDDEN, [])
    version = state.version or "Kubernetes"
    if failing and not listed:
        access = state.access[failing[0]]
        detail, answered = access.detail or "does not answer", bool(state.version)
        return SourceStatus("kubernetes", Health.DOWN, detail, advice(access.detail), access.since, answered)
    if refused and not listed:
        hint = "Apply deploy/clusterrole.yaml and bind it to this user: get, list and watch only."
        return SourceStatus("kubernetes", Health.DOWN, f"may read nothing: {', '.join(refused)}", hint)
    if refused or failing:
        parts = [f"forbidden: {', '.join(refused)}"] if refused else []
        parts += [f"failing: {', '.join(failing)}"] if failing else []
        hint = "These are unknown, not healthy. deploy/clusterrole.yaml has the rights." if refused else ""
        return SourceStatus("kubernetes", Health.DEGRADED, f"{version}; {'; '.join(parts)}", hint)
    if by_status.get(AccessStatus.LOADING):
        return SourceStatus("kubernetes", Health.CONNECTING, f"{version}; listing objects")
    return SourceStatus("kubernetes", Health.OK, f"{version}; {len(listed)} kinds watched")
