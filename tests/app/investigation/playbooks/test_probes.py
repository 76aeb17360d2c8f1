from __future__ import annotations

import pytest

from storage.records import Verdict
from tests.app.investigation.playbooks.workloads import (
    NEW,
    a_pod,
    blank,
    causes,
    clues,
    come_to,
    first,
    rolled_out,
    running,
    spec,
    steady,
    told,
    well,
)
from tests.app.investigation.scenes import anomaly

UNREADY, SPIKE = "pod-readiness-failing", "probe-failure-spike"
ANSWER = "Readiness probe failed: HTTP probe failed with statuscode: 503"
WORDS = "2025-11-18T14:00:00Z WARN pool exhausted: 128/128 connections in use\n2025-11-18T14:00:01Z WARN GET /ready 503"


def unready(*statuses):
    pods = [a_pod(n, running()) for n in range(2)]
    return [*steady(*pods), *(told("Unhealthy", ANSWER, each) for each in pods)]


def logs(text: str, hash_: str = "aaaa") -> dict[str, str]:
    return {f"web-{hash_}-{n}/app": text for n in range(2)}


def test_the_answer_and_the_log_say_why_pods_are_not_ready():
    found = come_to(unready(), UNREADY, logs=logs(WORDS))
    assert causes(found)[0] == ("not-ready", "high")
    assert first(found) == (
        "the readiness probe GET /ready on port 8080 gets status 503: pool exhausted: 128/128 connections in use"
    )


def test_without_words_the_failing_probe_is_all_that_is_known():
    found = come_to(blank(unready()), UNREADY)
    assert causes(found)[0][0] == "probe-fails"
    assert found.conclusion.verdict is Verdict.REAL


def test_what_a_healthy_sibling_writes_as_well_does_not_explain_it():
    usual = "2025-11-18T14:00:00Z WARN slow query took 12 ms"
    objects = [*steady(a_pod(0, running()), well(7))]
    found = come_to(objects, UNREADY, logs={"web-aaaa-0/app": usual, "web-aaaa-7/app": usual})
    assert "not-ready" not in dict(causes(found))


def test_a_probe_that_a_rollout_changed_is_the_cause():
    moved = spec(readinessProbe={"httpGet": {"path": "/healthz", "port": 9090}, "periodSeconds": 5})
    failing = a_pod(0, running(since=640.0), moved, hash_=NEW, age=650.0)
    objects = [
        *rolled_out(failing, well(7), well(8), new=moved),
        told("Unhealthy", "Readiness probe failed: dial tcp: connection refused", failing),
    ]
    found = come_to(objects, UNREADY)
    assert causes(found)[0] == ("probe-changed", "high")
    assert "GET /ready on port 8080" in first(found) and "GET /healthz on port 9090" in first(found)
    assert causes(come_to(blank(objects), UNREADY))[0][0] == "probe-changed"


def test_a_port_where_nobody_listens_is_named():
    wrong = spec(readinessProbe={"httpGet": {"path": "/ready", "port": 9090}})
    pods = [a_pod(n, running(), wrong) for n in range(2)]
    refused = "Readiness probe failed: Get http://10.0.0.1:9090/ready: connect: connection refused"
    found = come_to([*steady(*pods, container=wrong), told("Unhealthy", refused, pods[0])], UNREADY)
    assert causes(found)[0] == ("probe-wrong-port", "high")
    assert "port 9090" in first(found) and "(8080)" in first(found)


def test_a_port_that_answers_is_not_wrong_for_not_being_declared():
    wrong = spec(readinessProbe={"httpGet": {"path": "/ready", "port": 9090}})
    pods = [a_pod(n, running(), wrong) for n in range(2)]
    found = come_to([*steady(*pods, container=wrong), told("Unhealthy", ANSWER, pods[0])], UNREADY, logs=logs(WORDS))
    assert dict(causes(found)).get("probe-wrong-port") != "high"


def test_a_release_that_never_gets_ready_is_the_cause():
    new = spec(image="registry.example.com/shop/web:2")
    failing = a_pod(0, running(since=640.0), new, hash_=NEW, age=650.0)
    objects = rolled_out(failing, well(7), well(8), new=new)
    for signals in ((UNREADY,), ("rollout-stuck",), ("rollout-stuck", UNREADY)):
        assert causes(come_to(objects, *signals))[0] == ("release-not-ready", "high")
    old = [a_pod(0, running()), a_pod(1, running())]
    both = come_to(rolled_out(failing, *old, new=new), UNREADY)
    assert "release-not-ready" not in dict(causes(both))


def test_too_little_cpu_explains_probes_that_time_out():
    pods = [a_pod(n, running()) for n in range(2)]
    late = told("Unhealthy", "Readiness probe failed: context deadline exceeded", pods[0])
    found = come_to([*steady(*pods), late], UNREADY, elsewhere=(anomaly("workload-cpu-throttling", number=9, case=2),))
    assert causes(found)[0] == ("probe-starved", "high")


@pytest.mark.parametrize("signals", [(SPIKE,)])
def test_single_failed_probes_of_pods_that_stay_ready_are_noise(signals):
    pods = [well(n) for n in range(2)]
    found = come_to([*steady(*pods), told("Unhealthy", ANSWER, pods[0])], *signals)
    assert found.conclusion.verdict in (Verdict.NOISE, Verdict.RECOVERED)
    assert "probe.no-effect" in clues(found)


def test_events_that_may_not_be_read_leave_the_verdict():
    objects = unready()
    hidden = [each for each in objects if each[0] != "events"]
    found = come_to(hidden, UNREADY, logs=logs(WORDS))
    assert found.conclusion.verdict is Verdict.REAL
    assert causes(found)[0][0] == "not-ready"
