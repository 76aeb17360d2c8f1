"""What else is out of band of the same workload at the same time, as far as it explains what its containers do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Clue, Origin, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.scene import Scene

_SIGNALS = {"workload-cpu-throttling": "beside.throttled", "node-cpu-throttling": "beside.throttled"}


@collector(Step.CAUSE, "beside.throttled", "beside.surge", needs=())
def beside(scene: Scene) -> Iterator[Clue]:
    """Whether it gets less CPU than it wants, or more requests than usual."""
    nodes = {node.name for node in scene.nodes}
    for anomaly in (*scene.living, *scene.related):
        row, about = scene.rows.get(anomaly.signal), anomaly.entity
        surge = row is not None and row.detector.value == "rate-surge"
        name = _SIGNALS.get(anomaly.signal) or ("beside.surge" if surge else "")
        if row is not None and name and (about.key == scene.subject.key or about.name in nodes):
            yield Clue(
                name=name, holds=True, text=f"{about.title}: {row.title}", source=anomaly.source.query,
                origin=Origin.METRIC, value=f"{anomaly.observed:.3g} {anomaly.unit}", at=anomaly.onset,
            )  # fmt: skip
