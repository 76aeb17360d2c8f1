"""Workloads that their controller cannot bring to what they should be: stuck, degraded, refused by a quota, failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from detectors.model import Coverage
from detectors.objects import unix
from detectors.placement import exhausted
from detectors.states.containers import back_off_seconds
from detectors.states.paths import condition_path, container_path, pairs
from detectors.states.probes import probed_seconds
from detectors.states.report import (
    StateResult,
    event_fact,
    guard,
    lowered,
    object_entity,
    object_fact,
    object_observation,
    partial,
    unreadable,
)
from detectors.states.scheduling import waits_for_claim
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.model import Fact, Observation, Severity
    from detectors.objects import Event, Pod, Workload

DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
_OVER_QUOTA = re.compile(r"\b(?:exceeded|failed) quota: ?([\w.-]*)")
"""What the API server's quota admission says; the name of the quota follows."""
_READY_FIELDS = {"DaemonSet": "numberReady"}
"""By kind of workload, where the number of ready pods is not called `readyReplicas`."""
_FINISHED_WELL = ("Complete", "SuccessCriteriaMet")


def rollout_stuck(state: ClusterState, row: Row, now: float) -> StateResult:
    """Deployments and Rollouts whose newest revision did not come up within its progress deadline.

    A paused rollout waits on purpose, and one that was rolled back has made progress again.
    """
    if (refused := unreadable(state, "deployments")) is not None:
        return refused
    observations, judged = [], 0
    for workload in _of_kind(state, "Deployment", "Rollout"):
        judged += 1
        progress = workload.status.condition("Progressing")
        stuck = progress is not None and progress.status == "False" and progress.reason == DEADLINE_EXCEEDED
        if progress is None or not stuck or workload.spec.paused or not workload.settled or not workload.desired:
            continue
        onset = progress.since if progress.since is not None else now
        text = (
            f"{workload.name} did not progress for {workload.spec.progress_deadline_seconds} s: {progress.message} "
            f"{workload.status.updated_replicas} updated, {workload.available} available of {workload.desired}"
        )
        path = condition_path("Progressing", "reason")
        fact = object_fact(state, workload.kind, workload, text, path, at=onset, value=progress.reason)
        observations.append(_observation(row, state, workload, [fact], onset, down=not workload.available))
    return StateResult(tuple(observations), Coverage.LIVE, judged, partial(state, "deployments"))


def stateful_set_degraded(state: ClusterState, row: Row, now: float) -> StateResult:
    """StatefulSets that have had fewer ready pods than they should have for hold_seconds.

    Their pods are not interchangeable: a missing one is a missing shard or member. The time may also be proven by what
    failed meanwhile, probes and restarts. Left out are replicas lost to a node
    that fell silent and those that wait for a claim, which have findings of their own, and updates that get on.
    """
    if (refused := unreadable(state, "statefulsets", "pods")) is not None:
        return refused
    observations, judged, hold = [], 0, guard(row, "hold_seconds", 120)
    for workload in _of_kind(state, "StatefulSet"):
        judged += 1
        ready = sum(pod.ready and pod.metadata.deletion_timestamp is None for pod in _pods_of(state, workload))
        enough = max(ready, workload.ready) >= workload.desired
        if enough or not workload.settled or _explained(state, workload):
            continue
        onset = _short_since(state, workload)
        if max(now - onset, _proven(state, workload)) >= hold:
            text = f"{workload.name} has {workload.ready} ready pods of {workload.desired}"
            facts = [_ready_fact(state, workload, text, at=onset), *_unready_facts(state, workload)]
            observations.append(_observation(row, state, workload, facts, onset, down=not workload.ready))
    return StateResult(tuple(observations), Coverage.LIVE, judged, partial(state, "statefulsets"))


