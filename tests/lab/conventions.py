"""How each family of exporters writes the same requests: names, labels, buckets, units and targets. Data only.

Keys and values of labels are templates over one request stream and the pod that answered it; see `fields`.
Sources: the exporters' own documentation and default bucket boundaries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.lab.history import Pod
    from tests.lab.traffic import Stream

SDK_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
LIBRARY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
MICROMETER_BOUNDS = (0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10)
ISTIO_BOUNDS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000)
LINKERD_BOUNDS = (1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10000)
OLD_SDK_BOUNDS = (5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000)
TRAEFIK_BOUNDS = (0.1, 0.3, 1.2, 5)
ENVOY_BOUNDS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
SPAN_BOUNDS = (0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.02, 2.05, 4.1)
SPAN_MILLISECONDS = (2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10000, 15000)
GRAPH_BOUNDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric family."""

    metric: str
    """The family; a histogram's samples add `_bucket`, `_sum` and `_count`."""
    labels: Mapping[str, str]
    bounds: tuple[float, ...] = ()
    """In the metric's own unit; empty is a counter."""
    scale: float = 1.0
    """Metric units in a second."""
    failures: bool = False
    """Counts only requests answered with 5xx."""


@dataclass(frozen=True, slots=True)
class Convention:
    """One family of exporters."""

    id: str
    instruments: tuple[Instrument, ...]
    at: str = "pod"
    """Who is scraped: the `pod`, an agent on its `node`, one `collector`, or the ingress controller at the `edge`."""
    job: str = "{workload}"
    target: Mapping[str, str] = field(default_factory=dict)
    """Labels that the scrape configuration adds."""
    honor_labels: bool = False


POD_TARGET = {"namespace": "{namespace}", "pod": "{pod}", "container": "{container}"}

_RESOURCE = {
    "job": "{namespace}/{workload}",
    "instance": "{pod}",
    "service_name": "{workload}",
    "service_namespace": "{namespace}",
    "k8s_namespace_name": "{namespace}",
    "k8s_{kind}_name": "{workload}",
    "k8s_pod_name": "{pod}",
    "k8s_node_name": "{node}",
}
_SEMCONV = {
    "http_request_method": "{method}",
    "http_response_status_code": "{status}",
    "http_route": "{route}",
    "url_scheme": "http",
}
_MESH = {
    "reporter": "destination",
    "source_workload": "{source}",
    "source_workload_namespace": "{namespace}",
    "source_canonical_service": "{source}",
    "destination_workload": "{workload}",
    "destination_workload_namespace": "{namespace}",
    "destination_canonical_service": "{workload}",
    "destination_service": "{workload}.{namespace}.svc.cluster.local",
    "destination_service_name": "{workload}",
    "destination_service_namespace": "{namespace}",
    "destination_version": "{version}",
    "request_protocol": "http",
    "response_code": "{status}",
    "response_flags": "-",
    "connection_security_policy": "mutual_tls",
}
_LINKERD = {
    "direction": "inbound",
    "status_code": "{status}",
    "tls": "true",
    "authority": "{workload}.{namespace}.svc.cluster.local:{port}",
}
_INGRESS = {
    "namespace": "{namespace}",
    "ingress": "{workload}",
    "service": "{workload}",
    "status": "{status}",
    "method": "{method}",
    "path": "{route}",
    "host": "shop.example.com",
    "canary": "",
    "controller_class": "k8s.io/ingress-nginx",
    "controller_namespace": "platform",
    "controller_pod": "{observer}",
}

_FLOW = {
    "reporter": "server",
    "method": "{method}",
    "protocol": "HTTP/1.1",
    "source_namespace": "{namespace}",
    "source_workload": "{source}",
    "destination_namespace": "{namespace}",
    "destination_workload": "{workload}",
    "destination_pod": "{pod}",
}
_CGROUP = {"container_id": "/k8s/{namespace}/{pod}/{container}"}
_CLUSTER = {"envoy_cluster_name": "{namespace}/{workload}/80"}
_SPAN = {
    "span_kind": "SPAN_KIND_SERVER",
    "span_name": "{method} {route}",
    "status_code": "{span_status}",
    "k8s_namespace_name": "{namespace}",
    "k8s_pod_name": "{pod}",
}
_EDGE = {"client": "{source}", "server": "{workload}", "k8s_pod_name": "{pod}"}

