"""Samples for every metric that the reference names, made from the reference itself.

Each metric gets some series that each of its selectors matches and some of any kind, with the labels that its
expressions select and group by. Pods, owners, nodes and claims are the same everywhere, so that joins find each other.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

START, STEP, POINTS = 1_700_000_000, 30, 41
END = START + (POINTS - 1) * STEP

MATCHING, OTHER = 5, 5
"""Series per selector that it matches, and of any kind."""
BOUNDS = ("1", "5", "25", "100", "+Inf")

NAMESPACES = ("shop", "pay")
PODS = ("checkout-6d4cf56db6-7x2kq", "checkout-6d4cf56db6-9bzzl", "ledger-0", "report-28333020-4hjkl")

VALUES: dict[str, tuple[str, ...]] = {
    "namespace": NAMESPACES,
    "exported_namespace": ("", *NAMESPACES),
    "pod": PODS,
    "container": ("app", "proxy", ""),
    "image": ("app:1",),
    "id": ("/", "/kubepods/1"),
    "node": ("n1", "n2"),
    "instance": ("10.0.0.1:9100", "10.0.0.2:9100"),
    "persistentvolumeclaim": ("data-ledger-0", "spool"),
    "job": ("shop/checkout", "kubelet", "apiserver"),
    "container_id": tuple(f"/k8s/shop/{pod}/app" for pod in PODS),
    "phase": ("Pending", "Running", "Failed", "Lost"),
    "status": ("true", "false", "unknown", "200", "500", "5xx", "failed", "success"),
    "condition": ("Ready", "MemoryPressure", "DiskPressure", "false"),
    "reason": ("CrashLoopBackOff", "OOMKilled", "Evicted", "Completed", "BackOff", "Failed", "ContainerCreating"),
    "resource": ("cpu", "memory", "events"),
    "code": ("", "200", "503", "<error>"),
    "status_code": ("", "200", "500", "STATUS_CODE_ERROR"),
    "response_code": ("200", "503", "0"),
    "http_response_status_code": ("", "200", "500"),
    "error_type": ("", "timeout"),
    "k8s_owner_name": ("", "checkout"),
    "reporter": ("source", "destination", "waypoint", "server", "client"),
    "destination_workload": ("", "unknown", "checkout"),
    "connection_type": ("", "database", "virtual_node"),
    "direction": ("inbound", "outbound", "transmit", "receive"),
    "dst_namespace": ("", "pay"),
    "mode": ("idle", "iowait", "steal", "user"),
    "device": ("eth0", "veth1", "sda1"),
    "mountpoint": ("/", "/var/lib/kubelet/x"),
    "fstype": ("ext4", "tmpfs"),
    "interface": ("eth0", "lo"),
    "owner_kind": ("ReplicaSet",),
    "datname": ("orders", "template1"),
    "operation_name": ("volume_mount", "volume_unmount", "provision", "delete"),
    "type": ("Warning", "Normal", "readyz"),
    "volume": ("", "spool"),
}
"""Values of labels; others get a few that the matchers name."""

_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^{}]*)\}")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"')
_LABELS = re.compile(r"\b(?:by|on) \(([^)]*)\)")
_OBJECT_METRICS = {"kube_pod_info", "kube_pod_owner", "kube_replicaset_owner", "kube_job_owner"}


Matchers = list[tuple[str, str, str]]


def openmetrics(expressions: Iterable[str]) -> str:
    """Samples for all metrics of some expressions, as OpenMetrics text."""
    lines: list[str] = []
    for metric, (selectors, grouped) in sorted(_metrics(expressions).items()):
        if metric not in _OBJECT_METRICS:
            lines += [f"# TYPE {metric} gauge", *_series(metric, selectors, sorted(grouped))]
    for metric, objects in _objects().items():
        lines.append(f"# TYPE {metric} gauge")
        lines += [line for labels in objects for line in _samples(metric, labels, [1.0] * POINTS)]
    return "\n".join([*lines, "# EOF", ""])


def _metrics(expressions: Iterable[str]) -> dict[str, tuple[list[Matchers], set[str]]]:
    """Each metric's selectors and the labels its expressions group by."""
    found: dict[str, tuple[list[Matchers], set[str]]] = {}
    for expression in expressions:
        labels = {name.strip() for text in _LABELS.findall(expression) for name in text.split(",")}
        for metric, text in _SELECTOR.findall(expression):
            selectors, grouped = found.setdefault(metric, ([], set()))
            grouped |= labels - {"le", "$by", "workload", "workload_type", "proto", ""}
            if (matchers := _MATCHER.findall(text)) not in selectors:
                selectors.append(matchers)
    return found


