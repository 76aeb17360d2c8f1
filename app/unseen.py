"""What a cycle could not see of what its rows rest on: to find nothing there says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.planning import resource_of
from detectors.cluster import AccessStatus
from detectors.model import KUBERNETES, Coverage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from app.sources.base import SourceError
    from detectors.catalog import Catalogue
    from detectors.cluster import ClusterState
    from storage.records import CoverageRecord

NAMED = 3
"""Rows that are named; of more, the number is told."""
_MISSING = {
    AccessStatus.FORBIDDEN: "forbidden",
    AccessStatus.ERROR: "failing",
    AccessStatus.LOADING: "not listed in time",
}
"""What is not served, or an optional source that no row rests on, leaves nothing unseen."""


def unseen(
    catalogue: Catalogue, coverage: Sequence[CoverageRecord], state: ClusterState | None, trouble: SourceError | None
) -> tuple[str, ...]:
    """What could not be read, one phrase each; empty where everything could.

    Args:
        catalogue: says on which kinds a row rests.
        coverage: of the cycle.
        state: the objects; None where no cluster is watched.
        trouble: what is the matter with the metrics server as a whole.
    """
    phrases = list(_kinds(catalogue, coverage, state)) if state is not None else []
    if trouble is not None:
        return (*phrases, f"Prometheus: {trouble.message}")
    failed = [each.signal for each in coverage if each.status is Coverage.QUERY_ERROR]
    if failed:
        more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
        phrases.append(f"failed queries: {', '.join(failed[:NAMED])}{more}")
    return tuple(phrases)


def _kinds(catalogue: Catalogue, coverage: Iterable[CoverageRecord], state: ClusterState) -> Iterator[str]:
    """The kinds that rows without another source rest on, by what is the matter with them."""
    by_metrics = {e.signal for e in coverage if e.status is Coverage.LIVE and KUBERNETES not in e.conventions}
    rows = (row for row in catalogue.rows if row.fallback.state_detector and row.id not in by_metrics)
    needed = {resource_of(right) for row in rows for right in row.fallback.rights}
    for status, words in _MISSING.items():
        kinds = sorted(kind for kind, access in state.access.items() if kind in needed and access.status is status)
        if kinds:
            yield f"{words}: {', '.join(kinds)}"
