"""Kubernetes objects as the API server writes them, from the simulation's history at one moment: plain dicts.

Shapes follow recorded answers of Kubernetes 1.36, cut down to what controllers and consoles look at.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.lab.history import TERMINATING, UNREACHABLE, Pod, Revision
from tests.lab.shop import identifier, keyed

if TYPE_CHECKING:
    from tests.lab.history import History
    from tests.lab.lives import Exit, Stage
    from tests.lab.shop import Workload

Manifest = dict[str, Any]

SERVING = ("Deployment", "StatefulSet")
"""Kinds that get a Service."""


def stamp(at: float) -> str:
    """RFC 3339 in whole seconds."""
    return datetime.fromtimestamp(math.floor(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_micro(at: float) -> str:
    """RFC 3339 in microseconds, as the newer event recorder writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def metadata(kind: str, namespace: str, name: str, created: float, **more: Any) -> Manifest:
    """The identity of an object; cluster-wide ones have no namespace."""
    place = {"namespace": namespace} if namespace else {}
    return {
        "name": name,
        **place,
        "uid": identifier(kind, namespace, name),
        "creationTimestamp": stamp(created),
        **more,
    }


def owner(kind: str, namespace: str, name: str) -> list[Manifest]:
    """The controlling owner."""
    group = {"Job": "batch/v1", "CronJob": "batch/v1", "Service": "v1"}.get(kind, "apps/v1")
    uid = identifier(kind, namespace, name)
    return [
        {"apiVersion": group, "kind": kind, "name": name, "uid": uid, "controller": True, "blockOwnerDeletion": True}
    ]


def labels(workload: Workload) -> dict[str, str]:
    """What selects a workload's pods."""
    return {"app.kubernetes.io/name": workload.name, "app.kubernetes.io/part-of": "shop"}


def condition(kind: str, good: bool, since: float, reason: str = "", message: str = "") -> Manifest:
    """A condition of a pod or workload."""
    text = {key: value for key, value in (("reason", reason), ("message", message)) if value}
    return {"type": kind, "status": "True" if good else "False", "lastTransitionTime": stamp(since), **text}


def template(workload: Workload, version: str, initial: bool = False) -> Manifest:
    """A pod template: without defaults that nothing looks at."""
    memory = {"memory": f"{workload.memory}Mi"}
    probe = {
        "httpGet": {"path": "/ready", "port": workload.port, "scheme": "HTTP"},
        "periodSeconds": 5,
        "failureThreshold": 3,
    }
    container: Manifest = {
        "name": "app",
        "image": f"{workload.image}:{version}",
        "resources": {"requests": {"cpu": f"{workload.cpu}m", **memory}, "limits": memory},
        "imagePullPolicy": "IfNotPresent",
    }
    if workload.kind in SERVING:
        container |= {
            "ports": [{"name": "http", "containerPort": workload.port, "protocol": "TCP"}],
            "readinessProbe": probe,
        }
    spec: Manifest = {"containers": [container], "restartPolicy": "Never" if workload.kind == "CronJob" else "Always"}
    if initial:
        spec["initContainers"] = [
            {"name": "init-schema", "image": container["image"], "resources": container["resources"]}
        ]
    return {"metadata": {"labels": labels(workload)}, "spec": spec}


def pod(history: History, pod: Pod, at: float) -> Manifest:
    """A pod at one moment of its life."""
    stage = pod.stage(at)
    kind = {"Deployment": "ReplicaSet", "CronJob": "Job"}.get(pod.workload.kind, pod.workload.kind)
    marks = {"pod-template-hash": pod.template} if pod.template else {}
    if kind == "Job":
        marks = {"batch.kubernetes.io/job-name": pod.owner, "job-name": pod.owner}
    who = metadata("Pod", pod.namespace, pod.name, pod.created, labels=labels(pod.workload) | marks)
    who |= {"uid": pod.uid, "ownerReferences": owner(kind, pod.namespace, pod.owner)}
    if at >= pod.deleted - TERMINATING:
        who |= {"deletionTimestamp": stamp(pod.deleted + 25), "deletionGracePeriodSeconds": 30}
    spec = template(pod.workload, pod.version, any(stage.init for stage in pod.stages))["spec"]
    spec |= {"schedulerName": "default-scheduler", "serviceAccountName": "default"}
    if pod.node:
        spec["nodeName"] = pod.node
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": who,
        "spec": spec,
        "status": _status(history, pod, stage, at),
    }


