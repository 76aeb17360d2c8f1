"""Whose memory grew: the pod of a node that takes more than it did before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.call_graph import node_of
from app.investigation.collectors import collector
from app.investigation.collectors.splits import POD
from app.investigation.model import Clue, Origin, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.readings import Track
    from app.investigation.scene import Scene

USED = "memory-usage"
MOST_WORKLOADS = 3
"""Those that grew most are looked at pod by pod."""
LEAST_GROWTH = 64 * 2.0**20
"""Bytes; less is nothing that a node would feel."""
GIB = 2.0**30


@collector(Step.CAUSE, "memory.grew", needs=("metrics", "pods"))
def memory_growth(scene: Scene) -> Iterator[Clue]:
    """The pod of the node whose working set grew most since before the onset."""
    pods = {(pod.namespace, pod.name): scene.state.owner(pod) for pod in scene.pods if not pod.finished}
    here = {(owner.namespace, owner.name) for owner in pods.values()}
    if not here:
        return
    known = [track for track in scene.sources.tracks(USED, scene.onset) if node_of(track.entity) in here]
    grown = [
        (_growth(part), name, part)
        for track in sorted(known, key=_growth, reverse=True)[:MOST_WORKLOADS]
        for part in scene.sources.parts(USED, track, POD, scene.onset)
        if (track.entity.namespace, name := _pod(part)) in pods
    ]
    if not grown:
        return
    growth, name, part = max(grown, key=lambda each: each[:2])
    text = f"the memory of {name} grew by {growth / GIB:.2f} GiB, more than any other pod's"
    fills = {"pod": name, "growth": f"{growth / GIB:.2f} GiB", "ns": part.entity.namespace}
    yield Clue(
        name="memory.grew", holds=growth >= LEAST_GROWTH, text=text, source=part.query, origin=Origin.METRIC,
        value=f"{growth:.0f}", at=scene.onset, fills=fills,
    )  # fmt: skip


def _pod(part: Track) -> str:
    return next((part.part[label] for label in POD if part.part.get(label)), "")


def _growth(track: Track) -> float:
    """From the least to the newest sample, bytes."""
    level = track.data.level
    known = level[0][np.isfinite(level[0])] if level is not None else np.zeros(0)
    return float(known[-1] - known.min()) if len(known) else 0.0
