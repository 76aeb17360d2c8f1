"""Everything known about a cluster's objects at one moment, with owners resolved.

A `ClusterState` is immutable; its indexes are built on first use and live as long as it does. What may not be read is
not empty but refused: ask `access` before drawing conclusions from an empty mapping.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from detectors.objects import ReplicaSet, unix
from detectors.owners import Owner, OwnerMemory, climb, owner_of_pod

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from detectors.model import Entity
    from detectors.objects import (
        EndpointSlice,
        Event,
        HorizontalPodAutoscaler,
        Namespace,
        Node,
        NodeCounters,
        NodeMetrics,
        NodeSummary,
        PersistentVolume,
        PersistentVolumeClaim,
        Pod,
        PodMetrics,
        ResourceQuota,
        Service,
        StorageClass,
        Workload,
    )

RETURN_SECONDS = 300.0
"""How long after a node's return what was said of its pods may still be old."""


class AccessStatus(StrEnum):
    """Whether a resource can be seen."""

    LOADING = "loading"
    LISTED = "listed"
    FORBIDDEN = "forbidden"
    """403: unknown, not healthy."""
    NOT_SERVED = "not served"
    """404: this cluster has no such resource."""
    ERROR = "error"
    """The API does not answer at the moment; what was listed before is still there, and stale."""


