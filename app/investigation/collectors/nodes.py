"""What nodes say of themselves: not heard, not ready, short of something, leaving; and who uses what they lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Clue, Step
from app.investigation.scene import BEFORE_SECONDS
from detectors.objects import quantity, unix
from detectors.placement import requests
from detectors.states.nodes import LEAVING_TAINTS
from detectors.states.paths import condition_path
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.investigation.scene import Scene
    from detectors.objects import Node, Pod

PRESSURES = {"MemoryPressure": "memory", "DiskPressure": "disk", "PIDPressure": "process ids"}
SHORTAGES = {
    "SystemOOM": "memory", "OOMKilling": "memory", "NodeHasInsufficientMemory": "memory",
    "EvictionThresholdMet": "memory or disk", "NodeHasDiskPressure": "disk", "FreeDiskSpaceFailed": "disk",
    "ImageGCFailed": "disk", "NodeHasInsufficientPID": "process ids",
}  # fmt: skip
"""Reasons of events about a node, and what it was short of."""
RESTARTS = ("Rebooted", "Starting", "Shutdown")
MANY = 3
"""Nodes at once from which it is no single one's trouble."""
GIB = 2.0**30


def subjects(scene: Scene) -> tuple[Node, ...]:
    """The node that the case is about; else those on which its unwell pods run and that are themselves unwell."""
    if scene.subject.kind == "Node":
        return scene.nodes
    return tuple(node for node in scene.nodes if not _ready(node) or any(_pressed(node)))


def _ready(node: Node) -> bool:
    ready = node.status.condition("Ready")
    return ready is None or ready.status == "True"


def _pressed(node: Node) -> Iterator[str]:
    """What the node says it is short of."""
    for kind, resource in PRESSURES.items():
        condition = node.status.condition(kind)
        if condition is not None and condition.status == "True":
            yield resource


@collector(Step.CAUSE, "node.silent", "node.not-ready", needs=("nodes",))
def readiness(scene: Scene) -> Iterator[Clue]:
    """Whether a kubelet has fallen silent, or says why it is not ready."""
    for node in subjects(scene):
        ready = node.status.condition("Ready")
        if ready is None or ready.status == "True":
            continue
        fills = {"node": node.name, "message": ready.message or ready.reason}
        if ready.status == "Unknown":
            heard = unix(ready.last_heartbeat_time)
            ago = f", the last {scene.now - heard:.0f} s ago" if heard is not None else ""
            text = f"the kubelet of {node.name} stopped posting node status{ago}"
            path, value = condition_path("Ready"), ready.reason
            yield scene.of_field(
                "node.silent", True, node, text, path, value=value, at=heard or ready.since, fills=fills
            )
        else:
            text = f"the kubelet of {node.name} says that it is not ready: {ready.message or ready.reason}"
            path = condition_path("Ready", "reason")
            yield scene.of_field(
                "node.not-ready", True, node, text, path, value=ready.reason, at=ready.since, fills=fills
            )


@collector(Step.CAUSE, "node.event", "node.short-before", "node.restarted", needs=("events",))
def node_events(scene: Scene) -> Iterator[Clue]:
    """What was said about the nodes around the onset: that they were lost, short of something, or began anew."""
    names = {node.name for node in subjects(scene)}
    since = scene.onset - BEFORE_SECONDS
    told = set()
    for event in sorted(scene.state.events, key=lambda each: each.last_seen, reverse=True):
        about = event.regarding
        if about.kind != "Node" or about.name not in names or event.last_seen < since or event.reason in told:
            continue
        told.add(event.reason)
        fills = {"node": about.name, "resource": SHORTAGES.get(event.reason, "")}
        if event.reason == "NodeNotReady":
            yield scene.of_event("node.event", True, event, fills=fills)
        elif event.reason in SHORTAGES:
            yield scene.of_event("node.short-before", True, event, fills=fills)
        elif event.reason in RESTARTS:
            yield scene.of_event("node.restarted", True, event, fills=fills)


