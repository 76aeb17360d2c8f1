"""Pods that no node takes: many of them in the cluster, or those of one workload with the scheduler's own words."""

from __future__ import annotations

import re
from collections import Counter
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from detectors.entities import workload_entity
from detectors.model import Coverage, EntityType, Fact
from detectors.objects import quantity
from detectors.states.paths import condition_path
from detectors.states.report import (
    Affected,
    StateResult,
    guard,
    kubectl,
    lowered,
    object_entity,
    object_observation,
    partial,
    unreadable,
    workload_observations,
)
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.model import Observation
    from detectors.objects import Pod

PATIENCE = 5
"""While the cluster autoscaler adds a node, and for the pods of Jobs, which wait for their turn, a pod may wait this
many times as long."""
_RESOURCES = ("cpu", "memory")
_NODES = re.compile(r"0/(\d+) nodes are available")
_UNWANTED = re.compile(
    r"(\d+) node\(s\) (?:didn't match Pod's node affinity/selector|had untolerated taint(?! ?\{node\.kubernetes\.io))"
)
"""What the scheduler says of nodes that no waiting changes; the node controller's own taints come and go."""
_MOST_CAUSES = 3


class _Waiting(NamedTuple):
    """A pod that the scheduler could not place."""

    pod: Pod
    since: float
    message: str
    scaling: bool
    """The cluster autoscaler adds a node for it."""


def unschedulable(state: ClusterState, row: Row, now: float) -> StateResult:
    """Pods that could not be scheduled for hold_seconds, min_pods of them.

    A workload with that many speaks for itself; the others together, if they are that many, are the cluster's.
    """
    if (refused := unreadable(state, "pods")) is not None:
        return refused
    pods = state.judged_pods
    waiting = [each for each in _waiting(state, pods) if _too_long(state, row, each, now)]
    least = guard(row, "min_pods", 3)
    sizes = Counter(state.owner(each.pod).key for each in waiting)
    of_one = [each for each in waiting if sizes[state.owner(each.pod).key] >= least]
    others = [each for each in waiting if sizes[state.owner(each.pod).key] < least]
    found = workload_observations(row, state, [_affected(each) for each in of_one], least=least, per_pod=True)
    if len(others) >= least:
        found += (_of_the_cluster(row, state, others, least),)
    return StateResult(found, Coverage.LIVE, max(1, state.workload_count(pods)), partial(state, "pods"))


def failed_scheduling(state: ClusterState, row: Row, now: float) -> StateResult:
    """Workloads of which min_distinct_pods pods are told by FailedScheduling events to fit nowhere, for hold_seconds.

    A pod that asks for more than any node has, or for a node that is not there, is not waited for, and one is enough.
    Pods that wait for a claim are the claim's finding.
    """
    if (refused := unreadable(state, "events", "pods")) is not None:
        return refused
    pods = state.judged_pods
    told = {event.regarding.uid for event in state.events if event.reason == "FailedScheduling"}
    waiting = [each for each in _waiting(state, pods) if each.pod.metadata.uid in told]
    hopeless = [each for each in waiting if not each.scaling and (_fits_nowhere(state, each) or _unwanted(state, each))]
    lasting = [each for each in waiting if each in hopeless or _too_long(state, row, each, now)]
    least = guard(row, "min_distinct_pods", 2)
    observations = workload_observations(row, state, [_affected(each) for each in lasting], least=least, per_pod=True)
    found = {observation.entity.key for observation in observations}
    alone = [each for each in hopeless if workload_entity(state, each.pod).key not in found]
    observations += workload_observations(row, state, [_affected(each) for each in alone], per_pod=True)
    return StateResult(observations, Coverage.LIVE, state.workload_count(pods), partial(state, "events"))


def _waiting(state: ClusterState, pods: Sequence[Pod]) -> Iterator[_Waiting]:
    """Pods that no node took and that are not held back on purpose, nor by a claim."""
    scaling = {event.regarding.uid for event in state.events if event.reason == "TriggeredScaleUp"}
    for pod in pods:
        scheduled = pod.status.condition("PodScheduled")
        refused = scheduled is not None and scheduled.status == "False" and scheduled.reason == "Unschedulable"
        if scheduled is None or not refused or pod.finished or pod.spec.scheduling_gates or waits_for_claim(state, pod):
            continue
        since = scheduled.since if scheduled.since is not None else pod.metadata.created
        yield _Waiting(pod, since, scheduled.message, pod.metadata.uid in scaling)


def waits_for_claim(state: ClusterState, pod: Pod) -> bool:
    """Whether one of its claims is not bound and will not be by placing the pod."""
    for volume in pod.spec.volumes:
        source = volume.persistent_volume_claim
        claim = state.claims.get((pod.namespace, source.claim_name)) if source is not None else None
        if claim is not None and claim.status.phase == "Pending":
            storage = state.storage_classes.get(claim.spec.storage_class_name or "")
            if storage is None or storage.volume_binding_mode != "WaitForFirstConsumer":
                return True
    return False


def _too_long(state: ClusterState, row: Row, each: _Waiting, now: float) -> bool:
    patient = each.scaling or state.owner(each.pod).kind in ("Job", "CronJob")
    return now - each.since >= guard(row, "hold_seconds", 120) * (PATIENCE if patient else 1)


def _fits_nowhere(state: ClusterState, each: _Waiting) -> bool:
    """It asks for more than the largest node has: no waiting helps."""
    capacities = [node.status.allocatable for node in state.nodes.values()] if state.readable("nodes") else []
    for resource in _RESOURCES:
        wanted = sum(quantity(part.resources.requests.get(resource, 0)) for part in each.pod.spec.containers)
        if wanted > max((quantity(known[resource]) for known in capacities if resource in known), default=inf):
            return True
    return False


def _unwanted(state: ClusterState, each: _Waiting) -> bool:
    """Every node refuses it by label or taint, and none of them because it is not well itself."""
    total = _NODES.match(each.message)
    refusals = sum(int(number) for number in _UNWANTED.findall(each.message.partition("preemption:")[0]))
    return total is not None and refusals >= int(total[1]) > 0 and not state.silent_nodes


def _affected(each: _Waiting) -> Affected:
    text = f"{each.pod.name} is not scheduled: {each.message}"
    return Affected(each.pod, text, condition_path("PodScheduled", "reason"), "Unschedulable", each.since)


def _of_the_cluster(row: Row, state: ClusterState, waiting: list[_Waiting], least: float) -> Observation:
    """Pods of several workloads at once: the cluster is short of something; the commonest causes come first."""
    command = kubectl(state, "get", "pods", "--all-namespaces", "--field-selector", "status.phase=Pending")
    causes = Counter(each.message for each in waiting).most_common(_MOST_CAUSES)
    facts = [
        Fact("object", f"{counted(number, 'pods')}: {cause}", command, value=str(number)) for cause, number in causes
    ]
    for owner, number in Counter(state.owner(each.pod).key for each in waiting).items():
        kind, namespace, name = owner
        facts.append(Fact("object", f"{kind} {namespace}/{name}: {counted(number, 'pods')} not scheduled", command))
    return object_observation(
        row,
        state,
        object_entity(state, "Cluster", "", state.cluster, EntityType.CLUSTER),
        facts,
        onset=min(each.since for each in waiting),
        severity=lowered(row.severity, state, ""),
        observed=float(len(waiting)),
        score=len(waiting) / max(least, 1),
    )
