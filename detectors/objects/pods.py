"""Pods: specification, status, containers."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, NamedTuple

from msgspec import field
from msgspec.structs import force_setattr

from detectors.objects.base import Conditioned, Object, Part, Quantity, Resources, unix


class ProbeTarget(Part, frozen=True):
    """Where an HTTP, TCP or gRPC probe knocks."""

    path: str = ""
    port: int | str = 0


class ExecProbe(Part, frozen=True):
    """A probe that runs a command in the container; which one is not read."""


class Probe(Part, frozen=True):
    """A probe without its command and headers."""

    http_get: ProbeTarget | None = None
    tcp_socket: ProbeTarget | None = None
    grpc: ProbeTarget | None = None
    exec_: ExecProbe | None = field(default=None, name="exec")
    initial_delay_seconds: int = 0
    timeout_seconds: int = 1
    period_seconds: int = 10
    failure_threshold: int = 3

    @property
    def port(self) -> int | str:
        """Where it knocks: a number or a port's name; 0 where it knocks nowhere."""
        target = self.http_get or self.tcp_socket or self.grpc
        return target.port if target is not None else 0

    @property
    def title(self) -> str:
        """What it does: `GET /ready on port 8080`."""
        if self.http_get is not None:
            return f"GET {self.http_get.path or '/'} on port {self.port}"
        if self.tcp_socket is not None or self.grpc is not None:
            return f"{'TCP' if self.tcp_socket is not None else 'gRPC'} on port {self.port}"
        return "a command"


class ContainerPort(Part, frozen=True):
    """A declared port."""

    name: str = ""
    container_port: int = 0


class Named(Part, frozen=True):
    """A ConfigMap or Secret in the pod's own namespace."""

    name: str = ""
    optional: bool = False
    """The pod starts without it."""


class KeyRef(Named, frozen=True):
    """One key of a ConfigMap or Secret."""

    key: str = ""


class VariableSource(Part, frozen=True):
    """Where a variable's value comes from."""

    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None


class Variable(Part, frozen=True):
    """A variable of the environment: its name and where its value comes from, never the value."""

    name: str = ""
    value_from: VariableSource | None = None


class VariablesSource(Part, frozen=True):
    """A ConfigMap or Secret of which every key becomes a variable."""

    config_map_ref: Named | None = None
    secret_ref: Named | None = None


class Reference(NamedTuple):
    """What a pod needs by name before it can start."""

    kind: str
    """`ConfigMap` or `Secret`."""
    name: str
    key: str = ""
    """Empty where the whole object is meant."""
    optional: bool = False

    @property
    def title(self) -> str:
        """`Secret auth-signing-key`."""
        return f"{self.kind} {self.name}"


class Container(Part, frozen=True):
    """A container's specification; the values of its environment are never read."""

    name: str = ""
    image: str = ""
    env: tuple[Variable, ...] = ()
    env_from: tuple[VariablesSource, ...] = ()
    resources: Resources = Resources()
    ports: tuple[ContainerPort, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    restart_policy: str = ""
    """`Always` marks an init container as a sidecar."""

    def __post_init__(self) -> None:
        # The pods of one template have the same variables: they are held once.
        if self.env:
            force_setattr(self, "env", _shared(self.env))

    @property
    def references(self) -> tuple[Reference, ...]:
        """The ConfigMaps and Secrets that its environment comes from."""
        found = [(source.config_map_ref, source.secret_ref) for source in self.env_from]
        found += [
            (each.value_from.config_map_key_ref, each.value_from.secret_key_ref)
            for each in self.env
            if each.value_from is not None
        ]
        return tuple(
            Reference(kind, each.name, getattr(each, "key", ""), each.optional)
            for pair in found
            for kind, each in zip(("ConfigMap", "Secret"), pair, strict=True)
            if each is not None
        )


@lru_cache(maxsize=4096)
def _shared(variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    return variables


class ClaimSource(Part, frozen=True):
    """A volume that is a claim."""

    claim_name: str = ""


class SecretSource(Part, frozen=True):
    """A volume that is a Secret: its name only."""

    secret_name: str = ""
    optional: bool = False


class Projection(Part, frozen=True):
    """One of the sources of a projected volume."""

    config_map: Named | None = None
    secret: Named | None = None


class ProjectedSource(Part, frozen=True):
    """A volume that is put together from several sources."""

    sources: tuple[Projection, ...] = ()


TOKEN_VOLUME = "kube-api-access-"
"""How the volume is called that gives every pod its token."""


class EmptyDirSource(Part, frozen=True):
    """A scratch volume."""

    medium: str = ""
    size_limit: Quantity | None = None


class Volume(Part, frozen=True):
    """A pod's volume."""

    name: str = ""
    persistent_volume_claim: ClaimSource | None = None
    config_map: Named | None = None
    secret: SecretSource | None = None
    projected: ProjectedSource | None = None
    empty_dir: EmptyDirSource | None = None

    @property
    def references(self) -> tuple[Reference, ...]:
        """The ConfigMaps and Secrets that it is made of; not those that every pod is given."""
        maps = [self.config_map] if self.config_map is not None else []
        secrets = [Named(self.secret.secret_name, self.secret.optional)] if self.secret is not None else []
        if self.projected is not None and not self.name.startswith(TOKEN_VOLUME):
            maps += [each.config_map for each in self.projected.sources if each.config_map is not None]
            secrets += [each.secret for each in self.projected.sources if each.secret is not None]
        return (
            *(Reference("ConfigMap", each.name, optional=each.optional) for each in maps),
            *(Reference("Secret", each.name, optional=each.optional) for each in secrets),
        )


class SchedulingGate(Part, frozen=True):
    """Holds a pod back on purpose."""

    name: str = ""


class Toleration(Part, frozen=True):
    """A taint that a pod bears; without a key all of them, without an effect every effect."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class Requirement(Part, frozen=True):
    """What a label must be, or must not."""

    key: str = ""
    operator: str = ""
    """`In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`."""
    values: tuple[str, ...] = ()


class NodeTerm(Part, frozen=True):
    """Requirements that hold together."""

    match_expressions: tuple[Requirement, ...] = ()


class NodeSelector(Part, frozen=True):
    """Terms of which one has to hold."""

    node_selector_terms: tuple[NodeTerm, ...] = ()


class NodeAffinity(Part, frozen=True):
    """Which nodes a pod may run on; what it would rather is not read."""

    required: NodeSelector | None = field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class Affinity(Part, frozen=True):
    """Which nodes a pod may run on; which other pods it wants or shuns is not read."""

    node_affinity: NodeAffinity | None = None


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
    service_account_name: str = ""
    image_pull_secrets: tuple[Named, ...] = ()

    @property
    def references(self) -> tuple[Reference, ...]:
        """Every ConfigMap and Secret that its volumes and its containers' environments come from, each once."""
        found = [reference for volume in self.volumes for reference in volume.references]
        found += [each for container in (*self.init_containers, *self.containers) for each in container.references]
        return tuple(dict.fromkeys(found))


class TemplateSpec(PodSpec, frozen=True):
    """What a workload's pods should be, with where they may run: there are few workloads, and pods by the thousand."""

    affinity: Affinity = Affinity()
    tolerations: tuple[Toleration, ...] = ()

    @classmethod
    def of(cls, spec: PodSpec) -> TemplateSpec:
        """A pod's own specification as a template's, without what only templates tell."""
        return cls(**{name: getattr(spec, name) for name in PodSpec.__struct_fields__})


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
    def started(self) -> float | None:
        """Unix seconds."""
        return unix(self.started_at)

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
