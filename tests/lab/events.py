"""The Kubernetes events of the simulated cluster: who said what how often.

Two recorders, as in real clusters: the classic one counts (`count`, `firstTimestamp`, `lastTimestamp`), the newer one
(scheduler) has `eventTime` and, for repetitions, `series`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.history import TERMINATING, UNREACHABLE
from tests.lab.manifests import Manifest, stamp, stamp_micro
from tests.lab.shop import identifier, keyed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.lab.faults import Fault
    from tests.lab.history import History, Pod

REPEAT = 30.0
"""Seconds between a kubelet's repetitions of a back-off event."""
LIFETIME = 3600.0
"""Seconds that the API server keeps an event."""


@dataclass(frozen=True, slots=True)
class Said:
    """One occurrence."""

    at: float
    reason: str
    message: str
    kind: str
    """Of the object it is about."""
    namespace: str
    name: str
    uid: str
    warning: bool = False
    by: str = "kubelet"
    host: str = ""
    path: str = ""


def occurrences(history: History, faults: Sequence[Fault]) -> list[Said]:
    """Everything said in the cluster, in order of time."""
    said = [each for pod in history.pods for each in _pod(pod, history.horizon)]
    said += [each for pod in history.pods for each in _lost(history, pod)]
    said += [*_nodes(history), *_controllers(history)]
    for fault in faults:
        if fault.spec.events:
            said += _storm(history, fault)
    return sorted((each for each in said if each.at <= history.horizon), key=lambda each: each.at)


def manifest(first: Said, last: Said, count: int) -> Manifest:
    """The Event object after `count` occurrences."""
    about = {"kind": first.kind, "namespace": first.namespace, "name": first.name, "uid": first.uid, "apiVersion": "v1"}
    if first.path:
        about["fieldPath"] = first.path
    place = first.namespace or "default"
    head: Manifest = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": name(first),
            "namespace": place,
            "uid": identifier("Event", place, name(first)),
            "creationTimestamp": stamp(first.at),
        },
        "involvedObject": {key: value for key, value in about.items() if value},
        "reason": first.reason,
        "message": first.message,
        "type": "Warning" if first.warning else "Normal",
        "reportingComponent": first.by,
        "reportingInstance": first.host,
    }
    if first.by == "default-scheduler":
        series = {"series": {"count": count, "lastObservedTime": stamp_micro(last.at)}} if count > 1 else {}
        return head | {
            "source": {},
            "firstTimestamp": None,
            "lastTimestamp": None,
            "eventTime": stamp_micro(first.at),
            "action": "Binding" if not first.warning else "Scheduling",
            **series,
        }
    source = {"component": first.by, **({"host": first.host} if first.host else {})}
    times = {"firstTimestamp": stamp(first.at), "lastTimestamp": stamp(last.at), "eventTime": None}
    return head | {"source": source, "count": count, **times}


def name(first: Said) -> str:
    """The Event's own name: the object's, with a hash."""
    return f"{first.name}.{keyed(first.uid, first.reason, first.message, first.at).bytes(8).hex()}"


def _pod(pod: Pod, horizon: float) -> Iterator[Said]:
    """What scheduler and kubelet say about one pod."""

    def said(at: float, reason: str, message: str, warning: bool = False, by: str = "kubelet", path: str = "") -> Said:
        host = pod.node if by == "kubelet" else ""
        return Said(at, reason, message, "Pod", pod.namespace, pod.name, pod.uid, warning, by, host, path)

    if not pod.node:
        stage, at = pod.stages[0], pod.created
        while at < min(pod.deleted, pod.created + LIFETIME):
            yield said(at, "FailedScheduling", stage.message, True, "default-scheduler")
            at += 300
        return
    yield said(
        pod.created,
        "Scheduled",
        f"Successfully assigned {pod.namespace}/{pod.name} to {pod.node}",
        by="default-scheduler",
    )
    ends = [*(stage.at for stage in pod.stages[1:]), math.inf]
    path, started = "spec.containers{app}", math.nan
    for stage, until in zip(pod.stages, ends, strict=True):
        path = "spec.initContainers{init-schema}" if stage.init else "spec.containers{app}"
        if stage.at >= pod.deleted:
            return
        if stage.state == "running" and not stage.ready and stage.started != started:
            started = stage.started
            image = f'Container image "{pod.image}" already present on machine'
            for reason, text in (("Pulled", image), ("Created", "Container created"), ("Started", "Container started")):
                yield said(stage.at, reason, text, path=path)
            if not stage.init and until - stage.at > 10 and pod.workload.kind != "CronJob":
                text = f'Readiness probe failed: Get "http://{pod.ip}:{pod.workload.port}/ready": connection refused'
                yield said(stage.at + 6, "Unhealthy", text, True, path=path)
        yield from _waiting(pod, stage.reason, stage.message, stage.at, min(until, pod.deleted, horizon), path)
    if math.isfinite(pod.deleted):
        yield said(pod.deleted - TERMINATING, "Killing", "Stopping container app", path="spec.containers{app}")