CONVENTIONS: dict[str, Convention] = {
    convention.id: convention
    for convention in (
        Convention(
            "otel-http",
            (Instrument("http_server_request_duration_seconds", {**_RESOURCE, **_SEMCONV}, SDK_BOUNDS),),
            at="collector",
            job="otel-collector",
            honor_labels=True,
        ),
        Convention(
            "otel-http-old",
            (
                Instrument(
                    "http_server_duration_milliseconds",
                    {**_RESOURCE, "http_method": "{method}", "http_status_code": "{status}", "http_route": "{route}"},
                    OLD_SDK_BOUNDS,
                    1000.0,
                ),
            ),
            at="collector",
            job="otel-collector",
            honor_labels=True,
        ),
        Convention(
            "beyla-obi",
            (
                Instrument(
                    "http_server_request_duration_seconds",
                    {
                        **{name: value for name, value in _RESOURCE.items() if name not in ("job", "instance")},
                        **_SEMCONV,
                        "k8s_owner_name": "{workload}",
                        "k8s_kind": "{Kind}",
                        "k8s_cluster_name": "lab",
                    },
                    SDK_BOUNDS,
                ),
            ),
            at="node",
            job="beyla",
            target={"namespace": "platform", "node": "{node}"},
        ),
        Convention(
            "istio",
            (
                Instrument("istio_requests_total", _MESH),
                Instrument("istio_request_duration_milliseconds", _MESH, ISTIO_BOUNDS, 1000.0),
            ),
            job="envoy-stats",
            target=POD_TARGET | {"container": "istio-proxy"},
        ),
        Convention(
            "linkerd",
            (
                Instrument("response_total", {**_LINKERD, "classification": "{classification}"}),
                Instrument("request_total", {name: value for name, value in _LINKERD.items() if name != "status_code"}),
                Instrument("response_latency_ms", _LINKERD, LINKERD_BOUNDS, 1000.0),
            ),
            job="linkerd-proxy",
            target={"namespace": "{namespace}", "pod": "{pod}", "{kind}": "{workload}", "control_plane_ns": "linkerd"},
        ),
        Convention(
            "client-lib",
            (
                Instrument("http_requests_total", {"code": "{status}", "method": "{method}", "handler": "{route}"}),
                Instrument(
                    "http_request_duration_seconds", {"method": "{method}", "handler": "{route}"}, LIBRARY_BOUNDS
                ),
            ),
            target=POD_TARGET,
        ),
        Convention(
            "micrometer",
            (
                Instrument(
                    "http_server_requests_seconds",
                    {
                        "application": "{workload}",
                        "error": "{error}",
                        "exception": "{error}",
                        "method": "{method}",
                        "outcome": "{outcome}",
                        "status": "{status}",
                        "uri": "{route}",
                    },
                    MICROMETER_BOUNDS,
                ),
            ),
            target=POD_TARGET,
        ),
        Convention(
            "nginx-ingress",
            (
                Instrument("nginx_ingress_controller_requests", _INGRESS),
                Instrument("nginx_ingress_controller_request_duration_seconds", _INGRESS, LIBRARY_BOUNDS),
            ),
            at="edge",
            job="ingress-nginx-controller-metrics",
            target={
                "namespace": "platform",
                "pod": "{observer}",
                "container": "controller",
                "service": "ingress-nginx-controller-metrics",
            },
        ),
        Convention(
            "traefik",
            (
                Instrument(
                    "traefik_service_requests_total",
                    {
                        "service": "{namespace}-{workload}-80@kubernetes",
                        "code": "{status}",
                        "method": "{method}",
                        "protocol": "http",
                    },
                ),
                Instrument(
                    "traefik_service_request_duration_seconds",
                    {
                        "service": "{namespace}-{workload}-80@kubernetes",
                        "code": "{status}",
                        "method": "{method}",
                        "protocol": "http",
                    },
                    TRAEFIK_BOUNDS,
                ),
            ),
            at="edge",
            job="traefik",
            target={"namespace": "platform", "pod": "{observer}"},
        ),
        Convention(
            "hubble",
            (
                Instrument("hubble_http_requests_total", {**_FLOW, "status": "{status}"}),
                Instrument("hubble_http_request_duration_seconds", _FLOW, LIBRARY_BOUNDS),
            ),
            at="node",
            job="hubble-metrics",
            target={"namespace": "kube-system", "node": "{node}"},
        ),
        Convention(
            "coroot",
            (
                Instrument("container_http_inbound_requests_total", {**_CGROUP, "status": "{class}xx"}),
                Instrument("container_http_inbound_requests_duration_seconds_total", _CGROUP, LIBRARY_BOUNDS),
            ),
            at="node",
            job="coroot-node-agent",
            target={"namespace": "coroot", "node": "{node}"},
        ),
        Convention(
            "envoy",
            (
                Instrument("envoy_cluster_upstream_rq_xx", {**_CLUSTER, "envoy_response_code_class": "{class}"}),
                Instrument("envoy_cluster_upstream_rq_time", _CLUSTER, ENVOY_BOUNDS, 1000.0),
            ),
            at="edge",
            job="contour-envoy",
            target={"namespace": "platform", "pod": "{observer}"},
        ),
        Convention(
            "spanmetrics",
            (
                Instrument("traces_spanmetrics_calls_total", {**_SPAN, "service": "{workload}"}),
                Instrument("traces_spanmetrics_latency", {**_SPAN, "service": "{workload}"}, SPAN_BOUNDS),
            ),
            at="collector",
            job="tempo-metrics-generator",
        ),
        Convention(
            "otelcol-spanmetrics",
            (
                Instrument("traces_span_metrics_calls_total", {**_SPAN, "service_name": "{workload}"}),
                Instrument(
                    "traces_span_metrics_duration_milliseconds",
                    {**_SPAN, "service_name": "{workload}"},
                    SPAN_MILLISECONDS,
                    1000.0,
                ),
            ),
            at="collector",
            job="otel-collector-spans",
        ),
        Convention(
            "service-graph",
            (
                Instrument("traces_service_graph_request_total", _EDGE),
                Instrument("traces_service_graph_request_failed_total", _EDGE, failures=True),
                Instrument("traces_service_graph_request_server_seconds", _EDGE, GRAPH_BOUNDS),
            ),
            at="collector",
            job="tempo-service-graph",
        ),
    )
}