def quota_exceeded(state: ClusterState, row: Row, now: float) -> StateResult:
    """Workloads that lack pods because a quota refuses them: no pod exists, so nothing is pending.

    Conditions: FailedCreate events that name a quota, or say nothing while one has no room for another pod; a workload
    that still has fewer pods than it should; and either min_events refusals or one that has lasted hold_seconds.
    """
    if (refused := unreadable(state, "events")) is not None:
        return refused
    told: dict[tuple[str, str, str], list[Event]] = {}
    for event in state.events:
        if event.reason == "FailedCreate":
            about = event.regarding
            owner = state.owner_of(about.kind, about.namespace, about.name, about.uid)
            key = ("Job", about.namespace, about.name) if about.kind == "Job" else owner.key
            if _quota_of(state, key, event):
                told.setdefault(key, []).append(event)
    observations = []
    for key, events in told.items():
        workload, first = state.workloads.get(key), min(event.first_seen for event in events)
        enough = sum(event.count for event in events) >= guard(row, "min_events", 3)
        if workload is None or not _lacks_pods(state, workload):
            continue
        if enough or now - first >= guard(row, "hold_seconds", 60):
            facts = [_refusal(state, workload, events), *(event_fact(state, event) for event in events)]
            observations.append(_observation(row, state, workload, facts, first, down=not workload.ready))
    return StateResult(tuple(observations), Coverage.LIVE, len(state.workloads), partial(state, "events"))


def job_failed(state: ClusterState, row: Row, now: float) -> StateResult:
    """Jobs that gave up within the window; of a CronJob only when its newest finished Job did.

    A Job that failed a few times and completed is complete, and one that still retries has not failed.
    """
    if (refused := unreadable(state, "jobs")) is not None:
        return refused
    newest: dict[tuple[str, str, str], tuple[float, Workload]] = {}
    judged = 0
    for job in _of_kind(state, "Job"):
        judged += 1
        ended = _ended(job)
        if ended is None:
            continue
        controller = job.metadata.controller
        key = (controller.kind, job.namespace, controller.name) if controller is not None else _key(job)
        if key not in newest or newest[key][0] < ended:
            newest[key] = (ended, job)
    observations = []
    for key, (ended, job) in newest.items():
        failed = job.status.condition("Failed")
        if failed is not None and failed.status == "True" and now - ended <= 60 * guard(row, "window_minutes", 1440):
            observations.append(_failed_job(row, state, job, key, ended))
    return StateResult(tuple(observations), Coverage.LIVE, judged, partial(state, "jobs"))


def _failed_job(row: Row, state: ClusterState, job: Workload, key: tuple[str, str, str], ended: float) -> Observation:
    failed = job.status.condition("Failed")
    assert failed is not None
    text = f"{job.name} failed ({failed.reason}): {failed.message}, {counted(job.status.failed, 'pods')} failed"
    path = condition_path("Failed", "reason")
    facts = [object_fact(state, "Job", job, text, path, at=ended, value=failed.reason)]
    for pod in state.workload_pods(*key):
        controller = pod.metadata.controller
        if pod.status.phase != "Failed" or controller is None or controller.name != job.name:
            continue
        for status in pod.statuses:
            end = status.state.terminated
            if end is not None and end.exit_code:
                text = f"{pod.name}/{status.name} ended with exit code {end.exit_code} ({end.reason})"
                path = container_path(pod, status, "state.terminated.exitCode")
                facts.append(object_fact(state, "Pod", pod, text, path, at=end.finished, value=str(end.exit_code)))
    return object_observation(row, state, object_entity(state, *key), facts, onset=ended)


def _observation(
    row: Row, state: ClusterState, workload: Workload, facts: list[Fact], onset: float, *, down: bool
) -> Observation:
    severity: Severity = lowered(row.severity, state, workload.namespace)
    entity = object_entity(state, workload.kind, workload.namespace, workload.name)
    return object_observation(
        row, state, entity, facts, onset=onset, severity=severity.shifted(1) if down else severity
    )


def _of_kind(state: ClusterState, *kinds: str) -> Iterator[Workload]:
    return (
        workload
        for (kind, _, _), workload in state.workloads.items()
        if kind in kinds and workload.metadata.deletion_timestamp is None
    )


def _key(workload: Workload) -> tuple[str, str, str]:
    return workload.kind, workload.namespace, workload.name


def _ended(job: Workload) -> float | None:
    """When a Job completed or gave up, unix seconds."""
    ends = (job.status.condition(kind) for kind in (*_FINISHED_WELL, "Failed"))
    return max((end.since or 0.0 for end in ends if end is not None and end.status == "True"), default=None)


