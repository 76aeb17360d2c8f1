"""Volume claims: why one is not bound, not removed, or not well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Clue, Step
from detectors.objects import quantity
from detectors.states.paths import condition_path
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.scene import Scene
    from detectors.objects import PersistentVolume, PersistentVolumeClaim, StorageClass

CLAIM, VOLUME = "PersistentVolumeClaim", "PersistentVolume"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
"""Of a storage class whose volumes somebody creates by hand."""


def claims_of(scene: Scene) -> tuple[PersistentVolumeClaim, ...]:
    """The subject, the claim of a volume that is the subject, or the claims that the pods in question use."""
    state, subject = scene.state, scene.subject
    if subject.kind == VOLUME:
        volume = state.volumes.get(subject.name)
        reference = volume.spec.claim_ref if volume is not None else None
        keys = [(reference.namespace, reference.name)] if reference is not None else []
    elif subject.kind == CLAIM:
        keys = [(subject.namespace, subject.name)]
    else:
        users = {pod.metadata.uid for pod in scene.pods}
        keys = [key for key, pods in state.claim_users.items() if users.intersection(pod.metadata.uid for pod in pods)]
    return tuple(state.claims[key] for key in keys if key in state.claims)


def volume_of(scene: Scene, claim: PersistentVolumeClaim | None) -> PersistentVolume | None:
    """The volume of a claim, or the subject where that is a volume."""
    if scene.subject.kind == VOLUME:
        return scene.state.volumes.get(scene.subject.name)
    return scene.state.volumes.get(claim.spec.volume_name) if claim is not None else None


def _names(claim: PersistentVolumeClaim) -> dict[str, str]:
    return {
        "claim": claim.name,
        "class": claim.spec.storage_class_name or "none",
        "volume": claim.spec.volume_name or "(none named)",
    }


@collector(
    Step.CAUSE, "claim.unbound", "claim.class-missing", "claim.no-volume", "claim.no-class", "claim.no-consumer",
    needs=("persistentvolumeclaims", "storageclasses", "pods"),
)  # fmt: skip
def unbound(scene: Scene) -> Iterator[Clue]:
    """Claims that are not bound, and what their storage class says of it."""
    for claim in claims_of(scene):
        if claim.status.phase != "Pending":
            continue
        users = scene.state.claim_users.get((claim.namespace, claim.name), ())
        name, at = claim.spec.storage_class_name, claim.metadata.created
        fills = _names(claim) | {"pod": users[0].name if users else "nobody"}
        text = f"claim {claim.name} is not bound; it asks for storage class {name or '(the default)'}"
        yield scene.of_field("claim.unbound", True, claim, text, "{.status.phase}", value="Pending", fills=fills)
        storage = scene.state.storage_classes.get(name or "")
        path = "{.spec.storageClassName}"
        if storage is None:
            missing = f"storage class {name} does not exist" if name else f"claim {claim.name} names no storage class"
            which = "claim.class-missing" if name else "claim.no-class"
            yield scene.of_field(which, True, claim, missing, path, value=name or "", at=at, fills=fills)
            continue
        if storage.provisioner == NO_PROVISIONER and not _free(scene, claim, storage):
            text = f"no volume of storage class {name} is free for {claim.name}, and nobody provides them"
            yield scene.of_field("claim.no-volume", True, storage, text, "{.provisioner}", at=at, fills=fills)
        if storage.volume_binding_mode == "WaitForFirstConsumer":
            text = f"storage class {name} waits for a first consumer, and {'one is' if users else 'no pod is'} there"
            yield scene.of_field("claim.no-consumer", not users, storage, text, "{.volumeBindingMode}", fills=fills)


def _free(scene: Scene, claim: PersistentVolumeClaim, storage: StorageClass) -> bool:
    wanted = quantity(claim.spec.resources.requests.get("storage", 0))
    return any(
        volume.status.phase == "Available"
        and volume.spec.storage_class_name == storage.name
        and quantity(volume.spec.capacity.get("storage", 0)) >= wanted
        for volume in scene.state.volumes.values()
    )


@collector(Step.CAUSE, "claim.provisioning-fails", "claim.deletion-fails", needs=("events",))
def provisioners(scene: Scene) -> Iterator[Clue]:
    """What the provisioner says of the claim or its volume."""
    known = {claim.metadata.uid: _names(claim) for claim in claims_of(scene)}
    for claim in (*claims_of(scene), None):
        volume = volume_of(scene, claim)
        if volume is not None:
            known.setdefault(volume.metadata.uid, {"volume": volume.name})
    clues = {"ProvisioningFailed": "claim.provisioning-fails", "VolumeFailedDelete": "claim.deletion-fails"}
    told = set()
    for event in sorted(scene.state.events, key=lambda each: each.last_seen, reverse=True):
        if event.reason in clues and event.regarding.uid in known and event.reason not in told:
            told.add(event.reason)
            fills = {**known[event.regarding.uid], "message": event.message or "it gives no reason"}
            yield scene.of_event(clues[event.reason], True, event, fills=fills)


@collector(
    Step.CAUSE, "claim.held", "claim.in-use", "volume.not-deleted", needs=("persistentvolumeclaims", "pods")
)  # fmt: skip
def held(scene: Scene) -> Iterator[Clue]:
    """What keeps a deleted claim or volume: a pod that uses it, or finalizers."""
    subjects = (*claims_of(scene), volume_of(scene, next(iter(claims_of(scene)), None)))
    for item in subjects:
        if item is None or item.metadata.deletion_timestamp is None:
            continue
        users = scene.state.claim_users.get((item.namespace, item.name), ())
        if users:
            text = f"{item.name} is being deleted, and {users[0].name} still uses it"
            fills = {"claim": item.name, "pod": users[0].name}
            yield scene.of_field("claim.in-use", True, item, text, "{.metadata.deletionTimestamp}", fills=fills)
        elif item.metadata.finalizers:
            holders = ", ".join(item.metadata.finalizers)
            text = f"{item.name} is being deleted and nothing uses it; held by {holders}"
            fills = {"item": item.name, "finalizers": holders}
            yield scene.of_field("claim.held", True, item, text, "{.metadata.finalizers}", value=holders, fills=fills)
    volume = subjects[-1]
    if volume is not None and volume.status.phase == "Released":
        text = f"volume {volume.name} is released, should be deleted, and still is there"
        fills = {"volume": volume.name}
        yield scene.of_field("volume.not-deleted", True, volume, text, "{.status.phase}", value="Released", fills=fills)


@collector(
    Step.CAUSE, "claim.volume-gone", "volume.failed", "claim.resize-fails", "volume.abnormal", "impact.data-at-risk",
    needs=("persistentvolumeclaims", "persistentvolumes"),
)  # fmt: skip
def lost(scene: Scene) -> Iterator[Clue]:
    """Volumes that are gone or have failed, expansions that fail: what was stored there is in danger."""
    for claim in (*claims_of(scene), None):
        volume = volume_of(scene, claim)
        if volume is not None and volume.status.phase == "Failed":
            why = volume.status.message or volume.status.reason or "no reason given"
            text = f"volume {volume.name} has failed: {why}"
            fills = {"volume": volume.name, "message": why}
            since = volume.metadata.created
            yield scene.of_field("volume.failed", True, volume, text, "{.status.phase}", value="Failed", fills=fills)
            yield scene.of_field("impact.data-at-risk", True, volume, text, "{.status.phase}", at=since)
        if claim is None:
            continue
        if claim.status.phase == "Lost":
            text = f"claim {claim.name} has lost its volume {claim.spec.volume_name}".rstrip()
            gone = volume is None
            fills = _names(claim)
            yield scene.of_field("claim.volume-gone", gone, claim, text, "{.status.phase}", value="Lost", fills=fills)
            yield scene.of_field("impact.data-at-risk", True, claim, text, "{.status.phase}", value="Lost")
        yield from _resizing(scene, claim)


def _resizing(scene: Scene, claim: PersistentVolumeClaim) -> Iterator[Clue]:
    for condition in claim.status.conditions:
        if condition.status == "True" and condition.type != "FileSystemResizePending":
            text = f"claim {claim.name}: {condition.type}: {condition.message or condition.reason}"
            fills = {**_names(claim), "message": condition.message or condition.type}
            path = condition_path(condition.type)
            yield scene.of_field("claim.resize-fails", True, claim, text, path, at=condition.since, fills=fills)


@collector(Step.IMPACT, "impact.waits-for-claim", needs=("persistentvolumeclaims", "pods"))
def consumers(scene: Scene) -> Iterator[Clue]:
    """The pods that wait for a claim."""
    for claim in claims_of(scene):
        users = scene.state.claim_users.get((claim.namespace, claim.name), ())
        waiting = [pod for pod in users if not pod.ready]
        if waiting:
            owners = dict.fromkeys(f"{owner.kind} {owner.name}" for owner in map(scene.state.owner, waiting))
            text = f"{counted(len(waiting), 'pods')} of {', '.join(owners)} wait for claim {claim.name}"
            yield scene.of_field(
                "impact.waits-for-claim", True, waiting[0], text, "{.status.phase}", value=waiting[0].status.phase
            )