def _status(history: History, pod: Pod, stage: Stage, at: float) -> Manifest:
    if not stage.scheduled:
        why = condition("PodScheduled", False, pod.created, stage.reason, stage.message)
        return {"phase": "Pending", "conditions": [why], "qosClass": "Burstable"}
    lost = next((spell for spell in history.silent(pod.node) if spell.start + UNREACHABLE <= at < spell.end), None)
    since = _ready_since(pod, at)
    ready, reason, text = stage.ready, "", ""
    if not ready:
        reason, text = "ContainersNotReady", "containers with unready status: [app]"
    if stage.phase == "Succeeded":
        ready, reason, text = False, "PodCompleted", ""
    if lost:
        ready, since, reason, text = False, lost.start + UNREACHABLE, "NodeNotReady", "Node is not ready"
    conditions = [
        condition("Initialized", not stage.init, pod.created),
        condition("Ready", ready, since, reason, text),
        condition("ContainersReady", stage.ready, since, *(() if stage.ready else (reason, text))),
        condition("PodScheduled", True, pod.created),
    ]
    status: Manifest = {
        "phase": stage.phase,
        "conditions": conditions,
        "hostIP": history.shop.address(pod.node),
        "podIP": pod.ip,
        "podIPs": [{"ip": pod.ip}],
        "startTime": stamp(pod.created),
        "containerStatuses": [_container(pod, "app", stage)],
        "qosClass": "Burstable",
    }
    if any(each.init for each in pod.stages):
        status["initContainerStatuses"] = [_container(pod, "init-schema", stage, initial=True)]
    return status


def _ready_since(pod: Pod, at: float) -> float:
    """When the container's readiness last changed."""
    since, ready = pod.created, False
    for stage in pod.stages:
        if stage.at <= at and stage.ready != ready:
            since, ready = stage.at, stage.ready
    return since


def _container(pod: Pod, name: str, stage: Stage, *, initial: bool = False) -> Manifest:
    """One container's status; while the init container is at work, the main one waits for it."""
    mine = stage.init == initial
    state: Manifest = {"waiting": {"reason": "PodInitializing"}}
    if initial and not mine:
        state = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": stamp(pod.created)}}
    if mine and stage.state == "waiting":
        state = {"waiting": {"reason": stage.reason, **({"message": stage.message} if stage.message else {})}}
    if mine and stage.state == "running":
        state = {"running": {"startedAt": stamp(stage.started)}}
    if mine and stage.state == "terminated" and stage.last:
        state = {"terminated": _terminated(pod, stage.last)}
    before = stage.last if mine and stage.state != "terminated" else None
    return {
        "name": name,
        "image": pod.image,
        "imageID": "",
        "ready": mine and stage.ready,
        "started": mine and stage.ready,
        "restartCount": stage.restarts if mine else 0,
        "state": state,
        "lastState": {"terminated": _terminated(pod, before)} if before else {},
    }


def _terminated(pod: Pod, last: Exit) -> Manifest:
    return {
        "exitCode": last.code,
        "reason": last.reason,
        "startedAt": stamp(last.started),
        "finishedAt": stamp(last.finished),
        "containerID": f"containerd://{keyed(pod.uid, last.finished).bytes(32).hex()}",
    }


