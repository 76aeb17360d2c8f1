"""What shares one cause is one case: a silent node's workloads, a claim and who waits for it, a quota's victims."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from app.grouping import Casebook
from app.topology import Topology, subject
from storage.records import AnomalyState
from tests.app.investigation.scenes import ROWS, anomaly, entity
from tests.detectors.states.objects import at, cluster, deployment, healthy, node, pod, replica_set, waiting

NODE = entity("Node", "n1", "")
CLAIM = entity("PersistentVolumeClaim", "data", "prod")


def cases(objects: list[Any], *anomalies: Any) -> dict[str, int]:
    """The case of each anomaly, by the name of what it is about."""
    ids = itertools.count(1)
    book = Casebook(600, {row: each.title for row, each in ROWS.items()}, Topology(cluster(objects)))
    placed = [book.assign(each, lambda: next(ids), 0.0) for each in anomalies]
    return {each.entity.name: each.investigation for each in placed}


def about(name: str, number: int, signal: str = "http-server-5xx-spike", **more: Any) -> Any:
    return anomaly(signal, entity(name=name), number=number, case=0, **more)


def lost(number: int, owner: str, **more: Any) -> Any:
    return pod(number, {"name": "app", "state": {"running": {}}}, owner=owner, **more)


SILENT = [node(ready="Unknown"), node("n2"), *(each for owner in ("web", "api") for each in (
    deployment(owner), replica_set(owner=owner), lost(0, owner), healthy(1, owner=owner, node="n2")))]  # fmt: skip


def test_a_silent_node_and_its_workloads_are_one_case_whoever_is_seen_first():
    down = anomaly("node-not-ready", NODE, number=3, case=0)
    for order in itertools.permutations((about("web", 1), about("api", 2), down)):
        assert len(set(cases(SILENT, *order).values())) == 1


def test_what_began_before_the_node_fell_silent_is_no_impact_of_it():
    down = anomaly("node-not-ready", NODE, number=3, case=0)
    for order in itertools.permutations((about("web", 1, ago=1000), down)):
        found = cases(SILENT, *order)
        assert found["web"] != found["n1"]


def test_a_workload_that_fails_elsewhere_too_has_a_case_of_its_own():
    crashing = [deployment("cart"), replica_set(owner="cart"), lost(0, "cart")]
    crashing.append(pod(1, waiting("CrashLoopBackOff", 4), owner="cart", node="n2"))
    down = anomaly("node-not-ready", NODE, number=3, case=0)
    found = cases([*SILENT, *crashing], down, about("web", 1), about("cart", 2))
    assert found["web"] == found["n1"] != found["cart"]


def test_workloads_of_two_nodes_that_are_well_are_two_cases():
    well = [each if each[0] != "nodes" else node(each[1]["metadata"]["name"]) for each in SILENT]
    found = cases(well, about("web", 1), about("api", 2))
    assert found["web"] != found["api"]


def test_two_nodes_are_two_cases():
    both = [
        *SILENT,
        node("n3", ready="Unknown"),
        deployment("cart"),
        replica_set(owner="cart"),
        lost(0, "cart", node="n3"),
    ]
    found = cases(both, about("web", 1), about("cart", 2))
    assert found["web"] != found["cart"]


def test_what_began_long_before_the_node_is_another_case():
    down = anomaly("node-not-ready", NODE, number=3, case=0)
    found = cases(SILENT, about("web", 1, ago=7200), down)
    assert found["web"] != found["n1"]


def claimed(phase: str) -> list[Any]:
    meta = {"name": "data", "namespace": "prod", "uid": "c", "creationTimestamp": at(900)}
    volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    member = pod(0, owner="db", controller=("StatefulSet", "db"), node="", phase="Pending", volumes=volumes)
    return [member, ("persistentvolumeclaims", {"metadata": meta, "status": {"phase": phase}})]


@pytest.mark.parametrize(("phase", "number"), [("Pending", 1), ("Lost", 1), ("Bound", 2)])
def test_a_claim_that_is_not_bound_and_who_waits_for_it_are_one_case(phase, number):
    waits = anomaly("statefulset-degraded", entity("StatefulSet", "db"), case=0)
    unbound = anomaly("pvc-creation-failure", CLAIM, number=2, case=0)
    assert len(set(cases(claimed(phase), waits, unbound).values())) == number


@pytest.mark.parametrize(("used", "number"), [("20", 1), ("5", 2)])
def test_a_quota_that_is_used_up_joins_those_whom_it_refuses(used, number):
    failing = {"conditions": [{"type": "ReplicaFailure", "status": "True"}], "readyReplicas": 1}
    meta = {"name": "team", "namespace": "prod", "uid": "q", "creationTimestamp": at(9000)}
    quota = ("resourcequotas", {"metadata": meta, "status": {"hard": {"pods": "20"}, "used": {"pods": used}}})
    objects = [quota, deployment("web", **failing), deployment("api", **failing)]
    found = cases(objects, about("web", 1, "quota-exceeded"), about("api", 2, "quota-exceeded"))
    assert len(set(found.values())) == number


def test_an_autoscaler_belongs_to_what_it_scales():
    meta = {"name": "scaler", "namespace": "prod", "uid": "h", "creationTimestamp": at(9000)}
    scaler = {"metadata": meta, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 3}}
    limited = anomaly("hpa-at-maximum", entity("HorizontalPodAutoscaler", "scaler"), number=2, case=0)
    found = cases([deployment(), ("horizontalpodautoscalers", scaler)], about("web", 1), limited)
    assert found["web"] == found["scaler"]


def test_in_a_cluster_that_may_not_be_read_everybody_stands_alone():
    assert Topology(cluster([])).related(NODE) == (subject(NODE),)


def test_a_case_is_named_after_the_node_and_is_as_grave_as_its_worst():
    ids = itertools.count(1)
    book = Casebook(600, {row: each.title for row, each in ROWS.items()}, Topology(cluster(SILENT)))
    members = [
        book.assign(each, lambda: next(ids), 0.0)
        for each in (about("web", 1, score=9.0), anomaly("node-not-ready", NODE, number=3, case=0, score=1.0))
    ]
    case = book.refresh(members[0].investigation, members, 0.0)
    assert (case.entity.name, case.title, case.score) == ("n1", "Node Ready false / unknown", 9.0)
    over = [members[0], _closed(members[1])]
    assert book.refresh(case.id, over, 0.0).entity.name == "web"


def _closed(record: Any) -> Any:
    from msgspec.structs import replace

    return replace(record, state=AnomalyState.CLOSED, closed=1.0)
