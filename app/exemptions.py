"""Whom a row's guards leave out, as far as Kubernetes objects tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.cluster import gone, obscured
from detectors.model import EntityType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from detectors.cluster import ClusterState
    from detectors.model import Entity

READ_ONLY = ("ReadOnlyMany",)
"""Access modes of volumes that nobody can fill."""


def exemptions(entity: Entity, state: ClusterState | None) -> frozenset[str]:
    """The guards that leave an entity out, in rows that have them.

    Args:
        entity: what would be judged.
        state: None where there are no objects: then only names tell.
    """
    return frozenset(name for name, exempts in EXEMPTIONS.items() if exempts(entity, state))


def exempting(guards: Mapping[str, float | bool]) -> frozenset[str]:
    """Those of a row's guards that leave entities out, and are set."""
    return frozenset(name for name in EXEMPTIONS if guards.get(name))


def _comes_and_goes(entity: Entity, _: ClusterState | None) -> bool:
    """Between two runs of a job everything is low, and every run is a surge."""
    return entity.kind in ("Job", "CronJob")


def _cannot_fill(entity: Entity, state: ClusterState | None) -> bool:
    claim = state.claims.get((entity.namespace, entity.name)) if state is not None else None
    return entity.type is EntityType.CLAIM and claim is not None and claim.spec.access_modes == READ_ONLY


def _switched_off(entity: Entity, state: ClusterState | None) -> bool:
    """Nobody should run it: silence is what was asked for."""
    known = state.workloads.get((entity.kind, entity.namespace, entity.name)) if state is not None else None
    return known is not None and known.desired == 0


def _deleted(entity: Entity, state: ClusterState | None) -> bool:
    """A mesh or an ingress may go on to tell of what is no more."""
    return state is not None and gone(state, entity)


def _on_silent_nodes(entity: Entity, state: ClusterState | None) -> bool:
    """The node is the finding; what runs there cannot be seen."""
    return state is not None and obscured(state, entity)


EXEMPTIONS: Mapping[str, Callable[[Entity, ClusterState | None], bool]] = {
    "ignore_jobs": _comes_and_goes,
    "ignore_read_only_many": _cannot_fill,
    "ignore_when_desired_replicas_zero": _switched_off,
    "ignore_when_workload_deleted": _deleted,
    "ignore_silent_nodes": _on_silent_nodes,
}
"""By the guard that asks for it."""
