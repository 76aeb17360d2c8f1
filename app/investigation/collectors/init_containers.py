"""Init containers: the first that has not done its work, and whether it fails or waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Step
from detectors.objects import unix
from detectors.states.paths import container_path
from detectors.states.report import is_sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.model import Clue
    from app.investigation.scene import Scene
    from detectors.objects import ContainerStatus, Pod

LONG_SECONDS = 300.0
"""An init container that has run for so long waits for something."""


@collector(Step.CAUSE, "init.failing", "init.waiting")
def init_containers(scene: Scene) -> Iterator[Clue]:
    """The first init container that keeps its pod from starting."""
    for pod in scene.unwell:
        status = _first(pod)
        if status is None:
            continue
        names = [each.name for each in pod.status.init_container_statuses]
        place = f"init container {status.name} ({names.index(status.name) + 1} of {len(names)})"
        fills = {"container": status.name, "init": status.name, "pod": pod.name}
        running = status.state.running
        began = unix(running.started_at) if running is not None else None
        if began is not None and scene.now - began >= LONG_SECONDS and not status.restart_count:
            text = f"{place} has been running for {(scene.now - began) / 60:.0f} min and does not end"
            path = container_path(pod, status, "state.running.startedAt")
            yield scene.of_field("init.waiting", True, pod, text, path, value=f"{began:.0f}", at=began, fills=fills)
        last = status.state.terminated or status.last_state.terminated
        if last is not None and last.exit_code != 0:
            field = "state" if status.state.terminated is not None else "lastState"
            path, code = container_path(pod, status, f"{field}.terminated.exitCode"), str(last.exit_code)
            text = f"{place} failed with code {code}; nothing after it has started"
            yield scene.of_field("init.failing", True, pod, text, path, value=code, fills=fills)
        return


def _first(pod: Pod) -> ContainerStatus | None:
    """The first init container that has not ended well; sidecars need only to have started."""
    for status in pod.status.init_container_statuses:
        ended = status.state.terminated
        done = (ended is not None and ended.exit_code == 0) or (is_sidecar(pod, status) and bool(status.started))
        if not done:
            return status
    return None
