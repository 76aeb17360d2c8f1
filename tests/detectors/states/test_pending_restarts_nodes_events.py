import pytest

from detectors.cluster import Restart
from detectors.model import Severity
from tests.detectors.states.objects import (
    NOW,
    at,
    cluster,
    deployment,
    ended,
    event,
    found,
    healthy,
    judge,
    node,
    pod,
    replica_set,
    waiting,
)

UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/5 nodes fit"}
BASE = [deployment(), replica_set()]


def pending(number=0, *containers, age=900.0, **more):
    return pod(number, *containers, phase="Pending", age=age, node="", **more)


# pod-stuck-pending


def test_a_pod_that_does_not_get_scheduled_is_stuck():
    (stuck,) = judge(
        "pod-stuck-pending", cluster([*BASE, pending(conditions=[UNSCHEDULABLE]), healthy(1)])
    ).observations
    assert stuck.onset == NOW - 900
    assert "0/5 nodes fit" in stuck.facts[0].text


def test_a_pod_that_cannot_be_configured_is_stuck():
    (stuck,) = judge(
        "pod-stuck-pending", cluster([*BASE, pending(0, waiting("CreateContainerConfigError"))])
    ).observations
    assert stuck.facts[0].value == "CreateContainerConfigError"


@pytest.mark.parametrize(
    "look_alike",
    [
        pending(age=120, conditions=[UNSCHEDULABLE]),
        pending(schedulingGates=[{"name": "kueue"}]),
        pending(conditions=[{**UNSCHEDULABLE, "reason": "SchedulingGated"}]),
        pending(metadata={"deletionTimestamp": at(5)}),
        pending(0, waiting("ImagePullBackOff")),
        pending(0, waiting("PodInitializing"), init=[waiting("CrashLoopBackOff", 5, ended(20))]),
    ],
    ids=["young", "gated", "gated by condition", "leaving", "image", "init"],
)
def test_pods_that_wait_for_a_reason_of_their_own_are_not_stuck(look_alike):
    assert found("pod-stuck-pending", cluster([*BASE, look_alike])) == []


def test_a_suspended_job_waits_on_purpose():
    waits = pending(controller=("Job", "import"))
    job = {"metadata": {"name": "import", "namespace": "prod"}, "spec": {"suspend": True}}
    assert found("pod-stuck-pending", cluster([waits, ("jobs", job)])) == []
    assert found("pod-stuck-pending", cluster([waits, ("jobs", {**job, "spec": {}})])) == ["prod/import"]


def test_a_node_that_is_being_added_buys_time():
    about = {"name": "web-aaaa-0", "uid": "uid-prod-web-aaaa-0"}
    adding = event("TriggeredScaleUp", about, 800)
    assert found("pod-stuck-pending", cluster([*BASE, pending(age=900), adding])) == []
    assert found("pod-stuck-pending", cluster([*BASE, pending(age=1300), adding])) == ["prod/web"]


# pod-restart-spike


def restarted(*ago, number=0):
    return tuple(Restart(NOW - each, f"uid-prod-web-aaaa-{number}", "app", 1) for each in ago)


RUNNING = {"name": "app", "restartCount": 4, "state": {"running": {"startedAt": at(20)}}, "lastState": ended(25)}


def test_restarts_are_counted_dated_and_compared():
    (spike,) = judge(
        "pod-restart-spike", cluster([*BASE, pod(0, RUNNING)], restarts=restarted(250, 120, 25))
    ).observations
    assert spike.observed == 3
    assert spike.onset == NOW - 250


@pytest.mark.parametrize(
    "ago", [(25,), (25, 120), (2000, 1500, 1200), tuple(range(25, 1800, 100))], ids=["one", "two", "old", "usual"]
)
def test_few_old_and_usual_restarts_are_silent(ago):
    assert found("pod-restart-spike", cluster([*BASE, pod(0, RUNNING)], restarts=restarted(*ago))) == []


def test_a_lifetime_of_restarts_is_no_spike():
    old = {**RUNNING, "restartCount": 400, "lastState": ended(90000)}
    assert found("pod-restart-spike", cluster([*BASE, pod(0, old, age=900000)])) == []


def test_jobs_and_fresh_rollouts_restart_by_design():
    job = pod(0, RUNNING, controller=("Job", "import"))
    assert found("pod-restart-spike", cluster([job], restarts=restarted(200, 100, 25))) == []
    fresh = [deployment(), replica_set(age=200), pod(0, {**RUNNING, "restartCount": 5}, age=190)]
    assert found("pod-restart-spike", cluster(fresh)) == []
    settled = [deployment(), replica_set(age=2000), pod(0, {**RUNNING, "restartCount": 5}, age=190)]
    assert found("pod-restart-spike", cluster(settled)) == ["prod/web"]


