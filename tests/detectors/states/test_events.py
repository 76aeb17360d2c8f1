"""Back-off and mount events by workload, and containers that cannot be created."""

import pytest

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

BASE = [deployment(), replica_set()]


def said(reason, count, first=280.0, last=5.0, number=0, text=""):
    name = f"web-aaaa-{number}"
    resource, raw = event(reason, {"name": name, "uid": f"uid-prod-{name}"}, first, last, count)
    return resource, {**raw, "message": text or raw["message"]}


CRASHING = pod(0, waiting("CrashLoopBackOff", 6, ended(30)))

# events-backoff


@pytest.mark.parametrize("text", ["Back-off restarting failed container", "Back-off pulling image"])
def test_back_offs_are_counted_by_workload(text):
    (spike,) = judge("events-backoff", cluster([*BASE, CRASHING, said("BackOff", 9, text=text)])).observations
    assert spike.entity.title == "prod/web"
    assert spike.observed == pytest.approx(9)
    assert spike.onset == NOW - 280
    assert text in spike.facts[0].text


@pytest.mark.parametrize(
    "objects",
    [
        [CRASHING, said("BackOff", 2)],
        [CRASHING, said("BackOff", 70, first=2200)],
        [CRASHING, said("BackOff", 40, first=3500, last=2400)],
        [healthy(1), said("BackOff", 9)],
        [pod(0, metadata={"deletionTimestamp": at(5)}), said("BackOff", 9)],
        [CRASHING, node("n1", "Unknown"), said("BackOff", 9)],
    ],
    ids=["few", "usual", "replayed from the past", "a pod that is gone", "leaving", "a lost node"],
)
def test_few_usual_old_and_orphaned_back_offs_are_silent(objects):
    assert found("events-backoff", cluster([*BASE, *objects])) == []


# events-failedmount

CREATING = pod(0, waiting("ContainerCreating"), phase="Pending")


@pytest.mark.parametrize("reason", ["FailedMount", "FailedAttachVolume", "FailedMapVolume"])
def test_volumes_that_do_not_come_are_found_on_the_workload(reason):
    (failed,) = judge("events-failedmount", cluster([*BASE, CREATING, said(reason, 8)])).observations
    assert failed.entity.title == "prod/web"
    assert failed.onset == NOW - 280
    assert reason in failed.facts[0].text


def test_a_mount_that_is_tried_every_two_minutes_goes_on_failing():
    state = cluster([*BASE, CREATING, said("FailedMount", 30, first=3000, last=120)])
    assert found("events-failedmount", state) == ["prod/web"]


def test_the_pauses_between_attempts_prove_the_time_that_they_took():
    assert found("events-failedmount", cluster([*BASE, CREATING, said("FailedMount", 10, first=60)])) == ["prod/web"]


@pytest.mark.parametrize(
    "objects",
    [
        [CREATING, said("FailedMount", 8, first=90)],
        [CREATING, said("FailedMount", 2)],
        [healthy(0), said("FailedAttachVolume", 8)],
        [CREATING, said("FailedMount", 8, first=2000, last=600)],
        [pod(0, phase="Succeeded"), said("FailedMount", 8)],
    ],
    ids=["a secret that comes with the release", "few", "attached in the end", "not any more", "completed"],
)
def test_mounts_that_come_late_are_silent(objects):
    assert found("events-failedmount", cluster([*BASE, *objects])) == []


# container-config-error


@pytest.mark.parametrize("reason", ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"])
def test_containers_that_cannot_be_created_are_found_with_the_reason_why(reason):
    (stuck,) = judge("container-config-error", cluster([*BASE, pod(0, waiting(reason), age=300)])).observations
    assert stuck.entity.title == "prod/web"
    assert f"about {reason}" in stuck.facts[0].text


def test_failures_prove_the_time_that_they_took():
    fresh = pod(0, waiting("CreateContainerConfigError"), age=30, status={"startTime": at(30)})
    assert found("container-config-error", cluster([*BASE, fresh, said("Failed", 2, first=25)])) == []
    assert found("container-config-error", cluster([*BASE, fresh, said("Failed", 6, first=25)])) == ["prod/web"]


@pytest.mark.parametrize(
    "one",
    [
        pod(0, waiting("CreateContainerConfigError"), age=300, metadata={"deletionTimestamp": at(5)}),
        pod(0, waiting("ContainerCreating"), age=300),
        pod(0, waiting("ImagePullBackOff"), age=300),
        healthy(0),
    ],
    ids=["leaving", "being created", "the image", "running"],
)
def test_containers_that_wait_for_something_else_are_silent(one):
    assert found("container-config-error", cluster([*BASE, one])) == []
