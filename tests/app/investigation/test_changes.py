from __future__ import annotations

from app.investigation.collectors.changes import _rollouts, rollouts
from tests.app.investigation.playbooks.workloads import (
    NEW,
    a_pod,
    clues,
    come_to,
    crashed,
    revision,
    rolled_out,
    spec,
    steady,
)
from tests.app.investigation.scenes import anomaly, entity, investigated, scene
from tests.detectors.states.objects import NOW, at, deployment, event, healthy, node, replica_set

LOOP = "pod-crashloopbackoff"


def changes(objects, **more) -> list[tuple[str, str]]:
    return [(entry.kind, entry.text) for entry in come_to(objects, LOOP, **more).changes]


NEW_IMAGE = spec(image="x:2")


def test_a_rollback_is_dated_by_its_first_pod():
    failing = a_pod(0, crashed(), age=640.0)
    objects = [*steady(failing), revision(NEW, 2, NEW_IMAGE, 3600.0)]
    old = next(item for name, item in objects if name == "replicasets")
    old["metadata"]["annotations"] |= {"deployment.kubernetes.io/revision": "3"}
    old["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] = "1"
    found = come_to(objects, LOOP)
    assert "change.rollback" in clues(found)
    assert [(entry.kind, entry.at, entry.text.split(":")[0]) for entry in found.changes] == [
        ("rollout", NOW - 640.0, "rollback revision 2 -> 3")
    ]


def rolled_back(*more):
    """A rollback that only scaled the other revision down: no pod was made for it."""
    good, bad = replica_set("aaaa", age=86400), replica_set("bbbb", age=1300)
    good[1]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "9000003"
    bad[1]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "9000002"
    serving = deployment(replicas=2, readyReplicas=2, availableReplicas=2)
    return [serving, good, bad, *(healthy(n, age=86000) for n in (0, 1)), *more]


def dated(objects) -> list[tuple[str, float]]:
    where = scene(objects, anomaly("pod-imagepullbackoff", ago=200))
    return [(found.revision, found.at) for found in _rollouts(where)]


def test_a_rollback_without_new_pods_is_dated_by_what_scaled_it_and_by_no_other_date():
    bad = ("9000002", NOW - 1300)
    scaled = event("ScalingReplicaSet", {"kind": "Deployment", "name": "web", "uid": "d-web"}, 90)
    scaled[1]["message"] = "Scaled up replica set web-aaaa from 0 to 1"
    assert dated(rolled_back(scaled)) == [("9000003", NOW - 90), bad]
    moved = rolled_back()
    proceeding = {"type": "Progressing", "status": "True", "lastUpdateTime": at(80.0)}
    moved[0][1]["status"]["conditions"] = [proceeding]
    assert dated(moved) == [("9000003", NOW - 80), bad]
    assert dated(rolled_back()) == [bad], "nothing tells when"


def test_the_pods_of_a_node_are_no_revisions_of_one_another():
    pods = [healthy(n, age=300 + n, controller=("DaemonSet", name)) for n, name in enumerate(("agent", "proxy"))]
    about = entity("Node", name="n1", namespace="")
    where = scene([node("n1"), *pods], anomaly("node-not-ready", about))
    assert len(where.pods) == 2
    assert not list(rollouts.collect(where))


def test_what_was_rolled_out_long_ago_is_no_change():
    assert changes(rolled_out(a_pod(0, crashed(), hash_=NEW), new=NEW_IMAGE, age=80000.0)) == []


def test_a_restart_by_hand_is_dated_by_its_annotation():
    objects = steady(a_pod(0, crashed()))
    made = next(item for name, item in objects if name == "deployments")
    made["spec"]["template"] = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": at(660.0)}}}
    assert changes(objects) == [("change", "restarted by hand")]


def test_scaling_nodes_quotas_and_jobs_are_told_with_their_times():
    scaler = {
        "metadata": {"name": "web", "namespace": "prod"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 9},
        "status": {"lastScaleTime": at(700.0), "desiredReplicas": 5},
    }
    quota = {"metadata": {"name": "small", "namespace": "prod", "creationTimestamp": at(650.0)}}
    job = {"metadata": {"name": "export", "namespace": "prod", "creationTimestamp": at(640.0)}}
    objects = [
        *steady(a_pod(0, crashed())),
        ("horizontalpodautoscalers", scaler),
        ("resourcequotas", quota),
        ("jobs", job),
        node("n2", age=630.0),
    ]
    assert dict(changes(objects)) == {
        "hpa": "autoscaler web scaled it; 5 replicas wanted",
        "node": "node n2 joined",
        "change": "Job export began",
    }
    quiet = [
        *steady(a_pod(0, crashed())),
        ("jobs", {"metadata": {**job["metadata"], "creationTimestamp": at(80000.0)}}),
    ]
    assert changes(quiet) == []


def test_a_stateful_sets_revisions_are_told_by_its_pods():
    def member(number: int, hash_: str, container: dict, status: dict, **more):
        name, item = a_pod(number, status, container, hash_=hash_, controller=("StatefulSet", "web"), **more)
        item["metadata"]["labels"] = {"controller-revision-hash": f"web-{hash_}"}
        return name, item

    pods = [member(0, "old", spec(), {"name": "app", "state": {"running": {}}}, ready=True, age=9000.0)]
    pods.append(member(1, "new", NEW_IMAGE, crashed(), age=650.0))
    meta = {"name": "web", "namespace": "prod", "uid": "s", "creationTimestamp": at(90000.0)}
    owner = {"metadata": meta, "spec": {"replicas": 2}, "status": {"updateRevision": "web-new", "readyReplicas": 1}}
    about = entity("StatefulSet")
    found = investigated(scene([("statefulsets", owner), *pods], anomaly(LOOP, about)))
    assert found.conclusion.causes[0].id == "release"
    assert [entry.at for entry in found.changes] == [NOW - 650.0]
    assert found.changes[0].text.startswith("rollout revision web-old -> web-new: image")
    del pods[0][1]["metadata"]["labels"]
    unnamed = investigated(scene([("statefulsets", owner), *pods], anomaly(LOOP, about)))
    assert unnamed.changes[0].text.startswith("rollout revision web-new: image")


def test_the_rollout_that_brought_it_stays_the_cause_after_it_was_rolled_back():
    good, bad = replica_set("aaaa", age=86400), replica_set("bbbb", age=1300)
    good[1]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "9000003"
    bad[1]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "9000002"
    back = [healthy(n, age=300) for n in (0, 1)]
    serving = deployment(replicas=2, readyReplicas=2, availableReplicas=2)
    where = scene([serving, good, bad, *back], anomaly("http-server-5xx-spike", ago=1200))
    held = {clue.name: clue for clue in rollouts.collect(where) if clue.holds}
    assert held["change.rollout"].fills["revision"] == "9000002"
    back = held["change.taken-back"]
    assert (back.change, back.at) == ("rollout", NOW - 300)
    assert back.text.startswith("rollback revision 9000002 -> 9000003")
    assert "change.no-rollout" not in held
