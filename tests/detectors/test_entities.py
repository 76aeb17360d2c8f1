from __future__ import annotations

from typing import Any

import pytest

from detectors.cluster import ClusterState
from detectors.entities import (
    DEFAULT_ENVIRONMENT,
    UNKNOWN_WORKLOAD,
    UNRESOLVED_SERVICE,
    PeerKind,
    Resolver,
    environment_of,
    guess_workload,
    host_of,
    workload_entity,
)
from detectors.model import Entity, EntityType, Identity
from detectors.objects import Deployment, Namespace, Node, Pod, Service
from tests.detectors.test_cluster import build, slices, state


def space(name: str, items: list[Any]) -> dict[tuple[str, str], Any]:
    return {(name, item.name): item for item in items}


def shop(**more: Any) -> ClusterState:
    """cart (Deployment, two pods behind the Service `cart-http`), api in two namespaces."""
    hashed = {"labels": {"pod-template-hash": "55", "app.kubernetes.io/name": "basket"}}
    pods = [
        build(Pod, f"cart-55-{n}", ("ReplicaSet", "cart-55"), metadata=hashed, status={"podIP": f"10.0.0.{n}"})
        for n in (1, 2)
    ]
    cart = build(Deployment, "cart", spec={"template": {"metadata": hashed}})
    apis = [
        build(Deployment, "api", metadata={"namespace": namespace, "uid": f"api-{namespace}"})
        for namespace in ("shop", "bank")
    ]
    service = build(
        Service, "cart-http", spec={"selector": {"app.kubernetes.io/name": "basket"}, "clusterIP": "10.9.0.7"}
    )
    outside = build(Service, "mail", spec={"type": "ExternalName", "externalName": "SMTP.example.com."})
    orphan = build(Service, "nobody", spec={"clusterIP": "None"})
    return state(*pods, cart, *apis, services=space("shop", [service, outside, orphan]), **more)


def resolve(identity: Identity, known: ClusterState | None, kind: EntityType = EntityType.WORKLOAD) -> Entity:
    return Resolver(known, "lab", {}).entity(identity, kind)


def workload(kind: str, name: str, namespace: str = "shop") -> Entity:
    environment = DEFAULT_ENVIRONMENT if namespace else ""
    return Entity(EntityType.WORKLOAD, "lab", namespace, kind, name, environment=environment)


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        (Identity(namespace="shop", workload="cart"), workload("Deployment", "cart")),
        (Identity(namespace="shop", workload="cart-55", kind="ReplicaSet"), workload("ReplicaSet", "cart-55")),
        (Identity(namespace="shop", workload="gone"), workload(UNKNOWN_WORKLOAD, "gone")),
        (Identity(namespace="shop", workload="db", kind="StatefulSet"), workload("StatefulSet", "db")),
        (Identity(namespace="shop", pod="cart-55-1"), workload("Deployment", "cart")),
        (Identity(namespace="shop", pod="cart-7d9f5-x2x4z"), workload("Deployment", "cart")),
        (Identity(namespace="shop", pod="mystery-7d9f5-x2x4z"), workload(UNKNOWN_WORKLOAD, "mystery")),
        (Identity(address="10.0.0.2:8080"), workload("Deployment", "cart")),
        (Identity(namespace="shop", service="cart"), workload("Deployment", "cart")),
        (Identity(namespace="shop", service="cart-http"), workload("Deployment", "cart")),
        (Identity(namespace="shop", service="nobody"), workload("Service", "nobody")),
        (Identity(namespace="shop", service="basket"), workload("Deployment", "cart")),
        (Identity(namespace="bank", service="api"), workload("Deployment", "api", "bank")),
        (Identity(service="basket"), workload("Deployment", "cart")),
        (Identity(service="shop-cart-http"), workload("Deployment", "cart")),
        (Identity(service="shop-unheard-of"), workload(UNRESOLVED_SERVICE, "shop-unheard-of", "")),
        (Identity(namespace="elsewhere", service="basket"), workload("Deployment", "cart")),
        (Identity(service="cart-http"), workload("Deployment", "cart")),
        (Identity(service="api"), workload(UNRESOLVED_SERVICE, "api", "")),
        (Identity(namespace="shop", service="legacy"), workload(UNRESOLVED_SERVICE, "legacy")),
    ],
)
def test_the_order_of_names(identity, expected):
    assert resolve(identity, shop()) == expected


