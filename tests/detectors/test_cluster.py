from __future__ import annotations

import json
from typing import Any

import pytest

from detectors.cluster import Access, AccessStatus, ClusterState, GonePod, Restart, gone
from detectors.model import Entity, EntityType
from detectors.objects import CronJob, Deployment, EndpointSlice, Job, Node, Object, Pod, ReplicaSet, Service, decode

HASH = "7b7dd4c89"


def build(kind: type[Object], name: str, owner: tuple[str, str] | None = None, **parts: Any) -> Any:
    meta: dict[str, Any] = {"name": name, "namespace": "shop", "uid": f"uid-{name}", **parts.pop("metadata", {})}
    if owner is not None:
        meta["ownerReferences"] = [
            {"kind": "Ghost", "name": "ghost", "uid": "g"},
            {"kind": owner[0], "name": owner[1], "uid": "o", "controller": True},
        ]
    return decode(kind, json.dumps({"metadata": meta, **parts}).encode())


def state(*items: Any, **more: Any) -> ClusterState:
    pods = {item.metadata.uid: item for item in items if isinstance(item, Pod)}
    workloads = {
        (item.kind, item.namespace, item.name): item
        for item in items
        if isinstance(item, Deployment | ReplicaSet | Job | CronJob)
    }
    return ClusterState("lab", 1000.0, pods=pods, workloads=workloads, **more)


def labelled(**labels: str) -> dict[str, Any]:
    return {"labels": {name.replace("_", "-"): value for name, value in labels.items()}}


def test_a_pod_climbs_to_its_deployment():
    pod = build(Pod, "cart-x", ("ReplicaSet", f"cart-{HASH}"), metadata=labelled(pod_template_hash=HASH))
    known = state(pod, build(ReplicaSet, f"cart-{HASH}", ("Deployment", "cart")), build(Deployment, "cart"))
    assert known.owner(pod) == ("Deployment", "shop", "cart", HASH)
    assert known.workload_pods("Deployment", "shop", "cart") == (pod,)
    assert known.workload_pods("Deployment", "shop", "other") == ()


def test_all_runs_of_a_cronjob_are_one_workload():
    pods = [build(Pod, f"sync-{n}-abcde", ("Job", f"sync-{n}")) for n in (1, 2)]
    jobs = [build(Job, f"sync-{n}", ("CronJob", "sync")) for n in (1, 2)]
    known = state(*pods, *jobs, build(CronJob, "sync"))
    assert {known.owner(pod).key for pod in pods} == {("CronJob", "shop", "sync")}


def test_a_replica_set_of_argo_climbs_to_its_rollout():
    pod = build(Pod, "web-x", ("ReplicaSet", "web-55"), metadata=labelled(rollouts_pod_template_hash="55"))
    assert state(pod, build(ReplicaSet, "web-55", ("Rollout", "web"))).owner(pod).key == ("Rollout", "shop", "web")


@pytest.mark.parametrize("owner", [("StatefulSet", "db"), ("DataPlane", "custom"), ("ReplicationController", "old")])
def test_climbing_stops_at_an_owner_that_is_not_known(owner):
    pod = build(Pod, "x-0", owner)
    assert state(pod).owner(pod).key == (owner[0], "shop", owner[1])


def test_a_replica_set_that_may_not_be_read_is_named_after_its_deployment():
    pod = build(Pod, "cart-x", ("ReplicaSet", f"cart-api-{HASH}"), metadata=labelled(pod_template_hash=HASH))
    assert state(pod).owner(pod).key == ("Deployment", "shop", "cart-api")


def test_without_the_controllers_label_a_replica_set_stays_one():
    pod = build(Pod, "cart-x", ("ReplicaSet", f"cart-api-{HASH}"), metadata=labelled(pod_template_hash="other"))
    assert state(pod).owner(pod).key == ("ReplicaSet", "shop", f"cart-api-{HASH}")


def test_a_bare_pod_is_its_own_workload():
    pod = build(Pod, "debug")
    assert state(pod).owner(pod).key == ("Pod", "shop", "debug")


