"""Workloads that their controllers cannot bring to what they should be."""

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
)


def progressing(status="False", reason="ProgressDeadlineExceeded", ago=120.0):
    return {
        "type": "Progressing",
        "status": status,
        "reason": reason,
        "lastTransitionTime": at(ago),
        "message": "timed out.",
    }


def rolling(condition, available=2, **spec):
    name, raw = deployment(conditions=[condition], availableReplicas=available, updatedReplicas=1)
    return name, {**raw, "spec": {**raw["spec"], **spec}}


# rollout-stuck


def test_a_rollout_past_its_deadline_is_found_and_worse_where_nothing_serves():
    (stuck,) = judge("rollout-stuck", cluster([rolling(progressing())])).observations
    assert (stuck.entity.kind, stuck.entity.title, stuck.onset) == ("Deployment", "prod/web", NOW - 120)
    assert stuck.severity is Severity.HIGH
    (down,) = judge("rollout-stuck", cluster([rolling(progressing(), available=0)])).observations
    assert down.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    "workload",
    [
        rolling(progressing("True", "ReplicaSetUpdated")),
        rolling(progressing("True", "NewReplicaSetAvailable")),
        rolling(progressing("Unknown", "DeploymentPaused"), paused=True),
        rolling(progressing(), paused=True),
        rolling(progressing(), replicas=0),
    ],
    ids=["within its deadline", "done or rolled back", "paused", "paused after it", "scaled to zero"],
)
def test_rollouts_that_get_on_or_wait_on_purpose_are_silent(workload):
    assert found("rollout-stuck", cluster([workload])) == []


# statefulset-degraded


def stateful(replicas=3, ready=2, age=86400.0, **status):
    meta = {"name": "db", "namespace": "prod", "uid": "s", "creationTimestamp": at(age), "generation": 1}
    status = {"readyReplicas": ready, "observedGeneration": 1, **status}
    return "statefulsets", {"metadata": meta, "spec": {"replicas": replicas}, "status": status}


def member(number, ready=True, ago=600.0, **more):
    more = {"controller": ("StatefulSet", "db"), "owner": "db", **more}
    if ready:
        return healthy(number, **more)
    condition = {"type": "Ready", "status": "False", "lastTransitionTime": at(ago)}
    return pod(number, status={"conditions": [condition]}, **more)


def test_a_missing_member_is_found_dated_and_worse_when_all_are_missing():
    (short,) = judge(
        "statefulset-degraded", cluster([stateful(), member(0), member(1), member(2, ready=False)])
    ).observations
    assert (short.entity.kind, short.entity.title, short.onset) == ("StatefulSet", "prod/db", NOW - 600)
    assert short.severity is Severity.MEDIUM
    assert "db-aaaa-2" in short.facts[1].text
    (down,) = judge("statefulset-degraded", cluster([stateful(1, 0), member(0, ready=False)])).observations
    assert down.severity is Severity.HIGH


def test_a_member_that_does_not_leave_is_found():
    stuck = member(2, metadata={"deletionTimestamp": at(600)})
    assert found("statefulset-degraded", cluster([stateful(), member(0), member(1), stuck])) == ["prod/db"]


def test_failed_probes_and_restarts_prove_the_time_that_they_took():
    def state(status, count):
        late = member(2, False, 30, containers=[{"name": "app", "readinessProbe": {"periodSeconds": 5}}], init=[status])
        name, raw = event("Unhealthy", {"name": "db-aaaa-2", "uid": "uid-prod-db-aaaa-2"}, 30, 5, count)
        told = name, {**raw, "message": "Readiness probe failed: timeout"}
        return cluster([stateful(), member(0), member(1), late, told])

    calm, restarted = {"name": "app", "restartCount": 0}, {"name": "app", "restartCount": 4}
    assert found("statefulset-degraded", state(calm, 3)) == []
    assert found("statefulset-degraded", state(calm, 30)) == ["prod/db"]
    assert found("statefulset-degraded", state(restarted, 3)) == ["prod/db"]


def test_a_member_that_never_came_is_found_too():
    assert found("statefulset-degraded", cluster([stateful(), member(0), member(1)])) == ["prod/db"]


DATA = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
PENDING = (
    "persistentvolumeclaims",
    {"metadata": {"name": "data", "namespace": "prod"}, "status": {"phase": "Pending"}},
)