def _pods_of(state: ClusterState, workload: Workload) -> tuple[Pod, ...]:
    return state.workload_pods(*_key(workload))


def _explained(state: ClusterState, workload: Workload) -> bool:
    """Whether all unready pods are on silent nodes or wait for a claim."""
    silent = state.silent_nodes
    unready = [pod for pod in _pods_of(state, workload) if not pod.ready]
    return bool(unready) and all(pod.spec.node_name in silent or waits_for_claim(state, pod) for pod in unready)


def _short_since(state: ClusterState, workload: Workload) -> float:
    """Since when a pod has been missing: the first that is not ready, should have left, or left; else the set itself.

    A pod that replaces another has a grace of its own, and so has one that is asked to leave.
    """
    turns = []
    for pod in _pods_of(state, workload):
        ready, leaving = pod.status.condition("Ready"), unix(pod.metadata.deletion_timestamp)
        since = ready.since if ready is not None and not pod.ready else None
        if leaving is not None or not pod.ready:
            turns.append(max(leaving or 0.0, since or 0.0, pod.metadata.created))
    if turns:
        return min(turns)
    gone = [each.at for each in state.gone.values() if state.owner(each.pod).key == _key(workload)]
    return max([workload.metadata.created, *gone])


def _proven(state: ClusterState, workload: Workload) -> float:
    """How long an unready pod has failed at least, by its failed probes and by the pauses before its restarts."""
    unready = [pod for pod in _pods_of(state, workload) if not pod.ready]
    pauses = (back_off_seconds(status.restart_count) for pod in unready for status in pod.statuses)
    return max([probed_seconds(state, pod) for pod in unready] + list(pauses), default=0.0)


def _unready_facts(state: ClusterState, workload: Workload) -> Iterator[Fact]:
    for pod in _pods_of(state, workload):
        if not pod.ready:
            ready = pod.status.condition("Ready")
            text = f"{pod.name} is {pod.status.phase} and not ready: {ready.message if ready is not None else ''}"
            value = ready.status if ready is not None else ""
            yield object_fact(state, "Pod", pod, text, condition_path("Ready"), at=pod.metadata.created, value=value)


def _lacks_pods(state: ClusterState, workload: Workload) -> bool:
    wanted = workload.desired if workload.kind != "Job" else int(_ended(workload) is None)
    return sum(not pod.finished for pod in _pods_of(state, workload)) < wanted


def _quota_of(state: ClusterState, key: tuple[str, str, str], event: Event) -> str:
    """The quota that refuses a workload's pods: as the event says; where it says nothing, one that has no room."""
    if event.message:
        named = _OVER_QUOTA.search(event.message)
        return named[1] or "(not named)" if named is not None else ""
    pod = next(iter(state.workload_pods(*key)), None)
    quotas = (quota for (namespace, _), quota in state.quotas.items() if namespace == key[1])
    return next((quota.name for quota in quotas if exhausted(quota, pod)), "")


def _refusal(state: ClusterState, workload: Workload, events: list[Event]) -> Fact:
    name = _quota_of(state, _key(workload), events[-1])
    quota = state.quotas.get((workload.namespace, name))
    if quota is None:
        text = f"{workload.name} has {workload.ready} ready pods of {workload.desired}: quota {name} refuses more"
        return _ready_fact(state, workload, text)
    full = [f"{each} {quota.status.used.get(each, 0)} of {most}" for each, most in quota.status.hard.items()]
    text = f"quota {name} of {workload.namespace} refuses pods of {workload.name}: {', '.join(full)}"
    return object_fact(state, "ResourceQuota", quota, text, "{.status.used}", value=pairs(quota.status.used))


def _ready_fact(state: ClusterState, workload: Workload, text: str, at: float | None = None) -> Fact:
    """How many of its pods are ready, by the field in which a workload of its kind says so."""
    field = _READY_FIELDS.get(workload.kind, "readyReplicas")
    return object_fact(state, workload.kind, workload, text, f"{{.status.{field}}}", at=at, value=str(workload.ready))
