import shlex

import pytest

from detectors.cluster import Access, AccessStatus, Restart
from detectors.model import Coverage, Severity
from detectors.states import STATE_DETECTORS
from tests.detectors.states.objects import (
    LISTED,
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

LOOP = waiting("CrashLoopBackOff", 6, ended(30))
OOM = waiting("CrashLoopBackOff", 4, ended(30, "OOMKilled", 137))
POD_ROWS = [row for row in STATE_DETECTORS if row.startswith("pod-")]


def shop(*pods, replicas=2, **more):
    return cluster([deployment(replicas=replicas), replica_set(), node(), *pods], **more)


def rows(state):
    return {row for row in POD_ROWS if judge(row, state).observations}


def test_a_crash_loop_is_one_finding_of_its_workload():
    state = shop(pod(0, LOOP), pod(1, LOOP))
    (crash,) = judge("pod-crashloopbackoff", state).observations
    assert crash.entity.title == "prod/web"
    assert crash.entity.kind == "Deployment"
    assert crash.observed == 2
    assert len(crash.facts) == 2
    assert rows(state) == {"pod-crashloopbackoff"}


@pytest.mark.parametrize(
    ("pods", "severity"),
    [
        ([pod(0, LOOP), pod(1, LOOP)], Severity.CRITICAL),
        ([pod(0, LOOP), healthy(1)], Severity.HIGH),
    ],
)
def test_most_replicas_weigh_more(pods, severity):
    assert judge("pod-crashloopbackoff", shop(*pods)).observations[0].severity is severity


def test_a_new_revision_that_fails_beside_an_old_one_that_serves_weighs_less():
    new = [pod(0, LOOP, revision="bbbb", age=900), replica_set("bbbb", age=900)]
    state = shop(healthy(0), healthy(1), *new)
    assert judge("pod-crashloopbackoff", state).observations[0].severity is Severity.MEDIUM


@pytest.mark.parametrize(("namespace", "severity"), [("staging", Severity.HIGH), ("shop-dev", Severity.HIGH)])
def test_a_lesser_environment_weighs_less(namespace, severity):
    objects = [deployment(namespace=namespace), replica_set(namespace=namespace)]
    state = cluster([*objects, *(pod(n, LOOP, namespace=namespace) for n in (0, 1))])
    assert judge("pod-crashloopbackoff", state).observations[0].severity is severity


def test_a_container_that_runs_between_two_crashes_still_loops():
    running = {"name": "app", "restartCount": 9, "state": {"running": {"startedAt": at(20)}}, "lastState": ended(60)}
    seen = tuple(Restart(NOW - ago, "uid-prod-web-aaaa-0", "app", 1) for ago in (60, 300))
    assert found("pod-crashloopbackoff", shop(pod(0, running), restarts=seen)) == ["prod/web"]
    assert found("pod-crashloopbackoff", shop(pod(0, running), restarts=seen[:1])) == []


def test_a_first_crash_is_too_early_and_an_old_one_too_late():
    assert not rows(shop(pod(0, waiting("CrashLoopBackOff", 1, ended(5))), healthy(1)))
    old = {"name": "app", "restartCount": 9, "state": {"running": {"startedAt": at(4000)}}, "lastState": ended(4000)}
    assert not rows(shop(pod(0, old, age=90000, ready=True)))


def test_pods_that_do_not_count():
    leaving = pod(0, LOOP, metadata={"deletionTimestamp": at(10)})
    evicted = pod(1, phase="Failed", status={"reason": "Evicted"})
    completed = pod(2, {"name": "app", "state": ended(60, "Completed", 0)}, phase="Succeeded")
    assert not rows(shop(leaving, evicted, completed))


def test_pods_of_a_silent_node_are_the_nodes_matter():
    stale = [pod(0, LOOP), pod(1, OOM)]
    state = cluster([deployment(), replica_set(), node(ready="Unknown"), *stale])
    assert not rows(state)
    assert found("node-not-ready", state) == ["n1"]


def test_oom_outranks_the_crash_loop_it_causes():
    state = shop(pod(0, OOM), pod(1, OOM))
    assert rows(state) == {"pod-oomkilled"}
    (kill,) = judge("pod-oomkilled", state).observations
    assert kill.onset == NOW - 30
    assert kill.severity is Severity.CRITICAL


def test_last_weeks_oom_and_a_plain_sigkill_are_no_oom():
    running = {"state": {"running": {"startedAt": at(90000)}}, "name": "app", "restartCount": 1}
    assert not rows(shop(pod(0, {**running, "lastState": ended(90000, "OOMKilled", 137)}, age=200000, ready=True)))
    assert not rows(shop(pod(0, {**running, "lastState": ended(60, "Error", 137)}, ready=True)))


def test_every_kill_that_was_watched_counts_and_dates():
    seen = tuple(Restart(NOW - ago, "uid-prod-web-aaaa-0", "app", 1, "OOMKilled", 137) for ago in (30, 120, 300))
    (kill,) = judge("pod-oomkilled", shop(pod(0, OOM), restarts=seen)).observations
    assert kill.observed == 3
    assert kill.onset == NOW - 300


def test_a_pod_that_ran_out_of_memory_and_is_never_restarted():
    once = pod(0, {"name": "app", "state": ended(60, "OOMKilled", 137)}, phase="Failed", restartPolicy="Never")
    assert found("pod-oomkilled", shop(once)) == ["prod/web"]


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "ErrImagePull", "InvalidImageName"])
def test_a_failing_pull_is_one_finding_whatever_its_present_reason(reason):
    state = shop(pod(0, waiting(reason), phase="Pending", age=300), pod(1, waiting("ImagePullBackOff"), age=300))
    assert rows(state) == {"pod-imagepullbackoff"}
    assert len(judge("pod-imagepullbackoff", state).observations) == 1


