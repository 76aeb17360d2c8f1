"""Images that cannot be pulled: which one, what the registry says, and who else can or cannot pull."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from app.investigation.collectors import collector
from app.investigation.collectors.changes import newest_rollout
from app.investigation.model import Step
from detectors.states.containers import PULL_REASONS
from detectors.states.paths import container_path
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.model import Clue
    from app.investigation.scene import Scene
    from detectors.cluster import ClusterState
    from detectors.objects import ContainerStatus, Pod

DOCKER_HUB = "docker.io"
"""The registry of an image that names none."""


class Image(NamedTuple):
    """The parts of an image's name."""

    registry: str
    repository: str
    version: str
    """Tag or digest; `latest` where it names none."""


class _Answer(NamedTuple):
    """One way in which a pull is refused, by the words of registries and runtimes."""

    clue: str
    pattern: re.Pattern[str]


def _answer(clue: str, *patterns: str) -> _Answer:
    return _Answer(clue, re.compile("|".join(patterns), re.IGNORECASE))


ANSWERS = (
    _answer("image.rate-limited", r"toomanyrequests", r"too many requests", r"rate limit", r"\b429\b"),
    _answer("image.other-platform", r"no match(?:ing manifest)? for platform", r"no matching manifest", r"exec format"),
    _answer("image.disk-full", r"no space left", r"disk quota exceeded"),
    _answer(
        "image.registry-unreachable",
        r"no such host", r"i/o timeout", r"x509", r"certificate", r"connection refused", r"connection reset",
        r"name resolution", r"tls handshake", r"no route to host", r"deadline exceeded", r"timed? ?out",
        r"server misbehaving", r"\b50[0234]\b", r"service unavailable", r"bad gateway", r"\bEOF\b",
    ),
    # A private repository hides from strangers: the refusal comes before the absence in what it answers.
    _answer(
        "image.refused",
        r"unauthorized", r"unauthenticated", r"authentication required", r"insufficient[_ ]scope", r"denied",
        r"\b40[13]\b", r"no basic auth credentials", r"authorization failed", r"forbidden",
    ),
    _answer(
        "image.not-found",
        r"not found", r"manifest unknown", r"name unknown", r"does not exist", r"\b404\b", r"NotFound",
    ),
)  # fmt: skip
"""First match wins."""


def image_of(name: str) -> Image:
    """The parts of an image's name: `shop/web:1` is of Docker Hub, as is `web`."""
    rest, _, digest = name.partition("@")
    path, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        path, tag = rest, ""
    first, slash, others = path.partition("/")
    known = slash and ("." in first or ":" in first or first == "localhost")
    registry, repository = (first, others) if known else (DOCKER_HUB, path)
    return Image(registry, repository, tag or digest or "latest")


@collector(Step.CAUSE, "image.cannot-pull", "image.invalid-name", "image.never-pulled", "image.new", "image.known")
def pulls(scene: Scene) -> Iterator[Clue]:
    """Which image cannot be pulled, and whether it is new; by the kubelet's reason alone."""
    for pod, status in _stuck(scene):
        image, fills = image_of(_wanted(pod, status)), _fills(pod, status)
        reason = status.state.waiting.reason if status.state.waiting is not None else ""
        path = container_path(pod, status, "state.waiting.reason")
        kind = {"InvalidImageName": "image.invalid-name", "ErrImageNeverPull": "image.never-pulled"}.get(reason)
        text = f"container {status.name} cannot pull {fills['image']} ({reason})"
        born = pod.metadata.created
        yield scene.of_field("image.cannot-pull", True, pod, text, path, value=reason, at=born, fills=fills)
        if kind is not None:
            yield scene.of_field(kind, True, pod, text, path, value=reason, at=born, fills=fills)
        before = _before(scene, status.name)
        if before is None:
            return
        old = image_of(before)
        known = before == fills["image"]
        what = "an image that ran before" if known else f"the tag {image.version}, before it was {old.version}"
        if not known and old[:2] != image[:2]:
            what = f"{image.registry}/{image.repository}, before it was {old.registry}/{old.repository}"
        yield scene.of_field(
            "image.known" if known else "image.new", True, pod, f"container {status.name} asks for {what}",
            "{.spec.containers}", value=fills["image"], at=born, fills={**fills, "before": before},
        )  # fmt: skip
        return


