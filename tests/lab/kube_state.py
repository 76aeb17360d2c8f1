"""What kube-state-metrics says about the simulated cluster.

Reason metrics exist only while they are true, as in version 2.10 and later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.lab.samples import Table, Target, only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tests.lab.history import History, Pod
    from tests.lab.samples import Block, Floats, Times

    Index = NDArray[np.intp]
    Mask = NDArray[np.bool_]

PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
CONDITIONS = {
    "Ready": "NotReady",
    "MemoryPressure": "MemoryPressure",
    "DiskPressure": "DiskPressure",
    "PIDPressure": "",
}
"""Node condition to the simulation's word for its being bad."""


def collect(history: History, times: Times) -> Iterator[Block]:
    """Every family at these instants."""
    table = Table()
    for pod in history.pods:
        if pod.created <= times[-1] and pod.deleted > times[0]:
            _pod(table, history, pod, times)
    _workloads(table, history, times)
    _nodes(table, history, times)
    yield from table.blocks(Target("kube-state-metrics", "10.244.9.8:8080", (), True))


def _pod(table: Table, history: History, pod: Pod, times: Times) -> None:
    exists = (times >= pod.created) & (times < pod.deleted)
    stages = pod.stages
    index = np.clip(np.searchsorted([stage.at for stage in stages], times, side="right") - 1, 0, None)
    who = {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid}
    kind = {"Deployment": "ReplicaSet", "CronJob": "Job"}.get(pod.workload.kind, pod.workload.kind)
    scheduled = np.array([stage.scheduled for stage in stages])[index]
    info = {"host_ip": history.shop.address(pod.node), "pod_ip": pod.ip, "node": pod.node}
    info |= {"created_by_kind": kind, "created_by_name": pod.owner, "host_network": "false"}
    table.add("kube_pod_info", who | info, only(exists))
    owner = {"owner_kind": kind, "owner_name": pod.owner, "owner_is_controller": "true"}
    table.add("kube_pod_owner", who | owner, only(exists))
    table.add("kube_pod_created", who, only(exists, pod.created))
    table.add("kube_pod_start_time", who, only(exists & scheduled, pod.created))
    for phase in PHASES:
        now = np.array([float(stage.phase == phase) for stage in stages])[index]
        table.add("kube_pod_status_phase", who | {"phase": phase}, np.where(exists, now, np.nan))
    ready = np.array([stage.ready for stage in stages])[index] & exists
    for spell in history.silent(pod.node):
        ready &= (times < spell.start + 40) | (times >= spell.end)
    table.add("kube_pod_status_ready", who | {"condition": "true"}, np.where(exists, ready.astype(float), np.nan))
    table.add("kube_pod_status_ready", who | {"condition": "false"}, np.where(exists, (~ready).astype(float), np.nan))
    table.add("kube_pod_status_unschedulable", who, only(exists & ~scheduled))
    if pod.node:
        _container(table, pod, who, index, exists, ready)


def _container(table: Table, pod: Pod, who: dict[str, str], index: Index, exists: Mask, ready: Mask) -> None:
    """Container statuses: of the main container, and of the init container where there is one."""
    stages, here = pod.stages, exists
    main = who | {"container": "app"}
    spec = {"image": pod.image, "image_spec": pod.image, "container_id": "", "image_id": ""}
    table.add("kube_pod_container_info", main | spec, only(here))
    table.add("kube_pod_container_status_ready", main, np.where(here, ready.astype(float), np.nan))
    for resource, unit, amount in (
        ("cpu", "core", pod.workload.cpu / 1000),
        ("memory", "byte", pod.workload.memory * 2**20),
    ):
        labels = main | {"node": pod.node, "resource": resource, "unit": unit}
        table.add("kube_pod_container_resource_requests", labels, only(here, amount))
        if resource == "memory":
            table.add("kube_pod_container_resource_limits", labels, only(here, amount))
    initial = any(stage.init for stage in stages)
    for prefix, init in (("kube_pod_container_status", False), ("kube_pod_init_container_status", True)):
        if init and not initial:
            continue
        labels = who | {"container": "init-schema" if init else "app"}
        counts = np.array([stage.restarts if stage.init == init else 0 for stage in stages], dtype=float)[index]
        table.add(f"{prefix}_restarts_total", labels, np.where(here, counts, np.nan), "counter")
        for state in ("waiting", "terminated"):
            reasons = [stage.reason if stage.init == init and stage.state == state else "" for stage in stages]
            _reasons(table, f"{prefix}_{state}_reason", labels, reasons, index, here)
        lasts = [stage.last.reason if stage.last and stage.init == init and stage.restarts else "" for stage in stages]
        _reasons(table, f"{prefix}_last_terminated_reason", labels, lasts, index, here)
        running = np.array([stage.state == "running" and stage.init == init for stage in stages])[index]
        table.add(f"{prefix}_running", labels, np.where(here, running.astype(float), np.nan))


