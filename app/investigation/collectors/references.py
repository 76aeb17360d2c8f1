"""ConfigMaps and Secrets that a pod needs and does not get, by what its specification refers to.

Objects of these kinds are never read. Which one is missing shows in what the kubelet says of it and, where that is not
to be had, in what only the pods refer to that cannot start.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Step
from detectors.states.containers import CONFIG_REASONS
from detectors.states.paths import container_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.investigation.model import Clue
    from app.investigation.scene import Scene
    from detectors.objects import ContainerStatus, Pod, Reference

_ABSENT = re.compile(r'(secret|configmap)s? "([^"]{1,253})" not found', re.IGNORECASE)
_NO_KEY = re.compile(
    r"(?:couldn't find key|references non-existent (?:config|secret) key:?) (\S{1,253})"
    r"(?: in (Secret|ConfigMap) (?:[\w.-]+/)?([\w.-]{1,253}))?",
    re.IGNORECASE,
)
_KINDS = {"secret": "Secret", "configmap": "ConfigMap"}


@collector(Step.CAUSE, "reference.missing", "reference.key-missing", "reference.new", "reference.agrees")
def missing_references(scene: Scene) -> Iterator[Clue]:
    """Which ConfigMap, Secret or key keeps containers from being created."""
    for pod, status in _waiting(scene):
        waiting = status.state.waiting
        assert waiting is not None
        path = container_path(pod, status, "state.waiting.message")
        wanted = _wanted(pod, status)
        named = _named(waiting.message, wanted)
        if named is not None:
            reference, key = named
            text = f"{reference} {f'has no key {key}' if key else 'does not exist'}"
            name = "reference.key-missing" if key else "reference.missing"
            yield scene.of_field(
                name, True, pod, text, path, value=reference, at=pod.metadata.created, fills=_fills(reference, key)
            )
        new = _only_here(scene, wanted)
        if new:
            titles = " or ".join(dict.fromkeys(each.title for each in new))
            text = f"only the pods that cannot start refer to {titles}"
            name, born = "reference.new" if named is None else "reference.agrees", pod.metadata.created
            fills = _fills(titles, "")
            yield scene.of_field(name, True, pod, text, "{.spec.containers}", value=titles, at=born, fills=fills)
        if named is not None or new:
            return


@collector(Step.CAUSE, "reference.told", needs=("pods", "events"))
def reference_events(scene: Scene) -> Iterator[Clue]:
    """Events that name an object which does not exist."""
    for event in scene.events("Failed", "FailedMount"):
        if found := _ABSENT.search(event.message):
            title = f"{_KINDS[found[1].lower()]} {found[2]}"
            yield scene.of_event("reference.told", True, event, fills=_fills(title, ""))
            return


def _waiting(scene: Scene) -> Iterator[tuple[Pod, ContainerStatus]]:
    for pod in scene.unwell:
        for status in pod.statuses:
            if status.state.waiting is not None and status.state.waiting.reason in CONFIG_REASONS:
                yield pod, status


def _wanted(pod: Pod, status: ContainerStatus) -> Sequence[Reference]:
    """What the container itself needs, and the pod's volumes."""
    found = [each for volume in pod.spec.volumes for each in volume.references]
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        if container.name == status.name:
            found += container.references
    return [each for each in found if not each.optional]


def _named(message: str, wanted: Sequence[Reference]) -> tuple[str, str] | None:
    """The object that a message names, and the key where only that is missing."""
    if found := _NO_KEY.search(message):
        title = f"{_KINDS[found[2].lower()]} {found[3]}" if found[2] else ""
        holder = next((each.title for each in wanted if each.key == found[1]), "")
        return (title or holder, found[1]) if title or holder else None
    found = _ABSENT.search(message)
    return (f"{_KINDS[found[1].lower()]} {found[2]}", "") if found else None


def _only_here(scene: Scene, wanted: Sequence[Reference]) -> list[Reference]:
    """What healthy pods of the workload do without; nothing where there are none to compare with."""
    revisions = {scene.state.owner(pod).revision for pod in scene.unwell}
    known = [pod.spec.references for pod in scene.healthy if scene.state.owner(pod).revision not in revisions]
    known = known or [each.spec.template.spec.references for each in scene.revisions[1:2]]
    usual = {each[:3] for references in known for each in references}
    return [each for each in wanted if each[:3] not in usual] if known else []


def _fills(title: str, key: str) -> dict[str, str]:
    kind, _, name = title.partition(" ")
    fills = {"reference": title, "key": key}
    return fills | ({"refkind": kind.lower(), "refname": name} if " or " not in title else {})