@collector(Step.CAUSE, *(each.clue for each in ANSWERS))
def registry_answers(scene: Scene) -> Iterator[Clue]:
    """What the registry or the runtime said, by the words of the waiting container, else of the events."""
    for pod, status in _stuck(scene):
        fills, waiting = _fills(pod, status), status.state.waiting
        failed = [event for event in scene.events("Failed") if event.regarding.uid == pod.metadata.uid]
        message = waiting.message if waiting is not None else ""
        told = next((event for event in failed if _answered(event.message, fills["image"])), None)
        answer = _answered(message, fills["image"]) or (_answered(told.message, fills["image"]) if told else None)
        if answer is None:
            continue
        if told is not None:
            yield scene.of_event(answer.clue, True, told, fills=fills)
        if _answered(message, fills["image"]) is answer:
            path = container_path(pod, status, "state.waiting.message")
            yield scene.of_field(answer.clue, True, pod, message, path, value=message, fills=fills)
        return


@collector(Step.CAUSE, "image.runs-elsewhere", "image.registry-fails-others", "image.node-fails-others")
def other_pulls(scene: Scene) -> Iterator[Clue]:
    """Whether other pods run the image, and whether others fail on the same registry or the same node."""
    for pod, status in _stuck(scene):
        fills, own = _fills(pod, status), scene.state.owner(pod).key
        image, node = fills["image"], pod.spec.node_name
        running = next((p for p in scene.state.pods.values() if _runs(p, image)), None)
        if running is not None:
            text, path = f"{running.name} runs it on node {running.spec.node_name}", "{.status.containerStatuses}"
            yield scene.of_field("image.runs-elsewhere", True, running, text, path, fills=fills)
        others = [each for each in _stuck_pods(scene.state) if scene.state.owner(each[0]).key != own]
        same = {scene.state.owner(p).key for p, s in others if image_of(_wanted(p, s)).registry == fills["registry"]}
        if same:
            text = f"{counted(len(same), 'other workloads')} cannot pull from {fills['registry']} either"
            yield scene.of_field("image.registry-fails-others", True, others[0][0], text, "{.status}", fills=fills)
        here = [p for p, _ in others if p.spec.node_name == node]
        if here and all(p.spec.node_name == node for p, _ in others):
            text = f"other images cannot be pulled on node {node} either, and everywhere else they can"
            yield scene.of_field("image.node-fails-others", True, here[0], text, "{.status}", fills=fills)
        return


@collector(Step.CAUSE, "image.pull-secret-missing", needs=("pods", "events"))
def pull_secrets(scene: Scene) -> Iterator[Clue]:
    """Whether a Secret for the registry, which the pod names, cannot be had."""
    for pod, status in _stuck(scene):
        names = ", ".join(each.name for each in pod.spec.image_pull_secrets)
        told = scene.events("FailedToRetrieveImagePullSecret")
        event = next((each for each in told if each.regarding.uid == pod.metadata.uid), None)
        if event is not None:
            fills = {**_fills(pod, status), "secret": names or "?"}
            text = f"the Secret for the registry cannot be had: {names or event.message}"
            yield scene.of_event("image.pull-secret-missing", True, event, text, fills)
        return


def _stuck(scene: Scene) -> Iterator[tuple[Pod, ContainerStatus]]:
    return ((pod, status) for pod in scene.unwell for status in pod.statuses if _pulling(status))


def _stuck_pods(state: ClusterState) -> list[tuple[Pod, ContainerStatus]]:
    return [(pod, status) for pod in state.pods.values() for status in pod.statuses if _pulling(status)]


def _pulling(status: ContainerStatus) -> bool:
    return status.state.waiting is not None and status.state.waiting.reason in PULL_REASONS


def _wanted(pod: Pod, status: ContainerStatus) -> str:
    """The image as the specification names it: a status may tell an id instead."""
    specified = (*pod.spec.init_containers, *pod.spec.containers)
    return next((each.image for each in specified if each.name == status.name), status.image)


def _fills(pod: Pod, status: ContainerStatus) -> dict[str, str]:
    name = _wanted(pod, status)
    registry, repository, version = image_of(name)
    fills = {"image": name, "registry": registry, "repository": repository, "tag": version}
    return fills | {"container": status.name, "pod": pod.name, "node": pod.spec.node_name}


def _answered(message: str, image: str) -> _Answer | None:
    """The class of a message; the image's own name says nothing."""
    text = message.replace(image, "")
    return next((each for each in ANSWERS if each.pattern.search(text)), None)


def _before(scene: Scene, container: str) -> str | None:
    """The container's image in the revision before."""
    rollout = newest_rollout(scene)
    for change in rollout.changes if rollout is not None else ():
        if (change.field, change.container) == ("image", container):
            return change.before
    healthy = (each for pod in scene.healthy for each in pod.spec.containers if each.name == container)
    found = next(healthy, None)
    return found.image if found is not None else None


def _runs(pod: Pod, image: str) -> bool:
    named = {each.name for each in pod.spec.containers if each.image == image}
    return any(status.name in named and status.state.running is not None for status in pod.statuses)
