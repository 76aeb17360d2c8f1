"""What containers say of themselves: how they ended, why they cannot be created, who killed them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from app.investigation.collectors import collector
from app.investigation.model import Step
from app.investigation.scene import BEFORE_SECONDS
from detectors.objects import unix
from detectors.states.containers import CONFIG_REASONS, CRASH_LOOP, OOM_KILLED, back_off_seconds
from detectors.states.paths import container_path
from detectors.states.report import is_sidecar
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.model import Clue
    from app.investigation.scene import Scene
    from detectors.objects import ContainerStatus, Pod, Terminated, Waiting


STABLE_SECONDS = 1800.0
"""A container that has run for so long is well again."""


class End(NamedTuple):
    """How a container's newest finished run ended."""

    pod: Pod
    status: ContainerStatus
    last: Terminated
    field: str
    """`state` or `lastState`."""

    @property
    def ran(self) -> float | None:
        """Seconds that it ran; None where the kubelet does not tell."""
        return self.last.finished - self.last.started if self.last.finished and self.last.started else None


class _Way(NamedTuple):
    """One way to end, by the pair of reason and exit code."""

    clue: str
    words: str
    reasons: frozenset[str] = frozenset()
    codes: frozenset[int] = frozenset()


_WAYS = (
    _Way("container.oom-killed", "was killed for memory", frozenset((OOM_KILLED,))),
    _Way(
        "container.cannot-start",
        "could not be started",
        frozenset(("StartError", "ContainerCannotRun", "RunContainerError")),
        frozenset((126, 127, 128)),
    ),
    _Way("container.exit-zero", "ended as if it were done", codes=frozenset((0,))),
    _Way("container.killed", "was killed (SIGKILL), not for memory", codes=frozenset((137,))),
    _Way("container.stopped", "was asked to stop (SIGTERM)", codes=frozenset((143,))),
    _Way("container.crashed", "crashed (a signal of its own)", codes=frozenset((132, 134, 135, 136, 139))),
    _Way("container.lost", "ended in a way that the runtime cannot tell", codes=frozenset((255,))),
)
"""In their order; what is in none of them is an error that the program itself reports."""
EXITS = ("container.exit", *(way.clue for way in _WAYS))


def ends(scene: Scene) -> list[End]:
    """How the containers in question ended last, the latest first.

    Init containers that did their work are left out, and containers that are well again since before the case.
    """
    since = scene.onset - BEFORE_SECONDS
    found = []
    for pod in scene.unwell or scene.pods:
        initial = {status.name for status in pod.status.init_container_statuses}
        for status in pod.statuses:
            field = "state" if status.state.terminated is not None else "lastState"
            last = status.state.terminated or status.last_state.terminated
            if last is None or (status.ready and (last.finished or 0.0) < since):
                continue
            done = status.name in initial and not is_sidecar(pod, status) and last.exit_code == 0
            if not done:
                found.append(End(pod, status, last, field))
    return sorted(found, key=lambda each: each.last.finished or 0.0, reverse=True)


def way_of(last: Terminated) -> tuple[str, str]:
    """The clue that an end is, and its words."""
    for way in _WAYS:
        if last.reason in way.reasons or (last.exit_code in way.codes and last.reason != OOM_KILLED):
            return way.clue, way.words
    return "container.exit", "exits"


@collector(Step.CAUSE, *EXITS)
def exits(scene: Scene) -> Iterator[Clue]:
    """How containers ended, by the pair of reason and exit code; once for each container and way."""
    told = set()
    for each in ends(scene):
        name, words = way_of(each.last)
        code = str(each.last.exit_code)
        if (each.status.name, name, code) in told:
            continue
        told.add((each.status.name, name, code))
        restarts = counted(each.status.restart_count, "restarts")
        text = f"container {each.status.name} {words}: code {code} ({each.last.reason or 'no reason'}), {restarts}"
        yield scene.of_field(
            name, True, each.pod, text, container_path(each.pod, each.status, f"{each.field}.terminated.exitCode"),
            value=code, at=_first_end(scene, each),
            fills={
                "container": each.status.name, "code": code, "pod": each.pod.name, "way": words,
                "why": f"container {each.status.name} {words} (code {code})", "words": "its log does not say why",
            },
        )  # fmt: skip


