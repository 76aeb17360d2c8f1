"""Node conditions: not ready, memory pressure, disk pressure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.model import Coverage, EntityType
from detectors.objects import unix
from detectors.states.paths import condition_path
from detectors.states.report import (
    CONFIDENCE,
    StateResult,
    guard,
    object_entity,
    object_fact,
    object_observation,
    unreadable,
)

if TYPE_CHECKING:
    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.model import Observation
    from detectors.objects import Condition, Node

LEAVING_TAINTS = (
    "ToBeDeletedByClusterAutoscaler",
    "karpenter.sh/disrupted",
    "karpenter.sh/disruption",
    "aws-node-termination-handler/",
    "cloud.google.com/impending-node-termination",
    "node.cloudprovider.kubernetes.io/shutdown",
)
"""Prefixes of the taints that announce a node's end."""
JOINING_SECONDS = 300.0
"""A node younger than this may still be starting."""


def not_ready(state: ClusterState, row: Row, now: float) -> StateResult:
    """Nodes whose Ready condition is False, or Unknown because the kubelet fell silent.

    Most nodes Unknown at once points to the control plane rather than to them: the confidence says so.
    """
    if (refused := unreadable(state, "nodes")) is not None:
        return refused
    found = []
    for node in state.nodes.values():
        ready = node.status.condition("Ready")
        if ready is None or ready.status == "True" or _expected(row, node, now):
            continue
        heartbeat = unix(ready.last_heartbeat_time)
        silent_since = heartbeat if ready.status == "Unknown" and heartbeat is not None else None
        if _lasts(row, ready, now, silent_since):
            found.append((node, ready))
    many = len(found) > 2 and 2 * len(found) > len(state.nodes)
    observations = tuple(_observation(row, state, node, ready, many=many) for node, ready in found)
    return StateResult(observations, Coverage.LIVE, len(state.nodes))


def memory_pressure(state: ClusterState, row: Row, now: float) -> StateResult:
    """Nodes whose kubelet says MemoryPressure."""
    return _pressure(state, row, now, "MemoryPressure")


def disk_pressure(state: ClusterState, row: Row, now: float) -> StateResult:
    """Nodes whose kubelet says DiskPressure."""
    return _pressure(state, row, now, "DiskPressure")


def _pressure(state: ClusterState, row: Row, now: float, kind: str) -> StateResult:
    """Only True is pressure: Unknown means that the kubelet is silent, which is the node's own finding."""
    if (refused := unreadable(state, "nodes")) is not None:
        return refused
    observations = []
    for node in state.nodes.values():
        condition, ready = node.status.condition(kind), node.status.condition("Ready")
        silent = ready is not None and ready.status == "Unknown"
        if condition is None or condition.status != "True" or silent or _expected(row, node, now):
            continue
        if _lasts(row, condition, now):
            observations.append(_observation(row, state, node, condition))
    return StateResult(tuple(observations), Coverage.LIVE, len(state.nodes))


def _lasts(row: Row, condition: Condition, now: float, since: float | None = None) -> bool:
    begun = min(each for each in (condition.since, since, now) if each is not None)
    return now - begun >= guard(row, "hold_seconds", 60)


def _expected(row: Row, node: Node, now: float) -> bool:
    """Whether the node is leaving, being worked on, or still joining."""
    deleted = node.metadata.deletion_timestamp is not None
    leaving = any(taint.key.startswith(LEAVING_TAINTS) for taint in node.spec.taints)
    joining = now - node.metadata.created < JOINING_SECONDS
    return (
        ((deleted or leaving) and guard(row, "ignore_nodes_being_deleted", 1) > 0)
        or (node.spec.unschedulable and guard(row, "ignore_cordoned_for_upgrade", 1) > 0)
        or joining
    )


def _observation(row: Row, state: ClusterState, node: Node, condition: Condition, *, many: bool = False) -> Observation:
    onset = condition.since if condition.since is not None else node.metadata.created
    text = f"{node.name} {condition.type}={condition.status}: {condition.message or condition.reason}"
    if many:
        text += " (most nodes at once: the control plane may not hear them)"
    return object_observation(
        row,
        state,
        object_entity(state, "Node", "", node.name, EntityType.NODE),
        [object_fact(state, "Node", node, text, condition_path(condition.type), at=onset, value=condition.status)],
        onset=onset,
        confidence=CONFIDENCE * (0.6 if many else 1.0),
    )