# nodes


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_a_node_that_is_not_ready_is_found_and_dated(status):
    (lost,) = judge("node-not-ready", cluster([node("n1", status, 300), node("n2")])).observations
    assert lost.entity.title == "n1"
    assert lost.onset == NOW - 300
    assert lost.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    "look_alike",
    [
        node("n1", "False", 20),
        node("n1", "Unknown", age=100),
        node("n1", "Unknown", cordoned=True),
        node("n1", "Unknown", deletionTimestamp=at(5)),
        node("n1", "Unknown", taints=["ToBeDeletedByClusterAutoscaler"]),
        node("n1", "Unknown", taints=["aws-node-termination-handler/spot-itn"]),
    ],
    ids=["just now", "joining", "cordoned", "deleted", "scaled down", "spot"],
)
def test_nodes_that_come_and_go_are_silent(look_alike):
    assert found("node-not-ready", cluster([look_alike, node("n2")])) == []


def test_most_nodes_at_once_are_less_certain():
    one = judge("node-not-ready", cluster([node("n1", "Unknown"), node("n2"), node("n3")])).observations
    all_of_them = judge("node-not-ready", cluster([node(f"n{i}", "Unknown") for i in range(4)])).observations
    assert len(all_of_them) == 4
    assert all_of_them[0].confidence < one[0].confidence
    assert "control plane" in all_of_them[0].facts[0].text


@pytest.mark.parametrize(
    ("row", "kind"), [("node-memory-pressure", "MemoryPressure"), ("node-disk-pressure", "DiskPressure")]
)
def test_pressure_is_what_a_living_kubelet_says(row, kind):
    assert found(row, cluster([node("n1", pressures={kind: "True"}), node("n2", pressures={kind: "False"})])) == ["n1"]
    dead = {"MemoryPressure": "Unknown", "DiskPressure": "Unknown"}
    assert found(row, cluster([node("n1", "Unknown", pressures=dead)])) == []
    assert found(row, cluster([node("n1", "Unknown", pressures={kind: "True"})])) == []
    assert found(row, cluster([node("n1", pressures={kind: "True"}, ago=10)])) == []


# events-warning-cluster


def warnings(objects=5, count=6, first=200.0, last=20.0):
    return [event("Unhealthy", {"name": f"p{i}", "uid": f"u{i}"}, first, last, count) for i in range(objects)]


def test_a_burst_of_warnings_is_found_with_its_reasons():
    (burst,) = judge("events-warning-cluster", cluster(warnings())).observations
    assert burst.observed == pytest.approx(30)
    assert burst.onset == NOW - 200
    assert burst.severity is Severity.LOW
    assert "Unhealthy: 30 about 5 objects" in burst.facts[0].text


@pytest.mark.parametrize(
    "events",
    [
        warnings(objects=2, count=50),
        warnings(objects=5, count=2),
        warnings(first=3000, last=2500),
        warnings(objects=5, count=60, first=2100, last=10),
        [(name, {**raw, "type": "Normal"}) for name, raw in warnings()],
    ],
    ids=["one noisy object", "few", "old", "usual", "normal"],
)
def test_noise_old_and_usual_warnings_are_silent(events):
    assert found("events-warning-cluster", cluster(events)) == []


def background(minutes=45):
    """One warning a minute about changing objects: what a busy cluster always says."""
    return [event("Preempting", {"name": f"b{i}", "uid": f"b{i}"}, 60.0 * i + 30) for i in range(minutes)]


def test_a_storm_that_began_eight_minutes_ago_does_not_pass_for_usual():
    (storm,) = judge("events-warning-cluster", cluster([*background(), *warnings(5, 40, 480, 5)])).observations
    assert NOW - 560 <= storm.onset <= NOW - 480


def test_lumps_that_come_and_go_are_usual():
    lumps = [warnings(5, 8, float(ago), float(ago - 60)) for ago in (2050, 1600, 1100, 700, 250)]
    assert found("events-warning-cluster", cluster([each for lump in lumps for each in lump])) == []


def test_the_pods_of_one_workload_are_one_object():
    mine = [pod(i, waiting("CrashLoopBackOff", 5, ended(20)), age=7200) for i in range(5)]
    told = [event("BackOff", {"name": f"web-aaaa-{i}", "uid": f"uid-prod-web-aaaa-{i}"}, 200, 10, 9) for i in range(5)]
    assert found("events-warning-cluster", cluster([*BASE, *mine, *told])) == []
    assert found("events-warning-cluster", cluster(told)) == ["lab"]
