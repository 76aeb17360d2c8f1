"""What changed before the onset: rollouts, and what they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Step
from app.investigation.scene import BEFORE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.model import Clue
    from app.investigation.scene import Scene
    from detectors.objects import ReplicaSet

AFTER_SECONDS = 120.0
"""A change this long after the onset may still be what was seen: clocks differ, detectors look back."""


@collector(Step.CAUSE, "change.rollout", "change.no-rollout", "change.old-pods-fail", needs=("pods", "replicasets"))
def rollouts(scene: Scene) -> Iterator[Clue]:
    """Whether a new revision came shortly before the onset, and whether pods of older ones fail as well."""
    if len(scene.revisions) == 0:
        return
    newest = scene.revisions[0]
    older = scene.revisions[1] if len(scene.revisions) > 1 else None
    at = newest.metadata.created
    recent = older is not None and scene.onset - BEFORE_SECONDS <= at <= scene.onset + AFTER_SECONDS
    what = ", ".join(_differences(older, newest)) if older is not None else ""
    text = f"revision {newest.revision} rolled out{f': {what}' if what else ''}"
    yield scene.of_field(
        "change.rollout" if recent else "change.no-rollout",
        True,
        newest,
        text if recent else f"no rollout in the {BEFORE_SECONDS / 60:.0f} min before it began",
        "{.metadata.creationTimestamp}",
        value=newest.metadata.creation_timestamp or "",
        at=at,
        fills={"revision": str(newest.revision), "change": what or "its pod template"},
    )
    hashes = {newest.metadata.labels.get("pod-template-hash", "")}
    old = [pod for pod in scene.unwell if scene.state.owner(pod).revision not in hashes]
    for pod in old[:1]:
        text = f"a pod of an older revision fails as well: {pod.name}"
        phase = pod.status.phase
        yield scene.of_field("change.old-pods-fail", True, pod, text, "{.status.phase}", value=phase)


def _differences(older: ReplicaSet, newer: ReplicaSet) -> Iterator[str]:
    """What differs between two revisions' pod templates, as far as it is read."""
    before = {container.name: container for container in older.spec.template.spec.containers}
    for container in newer.spec.template.spec.containers:
        known = before.get(container.name)
        if known is None:
            yield f"container {container.name} added"
        elif known.image != container.image:
            yield f"image {known.image} -> {container.image}"
        elif known.resources != container.resources:
            yield f"resources of {container.name}"
