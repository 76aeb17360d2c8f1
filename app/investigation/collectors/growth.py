"""Whose memory grew: the pod of a node that takes more than it did before."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Clue, Origin, Step
from app.investigation.scene import BEFORE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.investigation.scene import Scene

STEP_SECONDS = 60
MOST_PODS = 200
LEAST_GROWTH = 64 * 2.0**20
"""Bytes; less is nothing that a node would feel."""
GIB = 2.0**30


@collector(Step.CAUSE, "memory.grew", needs=("metrics", "pods"))
def memory_growth(scene: Scene) -> Iterator[Clue]:
    """The pod of the node whose working set grew most since before the onset."""
    pods = {(pod.namespace, pod.name) for pod in scene.pods if not pod.finished}
    if not pods:
        return
    names = "|".join(sorted({re.escape(name) for _, name in pods})[:MOST_PODS])
    query = f'sum by (namespace, pod) (container_memory_working_set_bytes{{container!="",pod=~"{names}"}})'
    block = scene.sources.range(query, scene.onset - BEFORE_SECONDS, scene.newest, STEP_SECONDS)
    grown = []
    for labels, row in zip(block.labels, block.values, strict=True):
        named = dict(labels)
        key = (named.get("namespace", ""), named.get("pod", ""))
        if key in pods:
            grown.append((_growth([float(value) for value in row]), key))
    if not grown:
        return
    growth, (namespace, name) = max(grown)
    text = f"the memory of {name} grew by {growth / GIB:.2f} GiB, more than any other pod's"
    fills = {"pod": name, "growth": f"{growth / GIB:.2f} GiB", "ns": namespace}
    yield Clue(
        name="memory.grew", holds=growth >= LEAST_GROWTH, text=text, source=query, origin=Origin.METRIC,
        value=f"{growth:.0f}", at=scene.onset, fills=fills,
    )  # fmt: skip


def _growth(values: Sequence[float]) -> float:
    """From the least to the newest sample, bytes."""
    known = list(filter(isfinite, values))
    return known[-1] - min(known) if known else 0.0
