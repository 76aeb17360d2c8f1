"""Kubernetes objects as the API server lists them at the moment of judgement, for cases that are made by hand."""

from __future__ import annotations

from typing import Any

from tests.lab.cases import AT
from tests.lab.kubernetes_store import BY_KIND
from tests.lab.manifests import Manifest, metadata, owner, stamp

NAMESPACE = "cases"
_VERSIONS = {kind: version for version, kind in reversed(BY_KIND) if kind != "Event" or version == "v1"}
_CLUSTER_WIDE = ("Node", "PersistentVolume", "StorageClass")
DAY = 86400.0


def ago(seconds: float) -> str:
    """A time stamp before the judgement."""
    return stamp(AT - seconds)


def item(kind: str, name: str, age: float = DAY, *, spec: Any = None, status: Any = None, **more: Any) -> Manifest:
    """An object; what is not said of its metadata is as for any other."""
    namespace = "" if kind in _CLUSTER_WIDE else NAMESPACE
    made = {"apiVersion": _VERSIONS[kind], "kind": kind, "metadata": metadata(kind, namespace, name, AT - age, **more)}
    return made | {key: value for key, value in (("spec", spec), ("status", status)) if value is not None}


def condition(kind: str, status: str, since: float = DAY, reason: str = "", message: str = "") -> Manifest:
    """A condition that changed some seconds before the judgement."""
    return {"type": kind, "status": status, "lastTransitionTime": ago(since), "reason": reason, "message": message}


def pod(name: str, number: int = 0, age: float = 3600.0, **more: Any) -> Manifest:
    """A pod of the workload of that name: running and ready, unless said otherwise."""
    ready = more.pop("ready", True)
    since = more.pop("since", age - 10.0)
    state = more.pop("state", {"running": {"startedAt": ago(min(age, float(more.pop("started", age))) - 5)}})
    controller = more.pop("controller", ("ReplicaSet", f"{name}-6d4cf56db6"))
    status = {
        "phase": more.pop("phase", "Running"),
        "conditions": [condition("Ready", str(ready), since), *more.pop("conditions", [])],
        "containerStatuses": [{"name": "app", "image": "app:1", "ready": ready, "restartCount": 0, "state": state}],
        **more.pop("status", {}),
    }
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 10}
    spec = {"nodeName": "n1", "containers": [{"name": "app", "image": "app:1", "readinessProbe": probe}]}
    full = f"{controller[1]}-7x2k{'bcdfg'[number]}" if controller[0] != "StatefulSet" else f"{name}-{number}"
    return item(
        "Pod",
        full,
        age,
        spec=spec | more.pop("spec", {}),
        status=status,
        ownerReferences=owner(controller[0], NAMESPACE, controller[1]),
        labels={"app": name},
    )


def deployment(name: str, replicas: int = 2, ready: int | None = None, **more: Any) -> list[Manifest]:
    """A Deployment with its ReplicaSet."""
    ready = replicas if ready is None else ready
    counts = {"replicas": replicas, "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": replicas}
    labels = {"metadata": {"labels": {"app": name}}}
    well = [condition("Progressing", "True", reason="NewReplicaSetAvailable")]
    status = counts | {"conditions": more.pop("conditions", well)}
    spec = {"replicas": replicas, "template": labels, "selector": {"matchLabels": {"app": name}}} | more
    return [
        item("Deployment", name, spec=spec, status=status),
        item(
            "ReplicaSet",
            f"{name}-6d4cf56db6",
            spec={"replicas": replicas},
            status=counts,
            ownerReferences=owner("Deployment", NAMESPACE, name),
        ),
    ]


def workload(name: str, **more: Any) -> list[Manifest]:
    """A Deployment with two pods that are all alike."""
    return [*deployment(name), pod(name, 0, **more), pod(name, 1, **more)]


def event(about: Manifest, reason: str, message: str, *, first: float, last: float, count: int) -> Manifest:
    """A Warning about an object, seen for the first and the last time some seconds before the judgement."""
    meta = about["metadata"]
    regarding = {"kind": about["kind"], "namespace": NAMESPACE, "name": meta["name"], "uid": meta["uid"]}
    told = {"type": "Warning", "reason": reason, "message": message, "involvedObject": regarding, "count": count}
    times = {"firstTimestamp": ago(first), "lastTimestamp": ago(last), "source": {"component": "lab"}}
    return item("Event", f"{meta['name']}.{reason.lower()}", first) | told | times


def waiting(reason: str) -> Manifest:
    """The state of a container that waits."""
    return {"waiting": {"reason": reason, "message": f"about {reason}"}}
