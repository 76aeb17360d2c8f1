"""Volume claims and volumes: not provided, not removed, not well."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from detectors.model import Coverage, EntityType, Severity
from detectors.objects import unix
from detectors.states.paths import condition_path
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.model import Fact, Observation
    from detectors.objects import Event, PersistentVolume, PersistentVolumeClaim, Pod

CLAIM, VOLUME = "PersistentVolumeClaim", "PersistentVolume"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
"""The scheduler's mark on a claim whose first consumer has found its node."""
PROVISIONING = frozenset(("ProvisioningFailed",))
DELETION = frozenset(("VolumeFailedDelete", "VolumeFailedRecycle"))
HEALTH = frozenset(("VolumeConditionAbnormal", "VolumeResizeFailed", "FileSystemResizeFailed"))
BROKEN_CONDITIONS = frozenset(("ControllerResizeError", "NodeResizeError", "ModifyVolumeError"))
PENDING_CONDITIONS = frozenset(("Resizing", "FileSystemResizePending", "ModifyingVolume"))
"""Normal for as long as an expansion takes, and a failure after that."""
_EXPANSION_PATIENCE = 12
_RECENT_SECONDS = 900.0


class _Unwell(NamedTuple):
    """A claim or a volume, and what is the matter with it."""

    item: PersistentVolumeClaim | PersistentVolume
    facts: list[Fact]
    onset: float


def creation_failure(state: ClusterState, row: Row, now: float) -> StateResult:
    """Claims that stay Pending although a pod waits for them, or although provisioning was tried min_events times.

    A claim of a class that waits for its first consumer is pending by design until that pod has found a node; a claim
    without a class and without a consumer may wait for a volume that somebody creates later.
    """
    if (refused := unreadable(state, "persistentvolumeclaims")) is not None:
        return refused
    users, told = state.claim_users, _events(state, PROVISIONING | {"FailedBinding"})
    found = []
    for key, claim in state.claims.items():
        if claim.status.phase != "Pending" or claim.metadata.deletion_timestamp is not None:
            continue
        events = told.get(claim.metadata.uid, [])
        failures = sum(event.count for event in events if event.reason in PROVISIONING)
        overdue = now - claim.metadata.created >= guard(row, "hold_seconds", 600)
        waited_for = key in users and not _waits_for_placement(state, claim)
        if failures >= guard(row, "min_events", 2) or (overdue and waited_for):
            found.append(_not_bound(state, claim, events, users.get(key, [])))
    return _result(row, state, found, live=len(state.claims))


def deletion_failure(state: ClusterState, row: Row, now: float) -> StateResult:
    """Claims and volumes that should be gone for hold_seconds and that nothing uses.

    A claim that a pod uses is protected; what is left of a deleted claim whose volumes are retained is kept on purpose;
    a namespace that is being deleted takes its time with everything at once.
    """
    if (refused := unreadable(state, "persistentvolumeclaims")) is not None:
        return refused
    users, hold = state.claim_users, guard(row, "hold_seconds", 900)
    found = []
    for key, claim in state.claims.items():
        deleted = unix(claim.metadata.deletion_timestamp)
        if deleted is not None and now - deleted >= hold and key not in users and not _namespace_ends(state, key[0]):
            held = ", ".join(claim.metadata.finalizers) or "nothing that it names"
            text = f"{claim.name} is being deleted, no pod uses it, held by {held}"
            path, value = "{.metadata.deletionTimestamp}", claim.metadata.deletion_timestamp or ""
            found.append(
                _Unwell(claim, [object_fact(state, CLAIM, claim, text, path, at=deleted, value=value)], deleted)
            )
    told = _events(state, DELETION)
    for volume in state.volumes.values():
        since = _overdue_since(volume)
        if since is not None and now - since >= hold:
            found.append(_phase(state, volume, since, told.get(volume.metadata.uid, [])))
    return _result(row, state, found, live=len(state.claims) + len(state.volumes))


def unhealthy(state: ClusterState, row: Row, now: float) -> StateResult:
    """Claims whose volume is lost, volumes that failed, expansions that fail or do not end, abnormal volumes.

    Lost and Failed are final: they do not wait for hold_seconds. An expansion under way does not count before it has
    lasted many times as long.
    """
    if (refused := unreadable(state, "persistentvolumeclaims")) is not None:
        return refused
    hold, told, consumers = guard(row, "hold_seconds", 300), _events(state, HEALTH), _consumers(state)
    failed = [each for each in state.volumes.values() if each.status.phase == "Failed"]
    found = [*_lost(state, now), *(_phase(state, each, _changed(each), []) for each in failed)]
    for claim in state.claims.values():
        found += _conditions(state, claim, hold, now)
        found += _abnormal(state, claim, [told.get(uid, []) for uid in consumers[claim.namespace, claim.name]], now)
    return _result(row, state, found, live=len(state.claims) + len(state.volumes))


def _result(row: Row, state: ClusterState, found: list[_Unwell], *, live: int) -> StateResult:
    """One observation for each object, with everything that is the matter with it."""
    merged: dict[tuple[str, str, str], _Unwell] = {}
    for each in found:
        key = (each.item.kind, each.item.namespace, each.item.name)
        known = merged.get(key)
        merged[key] = (
            each
            if known is None
            else known._replace(facts=known.facts + each.facts, onset=min(known.onset, each.onset))
        )
    observations = tuple(_observation(row, state, each) for each in merged.values())
    return StateResult(observations, Coverage.LIVE, live, partial(state, "persistentvolumeclaims"))


