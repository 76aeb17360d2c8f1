"""Nodes and namespaces."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from detectors.objects.base import Conditioned, Object, Part, Quantity


class Taint(Part, frozen=True):
    """What keeps pods off a node."""

    key: str = ""
    value: str = ""
    effect: str = ""
    time_added: str | None = None


class NodeSpec(Part, frozen=True):
    """What a node should be."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeAddress(Part, frozen=True):
    """One address of a node."""

    type: str = ""
    address: str = ""


class NodeSystemInfo(Part, frozen=True):
    """Versions and ids that other sources know the node by."""

    machine_id: str = field(default="", name="machineID")
    kubelet_version: str = ""
    os_image: str = ""
    container_runtime_version: str = ""


class NodeStatus(Conditioned, frozen=True):
    """What a node is."""

    capacity: dict[str, Quantity] = {}
    allocatable: dict[str, Quantity] = {}
    addresses: tuple[NodeAddress, ...] = ()
    node_info: NodeSystemInfo = NodeSystemInfo()


class Node(Object, frozen=True):
    """A node."""

    kind: ClassVar[str] = "Node"
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class NamespaceStatus(Part, frozen=True):
    """`Active` or `Terminating`."""

    phase: str = ""


class Namespace(Object, frozen=True):
    """A namespace."""

    kind: ClassVar[str] = "Namespace"
    status: NamespaceStatus = NamespaceStatus()
