"""What kubelets and metrics-server tell, as named numbers; `detectors/catalog/conventions` reads them by these names.

A name that ends in `_total` is a counter. The other words are those of the kubelet's own metrics.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from detectors.objects import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detectors.cluster import ClusterState
    from detectors.objects import NodeCounters, NodeMetrics, NodeSummary, Pod, PodStats
    from detectors.series import Labels

LARGEST = 2.0**62
"""More than this is a counter that went below zero."""

_VIRTUAL = re.compile(
    r"lo|(veth|cali|lxc|cilium|docker|cni|flannel|tunl|br-|virbr|kube-ipvs|vxlan|genev|ovs|ifb|dummy|nerdctl|podman).*"
    r"|nodelocaldns"
)
"""Interfaces that have no cable: their errors are by design, and bytes on them count twice."""

_NANO = 1e-9


class Reading(NamedTuple):
    """Numbers of one thing, taken at one moment."""

    labels: Labels
    at: float | None
    """Unix seconds at which they were taken, by the node's clock; None where it is not told."""
    numbers: tuple[tuple[str, float | None], ...]
    """By metric; None is what is not told."""


def of_summary(summary: NodeSummary, state: ClusterState) -> Iterator[Reading]:
    """Everything that rows read of a kubelet's summary."""
    node, labels = summary.node, (("node", summary.name),)
    cpu, memory, network, disk = node.cpu, node.memory, node.network, node.fs
    cables = [interface for interface in network.interfaces if not _VIRTUAL.fullmatch(interface.name)]
    errors = [count for each in cables for count in (each.rx_errors, each.tx_errors) if count is not None]
    cores = _allocatable(state, summary.name, "cpu") if cpu.usage_core_nano_seconds is not None else None
    held = [memory.working_set_bytes, memory.available_bytes]
    whole = sum(each for each in held if each is not None) if None not in held else None
    processor = (
        ("summary_node_cpu_usage_seconds_total", _scaled(cpu.usage_core_nano_seconds, _NANO)),
        ("summary_node_allocatable_cores", cores),
        ("summary_node_cpu_pressure_ratio", _scaled(cpu.psi.some.avg60, 0.01)),
    )
    yield Reading(labels, cpu.at, processor)
    occupied = (
        ("summary_node_memory_working_set_bytes", memory.working_set_bytes),
        ("summary_node_memory_capacity_bytes", whole),
    )
    yield Reading(labels, memory.at, occupied)
    passed = (
        ("summary_node_network_transmit_bytes_total", network.tx_bytes),
        ("summary_node_network_receive_bytes_total", network.rx_bytes),
        ("summary_node_network_errors_total", sum(errors) if errors else None),
    )
    yield Reading(labels, network.at, passed)
    files = (
        ("summary_node_filesystem_available_bytes", disk.available_bytes),
        ("summary_node_filesystem_capacity_bytes", disk.capacity_bytes),
    )
    yield Reading(labels, disk.at, files)
    for pod in summary.pods:
        yield from _of_pod(pod, summary.name, state)


def _of_pod(stats: PodStats, node: str, state: ClusterState) -> Iterator[Reading]:
    reference, network, disk = stats.pod_ref, stats.network, stats.ephemeral_storage
    pod = state.pods.get(reference.uid) or state.pod_named(reference.namespace, reference.name)
    labels = (("namespace", reference.namespace), ("node", node), ("pod", reference.name))
    yield Reading(labels, disk.at, (("summary_pod_ephemeral_storage_used_bytes", disk.used_bytes),))
    if pod is None or not pod.spec.host_network:
        # A pod on its node's network counts what the node does.
        passed = (
            ("summary_pod_network_transmit_bytes_total", network.tx_bytes),
            ("summary_pod_network_receive_bytes_total", network.rx_bytes),
        )
        yield Reading(labels, network.at, passed)
    for container in stats.containers:
        cpu = container.cpu
        if (limit := _limit(pod, container.name)) is not None and cpu.usage_core_nano_seconds is not None:
            used = (
                ("summary_container_cpu_usage_seconds_total", cpu.usage_core_nano_seconds * _NANO),
                ("summary_container_cpu_limit_cores", limit),
            )
            yield Reading((("container", container.name), *labels), cpu.at, used)
    for volume in stats.volume:
        if (claim := volume.pvc_ref) is not None:
            filled = (
                ("summary_volume_available_bytes", volume.available_bytes),
                ("summary_volume_capacity_bytes", volume.capacity_bytes or None),
                ("summary_volume_inodes_used", volume.inodes_used),
                ("summary_volume_inodes", volume.inodes or None),
            )
            yield Reading((("namespace", claim.namespace), ("persistentvolumeclaim", claim.name)), volume.at, filled)


def of_counters(counters: NodeCounters, state: ClusterState) -> Iterator[Reading]:  # noqa: ARG001
    """What only cAdvisor counts, under its own names."""
    for each in counters.containers:
        labels = ("container", each.name), ("namespace", each.namespace), ("node", counters.name), ("pod", each.pod)
        numbers = (
            ("container_cpu_cfs_periods_total", each.periods),
            ("container_cpu_cfs_throttled_periods_total", each.throttled_periods),
            ("container_fs_reads_bytes_total", each.read_bytes),
            ("container_fs_writes_bytes_total", each.written_bytes),
        )
        yield Reading(labels, each.at, numbers)


def of_node_metrics(metrics: NodeMetrics, state: ClusterState) -> Iterator[Reading]:
    """What metrics-server tells of a node, beside what the node has: one that is silent must not look idle."""
    for resource, used, has in (
        ("cpu", "metrics_node_cpu_cores", "metrics_node_allocatable_cores"),
        ("memory", "metrics_node_memory_bytes", "metrics_node_allocatable_bytes"),
    ):
        value = quantity(metrics.usage.get(resource, ""))
        allocatable = _allocatable(state, metrics.name, resource)
        if math.isfinite(value) and allocatable is not None:
            yield Reading((("node", metrics.name),), metrics.at, ((used, value), (has, allocatable)))


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _allocatable(state: ClusterState, node: str, resource: str) -> float | None:
    """Cores or bytes that pods may have of a node."""
    known = state.nodes.get(node)
    value = quantity(known.status.allocatable.get(resource, "")) if known is not None else math.nan
    return value if value > 0 else None


def _limit(pod: Pod | None, container: str) -> float | None:
    """Cores that a container may use; None where nothing limits it."""
    limits = [each.resources.limits for each in pod.spec.containers if each.name == container] if pod else []
    value = quantity(limits[0].get("cpu", "")) if limits else math.nan
    return value if value > 0 else None
