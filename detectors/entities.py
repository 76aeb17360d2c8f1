"""From what a series' labels say to the thing that is meant: workload, peer, node, claim, cluster, environment.

Names from telemetry are not Kubernetes names. They are looked up in a fixed order, exact before alike, inside the
series' namespace before anywhere: workload, Service, the usual labels, then a unique match over all namespaces. What
is still unknown keeps its own name under a kind that says so, and never takes another workload's place.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from detectors.model import Entity, EntityType
from detectors.owners import Owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from detectors.cluster import ClusterState
    from detectors.model import Identity
    from detectors.objects import Metadata, Node, Pod, Service

UNKNOWN_WORKLOAD = "Workload"
"""Kind of a workload that only metrics name."""
UNRESOLVED_SERVICE = "Service (unresolved)"
"""Kind of a telemetry name that is no object of the cluster."""
DEFAULT_ENVIRONMENT = "default"

NAME_LABELS = ("app.kubernetes.io/name", "app", "k8s-app")
NAME_ANNOTATION = "resource.opentelemetry.io/service.name"
ENVIRONMENT_LABELS = ("env", "environment", "stage", "app.kubernetes.io/environment")

_ENVIRONMENT_NAME = re.compile(
    r"(?:^|-)(prod|production|live|stage|staging|preprod|qa|test|dev|sandbox|preview)(?:-|$)"
)

_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
_POD_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(.+)-[0-9]{{8,10}}-{_SAFE}{{5}}",  # CronJob
        rf"(.+)-{_SAFE}{{1,10}}-{_SAFE}{{5}}",  # Deployment
        r"(.+)-[0-9]+",  # StatefulSet
        rf"(.+)-{_SAFE}{{5}}",  # DaemonSet, Job
    )
)
"""The shapes that controllers give to pod names; `_SAFE` is Kubernetes' alphabet for random suffixes."""

_PREFERENCE = {
    kind: rank for rank, kind in enumerate(("Deployment", "Rollout", "StatefulSet", "DaemonSet", "CronJob", "Job"))
}
_METADATA_ADDRESS = "169.254.169.254"
_CLUSTER_DOMAIN = ("svc", "cluster.local", "localhost")
"""How names end that nobody outside the cluster, or the pod, answers to."""


class PeerKind(StrEnum):
    """Who is at the other end of a call."""

    WORKLOAD = "workload"
    SERVICE = "service"
    NODE = "node"
    INTERNAL = "internal"
    """A name of this cluster that no object has."""
    CLOUD_METADATA = "cloud metadata"
    PRIVATE = "private"
    """A private address outside the cluster."""
    EXTERNAL = "external"


OUTSIDE = frozenset({PeerKind.PRIVATE, PeerKind.EXTERNAL})
"""What a workload depends on that no object of its cluster stands for."""


class Peer(NamedTuple):
    """The far end of a call."""

    kind: PeerKind
    name: str
    """`namespace/name` inside the cluster, else the host name or address: lower case, without port."""
    owners: tuple[Owner, ...] = ()


def workload_entity(state: ClusterState, pod: Pod) -> Entity:
    """The workload that answers for a pod."""
    owner = state.owner(pod)
    environment = environment_of(owner.namespace, state, state.environments, cluster=state.cluster)
    return Entity(EntityType.WORKLOAD, state.cluster, owner.namespace, owner.kind, owner.name, environment=environment)


def guess_workload(pod: str) -> str:
    """A workload's name from one of its pods' names: a guess, for when nothing else can be asked."""
    return next((match[1] for pattern in _POD_NAMES if (match := pattern.fullmatch(pod))), pod)


def host_of(address: str) -> str:
    """The host of `host`, `host:port`, `[v6]:port` or a URL: lower case, without port and trailing dot."""
    host = address.strip().lower().partition("://")[2] or address.strip().lower()
    host = host.partition("/")[0].rpartition("@")[2]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    if host.count(":") == 1:
        host = host.partition(":")[0]
    return host.rstrip(".")