@collector(Step.EXPECTED, "node.leaving", needs=("nodes",))
def leaving(scene: Scene) -> Iterator[Clue]:
    """Nodes that are being worked on, or whose end has been announced."""
    for node in subjects(scene):
        taint = next((each.key for each in node.spec.taints if each.key.startswith(LEAVING_TAINTS)), "")
        if node.metadata.deletion_timestamp is not None or taint or node.spec.unschedulable:
            why = taint or ("cordoned" if node.spec.unschedulable else "being deleted")
            path = "{.spec.taints}" if taint else "{.spec.unschedulable}"
            fills = {"node": node.name, "why": why}
            yield scene.of_field(
                "node.leaving", True, node, f"node {node.name} is leaving: {why}", path, value=why, fills=fills
            )


@collector(Step.SCOPE, "nodes.many", "nodes.one", needs=("nodes",))
def others(scene: Scene) -> Iterator[Clue]:
    """Whether other nodes are not ready as well: then it is not this one's own trouble."""
    if scene.subject.kind != "Node" or not scene.nodes:
        return
    down = [node for node in scene.state.nodes.values() if not _ready(node)]
    many = len(down) >= MANY or (len(down) > 1 and 2 * len(down) > len(scene.state.nodes))
    text = f"{len(down)} of {counted(len(scene.state.nodes), 'nodes')} are not ready"
    yield scene.of_field(
        "nodes.many" if many else "nodes.one", True, scene.nodes[0], text, condition_path("Ready"),
        value=str(len(down)), fills={"count": str(len(down)), "of": str(len(scene.state.nodes))},
    )  # fmt: skip


@collector(Step.CAUSE, "node.pressure", needs=("nodes",))
def pressure(scene: Scene) -> Iterator[Clue]:
    """What the nodes say they are short of."""
    for node in subjects(scene):
        for kind, resource in PRESSURES.items():
            condition = node.status.condition(kind)
            if condition is not None and condition.status == "True":
                text = f"node {node.name} is short of {resource} ({condition.reason})"
                fills = {"node": node.name, "resource": resource}
                path = condition_path(kind)
                yield scene.of_field(
                    "node.pressure", True, node, text, path, value="True", at=condition.since, fills=fills
                )


@collector(Step.CAUSE, "memory.over-request", "memory.overcommitted", "disk.greatest-user", needs=("pods", "nodes"))
def users(scene: Scene) -> Iterator[Clue]:
    """Which pod uses more than it asked for by most, and which fills the disk; by the newest measurement there is."""
    for node in subjects(scene):
        pods = [pod for pod in scene.state.pods.values() if pod.spec.node_name == node.name and not pod.finished]
        memory = [(found[0], *found[1:], pod) for pod in pods if (found := _memory(scene, pod)) is not None]
        if memory and "disk" not in set(_pressed(node)):
            yield from _memory_clues(scene, node, [(used, asked, pod) for used, asked, pod in memory])
        if (disk := max(_disk(scene, node, pods), key=lambda each: each[0], default=None)) is not None:
            used, pod = disk
            text = f"{pod.name} uses {used / GIB:.2f} GiB of the disk of {node.name}, most of its pods"
            fills = {"pod": pod.name, "node": node.name, "amount": f"{used / GIB:.2f} GiB"}
            path = f"/api/v1/nodes/{node.name}/proxy/stats/summary"
            source = scene.kubectl("get", "--raw", path)
            yield Clue(name="disk.greatest-user", holds=True, text=text, source=source, value=str(used), fills=fills)


def _memory_clues(scene: Scene, node: Node, memory: list[tuple[float, float, Pod]]) -> Iterator[Clue]:
    used, asked, pod = max(memory, key=lambda each: each[0] - each[1])
    total, room = sum(each[0] for each in memory), quantity(node.status.allocatable.get("memory", 0))
    excess = used - asked
    text = f"{pod.name} uses {used / GIB:.2f} GiB of memory and requested {asked / GIB:.2f}, the greatest excess"
    fills = {"pod": pod.name, "node": node.name, "used": f"{used / GIB:.2f} GiB", "asked": f"{asked / GIB:.2f} GiB"}
    where = ("--namespace", pod.namespace)
    source = scene.kubectl(*where, "top", "pod", pod.name, "--containers")
    yield Clue(
        name="memory.over-request", holds=excess > 0 and excess >= 0.05 * room, text=text, source=source,
        value=f"{used:.0f}", fills=fills,
    )  # fmt: skip
    crowded = [each for each in memory if each[0] > each[1]]
    several = total > room > 0 and excess < 0.5 * sum(each[0] - each[1] for each in crowded)
    text = f"the pods of {node.name} use {total / GIB:.1f} GiB of {room / GIB:.1f}, {len(crowded)} more than requested"
    source = scene.kubectl("describe", "node", node.name)
    yield Clue(name="memory.overcommitted", holds=several, text=text, source=source, fills={"node": node.name})


