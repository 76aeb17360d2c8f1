"""Warning events: too many of them in the whole cluster, or of one reason about one workload's pods."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from detectors.model import Coverage, Entity, EntityType, Fact, Observation, SourceRef, Views
from detectors.states.occurrences import EVALUATION_SECONDS, spikes
from detectors.states.report import (
    Affected,
    StateResult,
    guard,
    kubectl,
    lowered,
    partial,
    unreadable,
    workload_observations,
)
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.objects import Event, Pod

MOUNT_REASONS = frozenset(("FailedMount", "FailedAttachVolume", "FailedMapVolume"))
POD_REASONS = MOUNT_REASONS | {"BackOff", "Failed", "Unhealthy", "FailedScheduling"}
"""What is said of every pod of a workload that fails in a way that has a row of its own."""
NODE_REASONS = frozenset(("NodeNotReady", "Evicted", "TaintManagerEviction"))
"""What is said of every pod of a node that is lost or short of something."""
_TOP = 5
"""How many reasons the facts name."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 122.0
"""Seconds between two attempts to mount or attach: each is twice the one before."""
_MOUNT_RETRY_SECONDS = 150.0
"""The longest pause, and some: a silence longer than that is an end."""


def warning_events(state: ClusterState, row: Row, now: float) -> StateResult:
    """Occurrences of Warning events in the whole cluster, last five minutes against the half hour before.

    Conditions: more than usual (`occurrences.spikes`), and about at least min_distinct_objects objects. One noisy
    object is not the cluster's trouble, nor are one workload's pods or one node's, which have rows of their own.
    """
    if (refused := unreadable(state, "events")) is not None:
        return refused
    warnings = [event for event in state.events if event.type == "Warning"]
    detail = partial(state, "events")
    spike = spikes({row.id: warnings}, row, now).get(row.id)
    start = now - EVALUATION_SECONDS
    fresh = [(event, occurrences) for event in warnings if (occurrences := event.between(start, now)) > 0]
    objects = {_cause(state, event) for event, _ in fresh}
    breadth = len(objects) / max(guard(row, "min_distinct_objects", 3), 1)
    if spike is None or breadth < 1:
        return StateResult((), Coverage.LIVE, 1, detail)
    command = kubectl(
        state, "get", "events", "--all-namespaces", "--field-selector", "type=Warning", "--sort-by=.lastTimestamp"
    )
    observation = Observation(
        signal=row.id,
        entity=Entity(EntityType.CLUSTER, state.cluster, "", "Cluster", state.cluster),
        score=min(spike.score, breadth),
        observed=spike.observed,
        low=0.0,
        high=spike.high,
        onset=min(max(event.first_seen, spike.since) for event, _ in fresh),
        confidence=spike.confidence,
        severity=lowered(row.severity, state, ""),
        views=Views.LOCAL,
        source=SourceRef("kubernetes-api", command),
        facts=_facts(fresh, command),
    )
    return StateResult((observation,), Coverage.LIVE, 1, detail)


def back_off(state: ClusterState, row: Row, now: float) -> StateResult:
    """BackOff events about a workload's pods: containers that crash, and images that cannot be pulled.

    Conditions: more than usual (`occurrences.spikes`) in at least min_distinct_pods pods. Both kinds of back-off have
    rows of their own that read the containers' state; the events tell the same failure while it is between two states.
    """
    if (refused := unreadable(state, "events", "pods")) is not None:
        return refused
    pods = state.judged_pods
    groups: dict[tuple[str, str, str], dict[str, tuple[Pod, list[Event]]]] = {}
    for pod, event in _about(state, pods, frozenset(("BackOff",))):
        mine = groups.setdefault(state.owner(pod).key, {})
        mine.setdefault(pod.metadata.uid, (pod, []))[1].append(event)
    everything = {key: [event for _, told in mine.values() for event in told] for key, mine in groups.items()}
    start = now - EVALUATION_SECONDS
    affected = []
    for key, spike in spikes(everything, row, now).items():
        hit = [(pod, told) for pod, told in groups[key].values() if any(event.last_seen > start for event in told)]
        if len(hit) >= guard(row, "min_distinct_pods", 1):
            affected += [_told(pod, told, start, now, spike.since) for pod, told in hit]
    return _by_workload(row, state, pods, affected)