def test_opentelemetry_job_names_a_namespace_only_when_there_is_one():
    namespaces = {"bank": build(Namespace, "bank")}
    assert resolve(Identity(service="bank/api"), shop(namespaces=namespaces)) == workload("Deployment", "api", "bank")
    assert resolve(Identity(service="retail/basket"), shop(namespaces=namespaces)) == workload("Deployment", "cart")


def test_an_exact_name_wins_over_another_workloads_label():
    other = build(Deployment, "imitation", metadata={"labels": {"app": "cart"}})
    known = shop()
    both = ClusterState(
        "lab", 0.0, pods=known.pods, workloads={**known.workloads, ("Deployment", "shop", "imitation"): other}
    )
    assert resolve(Identity(namespace="shop", service="cart"), both).name == "cart"


def test_a_label_that_two_workloads_share_means_neither():
    web, worker = (build(Deployment, name, metadata={"labels": {"app": "shopfront"}}) for name in ("web", "worker"))
    entity = resolve(Identity(namespace="shop", service="shopfront"), state(web, worker))
    assert entity.kind == UNRESOLVED_SERVICE


def test_the_annotation_of_opentelemetry_names_a_workload():
    named = build(Deployment, "cart", metadata={"annotations": {"resource.opentelemetry.io/service.name": "Cart!"}})
    assert resolve(Identity(namespace="shop", service="Cart!"), state(named)).name == "cart"


def test_without_a_cluster_names_are_taken_or_guessed_and_marked():
    assert resolve(Identity(namespace="shop", pod="cart-7d9f5-x2x4z"), None) == workload(UNKNOWN_WORKLOAD, "cart")
    assert resolve(Identity(namespace="shop", workload="cart"), None) == workload(UNKNOWN_WORKLOAD, "cart")
    assert resolve(Identity(namespace="shop", workload="cart", kind="Deployment"), None).kind == "Deployment"
    assert resolve(Identity(namespace="shop", service="cart"), None) == workload(UNRESOLVED_SERVICE, "cart")


@pytest.mark.parametrize(
    ("pod", "guess"),
    [
        ("cart-api-7b7dd4c89-7qk78", "cart-api"),
        ("postgres-0", "postgres"),
        ("order-sync-29919345-svbxj", "order-sync"),
        ("fluent-bit-7mhqc", "fluent-bit"),
        ("debug", "debug"),
        ("web-frontend", "web-frontend"),
    ],
)
def test_guesses_from_pod_names(pod, guess):
    assert guess_workload(pod) == guess


def test_clusters_of_a_central_server_are_told_apart_only_without_a_state():
    identity = Identity(namespace="shop", workload="cart", cluster="eu-1")
    assert resolve(identity, None).cluster == "eu-1"
    assert resolve(identity, shop()).cluster == "lab"


def nodes() -> dict[str, Node]:
    node = build(
        Node,
        "worker-1",
        metadata={"namespace": ""},
        status={
            "addresses": [{"type": "InternalIP", "address": "10.20.0.11"}, {"type": "Hostname", "address": "ip-10-20"}],
            "nodeInfo": {"machineID": "CD59"},
        },
    )
    return {"worker-1": node}


@pytest.mark.parametrize(
    "identity",
    [
        Identity(node="worker-1"),
        Identity(node="ip-10-20"),
        Identity(node="cd59"),
        Identity(address="10.20.0.11:9100"),
    ],
)
def test_a_node_by_any_of_its_names(identity):
    assert resolve(identity, shop(nodes=nodes()), EntityType.NODE) == Entity(
        EntityType.NODE, "lab", "", "Node", "worker-1"
    )


