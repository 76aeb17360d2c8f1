"""C10, C13, C14: nodes that are silent, not ready or short of something, and what they do to their pods."""

from __future__ import annotations

from typing import Any

import pytest

from app.investigation.collectors.splits import POD
from detectors.cluster import Access, AccessStatus
from detectors.model import Confidence
from detectors.objects import PodMetrics
from storage.records import Priority, Verdict
from tests.app.investigation.scenes import Answers, anomaly, entity, investigated, scene
from tests.app.investigation.tracks import level, workload
from tests.detectors.states.objects import LISTED, NOW, at, cluster, deployment, event, healthy, node, pod, replica_set

NODE = entity("Node", "n1", "")
WELL = [node(f"n{number}") for number in range(2, 7)]


def said(reason: str, ago: float = 500) -> Any:
    return event(reason, {"kind": "Node", "uid": "n1", "name": "n1", "namespace": ""}, ago, ago)


def concluded(signal: str, *objects: Any, sources: Answers | None = None, **more: Any) -> Any:
    state = cluster([*WELL, *objects], **more)
    return investigated(scene(state, anomaly(signal, NODE), sources=sources)).conclusion


class TestNotReady:
    def test_a_kubelet_that_is_not_heard(self):
        found = concluded("node-not-ready", node(ready="Unknown"), said("NodeNotReady"))
        assert (found.verdict, found.priority) == (Verdict.REAL, Priority.P2)
        assert (found.causes[0].id, found.causes[0].confidence) == ("kubelet-silent", Confidence.HIGH)
        assert found.causes[0].title.startswith("the kubelet of n1 stopped posting node status")

    def test_a_kubelet_that_says_why(self):
        kind, item = node(ready="False")
        item["status"]["conditions"][0]["message"] = "container runtime is down"
        found = concluded("node-not-ready", (kind, item))
        assert found.causes[0].id == "kubelet-not-ready"
        assert "container runtime is down" in found.causes[0].title

    def test_many_at_once_have_something_in_common(self):
        down = [node(f"d{number}", ready="Unknown") for number in range(4)]
        found = concluded("node-not-ready", node(ready="Unknown"), *down)
        assert found.causes[0].id == "control-plane-path"

    @pytest.mark.parametrize(("ago", "first"), [(500, "node-exhausted"), (7200, "kubelet-silent")])
    def test_a_shortage_just_before_is_the_cause_and_an_old_one_is_not(self, ago, first):
        found = concluded("node-not-ready", node(ready="Unknown", ago=550), said("SystemOOM", ago))
        assert found.causes[0].id == first

    def test_its_workloads_are_the_impact_with_those_that_have_nothing_elsewhere(self):
        pods = [healthy(0), healthy(1, owner="api"), healthy(2, owner="api", node="n2")]
        found = concluded("node-not-ready", node(ready="Unknown"), deployment(), deployment("api"), *pods)
        assert any(text.endswith("none elsewhere: prod/web") for text in found.impact)

    def test_a_node_that_is_taken_out_is_noise(self):
        assert concluded("node-not-ready", node(ready="Unknown", cordoned=True)).verdict is Verdict.NOISE

    def test_nodes_that_may_not_be_read_are_not_healthy(self):
        found = concluded("node-not-ready", access=LISTED | {"nodes": Access(AccessStatus.FORBIDDEN)})
        assert not found.causes
        assert found.verdict is not Verdict.NOISE
        assert any("nodes" in text for text in found.unknown)


def user(number: int, asked: str, **more: Any) -> Any:
    part = {"name": "app", "resources": {"requests": {"memory": asked}}}
    return healthy(number, containers=[part], **more)


def uses(**amounts: str) -> dict[tuple[str, str], PodMetrics]:
    from detectors.objects import decode

    raw = b'{"containers":[{"name":"app","usage":{"memory":"%b"}}]}'
    return {
        ("prod", name.replace("_", "-")): decode(PodMetrics, raw % amount.encode()) for name, amount in amounts.items()
    }


def pressed(kind: str = "MemoryPressure", status: str = "True", **more: Any) -> Any:
    found, item = node(pressures={kind: status}, **more)
    item["status"]["allocatable"] = {"memory": "4Gi"}
    return found, item


