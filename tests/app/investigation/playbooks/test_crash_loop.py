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
    crashed,
    first,
    rolled_out,
    ruled_out,
    running,
    spec,
    steady,
    stuck,
    told,
    well,
)
from tests.app.investigation.scenes import Answers

LOOP = "pod-crashloopbackoff"
START = "2026-11-20T07:00:00.1Z INFO web starting\n2026-11-20T07:00:00.2Z INFO listening on :8080"


def logs(text: str, hash_: str = "aaaa") -> dict[str, str]:
    failing = {f"web-{hash_}-{number}/app/previous": text for number in range(2)}
    return failing | {"web-aaaa-7/app": START}


def both(status) -> list:
    return steady(a_pod(0, status), a_pod(1, status))


CONNECTION = "INFO web starting\nFATAL cannot open the store: dial tcp: lookup orders-db: no such host\nexit status 1"


SERVICE = ("services", {"metadata": {"name": "orders-db", "namespace": "prod"}, "spec": {"selector": {"app": "db"}}})


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("INFO web starting\nERROR plan 7 has no quota\nexit status 1", "application-error"),
        ("panic: x509: certificate has expired", "certificate"),
        (CONNECTION, "dependency-missing"),
        ("FATAL: dial tcp 10.9.8.7:5432: connect: connection refused", "dependency"),
        ('FATAL: password authentication failed for user "shop"', "credentials"),
        ("java.io.IOException: No space left on device\n\tat a.b(C.java:1)", "disk-full"),
        ("Error: listen EADDRINUSE: address already in use 0.0.0.0:8080", "address-in-use"),
        ("KeyError: 'AUFTRAG_URL'", "configuration"),
        ('F1120 07:00:00.000000       1 main.go:55] pods is forbidden: User "x" cannot list', "forbidden"),
    ],
)
def test_the_line_that_says_why_names_the_cause_of_a_crash_that_no_change_explains(text, cause):
    found = come_to(both(crashed()), LOOP, logs=logs(text))
    assert causes(found)[0] == (cause, "high")
    assert found.conclusion.verdict is Verdict.REAL
    assert "release" in ruled_out(found)


def test_without_a_telling_line_the_exit_is_all_that_is_known():
    found = come_to(both(crashed(3)), LOOP, logs=logs("working\nexit status 3"))
    assert causes(found)[0] == ("unexplained-exit", "medium")
    assert "code 3" in first(found)


def test_logs_that_may_not_be_read_are_missing_and_the_case_stays_real():
    silent = Answers()
    silent.has_logs = False
    found = come_to(both(crashed(3)), LOOP, sources=silent)
    assert found.conclusion.verdict is Verdict.REAL
    assert any("logs" in each for each in found.conclusion.unknown)
    assert all(confidence != "high" for _, confidence in causes(found))


NEW_IMAGE = spec(image="registry.example.com/shop/web:2")


def test_a_release_whose_new_pods_alone_fail_is_the_cause():
    failing = a_pod(0, crashed(), NEW_IMAGE, hash_=NEW, age=650.0)
    objects = rolled_out(failing, well(7), well(8), new=NEW_IMAGE)
    found = come_to(objects, LOOP, logs=logs("panic: FLAGS_URL is not set", NEW))
    assert causes(found)[0] == ("release", "high")
    assert "shop/web:1 -> 2" in first(found)
    assert first(found).endswith("FLAGS_URL is not set")
    assert [(entry.kind, entry.text[:21]) for entry in found.changes] == [("rollout", "rollout revision 1 ->")]
    assert causes(come_to(blank(objects), LOOP))[0][0] == "release"


def test_where_no_older_pods_are_left_the_words_decide_between_release_and_environment():
    failing = [a_pod(n, crashed(restartCount=7), NEW_IMAGE, hash_=NEW, age=690.0) for n in range(2)]
    objects = rolled_out(*failing, new=NEW_IMAGE)
    own = come_to(objects, LOOP, logs=logs("panic: FLAGS_URL is not set", NEW))
    assert causes(own)[0] == ("rollout-before", "high")
    around = come_to(objects, LOOP, logs=logs("panic: x509: certificate has expired", NEW))
    assert [name for name, _ in causes(around)[:2]] == ["certificate", "rollout-before"]


