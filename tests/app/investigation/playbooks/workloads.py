"""A workload of two revisions, to break in one place at a time, and what its case comes to."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tests.app.investigation.scenes import Answers, anomaly, investigated, scene
from tests.detectors.states.objects import at, deployment, ended, event, node, pod, replica_set

if TYPE_CHECKING:
    from app.investigation.pipeline import Investigation
    from detectors.cluster import ClusterState

Thing = tuple[str, dict[str, Any]]
OLD, NEW = "aaaa", "bbbb"
IMAGE = "registry.example.com/shop/web"
SPEC: dict[str, Any] = {
    "name": "app",
    "image": f"{IMAGE}:1",
    "resources": {"limits": {"memory": "256Mi", "cpu": "500m"}, "requests": {"memory": "128Mi"}},
    "ports": [{"name": "http", "containerPort": 8080}],
    "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5},
    "livenessProbe": {"httpGet": {"path": "/live", "port": 8080}, "initialDelaySeconds": 10, "periodSeconds": 10},
    "env": [{"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}],
}


def spec(**more: Any) -> dict[str, Any]:
    """The container, with something changed."""
    return copy.deepcopy(SPEC) | more


def revision(hash_: str, number: int, container: dict[str, Any], age: float, **annotations: str) -> Thing:
    """A ReplicaSet with that container in its template."""
    name, item = replica_set(hash_, age=age)
    item["metadata"]["labels"] = {"pod-template-hash": hash_}
    item["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": str(number), **annotations}
    item["spec"]["template"] = {"metadata": {}, "spec": {"containers": [container]}}
    return name, item


def crashed(code: int = 1, reason: str = "Error", ran: float = 5.0, **more: Any) -> dict[str, Any]:
    """A container that waits for its next restart."""
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    return {"name": "app", "restartCount": 4, "state": state, "lastState": ended(30.0, reason, code, ran), **more}


def stuck(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    """A container that waits."""
    return {"name": "app", "state": {"waiting": {"reason": reason, "message": message}}, **more}


def running(*, ready: bool = False, since: float = 3000.0, restarts: int = 0, **more: Any) -> dict[str, Any]:
    """A container that runs."""
    state = {"running": {"startedAt": at(since)}}
    return {"name": "app", "state": state, "ready": ready, "restartCount": restarts, **more}


def a_pod(
    number: int,
    status: dict[str, Any],
    container: dict[str, Any] | None = None,
    *,
    ready: bool = False,
    hash_: str = OLD,
    since: float = 600.0,
    **more: Any,
) -> Thing:
    """A pod of the workload."""
    name, item = pod(number, status, revision=hash_, ready=ready, containers=[container or spec()], **more)
    item["status"]["conditions"][0]["lastTransitionTime"] = at(since)
    return name, item


def well(number: int, container: dict[str, Any] | None = None, *, hash_: str = OLD, **more: Any) -> Thing:
    """A pod in which all is well."""
    return a_pod(number, running(ready=True), container, ready=True, hash_=hash_, since=3000.0, age=7200.0, **more)


def steady(*pods: Thing, container: dict[str, Any] | None = None) -> list[Thing]:
    """The workload with one revision, rolled out long ago."""
    ready = sum(item["status"]["conditions"][0]["status"] == "True" for _, item in pods)
    return [
        deployment(replicas=len(pods), readyReplicas=ready, availableReplicas=ready),
        revision(OLD, 1, container or spec(), 86400.0),
        node(),
        *pods,
    ]


def rolled_out(
    *pods: Thing, new: dict[str, Any], old: dict[str, Any] | None = None, age: float = 700.0, **annotations: str
) -> list[Thing]:
    """The workload with a second revision, rolled out lately."""
    made = steady(*pods, container=old)
    return [*made, revision(NEW, 2, new, age, **annotations)]


def told(reason: str, message: str, about: Thing, *, first: float = 500.0, count: int = 5, path: str = "") -> Thing:
    """An event about a pod."""
    meta = about[1]["metadata"]
    name, item = event(reason, {"uid": meta["uid"], "name": meta["name"], "fieldPath": path}, first, 20.0, count)
    return name, item | {"message": message}


def blank(objects: list[Thing]) -> list[Thing]:
    """The same without free text: no message says anything."""

    def emptied(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: "" if key in ("message", "note") else emptied(each) for key, each in value.items()}
        return [emptied(each) for each in value] if isinstance(value, list) else value

    return [(name, emptied(item)) for name, item in objects]


def come_to(
    objects: list[Thing] | ClusterState, *signals: str, logs: dict[str, str] | None = None, **more: Any
) -> Investigation:
    """What the case of the workload with these signals comes to."""
    sources = more.pop("sources", None) or Answers(logs)
    anomalies = [anomaly(signal, number=place, ago=600.0) for place, signal in enumerate(signals, 1)]
    return investigated(scene(objects, *anomalies, sources=sources, **more))


def causes(found: Investigation) -> list[tuple[str, str]]:
    """Its likely causes with how sure they are."""
    return [(each.id, str(each.confidence)) for each in found.conclusion.causes]


def first(found: Investigation) -> str:
    """The title of the likely cause."""
    return found.conclusion.causes[0].title if found.conclusion.causes else ""


def ruled_out(found: Investigation) -> set[str]:
    """The ids of the causes that were looked for and do not hold."""
    return {each.id for each in found.conclusion.ruled_out}


def clues(found: Investigation) -> set[str]:
    """The names of everything in its ledger."""
    return {line.clue for line in found.lines}
