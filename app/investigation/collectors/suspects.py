"""Who stands out among the metrics nearby."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from app.call_graph import far_ends
from app.investigation.collectors import collector
from app.investigation.model import Clue, Origin, Step
from app.investigation.suspects import SAME_NODE, UNITS, gathered, near, ranked, title_of
from detectors.causes import Why
from detectors.words import counted
from widgets.text import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.call_graph import Node
    from app.investigation.scene import Scene
    from app.investigation.suspects import Columns
    from detectors.causes import Evidence, Suspect

SHOWN = 3
"""Suspects that the ledger names."""


@collector(Step.CAUSE, "metrics.callee", "metrics.neighbour", "metrics.own", "metrics.visible", needs=("metrics",))
def suspects(scene: Scene) -> Iterator[Clue]:
    """Rank the workloads nearby by what changed at the onset; nothing that merely suffers comes first."""
    here, nodes = (scene.owner.namespace, scene.owner.name), near(scene)
    columns = gathered(scene, nodes)
    if not columns.values:
        return
    ranking = ranked(scene, nodes, columns)
    told = [each for each in ranking.suspects if each.evidence and each.evidence[0].metric][:SHOWN]
    if not ranking.visible or not told:
        text = f"not visible in the metrics: nothing stands out among {counted(len(nodes), 'workloads')} nearby"
        source = next((q for (node, _), q in columns.queries.items() if node == title_of(here)), "")
        source = source or next(iter(columns.queries.values()))
        yield Clue(name="metrics.visible", holds=False, text=text, source=source, origin=Origin.METRIC)
        return
    first = told[0]
    listed = "; ".join(f"{each.node}: {_said(each.evidence[0])}" for each in told)
    yield _clue("metrics.visible", f"what stands out in the metrics nearby: {listed}", first, columns, scene.onset)
    name, words = _relation(scene, first, nodes)
    if name:
        yield _clue(name, f"{words}: {listed}", first, columns, scene.onset)


def _relation(scene: Scene, suspect: Suspect, nodes: Mapping[Node, int]) -> tuple[str, str]:
    """What a suspect is to the workload, as a clue's name and in words; empty where it explains nothing."""
    here = (scene.owner.namespace, scene.owner.name)
    node = next(each for each in nodes if title_of(each) == suspect.node)
    uses = suspect.evidence[0].why is Why.RESOURCE
    if node == here:
        return ("metrics.own", "its own metrics stand out") if uses else ("", "")
    ends = {far for anomaly in scene.living for far in far_ends(anomaly.entity, scene.state)}
    if node in ends or scene.graph.hops(here, node, nodes):
        return "metrics.callee", f"{suspect.node}, which it depends on, stands out"
    if nodes[node] == SAME_NODE and uses:
        return "metrics.neighbour", f"{suspect.node}, on the same node, stands out"
    return "", ""


def _said(evidence: Evidence) -> str:
    unit = UNITS.get(evidence.metric, "")
    before, after = (quantity(value, unit) for value in (evidence.before, evidence.after))
    spreads = f" ({evidence.spreads:.0f} usual spreads)" if math.isfinite(evidence.spreads) else ""
    return f"{evidence.metric} {before} -> {after}{spreads}"


def _clue(name: str, text: str, suspect: Suspect, columns: Columns, at: float) -> Clue:
    evidence = suspect.evidence[0]
    return Clue(
        name=name,
        holds=True,
        text=text,
        source=columns.queries.get((suspect.node, evidence.metric), ""),
        origin=Origin.METRIC,
        value=f"{suspect.points:.1f} points",
        at=at,
        fills={
            "suspect": suspect.node,
            "resource": evidence.metric,
            "change_of_resource": _said(evidence),
        },
    )
