"""What is out of band around a workload: what it calls, who calls it, the nodes it runs on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from app.call_graph import far_ends, node_of
from app.consequences import SLACK_SECONDS, TRAVELS_DOWN, trouble_of
from app.investigation.causes import SLACK_SECONDS as CLOCKS
from app.investigation.collectors import collector
from app.investigation.collectors.symptoms import of_anomaly
from app.investigation.model import Clue, Step
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.call_graph import Node
    from app.investigation.scene import Scene
    from storage.records import AnomalyRecord

NOBODY_TELLS = "no mesh, agent, trace or client metric tells whom it calls"


def _here(scene: Scene) -> Node:
    return scene.owner.namespace, scene.owner.name


def _titled(nodes: Iterable[Node]) -> str:
    return ", ".join("/".join(filter(None, node)) for node in sorted(nodes))


@collector(Step.CAUSE, "near.callee", "near.calls", needs=())
def callees(scene: Scene) -> Iterator[Clue]:
    """Whether what the workload calls, directly or through others that are out of band, went out of band no later."""
    here, unwell = _here(scene), _by_node(scene)
    direct = scene.graph.callees.get(here, frozenset())
    direct |= {far for a in scene.living for far in far_ends(a.entity, scene.state)}
    source = scene.graph.told_by(here) or next((a.source.query for a in scene.living if a.entity.peer), "")
    told = here in scene.graph.callees or here in scene.graph.callers or bool(direct)
    text = f"it calls {_titled(direct) or 'nobody, as far as is known'}" if told else f"what it calls: {NOBODY_TELLS}"
    yield Clue(name="near.calls", holds=bool(direct) if told else None, text=text, source=source)
    if not told:
        return
    found: list[tuple[int, AnomalyRecord]] = []
    for node, its in unwell.items():
        hops = 1 if node in direct else scene.graph.hops(here, node, unwell)
        early = [a for a in its if a.onset <= scene.onset + SLACK_SECONDS]
        if hops and early and node != here:
            found.append((hops, min(early, key=lambda a: (a.onset, a.id))))
    # The farthest of a chain is what the others wait for.
    for _, anomaly in sorted(found, key=lambda each: (-each[0], each[1].onset))[:3]:
        at = min(anomaly.onset, scene.onset + CLOCKS)
        clue = of_anomaly(scene, "near.callee", anomaly, {"callee": anomaly.entity.title})
        yield replace(clue, text=f"{clue.text}, which it depends on", at=at)
    if not found:
        text = f"nothing that it calls is out of band{f': {calls}' if (calls := _titled(direct)) else ''}"
        yield Clue(name="near.callee", holds=False, text=text, source=source, fills={"callee": _titled(direct)})


@collector(Step.CAUSE, "near.caller", needs=())
def callers(scene: Scene) -> Iterator[Clue]:
    """Whether those who call the workload have trouble of their own, or send other traffic than before."""
    here, unwell = _here(scene), _by_node(scene)
    known = scene.graph.callers.get(here, frozenset())
    found = [a for node in known for a in unwell.get(node, ()) if a.onset <= scene.onset + SLACK_SECONDS]
    travelling = [a for a in found if trouble_of(scene.rows[a.signal]) in TRAVELS_DOWN] or found
    for anomaly in sorted(travelling, key=lambda a: (a.onset, a.id))[:2]:
        yield of_anomaly(scene, "near.caller", anomaly, {"caller": anomaly.entity.title})
    if known and not found:
        yield Clue(
            name="near.caller",
            holds=False,
            text=f"nobody who calls it is out of band: {_titled(known)}",
            source=scene.graph.told_by(here),
        )


@collector(Step.CAUSE, "near.node", needs=("pods", "nodes"))
def nodes(scene: Scene) -> Iterator[Clue]:
    """Whether a node under the workload's pods is out of band."""
    under = {pod.spec.node_name for pod in scene.pods} - {""}
    found = [a for a in scene.elsewhere if a.entity.kind == "Node" and a.entity.name in under]
    for anomaly in found[:2]:
        pods = [pod for pod in scene.pods if pod.spec.node_name == anomaly.entity.name]
        clue = of_anomaly(scene, "near.node", anomaly, {"node": anomaly.entity.name})
        yield replace(clue, text=f"{clue.text}; {counted(len(pods), 'pods')} of it run there")
    if under and not found:
        yield Clue(
            name="near.node", holds=False, text=f"no node under its pods is out of band: {', '.join(sorted(under))}",
            source=scene.kubectl("get", "nodes", *sorted(under)),
        )  # fmt: skip


@collector(Step.CAUSE, "near.far-end", "far-end.all-clients", "far-end.one-client", needs=())
def far_ends_of(scene: Scene) -> Iterator[Clue]:
    """The far end that calls go wrong to, and whether it goes wrong for others who call it as well."""
    mine: dict[Node, AnomalyRecord] = {}
    for anomaly in scene.living:
        for far in far_ends(anomaly.entity, scene.state):
            mine.setdefault(far, anomaly)
    others: dict[Node, set[Node]] = defaultdict(set)
    for anomaly in (*scene.elsewhere, *scene.attached):
        for far in far_ends(anomaly.entity, scene.state):
            others[far].add(node_of(anomaly.entity))
    for far, anomaly in mine.items():
        fills = {"peer": anomaly.entity.peer}
        yield of_anomaly(scene, "near.far-end", anomaly, fills)
        well = scene.graph.callers.get(far, frozenset()) - others[far] - {_here(scene)}
        shared = len(others[far])
        text = f"{counted(shared, 'others')} who call {anomaly.entity.peer} have the same: {_titled(others[far])}"
        alone = f"others who call {anomaly.entity.peer} are well: {_titled(well)}"
        source = anomaly.source.query
        if shared:
            yield Clue(name="far-end.all-clients", holds=shared >= len(well), text=text, source=source, fills=fills)
        elif well:
            yield Clue(name="far-end.one-client", holds=True, text=alone, source=source, fills=fills)


def _by_node(scene: Scene) -> dict[Node, list[AnomalyRecord]]:
    found: dict[Node, list[AnomalyRecord]] = defaultdict(list)
    for anomaly in (*scene.elsewhere, *scene.attached):
        if anomaly.signal in scene.rows and not anomaly.entity.peer:
            found[node_of(anomaly.entity)].append(anomaly)
    return found