@pytest.mark.parametrize(
    "objects",
    [
        [stateful(3, 3), member(0), member(1), member(2)],
        [stateful(0, 0)],
        [stateful(), member(0), member(1), member(2, ready=False, ago=60, age=60)],
        [stateful(), member(0), member(1), member(2, ready=False, ago=60)],
        [stateful(), member(0), member(1), member(2, ready=False, node="n9"), node("n9", "Unknown")],
        [stateful(), member(0), member(1), member(2, ready=False, volumes=DATA, phase="Pending"), PENDING],
        [stateful(observedGeneration=0), member(0), member(1), member(2, ready=False)],
        [stateful(age=60), member(0), member(1)],
        [stateful(), member(0), member(1), member(2, metadata={"deletionTimestamp": at(-25)})],
        [stateful(), member(0), member(1), member(2)],
    ],
    ids=[
        "whole",
        "scaled to zero",
        "an update gets on",
        "just now",
        "a lost node",
        "a claim",
        "not seen yet",
        "new",
        "leaving",
        "not counted yet",
    ],
)
def test_sets_that_are_whole_or_have_a_finding_elsewhere_are_silent(objects):
    assert found("statefulset-degraded", cluster(objects)) == []


# quota-exceeded

QUOTA = ("resourcequotas", {
    "metadata": {"name": "small", "namespace": "prod"}, "status": {"hard": {"pods": "2"}, "used": {"pods": "2"}},
})  # fmt: skip


def refused(count=1, ago=120.0, text="exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2"):
    about = {"kind": "ReplicaSet", "name": "web-aaaa", "uid": "web-aaaa"}
    name, raw = event("FailedCreate", about, ago, 10, count)
    return name, {**raw, "message": f'Error creating: pods "web-aaaa-x" is forbidden: {text}'}


SHORT = [deployment(replicas=4, readyReplicas=2), replica_set(), healthy(0), healthy(1), QUOTA]


def test_a_quota_that_refuses_pods_is_found_on_the_workload_that_lacks_them():
    (full,) = judge("quota-exceeded", cluster([*SHORT, refused()])).observations
    assert (full.entity.kind, full.entity.title) == ("Deployment", "prod/web")
    assert full.severity is Severity.MEDIUM
    assert "pods 2 of 2" in full.facts[0].text
    assert found("quota-exceeded", cluster([*SHORT, refused(3, 12)])) == ["prod/web"]


def test_where_the_refusal_says_nothing_a_quota_without_room_does():
    name, told = refused(3)
    silent = (name, told | {"message": ""})
    assert found("quota-exceeded", cluster([*SHORT, silent])) == ["prod/web"]
    assert found("quota-exceeded", cluster([*(each for each in SHORT if each is not QUOTA), silent])) == []


@pytest.mark.parametrize(
    "objects",
    [
        [*SHORT],
        [*SHORT, refused(1, 20)],
        [*SHORT, refused(9, text='admission webhook "policy" denied the request')],
        [deployment(replicas=2, readyReplicas=2), replica_set(), healthy(0), healthy(1), QUOTA, refused(9)],
    ],
    ids=["a full quota alone", "refused once", "refused by another", "has its pods by now"],
)
def test_quotas_that_keep_nobody_from_anything_are_silent(objects):
    assert found("quota-exceeded", cluster(objects)) == []


# job-failed


def job(name="import", ended_ago=600.0, kind="Failed", owner="", **more):
    conditions = [
        {"type": kind, "status": "True", "reason": "BackoffLimitExceeded", "lastTransitionTime": at(ended_ago)}
    ]
    meta = {"name": name, "namespace": "prod", "uid": name, "creationTimestamp": at(ended_ago + 60)}
    if owner:
        meta["ownerReferences"] = [{"kind": "CronJob", "name": owner, "uid": owner, "controller": True}]
    status = {"conditions": conditions if kind else [], "failed": 3, **more.pop("status", {})}
    return "jobs", {"metadata": meta, "spec": more, "status": status}


CRON = ("cronjobs", {"metadata": {"name": "nightly", "namespace": "prod"}})


def test_a_job_that_gave_up_is_found_with_its_exit_codes():
    last = pod(0, {"name": "app", "state": ended(610, code=3)}, phase="Failed", controller=("Job", "import"))
    (failed,) = judge("job-failed", cluster([job(), last])).observations
    assert (failed.entity.kind, failed.entity.title, failed.onset) == ("Job", "prod/import", NOW - 600)
    assert failed.severity is Severity.HIGH
    assert "exit code 3" in failed.facts[1].text


def test_a_cron_job_is_judged_by_its_newest_run():
    runs = [job("n-1", 7200, owner="nightly"), job("n-2", 300, owner="nightly")]
    (failed,) = judge("job-failed", cluster([CRON, *runs])).observations
    assert (failed.entity.kind, failed.entity.title) == ("CronJob", "prod/nightly")
    healed = [job("n-1", 7200, owner="nightly"), job("n-2", 300, "Complete", owner="nightly")]
    assert found("job-failed", cluster([CRON, *healed])) == []


@pytest.mark.parametrize(
    "one",
    [
        job(kind="Complete"),
        job(kind=""),
        job(kind="Suspended", suspend=True),
        job(ended_ago=3 * 86400),
    ],
    ids=["completed after failures", "still trying", "suspended", "days ago"],
)
def test_jobs_that_did_not_give_up_lately_are_silent(one):
    assert found("job-failed", cluster([one])) == []
