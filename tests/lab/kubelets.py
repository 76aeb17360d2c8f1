"""Kubelets and a metrics-server that tell the stories of cases: each number where the Kubernetes API has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from detectors.model import EntityType
from tests.lab.cases import AT
from tests.lab.listed import item
from tests.lab.manifests import stamp
from tests.lab.openmetrics import labels_text
from tests.lab.plights import behind
from tests.lab.stories import HISTORY
from tests.lab.synthesis import series_of
from tests.lab.telling import INTERVAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.lab.kubernetes_api import KubernetesApi
    from tests.lab.manifests import Manifest
    from tests.lab.synthesis import Case
    from tests.lab.telling import Series

SHARED = "shared"
"""The node on which all cases' pods run, unless the case is about a node."""
CORES, BYTES = 4.0, 2e10
"""What pods may have of every node; what every container may use."""
STEP = 60
MOMENTS = range(AT - HISTORY, AT + 1, STEP)


class _Field(NamedTuple):
    """Where a summary has a number: the group, the name, and its factor."""

    group: str
    name: str
    factor: float = 1.0


_NODE = {
    "summary_node_cpu_usage_seconds_total": _Field("cpu", "usageCoreNanoSeconds", 1e9),
    "summary_node_memory_working_set_bytes": _Field("memory", "workingSetBytes"),
    "summary_node_network_transmit_bytes_total": _Field("network", "txBytes"),
    "summary_node_network_receive_bytes_total": _Field("network", "rxBytes"),
    "summary_node_filesystem_available_bytes": _Field("fs", "availableBytes"),
    "summary_node_filesystem_capacity_bytes": _Field("fs", "capacityBytes"),
}
_POD = {
    "summary_pod_network_transmit_bytes_total": _Field("network", "txBytes"),
    "summary_pod_network_receive_bytes_total": _Field("network", "rxBytes"),
    "summary_pod_ephemeral_storage_used_bytes": _Field("ephemeral-storage", "usedBytes"),
}
_VOLUME = {
    "summary_volume_available_bytes": "availableBytes",
    "summary_volume_capacity_bytes": "capacityBytes",
    "summary_volume_inodes_used": "inodesUsed",
    "summary_volume_inodes": "inodes",
}
_CADVISOR = "container_"
"""How all of cAdvisor's names begin."""
_METRICS = {"metrics_node_cpu_cores": "cpu", "metrics_node_memory_bytes": "memory"}
_OBJECTS = ("allocatable", "limit_cores", "memory_capacity")
"""What stands in objects, or follows from other numbers."""


