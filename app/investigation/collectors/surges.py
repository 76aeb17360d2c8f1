"""Event surges: who most of them are about, and whether those are unwell."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from app.investigation.collectors import collector
from app.investigation.model import Clue, Origin, Step
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.investigation.scene import Scene
    from detectors.objects import Event

DOMINANT = 0.8
"""Share of the occurrences from which one node, owner or reason is what the surge is about."""
CALM_SECONDS = 600.0
"""A pod that has restarted since then is not well, whatever it says."""


class _Told(NamedTuple):
    event: Event
    occurrences: float
    node: str
    owner: str


def _warnings(scene: Scene) -> list[_Told]:
    """The cluster's Warning events since the onset, with whom they are about."""
    start = scene.onset - scene.evaluation_seconds
    found = []
    for event in scene.state.events:
        count = event.between(start, scene.now) if event.type == "Warning" else 0.0
        if count > 0:
            about = event.regarding
            pod = scene.state.pods.get(about.uid)
            owner = scene.state.owner_of(about.kind, about.namespace, about.name, about.uid)
            node = about.name if about.kind == "Node" else pod.spec.node_name if pod is not None else ""
            found.append(_Told(event, count, node, f"{owner.kind} {owner.namespace}/{owner.name}".replace(" /", " ")))
    return found


@collector(Step.SCOPE, "surge.node", "surge.owner", "surge.reason", "surge.mixed", needs=("events",))
def dominated(scene: Scene) -> Iterator[Clue]:
    """Whether four of five Warning events are about one workload or one node, or say one thing about many."""
    if scene.subject.kind != "Cluster":
        return
    told = _warnings(scene)
    total = sum(each.occurrences for each in told)
    owners = {each.owner for each in told}
    for kind, says in (("owner", "about"), ("node", "about"), ("reason", "say")):
        counts = Counter[str]()
        for each in told:
            counts[each.event.reason if kind == "reason" else getattr(each, kind)] += round(each.occurrences)
        name, count = counts.most_common(1)[0] if counts else ("", 0)
        if name and count >= DOMINANT * total:
            text = (
                f"{count} of {counted(total, 'Warning events')} {says} {name}, {counted(len(owners), 'owners')} in all"
            )
            fills = {kind: name, "count": str(count), "owners": str(len(owners))}
            yield _clue(scene, f"surge.{kind}", text, str(count), fills)
            return
    if told:
        text = f"{counted(total, 'Warning events')} about {counted(len(owners), 'owners')}, of no single one"
        yield _clue(scene, "surge.mixed", text, str(round(total)), {})


def _clue(scene: Scene, name: str, text: str, value: str, fills: Mapping[str, str]) -> Clue:
    source = scene.kubectl("get", "events", "--all-namespaces", "--field-selector", "type=Warning")
    return Clue(name=name, holds=True, text=text, source=source, origin=Origin.EVENT, value=value, fills=fills)


@collector(Step.NOW, "surge.subject-unwell", "surge.subjects-well", needs=("events", "pods", "nodes"))
def subjects(scene: Scene) -> Iterator[Clue]:
    """Whether what the events are about is unwell now: an event of something that is well again tells nothing."""
    if scene.subject.kind != "Cluster":
        return
    told = _warnings(scene)
    unwell = [each for each in told if _unwell(scene, each)]
    if unwell:
        first = max(unwell, key=lambda each: each.occurrences)
        about = first.event.regarding
        fills = {"owner": first.owner, "reason": first.event.reason}
        yield _clue(
            scene, "surge.subject-unwell", f"{about.kind} {about.name} is unwell: {first.event.reason}", "", fills
        )
    elif told:
        yield _clue(scene, "surge.subjects-well", "everything that the events are about is well or gone now", "", {})


def _unwell(scene: Scene, told: _Told) -> bool:
    about = told.event.regarding
    pod = scene.state.pods.get(about.uid)
    if pod is not None and (pod.status.phase == "Succeeded" or pod.metadata.deletion_timestamp is not None):
        return False
    if pod is not None:
        # Between two crashes a container may be ready.
        return not pod.ready or scene.state.restarts_since(pod, scene.now - CALM_SECONDS) > 0
    if about.kind == "Node":
        node = scene.state.nodes.get(about.name)
        ready = node.status.condition("Ready") if node is not None else None
        return ready is not None and ready.status != "True"
    if about.kind == "PersistentVolumeClaim":
        claim = scene.state.claims.get((about.namespace, about.name))
        return claim is not None and claim.status.phase != "Bound"
    workload = scene.state.workloads.get((about.kind, about.namespace, about.name))
    return workload is not None and workload.ready < workload.desired
