"""`metrics.k8s.io`: what pods and nodes use right now."""

from __future__ import annotations

from typing import ClassVar

from detectors.objects.base import Object, Part, Quantity, unix


class Usage(Object, frozen=True):
    """One measurement: an average over `window` that ends at `timestamp`."""

    timestamp: str | None = None
    window: str = ""

    @property
    def at(self) -> float | None:
        """Unix seconds of the end of the window."""
        return unix(self.timestamp)


class ContainerUsage(Part, frozen=True):
    """A container's use, by resource."""

    name: str = ""
    usage: dict[str, Quantity] = {}


class PodMetrics(Usage, frozen=True):
    """A pod's use."""

    kind: ClassVar[str] = "PodMetrics"
    containers: tuple[ContainerUsage, ...] = ()


class NodeMetrics(Usage, frozen=True):
    """A node's use."""

    kind: ClassVar[str] = "NodeMetrics"
    usage: dict[str, Quantity] = {}
