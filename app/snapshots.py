"""Snapshots: what the store remembers and what the last cycle saw, as the screens show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.snapshot import Health, InboxRow, SourceStatus
from app.wording import reason
from detectors.cluster import AccessStatus
from storage.records import Lifecycle

if TYPE_CHECKING:
    from app.sources.base import ServerInfo, SourceError
    from detectors.catalog import Catalogue
    from detectors.cluster import ClusterState
    from storage.database import Store
    from storage.records import InvestigationRecord

RECENT_SECONDS = 24 * 3600.0
"""How long a case that has ended stays in the inbox's list."""
RECENT_CASES = 500


def inbox(store: Store, catalogue: Catalogue, cluster: str, now: float) -> tuple[InboxRow, ...]:
    """The cases of a cluster that are open or ended lately, ranked: pinned, living, severity, score, onset."""
    cases = {case.id: case for case in store.investigations.open(cluster)}
    ended = store.investigations.page(cluster, since=now - RECENT_SECONDS, limit=RECENT_CASES)
    cases |= {case.id: case for case in ended if case.id not in cases}
    worst = store.anomalies.worst_of(list(cases))
    titles = {row.id: row.title for row in catalogue.rows}
    rows = [
        InboxRow(
            case,
            worst[number],
            reason(catalogue, worst[number]),
            tuple(titles.get(signal, signal) for signal in case.signals[1:]),
        )
        for number, case in cases.items()
        if number in worst
    ]
    return tuple(sorted(rows, key=lambda row: _rank(row.investigation)))


def _rank(case: InvestigationRecord) -> tuple[bool, bool, int, float, float, int]:
    return (
        not case.pinned,
        case.lifecycle is not Lifecycle.OPEN,
        -case.severity.rank,
        -case.score,
        -case.onset,
        case.id,
    )


def metrics_status(info: ServerInfo | None, trouble: SourceError | None, since: float | None) -> SourceStatus:
    """How the metrics server is doing."""
    if trouble is not None:
        return SourceStatus("prometheus", Health.DOWN, trouble.message, trouble.hint, since)
    if info is None:
        return SourceStatus("prometheus", Health.CONNECTING, "connecting")
    return SourceStatus("prometheus", Health.OK, f"{info.product} {info.version} at {info.url}", since=since)


def missing_status(name: str, why: SourceError) -> SourceStatus:
    """A source that is not there at all."""
    return SourceStatus(name, Health.OFF, why.message, why.hint)


def _advice(detail: str) -> str:
    """What to do about an API server that gives nothing."""
    if "nauthorized" in detail:
        return "The credential is wrong or has run out: log in again, or choose another --context."
    return "Check --context, --kubeconfig and the network."


def objects_status(state: ClusterState | None) -> SourceStatus:
    """How the Kubernetes API is doing, by what may be read of it."""
    if state is None or not state.access:
        return SourceStatus("kubernetes", Health.CONNECTING, "connecting")
    by_status: dict[AccessStatus, list[str]] = {}
    for resource, access in sorted(state.access.items()):
        by_status.setdefault(access.status, []).append(resource)
    listed, failing = by_status.get(AccessStatus.LISTED, []), by_status.get(AccessStatus.ERROR, [])
    refused = by_status.get(AccessStatus.FORBIDDEN, [])
    version = state.version or "Kubernetes"
    if failing and not listed:
        access = state.access[failing[0]]
        return SourceStatus(
            "kubernetes", Health.DOWN, access.detail or "does not answer", _advice(access.detail), access.since
        )
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
