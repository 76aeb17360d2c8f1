"""What Kubernetes objects look like in trouble, in what only looks like it, and when all is well, row by row.

Each plight is a workload, claim, node or service of its own, as the API server would list it when the case is judged.
Rows whose trouble shows only to whoever has watched for a while are told by the simulated shop (`tests.lab.cases`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.lab.listed import (
    DAY,
    ago,
    condition,
    deployment,
    event,
    item,
    pod,
    waiting,
    workload,
)
from tests.lab.manifests import Manifest

if TYPE_CHECKING:
    from tests.lab.labelling import Subject

Builder = Callable[[str], Iterable[Manifest]]


class Plight(NamedTuple):
    """One case of a row that objects answer."""

    row: str
    name: str
    kind: str
    """`fault`, `lookalike` or `quiet`."""
    build: Builder

    @property
    def id(self) -> str:
        """`row/kubernetes-api/name`."""
        return f"{self.row}/kubernetes-api/{self.name}"

    @property
    def subject(self) -> str:
        """The name of the object that it happens to."""
        return f"{self.name}-{self.row}"

    def manifests(self) -> list[Manifest]:
        """Every object of the case."""
        return list(self.build(self.subject))


def _pending(name: str, age: float, scheduled: Manifest, **more: Any) -> list[Manifest]:
    unplaced = {"phase": "Pending", "ready": False, "conditions": [scheduled], "status": {"containerStatuses": []}}
    spec = {"nodeName": "", **more}
    return [*deployment(name, 3, 0), *(pod(name, number, age, spec=spec, **unplaced) for number in range(3))]


def _unschedulable(name: str, age: float = 900.0, **more: Any) -> list[Manifest]:
    message = "0/3 nodes are available: 3 Insufficient memory."
    return _pending(name, age, condition("PodScheduled", "False", age, "Unschedulable", message), **more)


def _gated(name: str) -> list[Manifest]:
    gates = {"schedulingGates": [{"name": "example.com/quota"}]}
    return _pending(name, 900.0, condition("PodScheduled", "False", 900.0, "SchedulingGated"), **gates)


def _not_scheduled(name: str, age: float = 900.0) -> list[Manifest]:
    made = _unschedulable(name, age)
    pods = [each for each in made if each["kind"] == "Pod"]
    message = "0/3 nodes are available: 3 Insufficient memory."
    return made + [event(p, "FailedScheduling", message, first=age, last=min(age, 30.0), count=4) for p in pods]


def _told(name: str, reason: str, message: str, times: tuple[float, float, int], **more: Any) -> list[Manifest]:
    """A workload with an event about each of its pods: first and last seconds ago, and how often."""
    made, (first, last, count) = workload(name, **more), times
    pods = [each for each in made if each["kind"] == "Pod"]
    return made + [event(each, reason, message, first=first, last=last, count=count) for each in pods]


def _unhealthy(name: str, *, age: float = 3600.0, ready: bool = False, last: float = 10.0) -> list[Manifest]:
    message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    first = min(age, 280.0) + last
    more = {"age": age, "ready": ready, "since": min(age, 280.0)}
    return _told(name, "Unhealthy", message, (first, last, 26), **more)


def _mounting(name: str, *, ready: bool = False, last: float = 30.0) -> list[Manifest]:
    message = 'MountVolume.SetUp failed for volume "cfg": configmap "cfg" not found'
    more = {} if ready else {"ready": False, "phase": "Pending", "state": waiting("ContainerCreating")}
    return _told(name, "FailedMount", message, (last + 400.0, last, 8), age=last + 500.0, **more)


def _evicted(name: str, when: float) -> list[Manifest]:
    ended = {"terminated": {"exitCode": 137, "reason": "Error", "startedAt": ago(when + 3600), "finishedAt": ago(when)}}
    more: dict[str, Any] = {"phase": "Failed", "ready": False, "since": when, "state": ended}
    more["spec"] = {"nodeName": name}
    status = {"reason": "Evicted", "message": "The node was low on resource: memory."}
    workloads = (f"victim-{number}-{name}" for number in range(2))
    evicted = [pod(each, age=when + 3600, status=status, **more) for each in workloads]
    return [*_node(name), *evicted]


def _node(name: str) -> list[Manifest]:
    return [item("Node", name, spec={}, status={"conditions": [condition("Ready", "True")]})]


def _claim(name: str, phase: str, *, used: bool, age: float = 1800.0, **more: Any) -> list[Manifest]:
    spec = {"storageClassName": more.pop("storage", "fast"), "resources": {"requests": {"storage": "1Gi"}}}
    status = {"phase": phase, "conditions": more.pop("conditions", [])}
    made = [item("PersistentVolumeClaim", name, age, spec=spec, status=status, **more)]
    if used:
        volumes = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]}
        made += [*deployment(f"user-{name}", 1), pod(f"user-{name}", spec=volumes)]
    return made


def _deleted(name: str, when: float, *, used: bool) -> list[Manifest]:
    leaving = {"deletionTimestamp": ago(when), "finalizers": ["kubernetes.io/pvc-protection"]}
    return _claim(name, "Bound", used=used, age=DAY, **leaving)


def _late_binding(name: str) -> list[Manifest]:
    storage = item("StorageClass", f"late-{name}") | {
        "provisioner": "example.com/disk",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    return [storage, *_claim(name, "Pending", used=False, storage=f"late-{name}")]


def _resizing(name: str) -> list[Manifest]:
    return _claim(name, "Bound", used=True, age=DAY, conditions=[condition("Resizing", "True", 120.0)])


def _unready(name: str, *, started: float = 3000.0, since: float = 600.0) -> list[Manifest]:
    return workload(name, ready=False, since=since, started=started)


def _job(name: str, *conditions: Manifest, failed: int = 0, **spec: Any) -> list[Manifest]:
    status = {"failed": failed, "conditions": [*conditions]}
    return [item("Job", name, 3600.0, spec={"backoffLimit": 3, **spec}, status=status)]


def _rollout(name: str, reason: str = "ProgressDeadlineExceeded", **more: Any) -> list[Manifest]:
    status = "False" if reason == "ProgressDeadlineExceeded" else "True"
    return [*deployment(name, 2, 1, conditions=[condition("Progressing", status, 300.0, reason)], **more), pod(name)]


def _stateful(name: str, *, since: float, ready: int = 2) -> list[Manifest]:
    controller = ("StatefulSet", name)
    counts = {"replicas": 3, "readyReplicas": ready, "currentReplicas": 3, "updatedReplicas": 3}
    spec = {"replicas": 3, "template": {"metadata": {"labels": {"app": name}}}}
    pods = [pod(name, number, controller=controller, ready=number < ready, since=since) for number in range(3)]
    return [item("StatefulSet", name, spec=spec, status=counts), *pods]


def _refused(name: str, *, lacking: bool) -> list[Manifest]:
    made = [*deployment(name, 3, 2 if lacking else 3), *(pod(name, n) for n in range(2 if lacking else 3))]
    message = f'Error creating: pods "{name}-x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=9'
    return [*made, event(made[1], "FailedCreate", message, first=600.0, last=20.0, count=6)]


def _autoscaler(name: str, *, current: int, load: int, least: int = 2) -> list[Manifest]:
    target = {"kind": "Deployment", "name": name, "apiVersion": "apps/v1"}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    now = {"averageUtilization": load, "averageValue": "1"}
    seen = {"type": "Resource", "resource": {"name": "cpu", "current": now}}
    why = "TooManyReplicas" if current >= 4 else "DesiredWithinRange"
    limited = condition("ScalingLimited", str(current >= 4), 1200.0, why)
    spec = {"minReplicas": least, "maxReplicas": 4, "scaleTargetRef": target, "metrics": [cpu]}
    status = {"currentReplicas": current, "desiredReplicas": current, "currentMetrics": [seen], "conditions": [limited]}
    return [*workload(name), item("HorizontalPodAutoscaler", name, spec=spec, status=status)]


def _service(
    name: str, selected: str, *, address: str = "10.96.7.7", age: float = 3600.0, pods: int = 2, **more: Any
) -> list[Manifest]:
    spec = {"clusterIP": address, "selector": {"app": selected}, "ports": [{"port": 80}], "type": "ClusterIP"}
    made = (pod(name, number, **more) for number in range(pods))
    return [item("Service", name, age, spec=spec), *deployment(name, pods), *made]


def _served(name: str) -> list[Manifest]:
    endpoints = [{"addresses": ["10.0.0.9"], "conditions": {"ready": True}}]
    made = item("EndpointSlice", f"{name}-abcde", labels={"kubernetes.io/service-name": name})
    return [*_service(name, name), made | {"addressType": "IPv4", "endpoints": endpoints, "ports": [{"port": 8080}]}]


def _config_error(age: float) -> Builder:
    state = waiting("CreateContainerConfigError")
    return lambda name: workload(name, age=age, ready=False, phase="Pending", state=state)


_FAILED = condition("Failed", "True", 300.0, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
_COMPLETE = condition("Complete", "True", 300.0)
_BACK_OFF = "Back-off restarting failed container app"

PLIGHTS = tuple(
    Plight(row, name, kind, build)
    for row, group in {
        "container-config-error": (
            ("broken", "fault", _config_error(400.0)),
            ("secret-comes-late", "lookalike", _config_error(20.0)),
            ("quiet", "quiet", workload),
        ),
        "pod-readiness-failing": (
            ("unready", "fault", _unready),
            ("starting", "lookalike", lambda name: _unready(name, started=60.0, since=60.0)),
            ("quiet", "quiet", workload),
        ),
        "probe-failure-spike": (
            ("failing", "fault", _unhealthy),
            ("starting", "lookalike", lambda name: _unhealthy(name, age=90.0)),
            ("over", "lookalike", lambda name: _unhealthy(name, ready=True, last=1500.0)),
            ("quiet", "quiet", workload),
        ),
        "pod-unschedulable-spike": (
            ("no-room", "fault", _unschedulable),
            ("just-now", "lookalike", lambda name: _unschedulable(name, 30.0)),
            ("gated", "lookalike", _gated),
            ("quiet", "quiet", workload),
        ),
        "node-pressure-eviction-spike": (
            ("evicted", "fault", lambda name: _evicted(name, 120.0)),
            ("left-behind", "lookalike", lambda name: _evicted(name, DAY)),
            ("quiet", "quiet", _node),
        ),
        "events-failedscheduling": (
            ("no-room", "fault", _not_scheduled),
            ("just-now", "lookalike", lambda name: _not_scheduled(name, 30.0)),
            ("quiet", "quiet", workload),
        ),
        "events-backoff": (
            ("failing", "fault", lambda name: _told(name, "BackOff", _BACK_OFF, (280.0, 5.0, 12))),
            ("over", "lookalike", lambda name: _told(name, "BackOff", _BACK_OFF, (2400.0, 1800.0, 12))),
            ("quiet", "quiet", workload),
        ),
        "events-failedmount": (
            ("missing", "fault", _mounting),
            ("mounted", "lookalike", lambda name: _mounting(name, ready=True)),
            ("quiet", "quiet", workload),
        ),
        "pvc-creation-failure": (
            ("unbound", "fault", lambda name: _claim(name, "Pending", used=True)),
            ("first-consumer", "lookalike", _late_binding),
            ("quiet", "quiet", lambda name: _claim(name, "Bound", used=True)),
        ),
        "pvc-deletion-failure": (
            ("stuck", "fault", lambda name: _deleted(name, 3600.0, used=False)),
            ("protected", "lookalike", lambda name: _deleted(name, 3600.0, used=True)),
            ("quiet", "quiet", lambda name: _claim(name, "Bound", used=True)),
        ),
        "pvc-unhealthy": (
            ("lost", "fault", lambda name: _claim(name, "Lost", used=True)),
            ("resizing", "lookalike", _resizing),
            ("quiet", "quiet", lambda name: _claim(name, "Bound", used=True)),
        ),
        "job-failed": (
            ("gave-up", "fault", lambda name: _job(name, _FAILED, failed=4)),
            ("completed", "lookalike", lambda name: _job(name, _COMPLETE, failed=2)),
            ("suspended", "lookalike", lambda name: _job(name, condition("Suspended", "True"), suspend=True)),
            ("quiet", "quiet", lambda name: _job(name, _COMPLETE)),
        ),
        "rollout-stuck": (
            ("stuck", "fault", _rollout),
            ("paused", "lookalike", lambda name: _rollout(name, paused=True)),
            ("slow", "lookalike", lambda name: _rollout(name, "ReplicaSetUpdated")),
            ("quiet", "quiet", workload),
        ),
        "statefulset-degraded": (
            ("degraded", "fault", lambda name: _stateful(name, since=600.0)),
            ("restarting", "lookalike", lambda name: _stateful(name, since=40.0)),
            ("quiet", "quiet", lambda name: _stateful(name, since=3000.0, ready=3)),
        ),
        "quota-exceeded": (
            ("refused", "fault", lambda name: _refused(name, lacking=True)),
            ("surge-refused", "lookalike", lambda name: _refused(name, lacking=False)),
            ("quiet", "quiet", workload),
        ),
        "hpa-at-maximum": (
            ("overloaded", "fault", lambda name: _autoscaler(name, current=4, load=150)),
            ("at-target", "lookalike", lambda name: _autoscaler(name, current=4, load=80)),
            ("pinned", "lookalike", lambda name: _autoscaler(name, current=4, load=150, least=4)),
            ("quiet", "quiet", lambda name: _autoscaler(name, current=2, load=40)),
        ),
        "service-no-endpoints": (
            ("selects-nothing", "fault", lambda name: _service(name, "nobody")),
            ("headless", "lookalike", lambda name: _service(name, "nobody", address="None")),
            ("just-made", "lookalike", lambda name: _service(name, "nobody", age=20.0)),
            ("quiet", "quiet", _served),
        ),
    }.items()
    for name, kind, build in group
)
"""Every case that objects alone tell, at one moment."""


def behind(subject: Subject, *, by_service: bool = False) -> list[Manifest]:
    """The healthy workload, Service and node that telemetry may mean by a subject's names and address.

    Args:
        subject: of a case.
        by_service: telemetry names its Service, which is called otherwise than the workload.
    """
    name = subject.name
    if by_service:
        application = f"{name}-app"
        spec = {"clusterIP": "10.96.7.7", "selector": {"app": application}, "ports": [{"port": 80}]}
        return [item("Service", name, spec=spec), *deployment(application, 1), pod(application)]
    node = item("Node", name, spec={}, status={"conditions": [condition("Ready", "True")]})
    node["status"]["addresses"] = [{"type": "InternalIP", "address": subject.ip}]
    return [*_service(name, name, pods=1, status={"podIP": subject.ip}), node]


class Health(NamedTuple):
    """What the API server answers to `/readyz?verbose`."""

    kind: str
    """`fault`, `lookalike` or `quiet`."""
    status: int
    body: str
    answers: int = 3
    """How many of them are seen."""


_WELL = "[+]ping ok\n[+]etcd ok\nreadyz check passed\n"
_UNWELL = "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n"

API_SERVER = {
    "etcd-failing": Health("fault", 500, _UNWELL),
    "one-answer": Health("lookalike", 500, _UNWELL, answers=1),
    "refused": Health("lookalike", 403, ""),
    "quiet": Health("quiet", 200, _WELL),
}
"""The cases of the API server itself, by name."""