class Nodes:
    """The nodes behind a played API server.

    Args:
        cases: their stories; none of two may be about the same thing.
    """

    def __init__(self, cases: Iterable[Case]) -> None:
        self._cases = tuple(cases)
        self._told = [(case, series) for case in self._cases for _, series in _today(case)]
        self.at = MOMENTS[0]
        """What time it is there, unix seconds."""

    def install(self, api: KubernetesApi) -> None:
        """Put up the objects, and let the kubelets answer."""
        for case in self._cases:
            objects = behind(case.subject) if case.row.entity is EntityType.WORKLOAD else ()
            for manifest in objects:
                if manifest["kind"] != "Node":
                    api.put(_limited(manifest, host_network=case.story.excused))
        for name in self.names:
            api.put(
                item("Node", name, spec={}, status={"allocatable": {"cpu": f"{CORES:g}", "memory": f"{BYTES:.0f}"}})
            )
            api.kubelets[name] = lambda name=name: self.summary(name)  # type: ignore[misc]
            api.cadvisor[name] = lambda name=name: self.exposition(name)  # type: ignore[misc]

    def measure(self, api: KubernetesApi) -> None:
        """Have metrics-server tell what it is now."""
        for name in self.names:
            usage = {
                resource: f"{value:.9f}" for metric, resource in _METRICS.items() for value in self._now(name, metric)
            }
            told = {"timestamp": stamp(self.at), "window": "20s", "usage": usage}
            if usage:
                api.put(
                    {"apiVersion": "metrics.k8s.io/v1beta1", "kind": "NodeMetrics", "metadata": {"name": name}} | told
                )

    @property
    def measured(self) -> bool:
        """Whether metrics-server has something to tell."""
        return any(series.metric in _METRICS for _, series in self._told)

    @property
    def names(self) -> list[str]:
        """Of all nodes."""
        return sorted({_node_of(case, series) for case, series in self._told})

    def summary(self, name: str) -> Manifest:
        """What a kubelet answers."""
        taken = {"time": stamp(self.at)}
        node: Manifest = {"nodeName": name, **{group: dict(taken) for group in ("cpu", "memory", "network", "fs")}}
        pods: dict[tuple[str, str], Manifest] = {}
        for case, series in self._told:
            if _node_of(case, series) == name and (value := self._value(series)) is not None:
                self._tell(node, pods, series, value)
        if "workingSetBytes" in node["memory"]:
            node["memory"]["availableBytes"] = int(BYTES) - node["memory"]["workingSetBytes"]
        return {"node": node, "pods": list(pods.values())}

    def exposition(self, name: str) -> str:
        """What cAdvisor in a kubelet answers, beside the cgroup above each container and what nobody reads."""
        lines = ["# TYPE container_last_seen gauge", 'container_last_seen{container="",id="/"} 1']
        for case, series in self._told:
            told = _node_of(case, series) == name and series.metric.startswith(_CADVISOR)
            if told and (value := self._value(series)) is not None:
                own = {"namespace": "lab", "pod": "lab-0", "container": "app", "id": f"/kubepods/{case.id}"}
                labels = own | dict(series.labels)
                lines += [
                    f"{series.metric}{labels_text(each)} {value:.17g} {1000 * self.at}"
                    for each in (labels, labels | {"container": "", "id": "/kubepods"})
                ]
        return "\n".join([*lines, ""])

    def _tell(self, node: Manifest, pods: dict[tuple[str, str], Manifest], series: Series, value: float) -> None:
        metric, labels, taken = series.metric, series.labels, {"time": stamp(self.at)}
        if (field := _NODE.get(metric)) is not None:
            node[field.group][field.name] = round(value * field.factor)
        elif metric == "summary_node_network_errors_total":
            # What has no cable counts errors by design.
            tunnel = {"name": "tunl0", "rxErrors": 1000 * max(0, self.at - AT + 300), "txErrors": 0}
            node["network"]["interfaces"] = [{"name": "eth0", "rxErrors": round(value), "txErrors": 0}, tunnel]
        elif metric == "summary_node_cpu_pressure_ratio":
            node["cpu"]["psi"] = {"some": {"avg60": 100 * value}}
        elif (name := _VOLUME.get(metric)) is not None:
            claim = labels["persistentvolumeclaim"]
            pod = _pod(pods, labels["namespace"], f"{claim}-user")
            volume = next((each for each in pod["volume"] if each["name"] == claim), None)
            if volume is None:
                volume = {"name": claim, **taken, "pvcRef": {"name": claim, "namespace": labels["namespace"]}}
                pod["volume"] += [volume, {"name": "token", **taken, "usedBytes": 1, "capacityBytes": 1}]
            volume[name] = round(value)
        elif (field := _POD.get(metric)) is not None:
            group = _pod(pods, labels["namespace"], labels["pod"]).setdefault(field.group, taken)
            group[field.name] = round(value)
        elif metric == "summary_container_cpu_usage_seconds_total":
            cpu = {**taken, "usageCoreNanoSeconds": round(1e9 * value)}
            _pod(pods, labels["namespace"], labels["pod"])["containers"] = [{"name": labels["container"], "cpu": cpu}]
        else:
            elsewhere = metric in _METRICS or metric.startswith(_CADVISOR) or any(word in metric for word in _OBJECTS)
            assert elsewhere, metric

    def _now(self, node: str, metric: str) -> Iterator[float]:
        for case, series in self._told:
            if series.metric == metric and _node_of(case, series) == node and (v := self._value(series)) is not None:
                yield v

    def _value(self, series: Series) -> float | None:
        value = float(series.values[(self.at - MOMENTS[0]) // INTERVAL])
        return None if np.isnan(value) else value


def apart(cases: Iterable[Case]) -> list[list[Case]]:
    """Cases in groups that fit into one cluster each: a cluster as a whole has one story for every row."""
    shared: list[Case] = []
    groups: list[dict[str, Case]] = []
    for case in cases:
        if case.row.entity is not EntityType.CLUSTER:
            shared.append(case)
            continue
        group = next((each for each in groups if case.row.id not in each), None)
        if group is None:
            groups.append(group := {})
        group[case.row.id] = case
    return [shared, *(list(group.values()) for group in groups)]


def _today(case: Case) -> Iterator[tuple[int, Series]]:
    for back, series in series_of(case):
        if not back and series.metric.startswith(("summary_", "metrics_", _CADVISOR)):
            yield back, series


def _node_of(case: Case, series: Series) -> str:
    return case.subject.name if case.row.entity is EntityType.NODE else series.labels.get("node", SHARED)


def _pod(pods: dict[tuple[str, str], Manifest], namespace: str, name: str) -> dict[str, Any]:
    empty = {"podRef": {"name": name, "namespace": namespace, "uid": ""}, "containers": [], "volume": []}
    return pods.setdefault((namespace, name), empty)


def _limited(manifest: Manifest, *, host_network: bool) -> Manifest:
    if manifest["kind"] == "Pod":
        manifest["spec"]["hostNetwork"] = host_network
        for container in manifest["spec"]["containers"]:
            container["resources"] = {"limits": {"cpu": f"{CORES:g}"}}
    return manifest