def test_static_pods_of_all_nodes_are_one_workload():
    pods = [build(Pod, f"kube-proxy-{node}", ("Node", node)) for node in ("cp-1", "cp-2")]
    known = state(*pods)
    assert {known.owner(pod).key for pod in pods} == {("Pod", "shop", "kube-proxy")}


def test_owners_in_a_circle_end():
    jobs = [build(Job, "a", ("Job", "b")), build(Job, "b", ("Job", "a"))]
    pod = build(Pod, "p", ("Job", "a"))
    assert state(pod, *jobs).owner(pod).kind == "Job"


def test_objects_that_are_not_pods_have_an_owner_too():
    known = state(build(ReplicaSet, f"cart-{HASH}", ("Deployment", "cart")), build(Pod, "debug"))
    assert known.owner_of("ReplicaSet", "shop", f"cart-{HASH}").key == ("Deployment", "shop", "cart")
    assert known.owner_of("Pod", "shop", "debug").key == ("Pod", "shop", "debug")
    assert known.owner_of("Service", "shop", "cart").key == ("Service", "shop", "cart")


def test_a_deleted_pod_is_found_until_another_takes_its_name():
    old = build(Pod, "db-0", ("StatefulSet", "db"), metadata={"uid": "old"})
    new = build(Pod, "db-0", ("StatefulSet", "db"), metadata={"uid": "new"})
    gone = {"old": GonePod(old, 900.0)}
    assert state(gone=gone).pod_named("shop", "db-0") is old
    assert state(new, gone=gone).pod_named("shop", "db-0") is new
    assert state(gone=gone).owner_of("Pod", "shop", "db-0", "old").key == ("StatefulSet", "shop", "db")
    assert state().pod_named("shop", "db-0") is None


def test_an_address_belongs_to_the_pod_that_has_it_now():
    done = build(Pod, "job", status={"podIP": "10.0.0.1", "phase": "Succeeded"})
    host = build(Pod, "agent", spec={"hostNetwork": True}, status={"podIP": "10.0.0.2", "phase": "Running"})
    live = build(Pod, "web", status={"podIP": "10.0.0.1", "phase": "Running"})
    known = state(done, host, live)
    assert known.pod_by_ip("10.0.0.1") is live
    assert known.pod_by_ip("10.0.0.2") is None


