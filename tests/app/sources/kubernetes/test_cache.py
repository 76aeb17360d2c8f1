from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from app.sources.kubernetes.cache import GONE_SECONDS, RESTART_SECONDS, ClusterCache
from detectors.cluster import Access, AccessStatus, ClusterState, Readiness
from detectors.objects import Deployment, NodeMetrics, Pod, RawEvent, ReplicaSet, decode
from tests.app.sources.kubernetes.conftest import pod, restarted

AT = 1_800_000_000.0


def made(item: dict[str, Any], version: str = "1", uid: str = "") -> Pod:
    item["metadata"] |= {"uid": uid or f"uid-{item['metadata']['name']}", "resourceVersion": version}
    return decode(Pod, json.dumps(item).encode())


def workload(kind: type, name: str) -> Any:
    return kind(metadata=msgspec.convert({"name": name, "namespace": "prod", "uid": name}, type(kind().metadata)))


def event(count: int, version: str, last: str = "2027-01-15T08:00:00Z") -> RawEvent:
    meta = {"uid": "e", "name": "e", "namespace": "prod", "resourceVersion": version}
    raw = {"metadata": meta, "count": count, "firstTimestamp": "2027-01-15T07:00:00Z", "lastTimestamp": last}
    return decode(RawEvent, json.dumps(raw).encode())


def test_a_state_never_changes():
    cache = ClusterCache("lab")
    cache.apply_list("pods", [made(pod("a"))], AT)
    before = cache.state(AT)
    cache.apply_change("pods", "ADDED", made(pod("b")), AT)
    cache.apply_change("pods", "DELETED", made(pod("a"), "2"), AT)
    cache.apply_list("pods", [], AT)
    assert [each.name for each in before.pods.values()] == ["a"]
    assert not before.gone
    assert set(cache.state(AT).gone) == {"uid-a", "uid-b"}


def test_two_states_without_a_change_share_their_tables():
    cache = ClusterCache("lab")
    cache.apply_list("pods", [made(pod("a"))], AT)
    assert cache.state(AT).pods is cache.state(AT + 15).pods


def test_lists_of_one_kind_leave_the_other_workloads_alone():
    cache = ClusterCache("lab")
    cache.apply_list("deployments", [workload(Deployment, "a"), workload(Deployment, "b")], AT)
    cache.apply_list("replicasets", [workload(ReplicaSet, "a")], AT)
    cache.apply_list("deployments", [workload(Deployment, "b")], AT)
    assert set(cache.state(AT).workloads) == {("Deployment", "prod", "b"), ("ReplicaSet", "prod", "a")}


def test_lists_of_one_namespace_leave_the_others_alone():
    cache = ClusterCache("lab")
    cache.apply_list("pods", [made(pod("a", "prod"))], AT, "prod")
    cache.apply_list("pods", [made(pod("b", "staging"))], AT, "staging")
    cache.apply_list("pods", [], AT, "prod")
    assert [each.name for each in cache.state(AT).pods.values()] == ["b"]


def test_deleted_pods_are_kept_for_a_day():
    cache = ClusterCache("lab")
    cache.apply_list("pods", [made(pod("a"))], AT)
    cache.apply_change("pods", "DELETED", made(pod("a", phase="Failed"), "9"), AT)
    kept = cache.state(AT + GONE_SECONDS).gone["uid-a"]
    assert (kept.at, kept.pod.status.phase) == (AT, "Failed")
    assert not cache.state(AT + GONE_SECONDS + 1).gone


def restarts(state: ClusterState) -> list[tuple[str, int]]:
    return [(each.container, each.delta) for each in state.restarts]


def test_restarts_are_what_was_seen_to_happen():
    cache = ClusterCache("lab")
    cache.apply_list("pods", [made(restarted("a", 7))], AT)
    assert restarts(cache.state(AT)) == []
    cache.apply_change("pods", "MODIFIED", made(restarted("a", 8), "2"), AT + 10)
    cache.apply_change("pods", "MODIFIED", made(restarted("a", 8), "3"), AT + 20)
    assert restarts(cache.state(AT + 20)) == [("app", 1)]
    assert cache.state(AT + 20).restarts[0].at == AT + 10


def test_restarts_during_a_gap_are_found_by_the_next_list():
    cache = ClusterCache("lab")
    cache.apply_list("pods", [made(restarted("a", 1))], AT)
    cache.apply_list("pods", [made(restarted("a", 4), "2")], AT + 60)
    assert restarts(cache.state(AT + 60)) == [("app", 3)]


def test_a_new_pod_under_an_old_name_does_not_count_as_restarts():
    cache = ClusterCache("lab")
    cache.apply_list("pods", [made(restarted("db-0", 0), uid="old")], AT)
    cache.apply_list("pods", [made(restarted("db-0", 5), uid="new")], AT + 60)
    assert restarts(cache.state(AT + 60)) == []


