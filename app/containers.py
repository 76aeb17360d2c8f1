"""What containers ask for and may use at present, and what speaks for or against believing what they used.

Kubernetes objects tell it where they may be read; else kube-state-metrics or the collector's cluster receiver do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from detectors.entities import workload_entity
from detectors.objects import quantity
from detectors.rightsizing import Container
from detectors.usage import DAY
from storage.retention import USAGE_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from detectors.cluster import ClusterState
    from detectors.model import Entity
    from detectors.objects import HorizontalPodAutoscaler, Pod
    from detectors.objects.pods import Container as Specification


_EITHER = ("cpu", "memory")


class ContainerKey(NamedTuple):
    """One container of a workload."""

    entity: Entity
    name: str


def from_objects(state: ClusterState, now: float) -> dict[ContainerKey, Container]:
    """Every container of the living pods, sidecars too.

    Args:
        state: the cluster.
        now: unix seconds.
    """
    pods: dict[Entity, list[Pod]] = {}
    for pod in state.pods.values():
        if not pod.finished:
            pods.setdefault(workload_entity(state, pod), []).append(pod)
    scaled = _autoscalers(state)
    killed = _killed(state, now - USAGE_DAYS * DAY)
    found = {}
    for entity, own in pods.items():
        newest = max(own, key=lambda pod: pod.metadata.created)
        for each in _lasting(newest):
            key = ContainerKey(entity, each.name)
            found[key] = Container(
                kind=entity.kind,
                replicas=sum(any(c.name == each.name for c in _lasting(pod)) for pod in own),
                requests=_amounts(each.resources.requests),
                limits=_amounts(each.resources.limits),
                changed=_changed(state, newest, own),
                killed=killed.get(key),
                restarts=max(state.restarts_since(pod, now - DAY) for pod in own),
                autoscalers=None if scaled is None else scaled.get((entity.namespace, entity.kind, entity.name), {}),
            )
    return found


def _lasting(pod: Pod) -> tuple[Specification, ...]:
    """The containers that run as long as the pod does."""
    sidecars = tuple(each for each in pod.spec.init_containers if each.restart_policy == "Always")
    return (*sidecars, *pod.spec.containers)


def _amounts(amounts: Mapping[str, str | int | float]) -> dict[str, float]:
    values = {resource: quantity(amounts[resource]) for resource in _EITHER if resource in amounts}
    return {resource: value for resource, value in values.items() if math.isfinite(value) and value > 0}


def _changed(state: ClusterState, newest: Pod, pods: Iterable[Pod]) -> float | None:
    """When the running revision began: with the first of its pods that still live."""
    revision = state.owner(newest).revision
    births = (pod.metadata.created for pod in pods if state.owner(pod).revision == revision)
    return min((at for at in births if math.isfinite(at)), default=None)


def _killed(state: ClusterState, since: float) -> dict[ContainerKey, float]:
    """When a container was last OOM killed, as far as its pods still tell."""
    found: dict[ContainerKey, float] = {}
    for pod in (*state.pods.values(), *(gone.pod for gone in state.gone.values())):
        for status in pod.statuses:
            for ended in (status.state.terminated, status.last_state.terminated):
                at = ended.finished if ended is not None and ended.reason == "OOMKilled" else None
                if at is not None and at >= since:
                    key = ContainerKey(workload_entity(state, pod), status.name)
                    found[key] = max(at, found.get(key, at))
    return found


def _autoscalers(state: ClusterState) -> dict[tuple[str, str, str], dict[str, str]] | None:
    """Namespace, kind and name of a target -> resource -> what scales it by utilisation; None where not known."""
    if not state.readable("horizontalpodautoscalers"):
        return None
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for scaler in state.autoscalers.values():
        target = scaler.spec.scale_target_ref
        own = found.setdefault((scaler.namespace, target.kind, target.name), {})
        own.update(dict.fromkeys(_followed(scaler), f"HorizontalPodAutoscaler {scaler.name}"))
    return found


def _followed(scaler: HorizontalPodAutoscaler) -> set[str]:
    """The resources whose share of the request an autoscaler holds; one without metrics holds CPU."""
    if not scaler.spec.metrics:
        return {"cpu"}
    followed: set[str] = set()
    for metric in scaler.spec.metrics:
        if metric.type == "ContainerResource":
            # Which one is not read, so that both are left alone.
            followed.update(_EITHER)
        elif metric.resource is not None and metric.resource.target is not None:
            target = metric.resource.target
            if target.type == "Utilization" or target.average_utilization is not None:
                followed.add(metric.resource.name)
    return followed
