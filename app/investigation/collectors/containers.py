"""What containers say of themselves: how they ended, why they wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Clue, Origin, Step
from detectors.states.paths import container_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.scene import Scene
    from detectors.objects import ContainerStatus, Pod, Terminated

LOG_LINES = 60


def ended(scene: Scene) -> Iterator[tuple[Pod, ContainerStatus, Terminated, str]]:
    """How the containers of the unwell pods ended last, with the name of the field that says so; the latest first."""
    found = []
    for pod in scene.unwell or scene.pods:
        for status in pod.statuses:
            for name, state in (("state", status.state), ("lastState", status.last_state)):
                if state.terminated is not None:
                    found.append((pod, status, state.terminated, name))
                    break
    return iter(sorted(found, key=lambda each: each[2].finished or 0.0, reverse=True))


@collector(Step.CAUSE, "container.oom-killed", "container.exit", "container.exit-zero")
def exits(scene: Scene) -> Iterator[Clue]:
    """How containers ended, by the pair of reason and exit code; once for each container."""
    told = set()
    for pod, status, last, where in ended(scene):
        if (status.name, last.reason, last.exit_code) in told:
            continue
        told.add((status.name, last.reason, last.exit_code))
        kind = "exit-zero" if last.exit_code == 0 else "oom-killed" if last.reason == "OOMKilled" else "exit"
        yield scene.of_field(
            f"container.{kind}",
            True,
            pod,
            f"container {status.name} ended with code {last.exit_code} ({last.reason or 'no reason given'}), "
            f"{status.restart_count} restarts so far",
            container_path(pod, status, f"{where}.terminated.exitCode"),
            value=str(last.exit_code),
            at=last.finished,
            fills={"container": status.name, "code": str(last.exit_code), "pod": pod.name},
        )


@collector(Step.CAUSE, "log.last-words", needs=("pods", "logs"))
def last_words(scene: Scene) -> Iterator[Clue]:
    """The last lines that a container wrote before it ended."""
    for pod, status, _, where in ended(scene):
        previous = where == "lastState"
        tail = scene.sources.log(pod.namespace, pod.name, status.name, previous=previous, lines=LOG_LINES)
        words = ("--previous",) if previous else ()
        command = scene.kubectl(
            "--namespace", pod.namespace, "logs", pod.name, "--container", status.name, *words, f"--tail={LOG_LINES}"
        )
        if tail.lines:
            line = tail.lines[-1]
            yield Clue(
                name="log.last-words", holds=True, text=f"last line of {status.name}: {line}", source=command,
                origin=Origin.LOG, value=line, fills={"line": line},
            )  # fmt: skip
            return