def test_a_restart_tells_how_the_last_run_ended():
    cache = ClusterCache("lab")
    cache.apply_list("pods", [made(restarted("a", 0))], AT)
    item = restarted("a", 1)
    ended = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2027-01-15T08:00:01Z"}
    item["status"]["containerStatuses"][0]["lastState"] = {"terminated": ended}
    cache.apply_change("pods", "MODIFIED", made(item, "2"), AT + 30)
    (restart,) = cache.state(AT + 30).restarts
    assert (restart.reason, restart.exit_code, restart.at) == ("OOMKilled", 137, 1_800_000_001.0)
    assert not cache.state(AT + RESTART_SECONDS + 60).restarts


def test_an_event_keeps_the_times_of_its_occurrences():
    cache = ClusterCache("lab")
    cache.apply_list("events", [event(3, "1")], AT)
    cache.apply_change("events", "MODIFIED", event(4, "2", "2027-01-15T08:05:00Z"), AT)
    cache.apply_change("events", "MODIFIED", event(4, "2", "2027-01-15T08:05:00Z"), AT)
    cache.apply_list("events", [event(5, "3", "2027-01-15T08:06:00Z")], AT)
    (known,) = cache.state(AT).events
    assert known.count == 5
    assert known.between(1_800_000_000.0, 1_800_000_400.0) == 2.0


def test_what_came_twice_is_said_once():
    seen = []
    cache = ClusterCache("lab", lambda operation, _: seen.append(operation))
    cache.apply_list("pods", [made(pod("a"))], AT)
    cache.apply_change("pods", "MODIFIED", made(pod("a")), AT)
    cache.apply_access("pods", Access(AccessStatus.LISTED, since=AT))
    cache.apply_access("pods", Access(AccessStatus.LISTED, since=AT + 1))
    cache.apply_version("v1")
    cache.apply_version("v1")
    assert seen == ["list", "access", "version"]
    assert cache.state(AT).access["pods"].since == AT


def whole(status: AccessStatus, inside: dict[str, AccessStatus]) -> Access:
    cache = ClusterCache("lab")
    cache.apply_access("pods", Access(status, "whole", AT))
    for namespace, each in inside.items():
        cache.apply_access("pods", Access(each, namespace, AT), namespace)
    return cache.state(AT).access["pods"]


def test_one_answer_for_a_resource_in_many_namespaces():
    refused, listed, loading = AccessStatus.FORBIDDEN, AccessStatus.LISTED, AccessStatus.LOADING
    assert whole(refused, {}) == Access(refused, "whole", AT)
    assert whole(listed, {"a": listed}) == Access(listed, "whole", AT)
    assert whole(refused, {"a": listed, "b": refused, "c": listed}) == Access(listed, "whole", AT, ("a", "c"))
    assert whole(refused, {"a": refused}).status is refused
    assert whole(refused, {"a": listed, "b": loading}).status is loading


def fill(cache: ClusterCache) -> None:
    cache.apply_access("pods", Access(AccessStatus.LOADING, since=AT))
    cache.apply_list("pods", [made(restarted("a", 1)), made(pod("b", "staging"))], AT)
    cache.apply_access("pods", Access(AccessStatus.LISTED, since=AT))
    cache.apply_change("pods", "MODIFIED", made(restarted("a", 3), "2"), AT + 1)
    cache.apply_change("pods", "DELETED", made(pod("b", "staging"), "3"), AT + 2)
    cache.apply_list("events", [event(2, "1")], AT + 2, "prod")
    cache.apply_change("events", "MODIFIED", event(9, "5", "2027-01-15T08:03:00Z"), AT + 3)
    cache.apply_list("nodes.metrics.k8s.io", [NodeMetrics(usage={"cpu": "1"})], AT)
    cache.apply_readiness(Readiness(AT, False, ("etcd",)))
    cache.apply_version("v1.36.2")


@pytest.mark.parametrize("passed_on", [lambda payload: payload, lambda p: msgspec.json.decode(msgspec.json.encode(p))])
def test_what_the_observer_got_gives_the_same_state(passed_on):
    copy = ClusterCache("lab")
    original = ClusterCache("lab", lambda operation, payload: copy.replay(operation, passed_on(payload)))
    fill(original)
    ours, theirs = original.state(AT + 5), copy.state(AT + 5)
    for name, each in ClusterState.__dataclass_fields__.items():
        assert not each.compare or getattr(ours, name) == getattr(theirs, name), name
    assert ours.restarts and ours.gone and ours.events and ours.node_metrics


@pytest.mark.parametrize(
    ("operation", "payload"),
    [
        ("list", {"resource": "secrets", "items": [], "at": 0}),
        ("list", {"resource": "pods", "items": [{"metadata": 7}], "at": 0}),
        ("change", {"resource": "pods", "change": "ADDED", "item": [], "at": 0}),
        ("access", {"resource": "pods", "access": {"status": "splendid"}}),
        ("list", {"resource": "pods", "at": 0}),
        ("list", {}),
        ("version", {"version": 7}),
        ("__init__", {}),
    ],
)
def test_a_recording_that_makes_no_sense_is_refused(operation, payload):
    with pytest.raises(msgspec.ValidationError):
        ClusterCache("lab").replay(operation, payload)