def test_a_first_slow_failure_to_pull_is_not_yet_a_back_off():
    early = pod(0, waiting("ErrImagePull"), phase="Pending", age=80)
    assert rows(shop(early)) == {"pod-errimagepull"}


def test_a_pull_that_failed_once_just_now_is_silent_and_repetition_is_not():
    early = pod(0, waiting("ErrImagePull"), phase="Pending", age=15)
    about = {"name": "web-aaaa-0", "uid": "uid-prod-web-aaaa-0"}
    assert not rows(shop(early))
    assert rows(shop(early, event("Failed", about, 10, 2, count=3))) == {"pod-errimagepull"}


def test_a_crashing_init_container_is_init_error_and_a_sidecar_a_crash_loop():
    init = waiting("CrashLoopBackOff", 6, ended(30), name="migrate")
    started = waiting("PodInitializing")
    plain = pod(0, started, init=[init], phase="Pending", initContainers=[{"name": "migrate"}])
    assert rows(shop(plain)) == {"pod-init-error"}
    sidecar = pod(0, started, init=[init], initContainers=[{"name": "migrate", "restartPolicy": "Always"}])
    assert rows(shop(sidecar)) == {"pod-crashloopbackoff"}


def test_init_containers_that_wait_for_a_dependency_get_a_second_try():
    first = {"name": "wait", "state": ended(5), "restartCount": 0}
    assert not rows(shop(pod(0, waiting("PodInitializing"), init=[first], phase="Pending", age=20)))
    done = {"name": "wait", "state": ended(500, "Completed", 0), "restartCount": 2, "lastState": ended(600)}
    assert not rows(shop(pod(0, init=[done], ready=True)))


def test_names_are_quoted_for_the_shell():
    evil = "x; rm -rf $HOME"
    state = cluster([pod(0, waiting("CrashLoopBackOff", 6, ended(30), name="a'b"))], cluster=evil)
    (fact,) = judge("pod-crashloopbackoff", state).observations[0].facts
    assert shlex.split(fact.source)[:3] == ["kubectl", "--context", evil]
    assert "a'b" not in fact.source


def test_many_facts_are_counted_rather_than_listed():
    state = shop(*(pod(n, LOOP) for n in range(50)), replicas=50)
    facts = judge("pod-crashloopbackoff", state).observations[0].facts
    assert len(facts) == 21
    assert facts[-1].text == "and 30 more"


@pytest.mark.parametrize("row", sorted(STATE_DETECTORS))
@pytest.mark.parametrize(
    ("status", "coverage"),
    [
        (AccessStatus.FORBIDDEN, Coverage.FORBIDDEN),
        (AccessStatus.ERROR, Coverage.QUERY_ERROR),
        (AccessStatus.LOADING, Coverage.NO_DATA),
        (AccessStatus.NOT_SERVED, Coverage.NO_SOURCE),
    ],
)
def test_what_may_not_be_read_is_not_healthy(row, status, coverage):
    refused = {name: Access(status, "says the server") for name in LISTED}
    result = judge(row, shop(pod(0, LOOP), access=refused))
    assert result.coverage is coverage
    assert not result.observations
    assert "says the server" in result.detail
    assert judge(row, shop(access={})).coverage is Coverage.NO_DATA


def test_the_missing_right_is_named():
    refused = {"pods": Access(AccessStatus.FORBIDDEN)}
    assert "list and watch on pods" in judge("pod-oomkilled", shop(access=refused)).detail


def test_a_right_in_some_namespaces_is_said_to_be_partial():
    some = {"pods": Access(AccessStatus.LISTED, namespaces=("prod",))}
    result = judge("pod-crashloopbackoff", shop(pod(0, LOOP), access=some))
    assert result.observations
    assert "only in prod" in result.detail


def test_a_healthy_shop_is_silent_and_counted():
    state = shop(healthy(0), healthy(1))
    assert not rows(state)
    assert judge("pod-crashloopbackoff", state).live == 1