def test_a_release_is_not_the_cause_where_old_pods_fail_as_well():
    failing = a_pod(0, crashed(), NEW_IMAGE, hash_=NEW, age=650.0)
    objects = rolled_out(failing, a_pod(0, crashed()), a_pod(1, crashed()), new=NEW_IMAGE)
    found = come_to(objects, LOOP, logs=logs(CONNECTION) | logs(CONNECTION, NEW))
    assert causes(found)[0] == ("dependency-missing", "high")
    assert "change.old-pods-fail" in clues(found)


def test_a_release_of_the_day_before_is_ruled_out():
    objects = rolled_out(a_pod(0, crashed(), hash_=NEW), new=NEW_IMAGE, age=80000.0)
    found = come_to(objects, LOOP, logs=logs("ERROR plan 7 has no quota", NEW))
    assert causes(found)[0] == ("application-error", "high")
    assert "release" in ruled_out(found)
    assert not found.changes


def test_a_service_without_endpoints_that_the_log_names_is_the_cause():
    service = (
        "services",
        {"metadata": {"name": "orders-db", "namespace": "prod"}, "spec": {"selector": {"app": "db"}}},
    )
    found = come_to([*both(crashed()), service], LOOP, logs=logs(CONNECTION))
    assert causes(found)[0] == ("dependency-down", "high")
    assert "prod/orders-db" in first(found)


def test_a_service_with_endpoints_is_not_blamed_for_being_down():
    service = (
        "services",
        {"metadata": {"name": "orders-db", "namespace": "prod"}, "spec": {"selector": {"app": "db"}}},
    )
    labels = {"kubernetes.io/service-name": "orders-db"}
    endpoints = [{"addresses": ["10.0.0.9"], "conditions": {"ready": True}}]
    piece = (
        "endpointslices",
        {"metadata": {"name": "x", "namespace": "prod", "labels": labels}, "endpoints": endpoints},
    )
    found = come_to([*both(crashed()), service, piece], LOOP, logs=logs(CONNECTION))
    assert causes(found)[0] == ("dependency", "high")
    assert "dependency-down" not in dict(causes(found))


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (crashed(0, "Completed"), "exits-by-design"),
        (crashed(127), "bad-start"),
        (crashed(128, "StartError"), "bad-start"),
        (crashed(139), "unexplained-exit"),
        (crashed(255, "Unknown"), "unexplained-exit"),
    ],
    ids=["zero", "not-found", "start-error", "segfault", "unknown"],
)
def test_the_pair_of_reason_and_code_decides_where_nothing_else_speaks(status, cause):
    found = come_to(both(status), LOOP)
    assert causes(found)[0][0] == cause
    assert causes(come_to(blank(both(status)), LOOP))[0][0] == cause


def test_a_kill_by_the_kubelet_is_no_crash_of_the_program():
    failing = a_pod(0, crashed(137, ran=300.0))
    killing = told("Killing", "Container app failed liveness probe, will be restarted", failing,
                   path="spec.containers{app}")  # fmt: skip
    objects = [*steady(failing, well(7)), killing, told("Unhealthy", "Liveness probe failed: refused", failing)]
    found = come_to(objects, LOOP, logs=logs("INFO web starting"))
    assert causes(found)[0] == ("liveness-kill", "high")
    assert causes(come_to(blank(objects), LOOP))[0][0] == "liveness-kill"


def test_a_kill_when_the_liveness_probe_first_gives_up_is_a_slow_start():
    failing = a_pod(0, crashed(137, ran=33.0))
    killing = told("Killing", "Container app failed liveness probe", failing, path="spec.containers{app}")
    found = come_to([*steady(failing, well(7)), killing], LOOP)
    assert causes(found)[0][0] == "slow-start"