def _waiting(pod: Pod, reason: str, message: str, at: float, until: float, path: str) -> Iterator[Said]:
    """What the kubelet repeats while a container waits."""
    who = ("Pod", pod.namespace, pod.name, pod.uid)
    rest = ("kubelet", pod.node, path)
    if reason == "ErrImagePull":
        yield Said(at, "Pulling", f'Pulling image "{pod.image}"', *who, False, *rest)
        yield Said(at, "Failed", f'Failed to pull image "{pod.image}": {message}', *who, True, *rest)
        yield Said(at, "Failed", "Error: ErrImagePull", *who, True, *rest)
    container = "init-schema" if "init" in path else "app"
    texts = {
        "ImagePullBackOff": [
            ("BackOff", f'Back-off pulling image "{pod.image}"', False),
            ("Failed", "Error: ImagePullBackOff", True),
        ],
        "CrashLoopBackOff": [
            (
                "BackOff",
                f"Back-off restarting failed container {container} in pod {pod.name}_{pod.namespace}({pod.uid})",
                True,
            )
        ],
    }.get(reason, [])
    while texts and at < until:
        for word, text, warning in texts:
            yield Said(at, word, text, *who, warning, *rest)
        at += REPEAT


def _lost(history: History, pod: Pod) -> Iterator[Said]:
    for spell in history.silent(pod.node):
        at = spell.start + UNREACHABLE
        if at < spell.end and pod.exists(at):
            yield Said(
                at,
                "NodeNotReady",
                "Node is not ready",
                "Pod",
                pod.namespace,
                pod.name,
                pod.uid,
                True,
                "node-controller",
            )


SPELLS = {
    "NotReady": (("NodeNotReady", "Node {} status is now: NodeNotReady", False, "node-controller"),),
    "MemoryPressure": (
        ("NodeHasInsufficientMemory", "Node {} status is now: NodeHasInsufficientMemory", False, "kubelet"),
        ("EvictionThresholdMet", "Attempting to reclaim memory", True, "kubelet"),
    ),
    "DiskPressure": (
        ("NodeHasDiskPressure", "Node {} status is now: NodeHasDiskPressure", False, "kubelet"),
        ("FreeDiskSpaceFailed", "Failed to garbage collect required amount of images.", True, "kubelet"),
    ),
    "Cordoned": (("NodeNotSchedulable", "Node {} status is now: NodeNotSchedulable", False, "kubelet"),),
    "Drained": (("NodeNotSchedulable", "Node {} status is now: NodeNotSchedulable", False, "kubelet"),),
}
"""A node's condition to what is said when it begins."""


def _nodes(history: History) -> Iterator[Said]:
    for spell in history.spells:
        late = UNREACHABLE if spell.condition == "NotReady" else 1.0
        uid = identifier("Node", "", spell.node)
        for reason, text, warning, by in SPELLS[spell.condition]:
            if spell.start + late < spell.end:
                yield Said(
                    spell.start + late,
                    reason,
                    text.format(spell.node),
                    "Node",
                    "",
                    spell.node,
                    uid,
                    warning,
                    by,
                    spell.node,
                )
        if spell.condition == "NotReady" and spell.end < history.horizon:
            yield Said(
                spell.end, "NodeReady", f"Node {spell.node} status is now: NodeReady", "Node", "", spell.node, uid
            )


def _controllers(history: History) -> Iterator[Said]:
    for revision in history.revisions:
        workload = revision.workload
        if workload.kind == "Deployment" and revision.at >= history.start:
            uid = identifier("Deployment", workload.namespace, workload.name)
            text = f"Scaled up replica set {workload.name}-{revision.template} from 0 to 1"
            yield Said(
                revision.at,
                "ScalingReplicaSet",
                text,
                "Deployment",
                workload.namespace,
                workload.name,
                uid,
                by="deployment-controller",
            )
    for pod in history.pods:
        if pod.workload.kind == "CronJob":
            who = ("Job", pod.namespace, pod.owner)
            uid = identifier(*who)
            yield Said(pod.created, "SuccessfulCreate", f"Created pod: {pod.name}", *who, uid, by="job-controller")
            yield Said(pod.stages[-1].at, "Completed", "Job completed", *who, uid, by="job-controller")


def _storm(history: History, fault: Fault) -> Iterator[Said]:
    """Warnings about every pod of a namespace, `size` in a minute."""
    mine = [pod for pod in history.pods if pod.namespace == fault.target and pod.workload.kind != "CronJob"]
    end, number = min(fault.end, history.horizon), 0
    at = fault.start
    while at < end and mine:
        pod = mine[number % len(mine)]
        if pod.exists(at):
            text = f"Readiness probe failed: HTTP probe failed with statuscode: {500 + number % 4}"
            yield Said(
                at,
                fault.spec.events,
                text,
                "Pod",
                pod.namespace,
                pod.name,
                pod.uid,
                True,
                "kubelet",
                pod.node,
                "spec.containers{app}",
            )
        number += 1
        at += 60.0 / fault.amount
