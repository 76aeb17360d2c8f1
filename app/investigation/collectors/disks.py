"""Disk usage: whose volumes and which nodes hold what was added."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from app.investigation import numbers
from app.investigation.collectors import collector
from app.investigation.collectors.contributions import of_nodes
from app.investigation.model import Clue, Origin, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.readings import Track
    from app.investigation.scene import Scene

SIGNAL = "cluster-disk-usage-spike"
MOST_OF_IT = 0.8
GIB = 2.0**30
FULL = 0.85


@collector(Step.CAUSE, "disk.one-node-grows", "disk.all-nodes-grow", needs=("metrics",))
def growth_by_node(scene: Scene) -> Iterator[Clue]:
    """Which nodes hold four fifths of what the cluster's disks have gained since before the onset."""
    for anomaly in scene.living:
        if anomaly.signal != SIGNAL:
            continue
        parts = of_nodes(scene, anomaly)
        grown = {name: max(0.0, sum(gained(part, scene.onset) for part in its)) for name, its in parts.items()}
        total = sum(grown.values())
        if not total:
            return
        first = max(grown, key=lambda name: grown[name])
        alone = grown[first] >= MOST_OF_IT * total
        yield Clue(
            name="disk.one-node-grows" if alone else "disk.all-nodes-grow",
            holds=True,
            text=f"disks hold {total / GIB:.1f} GiB more than before, {grown[first] / GIB:.1f} GiB of it on {first}",
            source=parts[first][0].query,
            origin=Origin.METRIC,
            value=f"{total:.0f}",
            at=scene.onset,
            fills={
                "instance": first,
                "amount": f"{total / GIB:.1f} GiB",
                "nodes": str(sum(each > 0 for each in grown.values())),
            },
        )
        return


def gained(part: Track, onset: float) -> float:
    """What a level has gained since before an onset, in the unit of its capacity; 0 where that is not known."""
    level, per = part.data.level, part.data.per
    if level is None:
        return 0.0
    held = level[0] if per is None else level[0] * per[0]
    growth = numbers.mean(held, numbers.now(part)) - numbers.mean(held, numbers.before(part, onset))
    return growth if isfinite(growth) else 0.0


@collector(Step.CAUSE, "disk.node-full", "impact.data-at-risk", needs=("nodes",))
def node_disks(scene: Scene) -> Iterator[Clue]:
    """Nodes whose root file system is nearly full, by their kubelets."""
    for name, summary in scene.state.summaries.items():
        disk = summary.node.fs
        if not disk.capacity_bytes or disk.available_bytes is None:
            continue
        used = 1 - disk.available_bytes / disk.capacity_bytes
        if used >= FULL and (scene.subject.kind == "Cluster" or any(node.name == name for node in scene.nodes)):
            text = f"the disk of node {name} is {used:.0%} full"
            source = scene.kubectl("get", "--raw", f"/api/v1/nodes/{name}/proxy/stats/summary")
            fills = {"node": name, "used": f"{used:.0%}"}
            yield Clue(
                name="disk.node-full",
                holds=True,
                text=text,
                source=source,
                value=f"{used:.3f}",
                at=disk.at,
                fills=fills,
            )
            if used >= 0.97:
                yield Clue(
                    name="impact.data-at-risk", holds=True, text=text, source=source, value=f"{used:.3f}", at=disk.at
                )