def test_other_entities():
    claim = Identity(namespace="shop", claim="data-0")
    assert resolve(claim, None, EntityType.CLAIM).title == "shop/data-0"
    assert resolve(Identity(), None, EntityType.CLUSTER).name == "lab"
    pod = resolve(Identity(namespace="shop", pod="cart-55-1"), shop(), EntityType.POD)
    assert (pod.kind, pod.name) == ("Pod", "cart-55-1")
    assert resolve(Identity(node="unknown:9100"), shop(nodes=nodes()), EntityType.NODE).name == "unknown:9100"


def test_a_dependency_is_its_caller_and_the_far_end():
    identity = Identity(namespace="shop", workload="cart", peer="API.Example.com:443")
    entity = resolve(identity, shop(), EntityType.DEPENDENCY)
    assert (entity.name, entity.peer, entity.title) == ("cart", "api.example.com", "shop/cart > api.example.com")
    inside = resolve(Identity(namespace="shop", workload="cart", peer="cart-http:80"), shop(), EntityType.DATABASE)
    assert inside.peer == "shop/cart-http"


@pytest.mark.parametrize(
    ("address", "kind", "name"),
    [
        ("10.0.0.1:5432", PeerKind.WORKLOAD, "shop/cart"),
        ("10.9.0.7", PeerKind.SERVICE, "shop/cart-http"),
        ("10.20.0.11:10250", PeerKind.NODE, "worker-1"),
        ("169.254.169.254", PeerKind.CLOUD_METADATA, "169.254.169.254"),
        ("192.168.7.7:80", PeerKind.PRIVATE, "192.168.7.7"),
        ("[2606:4700::1]:443", PeerKind.EXTERNAL, "2606:4700::1"),
        ("8.8.8.8", PeerKind.EXTERNAL, "8.8.8.8"),
        ("cart-http", PeerKind.SERVICE, "shop/cart-http"),
        ("cart-http.shop", PeerKind.SERVICE, "shop/cart-http"),
        ("cart-http.shop.svc.cluster.local.:80", PeerKind.SERVICE, "shop/cart-http"),
        ("cart-0.cart-http.shop", PeerKind.SERVICE, "shop/cart-http"),
        ("cart-0.cart-http.shop.svc", PeerKind.SERVICE, "shop/cart-http"),
        ("gone.shop.svc.cluster.local", PeerKind.INTERNAL, "gone.shop.svc.cluster.local"),
        ("mail", PeerKind.EXTERNAL, "smtp.example.com"),
        ("https://user@Pay.Example.com:8443/v1?x=1", PeerKind.EXTERNAL, "pay.example.com"),
        ("cart", PeerKind.WORKLOAD, "shop/cart"),
        ("basket", PeerKind.WORKLOAD, "shop/cart"),
        ("svc", PeerKind.EXTERNAL, "svc"),
        ("localhost:9000", PeerKind.INTERNAL, "localhost"),
        ("127.0.0.1:9000", PeerKind.INTERNAL, "127.0.0.1"),
        ("", PeerKind.EXTERNAL, ""),
    ],
)
def test_who_is_at_the_other_end(address, kind, name):
    peer = Resolver(shop(nodes=nodes()), "lab", {}).peer(address, "shop")
    assert (peer.kind, peer.name) == (kind, name)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("cart-http.shop.svc:80", PeerKind.INTERNAL),
        ("cart-http.shop.svc.cluster.local", PeerKind.INTERNAL),
        ("localhost", PeerKind.INTERNAL),
        ("[::1]:80", PeerKind.INTERNAL),
        ("not-localhost", PeerKind.EXTERNAL),
        ("api.example.com", PeerKind.EXTERNAL),
        ("10.0.0.1", PeerKind.PRIVATE),
    ],
)
def test_who_is_at_the_other_end_as_far_as_names_tell(address, kind):
    assert Resolver(None, "lab", {}).peer(address, "shop").kind is kind


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("cart", PeerKind.WORKLOAD, "shop/cart"),
        ("cart-http", PeerKind.WORKLOAD, "shop/cart"),
        ("mail", PeerKind.EXTERNAL, "smtp.example.com"),
        # Two of that name: nobody knows which, and it may be a third outside.
        ("api", PeerKind.EXTERNAL, "api"),
        ("stripe", PeerKind.EXTERNAL, "stripe"),
    ],
)
def test_a_far_end_that_traces_name_without_a_namespace(name, kind, expected):
    peer = Resolver(shop(), "lab", {}).peer(name, "")
    assert (peer.kind, peer.name) == (kind, expected)


