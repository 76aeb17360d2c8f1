"""Why no node takes a pod: the arithmetic of requests against what nodes have, and what the scheduler says."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Clue, Step
from detectors.placement import Bar, for_everybody, refusals, requests, widest
from detectors.states.paths import condition_path
from detectors.states.scheduling import waits_for_claim
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.investigation.scene import Scene
    from detectors.objects import Pod
    from detectors.placement import Refusal

SCALING_SECONDS = 600.0
"""How long a new node may take to come."""

REFUSALS = re.compile(r"(\d+) (?:node\(s\) )?([^,.]*(?:\{[^}]*\})?[^,.]*)")
"""One part of the scheduler's sum: how many nodes, and what they were refused for."""
RULES = {
    "anti-affinity rules": r"anti-affinity",
    "affinity to other pods": r"pod affinity",
    "topology spread constraints": r"topology spread",
    "a free host port": r"free ports",
    "the zone or node of its volume": r"volume node affinity",
    "too many volumes on each node": r"volume count",
}
"""What nodes are refused for that objects do not tell, as the scheduler words it."""
_SHOWN = {"cpu": 1.0, "memory": 2.0**30, "ephemeral-storage": 2.0**30}
_UNITS = {"cpu": "CPUs", "memory": "GiB of memory", "ephemeral-storage": "GiB of ephemeral storage", "pods": "pods"}


def unplaced(scene: Scene) -> tuple[Pod, ...]:
    """The pods that no node has taken: of the cluster where it is about the cluster, else of the subject."""
    pods = tuple(scene.state.pods.values()) if scene.subject.kind == "Cluster" else scene.pods
    return tuple(
        pod for pod in pods if not pod.spec.node_name and not pod.finished and pod.metadata.deletion_timestamp is None
    )


def amount(resource: str, number: float) -> str:
    """`6 CPUs`, `0.25 GiB of memory`, `2 nvidia.com/gpu`."""
    return f"{number / _SHOWN.get(resource, 1.0):.3g} {_UNITS.get(resource, resource)}"


@collector(
    Step.CAUSE,
    *(f"placement.{name}" for name in ("too-small", "full", "label", "taint", "cordon", "unwell", "fits", "known")),
    needs=("pods", "nodes"),
)
def placement(scene: Scene) -> Iterator[Clue]:
    """Which nodes refuse the pods and for what, computed from what objects say; of pods that want the same, once."""
    told = set()
    for pod in unplaced(scene):
        wish = (scene.state.owner(pod), *sorted(requests(pod).items()))
        if pod.spec.scheduling_gates or wish in told or waits_for_claim(scene.state, pod):
            continue
        told.add(wish)
        refused = refusals(scene.state, pod)
        if refused is None:
            continue
        yield from _placed(scene, pod, refused)
        if refused and len(refused) == len(scene.state.nodes):
            text = f"why none of {counted(len(refused), 'nodes')} takes {pod.name} follows from objects"
            yield scene.of_field("placement.known", True, pod, text, "{.spec}")


def _placed(scene: Scene, pod: Pod, refused: Sequence[Refusal]) -> Iterator[Clue]:
    total = len(scene.state.nodes)
    by_bar = {bar: [each for each in refused if each.bar is bar] for bar in Bar}
    if len(refused) < total:
        free = total - len(refused)
        text = f"by its requests, labels and taints {pod.name} would fit on {counted(free, 'nodes')}"
        yield scene.of_field("placement.fits", True, pod, text, "{.spec}", value=str(free))
        return
    if total and len(by_bar[Bar.LABEL]) == total:
        label = Counter(each.what for each in refused).most_common(1)[0][0]
        text = f"{pod.name} wants a node with {label}, and none of {counted(total, 'nodes')} has it"
        yield scene.of_field(
            "placement.label", True, pod, text, "{.spec}", value=label, fills={"label": label, "pod": pod.name}
        )
        return
    yield from _barred(scene, pod, by_bar)
    yield from _short(scene, pod, by_bar)


def _barred(scene: Scene, pod: Pod, by_bar: dict[Bar, list[Refusal]]) -> Iterator[Clue]:
    """Nodes that have room, and do not take the pod for what was done to them or befell them."""
    paths = {Bar.CORDON: "{.spec.unschedulable}", Bar.UNWELL: "{.spec.taints}", Bar.TAINT: "{.spec.taints}"}
    for bar, path in paths.items():
        roomy = [each for each in by_bar[bar] if each.room and (bar is not Bar.TAINT or for_everybody(each.node))]
        if not roomy:
            continue
        names = ", ".join(each.node.name for each in roomy[:3])
        why = {
            Bar.CORDON: "no longer takes pods (cordoned)",
            Bar.UNWELL: f"is not well ({roomy[0].what})",
            Bar.TAINT: f"has a taint that it does not tolerate: {roomy[0].what}",
        }[bar]
        text = f"{pod.name} would fit on {names}, which {why}"
        fills = {"node": roomy[0].node.name, "nodes": names, "taint": roomy[0].what, "pod": pod.name}
        yield scene.of_field(
            f"placement.{bar}", True, roomy[0].node, text, path, kind="Node", value=roomy[0].what, fills=fills,
        )  # fmt: skip


