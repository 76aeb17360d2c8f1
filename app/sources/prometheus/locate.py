"""Finding the metrics server inside of a cluster, among its Services."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detectors.objects import Service, ServicePort


@dataclass(frozen=True, slots=True)
class Location:
    """A Service that probably answers PromQL."""

    product: str
    namespace: str
    service: str
    port: int
    scheme: str
    prefix: str
    """Of the query API, below which `/api/v1` is."""

    @property
    def proxy_path(self) -> str:
        """The path of its query API on the Kubernetes API server."""
        scheme = "https:" if self.scheme == "https" else ""
        name = f"{scheme}{self.service}:{self.port}"
        return f"/api/v1/namespaces/{self.namespace}/services/{name}/proxy{self.prefix}"

    @property
    def title(self) -> str:
        """What an engineer calls it: `monitoring/prometheus-operated:9090`."""
        return f"{self.namespace}/{self.service}:{self.port}{self.prefix}"


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one product's query Service is recognised; an earlier kind is preferred to a later one."""

    product: str
    names: str
    """Of the Service, a full match."""
    labels: tuple[tuple[str, str], ...]
    """Any of them suffices: label and a full match of its value."""
    ports: tuple[int, ...]
    prefix: str = ""
    not_names: str = ""


_NAME, _APP, _COMPONENT = "app.kubernetes.io/name", "app", "app.kubernetes.io/component"

_KINDS = (
    # What sees several Prometheus servers, or more history than one, comes first.
    _Kind(
        "thanos",
        r"(.*-)?thanos-quer(y|ier)(-frontend)?",
        ((_NAME, "thanos-quer(y|ier)(-frontend)?"), (_COMPONENT, "thanos-quer(y|ier)")),
        (9090, 10902, 9091, 80),
    ),
    _Kind(
        "mimir",
        r"(.*-)?mimir(-nginx|-gateway|-query-frontend)?",
        ((_NAME, "mimir"),),
        (80, 8080),
        prefix="/prometheus",
        not_names=r".*-(alertmanager|compactor|distributor|ingester|ruler|store-gateway|headless|memcached|gossip.*).*",
    ),
    _Kind(
        "victoria-metrics",
        r"(.*-)?vmselect(-.*)?",
        ((_NAME, "vmselect"), (_APP, "vmselect")),
        (8481,),
        prefix="/select/0/prometheus",
    ),
    _Kind(
        "victoria-metrics",
        r"(.*-)?(vmsingle(-.*)?|victoria-metrics(-single)?(-server)?)",
        ((_NAME, "vmsingle|victoria-metrics-single"), (_APP, "vmsingle")),
        (8428, 8429),
    ),
    _Kind(
        "prometheus",
        r"(.*-)?(prometheus(-server|-k8s|-operated|-prometheus)?|kube-prometheus.*-prometheus)",
        ((_NAME, "prometheus"), (_APP, "prometheus|kube-prometheus-stack-prometheus"), ("operated-prometheus", "true")),
        (9090, 80, 9091),
        not_names=r".*(alertmanager|operator|node-exporter|kube-state-metrics|pushgateway|adapter|blackbox|grafana).*",
    ),
)


_WEB_PORTS = frozenset({"http-web", "web", "http", "https", "http-query"})


def locate(services: Iterable[Service]) -> tuple[Location, ...]:
    """The Services that are probably a metrics server, the best first."""
    found = []
    for service in services:
        for order, kind in enumerate(_KINDS):
            rank, port = _rank(service, kind), _port(service, kind)
            if rank is not None and port is not None:
                found.append((order, rank, _location(service, kind, port)))
                break
    found.sort(key=lambda item: (item[0], item[1], item[2].namespace, item[2].service))
    return tuple(location for _, _, location in found)


def _rank(service: Service, kind: _Kind) -> int | None:
    """0 where label and name agree, 1 for one of them, 2 more for headless ones; None where it is something else."""
    if kind.not_names and re.fullmatch(kind.not_names, service.name):
        return None
    named = re.fullmatch(kind.names, service.name) is not None
    labels = service.metadata.labels
    labelled = any(re.fullmatch(pattern, labels.get(label, "")) for label, pattern in kind.labels)
    if not named and not labelled:
        return None
    # The governing Service of a StatefulSet often has a twin that balances its load.
    headless = service.name.endswith(("-operated", "-headless"))
    return (0 if named and labelled else 1) + (2 if headless else 0)


def _port(service: Service, kind: _Kind) -> ServicePort | None:
    """The port that the product usually answers on, else one that is called after the web."""
    offered = service.spec.ports
    usual = (port for number in kind.ports for port in offered if port.port == number)
    return next(usual, None) or next((port for port in offered if port.name in _WEB_PORTS), None)


def _location(service: Service, kind: _Kind, port: ServicePort) -> Location:
    scheme = "https" if port.name == "https" or port.port in (443, 8443) else "http"
    return Location(kind.product, service.namespace, service.name, port.port, scheme, kind.prefix)