def test_calls_inside_the_cluster_are_no_external_dependency():
    def named(peer, kind, state):
        return resolve(Identity(namespace="shop", workload="cart", peer=peer), state, kind).name

    for inside in ("cart-http", "10.0.0.1:5432", "10.20.0.11", "localhost", "169.254.169.254"):
        assert not named(inside, EntityType.DEPENDENCY, shop(nodes=nodes()))
        assert named(inside, EntityType.DATABASE, shop(nodes=nodes())) == "cart"
    assert not named("cart.shop.svc.cluster.local", EntityType.DEPENDENCY, None)
    for outside in ("api.example.com", "192.168.7.7", "mail", ""):
        assert named(outside, EntityType.DEPENDENCY, shop(nodes=nodes())) == "cart"


def test_a_peer_leads_to_the_workloads_behind_it():
    known = shop()
    assert [owner.name for owner in Resolver(known, "lab", {}).peer("cart-http", "shop").owners] == ["cart"]


@pytest.mark.parametrize(
    ("address", "host"),
    [("Host.", "host"), ("a:1", "a"), ("fd00::1", "fd00::1"), ("[fd00::1]:80", "fd00::1"), ("http://x/y", "x")],
)
def test_hosts(address, host):
    assert host_of(address) == host


def namespaced(**metadata: Any) -> ClusterState:
    return ClusterState("lab", 0.0, namespaces={"shop-prod": build(Namespace, "shop-prod", metadata=metadata)})


def test_the_environment_is_the_first_hit():
    labelled = namespaced(labels={"env": "live"}, annotations={"environment": "other"})
    annotated = namespaced(annotations={"environment": "acceptance"})
    mine = {"shop-*": "mine"}
    assert environment_of("shop-prod", labelled, mine, label="series", cluster="stage-eu") == "mine"
    assert environment_of("shop-prod", labelled, {}, label="series") == "series"
    assert environment_of("shop-prod", labelled, {}) == "live"
    assert environment_of("shop-prod", annotated, {}) == "acceptance"
    assert environment_of("shop-prod", namespaced(), {}) == "prod"
    assert environment_of("shop", None, {}, cluster="stage-eu") == "stage"
    assert environment_of("", None, {}, cluster="eu") == environment_of("reproduction", None, {}) == "default"
    assert environment_of("shop", None, {"eu-*": "staging"}, cluster="eu-7") == "staging"


def test_a_pods_workload_is_an_entity():
    known = shop()
    pod = known.pod_named("shop", "cart-55-1")
    assert pod is not None
    assert workload_entity(known, pod) == workload("Deployment", "cart")


def test_endpoints_of_two_workloads_leave_the_service_as_the_entity():
    pods = [build(Pod, f"{name}-0", ("StatefulSet", name)) for name in ("web", "canary")]
    service = build(Service, "front", spec={"selector": {"app": "x"}})
    pieces = slices(*pods)
    piece = next(iter(pieces.values()))
    piece.metadata.labels["kubernetes.io/service-name"] = "front"
    known = state(*pods, services={("shop", "front"): service}, endpoint_slices=pieces)
    assert resolve(Identity(namespace="shop", service="front"), known) == workload("Service", "front")
