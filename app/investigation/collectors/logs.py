"""What logs add: why a run ended, what is new against a healthy sibling or the time before, whom it could not reach.

Tails are bounded, and asked for once. Whatever is told of them is redacted here already, for it also fills titles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.investigation.collectors import collector
from app.investigation.collectors.containers import ends
from app.investigation.logs import TOPICS, Level, entries, news, reason, target, topic
from app.investigation.model import Clue, Origin, Step
from app.redaction import redact
from detectors.states.paths import pairs
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.investigation.logs import Entry
    from app.investigation.scene import Scene
    from detectors.objects import ContainerStatus, Pod, Service

LOG_LINES = 200
"""Of one container's log."""
MOST_LOGS = 2
"""Logs of failing containers that are read: replicas fail alike."""
MOST_NEWS = 3

REASONS = ("log.error", *(f"log.{each.id}" for each in TOPICS))
"""Why a run failed: what its words are about, `log.error` where they tell nothing of the kind."""


class Tail(NamedTuple):
    """The end of one container's log."""

    pod: Pod
    container: str
    previous: bool
    entries: Sequence[Entry]


class Why(NamedTuple):
    """The words that say why."""

    tail: Tail
    entry: Entry
    sure: bool


@collector(Step.CAUSE, *REASONS, "log.last-words", needs=("pods", "logs"))
def reasons(scene: Scene) -> Iterator[Clue]:
    """The line that says why the failing containers fail; the last that they wrote where none says so."""
    found = why(scene)
    if found is None:
        return
    about, line = topic(found.entry.text), redact(found.entry.text)
    container = found.tail.container
    if not found.sure:
        yield _told(
            scene, found.tail, "log.last-words", f"last line of {container}: {line}", found.entry, {"line": line}
        )
        return
    host, port = _target(found.entry)
    fills = {"line": line, "why": line, "container": container}
    if host:
        fills |= {"target": f"{host}:{port}" if port else host}
    name = f"log.{about.id}" if about is not None else "log.error"
    yield _told(scene, found.tail, name, f"{container} says why: {line}", found.entry, fills)


@collector(Step.CAUSE, "log.new", "log.surging", needs=("pods", "logs"))
def log_news(scene: Scene) -> Iterator[Clue]:
    """Warnings and errors that are new or surge against a healthy sibling, or against the time before the onset."""
    for tail in _running(scene):
        usual, now = _sibling(scene, tail), tail.entries
        if not usual:
            usual = [entry for entry in tail.entries if entry.at is not None and entry.at < scene.onset]
            now = [entry for entry in tail.entries if entry.at is not None and entry.at >= scene.onset]
        grave = [group for group in news(now, usual) if group.example.level >= Level.WARN or topic(group.example.text)]
        for group in grave[:MOST_NEWS]:
            line = redact(group.example.text)
            text = f"{tail.container} writes {'for the first time' if group.new else 'far more often'}: {line}"
            fills = {"line": line, "why": line, "container": tail.container}
            yield _told(
                scene, tail, "log.new" if group.new else "log.surging", text, group.example, fills, group.entries
            )
        if grave:
            return


@collector(
    Step.CAUSE, "dependency.no-service", "dependency.no-endpoints", "dependency.ready", needs=("pods", "services")
)
def named_dependency(scene: Scene) -> Iterator[Clue]:
    """How the Service is that the failing containers say they cannot reach."""
    found = why(scene) if scene.sources.has_logs else None
    about = topic(found.entry.text) if found is not None else None
    host = _target(found.entry)[0] if found is not None and about is not None and about.id == "dependency" else ""
    if not host:
        return
    service, inside = _service(scene, host)
    source = scene.kubectl("--namespace", scene.subject.namespace, "get", "services")
    if service is None:
        if inside:
            text = f"there is no Service {host}"
            yield Clue(name="dependency.no-service", holds=True, text=text, source=source, fills={"target": host})
        return
    slices = [each for each in scene.state.endpoint_slices.values() if each.service == service.name]
    ready = any(e.ready for each in slices if each.namespace == service.namespace for e in each.endpoints or ())
    if not slices and not scene.state.readable("endpointslices"):
        return
    name = "dependency.ready" if ready else "dependency.no-endpoints"
    text = f"Service {service.namespace}/{service.name} has {'ready endpoints' if ready else 'no ready endpoint'}"
    yield scene.of_field(
        name, True, service, text, "{.spec.selector}", value=pairs(service.spec.selector),
        fills={"address": f"{service.namespace}/{service.name}", "service": service.name},
    )  # fmt: skip


