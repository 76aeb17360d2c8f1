"""Pods that no node takes: the workload's finding, the cluster's, or nobody's."""

import pytest

from detectors.model import EntityType, Severity
from tests.detectors.states.objects import at, cluster, deployment, event, found, judge, node, pod, replica_set

BASE = [deployment(replicas=5), replica_set()]
MESSAGE = "0/5 nodes are available: 5 Insufficient cpu"


def unplaced(number=0, ago=300.0, reason="Unschedulable", cpu="1", message=MESSAGE, **more):
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    condition["lastTransitionTime"] = at(ago)
    containers = [{"name": "app", "resources": {"requests": {"cpu": cpu}}}]
    more = {"phase": "Pending", "node": "", "age": ago, "conditions": [condition], "containers": containers, **more}
    return pod(number, **more)


def told(number=0, ago=300.0, owner="web", reason="FailedScheduling"):
    name = f"{owner}-aaaa-{number}"
    return event(reason, {"name": name, "uid": f"uid-prod-{name}"}, ago)


def sized(cpu):
    name, raw = node("n1")
    return name, {**raw, "status": {**raw["status"], "allocatable": {"cpu": cpu, "memory": "8Gi"}}}


def test_many_unplaced_pods_of_one_workload_are_its_own_finding():
    (spike,) = judge("pod-unschedulable-spike", cluster([*BASE, *(unplaced(i) for i in range(4))])).observations
    assert spike.entity.title == "prod/web"
    assert spike.observed == 4
    assert "Insufficient cpu" in spike.facts[0].text


def test_unplaced_pods_of_several_workloads_are_the_cluster_s():
    state = cluster([unplaced(0, owner=name) for name in ("a", "b", "c")])
    (spike,) = judge("pod-unschedulable-spike", state).observations
    assert spike.entity.type is EntityType.CLUSTER
    assert spike.observed == 3
    texts = [fact.text for fact in spike.facts]
    assert texts[0] == f"3 pods: {MESSAGE}"
    assert any("Deployment prod/b:" in text for text in texts)


@pytest.mark.parametrize(
    "pods",
    [
        [unplaced(i, ago=60) for i in range(4)],
        [unplaced(i, schedulingGates=[{"name": "kueue"}]) for i in range(4)],
        [unplaced(i, reason="SchedulingGated") for i in range(4)],
        [unplaced(i, metadata={"deletionTimestamp": at(5)}) for i in range(4)],
        [unplaced(i, controller=("Job", "burst")) for i in range(9)],
        [each for i in range(4) for each in (unplaced(i), told(i, 200, reason="TriggeredScaleUp"))],
    ],
    ids=["young", "gated", "gated by condition", "leaving", "a burst of jobs", "a node is coming"],
)
def test_pods_that_will_be_placed_are_no_spike(pods):
    state = cluster([*BASE, *pods, *(told(i) for i in range(9))])
    assert found("pod-unschedulable-spike", state) == []
    assert found("events-failedscheduling", state) == []


def test_two_unplaced_pods_are_no_spike_but_the_workload_s_finding():
    state = cluster([*BASE, *(each for i in range(2) for each in (unplaced(i), told(i)))])
    assert found("pod-unschedulable-spike", state) == []
    assert found("events-failedscheduling", state) == ["prod/web"]


def test_no_patience_lasts_for_ever():
    jobs = [unplaced(i, ago=700, controller=("Job", "burst")) for i in range(4)]
    assert found("pod-unschedulable-spike", cluster(jobs)) == ["prod/burst"]


def test_failed_scheduling_is_told_by_workload_with_the_scheduler_s_words():
    (failed,) = judge(
        "events-failedscheduling", cluster([*BASE, unplaced(0), unplaced(1), told(0), told(1)])
    ).observations
    assert failed.entity.title == "prod/web"
    assert MESSAGE in failed.facts[0].text
    assert failed.severity is Severity.MEDIUM


def test_events_about_pods_that_were_placed_since_and_single_pods_are_silent():
    assert found("events-failedscheduling", cluster([*BASE, unplaced(0), told(0), told(1)])) == []
    placed = [pod(i, ready=True) for i in range(3)]
    assert found("events-failedscheduling", cluster([*BASE, *placed, *(told(i, 100) for i in range(3))])) == []
    assert found("events-failedscheduling", cluster([*BASE, unplaced(0), unplaced(1)])) == []


def test_pods_that_fit_on_no_node_are_not_waited_for():
    fresh = [each for i in range(2) for each in (unplaced(i, ago=20, cpu="6"), told(i, 20))]
    assert found("events-failedscheduling", cluster([*BASE, *fresh, sized("4")])) == ["prod/web"]
    assert found("events-failedscheduling", cluster([*BASE, *fresh, sized("8")])) == []
    coming = [told(i, 10, reason="TriggeredScaleUp") for i in range(2)]
    assert found("events-failedscheduling", cluster([*BASE, *fresh, *coming, sized("4")])) == []


def test_one_pod_that_no_node_may_take_is_enough():
    unwanted = (
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), "
        "2 node(s) didn't match Pod's node affinity/selector. "
        "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    )
    state = cluster([*BASE, unplaced(0, ago=20, message=unwanted), told(0, 20), node("n1")])
    assert found("events-failedscheduling", state) == ["prod/web"]


@pytest.mark.parametrize(
    ("message", "others"),
    [
        ("0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match Pod's node affinity/selector.", []),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.", []),
        ("0/1 nodes are available: 1 node(s) had untolerated taint(s).", [node("n2", "Unknown")]),
        ("0/1 nodes are available: 1 node(s) had untolerated taint(s).", [told(0, 5, reason="TriggeredScaleUp")]),
    ],
    ids=["a full node among them", "a node's own taint", "a lost node", "a node is coming"],
)
def test_one_pod_that_may_still_find_a_node_is_waited_for(message, others):
    state = cluster([*BASE, unplaced(0, ago=20, message=message), told(0, 20), node("n1"), *others])
    assert found("events-failedscheduling", state) == []


def test_pods_that_wait_for_a_claim_are_the_claim_s_finding():
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    waiting = [each for i in range(4) for each in (unplaced(i, ago=900, volumes=volumes), told(i, 900))]
    claim = {"metadata": {"name": "data", "namespace": "prod"}, "spec": {"storageClassName": "fast"}}
    pending = ("persistentvolumeclaims", {**claim, "status": {"phase": "Pending"}})
    rows = ("pod-unschedulable-spike", "events-failedscheduling", "pod-stuck-pending")
    assert [found(row, cluster([*BASE, *waiting, pending])) for row in rows] == [[], [], []]
    late = ("storageclasses", {"metadata": {"name": "fast"}, "volumeBindingMode": "WaitForFirstConsumer"})
    assert [found(row, cluster([*BASE, *waiting, pending, late])) for row in rows] == [["prod/web"]] * 3
