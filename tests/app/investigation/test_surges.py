"""C11: what many events are about, and whether that is unwell; volumes that cannot be mounted."""

from __future__ import annotations

from typing import Any

import pytest

from storage.records import Verdict
from tests.app.investigation.scenes import anomaly, entity, investigated, scene
from tests.detectors.states.objects import at, cluster, deployment, event, healthy, node, pod, replica_set, waiting

CLUSTER = entity("Cluster", "lab", "")


def warned(number: int, owner: str = "web", reason: str = "Unhealthy", count: int = 9) -> Any:
    name = f"{owner}-aaaa-{number}"
    return event(reason, {"uid": f"uid-prod-{name}", "name": name}, 500, 20, count)


def concluded(*objects: Any, signal: str = "events-warning-cluster", about: Any = CLUSTER) -> Any:
    return investigated(scene(cluster([node(), *objects]), anomaly(signal, about))).conclusion


def unwell(number: int, owner: str = "web", **more: Any) -> list[Any]:
    return [deployment(owner), replica_set(owner=owner), pod(number, waiting("Error"), owner=owner, **more)]


def test_a_surge_about_one_workload_is_that_workloads():
    said = concluded(*unwell(0), warned(0), *unwell(0, "api"), warned(0, "api", count=1))
    assert said.causes[0].id == "one-owner"
    assert "Deployment prod/web" in said.causes[0].title


def test_a_surge_from_one_node_is_the_nodes():
    objects = [each for owner in ("a", "b", "c") for each in (*unwell(0, owner, node="n7"), warned(0, owner))]
    said = concluded(node("n7"), *objects)
    assert said.causes[0].id == "one-node"
    assert "n7" in said.causes[0].title


def test_one_reason_about_many_is_something_they_share():
    objects = [
        each for n, owner in enumerate("abc") for each in (*unwell(0, owner, node=f"n{n}"), warned(0, owner, "Failed"))
    ]
    assert concluded(*objects).causes[0].id == "shared"


def test_many_reasons_about_many_have_no_common_cause():
    objects = [
        each for n, owner in enumerate("abc") for each in (*unwell(0, owner, node=f"n{n}"), warned(0, owner, f"R{n}"))
    ]
    assert not concluded(*objects).causes


def test_events_of_what_is_well_again_are_noise():
    said = concluded(deployment(readyReplicas=2, availableReplicas=2), replica_set(), healthy(0), warned(0))
    assert said.verdict is Verdict.NOISE


def test_a_container_between_two_crashes_is_not_well():
    from dataclasses import replace

    from detectors.cluster import Restart
    from tests.detectors.states.objects import NOW

    running = {"name": "app", "restartCount": 5, "state": {"running": {"startedAt": at(5)}}}
    state = cluster([node(), deployment(), replica_set(), pod(0, running, ready=True), warned(0, reason="BackOff")])
    state = replace(state, restarts=(Restart(NOW - 30, "uid-prod-web-aaaa-0", "app", 1),))
    about = anomaly("events-warning-cluster", CLUSTER)
    assert investigated(scene(state, about)).conclusion.verdict is Verdict.REAL


def mounting(message: str = "", **more: Any) -> list[Any]:
    creating = {"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}
    kind, told = warned(0, reason="FailedMount")
    told["message"] = message
    return [deployment(), replica_set(), pod(0, creating, **more), (kind, told)]


@pytest.mark.parametrize(
    ("message", "cause", "named"),
    [
        ('MountVolume.SetUp failed for volume "c" : secret "tls" not found', "object-missing", "Secret tls"),
        ('MountVolume.SetUp failed for volume "c" : configmap "flags" not found', "object-missing", "ConfigMap flags"),
        ("Unable to attach or mount volumes: timed out waiting for the condition", "attach-times-out", "timed out"),
        ("MountVolume.MountDevice failed: rpc error", "mount-fails", "rpc error"),
    ],
)
def test_what_a_volume_waits_for(message, cause, named):
    said = concluded(*mounting(message), signal="events-failedmount", about=entity())
    assert said.verdict is Verdict.REAL
    assert said.causes[0].id == cause
    assert named in said.causes[0].title


@pytest.mark.parametrize(("where", "held"), [("n2", True), ("n1", False)])
def test_a_claim_for_one_node_that_another_pod_still_uses(where, held):
    meta = {"name": "data", "namespace": "prod", "uid": "c", "creationTimestamp": at(9000)}
    claim = {"metadata": meta, "spec": {"accessModes": ["ReadWriteOnce"]}, "status": {"phase": "Bound"}}
    volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    old = healthy(1, node=where, volumes=volumes)
    objects = [*mounting(volumes=volumes), old, ("persistentvolumeclaims", claim)]
    said = concluded(*objects, signal="events-failedmount", about=entity())
    assert (said.causes[0].id == "volume-held") is held
    assert said.verdict is Verdict.REAL, "without a word of the kubelet's"
