"""Whether a finding is about what somebody wrote down."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detectors.model import Entity
    from storage.records import IncidentRecord, InvestigationRecord


def workload_of(entity: Entity) -> str:
    """Whom a finding counts for: `namespace/name`, of dependencies and databases their caller."""
    return f"{entity.namespace}/{entity.name}" if entity.namespace else entity.name


def same_workload(incident: IncidentRecord, entity: Entity) -> bool:
    """Whether an entity is what an incident befell; a name alone means that name in any namespace."""
    return incident.workload in (workload_of(entity), entity.name)


def incidents_about(
    case: InvestigationRecord, incidents: Iterable[IncidentRecord], now: float
) -> tuple[IncidentRecord, ...]:
    """What people wrote down of a case's workload and time."""
    until = now if case.ended is None else case.ended
    return tuple(
        each
        for each in incidents
        if same_workload(each, case.entity) and each.since <= until and each.until >= case.onset
    )
