from __future__ import annotations

import pytest

from detectors.catalog import Owners, load
from detectors.model import Identity

CASES = [
    (
        "http-server-5xx-spike",
        "otel-http",
        {"job": "shop/checkout", "service_name": "checkout", "http_response_status_code": "200"},
        Identity(namespace="shop", service="checkout"),
    ),
    (
        "http-server-5xx-spike",
        "otel-http",
        {"job": "otel/collector", "k8s_namespace_name": "shop", "k8s_statefulset_name": "ledger", "service_name": "l"},
        Identity(namespace="shop", workload="ledger", kind="StatefulSet", service="l"),
    ),
    ("http-server-5xx-spike", "otel-http", {"job": "checkout"}, Identity(service="checkout")),
    (
        "ext-http-5xx-spike",
        "otel-http",
        {"job": "shop/checkout", "server_address": "api.stripe.com", "server_port": "443"},
        Identity(namespace="shop", service="checkout", peer="api.stripe.com:443"),
    ),
    (
        "ext-http-5xx-spike",
        "otel-http-old",
        {"job": "shop/checkout", "net_peer_name": "api.stripe.com", "net_peer_port": "443"},
        Identity(namespace="shop", service="checkout", peer="api.stripe.com:443"),
    ),
    (
        "http-server-5xx-spike",
        "beyla-obi",
        {"k8s_namespace_name": "shop", "k8s_owner_name": "checkout", "service_name": "checkout"},
        Identity(namespace="shop", workload="checkout", service="checkout"),
    ),
    (
        "http-server-5xx-spike",
        "istio",
        {"destination_workload_namespace": "shop", "destination_workload": "checkout", "destination_cluster": "east"},
        Identity(namespace="shop", workload="checkout", cluster="east"),
    ),
    (
        "http-server-5xx-spike",
        "istio",
        {"destination_workload_namespace": "unknown", "destination_workload": "unknown"},
        Identity(),
    ),
    (
        "ext-http-5xx-spike",
        "istio",
        {
            "source_workload_namespace": "shop",
            "source_workload": "checkout",
            "destination_service": "api.stripe.com",
            "destination_service_name": "PassthroughCluster",
        },
        Identity(namespace="shop", workload="checkout", peer="api.stripe.com"),
    ),
    (
        "http-server-5xx-spike",
        "linkerd",
        {"namespace": "shop", "daemonset": "edge", "deployment": ""},
        Identity(namespace="shop", workload="edge", kind="DaemonSet"),
    ),
    (
        "ext-http-5xx-spike",
        "linkerd",
        {"namespace": "shop", "deployment": "checkout", "authority": "api.stripe.com:443"},
        Identity(namespace="shop", workload="checkout", kind="Deployment", peer="api.stripe.com:443"),
    ),
    (
        "http-server-5xx-spike",
        "hubble",
        {"destination": "shop/checkout", "destination_namespace": "shop", "destination_workload": "checkout"},
        Identity(namespace="shop", workload="checkout", service="shop/checkout"),
    ),
    (
        "http-server-5xx-spike",
        "coroot",
        {"container_id": "/k8s/shop/checkout-6d4cf56db6-7x2kq/app"},
        Identity(namespace="shop", pod="checkout-6d4cf56db6-7x2kq"),
    ),
    (
        "http-server-5xx-spike",
        "coroot",
        {"container_id": "/k8s-cronjob/shop/report/app"},
        Identity(namespace="shop", workload="report", kind="CronJob"),
    ),
    ("http-server-5xx-spike", "coroot", {"container_id": "/system.slice/docker.service"}, Identity()),
    (
        "http-server-5xx-spike",
        "coroot-outbound",
        {"actual_destination": "10.2.0.7:8080"},
        Identity(address="10.2.0.7:8080"),
    ),
    (
        "external-error-spike",
        "coroot-all",
        {"container_id": "/k8s/shop/checkout-0/app", "destination": "db.example.com:5432", "proto": "postgres"},
        Identity(namespace="shop", pod="checkout-0", peer="db.example.com:5432"),
    ),
    (
        "http-server-5xx-spike",
        "nginx-ingress",
        {
            "namespace": "ingress-nginx",
            "exported_namespace": "shop",
            "service": "ingress-nginx-metrics",
            "exported_service": "checkout",
            "ingress": "shop",
        },
        Identity(namespace="shop", service="checkout"),
    ),
    (
        "http-server-5xx-spike",
        "nginx-ingress",
        {"namespace": "shop", "service": "checkout"},
        Identity(namespace="shop", service="checkout"),
    ),
    (
        "http-server-5xx-spike",
        "traefik",
        {"service": "shop-checkout-80@kubernetes"},
        Identity(service="shop-checkout"),
    ),
    (
        "http-server-5xx-spike",
        "traefik",
        {"service": "traefik", "exported_service": "shop-checkout-http@kubernetescrd"},
        Identity(service="shop-checkout"),
    ),
    (
        "http-server-5xx-spike",
        "envoy",
        {"envoy_cluster_name": "shop/checkout/80", "namespace": "projectcontour"},
        Identity(namespace="shop", service="checkout"),
    ),
    (
        "http-server-5xx-spike",
        "envoy",
        {"envoy_cluster_name": "outbound|80||checkout.shop.svc.cluster.local"},
        Identity(namespace="shop", service="checkout"),
    ),
    (
        "ext-http-5xx-spike",
        "envoy",
        {"namespace": "shop", "pod": "edge-0", "envoy_cluster_name": "outbound|443||api.stripe.com"},
        Identity(namespace="shop", pod="edge-0", peer="api.stripe.com"),
    ),
    (
        "ext-http-5xx-spike",
        "envoy",
        {"namespace": "edge", "pod": "edge-0", "envoy_cluster_name": "shop/checkout/80"},
        Identity(namespace="edge", pod="edge-0", peer="checkout"),
    ),
    (
        "http-server-5xx-spike",
        "micrometer",
        {"namespace": "shop", "pod": "checkout-0", "job": "spring", "application": "checkout"},
        Identity(namespace="shop", pod="checkout-0", service="checkout"),
    ),
    (
        "http-server-5xx-spike",
        "client-lib",
        {"namespace": "shop", "pod": "checkout-0", "job": "checkout"},
        Identity(namespace="shop", pod="checkout-0", service="checkout"),
    ),
    (
        "server-error-spike",
        "grpc-lib",
        {"namespace": "shop", "pod": "checkout-0", "job": "checkout"},
        Identity(namespace="shop", pod="checkout-0", service="checkout"),
    ),
    (
        "external-error-spike",
        "client-go",
        {"namespace": "shop", "pod": "operator-0", "job": "operator", "host": "10.96.0.1:443"},
        Identity(namespace="shop", pod="operator-0", service="operator", peer="10.96.0.1:443"),
    ),
    (
        "http-server-5xx-spike",
        "spanmetrics",
        {"service": "checkout", "k8s_namespace_name": "shop"},
        Identity(namespace="shop", service="checkout"),
    ),
    ("http-server-5xx-spike", "otelcol-spanmetrics", {"service_name": "checkout"}, Identity(service="checkout")),
    ("http-server-5xx-spike", "service-graph", {"client": "web", "server": "checkout"}, Identity(service="checkout")),
    (
        "ext-http-5xx-spike",
        "service-graph",
        {"client": "web", "server": "api.stripe.com"},
        Identity(service="web", peer="api.stripe.com"),
    ),
    (
        "database-error-spike",
        "otel-db",
        {"job": "shop/checkout", "server_address": "db", "server_port": "5432", "db_system_name": "postgresql"},
        Identity(namespace="shop", service="checkout", peer="db:5432"),
    ),
    (
        "database-error-spike",
        "postgres-exporter",
        {"namespace": "shop", "instance": "10.0.0.3:9187", "server": "db:5432", "datname": "orders"},
        Identity(namespace="shop", address="10.0.0.3:9187", peer="db:5432"),
    ),
    (
        "server-error-spike",
        "otel-rpc",
        {"job": "shop/cart", "k8s_deployment_name": "cart", "env": "prod"},
        Identity(namespace="shop", workload="cart", kind="Deployment", service="cart", environment="prod"),
    ),
    (
        "pod-crashloopbackoff",
        "kube-state-metrics",
        {"namespace": "shop", "pod": "checkout-0"},
        Identity(namespace="shop", pod="checkout-0"),
    ),
    (
        "pod-crashloopbackoff",
        "kube-state-metrics",
        {"namespace": "shop", "workload": "ledger", "workload_type": "statefulset"},
        Identity(namespace="shop", workload="ledger", kind="StatefulSet"),
    ),
    (
        "pod-restart-spike",
        "otel-k8s-cluster",
        {"k8s_namespace_name": "shop", "k8s_pod_name": "checkout-0", "k8s_container_name": "app"},
        Identity(namespace="shop", pod="checkout-0"),
    ),
    (
        "pod-crashloopbackoff",
        "eventrouter",
        {
            "involved_object_namespace": "shop",
            "involved_object_kind": "Pod",
            "involved_object_name": "checkout-0",
            "reason": "BackOff",
        },
        Identity(namespace="shop", pod="checkout-0"),
    ),
    (
        "node-not-ready",
        "eventrouter",
        {"involved_object_kind": "Node", "involved_object_name": "n1"},
        Identity(node="n1"),
    ),
    (
        "events-failedmount",
        "event-exporter",
        {
            "involved_object_namespace": "shop",
            "involved_object_kind": "StatefulSet",
            "involved_object_name": "ledger",
        },
        Identity(namespace="shop", workload="ledger", kind="StatefulSet"),
    ),
    ("node-not-ready", "kube-state-metrics", {"node": "n1", "status": "false"}, Identity(node="n1")),
    ("node-not-ready", "otel-k8s-cluster", {"k8s_node_name": "n1"}, Identity(node="n1")),
    (
        "node-network-send",
        "node-exporter",
        {"instance": "10.0.0.1:9100"},
        Identity(address="10.0.0.1:9100"),
    ),
    (
        "node-network-send",
        "cadvisor",
        {"instance": "10.0.0.1:10250", "node": "n1"},
        Identity(node="n1", address="10.0.0.1:10250"),
    ),
    (
        "pvc-usage",
        "kubelet-volume",
        {"namespace": "shop", "persistentvolumeclaim": "data-ledger-0"},
        Identity(namespace="shop", claim="data-ledger-0"),
    ),
    ("cluster-cpu-usage-spike", "node-exporter", {"cluster": "east"}, Identity(cluster="east")),
]


