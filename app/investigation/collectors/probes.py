"""Probes that fail: what they ask, what they get, and what of the container explains it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from app.investigation.collectors import collector
from app.investigation.collectors.containers import ends
from app.investigation.model import Step
from app.investigation.scene import BEFORE_SECONDS
from detectors.states.paths import condition_path
from detectors.states.report import living

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.model import Clue
    from app.investigation.scene import Scene
    from detectors.objects import Container, ContainerStatus, Pod, Probe


class _Answer(NamedTuple):
    """One way in which a probe fails, by the kubelet's words."""

    clue: str
    pattern: re.Pattern[str]


ANSWERS = tuple(
    _Answer(clue, re.compile(pattern, re.IGNORECASE))
    for clue, pattern in (
        ("probe.status", r"statuscode: (\d{3})"),
        ("probe.refused", r"connection refused"),
        ("probe.timeout", r"deadline exceeded|timeout|timed out|awaiting headers"),
        ("probe.no-route", r"no route to host|network is unreachable|no such host"),
        ("probe.command", r"exit code|command .{0,80}(?:exited|failed)|not found|OCI runtime|NOT_SERVING|unhealthy"),
    )
)


@collector(Step.CAUSE, "probe.failing", "probe.no-effect", "probe.undeclared-port")
def failing_probes(scene: Scene) -> Iterator[Clue]:
    """The readiness probe of a container that runs and is not ready, and whether anybody listens where it knocks."""
    for pod, status, container in _idle(scene):
        probe = container.readiness_probe or container.startup_probe
        title = probe.title if probe is not None else "none"
        ready = pod.status.condition("Ready")
        since = ready.since if ready is not None else None
        fills = {"container": container.name, "pod": pod.name, "probe": title, "port": str(_number(container, probe))}
        kind = "readiness" if container.readiness_probe is not None else "startup"
        fills |= {"kind_of_probe": kind, "answer": _latest_answer(scene, pod, kind)}
        text = f"container {status.name} runs and is not ready; its {kind} probe: {title}"
        path = condition_path("Ready")
        yield scene.of_field("probe.failing", True, pod, text, path, value="False", at=since, fills=fills)
        yield from _port(scene, pod, container)
        return
    if scene.pods:
        pod = scene.pods[0]
        text = "no container runs without being ready"
        yield scene.of_field("probe.failing", False, pod, text, condition_path("Ready"), value="True")
        conditions = [pod.status.condition("Ready") for pod in scene.pods if pod.ready]
        lasting = [each for each in conditions if each is not None and (each.since or 0.0) < scene.onset]
        steady = len(lasting) == len(scene.pods)
        text = "every pod has been ready all the time" if steady else "a pod was not ready meanwhile"
        yield scene.of_field("probe.no-effect", steady, pod, text, condition_path("Ready"), value="True")


@collector(Step.CAUSE, *(each.clue for each in ANSWERS), needs=("pods", "events"))
def probe_answers(scene: Scene) -> Iterator[Clue]:
    """What the failing probes get: a status, a refusal, no answer in time."""
    about = {pod.metadata.uid: pod for pod in living(scene.pods)}
    told = set()
    for event in scene.events("Unhealthy", since=scene.onset - BEFORE_SECONDS):
        pod = about.get(event.regarding.uid)
        answer = next((each for each in ANSWERS if each.pattern.search(event.message)), None)
        if pod is None or answer is None or answer.clue in told:
            continue
        told.add(answer.clue)
        kind = event.message.partition(" ")[0].lower()
        fills = {"kind_of_probe": kind, "answer": _words(event.message), "pod": pod.name} | _probe_fills(pod, kind)
        yield scene.of_event(answer.clue, True, event, fills=fills)


@collector(Step.CAUSE, "probe.slow-start")
def slow_starts(scene: Scene) -> Iterator[Clue]:
    """Whether containers are killed about when their liveness probe has failed often enough for the first time."""
    for each in ends(scene):
        container = next((c for c in each.pod.spec.containers if c.name == each.status.name), None)
        probe = container.liveness_probe if container is not None else None
        if container is None or probe is None or each.ran is None or container.startup_probe is not None:
            continue
        grace = _grace(probe)
        fills = {"container": container.name, "pod": each.pod.name, "grace": f"{grace:.0f} s", "probe": probe.title}
        early = 0.8 * probe.initial_delay_seconds <= each.ran <= grace + 2 * probe.period_seconds + 30
        text = f"{container.name} ended after {each.ran:.0f} s; its liveness probe gives up after {grace:.0f} s or more"
        path = "{.spec.containers[*].livenessProbe}"
        never = not each.status.ready and each.status.restart_count > 0
        yield scene.of_field("probe.slow-start", early and never, each.pod, text, path, value=probe.title, fills=fills)
        return


def _latest_answer(scene: Scene, pod: Pod, kind: str) -> str:
    told = (e for e in scene.events("Unhealthy") if e.regarding.uid == pod.metadata.uid)
    return next((_words(each.message) for each in told if each.message.lower().startswith(kind)), "fails")


def _words(message: str) -> str:
    """What a probe gets, after its name: `answers 503`."""
    for each in ANSWERS:
        if found := each.pattern.search(message):
            words = {"probe.refused": "is refused", "probe.timeout": "gets no answer in time"}.get(each.clue, "fails")
            return f"gets status {found[1]}" if each.clue == "probe.status" else words
    return "fails"


def _idle(scene: Scene) -> Iterator[tuple[Pod, ContainerStatus, Container]]:
    """Containers that run and are not ready."""
    for pod in scene.unwell:
        for container in pod.spec.containers:
            status = next((s for s in pod.status.container_statuses if s.name == container.name), None)
            if status is not None and status.state.running is not None and not status.ready:
                yield pod, status, container


def _port(scene: Scene, pod: Pod, container: Container) -> Iterator[Clue]:
    """Whether a probe knocks at a port that the container does not declare; it may listen there all the same."""
    for kind in ("readiness", "liveness", "startup"):
        probe: Probe | None = getattr(container, f"{kind}_probe")
        if probe is None or not probe.port or not container.ports:
            continue
        known = {port.container_port for port in container.ports} | {port.name for port in container.ports}
        if probe.port not in known:
            ports = ", ".join(str(port.container_port) for port in container.ports)
            text = f"the {kind} probe of {container.name} knocks at port {probe.port}, the container declares {ports}"
            fills = {"container": container.name, "kind_of_probe": kind, "port": str(probe.port), "ports": ports}
            path = f"{{.spec.containers[*].{kind}Probe}}"
            yield scene.of_field("probe.undeclared-port", True, pod, text, path, value=str(probe.port), fills=fills)
            return


def _number(container: Container, probe: Probe | None) -> int | str:
    if probe is None:
        return 0
    return next((p.container_port for p in container.ports if p.name and p.name == probe.port), probe.port)


def _probe_fills(pod: Pod, kind: str) -> dict[str, str]:
    for container in pod.spec.containers:
        probe: Probe | None = getattr(container, f"{kind}_probe", None)
        if probe is not None:
            return {"container": container.name, "probe": probe.title, "timeout": f"{probe.timeout_seconds} s"}
    return {}


def _grace(probe: Probe) -> float:
    """Seconds from a container's start to the earliest kill by this liveness probe."""
    return probe.initial_delay_seconds + (probe.failure_threshold - 1) * probe.period_seconds + probe.timeout_seconds
