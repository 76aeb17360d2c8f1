"""What the pods in question do: run and are ready, wait, are few, are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Step
from detectors.states.paths import condition_path
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.model import Clue
    from app.investigation.scene import Scene


@collector(Step.NOW, "pods.ready", "pods.waiting", "pods.none", "workload.scaled-to-zero")
def presence(scene: Scene) -> Iterator[Clue]:
    """Whether the pods run and are ready, and whether there are any."""
    workload, pods = scene.workload, [pod for pod in scene.pods if not pod.finished]
    if workload is not None and workload.kind not in ("Job", "CronJob") and workload.desired == 0:
        text = f"{workload.kind} {workload.name} is scaled to zero"
        yield scene.of_field("workload.scaled-to-zero", True, workload, text, "{.spec.replicas}", value="0")
    elif not pods and workload is not None:
        text = f"{workload.kind} {workload.name} has no pods, and wants {workload.desired}"
        yield scene.of_field("pods.none", True, workload, text, "{.status.replicas}", value="0")
    if pods:
        well = not scene.unwell
        text = f"{len(pods) - len(scene.unwell)} of {counted(len(pods), 'pods')} ready"
        yield scene.of_field("pods.ready", well, pods[0], text, condition_path("Ready"), fills={"pod": pods[0].name})
    waiting = [(pod, status) for pod in scene.unwell for status in pod.statuses if status.state.waiting is not None]
    for pod, status in waiting[:1]:
        reason = status.state.waiting.reason if status.state.waiting is not None else ""
        text = f"container {status.name} of {pod.name} waits: {reason}"
        fills = {"container": status.name, "reason": reason, "pod": pod.name}
        yield scene.of_field("pods.waiting", True, pod, text, "{.status.containerStatuses}", value=reason, fills=fills)


@collector(Step.CAUSE, "pods.stuck-terminating", "pods.on-lost-node", needs=("pods", "nodes"))
def leaving(scene: Scene) -> Iterator[Clue]:
    """Pods whose place cannot be taken: they do not go, or nobody hears of them."""
    for pod in scene.pods:
        node = scene.state.nodes.get(pod.spec.node_name)
        ready = node.status.condition("Ready") if node is not None else None
        if node is not None and ready is not None and ready.status != "True":
            text = f"{pod.name} is on {node.name}, which is not ready"
            fills = {"pod": pod.name, "node": node.name}
            path = condition_path("Ready")
            yield scene.of_field(
                "pods.on-lost-node", True, node, text, path, value=ready.status, at=ready.since, fills=fills
            )
        elif pod.metadata.deletion_timestamp is not None:
            text = f"{pod.name} should have gone and is still there"
            yield scene.of_field(
                "pods.stuck-terminating", True, pod, text, "{.metadata.deletionTimestamp}", fills={"pod": pod.name}
            )
