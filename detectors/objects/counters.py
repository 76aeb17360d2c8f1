"""Counters of containers that only cAdvisor's metrics have (`/metrics/cadvisor` of the kubelet)."""

from __future__ import annotations

from typing import ClassVar

from detectors.objects.base import Object, Part


class ContainerCounters(Part, frozen=True):
    """A running container's counters since it began; None is what its runtime does not tell."""

    namespace: str = ""
    pod: str = ""
    name: str = ""
    at: float | None = None
    """Unix seconds at which they were taken, by the node's clock; None where it is not told."""
    periods: float | None = None
    """Periods of its CPU limit in which it ran; only containers with a limit have them."""
    throttled_periods: float | None = None
    """Those of them in which it was held back."""
    read_bytes: float | None = None
    """From block devices."""
    written_bytes: float | None = None
    """To block devices."""


class NodeCounters(Object, frozen=True):
    """One kubelet's answer. It has no metadata of its own: who asks gives it the node's name, and a version."""

    kind: ClassVar[str] = "NodeCounters"
    containers: tuple[ContainerCounters, ...] = ()
