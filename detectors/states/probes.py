"""Probes that fail: more often than usual, or for so long that the pods serve nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from detectors.model import Coverage
from detectors.objects import unix
from detectors.states.occurrences import EVALUATION_SECONDS, spikes
from detectors.states.paths import condition_path
from detectors.states.report import (
    Affected,
    StateResult,
    guard,
    living,
    partial,
    unreadable,
    workload_observations,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.objects import Container, ContainerStatus, Event, Pod, Probe

_KINDS = {
    "Readiness": "readiness_probe",
    "Liveness": "liveness_probe",
    "Startup": "startup_probe",
}
"""How an Unhealthy event begins, and the probe that it is about."""
_NO_PROBE_PERIOD = 10.0
"""The default period, for probes that the specification does not tell."""
_BATCH = ("Job", "CronJob")


class _Failing(NamedTuple):
    """One pod whose probes failed, with everything said about it."""

    pod: Pod
    events: list[Event]
    kind: str


def failure_spike(state: ClusterState, row: Row, now: float) -> StateResult:
    """Unhealthy events of a workload's pods by kind of probe, last five minutes against the half hour before.

    Conditions: at least min_failures_eval failures, at least min_failure_share of all probes that the pods' periods
    make, and more than usual (`occurrences.spikes`). The event recorder soon falls silent about one pod; one that has
    been unready since is taken to have failed at every period. Start-up probes fail by design, and so do those of young
    pods, of pods that end, and of a new revision's while the old one serves.
    """
    if (refused := unreadable(state, "events", "pods")) is not None:
        return refused
    youth = guard(row, "ignore_pods_younger_than_seconds", 120)
    grown = [pod for pod in living(state.judged_pods) if now - pod.metadata.created >= youth]
    pods = [pod for pod in grown if not _coming_up(state, pod, now)]
    groups: dict[tuple[tuple[str, str, str], str], list[_Failing]] = {}
    for each in _failing(row, state.events, pods):
        groups.setdefault((state.owner(each.pod).key, each.kind), []).append(each)
    told = {key: [event for each in members for event in each.events] for key, members in groups.items()}
    spiking = spikes(told, row, now)
    affected = []
    for key, members in groups.items():
        counts = [_failures(each, now) for each in members]
        due = sum(_due(each, pod) for each in members[:1] for pod in state.workload_pods(*key[0]))
        enough = sum(counts) >= max(guard(row, "min_failures_eval", 5), guard(row, "min_failure_share", 0.2) * due)
        lasting = any(_probed_since(each.pod, now) is not None for each in members)
        if enough and (key in spiking or lasting):
            hit = [(each, count) for each, count in zip(members, counts, strict=True) if count]
            affected += [_told(each, count, now) for each, count in hit]
    least = guard(row, "min_failures_eval", 5)
    observations = workload_observations(row, state, affected, least=least)
    return StateResult(observations, Coverage.LIVE, state.workload_count(pods), partial(state, "events"))


def readiness_failing(state: ClusterState, row: Row, now: float) -> StateResult:
    """Pods whose containers run and are not ready, for min_duration_seconds.

    The duration may also be proven by failed probes: n of them take n periods. Left out are containers that have just
    begun or been restarted, pods of Jobs, pods held back by a readiness gate alone, and new pods of a rollout that is
    within its deadline while the old ones serve.
    """
    if (refused := unreadable(state, "pods")) is not None:
        return refused
    pods = [pod for pod in living(state.judged_pods) if state.owner(pod).kind not in _BATCH]
    told = {each.pod.metadata.uid: each for each in _failing(row, state.events, pods)}
    affected = []
    for pod in pods:
        since, idle = _unready_since(pod, now), _idle(pod)
        if since is None or idle is None or _young(row, pod, now) or _coming_up(state, pod, now):
            continue
        failing = told.get(pod.metadata.uid)
        probed = sum(event.count for event in failing.events) * _period(pod, "Readiness") if failing else 0.0
        if max(now - since, probed) >= guard(row, "min_duration_seconds", 60):
            last = max(failing.events, key=lambda event: event.last_seen).message if failing else "no event says why"
            text = f"{pod.name}/{idle.name} runs and is not ready: {last}"
            affected.append(Affected(pod, text, condition_path("Ready"), "False", since, at=now))
    least = guard(row, "min_pods", 1)
    observations = workload_observations(row, state, affected, least=least, per_pod=True)
    return StateResult(observations, Coverage.LIVE, state.workload_count(pods), partial(state, "pods"))


def probed_seconds(state: ClusterState, pod: Pod) -> float:
    """How long a pod has failed its readiness probe at least: n failures take n periods."""
    told = (event for event in state.events if event.reason == "Unhealthy" and event.regarding.uid == pod.metadata.uid)
    return _period(pod, "Readiness") * sum(event.count for event in told if event.message.startswith("Readiness"))


def _failing(row: Row, events: Iterable[Event], pods: Sequence[Pod]) -> list[_Failing]:
    """The pods with Unhealthy events, by kind of probe."""
    known = {pod.metadata.uid: pod for pod in pods}
    found: dict[tuple[str, str], _Failing] = {}
    for event in events:
        pod = known.get(event.regarding.uid) if event.reason == "Unhealthy" else None
        kind = event.message.partition(" ")[0]
        ignored = kind == "Startup" and guard(row, "ignore_startup_probe", 1)
        if pod is not None and kind in _KINDS and not ignored:
            found.setdefault((pod.metadata.uid, kind), _Failing(pod, [], kind)).events.append(event)
    return list(found.values())


def _failures(each: _Failing, now: float) -> float:
    """Failed probes of one pod in the evaluation: those that are told, or all since it became unready."""
    start = now - EVALUATION_SECONDS
    told = sum(event.between(start, now) for event in each.events)
    since = _probed_since(each.pod, now) if each.kind == "Readiness" else None
    silent = (now - max(since, start)) / _period(each.pod, each.kind) if since is not None else 0.0
    return max(told, silent)


def _due(each: _Failing, pod: Pod) -> float:
    """Probes of that kind that one pod of the workload has in an evaluation."""
    return 0.0 if pod.finished else EVALUATION_SECONDS / _period(pod, each.kind)


def _period(pod: Pod, kind: str) -> float:
    probes = [_probe(container, kind) for container in pod.spec.containers]
    periods = [probe.period_seconds for probe in probes if probe is not None and probe.period_seconds > 0]
    return float(min(periods, default=_NO_PROBE_PERIOD))


def _probe(container: Container, kind: str) -> Probe | None:
    found: Probe | None = getattr(container, _KINDS[kind])
    return found


def _unready_since(pod: Pod, now: float) -> float | None:
    """Since when a pod that runs has not been ready; None when it is ready."""
    ready = pod.status.condition("Ready")
    if ready is None or ready.status != "False" or pod.status.phase != "Running":
        return None
    return min(now, ready.since if ready.since is not None else pod.metadata.created)


def _probed_since(pod: Pod, now: float) -> float | None:
    """Since when a pod that runs has failed its readiness probe; None when it is ready."""
    return _unready_since(pod, now) if _idle(pod) is not None else None


def _idle(pod: Pod) -> ContainerStatus | None:
    """The container that runs and is not ready; None where one crashes, or where only a readiness gate is open."""
    if any(status.state.running is None for status in pod.status.container_statuses):
        return None
    return next((status for status in pod.status.container_statuses if not status.ready), None)


def _young(row: Row, pod: Pod, now: float) -> bool:
    """A container of it has not been running for long: start-up is not over, or it has just crashed."""
    youth = guard(row, "ignore_pods_younger_than_seconds", 120)
    running = (status.state.running for status in pod.status.container_statuses)
    starts = [unix(each.started_at) for each in running if each is not None]
    return any(now - start < youth for start in [*starts, pod.metadata.created] if start is not None)


def _coming_up(state: ClusterState, pod: Pod, now: float) -> bool:
    """A pod of the newest revision that may still come up while the older ones serve."""
    owner = state.owner(pod)
    workload, newest = state.workloads.get(owner.key), next(iter(state.revisions(*owner.key)), None)
    if workload is None or newest is None or not owner.revision or not newest.name.endswith(f"-{owner.revision}"):
        return False
    if now - newest.metadata.created >= workload.spec.progress_deadline_seconds:
        return False
    older = [each for each in state.workload_pods(*owner.key) if state.owner(each).revision != owner.revision]
    return 4 * sum(each.ready for each in older) >= 3 * workload.desired > 0


def _told(each: _Failing, count: float, now: float) -> Affected:
    newest = max(each.events, key=lambda event: event.last_seen)
    text = (
        f"{each.pod.name}: about {count:.0f} failed probes in {EVALUATION_SECONDS / 60:.0f} minutes: {newest.message}"
    )
    since = _unready_since(each.pod, now)
    first = min(event.first_seen for event in each.events)
    onset = max(first, now - EVALUATION_SECONDS) if since is None else min(since, max(first, now - EVALUATION_SECONDS))
    return Affected(each.pod, text, "", newest.reason, onset, at=newest.last_seen, count=count)
