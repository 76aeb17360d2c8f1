"""pod-stuck-pending: pods that do not start, for reasons that have no row of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.model import Coverage
from detectors.states.containers import PULL_REASONS
from detectors.states.paths import condition_path, container_path
from detectors.states.report import (
    Affected,
    StateResult,
    guard,
    partial,
    unreadable,
    workload_observations,
)
from detectors.states.scheduling import waits_for_claim

if TYPE_CHECKING:
    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.objects import Pod

_SCALE_UP_PATIENCE = 2
"""While the cluster autoscaler is adding a node for it, a pod may wait this many times as long."""


def stuck_pending(state: ClusterState, row: Row, now: float) -> StateResult:
    """Pods that are Pending for longer than hold_seconds and are not meant to be.

    Meant to be: pods behind scheduling gates and pods of suspended Jobs. Pods whose image cannot be pulled, whose init
    container fails or whose claim is not bound are Pending too, and reported as that.
    """
    if (refused := unreadable(state, "pods")) is not None:
        return refused
    pods = state.judged_pods
    hold = guard(row, "hold_seconds", 600)
    scaling = {event.regarding.uid for event in state.events if event.reason == "TriggeredScaleUp"}
    affected = []
    for pod in pods:
        patience = hold * (_SCALE_UP_PATIENCE if pod.metadata.uid in scaling else 1)
        waiting = pod.status.phase == "Pending" and now - pod.metadata.created > patience
        if waiting and not _meant_to_wait(state, row, pod) and not _otherwise_reported(state, pod):
            affected.append(_stuck(pod))
    observations = workload_observations(row, state, affected, least=guard(row, "min_pods", 1), per_pod=True)
    return StateResult(observations, Coverage.LIVE, state.workload_count(pods), partial(state, "pods"))


def _meant_to_wait(state: ClusterState, row: Row, pod: Pod) -> bool:
    scheduled = pod.status.condition("PodScheduled")
    gated = bool(pod.spec.scheduling_gates) or (scheduled is not None and scheduled.reason == "SchedulingGated")
    controller = pod.metadata.controller
    job = state.workloads.get(("Job", pod.namespace, controller.name)) if controller is not None else None
    suspended = job is not None and job.spec.suspend
    return (gated and guard(row, "ignore_scheduling_gates", 1) > 0) or (
        suspended and guard(row, "ignore_owner_job_suspended", 1) > 0
    )


def _otherwise_reported(state: ClusterState, pod: Pod) -> bool:
    if waits_for_claim(state, pod):
        return True
    for status in pod.statuses:
        waiting = status.state.waiting
        if waiting is not None and (waiting.reason in PULL_REASONS or waiting.reason == "CrashLoopBackOff"):
            return True
        if status.state.terminated is not None and status.state.terminated.exit_code != 0:
            return True
    return False


def _stuck(pod: Pod) -> Affected:
    """With the first cause that the pod itself names: not scheduled, or what its first waiting container says."""
    scheduled = pod.status.condition("PodScheduled")
    if scheduled is not None and scheduled.status != "True":
        text = f"{pod.name} is not scheduled: {scheduled.message or scheduled.reason}"
        return Affected(pod, text, condition_path("PodScheduled", "reason"), scheduled.reason, pod.metadata.created)
    text = f"{pod.name} is scheduled and does not start"
    for status in pod.statuses:
        waiting = status.state.waiting
        if waiting is not None and waiting.reason != "PodInitializing":
            path = container_path(pod, status, "state.waiting.reason")
            told = f"{text}: {waiting.message or waiting.reason}"
            return Affected(pod, told, path, waiting.reason, pod.metadata.created)
    return Affected(pod, text, "{.status.phase}", pod.status.phase, pod.metadata.created)