def environment_of(
    namespace: str,
    state: ClusterState | None,
    environments: Mapping[str, str],
    *,
    label: str = "",
    cluster: str = "",
) -> str:
    """The environment of a namespace; the first hit wins.

    Args:
        namespace: empty for nodes and the cluster.
        state: for the Namespace's labels and annotations.
        environments: the user's own: pattern of a namespace or cluster name -> environment.
        label: what the series itself says.
        cluster: for patterns and for clusters that are named after their environment.
    """
    for pattern, environment in environments.items():
        if fnmatchcase(namespace, pattern) or (cluster and fnmatchcase(cluster, pattern)):
            return environment
    if label:
        return label
    known = state.namespaces.get(namespace) if state is not None else None
    if known is not None:
        for name in ENVIRONMENT_LABELS:
            value = known.metadata.labels.get(name) or known.metadata.annotations.get(name)
            if value:
                return value
    for name in (namespace, cluster):
        if match := _ENVIRONMENT_NAME.search(name):
            return match[1]
    return DEFAULT_ENVIRONMENT


class Resolver:
    """Identity to entity over one state of the cluster; answers are remembered, so ask one resolver all cycle long.

    Args:
        state: None when there is no Kubernetes API: names are then taken, or guessed, from labels alone.
        cluster: the name that entities carry when the series names none.
        environments: see `environment_of`.
    """

    def __init__(self, state: ClusterState | None, cluster: str, environments: Mapping[str, str]) -> None:
        self._state = state
        self._cluster = cluster
        self._environments = environments
        self._entities: dict[tuple[Identity, EntityType], Entity] = {}
        self._environment_names: dict[tuple[str, str], str] = {}

    def entity(self, identity: Identity, kind: EntityType) -> Entity:
        """The entity that labels point at; nameless where they point at none, as calls inside the cluster do at no
        external dependency.
        """
        key = (identity, kind)
        found = self._entities.get(key)
        if found is None:
            found = self._resolve(identity, kind)
            if found.namespace:
                environment = self.environment(found.namespace, identity.environment)
                found = msgspec.structs.replace(found, environment=environment)
            self._entities[key] = found
        return found

    def environment(self, namespace: str, label: str = "") -> str:
        """The environment of a namespace, see `environment_of`."""
        key = (namespace, label)
        found = self._environment_names.get(key)
        if found is None:
            found = self._environment_names[key] = environment_of(
                namespace, self._state, self._environments, label=label, cluster=self._cluster
            )
        return found

    def peer(self, address: str, namespace: str) -> Peer:
        """Who is behind an address or name, as a caller in that namespace sees it."""
        host = host_of(address)
        try:
            return self._peer_by_ip(host)
        except ValueError:
            return self._peer_by_name(host, namespace)

    def _resolve(self, identity: Identity, kind: EntityType) -> Entity:
        # A state is of one cluster, whatever that cluster is called in labels.
        cluster = self._cluster if self._state is not None else identity.cluster or self._cluster
        if kind is EntityType.CLUSTER:
            return Entity(kind, cluster, "", "Cluster", cluster)
        if kind is EntityType.NODE:
            return Entity(kind, cluster, "", "Node", self._node_name(identity))
        if kind is EntityType.CLAIM:
            return Entity(kind, cluster, identity.namespace, "PersistentVolumeClaim", identity.claim)
        if kind is EntityType.POD:
            return Entity(kind, cluster, identity.namespace, "Pod", identity.pod)
        owner = self._workload(identity)
        peer = ""
        if kind in (EntityType.DEPENDENCY, EntityType.DATABASE):
            far = self.peer(identity.peer, owner.namespace)
            if kind is EntityType.DEPENDENCY and far.kind not in OUTSIDE:
                return Entity(kind, cluster, owner.namespace, owner.kind, "")
            peer = far.name
        return Entity(kind, cluster, owner.namespace, owner.kind, owner.name, peer)

    def _workload(self, identity: Identity) -> Owner:
        if identity.workload:
            return self._named_workload(identity.namespace, identity.workload, identity.kind)
        if identity.pod:
            return self._pod_workload(identity.namespace, identity.pod)
        if identity.address and self._state is not None:
            pod = self._state.pod_by_ip(host_of(identity.address))
            if pod is not None:
                return self._state.owner(pod)
        name = identity.service or host_of(identity.address)
        return self._service_workload(identity.namespace, name)

    def _named_workload(self, namespace: str, name: str, kind: str) -> Owner:
        if self._state is None:
            return Owner(kind or UNKNOWN_WORKLOAD, namespace, name)
        if kind:
            return self._state.owner_of(kind, namespace, name)
        found = self._directory.workloads.get((namespace, name))
        return found or Owner(UNKNOWN_WORKLOAD, namespace, name)

    def _pod_workload(self, namespace: str, name: str) -> Owner:
        pod = self._state.pod_named(namespace, name) if self._state is not None else None
        if pod is not None and self._state is not None:
            return self._state.owner(pod)._replace(revision="")
        return self._named_workload(namespace, guess_workload(name), "")

    def _service_workload(self, namespace: str, name: str) -> Owner:
        head, slash, tail = name.partition("/")
        if slash:
            # OpenTelemetry's job label: service.namespace/service.name; the former need not be a namespace.
            if self._state is not None and head in self._state.namespaces:
                namespace = namespace or head
            name = tail
        if self._state is None:
            return Owner(UNRESOLVED_SERVICE, namespace, name)
        directory = self._directory
        found = directory.within(namespace, name) if namespace else None
        return found or directory.anywhere(name) or Owner(UNRESOLVED_SERVICE, namespace, name)

    def _node_name(self, identity: Identity) -> str:
        host = identity.node or host_of(identity.address)
        if self._state is None or host in self._state.nodes:
            return host
        return self._directory.nodes.get(host_of(host), host)

    def _peer_by_ip(self, host: str) -> Peer:
        address = ip_address(host)
        if self._state is not None:
            pod = self._state.pod_by_ip(host)
            if pod is not None:
                owner = self._state.owner(pod)
                return Peer(PeerKind.WORKLOAD, f"{owner.namespace}/{owner.name}", (owner,))
            service = self._directory.services_by_ip.get(host)
            if service is not None:
                return self._service_peer(service.namespace, service.name)
            if host in self._directory.nodes:
                return Peer(PeerKind.NODE, self._directory.nodes[host])
        if host == _METADATA_ADDRESS:
            return Peer(PeerKind.CLOUD_METADATA, host)
        if address.is_loopback:
            return Peer(PeerKind.INTERNAL, host)
        return Peer(PeerKind.PRIVATE if address.is_private else PeerKind.EXTERNAL, host)

    def _peer_by_name(self, host: str, namespace: str) -> Peer:
        if self._state is None:
            inside = f".{host}".endswith(tuple(f".{end}" for end in _CLUSTER_DOMAIN))
            return Peer(PeerKind.INTERNAL if inside else PeerKind.EXTERNAL, host)
        labels = host.split(".")
        if "svc" in labels[1:]:
            position = labels.index("svc", 1)
            candidates = [(labels[position - 1], labels[position - 2])] if position >= 2 else []
        else:
            candidates = [(namespace, labels[0])] if len(labels) == 1 else []
            candidates += [(labels[-1], labels[-2])] if len(labels) in (2, 3) else []
        for space, name in candidates:
            if (space, name) in self._state.services:
                return self._service_peer(space, name)
        if len(labels) == 1:
            # What traces call it: the far end may have no Service, or one in another namespace.
            owner = (self._directory.within(namespace, host) if namespace else None) or self._directory.anywhere(host)
            if owner is not None and owner.kind == "Service":
                return self._service_peer(owner.namespace, owner.name)
            if owner is not None:
                return Peer(PeerKind.WORKLOAD, f"{owner.namespace}/{owner.name}", (owner,))
        inside = "svc" in labels[1:] or host == "localhost"
        return Peer(PeerKind.INTERNAL if inside else PeerKind.EXTERNAL, host)

    def _service_peer(self, namespace: str, name: str) -> Peer:
        assert self._state is not None
        service = self._state.services[namespace, name]
        if service.spec.external_name:
            return Peer(PeerKind.EXTERNAL, host_of(service.spec.external_name))
        return Peer(PeerKind.SERVICE, f"{namespace}/{name}", self._state.service_workloads(namespace, name))

    @cached_property
    def _directory(self) -> _Directory:
        assert self._state is not None
        return _Directory(self._state)