def _reasons(table: Table, family: str, labels: dict[str, str], reasons: list[str], index: Index, exists: Mask) -> None:
    for reason in dict.fromkeys(filter(None, reasons)):
        now = np.array([each == reason for each in reasons])[index]
        table.add(family, labels | {"reason": reason}, only(now & exists))


def _workloads(table: Table, history: History, times: Times) -> None:
    for revision in history.revisions:
        workload = revision.workload
        if workload.kind == "Deployment":
            owner = {"owner_kind": "Deployment", "owner_name": workload.name, "owner_is_controller": "true"}
            name = {"namespace": workload.namespace, "replicaset": f"{workload.name}-{revision.template}"}
            if not any(labels | owner == name | owner for labels, _ in table.rows.get("kube_replicaset_created", [])):
                table.add("kube_replicaset_owner", name | owner, only(times >= revision.at))
                table.add("kube_replicaset_created", name, only(times >= revision.at, revision.at))
    for workload in history.shop.workloads:
        labels = {"namespace": workload.namespace, workload.kind.lower(): workload.name}
        pods = [pod for pod in history.of(workload.key) if pod.created <= times[-1] and pod.deleted > times[0]]
        if workload.kind == "CronJob":
            table.add(
                "kube_cronjob_info", labels | {"schedule": "*/5 * * * *", "concurrency_policy": "Forbid"}, only(times)
            )
            for pod in pods:
                _job(table, pod, times)
            continue
        ready = np.sum([_ready(pod, times) for pod in pods], axis=0) if pods else np.zeros(len(times))
        desired = np.array([float(history.replicas(workload.key, at)) for at in times])
        for family, values in _replica_families(workload.kind, desired, np.asarray(ready, dtype=float)).items():
            table.add(family, labels, values)
        generation = [revision.at for revision in history.revisions if revision.workload is workload]
        observed = np.searchsorted(generation, times, side="right").astype(float)
        table.add(f"kube_{workload.kind.lower()}_status_observed_generation", labels, observed)


def _replica_families(kind: str, desired: Floats, ready: Floats) -> dict[str, Floats]:
    if kind == "Deployment":
        missing = np.maximum(desired - ready, 0)
        return {
            "kube_deployment_spec_replicas": desired,
            "kube_deployment_status_replicas_available": ready,
            "kube_deployment_status_replicas_unavailable": missing,
        }
    if kind == "StatefulSet":
        return {"kube_statefulset_replicas": desired, "kube_statefulset_status_replicas_ready": ready}
    return {
        "kube_daemonset_status_desired_number_scheduled": desired,
        "kube_daemonset_status_number_ready": ready,
    }


def _ready(pod: Pod, times: Times) -> Floats:
    index = np.searchsorted([stage.at for stage in pod.stages], times, side="right") - 1
    ready = np.array([stage.ready for stage in pod.stages])[index]
    return np.asarray((index >= 0) & ready & (times < pod.deleted), dtype=np.float64)


def _job(table: Table, pod: Pod, times: Times) -> None:
    exists = (times >= pod.created) & (times < pod.deleted)
    done = times >= pod.stages[-1].at
    name = {"namespace": pod.namespace, "job_name": pod.owner}
    owner = {"owner_kind": "CronJob", "owner_name": pod.workload.name, "owner_is_controller": "true"}
    table.add("kube_job_owner", name | owner, only(exists))
    table.add("kube_job_status_succeeded", name, np.where(exists, done.astype(float), np.nan))
    table.add("kube_job_status_active", name, np.where(exists, (~done).astype(float), np.nan))
    table.add("kube_job_status_failed", name, only(exists, 0.0))


def _nodes(table: Table, history: History, times: Times) -> None:
    for node in history.shop.nodes:
        name = {"node": node}
        address = history.shop.address(node)
        table.add("kube_node_info", name | {"internal_ip": address, "kubelet_version": "v1.36.2"}, only(times))
        for condition, word in CONDITIONS.items():
            bad = np.zeros(len(times), dtype=bool)
            late = 40.0 if condition == "Ready" else 0.0
            for spell in history.spells:
                if spell.node == node and spell.condition == word:
                    bad |= (times >= spell.start + late) & (times < spell.end)
            states = {"true": ~bad, "false": np.zeros_like(bad), "unknown": bad}
            if condition != "Ready":
                states = {"true": bad, "false": ~bad, "unknown": np.zeros_like(bad)}
            for status, now in states.items():
                table.add(
                    "kube_node_status_condition", name | {"condition": condition, "status": status}, now.astype(float)
                )
        closed = np.zeros(len(times))
        for spell in history.spells:
            if spell.node == node and spell.condition in ("Cordoned", "Drained"):
                closed[(times >= spell.start) & (times < spell.end)] = 1.0
        table.add("kube_node_spec_unschedulable", name, closed)
        for resource, unit, amount in (
            ("cpu", "core", 3.92),
            ("memory", "byte", 15.0 * 2**30),
            ("pods", "integer", 110.0),
        ):
            table.add("kube_node_status_allocatable", name | {"resource": resource, "unit": unit}, only(times, amount))