def failed_mount(state: ClusterState, row: Row, now: float) -> StateResult:
    """Volumes that cannot be mounted or attached, by the events about the pods that wait for them.

    Conditions: at least min_events_eval failures of one pod over at least hold_seconds, which the pauses between them
    prove as well; the last of them not longer ago than the longest pause, and the pod not ready: what was mounted in
    the end was only slow.
    """
    if (refused := unreadable(state, "events", "pods")) is not None:
        return refused
    pods = state.judged_pods
    told: dict[str, tuple[Pod, list[Event]]] = {}
    for pod, event in _about(state, pods, MOUNT_REASONS):
        if not pod.ready and not pod.finished:
            told.setdefault(pod.metadata.uid, (pod, []))[1].append(event)
    affected = []
    for pod, events in told.values():
        first, last = min(each.first_seen for each in events), max(each.last_seen for each in events)
        lasted = max(now - first, *(_pauses(each.count) for each in events))
        fails_still = now - last <= _MOUNT_RETRY_SECONDS and lasted >= guard(row, "hold_seconds", 180)
        if fails_still and sum(each.count for each in events) >= guard(row, "min_events_eval", 3):
            affected.append(_told(pod, events, float("-inf"), now, first))
    return _by_workload(row, state, pods, affected)


def _pauses(attempts: int) -> float:
    """How long that many attempts have taken at least, seconds."""
    return sum(min(_FIRST_PAUSE * 2.0**i, _LONGEST_PAUSE) for i in range(min(attempts, 50) - 1))


def _about(state: ClusterState, pods: Sequence[Pod], reasons: frozenset[str]) -> Iterator[tuple[Pod, Event]]:
    """The events of these reasons, each with the pod that it is about: the pod itself, not another of its name."""
    known = {pod.metadata.uid: pod for pod in pods}
    for event in state.events:
        pod = known.get(event.regarding.uid) if event.reason in reasons else None
        if pod is not None:
            yield pod, event


def _told(pod: Pod, events: list[Event], start: float, now: float, since: float) -> Affected:
    """One pod, with its newest event and the number of occurrences after `start`."""
    newest = max(events, key=lambda event: event.last_seen)
    count = sum(event.between(start, now) for event in events)
    onset = min(max(event.first_seen, since) for event in events)
    text = f"{pod.name}: {newest.reason} ({counted(count, 'times')}): {newest.message}"
    return Affected(pod, text, "", newest.reason, onset, at=newest.last_seen, count=max(count, 1.0))


def _by_workload(row: Row, state: ClusterState, pods: Sequence[Pod], affected: list[Affected]) -> StateResult:
    least = guard(row, "min_events_eval", 1)
    observations = workload_observations(row, state, affected, least=least)
    return StateResult(observations, Coverage.LIVE, state.workload_count(pods), partial(state, "events"))


def _facts(fresh: list[tuple[Event, float]], command: str) -> tuple[Fact, ...]:
    reasons: Counter[str] = Counter()
    for event, occurrences in fresh:
        reasons[event.reason] += occurrences  # type: ignore[assignment]
    facts = []
    for reason, occurrences in reasons.most_common(_TOP):
        members = [event for event, _ in fresh if event.reason == reason]
        newest = max(members, key=lambda event: event.last_seen)
        subjects = len({_subject(event) for event in members})
        text = f"{reason}: {occurrences:.0f} about {subjects} objects, last: {newest.message}"
        facts.append(Fact("event", text, command, newest.last_seen, f"{occurrences:.0f}"))
    return tuple(facts)


def _cause(state: ClusterState, event: Event) -> str:
    """Who is behind an event: its object, or the workload or node whose failure has a row of its own."""
    pod = state.pods.get(event.regarding.uid)
    if pod is not None and event.reason in NODE_REASONS:
        return pod.spec.node_name
    if pod is not None and event.reason in POD_REASONS:
        return "/".join(state.owner(pod).key)
    return _subject(event)


def _subject(event: Event) -> str:
    about = event.regarding
    return about.uid or f"{about.kind}/{about.namespace}/{about.name}"
