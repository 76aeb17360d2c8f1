"""A cluster of several hundred workloads with 10,000 series of their requests, as real servers tell of it.

Two pods a workload, each with a histogram of 12 buckets and a counter by status, a sample a minute. Most are healthy;
a few fail, so that a cycle has something to open, store and show.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.kubernetes_api import KubernetesApi

AT = 1_700_000_040
"""Unix seconds of the first cycle."""
BEFORE, AFTER = 50, 90
"""Minutes of samples before the first cycle, and for the cycles after it."""
BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
STATUSES = ("200", "404", "500")
SERIES = len(BOUNDS) + len(STATUSES)
"""Of one pod."""
FAILING_EVERY, FAILING_MINUTES = 40, 8
NAMESPACES = 16


@dataclass(frozen=True, slots=True)
class Replica:
    """One pod."""

    number: int
    namespace: str
    workload: str
    template: str
    name: str

    @property
    def failing(self) -> bool:
        """Whether its workload began to answer with errors some minutes before the first cycle."""
        return self.number // 2 % FAILING_EVERY == 0


def replicas(series: int) -> list[Replica]:
    """The pods that have about so many series."""
    found = []
    for number in range(series // SERIES):
        workload = f"service-{number // 2:04d}"
        template = f"{workload}-7c9d8f7b6d"
        namespace = f"team-{number // 2 % NAMESPACES:02d}"
        found.append(Replica(number, namespace, workload, template, f"{template}-{_suffix(number)}"))
    return found


def _suffix(number: int) -> str:
    """Five characters of Kubernetes' alphabet."""
    safe = "bcdfghjklmnpqrstvwxz2456789"
    return "".join(safe[number // len(safe) ** place % len(safe)] for place in range(5))


def openmetrics(pods: list[Replica]) -> str:
    """What all of them were scraped for."""
    random = np.random.default_rng(2)
    times = [str(at) for at in range(AT - BEFORE * 60, AT + AFTER * 60 + 1, 60)]
    up, counts, buckets = ["# TYPE up gauge"], [], []
    for pod in pods:
        labels = f'namespace="{pod.namespace}",pod="{pod.name}",job="{pod.workload}"'
        up += [f"up{{{labels}}} 1 {at}" for at in times]
        requests = random.poisson(random.uniform(100, 2000), len(times))
        wrong = np.full(len(times), 0.002)
        if pod.failing:
            wrong[BEFORE - FAILING_MINUTES :] = 0.2
        failed, missing = random.binomial(requests, wrong), random.binomial(requests, 0.01)
        answered = dict(zip(STATUSES, (requests - failed - missing, missing, failed), strict=True))
        for status, each in answered.items():
            counts += _samples(f'http_requests_total{{{labels},code="{status}"}}', each, times)
        shares = np.cumsum(random.dirichlet(np.ones(len(BOUNDS))))
        shares[-1] = 1.0
        within = np.maximum.accumulate(random.binomial(requests[:, None], shares), axis=1)
        for bound, each in zip(BOUNDS, within.T, strict=True):
            buckets += _samples(f'http_request_duration_seconds_bucket{{{labels},le="{bound}"}}', each, times)
        counts_of = within[:, -1]
        buckets += _samples(f"http_request_duration_seconds_count{{{labels}}}", counts_of, times)
    head = "# TYPE http_requests counter", "# TYPE http_request_duration_seconds histogram"
    return "\n".join([*up, head[0], *counts, head[1], *buckets, "# EOF", ""])


def _samples(head: str, increases: np.ndarray, times: list[str]) -> list[str]:
    return [f"{head} {value} {at}" for value, at in zip(increases.cumsum().tolist(), times, strict=True)]


def objects(pods: list[Replica]) -> Iterator[dict[str, Any]]:
    """The namespaces, Deployments, ReplicaSets and pods."""
    for number in range(NAMESPACES):
        yield _object("v1", "Namespace", "", f"team-{number:02d}", status={"phase": "Active"})
    for pod in pods[::2]:
        labels = {"app.kubernetes.io/name": pod.workload}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "shop:1"}]}}
        spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
        status = {"replicas": 2, "readyReplicas": 2, "availableReplicas": 2}
        yield _object("apps/v1", "Deployment", pod.namespace, pod.workload, spec=spec, status=status)
        owner = ("Deployment", pod.workload)
        yield _object("apps/v1", "ReplicaSet", pod.namespace, pod.template, owner, spec=spec, status=status)
    for pod in pods:
        ready = [{"type": kind, "status": "True"} for kind in ("PodScheduled", "Initialized", "Ready")]
        running = {"name": "app", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": _stamp()}}}
        yield _object(
            "v1",
            "Pod",
            pod.namespace,
            pod.name,
            ("ReplicaSet", pod.template),
            spec={"nodeName": f"node-{pod.number % 20:02d}", "containers": [{"name": "app", "image": "shop:1"}]},
            status={"phase": "Running", "conditions": ready, "containerStatuses": [running]},
        )


def _object(
    version: str, kind: str, namespace: str, name: str, owner: tuple[str, str] | None = None, **rest: object
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "uid": f"{kind}/{namespace}/{name}", "creationTimestamp": _stamp()}
    if namespace:
        metadata["namespace"] = namespace
    if owner is not None:
        by, title = owner
        uid = f"{by}/{namespace}/{title}"
        metadata["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": by, "name": title, "uid": uid, "controller": True}
        ]
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def _stamp() -> str:
    """A day before the first cycle."""
    return datetime.fromtimestamp(AT - 86400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tell(api: KubernetesApi, pods: list[Replica]) -> None:
    """Let an API have all of it."""
    for item in objects(pods):
        api.put(item)
