"""Probes that fail, and pods that run without being ready."""

import pytest

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

BASE = [deployment(replicas=2), replica_set()]
SPEC = [{"name": "app", "readinessProbe": {"periodSeconds": 10}, "livenessProbe": {"periodSeconds": 10}}]
RUNS = {"name": "app", "ready": False, "state": {"running": {"startedAt": at(3000)}}}


def unready(number=0, ago=300.0, status=None, **more):
    condition = {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": at(ago)}
    more = {"status": {"conditions": [condition]}, "containers": SPEC, **more}
    return pod(number, RUNS if status is None else status, **more)


def ready(number=0, **more):
    return healthy(number, containers=SPEC, **more)


def unhealthy(number=0, count=12, first=290.0, last=5.0, kind="Readiness", revision="aaaa"):
    name = f"web-{revision}-{number}"
    resource, raw = event("Unhealthy", {"name": name, "uid": f"uid-prod-{name}"}, first, last, count)
    return resource, {**raw, "message": f"{kind} probe failed: HTTP probe failed with statuscode: 503"}


# probe-failure-spike


@pytest.mark.parametrize("kind", ["Readiness", "Liveness"])
def test_failing_probes_are_found_by_workload(kind):
    (spike,) = judge(
        "probe-failure-spike", cluster([*BASE, ready(0), ready(1), unhealthy(0, 15, kind=kind)])
    ).observations
    assert spike.entity.title == "prod/web"
    assert spike.observed == pytest.approx(15)
    assert f"{kind} probe failed" in spike.facts[0].text
    assert (spike.facts[0].step, spike.facts[0].value) == ("event", "15")


def test_a_recorder_that_fell_silent_does_not_end_what_the_pod_still_says():
    silent = [*BASE, unready(0, 1500), ready(1), unhealthy(0, 27, first=1510, last=280)]
    (spike,) = judge("probe-failure-spike", cluster(silent)).observations
    assert spike.observed == pytest.approx(30)
    assert spike.onset <= NOW - 300


@pytest.mark.parametrize(
    "objects",
    [
        [ready(0), ready(1), unhealthy(0, 4)],
        [ready(0), *(ready(i) for i in range(1, 8)), unhealthy(0, 15)],
        [ready(0), ready(1), unhealthy(0, 30, kind="Startup")],
        [ready(0, age=100), ready(1), unhealthy(0, 20, first=90)],
        [ready(0, metadata={"deletionTimestamp": at(5)}), ready(1), unhealthy(0, 20)],
        [ready(0), ready(1), unhealthy(0, 100, first=2200)],
        [ready(0), ready(1), unhealthy(0, 20, first=3500, last=3000)],
        [ready(1), unhealthy(0, 20)],
        [unready(0, status=waiting("CrashLoopBackOff", 4, ended(20))), ready(1), unhealthy(0, 3)],
    ],
    ids=["few", "a small share", "start-up", "young", "leaving", "usual", "old", "a pod of the past", "crashing"],
)
def test_probes_that_fail_now_and_then_or_by_design_are_silent(objects):
    assert found("probe-failure-spike", cluster([*BASE, *objects])) == []


# pod-readiness-failing


def test_pods_that_run_and_are_not_ready_are_found():
    (failing,) = judge("pod-readiness-failing", cluster([*BASE, unready(0), unready(1), unhealthy(0)])).observations
    assert failing.observed == 2
    assert failing.severity is Severity.CRITICAL
    assert failing.onset == NOW - 300
    assert "statuscode: 503" in failing.facts[0].text


def test_failed_probes_prove_the_time_that_they_took():
    assert found("pod-readiness-failing", cluster([*BASE, unready(0, 20), ready(1), unhealthy(0, 9)])) == ["prod/web"]
    assert found("pod-readiness-failing", cluster([*BASE, unready(0, 20), ready(1), unhealthy(0, 2)])) == []


STARTED = {**RUNS, "state": {"running": {"startedAt": at(60)}}}


@pytest.mark.parametrize(
    "objects",
    [
        [ready(0), ready(1)],
        [unready(0, status=STARTED), ready(1)],
        [unready(0, 3000, status={**STARTED, "restartCount": 9, "lastState": ended(70)}), ready(1)],
        [unready(0, status=waiting("CrashLoopBackOff", 4, ended(20))), ready(1)],
        [unready(0, status={**RUNS, "ready": True}), ready(1)],
        [unready(0, controller=("Job", "import"))],
        [unready(0, phase="Succeeded")],
        [unready(0, metadata={"deletionTimestamp": at(5)}), ready(1)],
        [unready(0), ready(1), node("n1", "Unknown")],
    ],
    ids=[
        "ready", "starting", "restarted", "crashing", "a readiness gate", "a Job", "completed", "leaving", "lost node",
    ],
)  # fmt: skip
def test_pods_that_are_not_ready_for_another_reason_are_silent(objects):
    assert found("pod-readiness-failing", cluster([*BASE, *objects])) == []


def test_a_new_revision_may_come_up_within_its_deadline_while_the_old_one_serves():
    new = [replica_set("bbbb", age=400), unready(7, revision="bbbb", age=390), unhealthy(7, 30, revision="bbbb")]
    rows = ("pod-readiness-failing", "probe-failure-spike")
    serving = cluster([*BASE, *new, ready(0), ready(1)])
    assert [found(row, serving) for row in rows] == [[], []]
    alone = cluster([*BASE, *new, unready(0), unready(1)])
    assert [found(row, alone) for row in rows] == [["prod/web"]] * 2
    late = [replica_set("bbbb", age=700), *new[1:]]
    assert found("pod-readiness-failing", cluster([*BASE, *late, ready(0), ready(1)])) == ["prod/web"]