class _Directory:
    """A cluster's workloads by every name that telemetry may know them by."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self.workloads: dict[tuple[str, str], Owner] = {}
        """By namespace and exact name."""
        self._aliases: dict[tuple[str, str, str], set[Owner]] = {}
        self._elsewhere: dict[str, set[Owner]] = {}
        self._services: dict[str, list[Service]] = {}
        for owner, metadata in self._described():
            self._add(owner, metadata)
        for service in state.services.values():
            self._services.setdefault(service.name, []).append(service)
            # How Traefik writes them.
            self._services.setdefault(f"{service.namespace}-{service.name}", []).append(service)

    def within(self, namespace: str, name: str) -> Owner | None:
        """What that name means inside a namespace."""
        exact = self.workloads.get((namespace, name))
        if exact is not None:
            return exact
        if (namespace, name) in self._state.services:
            return self._behind(namespace, name)
        for label in (*NAME_LABELS, NAME_ANNOTATION):
            owners = self._aliases.get((label, namespace, name), ())
            if len(owners) == 1:
                return next(iter(owners))
        return None

    def anywhere(self, name: str) -> Owner | None:
        """The one workload of any namespace that this name can mean."""
        owners = self._elsewhere.get(name, set())
        if not owners:
            owners = {self._behind(service.namespace, service.name) for service in self._services.get(name, ())}
        return next(iter(owners)) if len(owners) == 1 else None

    def _behind(self, namespace: str, name: str) -> Owner:
        owners = self._state.service_workloads(namespace, name)
        return owners[0]._replace(revision="") if len(owners) == 1 else Owner("Service", namespace, name)

    def _described(self) -> Iterator[tuple[Owner, Metadata]]:
        for key, workload in self._state.workloads.items():
            if workload.metadata.controller is None:
                yield Owner(*key), workload.metadata
                yield Owner(*key), workload.spec.template.metadata
        for pod in self._state.pods.values():
            owner = self._state.owner(pod)
            if owner.key not in self._state.workloads:
                yield owner._replace(revision=""), pod.metadata

    def _add(self, owner: Owner, metadata: Metadata) -> None:
        key = (owner.namespace, owner.name)
        known = self.workloads.get(key)
        if known is None or _rank(owner) < _rank(known):
            self.workloads[key] = owner
        names = [(label, metadata.labels.get(label)) for label in NAME_LABELS]
        names.append((NAME_ANNOTATION, metadata.annotations.get(NAME_ANNOTATION)))
        self._elsewhere.setdefault(owner.name, set()).add(owner)
        for label, name in names:
            if name:
                self._aliases.setdefault((label, owner.namespace, name), set()).add(owner)
                self._elsewhere.setdefault(name, set()).add(owner)

    @cached_property
    def services_by_ip(self) -> dict[str, Service]:
        """By cluster, external and load balancer address."""
        return {ip: service for service in self._state.services.values() for ip in service.addresses}

    @cached_property
    def nodes(self) -> dict[str, str]:
        """Node names by address, host name and machine id, in lower case."""
        return {name: node.name for node in self._state.nodes.values() for name in _node_names(node)}


def _node_names(node: Node) -> Iterator[str]:
    yield node.name.lower()
    for address in node.status.addresses:
        yield address.address.lower()
    if node.status.node_info.machine_id:
        yield node.status.node_info.machine_id.lower()


def _rank(owner: Owner) -> int:
    return _PREFERENCE.get(owner.kind, len(_PREFERENCE))
