"""Pods: specification, status, containers."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from detectors.objects.base import Conditioned, Object, Part, Quantity, Resources, unix


class ProbeTarget(Part, frozen=True):
    """Where an HTTP, TCP or gRPC probe knocks."""

    path: str = ""
    port: int | str = 0


class Probe(Part, frozen=True):
    """A probe without its command and headers."""

    http_get: ProbeTarget | None = None
    tcp_socket: ProbeTarget | None = None
    grpc: ProbeTarget | None = None
    initial_delay_seconds: int = 0
    timeout_seconds: int = 1
    period_seconds: int = 10
    failure_threshold: int = 3


class ContainerPort(Part, frozen=True):
    """A declared port."""

    name: str = ""
    container_port: int = 0


class Container(Part, frozen=True):
    """A container's specification; its environment is never read."""

    name: str = ""
    image: str = ""
    resources: Resources = Resources()
    ports: tuple[ContainerPort, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    restart_policy: str = ""
    """`Always` marks an init container as a sidecar."""


class ClaimSource(Part, frozen=True):
    """A volume that is a claim."""

    claim_name: str = ""


class ConfigMapSource(Part, frozen=True):
    """A volume that is a ConfigMap."""

    name: str = ""


class SecretSource(Part, frozen=True):
    """A volume that is a Secret: its name only."""

    secret_name: str = ""


class EmptyDirSource(Part, frozen=True):
    """A scratch volume."""

    medium: str = ""
    size_limit: Quantity | None = None


class Volume(Part, frozen=True):
    """A pod's volume."""

    name: str = ""
    persistent_volume_claim: ClaimSource | None = None
    config_map: ConfigMapSource | None = None
    secret: SecretSource | None = None
    empty_dir: EmptyDirSource | None = None


class SchedulingGate(Part, frozen=True):
    """Holds a pod back on purpose."""

    name: str = ""


class PodSpec(Part, frozen=True):
    """What a pod should be."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    node_name: str = ""
    node_selector: dict[str, str] = {}
    restart_policy: str = "Always"
    host_network: bool = False
    scheduling_gates: tuple[SchedulingGate, ...] = ()


class Waiting(Part, frozen=True):
    """Not started, and why."""

    reason: str = ""
    message: str = ""


class Running(Part, frozen=True):
    """Started."""

    started_at: str | None = None


class Terminated(Part, frozen=True):
    """Ended, and how."""

    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None

    @property
    def finished(self) -> float | None:
        """Unix seconds."""
        return unix(self.finished_at)


class ContainerState(Part, frozen=True):
    """At most one of the three is set."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Part, frozen=True):
    """What became of a container."""

    name: str = ""
    image: str = ""
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodStatus(Conditioned, frozen=True):
    """What a pod is."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    pod_ip: str = field(default="", name="podIP")
    host_ip: str = field(default="", name="hostIP")
    start_time: str | None = None
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Object, frozen=True):
    """A pod."""

    kind: ClassVar[str] = "Pod"
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def finished(self) -> bool:
        """It ran to its end: not expected to be ready."""
        return self.status.phase in ("Succeeded", "Failed")

    @property
    def ready(self) -> bool:
        """Its Ready condition is True."""
        condition = self.status.condition("Ready")
        return condition is not None and condition.status == "True"

    @property
    def statuses(self) -> tuple[ContainerStatus, ...]:
        """Init containers and sidecars first, then containers."""
        return self.status.init_container_statuses + self.status.container_statuses