def _first_end(scene: Scene, each: End) -> float | None:
    """When a container began to end: the first time that is known, told, or proven by the pauses between restarts."""
    uid, last = each.pod.metadata.uid, each.last.finished
    seen = [r.at for r in scene.state.restarts if (r.pod, r.container) == (uid, each.status.name)]
    seen += [event.first_seen for event in scene.events("BackOff") if event.regarding.uid == uid]
    if last is None:
        return min(seen, default=None)
    waits = each.status.state.waiting
    looping = each.field == "state" or (waits is not None and waits.reason == CRASH_LOOP)
    paused = back_off_seconds(each.status.restart_count - 1) if looping else 0.0
    return max(min(last - paused, *seen, last), min(each.pod.metadata.created, last))


@collector(Step.CAUSE, "restart.single")
def single_restarts(scene: Scene) -> Iterator[Clue]:
    """Whether all that happened is one restart of a container that has run for long since."""
    restarts = sum(scene.state.restarts_since(pod, scene.onset - BEFORE_SECONDS) for pod in scene.pods)
    running = [status.state.running for pod in scene.pods for status in pod.statuses if status.state.running]
    youngest = max((unix(each.started_at) or scene.now for each in running), default=scene.now)
    if scene.pods and not scene.unwell:
        single = restarts <= 1 and scene.now - youngest >= STABLE_SECONDS
        text = f"{counted(restarts, 'restarts')} in all, nothing for {(scene.now - youngest) / 60:.0f} min"
        path = "{.status.containerStatuses[*].restartCount}"
        yield scene.of_field("restart.single", single, scene.pods[0], text, path, value=str(restarts))


@collector(Step.CAUSE, "kill.by-kubelet", "kill.liveness", needs=("pods", "events"))
def kills(scene: Scene) -> Iterator[Clue]:
    """Whether the kubelet killed containers of pods that nobody deletes: it does so when a liveness probe fails."""
    staying = {pod.metadata.uid: pod for pod in scene.pods if pod.metadata.deletion_timestamp is None}
    told = set()
    for event in scene.events("Killing", "Unhealthy", since=scene.onset - BEFORE_SECONDS):
        pod = staying.get(event.regarding.uid)
        container = re.sub(r"^spec\.(?:initC|c)ontainers\{(.*)\}$", r"\1", event.regarding.field_path)
        liveness = event.reason == "Unhealthy" and event.message.startswith(("Liveness", "Startup"))
        if pod is None or (event.reason, container) in told or not (event.reason == "Killing" or liveness):
            continue
        told.add((event.reason, container))
        name = "kill.liveness" if liveness else "kill.by-kubelet"
        yield scene.of_event(name, True, event, fills={"container": container, "pod": pod.name} if container else {})


@collector(Step.CAUSE, "container.cannot-create", "command.not-found", "image.other-platform")
def creation(scene: Scene) -> Iterator[Clue]:
    """Why containers cannot be created or started as they are specified: the kubelet's reason, then its words."""
    told = set()
    for pod, status, waiting in _refused(scene):
        if (status.name, waiting.reason) in told:
            continue
        told.add((status.name, waiting.reason))
        fills = {"container": status.name, "reason": waiting.reason, "pod": pod.name, "image": status.image}
        path = container_path(pod, status, "state.waiting.reason")
        text = f"container {status.name}: {waiting.reason}"
        yield scene.of_field("container.cannot-create", True, pod, text, path, value=waiting.reason, fills=fills)
    for pod, status, message in _start_messages(scene):
        path = container_path(pod, status, "lastState.terminated.message")
        if found := _NOT_RUNNABLE.search(message):
            fills = {"container": status.name, "command": found[1], "problem": found[2]}
            text = f"container {status.name}: {found[1]}: {found[2]}"
            yield scene.of_field("command.not-found", True, pod, text, path, value=found[1], fills=fills)
            return
        if "exec format error" in message:
            fills = {"container": status.name, "image": status.image}
            text = f"container {status.name}: the image is built for another architecture"
            yield scene.of_field("image.other-platform", True, pod, text, path, value=status.image, fills=fills)
            return


_NOT_RUNNABLE = re.compile(
    r'exec: "([^"]{1,200})": (?:stat \S{1,200}: )?'
    r"(executable file not found|no such file or directory|permission denied)"
)


def _refused(scene: Scene) -> Iterator[tuple[Pod, ContainerStatus, Waiting]]:
    for pod in scene.unwell:
        for status in pod.statuses:
            waiting = status.state.waiting
            if waiting is not None and waiting.reason in CONFIG_REASONS:
                yield pod, status, waiting


def _start_messages(scene: Scene) -> Iterator[tuple[Pod, ContainerStatus, str]]:
    for each in ends(scene):
        yield each.pod, each.status, each.last.message
    for pod, status, waiting in _refused(scene):
        yield pod, status, waiting.message
