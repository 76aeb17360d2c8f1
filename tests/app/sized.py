"""A small cluster with requests and limits of every fit, as metrics of some past hours and as Kubernetes objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from detectors.model import Sizing
from tests.lab.manifests import metadata, owner, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 2**20
AT = 1_790_000_400
"""Unix seconds of the newest sample: 14:20 UTC."""
HOUR = 3600
INTERVAL = 120
OLD = AT - 40 * 24 * HOUR


@dataclass(frozen=True)
class Sized:
    """A workload whose pods have one container, `app`."""

    name: str
    cpu: Callable[[int], float]
    """Cores of its busiest pod by unix seconds; the others use half of it."""
    memory: Callable[[int], float] = field(default=lambda _: 700.0 * MIB)
    request: tuple[str, str] = ("1", "1Gi")
    limit: tuple[str, str] = ("2", "1Gi")
    hours: int = 26
    """How far back its samples reach."""
    pods: int = 3
    throttled: float = 0.0
    ended: str = ""
    """Why it ended once, some hours ago: `OOMKilled`, `Error`."""
    kind: str = "Deployment"

    def names(self) -> list[str]:
        """Of its pods, the busiest first."""
        return [f"{self.name}-5d8f7c9b6-{suffix}" for suffix in ("bx2kq", "f7wzp", "m4nhl")[: self.pods]]


def flat(value: float) -> Callable[[int], float]:
    """The same at all times."""
    return lambda _: value


def at_night(at: int) -> float:
    """Idle but for the half hour after 02:00 UTC: less than one value in twenty."""
    return 0.9 if at % 86_400 // 1800 == 4 else 0.1


SHOP = (
    Sized("roomy", flat(0.1), flat(200 * MIB)),
    Sized("fitting", flat(0.7), flat(700 * MIB)),
    Sized("tight", flat(1.9), flat(1000 * MIB)),
    Sized("nightly", at_night),
    Sized("scaled", flat(0.1)),
    Sized("young", flat(0.1), flat(200 * MIB), hours=8),
    Sized("killed", flat(0.7), flat(300 * MIB), ended="OOMKilled"),
    Sized("failed", flat(0.7), ended="Error"),
    Sized("squeezed", flat(0.6), throttled=0.4),
    Sized("brisk", flat(0.6), throttled=0.1),
    Sized("greedy", flat(0.7), flat(700 * MIB), request=("1", "512Mi")),
    Sized("brim", flat(1.03), flat(1040 * MIB), limit=("2", "2Gi")),
)
"""Nothing is said of those whose name is not in `EXPECTED`."""

EXPECTED = {
    ("roomy", "cpu-request-high"): Sizing.LOWER,
    ("roomy", "memory-request-high"): Sizing.LOWER,
    ("tight", "cpu-request-low"): Sizing.RAISE,
    ("tight", "cpu-limit-low"): Sizing.RAISE,
    ("tight", "memory-limit-low"): Sizing.RAISE,
    ("nightly", "cpu-request-high"): Sizing.WITHHELD,
    ("scaled", "cpu-request-high"): Sizing.WITHHELD,
    ("killed", "memory-request-high"): Sizing.WITHHELD,
    ("killed", "memory-limit-low"): Sizing.RAISE,
    ("squeezed", "cpu-limit-low"): Sizing.RAISE,
    ("greedy", "memory-request-low"): Sizing.RAISE,
}
"""What a day of history gives, by name and row."""
THROTTLING = ("squeezed", "cpu-limit-low")
"""Only cAdvisor tells of it."""

LOOKALIKES = {
    "cpu-request-high": ("nightly", "scaled", "young"),
    "cpu-request-low": ("brim",),
    "cpu-limit-low": ("brisk",),
    "memory-request-high": ("killed", "young"),
    "memory-request-low": ("brim",),
    "memory-limit-low": ("failed",),
}
"""By row: what is no reason to change anything."""


def proofs() -> Iterator[tuple[str, str, str, str]]:
    """Row, convention, name and kind (`fault`, `lookalike`, `quiet`) of the cases that are judged here."""
    witnesses = {"cpu-limit-low": ("cadvisor", "squeezed"), "memory-limit-low": ("kube-state-metrics", "killed")}
    for row, lookalikes in LOOKALIKES.items():
        said = [
            name for (name, signal), outcome in EXPECTED.items() if signal == row and outcome is not Sizing.WITHHELD
        ]
        own = [name for name in said if (name, row) != THROTTLING]
        told = [("kubernetes-api", own)]
        if row in witnesses:
            told.append((witnesses[row][0], [witnesses[row][1]]))
        for convention, faults in told:
            for kind, names in (("fault", faults), ("lookalike", lookalikes), ("quiet", ("fitting",))):
                yield from ((f"rightsizing-{row}", convention, name, kind) for name in names)


Family = dict[str, list[tuple[int, float]]]


def openmetrics(workloads: tuple[Sized, ...] = SHOP) -> str:
    """cAdvisor and kube-state-metrics, scraped every two minutes."""
    families: dict[tuple[str, str], Family] = {}
    for name, kind, series, samples in _series(workloads):
        families.setdefault((name, kind), {})[series] = samples
    lines = []
    for (name, kind), family in families.items():
        lines.append(f"# TYPE {name} {kind}")
        lines += [f"{series} {value!r} {at}" for series, samples in family.items() for at, value in samples]
    return "\n".join([*lines, "# EOF", ""])


def _series(workloads: tuple[Sized, ...]) -> Iterator[tuple[str, str, str, list[tuple[int, float]]]]:
    for job in ("kubelet", "kube-state-metrics"):
        yield "up", "gauge", f'up{{job="{job}",instance="{job}:1"}}', [(at, 1.0) for at in _times(26)]
    for each in workloads:
        labels = f'job="kube-state-metrics",namespace="shop",replicaset="{each.name}-5d8f7c9b6"'
        one = [(at, 1.0) for at in _times(each.hours)]
        yield (
            "kube_replicaset_owner",
            "gauge",
            f'kube_replicaset_owner{{{labels},owner_kind="Deployment",owner_name="{each.name}"}}',
            one,
        )
        for number, pod in enumerate(each.names()):
            yield from _cadvisor(each, pod, 1.0 if number == 0 else 0.5)
            yield from _state(each, pod, one)
    scaler = 'job="kube-state-metrics",namespace="shop",horizontalpodautoscaler="scaled"'
    name = "kube_horizontalpodautoscaler"
    target = 'scaletargetref_kind="Deployment",scaletargetref_name="scaled"'
    yield f"{name}_info", "gauge", f"{name}_info{{{scaler},{target}}}", [(at, 1.0) for at in _times(1)]
    metric = f'{name}_spec_target_metric{{{scaler},metric_name="cpu",metric_target_type="utilization"}}'
    yield f"{name}_spec_target_metric", "gauge", metric, [(at, 70.0) for at in _times(1)]


def _times(hours: int) -> range:
    return range(AT - hours * HOUR, AT + 1, INTERVAL)


def _cadvisor(each: Sized, pod: str, share: float) -> Iterator[tuple[str, str, str, list[tuple[int, float]]]]:
    labels = f'job="kubelet",namespace="shop",pod="{pod}",container="app",image="shop:1",id="/{pod}"'
    used, periods, throttled = 0.0, 0.0, 0.0
    counters: dict[str, list[tuple[int, float]]] = {"usage_seconds": [], "cfs_periods": [], "cfs_throttled_periods": []}
    for at in _times(each.hours):
        used += share * each.cpu(at) * INTERVAL
        periods += INTERVAL * 10
        throttled += INTERVAL * 10 * each.throttled
        for samples, value in zip(counters.values(), (used, periods, throttled), strict=True):
            samples.append((at, value))
    for name, samples in counters.items():
        yield f"container_cpu_{name}", "counter", f"container_cpu_{name}_total{{{labels}}}", samples
    memory = [(at, share * each.memory(at)) for at in _times(each.hours)]
    yield "container_memory_working_set_bytes", "gauge", f"container_memory_working_set_bytes{{{labels}}}", memory


def _state(
    each: Sized, pod: str, one: list[tuple[int, float]]
) -> Iterator[tuple[str, str, str, list[tuple[int, float]]]]:
    base = f'job="kube-state-metrics",namespace="shop",pod="{pod}"'
    owned = f'kube_pod_owner{{{base},owner_kind="ReplicaSet",owner_name="{each.name}-5d8f7c9b6"}}'
    yield "kube_pod_owner", "gauge", owned, one
    numbers = {"1": 1.0, "2": 2.0, "512Mi": 512.0 * MIB, "1Gi": 1024.0 * MIB, "2Gi": 2048.0 * MIB}
    for bound, texts in (("requests", each.request), ("limits", each.limit)):
        for resource, text in zip(("cpu", "memory"), texts, strict=True):
            name = f"kube_pod_container_resource_{bound}"
            series = f'{name}{{{base},container="app",resource="{resource}"}}'
            yield name, "gauge", series, [(at, numbers[text]) for at, _ in one]
    if each.ended:
        name = "kube_pod_container_status_restarts"
        counted = [(at, float(at > AT - 5 * HOUR)) for at, _ in one]
        yield name, "counter", f'{name}_total{{{base},container="app"}}', counted
        name = "kube_pod_container_status_last_terminated_reason"
        reasons = [(at, 1.0) for at, _ in one if at > AT - 5 * HOUR]
        yield name, "gauge", f'{name}{{{base},container="app",reason="{each.ended}"}}', reasons


def objects(workloads: tuple[Sized, ...] = SHOP) -> Iterator[dict[str, Any]]:
    """The same cluster as the API server has it."""
    for each in workloads:
        born = OLD if each.hours > 24 else AT - each.hours * HOUR
        yield {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": metadata(
                "ReplicaSet",
                "shop",
                f"{each.name}-5d8f7c9b6",
                born,
                ownerReferences=owner(each.kind, "shop", each.name),
            ),
        }
        yield {
            "apiVersion": "apps/v1",
            "kind": each.kind,
            "metadata": metadata(each.kind, "shop", each.name, born),
            "spec": {"replicas": each.pods},
        }
        for name in each.names():
            yield pod(each, name, born)
    yield {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata("HorizontalPodAutoscaler", "shop", "scaled", OLD),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"},
            "maxReplicas": 9,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                }
            ],
        },
    }


def pod(each: Sized, name: str, born: float) -> dict[str, Any]:
    """A running pod; of a killed workload one that was."""
    last = {"terminated": {"exitCode": 137, "reason": each.ended, "finishedAt": stamp(AT - 5 * HOUR)}}
    status = {
        "name": "app",
        "ready": True,
        "restartCount": int(bool(each.ended)),
        "lastState": last if each.ended else {},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(
            "Pod",
            "shop",
            name,
            born,
            labels={"pod-template-hash": "5d8f7c9b6"},
            ownerReferences=owner("ReplicaSet", "shop", f"{each.name}-5d8f7c9b6"),
        ),
        "spec": {
            "containers": [
                {
                    "name": "app",
                    "resources": {
                        "requests": dict(zip(("cpu", "memory"), each.request, strict=True)),
                        "limits": dict(zip(("cpu", "memory"), each.limit, strict=True)),
                    },
                }
            ]
        },
        "status": {"phase": "Running", "startTime": stamp(born), "containerStatuses": [status]},
    }


def summary(each: Sized, at: int) -> Iterator[dict[str, Any]]:
    """What a kubelet says of its pods."""
    for number, name in enumerate(each.names()):
        share = 1.0 if number == 0 else 0.5
        cpu = {"time": stamp(at), "usageNanoCores": round(share * each.cpu(at) * 1e9)}
        memory = {"time": stamp(at), "workingSetBytes": round(share * each.memory(at))}
        container = {"name": "app", "cpu": cpu, "memory": memory}
        yield {"podRef": {"name": name, "namespace": "shop"}, "containers": [container]}


def usage(each: Sized, at: int) -> Iterator[dict[str, Any]]:
    """What metrics.k8s.io says of its pods."""
    for number, name in enumerate(each.names()):
        share = 1.0 if number == 0 else 0.5
        used = {"cpu": f"{share * each.cpu(at) * 1e9:.0f}n", "memory": f"{share * each.memory(at) / 1024:.0f}Ki"}
        yield {
            "apiVersion": "metrics.k8s.io/v1beta1",
            "kind": "PodMetrics",
            "metadata": {"name": name, "namespace": "shop"},
            "timestamp": stamp(at),
            "window": "30s",
            "containers": [{"name": "app", "usage": used}],
        }