@pytest.mark.parametrize(("row", "convention", "labels", "expected"), CASES)
def test_labels_say_who_is_meant(row: str, convention: str, labels: dict[str, str], expected: Identity) -> None:
    source = next(s for s in load().sources(row) if s.convention == convention)
    assert source.identity.identify(labels) == expected


def test_labels_under_other_names_say_the_same() -> None:
    source = next(s for s in load().sources("pod-restart-spike", Owners.RAW) if s.convention == "kube-state-metrics")
    aliased = source.aliased({"namespace": "exported_namespace", "pod": "exported_pod"})
    labels = {"namespace": "monitoring", "exported_namespace": "shop", "exported_pod": "checkout-0"}
    assert aliased.identity.identify(labels) == Identity(namespace="shop", pod="checkout-0")
    assert "exported_pod" in aliased.display
    assert " pod" not in aliased.display
    assert source.identity.identify(labels) == Identity(namespace="monitoring")


def test_every_label_a_rule_needs_is_asked_for() -> None:
    for row in load().rows:
        for source in load().sources(row.id):
            for query in source.queries:
                if source.instrument and "absent(" not in query.promql:
                    missing = [label for label in source.labels if label not in query.promql]
                    assert not missing, (row.id, source.convention, missing)


@pytest.mark.parametrize(
    ("row", "convention", "labels"),
    [
        ("http-server-5xx-spike", "istio", ("destination_workload_namespace", "destination_workload")),
        ("http-server-5xx-spike", "traefik", ("exported_service", "service")),
        ("pod-restart-spike", "kube-state-metrics", ("namespace", "workload")),
        ("node-not-ready", "kube-state-metrics", ("node",)),
        # A container, a proxy's address and the processors of all nodes are parts of what is judged.
        ("http-server-5xx-spike", "coroot", ()),
        ("http-server-5xx-spike", "coroot-outbound", ()),
        ("cluster-cpu-usage-spike", "node-exporter", ()),
    ],
)
def test_labels_whose_values_hold_entities_as_a_whole(row: str, convention: str, labels: tuple[str, ...]) -> None:
    source = next(each for each in load().sources(row) if each.convention == convention)
    assert source.identity.whole_labels == labels


def test_labels_are_called_what_the_server_calls_them() -> None:
    source = next(each for each in load().sources("pod-restart-spike") if each.convention == "kube-state-metrics")
    aliased = source.aliased({"namespace": "exported_namespace"})
    assert aliased.identity.whole_labels[0] == "exported_namespace"