def _short(scene: Scene, pod: Pod, by_bar: dict[Bar, list[Refusal]]) -> Iterator[Clue]:
    """Nodes that would take the pod and do not have what it asks for: at all, or any more."""
    full, small = widest(by_bar[Bar.FULL], Bar.FULL), widest(by_bar[Bar.TOO_SMALL], Bar.TOO_SMALL)
    most = full or small
    if most is None:
        return
    wanted, there = amount(most.what, most.wanted), amount(most.what, most.left)
    number = len(by_bar[Bar.FULL]) + len(by_bar[Bar.TOO_SMALL])
    if full is not None:
        text = (
            f"each pod requests {wanted}; of {counted(number, 'nodes')} the freest, {most.node.name}, has {there} left"
        )
    else:
        text = f"each pod requests {wanted}; the largest node, {most.node.name}, has {there} allocatable"
    fills = {"wanted": wanted, "there": there, "resource": most.what, "node": most.node.name, "pod": pod.name}
    yield scene.of_field(
        "placement.full" if full is not None else "placement.too-small", True, pod, text,
        "{.spec.containers[*].resources.requests}", value=wanted, fills=fills,
    )  # fmt: skip


@collector(Step.CAUSE, "scheduler.says", "scheduler.counts", "scheduler.rule", needs=("pods",))
def scheduler(scene: Scene) -> Iterator[Clue]:
    """The scheduler's own words about the pods: its sum by reason, and the rules between pods that it names."""
    for pod in unplaced(scene):
        condition = pod.status.condition("PodScheduled")
        if condition is None or condition.reason != "Unschedulable":
            continue
        text = f"the scheduler says of {pod.name}: {condition.message}" if condition.message else pod.name
        path = condition_path("PodScheduled", "message" if condition.message else "reason")
        yield scene.of_field("scheduler.says", True, pod, text, path, value=condition.message, at=condition.since)
        counts = condition.message.partition("preemption:")[0].partition(":")[2].strip()
        if worst := max(REFUSALS.findall(counts), key=lambda each: int(each[0]), default=None):
            fills = {"reason": worst[1].strip(), "number": worst[0], "pod": pod.name}
            yield scene.of_field("scheduler.counts", True, pod, text, path, at=condition.since, fills=fills)
        for rule, pattern in RULES.items():
            if re.search(pattern, counts):
                fills = {"rule": rule, "pod": pod.name}
                yield scene.of_field("scheduler.rule", True, pod, text, path, at=condition.since, fills=fills)
        return


@collector(Step.CAUSE, "scheduler.events", needs=("events",))
def scheduling_events(scene: Scene) -> Iterator[Clue]:
    """FailedScheduling, as the scheduler repeats it."""
    about = {pod.metadata.uid for pod in unplaced(scene)}
    told = [each for each in scene.state.events if each.reason == "FailedScheduling" and each.regarding.uid in about]
    for event in sorted(told, key=lambda each: each.last_seen)[-1:]:
        yield scene.of_event("scheduler.events", True, event)


@collector(Step.EXPECTED, "scheduling.scales-up", "scheduling.no-scale-up", needs=("events",))
def node_autoscaler(scene: Scene) -> Iterator[Clue]:
    """Whether the cluster autoscaler is adding a node for the pods, or has said that it cannot."""
    pods = {pod.metadata.uid: pod for pod in unplaced(scene)}
    answers = [
        event
        for event in scene.state.events
        if event.reason in ("TriggeredScaleUp", "NotTriggerScaleUp") and event.regarding.uid in pods
    ]
    for event in sorted(answers, key=lambda each: each.last_seen)[-1:]:
        waited = scene.now - pods[event.regarding.uid].metadata.created
        adding = event.reason == "TriggeredScaleUp" and waited < SCALING_SECONDS
        yield scene.of_event("scheduling.scales-up" if adding else "scheduling.no-scale-up", True, event)


@collector(Step.EXPECTED, "scheduling.gated")
def gates(scene: Scene) -> Iterator[Clue]:
    """Pods that somebody holds back on purpose."""
    waiting = unplaced(scene)
    held = [pod for pod in waiting if pod.spec.scheduling_gates]
    if held and len(held) == len(waiting):
        names = ", ".join(gate.name for gate in held[0].spec.scheduling_gates)
        text = f"{counted(len(held), 'pods')} held back by scheduling gates: {names}"
        yield scene.of_field(
            "scheduling.gated", True, held[0], text, "{.spec.schedulingGates}", value=names, fills={"gate": names}
        )
