"""The kubelet's summary (`/stats/summary`, k8s.io/kubelet stats/v1alpha1): what a node and its pods use right now.

Only what is read is kept. Counters (`rx_bytes`, `usage_core_nano_seconds`) grow until their container, pod or node
begins anew; every group of numbers has the time at which it was taken. What the kubelet does not know is None.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from detectors.objects.base import Object, Part, unix


class Taken(Part, frozen=True):
    """Numbers of one moment."""

    time: str | None = None

    @property
    def at(self) -> float | None:
        """Unix seconds, by the node's clock."""
        return unix(self.time)


class Pressure(Part, frozen=True):
    """How long tasks waited: percent of the last minute."""

    avg60: float | None = None


class PressureStall(Part, frozen=True):
    """Pressure stall information, of kubelets and kernels that have it."""

    some: Pressure = Pressure()
    """At least one task waited."""


class CpuStats(Taken, frozen=True):
    """Processor time."""

    usage_nano_cores: int | None = None
    usage_core_nano_seconds: int | None = None
    psi: PressureStall = PressureStall()


class MemoryStats(Taken, frozen=True):
    """Memory, in bytes."""

    available_bytes: int | None = None
    working_set_bytes: int | None = None


class InterfaceStats(Part, frozen=True):
    """Counters of one network interface."""

    name: str = ""
    rx_bytes: int | None = None
    rx_errors: int | None = None
    tx_bytes: int | None = None
    tx_errors: int | None = None


class NetworkStats(Taken, frozen=True):
    """Counters of the default interface, and of all there are."""

    name: str = ""
    rx_bytes: int | None = None
    tx_bytes: int | None = None
    interfaces: tuple[InterfaceStats, ...] = ()


class FilesystemStats(Taken, frozen=True):
    """A file system, in bytes and inodes; what is reserved is neither used nor available."""

    available_bytes: int | None = None
    capacity_bytes: int | None = None
    used_bytes: int | None = None
    inodes: int | None = None
    inodes_used: int | None = None


class ClaimReference(Part, frozen=True):
    """The claim behind a volume."""

    name: str = ""
    namespace: str = ""


class VolumeStats(FilesystemStats, frozen=True):
    """A mounted volume."""

    pvc_ref: ClaimReference | None = None
    """None for volumes that are no claim's."""


class ContainerStats(Part, frozen=True):
    """A running container."""

    name: str = ""
    cpu: CpuStats = CpuStats()
    memory: MemoryStats = MemoryStats()


class PodReference(Part, frozen=True):
    """Which pod."""

    name: str = ""
    namespace: str = ""
    uid: str = ""


class PodStats(Part, frozen=True):
    """A pod and all of its containers."""

    pod_ref: PodReference = PodReference()
    containers: tuple[ContainerStats, ...] = ()
    network: NetworkStats = NetworkStats()
    volume: tuple[VolumeStats, ...] = ()
    ephemeral_storage: FilesystemStats = field(default=FilesystemStats(), name="ephemeral-storage")


class NodeStats(Part, frozen=True):
    """The node as a whole."""

    cpu: CpuStats = CpuStats()
    memory: MemoryStats = MemoryStats()
    network: NetworkStats = NetworkStats()
    fs: FilesystemStats = FilesystemStats()


class NodeSummary(Object, frozen=True):
    """One kubelet's answer. It has no metadata of its own: who asks gives it the node's name, and a version."""

    kind: ClassVar[str] = "NodeSummary"
    node: NodeStats = NodeStats()
    pods: tuple[PodStats, ...] = ()
