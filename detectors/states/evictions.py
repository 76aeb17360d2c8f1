"""node-pressure-eviction-spike: kubelets that evict pods because their node is short of something."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from detectors.model import Coverage, EntityType
from detectors.states.occurrences import EVALUATION_SECONDS
from detectors.states.paths import condition_path
from detectors.states.report import (
    Affected,
    StateResult,
    guard,
    object_entity,
    object_fact,
    object_observation,
    partial,
    unreadable,
    workload_observations,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.model import Fact
    from detectors.objects import Pod

_BY_KUBELET = "TerminationByKubelet"


class _Evicted(NamedTuple):
    pod: Pod
    at: float
    message: str


def evictions(state: ClusterState, row: Row, now: float) -> StateResult:
    """Pods evicted by their kubelet within the last minutes, at least min_pods of them on one node.

    Evicted pods stay as objects long after: only when they were evicted counts. A drain uses the eviction API and does
    not say Evicted. Pods of one workload evicted on several nodes use more than they asked for: the workload speaks.
    """
    if (refused := unreadable(state, "pods")) is not None:
        return refused
    least = guard(row, "min_pods", 2)
    window = 60 * guard(row, "window_minutes", EVALUATION_SECONDS / 60)
    by_node: dict[str, list[_Evicted]] = {}
    for each in _evicted(state):
        if now - window < each.at <= now:
            by_node.setdefault(each.pod.spec.node_name, []).append(each)
    observations = []
    for name, members in by_node.items():
        if name and len(members) >= least:
            facts = [_fact(state, each) for each in sorted(members, key=lambda each: each.at)]
            entity = object_entity(state, "Node", "", name, EntityType.NODE)
            first, number = min(each.at for each in members), len(members)
            observations.append(
                object_observation(
                    row, state, entity, facts, onset=first, observed=float(number), score=number / max(least, 1)
                )
            )
    scattered = [each for members in by_node.values() if len(members) < least for each in members]
    affected = [Affected(each.pod, _text(each), *_proof(each.pod), each.at) for each in scattered]
    found = (*observations, *workload_observations(row, state, affected, least=least, per_pod=True))
    return StateResult(found, Coverage.LIVE, max(1, len(state.nodes)), partial(state, "pods"))


def _evicted(state: ClusterState) -> Iterator[_Evicted]:
    """Every evicted pod that is known, with the moment at which the kubelet decided so."""
    told = {
        event.regarding.uid: event.first_seen
        for event in state.events
        if event.reason == "Evicted" and event.regarding.kind == "Pod"
    }
    pods = {**{uid: gone.pod for uid, gone in state.gone.items()}, **state.pods}
    for uid, pod in pods.items():
        target = pod.status.condition("DisruptionTarget")
        disrupted = target.since if target is not None and target.reason == _BY_KUBELET else None
        if pod.status.reason != "Evicted" and disrupted is None:
            continue
        ends = [status.state.terminated for status in pod.statuses if status.state.terminated is not None]
        finished = [end.finished for end in ends if end.finished is not None]
        ready = pod.status.condition("Ready")
        times = [told.get(uid), disrupted, max(finished, default=None), ready.since if ready is not None else None]
        at = next((each for each in times if each is not None), pod.metadata.created)
        yield _Evicted(pod, at, pod.status.message or (target.message if target is not None else ""))


def _text(each: _Evicted) -> str:
    return f"{each.pod.name} of {each.pod.namespace} was evicted: {each.message}"


def _fact(state: ClusterState, each: _Evicted) -> Fact:
    path, value = _proof(each.pod)
    return object_fact(state, "Pod", each.pod, _text(each), path, at=each.at, value=value)


def _proof(pod: Pod) -> tuple[str, str]:
    """The field that says so, and what it holds."""
    if pod.status.reason == "Evicted":
        return "{.status.reason}", pod.status.reason
    return condition_path("DisruptionTarget", "reason"), _BY_KUBELET