def _observation(row: Row, state: ClusterState, each: _Unwell) -> Observation:
    item = each.item
    severity = _severity(row, state, item)
    entity = object_entity(state, item.kind, item.namespace, item.name, EntityType.CLAIM)
    return object_observation(row, state, entity, each.facts, onset=each.onset, severity=severity)


def _severity(row: Row, state: ClusterState, item: PersistentVolumeClaim | PersistentVolume) -> Severity:
    """A volume matters as much as the namespace of its claim."""
    reference = getattr(item.spec, "claim_ref", None)
    return lowered(row.severity, state, item.namespace or (reference.namespace if reference is not None else ""))


def _not_bound(state: ClusterState, claim: PersistentVolumeClaim, events: list[Event], users: Sequence[Pod]) -> _Unwell:
    storage = claim.spec.storage_class_name
    known = not storage or not state.readable("storageclasses") or storage in state.storage_classes
    why = "" if known else ", which does not exist"
    text = f"{claim.name} is not bound; its storage class is {storage or 'none'}{why}"
    at = claim.metadata.created
    facts = [object_fact(state, CLAIM, claim, text, "{.status.phase}", at=at, value=claim.status.phase)]
    facts += [event_fact(state, event) for event in events]
    for pod in users:
        text = f"{pod.name} waits for {claim.name}"
        facts.append(
            object_fact(state, "Pod", pod, text, "{.status.phase}", at=pod.metadata.created, value=pod.status.phase)
        )
    return _Unwell(claim, facts, min([event.first_seen for event in events], default=at))


def _phase(
    state: ClusterState, item: PersistentVolumeClaim | PersistentVolume, since: float, events: list[Event]
) -> _Unwell:
    message = getattr(item.status, "message", "")
    reference = getattr(item.spec, "claim_ref", None)
    of = f" (claim {reference.namespace}/{reference.name})" if reference is not None else ""
    text = f"{item.name}{of} is {item.status.phase}" + (f": {message}" if message else "")
    facts = [object_fact(state, item.kind, item, text, "{.status.phase}", at=since, value=item.status.phase)]
    return _Unwell(item, facts + [event_fact(state, event) for event in events], since)


def _lost(state: ClusterState, now: float) -> Iterator[_Unwell]:
    told = _events(state, frozenset(("ClaimLost",)))
    for claim in state.claims.values():
        if claim.status.phase == "Lost":
            events = told.get(claim.metadata.uid, [])
            yield _phase(state, claim, min([event.first_seen for event in events], default=now), events)


def _conditions(state: ClusterState, claim: PersistentVolumeClaim, hold: float, now: float) -> Iterator[_Unwell]:
    for condition in claim.status.conditions:
        patience = 1 if condition.type in BROKEN_CONDITIONS else _EXPANSION_PATIENCE
        if condition.type not in BROKEN_CONDITIONS | PENDING_CONDITIONS or condition.status != "True":
            continue
        since = condition.since if condition.since is not None else claim.metadata.created
        if now - since >= hold * patience:
            text = f"{claim.name} {condition.type}: {condition.message or condition.reason}"
            path = condition_path(condition.type)
            fact = object_fact(state, CLAIM, claim, text, path, at=since, value=condition.status)
            yield _Unwell(claim, [fact], since)


def _abnormal(
    state: ClusterState, claim: PersistentVolumeClaim, told: list[list[Event]], now: float
) -> Iterator[_Unwell]:
    """What drivers and kubelets say again and again about its volume."""
    recent = [event for events in told for event in events if now - event.last_seen <= _RECENT_SECONDS]
    if sum(event.count for event in recent) >= 2:
        facts = [event_fact(state, event) for event in recent]
        yield _Unwell(claim, facts, min(event.first_seen for event in recent))


def _overdue_since(volume: PersistentVolume) -> float | None:
    """When a volume should have begun to go away; None for one that may stay."""
    deleted = unix(volume.metadata.deletion_timestamp)
    if deleted is not None and volume.status.phase != "Bound":
        return deleted
    released = volume.status.phase == "Released" and volume.spec.persistent_volume_reclaim_policy == "Delete"
    return _changed(volume) if released or volume.status.phase == "Failed" else None


def _changed(volume: PersistentVolume) -> float:
    since = unix(volume.status.last_phase_transition_time)
    return since if since is not None else volume.metadata.created


def _waits_for_placement(state: ClusterState, claim: PersistentVolumeClaim) -> bool:
    storage = state.storage_classes.get(claim.spec.storage_class_name or "")
    late = storage is not None and storage.volume_binding_mode == "WaitForFirstConsumer"
    return late and SELECTED_NODE not in claim.metadata.annotations


def _namespace_ends(state: ClusterState, namespace: str) -> bool:
    known = state.namespaces.get(namespace)
    return known is not None and known.metadata.deletion_timestamp is not None


def _consumers(state: ClusterState) -> dict[tuple[str, str], list[str]]:
    """The UIDs of each claim and of the pods that use it: events about its volume are about any of them."""
    users = state.claim_users
    return {
        key: [claim.metadata.uid, *(pod.metadata.uid for pod in users.get(key, ()))]
        for key, claim in state.claims.items()
    }


def _events(state: ClusterState, reasons: frozenset[str]) -> dict[str, list[Event]]:
    """Events of these reasons by the UID of what they are about."""
    told: dict[str, list[Event]] = {}
    for event in state.events:
        if event.reason in reasons:
            told.setdefault(event.regarding.uid, []).append(event)
    return told