def workload(history: History, workload: Workload, at: float) -> Manifest:
    """A Deployment, StatefulSet or DaemonSet with its status."""
    revisions = [each for each in history.revisions if each.workload is workload and each.at <= at]
    current, first = revisions[-1], revisions[0]
    mine = [each for each in history.of(workload.key) if each.exists(at)]
    ready = sum(is_ready(history, each, at) for each in mine)
    updated = sum(each.version == current.version for each in mine)
    desired = history.replicas(workload.key, at)
    notes = {"deployment.kubernetes.io/revision": str(current.number)} if workload.kind == "Deployment" else {}
    notes |= dict(workload.annotations)
    who = metadata(
        workload.kind, workload.namespace, workload.name, first.at, labels=labels(workload), annotations=notes
    )
    steps = sum(since <= at for since, _ in history.desired[workload.key][1:])
    who["generation"] = len(revisions) + steps
    spec: Manifest = {"selector": {"matchLabels": {"app.kubernetes.io/name": workload.name}}}
    spec["template"] = template(workload, current.version)
    status: Manifest = {"observedGeneration": who["generation"]}
    if workload.kind == "DaemonSet":
        status |= {
            "desiredNumberScheduled": desired,
            "currentNumberScheduled": desired,
            "numberReady": ready,
            "numberAvailable": ready,
            "updatedNumberScheduled": updated,
            "numberMisscheduled": 0,
        }
    else:
        spec["replicas"] = desired
        status |= {
            "replicas": len(mine),
            "updatedReplicas": updated,
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
    if workload.kind == "Deployment":
        spec |= {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10}
        spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
        status["unavailableReplicas"] = max(0, max(desired, len(mine)) - ready)
        status["conditions"] = _rollout_conditions(current, len(mine), desired, ready, updated, at)
    return {"apiVersion": "apps/v1", "kind": workload.kind, "metadata": who, "spec": spec, "status": status}


def _rollout_conditions(
    current: Revision, replicas: int, desired: int, ready: int, updated: int, at: float
) -> list[Manifest]:
    rs = f'ReplicaSet "{current.workload.name}-{current.template}"'
    done = updated >= desired and ready >= desired
    # What is merely scaled has no pods of another revision left.
    stuck = not done and at - current.at > 600 and updated < min(desired, replicas)
    reason, text = "ReplicaSetUpdated", f"{rs} is progressing."
    if done:
        reason, text = "NewReplicaSetAvailable", f"{rs} has successfully progressed."
    if stuck:
        reason, text = "ProgressDeadlineExceeded", f"{rs} has timed out progressing."
    enough = ready >= math.ceil(0.75 * desired)
    why = ("MinimumReplicasAvailable", "Deployment has minimum availability.")
    if not enough:
        why = ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    progressing = condition("Progressing", not stuck, current.at, reason, text)
    return [condition("Available", enough, current.at, *why), progressing | {"lastUpdateTime": stamp(current.at)}]


def replica_set(history: History, revision: Revision, at: float) -> Manifest:
    """The ReplicaSet of a revision; a rollback has reused it, so its number may be newer."""
    workload = revision.workload
    same = [
        each
        for each in history.revisions
        if each.workload is workload and each.at <= at and each.version == revision.version
    ]
    mine = [each for each in history.of(workload.key) if each.exists(at) and each.template == revision.template]
    ready = sum(is_ready(history, each, at) for each in mine)
    marks = labels(workload) | {"pod-template-hash": revision.template}
    notes = {"deployment.kubernetes.io/revision": str(same[-1].number)}
    name = f"{workload.name}-{revision.template}"
    who = metadata("ReplicaSet", workload.namespace, name, same[0].at, labels=marks, annotations=notes)
    who["ownerReferences"] = owner("Deployment", workload.namespace, workload.name)
    selector = {"matchLabels": {"app.kubernetes.io/name": workload.name, "pod-template-hash": revision.template}}
    spec = {"replicas": len(mine), "selector": selector, "template": template(workload, revision.version)}
    status = {"replicas": len(mine), "readyReplicas": ready, "availableReplicas": ready, "observedGeneration": 1}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": who, "spec": spec, "status": status}


def job(pod: Pod, at: float) -> Manifest:
    """The Job that a CronJob's pod belongs to."""
    done = pod.stages[-1].at
    who = metadata("Job", pod.namespace, pod.owner, pod.created, labels=labels(pod.workload))
    who["ownerReferences"] = owner("CronJob", pod.namespace, pod.workload.name)
    status: Manifest = {"startTime": stamp(pod.created), "active": 1, "ready": 1}
    if at >= done:
        complete = condition("Complete", True, done, "CompletionsReached", "Reached expected number of succeeded pods")
        status = {
            "startTime": stamp(pod.created),
            "completionTime": stamp(done),
            "succeeded": 1,
            "conditions": [complete],
        }
    spec = {"parallelism": 1, "completions": 1, "backoffLimit": 2, "template": template(pod.workload, pod.version)}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": who, "spec": spec, "status": status}


def cron_job(history: History, workload: Workload, at: float) -> Manifest:
    """A CronJob with its last run."""
    runs = [each for each in history.of(workload.key) if each.created <= at]
    who = metadata("CronJob", workload.namespace, workload.name, history.start - 30 * 86400, labels=labels(workload))
    minutes = int(workload.every // 60)
    schedule = f"*/{minutes} * * * *" if minutes < 60 else f"0 */{minutes // 60} * * *"
    spec = {"schedule": schedule, "concurrencyPolicy": "Forbid", "suspend": False, "successfulJobsHistoryLimit": 3}
    spec["jobTemplate"] = {"spec": {"backoffLimit": 2, "template": template(workload, workload.version)}}
    status = {"lastScheduleTime": stamp(runs[-1].created)} if runs else {}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": who, "spec": spec, "status": status}


def service(history: History, workload: Workload) -> Manifest:
    """The Service of the same name."""
    who = metadata("Service", workload.namespace, workload.name, history.start - 30 * 86400, labels=labels(workload))
    number = keyed("cluster-ip", workload.key).integers(2, 250, 2)
    spec = {
        "type": "ClusterIP",
        "clusterIP": f"10.96.{number[0]}.{number[1]}",
        "selector": {"app.kubernetes.io/name": workload.name},
        "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": workload.port}],
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": who, "spec": spec, "status": {"loadBalancer": {}}}


def endpoint_slice(history: History, workload: Workload, at: float) -> Manifest:
    """Who is behind the Service right now."""
    name = f"{workload.name}-endpoints"
    marks = {"kubernetes.io/service-name": workload.name, **labels(workload)}
    who = metadata("EndpointSlice", workload.namespace, name, history.start - 30 * 86400, labels=marks)
    who["ownerReferences"] = owner("Service", workload.namespace, workload.name)
    endpoints = []
    for each in history.of(workload.key):
        if each.exists(at) and each.ip:
            ready = is_ready(history, each, at)
            target = {"kind": "Pod", "namespace": each.namespace, "name": each.name, "uid": each.uid}
            state = {"ready": ready, "serving": ready, "terminating": at >= each.deleted - TERMINATING}
            endpoints.append({"addresses": [each.ip], "conditions": state, "targetRef": target, "nodeName": each.node})
    ports = [{"name": "http", "protocol": "TCP", "port": workload.port}]
    head: Manifest = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": who}
    return head | {"addressType": "IPv4", "endpoints": endpoints, "ports": ports}


def is_ready(history: History, pod: Pod, at: float) -> bool:
    """Whether the control plane counts the pod as ready."""
    lost = any(spell.start + UNREACHABLE <= at < spell.end for spell in history.silent(pod.node))
    return pod.stage(at).ready and not lost and at < pod.deleted - TERMINATING and pod.stage(at).phase == "Running"
