"""Claims and volumes: pending, stuck in deletion, unwell; and by design."""

import pytest

from detectors.model import EntityType, Severity
from tests.detectors.states.objects import at, cluster, event, found, judge, pod

USER = pod(0, phase="Pending", volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}])
FINISHED = pod(0, phase="Succeeded", volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}])
LATE = ("storageclasses", {"metadata": {"name": "fast"}, "volumeBindingMode": "WaitForFirstConsumer"})
IMMEDIATE = ("storageclasses", {"metadata": {"name": "fast"}, "volumeBindingMode": "Immediate"})


def claim(phase="Pending", age=900.0, conditions=(), **metadata):
    meta = {"name": "data", "namespace": "prod", "uid": "claim", "creationTimestamp": at(age), **metadata}
    status = {"phase": phase, "conditions": list(conditions)}
    return "persistentvolumeclaims", {"metadata": meta, "spec": {"storageClassName": "fast"}, "status": status}


def volume(phase="Bound", ago=3600.0, policy="Delete", **metadata):
    reference = {"kind": "PersistentVolumeClaim", "namespace": "prod", "name": "data"}
    meta = {"name": "pv-1", "uid": "volume", "creationTimestamp": at(86400), **metadata}
    status = {"phase": phase, "lastPhaseTransitionTime": at(ago), "message": "backend says no"}
    spec = {"claimRef": reference, "persistentVolumeReclaimPolicy": policy}
    return "persistentvolumes", {"metadata": meta, "spec": spec, "status": status}


def said(reason, count=3, uid="claim", first=300.0, last=20.0):
    about = {"kind": "PersistentVolumeClaim", "name": "data", "uid": uid}
    return event(reason, about, first, last, count)


# pvc-creation-failure


def test_a_claim_that_a_pod_waits_for_too_long_is_found():
    (stuck,) = judge("pvc-creation-failure", cluster([claim(), USER])).observations
    assert (stuck.entity.type, stuck.entity.kind) == (EntityType.CLAIM, "PersistentVolumeClaim")
    assert stuck.entity.title == "prod/data"
    assert "fast, which does not exist" in stuck.facts[0].text
    assert any("web-aaaa-0 waits" in fact.text for fact in stuck.facts)


def test_failed_provisioning_is_not_waited_for():
    (stuck,) = judge(
        "pvc-creation-failure", cluster([claim(age=40), said("ProvisioningFailed"), IMMEDIATE])
    ).observations
    assert stuck.facts[1].text.endswith("ProvisioningFailed happened")
    assert "does not exist" not in stuck.facts[0].text


@pytest.mark.parametrize(
    "objects",
    [
        [claim(), LATE],
        [claim(), USER, LATE],
        [claim(), IMMEDIATE],
        [claim(), said("FailedBinding", 40)],
        [claim(age=60), USER],
        [claim(age=60), USER, said("ProvisioningFailed", 1)],
        [claim("Bound"), USER, said("ProvisioningFailed", 9)],
        [claim(deletionTimestamp=at(10)), USER],
        [claim(), FINISHED],
    ],
    ids=[
        "no consumer yet", "the consumer has no node yet", "unused", "an administrator binds it later", "young",
        "one failure", "bound in the end", "leaving", "a finished pod",
    ],
)  # fmt: skip
def test_claims_that_are_pending_by_design_are_silent(objects):
    assert found("pvc-creation-failure", cluster(objects)) == []


def test_a_late_claim_whose_pod_has_its_node_is_waited_for_like_any_other():
    placed = claim(annotations={"volume.kubernetes.io/selected-node": "n1"})
    assert found("pvc-creation-failure", cluster([placed, USER, LATE])) == ["prod/data"]


# pvc-deletion-failure


def test_a_claim_that_nothing_uses_and_that_does_not_go_is_found():
    held = claim("Bound", deletionTimestamp=at(1200), finalizers=["snapshot.storage.kubernetes.io/as-source"])
    (stuck,) = judge("pvc-deletion-failure", cluster([held, FINISHED])).observations
    assert "as-source" in stuck.facts[0].text
    assert stuck.severity is Severity.MEDIUM


@pytest.mark.parametrize("phase", ["Released", "Failed"])
def test_a_volume_that_should_be_gone_is_found(phase):
    (stuck,) = judge(
        "pvc-deletion-failure", cluster([volume(phase, 1200), said("VolumeFailedDelete", uid="volume")])
    ).observations
    assert (stuck.entity.kind, stuck.entity.name) == ("PersistentVolume", "pv-1")
    assert "claim prod/data" in stuck.facts[0].text


@pytest.mark.parametrize(
    "objects",
    [
        [claim("Bound", deletionTimestamp=at(1200), finalizers=["kubernetes.io/pvc-protection"]), USER],
        [claim("Bound", deletionTimestamp=at(60))],
        [volume("Released", 9000, "Retain")],
        [volume("Released", 60)],
        [volume("Bound", deletionTimestamp=at(9000))],
        [
            claim("Bound", deletionTimestamp=at(1200)),
            ("namespaces", {"metadata": {"name": "prod", "deletionTimestamp": at(1300)}}),
        ],
    ],
    ids=["in use", "just now", "retained", "just released", "bound", "the namespace goes"],
)
def test_what_may_stay_or_takes_its_time_is_silent(objects):
    assert found("pvc-deletion-failure", cluster(objects)) == []


# pvc-unhealthy


def test_lost_claims_and_failed_volumes_are_found_at_once():
    (lost,) = judge("pvc-unhealthy", cluster([claim("Lost"), said("ClaimLost", 1, first=500)])).observations
    assert lost.severity is Severity.HIGH
    assert lost.onset == pytest.approx(cluster([]).at - 500)
    assert found("pvc-unhealthy", cluster([volume("Failed", 10)])) == ["pv-1"]


def condition(kind, ago):
    return {"type": kind, "status": "True", "lastTransitionTime": at(ago), "message": "quota of the backend"}


def test_a_failed_expansion_and_an_endless_one_are_found_as_one_claim():
    both = [condition("ControllerResizeError", 400), condition("FileSystemResizePending", 7200)]
    (unwell,) = judge("pvc-unhealthy", cluster([claim("Bound", conditions=both)])).observations
    assert len(unwell.facts) == 2


def test_abnormal_volumes_are_found_by_what_is_said_about_the_claim_or_its_pods():
    state = [claim("Bound"), USER, said("VolumeConditionAbnormal", 2, uid="uid-prod-web-aaaa-0")]
    assert found("pvc-unhealthy", cluster(state)) == ["prod/data"]


@pytest.mark.parametrize(
    "objects",
    [
        [claim("Bound"), volume("Bound")],
        [claim("Bound", conditions=[condition("Resizing", 600)])],
        [claim("Bound", conditions=[condition("ControllerResizeError", 60)])],
        [claim("Bound"), said("VolumeResizeFailed", 1)],
        [claim("Bound"), said("VolumeConditionAbnormal", 5, first=3500, last=3000)],
        [volume("Released", 9000, "Retain")],
    ],
    ids=["well", "expanding", "a first error", "one event", "old events", "retained"],
)
def test_volumes_that_are_well_or_being_changed_are_silent(objects):
    assert found("pvc-unhealthy", cluster(objects)) == []