class Access(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a resource can be seen, and since when."""

    status: AccessStatus
    detail: str = ""
    """The server's own words, which name the missing right."""
    since: float = 0.0
    """Unix seconds."""
    namespaces: tuple[str, ...] = ()
    """Where listing was allowed; empty is the whole cluster."""

    @property
    def readable(self) -> bool:
        """Its objects are current."""
        return self.status is AccessStatus.LISTED


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `/readyz?verbose` said last."""

    at: float
    """Unix seconds."""
    ok: bool | None
    """None: it could not be asked (`detail` says why)."""
    failed: tuple[str, ...] = ()
    """Names of the checks that failed."""
    detail: str = ""
    since: float = 0.0
    """Unix seconds of the first of the answers in a row that said the same; 0 where only one is known."""
    times: int = 1
    """How many answers in a row said the same."""
    skew: float = 0.0
    """Seconds by which the API server's clock is ahead of ours."""

    def after(self, earlier: Readiness | None) -> Readiness:
        """This answer, with how long and how often it has been the same."""
        if earlier is None or earlier.ok is not self.ok:
            return msgspec.structs.replace(self, since=self.at, times=1)
        return msgspec.structs.replace(self, since=earlier.since or earlier.at, times=earlier.times + 1)


class Restart(msgspec.Struct, frozen=True, omit_defaults=True):
    """A container's restart counter went up while it was watched."""

    at: float
    """Unix seconds: when its last run ended, by the kubelet's clock."""
    pod: str
    """UID."""
    container: str
    delta: int
    reason: str = ""
    """How its last run ended: `Error`, `OOMKilled`, `Completed`, ..."""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class GonePod:
    """A pod as it was when it was deleted; kept for a day so that windows into the past still resolve."""

    pod: Pod
    at: float
    """Unix seconds."""


@dataclass(frozen=True, eq=False)
class ClusterState:
    """A cluster's objects. Mappings that lack a key lack the object, or the right to see it."""

    cluster: str
    at: float
    """Unix seconds."""
    pods: Mapping[str, Pod] = field(default_factory=dict)
    """By UID."""
    gone: Mapping[str, GonePod] = field(default_factory=dict)
    """By UID."""
    nodes: Mapping[str, Node] = field(default_factory=dict)
    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    workloads: Mapping[tuple[str, str, str], Workload] = field(default_factory=dict)
    """By kind, namespace, name: ReplicaSets and Jobs too."""
    services: Mapping[tuple[str, str], Service] = field(default_factory=dict)
    """By namespace, name; so are the next three."""
    endpoint_slices: Mapping[tuple[str, str], EndpointSlice] = field(default_factory=dict)
    claims: Mapping[tuple[str, str], PersistentVolumeClaim] = field(default_factory=dict)
    autoscalers: Mapping[tuple[str, str], HorizontalPodAutoscaler] = field(default_factory=dict)
    quotas: Mapping[tuple[str, str], ResourceQuota] = field(default_factory=dict)
    volumes: Mapping[str, PersistentVolume] = field(default_factory=dict)
    storage_classes: Mapping[str, StorageClass] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    restarts: tuple[Restart, ...] = ()
    """Oldest first, of the last hours."""
    access: Mapping[str, Access] = field(default_factory=dict)
    """By resource, as the API names it: `pods`, `nodes`, `replicasets`, `pods.metrics.k8s.io`, `/readyz`, ..."""
    readyz: Readiness | None = None
    version: str = ""
    """`v1.36.2`; empty when it could not be asked."""
    environments: Mapping[str, str] = field(default_factory=dict)
    """The engineer's own: namespace or cluster pattern -> environment; see `detectors.entities.environment_of`."""
    pod_metrics: Mapping[tuple[str, str], PodMetrics] = field(default_factory=dict)
    """By namespace, name."""
    node_metrics: Mapping[str, NodeMetrics] = field(default_factory=dict)
    summaries: Mapping[str, NodeSummary] = field(default_factory=dict)
    """What the kubelets told last, by node."""
    counters: Mapping[str, NodeCounters] = field(default_factory=dict)
    """What cAdvisor told last of their containers, by node."""
    owner_memory: OwnerMemory = field(default_factory=OwnerMemory, repr=False, compare=False)
    """What the states before this one found out."""

    def readable(self, *resources: str) -> bool:
        """All of these are listed and current."""
        return all(resource in self.access and self.access[resource].readable for resource in resources)

    def owner(self, pod: Pod) -> Owner:
        """The workload that answers for a pod, found by climbing its controllers."""
        found = self._owners.get(pod.metadata.uid)
        return found if found is not None else owner_of_pod(pod, self.workloads)

    def workload_count(self, pods: Iterable[Pod]) -> int:
        """How many workloads some pods of this state belong to."""
        keys = self._owner_keys
        return len({keys[pod.metadata.uid] for pod in pods})

    def owner_of(self, kind: str, namespace: str, name: str, uid: str = "") -> Owner:
        """The workload that answers for any object: itself when nothing owns it, and when it is no longer known."""
        if kind == "Pod":
            pod = self.pods.get(uid) or self.pod_named(namespace, name)
            if pod is None and uid in self.gone:
                pod = self.gone[uid].pod
            return self.owner(pod) if pod is not None else Owner(kind, namespace, name)
        return climb(Owner(kind, namespace, name), self.workloads)

    def pod_named(self, namespace: str, name: str) -> Pod | None:
        """The living pod of that name, else the one of that name that was deleted last."""
        return self._pods_by_name.get((namespace, name))

    def pod_by_ip(self, ip: str) -> Pod | None:
        """The living pod with that address of its own (host-network pods share their node's)."""
        return self._pods_by_ip.get(ip)

    def workload_pods(self, kind: str, namespace: str, name: str) -> tuple[Pod, ...]:
        """The living pods that a workload answers for."""
        return self._pods_by_owner.get((kind, namespace, name), ())

    def revisions(self, kind: str, namespace: str, name: str) -> tuple[ReplicaSet, ...]:
        """The ReplicaSets of a Deployment or Rollout, newest first."""
        return self._revisions.get((kind, namespace, name), ())

    def service_workloads(self, namespace: str, name: str) -> tuple[Owner, ...]:
        """The workloads behind a Service: by its endpoints, else by its selector; several for a canary."""
        owners = {owner.key: owner for owner in self._endpoint_owners.get((namespace, name), ())}
        service = self.services.get((namespace, name))
        if not owners and service is not None and service.spec.selector:
            owners = {owner.key: owner for owner in self._selected(namespace, service.spec.selector)}
        return tuple(owners.values())

    def restarts_since(self, pod: Pod, start: float) -> int:
        """Container restarts of a pod after an instant.

        A pod born since then counts from zero; of an older one only what was seen counts: increments while it was
        watched, or one for a container whose last run ended since.
        """
        if pod.metadata.created >= start:
            return sum(status.restart_count for status in pod.statuses)
        seen = self._restarts_by_pod.get(pod.metadata.uid, ())
        total = 0
        for status in pod.statuses:
            deltas = sum(each.delta for each in seen if each.container == status.name and each.at > start)
            ended = status.last_state.terminated.finished if status.last_state.terminated else None
            total += deltas or int(status.restart_count > 0 and ended is not None and ended > start)
        return total

    def _selected(self, namespace: str, selector: Mapping[str, str]) -> list[Owner]:
        wanted = selector.items()
        found = [
            self.owner(pod)
            for pod in self._pods_by_namespace.get(namespace, ())
            if wanted <= pod.metadata.labels.items()
        ]
        if found:
            return found
        return [
            climb(Owner(*key), self.workloads)
            for key, workload in self.workloads.items()
            if key[1] == namespace and wanted <= workload.spec.template.metadata.labels.items()
        ]

    @cached_property
    def silent_nodes(self) -> frozenset[str]:
        """The names of the nodes that are not ready: what happens there is not known, and not the pods' fault."""
        ready = {name: node.status.condition("Ready") for name, node in self.nodes.items()}
        return frozenset(name for name, told in ready.items() if told is not None and told.status != "True")

    @cached_property
    def judged_pods(self) -> tuple[Pod, ...]:
        """The pods whose status speaks for their workload.

        Left out: pods that are being deleted, evicted leftovers, and pods of a node whose kubelet does not report:
        their status is as old as its silence, and the node is the finding.
        """
        silent = self.silent_nodes
        return tuple(
            pod
            for pod in self.pods.values()
            if pod.metadata.deletion_timestamp is None
            and pod.status.reason != "Evicted"
            and pod.spec.node_name not in silent
        )

    @cached_property
    def claim_users(self) -> Mapping[tuple[str, str], Sequence[Pod]]:
        """The unfinished pods that mention each claim, by namespace and name."""
        users: dict[tuple[str, str], list[Pod]] = {}
        for pod in self.pods.values():
            for volume in pod.spec.volumes if not pod.finished else ():
                if volume.persistent_volume_claim is not None:
                    users.setdefault((pod.namespace, volume.persistent_volume_claim.claim_name), []).append(pod)
        return users

    @cached_property
    def _owners(self) -> Mapping[str, Owner]:
        return self.owner_memory.owners(self.pods, self.workloads)

    @cached_property
    def _owner_keys(self) -> dict[str, tuple[str, str, str]]:
        return {uid: owner.key for uid, owner in self._owners.items()}

    @cached_property
    def _pods_by_owner(self) -> dict[tuple[str, str, str], tuple[Pod, ...]]:
        groups: dict[tuple[str, str, str], list[Pod]] = {}
        for uid, owner in self._owners.items():
            groups.setdefault(owner.key, []).append(self.pods[uid])
        return {key: tuple(pods) for key, pods in groups.items()}

    @cached_property
    def _pods_by_name(self) -> dict[tuple[str, str], Pod]:
        gone = sorted(self.gone.values(), key=lambda each: each.at)
        pods = [each.pod for each in gone]
        pods += self.pods.values()
        return {(pod.namespace, pod.name): pod for pod in pods}

    @cached_property
    def _pods_by_namespace(self) -> dict[str, list[Pod]]:
        groups: dict[str, list[Pod]] = {}
        for pod in self.pods.values():
            groups.setdefault(pod.namespace, []).append(pod)
        return groups

    @cached_property
    def _pods_by_ip(self) -> dict[str, Pod]:
        return {
            pod.status.pod_ip: pod
            for pod in self.pods.values()
            if pod.status.pod_ip and not pod.spec.host_network and not pod.finished
        }

    @cached_property
    def _restarts_by_pod(self) -> dict[str, list[Restart]]:
        groups: dict[str, list[Restart]] = {}
        for restart in self.restarts:
            groups.setdefault(restart.pod, []).append(restart)
        return groups

    @cached_property
    def _revisions(self) -> dict[tuple[str, str, str], tuple[ReplicaSet, ...]]:
        groups: dict[tuple[str, str, str], list[ReplicaSet]] = {}
        for workload in self.workloads.values():
            controller = workload.metadata.controller
            if isinstance(workload, ReplicaSet) and controller is not None:
                groups.setdefault((controller.kind, workload.namespace, controller.name), []).append(workload)
        return {key: tuple(sorted(sets, key=_age_key, reverse=True)) for key, sets in groups.items()}

    @cached_property
    def _endpoint_owners(self) -> dict[tuple[str, str], list[Owner]]:
        groups: dict[tuple[str, str], list[Owner]] = {}
        for piece in self.endpoint_slices.values():
            owners = groups.setdefault((piece.namespace, piece.service), [])
            for endpoint in piece.endpoints or ():
                target = endpoint.target_ref
                pod = self.pods.get(target.uid) if target is not None and target.kind == "Pod" else None
                if pod is not None:
                    owners.append(self.owner(pod))
        return groups


_NAMESPACED = {
    "HorizontalPodAutoscaler": "autoscalers",
    "PersistentVolumeClaim": "claims",
    "ResourceQuota": "quotas",
    "Service": "services",
}
"""The mapping of `ClusterState` that has the objects of a kind by namespace and name."""


def gone(state: ClusterState, entity: Entity) -> bool:
    """Whether a workload, node or other object is known to exist no more: its kind is readable, and it is not there."""
    if entity.kind == "Node":
        return state.readable("nodes") and entity.name not in state.nodes
    resource = f"{entity.kind.lower()}s"
    if not state.readable(resource) or state.access[resource].namespaces:
        return False
    if entity.kind == "Pod":
        pod = state.pod_named(entity.namespace, entity.name)
        return pod is None or pod.metadata.uid not in state.pods
    if entity.kind in _NAMESPACED:
        return (entity.namespace, entity.name) not in getattr(state, _NAMESPACED[entity.kind])
    return (entity.kind, entity.namespace, entity.name) not in state.workloads


def obscured(state: ClusterState, entity: Entity) -> bool:
    """Whether some of a workload's pods are on nodes whose kubelet does not report, or has just begun to again."""
    for pod in state.workload_pods(entity.kind, entity.namespace, entity.name):
        node = state.nodes.get(pod.spec.node_name)
        ready = node.status.condition("Ready") if node is not None else None
        if ready is not None and (ready.status != "True" or 0 <= state.at - (ready.since or 0.0) < RETURN_SECONDS):
            return True
    return False


def _age_key(replica_set: ReplicaSet) -> tuple[int, float]:
    return replica_set.revision, unix(replica_set.metadata.creation_timestamp) or 0.0
