"""What pods that have a node and do not start wait for: missing objects, volumes that are held or not attached."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Step
from detectors.states.events import MOUNT_REASONS
from detectors.states.paths import condition_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.model import Clue
    from app.investigation.scene import Scene
    from detectors.objects import Pod

_MISSING = re.compile(r'(configmap|secret) "([^"]+)" not found', re.IGNORECASE)
_TIMEOUT = re.compile(r"timed out waiting|timeout expired", re.IGNORECASE)
_KINDS = {"configmap": "ConfigMap", "secret": "Secret"}


@collector(Step.CAUSE, "mount.object-missing", "mount.times-out", "mount.fails", needs=("events", "pods"))
def mounts(scene: Scene) -> Iterator[Clue]:
    """What the kubelet and the attach controller say of volumes; a missing object only they can tell."""
    told = set()
    for event in scene.events(*MOUNT_REASONS):
        missing, late = _MISSING.search(event.message), _TIMEOUT.search(event.message)
        if missing is not None:
            fills = {"object": f"{_KINDS[missing[1].lower()]} {missing[2]}"}
            name = "mount.object-missing"
        else:
            fills, name = {"message": event.message or event.reason}, "mount.times-out" if late else "mount.fails"
        if name not in told:
            told.add(name)
            yield scene.of_event(name, True, event, fills=fills)


@collector(Step.CAUSE, "mount.held-elsewhere", needs=("persistentvolumeclaims", "pods"))
def attachments(scene: Scene) -> Iterator[Clue]:
    """Claims for one node at a time that a pod on another node still uses."""
    for pod in scene.unwell:
        for volume in pod.spec.volumes:
            source = volume.persistent_volume_claim
            key = (pod.namespace, source.claim_name) if source is not None else ("", "")
            claim = scene.state.claims.get(key)
            if claim is None or not {"ReadWriteOnce", "ReadWriteOncePod"}.intersection(claim.spec.access_modes):
                continue
            others = (other for other in scene.state.claim_users.get(key, ()) if _elsewhere(pod, other))
            for other in others:
                text = f"claim {claim.name} is for one node at a time; {other.name} uses it on {other.spec.node_name}"
                fills = {"claim": claim.name, "other": other.name, "node": other.spec.node_name, "pod": pod.name}
                yield scene.of_field("mount.held-elsewhere", True, claim, text, "{.spec.accessModes}", fills=fills)


def _elsewhere(pod: Pod, other: Pod) -> bool:
    nodes = {pod.spec.node_name, other.spec.node_name}
    return other.metadata.uid != pod.metadata.uid and "" not in nodes and len(nodes) > 1


@collector(Step.CAUSE, "mount.pending")
def creating(scene: Scene) -> Iterator[Clue]:
    """Pods that have a node and whose containers have not been created: they wait for volumes or for the network."""
    for pod in scene.unwell:
        scheduled = pod.status.condition("PodScheduled")
        waiting = [
            s for s in pod.statuses if s.state.waiting is not None and s.state.waiting.reason == "ContainerCreating"
        ]
        if pod.spec.node_name and waiting:
            names = ", ".join(volume.name for volume in pod.spec.volumes)
            text = f"{pod.name} has a node and waits for its volumes: {names}"
            since = scheduled.since if scheduled is not None else None
            fills = {"pod": pod.name, "volumes": names}
            path = condition_path("PodReadyToStartContainers")
            yield scene.of_field("mount.pending", True, pod, text, path, at=since, fills=fills)
            return
