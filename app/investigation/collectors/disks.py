"""Disk usage: whose volumes and which nodes hold what was added."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Clue, Origin, Step
from app.investigation.scene import BEFORE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.scene import Scene
    from detectors.series import FloatArray

STEP_SECONDS = 60
MOST_OF_IT = 0.8
GIB = 2.0**30
NODE_DISK = 'max by (instance, device) (node_filesystem_size_bytes{fstype!~"tmpfs|overlay|squashfs|ramfs"} - ' + (
    'node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|squashfs|ramfs"})'
)
FULL = 0.85


@collector(Step.CAUSE, "disk.one-node-grows", "disk.all-nodes-grow", needs=("metrics",))
def growth_by_node(scene: Scene) -> Iterator[Clue]:
    """Which nodes hold four fifths of what the cluster's disks have gained since before the onset."""
    if scene.subject.kind != "Cluster":
        return
    block = scene.sources.range(NODE_DISK, scene.onset - BEFORE_SECONDS, scene.newest, STEP_SECONDS)
    grown: dict[str, float] = {}
    for labels, row in zip(block.labels, block.values, strict=True):
        name = dict(labels).get("instance", "")
        grown[name] = grown.get(name, 0.0) + max(0.0, _growth(row))
    total = sum(grown.values())
    if not total:
        return
    first = max(grown, key=lambda name: grown[name])
    alone = grown[first] >= MOST_OF_IT * total
    text = f"disks hold {total / GIB:.1f} GiB more than before, {grown[first] / GIB:.1f} GiB of it on {first}"
    fills = {
        "instance": first,
        "amount": f"{total / GIB:.1f} GiB",
        "nodes": str(sum(each > 0 for each in grown.values())),
    }
    name = "disk.one-node-grows" if alone else "disk.all-nodes-grow"
    yield Clue(
        name=name,
        holds=True,
        text=text,
        source=NODE_DISK,
        origin=Origin.METRIC,
        value=f"{total:.0f}",
        at=scene.onset,
        fills=fills,
    )


def _growth(row: FloatArray) -> float:
    known = list(filter(isfinite, map(float, row)))
    return known[-1] - known[0] if known else 0.0


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
