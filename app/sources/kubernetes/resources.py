"""Which resources are kept, as data: where the API serves them, what they decode to, how they are keyed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detectors import objects

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


def _by_uid(item: Any) -> Hashable:
    return str(item.metadata.uid)


def _by_name(item: Any) -> Hashable:
    return str(item.name)


def _by_namespace(item: Any) -> Hashable:
    return (item.namespace, item.name)


def _by_kind(item: Any) -> Hashable:
    return (item.kind, item.namespace, item.name)


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object that is kept."""

    name: str
    """As `kubectl api-resources` says it, and as `ClusterState.access` is keyed."""
    roots: tuple[str, ...]
    """API roots that serve it, preferred first."""
    kind: type[objects.Object]
    table: str
    """The field of `ClusterState` that holds it."""
    key: Callable[[Any], Hashable]
    namespaced: bool = True
    watched: bool = True
    """False: polled."""

    @property
    def plural(self) -> str:
        """Its name in URLs."""
        return self.name.partition(".")[0]

    def path(self, root: str, namespace: str = "") -> str:
        """Where to list it: in the whole cluster, or in one namespace."""
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{scope}/{self.plural}"


NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
"""RFC 1123, as the API demands of names: nothing else becomes part of a URL."""

_CORE = ("/api/v1",)
_APPS = ("/apis/apps/v1",)
_BATCH = ("/apis/batch/v1",)
_METRICS = ("/apis/metrics.k8s.io/v1beta1",)

RESOURCES = (
    Resource("pods", _CORE, objects.Pod, "pods", _by_uid),
    Resource("nodes", _CORE, objects.Node, "nodes", _by_name, namespaced=False),
    Resource("namespaces", _CORE, objects.Namespace, "namespaces", _by_name, namespaced=False),
    Resource("events", (*_CORE, "/apis/events.k8s.io/v1"), objects.RawEvent, "events", _by_uid),
    Resource("deployments", _APPS, objects.Deployment, "workloads", _by_kind),
    Resource("replicasets", _APPS, objects.ReplicaSet, "workloads", _by_kind),
    Resource("statefulsets", _APPS, objects.StatefulSet, "workloads", _by_kind),
    Resource("daemonsets", _APPS, objects.DaemonSet, "workloads", _by_kind),
    Resource("jobs", _BATCH, objects.Job, "workloads", _by_kind),
    Resource("cronjobs", _BATCH, objects.CronJob, "workloads", _by_kind),
    Resource("rollouts", ("/apis/argoproj.io/v1alpha1",), objects.Rollout, "workloads", _by_kind),
    Resource("services", _CORE, objects.Service, "services", _by_namespace),
    Resource("endpointslices", ("/apis/discovery.k8s.io/v1",), objects.EndpointSlice, "endpoint_slices", _by_namespace),
    Resource("persistentvolumeclaims", _CORE, objects.PersistentVolumeClaim, "claims", _by_namespace),
    Resource("persistentvolumes", _CORE, objects.PersistentVolume, "volumes", _by_name, namespaced=False),
    Resource(
        "storageclasses", ("/apis/storage.k8s.io/v1",), objects.StorageClass, "storage_classes", _by_name,
        namespaced=False,
    ),
    Resource(
        "horizontalpodautoscalers", ("/apis/autoscaling/v2",), objects.HorizontalPodAutoscaler, "autoscalers",
        _by_namespace,
    ),
    Resource("resourcequotas", _CORE, objects.ResourceQuota, "quotas", _by_namespace),
    Resource("pods.metrics.k8s.io", _METRICS, objects.PodMetrics, "pod_metrics", _by_namespace, watched=False),
    Resource(
        "nodes.metrics.k8s.io", _METRICS, objects.NodeMetrics, "node_metrics", _by_name, namespaced=False, watched=False
    ),
)  # fmt: skip

SUMMARY = Resource(
    "nodes/proxy", _CORE, objects.NodeSummary, "summaries", _by_name, namespaced=False, watched=False
)  # fmt: skip
"""The kubelets' own statistics."""
COUNTERS = Resource(
    "nodes/proxy/metrics/cadvisor", _CORE, objects.NodeCounters, "counters", _by_name, namespaced=False, watched=False
)  # fmt: skip
"""What only cAdvisor's metrics in the kubelets have; the right is that of the statistics."""

KUBELETS = (SUMMARY.name, COUNTERS.name)
"""What kubelets are asked for, node by node, and only where nothing else tells of it."""

BY_NAME = {resource.name: resource for resource in (*RESOURCES, SUMMARY, COUNTERS)}