def _memory(scene: Scene, pod: Pod) -> tuple[float, float] | None:
    """A pod's memory and its request, in bytes; None where nobody measures it."""
    asked = requests(pod).get("memory", 0.0)
    measured = scene.state.pod_metrics.get((pod.namespace, pod.name))
    if measured is not None:
        return sum(quantity(each.usage.get("memory", 0)) for each in measured.containers), asked
    summary = scene.state.summaries.get(pod.spec.node_name)
    for each in summary.pods if summary is not None else ():
        if each.pod_ref.uid == pod.metadata.uid:
            return float(sum(part.memory.working_set_bytes or 0 for part in each.containers)), asked
    return None


def _disk(scene: Scene, node: Node, pods: Iterable[Pod]) -> Iterator[tuple[float, Pod]]:
    """What the pods of a node keep on its disk, in bytes: logs, scratch volumes, writable layers."""
    by_uid = {pod.metadata.uid: pod for pod in pods}
    summary = scene.state.summaries.get(node.name)
    for each in summary.pods if summary is not None else ():
        if each.pod_ref.uid in by_uid and each.ephemeral_storage.used_bytes:
            yield float(each.ephemeral_storage.used_bytes), by_uid[each.pod_ref.uid]


@collector(Step.CAUSE, "pods.evicted", needs=("pods",))
def evicted(scene: Scene) -> Iterator[Clue]:
    """The pods that kubelets have put out, by node."""
    pods = scene.pods if scene.subject.kind != "Node" else scene.state.pods.values()
    by_node: dict[str, list[Pod]] = {}
    for pod in pods:
        target = pod.status.condition("DisruptionTarget")
        by_kubelet = target is not None and target.reason == "TerminationByKubelet"
        if pod.status.reason == "Evicted" or by_kubelet:
            by_node.setdefault(pod.spec.node_name, []).append(pod)
    mine = {scene.subject.name: by_node.get(scene.subject.name, [])} if scene.subject.kind == "Node" else by_node
    for name, members in mine.items():
        if members:
            first = members[0]
            text = f"{counted(len(members), 'pods')} evicted from {name}: {first.status.message or first.name}"
            fills = {"node": name, "pod": first.name, "count": str(len(members))}
            yield scene.of_field("pods.evicted", True, first, text, "{.status.reason}", value="Evicted", fills=fills)


@collector(Step.IMPACT, "impact.node-workloads", needs=("nodes", "pods"))
def workloads_on(scene: Scene) -> Iterator[Clue]:
    """Whose replicas a node takes with it, and who has none elsewhere."""
    if scene.subject.kind != "Node" or not scene.nodes:
        return
    owners: dict[tuple[str, str, str], str] = {}
    for pod in scene.pods:
        owner = scene.state.owner(pod)
        if not pod.finished and owner.kind not in ("DaemonSet", "Node"):
            owners[owner.key] = f"{owner.namespace}/{owner.name}"
    alone = [
        title
        for key, title in owners.items()
        if not any(pod.ready and pod.spec.node_name != scene.subject.name for pod in scene.state.workload_pods(*key))
    ]
    text = f"{counted(len(owners), 'workloads')} have pods on {scene.subject.name}"
    if alone:
        text += f"; none elsewhere: {', '.join(sorted(alone)[:5])}"
    source = scene.kubectl("get", "pods", "--all-namespaces", "--field-selector", f"spec.nodeName={scene.subject.name}")
    yield Clue(name="impact.node-workloads", holds=bool(owners), text=text, source=source, value=str(len(owners)))