class TestPressure:
    def test_the_pod_that_uses_most_beyond_its_request(self):
        objects = [replica_set(), user(0, "3Gi"), user(1, "256Mi")]
        metrics = uses(web_aaaa_0="3100Mi", web_aaaa_1="900Mi")
        found = concluded("node-memory-pressure", pressed(), *objects, pod_metrics=metrics)
        assert found.causes[0].id == "over-request"
        assert "web-aaaa-1" in found.causes[0].title

    def test_pods_within_their_requests_are_not_blamed(self):
        metrics = uses(web_aaaa_0="2900Mi")
        found = concluded("node-memory-pressure", pressed(), replica_set(), user(0, "3Gi"), pod_metrics=metrics)
        assert [each.id for each in found.causes] == ["node-short"]

    def test_many_that_use_a_little_more_are_an_overcommitted_node(self):
        objects = [replica_set(), *(user(number, "256Mi") for number in range(10))]
        metrics = uses(**{f"web_aaaa_{number}": "500Mi" for number in range(10)})
        found = concluded("node-memory-pressure", pressed(), *objects, pod_metrics=metrics)
        assert found.causes[0].id in ("overcommitted", "over-request")
        assert "overcommitted" in [each.id for each in found.causes]

    @pytest.mark.parametrize(("growth", "given"), [(2.0**30, True), (2.0**20, False)])
    def test_the_pod_whose_memory_grew(self, growth, given):
        steady, rising = ((5e8, 5e8), (1e9, 1e9 + growth))
        whole = (
            level("memory-usage", workload(), values=rising),
            level("memory-usage", workload("far"), values=(1e9, 9e9)),
        )
        parts = tuple(
            level("memory-usage", workload(), values=values, part={label: name})
            for label, name, values in (
                ("k8s_pod_name", "web-aaaa-1", steady),
                ("pod", "web-aaaa-0", rising),
                ("pod", "web-elsewhere", (0, 9e9)),
            )
        )  # fmt: skip
        sources = Answers(numbers={"memory-usage": whole}, split={("memory-usage", POD): parts})
        mine = [healthy(number) for number in (0, 1)]
        found = concluded("node-memory-pressure", pressed(), replica_set(), *mine, sources=sources)
        blamed = [each.title for each in found.causes if each.id == "memory-growth"]
        assert bool(blamed) is given and all("web-aaaa-0" in title for title in blamed)

    def test_a_silent_kubelet_is_not_under_pressure(self):
        found = concluded("node-memory-pressure", pressed(ready="Unknown"))
        assert found.verdict is Verdict.NOISE


def evicted(number: int, where: str = "n1") -> Any:
    status = {"reason": "Evicted", "message": "The node was low on resource: memory."}
    return pod(number, phase="Failed", node=where, status=status)


class TestEvictions:
    def test_a_short_node_that_evicts_is_one_cause(self):
        found = concluded("node-pressure-eviction-spike", pressed(), replica_set(), evicted(0), evicted(1))
        assert found.verdict is Verdict.REAL
        assert found.causes[0].id == "node-short"

    def test_without_its_condition_the_evictions_are_all_that_is_known(self):
        found = concluded("node-pressure-eviction-spike", node(), replica_set(), evicted(0), evicted(1))
        assert [each.id for each in found.causes] == ["evicted"]
        assert found.causes[0].confidence is not Confidence.HIGH

    def test_pods_evicted_elsewhere_are_not_this_nodes(self):
        found = concluded("node-pressure-eviction-spike", node(), replica_set(), evicted(0, "n2"))
        assert not found.causes

    def test_a_drain_is_noise(self):
        found = concluded("node-pressure-eviction-spike", node(cordoned=True), replica_set(), evicted(0))
        assert found.verdict is Verdict.NOISE


def test_times_are_told_of_what_was_seen():
    found = investigated(scene(cluster([node(ready="Unknown", ago=700)]), anomaly("node-not-ready", NODE)))
    (line,) = (line for line in found.lines if line.clue == "node.silent")
    assert line.at == NOW - 700
    assert "700 s ago" in line.text
    assert at(700)