def _series(metric: str, selectors: list[Matchers], grouped: list[str]) -> Iterator[str]:
    chance = random.Random(metric)
    names = sorted({*grouped, *(label for matchers in selectors for label, _, _ in matchers)})
    pools = {name: _pool(name, [m for matchers in selectors for m in matchers if m[0] == name]) for name in names}
    seen = set()
    for matchers in [matchers for matchers in selectors for _ in range(MATCHING)] + [[]] * OTHER:
        labels = {
            name: chance.choice([v for v in pool if all(_fits(v, m) for m in matchers if m[0] == name)])
            for name, pool in pools.items()
        }
        key = tuple(labels.values())
        if key in seen:
            continue
        seen.add(key)
        if metric.endswith("_bucket"):
            rates = sorted(chance.uniform(0.1, 3) for _ in BOUNDS)
            for bound, rate in zip(BOUNDS, rates, strict=True):
                yield from _samples(metric, labels | {"le": bound}, [rate * STEP * i for i in range(POINTS)])
        else:
            yield from _samples(metric, labels, _values(metric, chance, len(seen)))


def _pool(name: str, matchers: Matchers) -> list[str]:
    """Values of a label: the usual ones, and those that its matchers name."""
    pool = list(VALUES.get(name, ("other",) if matchers else (f"{name}-1", f"{name}-2")))
    for _, operator, value in matchers:
        named = value.replace("..", "00").replace(".*", "x").split("|") if "~" in operator else [value]
        pool += [text for text in named if re.fullmatch(r"[\w ./<>:-]*", text) and text not in pool]
    return pool if any(pool) else [*pool, "other"]


def _fits(value: str, matcher: tuple[str, str, str]) -> bool:
    _, operator, wanted = matcher
    equal = bool(re.fullmatch(wanted, value)) if "~" in operator else value == wanted
    return equal is not operator.startswith("!")


def _values(metric: str, chance: random.Random, number: int) -> list[float]:
    if metric.endswith(("_created", "_timestamp")):
        return [float(START - chance.choice((100, 5000)))] * POINTS
    if re.search(
        r"_(status|condition|ready|abnormal|readonly|error|healthcheck|unschedulable|phase)|^up$|probe_", metric
    ):
        return [float(number % 2)] * POINTS
    if metric.endswith(("_total", "_count", "_sum")) or "restarts" in metric or "_seconds" in metric or "pg_" in metric:
        rate = chance.uniform(0.01, 5)
        return [rate * STEP * i for i in range(POINTS)]
    level, growth = chance.uniform(1, 100), chance.uniform(0, 2)
    return [level + growth * i for i in range(POINTS)]


def _objects() -> dict[str, list[dict[str, str]]]:
    """The pods as kube-state-metrics has them: of a Deployment, a StatefulSet and a CronJob in each namespace."""
    found: dict[str, list[dict[str, str]]] = {metric: [] for metric in sorted(_OBJECT_METRICS)}
    for namespace in NAMESPACES:
        direct = (
            (PODS[0], "ReplicaSet", "checkout-6d4cf56db6"),
            (PODS[1], "ReplicaSet", "checkout-6d4cf56db6"),
            (PODS[2], "StatefulSet", "ledger"),
            (PODS[3], "Job", "report-28333020"),
        )
        for pod, kind, name in direct:
            labels = {"namespace": namespace, "pod": pod, "owner_kind": kind, "owner_name": name}
            found["kube_pod_owner"].append(labels)
            place = {"node": "n1" if pod == PODS[0] else "n2", "host_network": str(pod == PODS[1]).lower()}
            found["kube_pod_info"].append({"namespace": namespace, "pod": pod} | place)
        replicaset = {"namespace": namespace, "replicaset": "checkout-6d4cf56db6"}
        found["kube_replicaset_owner"].append(replicaset | {"owner_kind": "Deployment", "owner_name": "checkout"})
        job = {"namespace": namespace, "job_name": "report-28333020"}
        found["kube_job_owner"].append(job | {"owner_kind": "CronJob", "owner_name": "report"})
    return found


def _samples(metric: str, labels: dict[str, str], values: Iterable[float]) -> Iterator[str]:
    text = ",".join(f'{name}="{value}"' for name, value in labels.items() if value)
    for place, value in enumerate(values):
        yield f"{metric}{{{text}}} {value:g} {START + place * STEP}"