def test_a_liveness_probe_that_a_rollout_changed_explains_its_kills():
    hasty = spec(livenessProbe={"httpGet": {"path": "/wrong", "port": 8080}, "periodSeconds": 10})
    failing = a_pod(0, crashed(137, ran=300.0), hasty, hash_=NEW, age=690.0)
    killing = told("Killing", "Container app failed liveness probe", failing, path="spec.containers{app}")
    found = come_to([*rolled_out(failing, well(7), well(8), new=hasty), killing], LOOP)
    assert causes(found)[0] == ("probe-changed", "high")
    assert "GET /wrong on port 8080" in first(found)


def test_a_pod_that_is_being_deleted_was_not_killed_by_a_probe():
    leaving = a_pod(0, crashed(137), metadata={"name": "web-aaaa-0", "uid": "u", "namespace": "prod"})
    leaving[1]["metadata"]["deletionTimestamp"] = leaving[1]["metadata"].get(
        "creationTimestamp", "2025-11-18T14:00:00Z"
    )
    found = come_to([*steady(leaving, a_pod(1, crashed(137))), told("Killing", "Stopping container", leaving)], LOOP)
    assert "kill.by-kubelet" not in clues(found)


def test_a_command_that_the_image_lacks_is_named():
    status = crashed(128, "StartError")
    status["lastState"]["terminated"]["message"] = (
        'failed to create containerd task: exec: "/app/serve": stat /app/serve: no such file or directory: unknown'
    )
    found = come_to(both(status), LOOP)
    assert causes(found)[0] == ("bad-command", "high")
    assert "/app/serve" in first(found)


def test_one_restart_long_ago_is_noise():
    pods = [a_pod(n, running(ready=True, since=4000.0, restarts=1), ready=True, since=4000.0) for n in range(2)]
    found = come_to(steady(*pods), "pod-restart-spike")
    assert found.conclusion.verdict in (Verdict.NOISE, Verdict.RECOVERED)


CONFIG = "container-config-error"
WANTS = spec(env=[*spec()["env"], {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "signing", "key": "pem"}}}])


def refused(message: str):
    waits = a_pod(0, stuck("CreateContainerConfigError", message), WANTS, hash_=NEW, phase="Pending", age=650.0)
    return rolled_out(waits, well(7), well(8), new=WANTS), waits


@pytest.mark.parametrize(
    ("message", "cause", "words"),
    [
        ('secret "signing" not found', "missing-reference", "Secret signing does not exist"),
        ("couldn't find key pem in Secret prod/signing", "missing-key", "Secret signing has no key pem"),
        ("", "new-reference", "Secret signing is missing or lacks a key"),
    ],
)
def test_what_cannot_be_had_by_name_is_named(message, cause, words):
    objects, _ = refused(message)
    found = come_to(objects, CONFIG)
    assert causes(found)[0] == (cause, "high")
    assert first(found).startswith(words)
    assert any("get secret signing" in each or "describe secret signing" in each for each in found.conclusion.commands)


def test_a_second_kind_of_source_makes_the_missing_object_surer():
    objects, waits = refused('secret "signing" not found')
    alone = come_to(objects, CONFIG).conclusion.causes[0].points
    both_ = come_to([*objects, told("Failed", 'Error: secret "signing" not found', waits)], CONFIG)
    assert both_.conclusion.causes[0].points > alone


def test_a_reference_that_healthy_pods_have_as_well_is_not_suspected():
    waits = a_pod(0, stuck("CreateContainerConfigError"), hash_=NEW, phase="Pending", age=650.0)
    found = come_to(rolled_out(waits, well(7), well(8), new=NEW_IMAGE), CONFIG)
    assert causes(found)[0][0] in ("cannot-create", "release")
    assert "reference.new" not in clues(found)


def test_secrets_in_logs_are_redacted_before_anything_is_kept():
    found = come_to(both(crashed()), LOOP, logs=logs("FATAL cannot reach postgres://shop:hunter2@orders-db:5432/shop"))
    assert "hunter2" not in repr(found)
    assert "orders-db" in first(found)