def why(scene: Scene) -> Why | None:
    """The words that say why the failing containers fail."""
    unsure: Why | None = None
    for tail in _failing(scene):
        found = reason(tail.entries, _sibling(scene, tail))
        if found is not None and found.sure:
            return Why(tail, *found)
        unsure = unsure or (Why(tail, *found) if found is not None else None)
    return unsure


def _failing(scene: Scene) -> Iterator[Tail]:
    """The logs of the runs that failed; of containers that run and are not ready where none did."""
    over = ends(scene)
    for each in over[:MOST_LOGS]:
        previous = each.field == "lastState"
        tail = _read(scene, each.pod, each.status, previous=previous)
        if not tail.entries and previous:
            # The runtime removes old containers: a crash loop writes the same again.
            tail = _read(scene, each.pod, each.status, previous=False)
        yield tail
    if not over:
        yield from _running(scene)


def _running(scene: Scene) -> Iterator[Tail]:
    for pod in (scene.unwell or scene.pods)[:MOST_LOGS]:
        running = [status for status in pod.statuses if status.state.running is not None]
        for status in [status for status in running if not status.ready] or running[:1]:
            yield _read(scene, pod, status, previous=False)


def _sibling(scene: Scene, tail: Tail) -> Sequence[Entry]:
    """What the same container of a healthy pod of the workload wrote."""
    for pod in scene.healthy:
        status = next((each for each in pod.statuses if each.name == tail.container), None)
        if pod.metadata.uid != tail.pod.metadata.uid and status is not None:
            return _read(scene, pod, status, previous=False).entries
    return ()


def _read(scene: Scene, pod: Pod, status: ContainerStatus, *, previous: bool) -> Tail:
    told = scene.sources.log(pod.namespace, pod.name, status.name, previous=previous, lines=LOG_LINES)
    # A pod's own name tells nothing, and would make every replica's line another template.
    lines = [line.replace(pod.name, "<pod>") for line in told.lines]
    return Tail(pod, status.name, previous, entries(lines))


def _told(scene: Scene, tail: Tail, name: str, text: str, entry: Entry, fills: dict[str, str], number: int = 1) -> Clue:
    words = ("--previous",) if tail.previous else ()
    command = ("logs", tail.pod.name, "--container", tail.container, *words, f"--tail={LOG_LINES}")
    return Clue(
        name=name, holds=True, text=f"{text} ({counted(number, 'times')})" if number > 1 else text,
        source=scene.kubectl("--namespace", tail.pod.namespace, *command), origin=Origin.LOG,
        value=redact(entry.text), at=entry.at, fills=fills,
    )  # fmt: skip


def _target(entry: Entry) -> tuple[str, int]:
    """Whom a message names; a stack trace may name it further down."""
    found = target(entry.text)
    return found if found[0] else target(" ".join(entry.lines[-3:]))


def _service(scene: Scene, host: str) -> tuple[Service | None, bool]:
    """The Service of a host name or address, and whether the name can only mean one of this cluster."""
    name, _, rest = host.partition(".")
    namespace = rest.partition(".")[0] or scene.subject.namespace
    found = scene.state.services.get((namespace, name))
    if found is None and host[:1].isdigit():
        found = next((each for each in scene.state.services.values() if host in each.addresses), None)
    inside = not rest or rest.partition(".")[2].startswith("svc") or rest in scene.state.namespaces
    return found, inside and not host[:1].isdigit() and host != "localhost"
