from __future__ import annotations

import pytest

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.connection import PrometheusConnection
from app.sources.prometheus.locate import Location, locate
from app.sources.prometheus.service_proxy import ServiceProxyTransport, proxied
from detectors.objects import Metadata, Service, ServicePort
from detectors.objects.network import ServiceSpec
from detectors.series import Grid
from tests.app.sources.prometheus.scripted import EMPTY_MATRIX, ONE, Reply


def service(name: str, *ports: tuple[str, int], namespace: str = "monitoring", **labels: str) -> Service:
    names = {key.replace("__", "/").replace("_", "."): value for key, value in labels.items()}
    offered = tuple(ServicePort(name=port_name, port=port) for port_name, port in ports)
    return Service(metadata=Metadata(name=name, namespace=namespace, labels=names), spec=ServiceSpec(ports=offered))


WEB = ("http-web", 9090)

KUBE_PROMETHEUS_STACK = [
    service(
        "prom-kube-prometheus-stack-prometheus", WEB, ("reloader-web", 8080), app="kube-prometheus-stack-prometheus"
    ),
    service("prometheus-operated", WEB, operated__prometheus="true"),
    service("prom-kube-prometheus-stack-operator", ("https", 443), app="kube-prometheus-stack-operator"),
    service("prom-kube-prometheus-stack-alertmanager", ("http-web", 9093), app="kube-prometheus-stack-alertmanager"),
    service("prom-kube-state-metrics", ("http", 8080), app_kubernetes_io__name="kube-state-metrics"),
    service(
        "prom-prometheus-node-exporter", ("http-metrics", 9100), app_kubernetes_io__name="prometheus-node-exporter"
    ),
    service("prom-grafana", ("http-web", 80), app_kubernetes_io__name="grafana"),
]


@pytest.mark.parametrize(
    ("services", "best"),
    [
        (KUBE_PROMETHEUS_STACK, "monitoring/prom-kube-prometheus-stack-prometheus:9090"),
        ([KUBE_PROMETHEUS_STACK[1]], "monitoring/prometheus-operated:9090"),
        (
            [service("prometheus-k8s", ("web", 9090), app_kubernetes_io__name="prometheus")],
            "monitoring/prometheus-k8s:9090",
        ),
        (
            [
                service("prometheus-server", ("http", 80), app_kubernetes_io__name="prometheus"),
                service("prometheus-alertmanager", ("http", 9093), app_kubernetes_io__name="alertmanager"),
                service("prometheus-prometheus-pushgateway", ("http", 9091)),
            ],
            "monitoring/prometheus-server:80",
        ),
        (
            [KUBE_PROMETHEUS_STACK[0], service("thanos-query", ("http", 9090), app_kubernetes_io__name="thanos-query")],
            "monitoring/thanos-query:9090",
        ),
        (
            [
                service("mimir-distributor", ("http", 8080), app_kubernetes_io__name="mimir"),
                service("mimir-nginx", ("http-metric", 80), app_kubernetes_io__name="mimir"),
            ],
            "monitoring/mimir-nginx:80/prometheus",
        ),
        (
            [service("vmsingle-main", ("http", 8429), app_kubernetes_io__name="vmsingle")],
            "monitoring/vmsingle-main:8429",
        ),
        (
            [service("vm-victoria-metrics-single-server", ("http", 8428))],
            "monitoring/vm-victoria-metrics-single-server:8428",
        ),
        (
            [service("vmselect-main", ("http", 8481), app_kubernetes_io__name="vmselect")],
            "monitoring/vmselect-main:8481/select/0/prometheus",
        ),
        ([service("web", ("http", 8080), namespace="shop", app_kubernetes_io__name="prometheus")], "shop/web:8080"),
    ],
)
def test_the_usual_installations_are_found(services: list[Service], best: str) -> None:
    for order in (services, services[::-1]):
        assert locate(order)[0].title == best


def test_what_is_no_metrics_server_is_not_taken_for_one() -> None:
    others = [
        *KUBE_PROMETHEUS_STACK[2:],
        service("checkout", ("http", 80), namespace="shop", app="checkout"),
        service("prometheus", ("grpc", 10901)),
        service("prometheus-adapter", ("https", 443), app_kubernetes_io__name="prometheus-adapter"),
        service("prometheus-blackbox-exporter", ("http", 9115)),
        service("my-prometheus-exporter-for-cats", ("http", 80)),
        service("prometheus", namespace="empty"),
    ]
    assert locate(others) == ()


def test_https_is_said_to_the_proxy() -> None:
    (found,) = locate([service("prometheus", ("https", 9090), app_kubernetes_io__name="prometheus")])
    assert found.proxy_path == "/api/v1/namespaces/monitoring/services/https:prometheus:9090/proxy"


class Kubernetes:
    """Plays the API server's service proxy."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked: list[tuple[str, dict[str, str]]] = []

    def get(self, path: str, *, headers: dict[str, str], timeout: float) -> Reply:
        self.asked.append((path, headers))
        return self.reply


MIMIR = Location("mimir", "monitoring", "mimir-nginx", 80, "http", "/prometheus")
PROXY = "/api/v1/namespaces/monitoring/services/mimir-nginx:80/proxy/prometheus"


def test_queries_go_through_the_service_proxy_by_get_with_the_tenant_but_without_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "for-another-place")
    cluster = Kubernetes(Reply(body=EMPTY_MATRIX, headers={"content-encoding": "gzip", "content-length": "3"}))
    connection = PrometheusConnection(headers={"X-Scope-OrgID": "t"}, bearer_token_env="TOKEN")
    client = proxied(MIMIR, connection, cluster.get)
    assert client.range("sum(up)", Grid(120, 60, 2)).labels == ()
    client.range("+".join(["up"] * 3000), Grid(120, 60, 2))
    cluster.reply = Reply(body=b'{"status":"success","data":["a"]}')
    assert client.label_names(["up", "down"], 0, 1) == ("a",)
    paths = [path for path, _ in cluster.asked]
    assert paths[0] == PROXY + "/api/v1/query_range?query=sum%28up%29&start=60&end=120&step=60&timeout=30s"
    assert paths[2].count("match%5B%5D=") == 2
    assert all(headers == {"x-scope-orgid": "t"} for _, headers in cluster.asked)


def test_a_missing_right_is_the_engineers_to_ask_for() -> None:
    refusal = b'{"kind":"Status","status":"Failure","message":"User \\"a\\" cannot get services/proxy","code":403}'
    client = proxied(MIMIR, PrometheusConnection(), Kubernetes(Reply(403, refusal)).get)
    with pytest.raises(SourceError, match="cannot get services/proxy") as caught:
        client.instant("1", 0)
    assert caught.value.trouble is Trouble.FORBIDDEN


def test_the_proxy_takes_nothing_but_get() -> None:
    import httpx

    cluster = Kubernetes(Reply(body=ONE))
    with httpx.Client(transport=ServiceProxyTransport(cluster.get)) as client:
        for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD"):
            with pytest.raises(SourceError):
                client.request(method, "https://kubernetes/")
    assert cluster.asked == []
