"""Services and the endpoints behind them."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from detectors.objects.base import Object, ObjectReference, Part

SERVICE_NAME = "kubernetes.io/service-name"
"""The label by which an EndpointSlice names its Service."""


class ServicePort(Part, frozen=True):
    """A port that a Service offers."""

    name: str = ""
    port: int = 0
    target_port: int | str = 0


class ServiceSpec(Part, frozen=True):
    """What a Service is for."""

    type: str = "ClusterIP"
    selector: dict[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = field(default="", name="clusterIP")
    """`None` (the word) for headless Services."""
    external_ips: tuple[str, ...] = field(default=(), name="externalIPs")
    external_name: str = ""


class LoadBalancerIngress(Part, frozen=True):
    """Where a load balancer is reached."""

    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Part, frozen=True):
    """A load balancer's addresses."""

    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(Part, frozen=True):
    """What became of a Service."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(Object, frozen=True):
    """A Service."""

    kind: ClassVar[str] = "Service"
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every IP address that leads to it."""
        balancer = (ingress.ip for ingress in self.status.load_balancer.ingress)
        return tuple(ip for ip in (self.spec.cluster_ip, *self.spec.external_ips, *balancer) if ip and ip != "None")


class EndpointConditions(Part, frozen=True):
    """None counts as ready, as the API says."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Part, frozen=True):
    """One backend of a Service."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    target_ref: ObjectReference | None = None
    node_name: str | None = None

    @property
    def ready(self) -> bool:
        """It may receive traffic."""
        return self.conditions.ready is not False


class EndpointSlice(Object, frozen=True):
    """Some of a Service's backends."""

    kind: ClassVar[str] = "EndpointSlice"
    endpoints: tuple[Endpoint, ...] | None = None
    address_type: str = ""

    @property
    def service(self) -> str:
        """The name of its Service, in its own namespace."""
        return self.metadata.labels.get(SERVICE_NAME, "")