def slices(*pods: Pod, ready: bool = True) -> dict[tuple[str, str], EndpointSlice]:
    piece = build(
        EndpointSlice,
        "web-1",
        metadata={"labels": {"kubernetes.io/service-name": "web"}},
        endpoints=[
            {"conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "uid": pod.metadata.uid}} for pod in pods
        ],
    )
    return {("shop", "web-1"): piece}


def test_a_service_leads_to_every_workload_behind_it():
    stable = [build(Pod, f"web-{n}", ("StatefulSet", "web")) for n in "ab"]
    canary = build(Pod, "canary-a", ("StatefulSet", "web-canary"))
    known = state(*stable, canary, endpoint_slices=slices(*stable, canary, ready=False))
    assert [owner.name for owner in known.service_workloads("shop", "web")] == ["web", "web-canary"]


def test_a_service_without_endpoints_leads_by_its_selector():
    service = build(Service, "web", spec={"selector": {"app": "web"}})
    pod = build(Pod, "web-a", ("StatefulSet", "web"), metadata={"labels": {"app": "web", "tier": "front"}})
    other = build(Pod, "api-a", ("StatefulSet", "api"), metadata={"labels": {"app": "api"}})
    scaled_to_zero = build(Deployment, "web", spec={"template": {"metadata": {"labels": {"app": "web"}}}})
    services = {("shop", "web"): service}
    assert [o.name for o in state(pod, other, services=services).service_workloads("shop", "web")] == ["web"]
    assert [o.kind for o in state(scaled_to_zero, services=services).service_workloads("shop", "web")] == ["Deployment"]
    assert state(pod, services={("shop", "web"): build(Service, "web")}).service_workloads("shop", "web") == ()


def test_revisions_newest_first():
    sets = [
        build(
            ReplicaSet,
            f"cart-{n}",
            ("Deployment", "cart"),
            metadata={"annotations": {"deployment.kubernetes.io/revision": str(n)}},
        )
        for n in (2, 10, 9)
    ]
    assert [each.revision for each in state(*sets).revisions("Deployment", "shop", "cart")] == [10, 9, 2]


def restarted(count: int, *, created: str = "2026-01-01T00:00:00Z", finished: str | None = None) -> Pod:
    ended = {"lastState": {"terminated": {"finishedAt": finished}}} if finished else {}
    statuses = [{"name": "app", "restartCount": count, **ended}]
    return build(Pod, "p", metadata={"creationTimestamp": created}, status={"containerStatuses": statuses})


WINDOW = 1767225600.0 + 3600  # 2026-01-01T01:00:00Z


def test_restarts_of_an_old_pod_are_those_that_were_seen():
    pod = restarted(40)
    seen = tuple(Restart(WINDOW + at, "uid-p", "app", 1) for at in (-60, 60, 120))
    assert state(pod, restarts=seen).restarts_since(pod, WINDOW) == 2
    assert state(pod).restarts_since(pod, WINDOW) == 0


def test_a_pod_born_in_the_window_counts_from_zero():
    pod = restarted(3, created="2026-01-01T01:10:00Z")
    assert state(pod).restarts_since(pod, WINDOW) == 3


def test_the_last_end_of_a_container_proves_one_restart():
    recent, old = restarted(9, finished="2026-01-01T01:05:00Z"), restarted(9, finished="2026-01-01T00:05:00Z")
    assert state(recent).restarts_since(recent, WINDOW) == 1
    assert state(old).restarts_since(old, WINDOW) == 0


def test_what_is_stale_or_refused_is_not_readable():
    access = {status.value: Access(status) for status in AccessStatus}
    known = ClusterState("lab", 0.0, access=access)
    assert known.readable("listed")
    for status in ("forbidden", "not served", "error", "loading", "never asked"):
        assert not known.readable(status)
        assert not known.readable("listed", status)


def test_a_state_is_compared_by_identity():
    assert {state(): 1}
    assert state(build(Node, "n")) != state(build(Node, "n"))


KINDS = {
    "Deployment": ("deployments", lambda: {"items": [build(Deployment, "x")]}),
    "Pod": ("pods", lambda: {"items": [build(Pod, "x")]}),
    "PersistentVolumeClaim": ("persistentvolumeclaims", lambda: {"claims": {("shop", "x"): object()}}),
    "HorizontalPodAutoscaler": ("horizontalpodautoscalers", lambda: {"autoscalers": {("shop", "x"): object()}}),
    "ResourceQuota": ("resourcequotas", lambda: {"quotas": {("shop", "x"): object()}}),
    "Service": ("services", lambda: {"services": {("shop", "x"): object()}}),
    "Node": ("nodes", lambda: {"nodes": {"x": object()}}),
}


def test_a_pod_with_a_controller_is_gone_once_it_was_deleted_and_not_before():
    pod, listed = build(Pod, "cart-x", ("ReplicaSet", "cart-1")), {"pods": Access(AccessStatus.LISTED)}
    entity = Entity(EntityType.POD, "lab", "shop", "Pod", "cart-x")
    assert not gone(state(pod, access=listed), entity)
    assert gone(state(access=listed), entity)
    assert gone(state(access=listed, gone={pod.metadata.uid: GonePod(pod, 900.0)}), entity)


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_is_gone_when_its_kind_may_be_read_and_it_is_not_there(kind):
    resource, make = KINDS[kind]
    parts = make()
    entity = Entity(EntityType.WORKLOAD, "lab", "" if kind == "Node" else "shop", kind, "x")
    listed = {resource: Access(AccessStatus.LISTED)}
    assert not gone(state(*parts.pop("items", ()), access=listed, **parts), entity)
    assert gone(state(access=listed), entity)
    assert not gone(state(access={resource: Access(AccessStatus.FORBIDDEN)}), entity)
    assert not gone(state(), entity)
