"""C12: why a claim is not bound, not removed, full or lost; and what is meant to be so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from app.investigation.readings import Track
from detectors.cluster import Access, AccessStatus
from detectors.model import Confidence
from detectors.windows import SignalData
from storage.records import Priority, Verdict
from tests.app.investigation.scenes import Answers, anomaly, entity, investigated, scene
from tests.detectors.states.objects import CATALOGUE, LISTED, NOW, at, cluster, event, pod

DATA = entity("PersistentVolumeClaim", "data", "prod")


def claim(phase: str = "Pending", storage: str = "fast", **more: Any) -> Any:
    meta = {"name": "data", "namespace": "prod", "uid": "c", "creationTimestamp": at(1800), **more.pop("metadata", {})}
    spec = {"storageClassName": storage, "resources": {"requests": {"storage": "10Gi"}}, **more.pop("spec", {})}
    return "persistentvolumeclaims", {"metadata": meta, "spec": spec, "status": {"phase": phase, **more}}


def storage_class(name: str = "fast", provisioner: str = "csi.example.com", mode: str = "Immediate") -> Any:
    meta = {"name": name, "uid": name, "creationTimestamp": at(86400)}
    return "storageclasses", {"metadata": meta, "provisioner": provisioner, "volumeBindingMode": mode}


def volume(phase: str, name: str = "pv", message: str = "", size: str = "10Gi", **more: Any) -> Any:
    meta = {"name": name, "uid": name, "creationTimestamp": at(86400), **more}
    spec = {
        "storageClassName": "fast",
        "capacity": {"storage": size},
        "claimRef": {"namespace": "prod", "name": "data"},
    }
    return "persistentvolumes", {"metadata": meta, "spec": spec, "status": {"phase": phase, "message": message}}


def user(ready: bool = False, where: str = "n1") -> Any:
    return pod(0, ready=ready, node=where, volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}])


def told(reason: str, uid: str = "c") -> Any:
    return event(reason, {"kind": "PersistentVolumeClaim", "uid": uid, "name": "data"}, 600, 30, 6)


def concluded(signal: str, *objects: Any, sources: Answers | None = None, **more: Any) -> Any:
    state = cluster(list(objects), **more)
    return investigated(scene(state, anomaly(signal, DATA), sources=sources)).conclusion


DELETED = {"deletionTimestamp": at(1800), "finalizers": ["example.com/keep"]}
CAUSES = [
    ("storage-class-missing", "pvc-creation-failure", [claim(storage="gold"), storage_class(), user()], "gold"),
    ("no-storage-class", "pvc-creation-failure", [claim(storage=""), storage_class(), user()], "data"),
    ("provisioner", "pvc-creation-failure", [claim(), storage_class(), told("ProvisioningFailed")], "happened"),
    (
        "no-volume",
        "pvc-creation-failure",
        [claim(), storage_class(provisioner="kubernetes.io/no-provisioner"), volume("Available", size="1Gi"), user()],
        "fast",
    ),
    ("finalizer", "pvc-deletion-failure", [claim("Bound", metadata=DELETED)], "example.com/keep"),
    ("volume-gone", "pvc-unhealthy", [claim("Lost", spec={"volumeName": "pv-1"}), storage_class()], "pv-1"),
    (
        "volume-failed",
        "pvc-unhealthy",
        [claim("Bound", spec={"volumeName": "pv"}), volume("Failed", message="io")],
        "io",
    ),
    (
        "resize",
        "pvc-unhealthy",
        [claim("Bound", conditions=[{"type": "ControllerResizeError", "status": "True", "message": "no space"}])],
        "no space",
    ),
]


@pytest.mark.parametrize(("cause", "signal", "objects", "named"), CAUSES, ids=[each[0] for each in CAUSES])
def test_each_cause_is_first_and_names_what_it_is_about(cause, signal, objects, named):
    said = concluded(signal, *objects)
    assert said.verdict is Verdict.REAL
    assert said.causes[0].id == cause
    assert said.causes[0].confidence is not Confidence.LOW
    assert named in said.causes[0].title


def test_a_class_that_is_there_is_not_said_to_be_missing():
    said = concluded("pvc-creation-failure", claim(), storage_class(), user())
    assert "storage-class-missing" not in [each.id for each in said.causes]


def test_a_provisioners_complaint_of_a_missing_class_is_the_class_and_sure():
    said = concluded("pvc-creation-failure", claim(storage="gold"), storage_class(), told("ProvisioningFailed"))
    assert (said.causes[0].id, said.causes[0].confidence) == ("storage-class-missing", Confidence.HIGH)
    assert "provisioner" not in [each.id for each in said.causes]


def test_a_volume_that_is_large_enough_and_free_is_no_lack():
    byhand = storage_class(provisioner="kubernetes.io/no-provisioner")
    said = concluded("pvc-creation-failure", claim(), byhand, volume("Available", size="20Gi"), user())
    assert "no-volume" not in [each.id for each in said.causes]


def test_a_claim_that_waits_for_its_first_consumer_is_noise_until_there_is_one():
    late = storage_class(mode="WaitForFirstConsumer")
    assert concluded("pvc-creation-failure", claim(), late).verdict is Verdict.NOISE
    assert concluded("pvc-creation-failure", claim(), late, user()).verdict is Verdict.REAL


def test_a_claim_in_use_goes_when_its_pod_does():
    said = concluded("pvc-deletion-failure", claim("Bound", metadata=DELETED), user(ready=True))
    assert said.verdict is Verdict.NOISE
    assert said.causes[0].title == "pod web-aaaa-0 still uses claim data"


def test_lost_and_failed_volumes_put_data_at_risk_even_in_staging():
    lost = [claim("Lost", spec={"volumeName": "pv-1"})]
    state = cluster(lost)
    staging = entity("PersistentVolumeClaim", "data", "prod", environment="staging")
    said = investigated(scene(state, anomaly("pvc-unhealthy", staging))).conclusion
    assert said.priority is Priority.P2


def test_who_waits_for_a_claim_is_its_impact_and_sets_the_priority():
    said = concluded("pvc-creation-failure", claim(storage="gold"), storage_class(), user())
    assert any("wait for claim data" in text for text in said.impact)


def test_storage_classes_that_may_not_be_read_are_not_missing():
    refused = LISTED | {"storageclasses": Access(AccessStatus.FORBIDDEN)}
    said = concluded("pvc-creation-failure", claim(storage="gold"), user(), access=refused)
    assert said.causes == ()
    assert any("storageclasses" in text for text in said.unknown)


def measured(*shares: float) -> Answers:
    """Of two instruments of the row, as an OpenTelemetry collector and a kubelet have them."""
    times = np.array([int(NOW) - 60 * (len(shares) - 1 - i) for i in range(len(shares))])
    bytes_, inodes = (
        next(s for s in CATALOGUE.sources("pvc-usage") if (s.convention, s.instrument) == known)
        for known in (("otel-kubeletstats", "volume-usage"), ("kubelet-volume", "volume-inodes"))
    )
    tracks = [
        Track(about, {}, (), source, SignalData(times, level=np.array([values])), "used of it")
        for about, source, values in (
            (DATA, inodes, np.linspace(0.0, 1.0, len(shares))), (DATA, bytes_, shares),
            (entity("PersistentVolumeClaim", "other"), bytes_, np.linspace(0.0, 1.0, len(shares))),
        )
    ]  # fmt: skip
    return Answers(numbers={"pvc-usage": tuple(tracks)})


def filled(*shares: float, sources: Answers | None = None) -> Any:
    used = anomaly("pvc-usage", DATA, observed=shares[-1])
    state = cluster([claim("Bound")])
    return investigated(scene(state, used, sources=measured(*shares) if sources is None else sources)).conclusion


@pytest.mark.parametrize(
    ("shares", "cause", "verdict"),
    [
        (np.linspace(0.9, 0.98, 20), "volume-full", Verdict.REAL),
        (np.linspace(0.5, 0.6, 20), "volume-fills", Verdict.REAL),
        ([0.5] * 20, None, Verdict.INCONCLUSIVE),
    ],
    ids=["nearly full", "fills", "neither"],
)
def test_usage_and_growth_come_from_the_metrics(shares, cause, verdict):
    said = filled(*shares)
    assert (said.causes[0].id if said.causes else None, said.verdict) == (cause, verdict)


def test_how_full_it_is_needs_no_metric_of_a_certain_name():
    assert filled(0.95, sources=Answers()).causes[0].title == "claim data is 95% full"


def test_a_volume_that_is_all_but_full_is_at_risk():
    assert filled(*[0.99] * 20).priority is Priority.P2
    assert filled(*[0.9] * 20).priority is Priority.P3
