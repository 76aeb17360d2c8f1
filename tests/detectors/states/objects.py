"""Kubernetes objects for state detectors: recorded ones, and a small cluster to break in one place at a time."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from detectors.catalog import load
from detectors.cluster import Access, AccessStatus, ClusterState
from detectors.objects import (
    CronJob,
    DaemonSet,
    Deployment,
    EndpointSlice,
    HorizontalPodAutoscaler,
    Job,
    Namespace,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    RawEvent,
    ReplicaSet,
    ResourceQuota,
    Service,
    StatefulSet,
    StorageClass,
    decode,
    unix,
)
from detectors.states import STATE_DETECTORS, StateResult

FIXTURES = Path(__file__).parents[2] / "fixtures" / "kubernetes"
NOW = 1_763_475_600.0
KINDS = {
    "pods": Pod,
    "nodes": Node,
    "namespaces": Namespace,
    "deployments": Deployment,
    "replicasets": ReplicaSet,
    "statefulsets": StatefulSet,
    "daemonsets": DaemonSet,
    "jobs": Job,
    "cronjobs": CronJob,
    "events": RawEvent,
    "services": Service,
    "endpointslices": EndpointSlice,
    "persistentvolumeclaims": PersistentVolumeClaim,
    "persistentvolumes": PersistentVolume,
    "storageclasses": StorageClass,
    "horizontalpodautoscalers": HorizontalPodAutoscaler,
    "resourcequotas": ResourceQuota,
}
NAMESPACED = {
    "services": "services",
    "endpointslices": "endpoint_slices",
    "persistentvolumeclaims": "claims",
    "horizontalpodautoscalers": "autoscalers",
    "resourcequotas": "quotas",
}
"""Resource to the field of the state that holds it by namespace and name."""
LISTED = {name: Access(AccessStatus.LISTED) for name in (*KINDS, "/readyz")}
CATALOGUE = load()


def at(seconds_ago: float) -> str:
    return datetime.fromtimestamp(NOW - seconds_ago, UTC).isoformat().replace("+00:00", "Z")


def judge(row: str, state: ClusterState, now: float | None = None) -> StateResult:
    return STATE_DETECTORS[row](state, CATALOGUE.row(row), state.at if now is None else now)


def found(row: str, state: ClusterState) -> list[str]:
    return [observation.entity.title for observation in judge(row, state).observations]


def cluster(objects: list[tuple[str, dict[str, Any]]], **more: Any) -> ClusterState:
    """A state at NOW, or at the newest time that the objects mention when `at` is None."""
    items = {name: [] for name in KINDS}
    for name, raw in objects:
        items[name].append(decode(KINDS[name], json.dumps(raw).encode()))
    events = tuple(event.normalised() for event in items["events"])
    workloads = {
        (each.kind, each.namespace, each.name): each
        for name in ("deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs")
        for each in items[name]
    }
    now = more.pop("at", NOW)
    if now is None:
        conditions = [
            unix(c.last_heartbeat_time) or c.since or 0
            for each in items["pods"] + items["nodes"]
            for c in each.status.conditions
        ]
        now = max([event.last_seen for event in events] + conditions)
    return ClusterState(
        more.pop("cluster", "lab"),
        now,
        pods={pod.metadata.uid: pod for pod in items["pods"]},
        nodes={node.name: node for node in items["nodes"]},
        namespaces={each.name: each for each in items["namespaces"]},
        workloads=workloads,
        volumes={each.name: each for each in items["persistentvolumes"]},
        storage_classes={each.name: each for each in items["storageclasses"]},
        events=more.pop("events", events),
        access=more.pop("access", LISTED),
        **{field: {(each.namespace, each.name): each for each in items[name]} for name, field in NAMESPACED.items()},
        **more,
    )


def recorded(scenario: str) -> ClusterState:
    objects = []
    for name in KINDS:
        for file in (FIXTURES / scenario).glob(f"{name}.json*"):
            raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            objects += [(name, item) for item in json.loads(raw)["items"]]
    return cluster(objects, at=None)


def deployment(name="web", namespace="prod", replicas=2, **status: Any) -> tuple[str, dict[str, Any]]:
    meta = {"name": name, "namespace": namespace, "uid": f"d-{name}", "creationTimestamp": at(86400)}
    return "deployments", {"metadata": meta, "spec": {"replicas": replicas}, "status": status}


def replica_set(revision="aaaa", owner="web", namespace="prod", age=86400.0) -> tuple[str, dict[str, Any]]:
    reference = {"kind": "Deployment", "name": owner, "uid": "d", "controller": True}
    name = f"{owner}-{revision}"
    meta = {
        "name": name,
        "namespace": namespace,
        "uid": name,
        "creationTimestamp": at(age),
        "ownerReferences": [reference],
        "labels": {"pod-template-hash": revision},
    }
    meta["annotations"] = {"deployment.kubernetes.io/revision": str(int(1e6 - age))}
    return "replicasets", {"metadata": meta, "spec": {"replicas": 1}}


def pod(
    number=0, *containers: dict[str, Any], owner="web", revision="aaaa", namespace="prod", age=3600.0, **more: Any
) -> tuple[str, dict[str, Any]]:
    name = f"{owner}-{revision}-{number}"
    controller = more.pop("controller", ("ReplicaSet", f"{owner}-{revision}"))
    reference = {"kind": controller[0], "name": controller[1], "uid": "r", "controller": True}
    meta = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name}",
        "creationTimestamp": at(age),
        "labels": {"pod-template-hash": revision},
        "ownerReferences": [reference],
        **more.pop("metadata", {}),
    }
    ready = more.pop("ready", False)
    status = {
        "phase": more.pop("phase", "Running"),
        "containerStatuses": list(containers),
        "initContainerStatuses": more.pop("init", []),
        "conditions": [{"type": "Ready", "status": str(ready)}, *more.pop("conditions", [])],
        **more.pop("status", {}),
    }
    return "pods", {"metadata": meta, "spec": {"nodeName": more.pop("node", "n1"), **more}, "status": status}


def healthy(number=0, **more: Any) -> tuple[str, dict[str, Any]]:
    return pod(number, {"name": "app", "state": {"running": {"startedAt": at(3000)}}}, ready=True, **more)


def ended(ago: float, reason="Error", code=1, ran=5.0) -> dict[str, Any]:
    return {"terminated": {"reason": reason, "exitCode": code, "startedAt": at(ago + ran), "finishedAt": at(ago)}}


def waiting(reason: str, restarts=0, last: dict[str, Any] | None = None, name="app") -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": f"about {reason}"}}
    return {"name": name, "image": "registry/x:1", "restartCount": restarts, "state": state, "lastState": last or {}}


def node(name="n1", ready="True", ago=600.0, age=86400.0, taints=(), **more: Any) -> tuple[str, dict[str, Any]]:
    conditions = [{"type": "Ready", "status": ready, "lastTransitionTime": at(ago), "lastHeartbeatTime": at(ago)}]
    conditions += [
        {"type": kind, "status": status, "lastTransitionTime": at(ago)}
        for kind, status in more.pop("pressures", {}).items()
    ]
    spec = {"taints": [{"key": key} for key in taints], "unschedulable": more.pop("cordoned", False)}
    meta = {"name": name, "uid": name, "creationTimestamp": at(age), **more}
    return "nodes", {"metadata": meta, "spec": spec, "status": {"conditions": conditions}}


def event(
    reason: str, about: dict[str, Any], first: float, last: float | None = None, count=1
) -> tuple[str, dict[str, Any]]:
    key = f"{reason}-{about['uid']}-{first}"
    return "events", {
        "metadata": {"name": key, "namespace": "prod", "uid": key},
        "type": "Warning",
        "reason": reason,
        "message": f"{reason} happened",
        "involvedObject": {"kind": "Pod", "namespace": "prod", **about},
        "firstTimestamp": at(first),
        "lastTimestamp": at(first if last is None else last),
        "count": count,
    }
