from __future__ import annotations

from tests.app.investigation.playbooks.workloads import a_pod, blank, causes, clues, come_to, first, steady, stuck
from tests.detectors.states.objects import at, ended

INIT = "pod-init-error"
PENDING = stuck("PodInitializing")
DONE = {"name": "settle", "state": ended(400.0, "Completed", 0)}


def initialising(status, *before):
    pods = [a_pod(n, PENDING, init=[*before, status], phase="Pending", initContainers=[
        {"name": "settle", "image": "x"}, {"name": "migrate", "image": "x"}]) for n in range(2)]  # fmt: skip
    return steady(*pods)


def failed(code: int = 1) -> dict:
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    return {"name": "migrate", "restartCount": 4, "state": state, "lastState": ended(30.0, "Error", code)}


def logs(text: str, previous: bool = True) -> dict[str, str]:
    return {f"web-aaaa-{n}/migrate{'/previous' if previous else ''}": text for n in range(2)}


def test_the_first_init_container_that_fails_says_why():
    words = 'INFO migrating\nERROR relation "orders" does not exist\nexit status 1'
    found = come_to(initialising(failed(), DONE), INIT, logs=logs(words))
    assert causes(found)[0] == ("schema", "high")
    assert "container migrate" in first(found)
    assert any("--container migrate" in each for each in found.conclusion.commands)


def test_an_init_container_that_did_its_work_is_not_what_failed():
    found = come_to(initialising(failed(), DONE), INIT)
    assert "container.exit-zero" not in clues(found)
    assert causes(found)[0][0] == "unexplained-exit"
    assert causes(come_to(blank(initialising(failed(), DONE)), INIT)) == causes(found)


def test_one_that_runs_for_long_waits_for_what_its_log_names():
    waits = {"name": "migrate", "state": {"running": {"startedAt": at(900.0)}}, "restartCount": 0}
    found = come_to(
        initialising(waits), INIT, logs=logs("waiting for stock-db:5432: connection refused", previous=False)
    )
    assert causes(found)[0][0] == "dependency-missing"
    silent = come_to(initialising(waits), INIT)
    assert causes(silent)[0][0] == "init-waits"


def test_one_that_has_just_begun_does_not_wait():
    waits = {"name": "migrate", "state": {"running": {"startedAt": at(30.0)}}, "restartCount": 0}
    assert "init.waiting" not in clues(come_to(initialising(waits), INIT))