def fields(pod: Pod, observer: Pod, stream: Stream | None = None) -> dict[str, str]:
    """The names that templates may use, for one pod, its observer, and (not for targets) one stream."""
    workload = pod.workload
    known = {
        "namespace": workload.namespace,
        "workload": workload.name,
        "kind": workload.kind.lower(),
        "Kind": workload.kind,
        "pod": pod.name,
        "node": pod.node,
        "container": "app",
        "version": pod.version,
        "port": str(workload.port),
        "observer": observer.name,
    }
    if stream is not None:
        failed = stream.status >= 500
        known |= {
            "route": stream.route.path,
            "method": stream.route.method,
            "status": str(stream.status),
            "source": stream.source or "unknown",
            "class": str(stream.status // 100),
            "classification": "failure" if failed else "success",
            "span_status": "STATUS_CODE_ERROR" if failed else "STATUS_CODE_UNSET",
            "outcome": {2: "SUCCESS", 4: "CLIENT_ERROR", 5: "SERVER_ERROR"}[stream.status // 100],
            "error": "IllegalStateException" if failed else "none",
        }
    return known


def render(templates: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Labels from templates; an empty value is no label."""
    rendered = {name.format_map(known): value.format_map(known) for name, value in templates.items()}
    return {name: value for name, value in rendered.items() if value}
