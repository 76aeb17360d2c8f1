"""What else of the same workload is out of band, and the shape of what is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.consequences import Trouble, trouble_of
from app.investigation.collectors import collector
from app.investigation.model import Clue, Origin, Step
from widgets.text import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.investigation.scene import Scene
    from storage.records import AnomalyRecord

_TROUBLES = {
    Trouble.ERRORS: "signal.errors",
    Trouble.LATENCY: "signal.latency",
    Trouble.DROP: "signal.drop",
    Trouble.SURGE: "signal.surge",
}
_SIGNALS = {
    "workload-cpu-throttling": "signal.throttled",
    "node-cpu-throttling": "signal.throttled",
    "pod-oomkilled": "signal.out-of-memory",
    "pod-crashloopbackoff": "signal.restarts",
    "pod-restart-spike": "signal.restarts",
    "probe-failure-spike": "signal.probes",
    "pod-readiness-failing": "signal.probes",
    "hpa-at-maximum": "signal.scaled-out",
    "cluster-tcp-retransmits": "signal.network",
    "cluster-network-error-spike": "signal.network",
}
LOST_SHARE = 0.5
"""Of the least traffic that is usual: as much has to be missing for users to be taken as lost."""
NAMES = tuple(dict.fromkeys((*_TROUBLES.values(), *_SIGNALS.values())))


@collector(Step.CAUSE, *NAMES, needs=())
def symptoms(scene: Scene) -> Iterator[Clue]:
    """What is out of band of the workload itself, of its pods' nodes, and of the cluster's network."""
    here = (scene.owner.namespace, scene.owner.name)
    mine = [a for a in (*scene.living, *scene.elsewhere) if (a.entity.namespace, a.entity.name) == here]
    nodes = {node.name for node in scene.nodes}
    around = [a for a in scene.elsewhere if a.entity.kind == "Cluster" or a.entity.name in nodes]
    told = set()
    for anomaly in (*mine, *around):
        row = scene.rows.get(anomaly.signal)
        name = _SIGNALS.get(anomaly.signal) or (_TROUBLES.get(trouble_of(row)) if row is not None else None)
        if name is not None and (name, anomaly.entity.key) not in told:
            told.add((name, anomaly.entity.key))
            yield of_anomaly(scene, name, anomaly)


@collector(Step.IMPACT, "impact.lost-requests", needs=())
def lost_requests(scene: Scene) -> Iterator[Clue]:
    """Whether most of the requests that should come do not: nobody fails, because nobody gets through."""
    for anomaly in scene.living:
        row = scene.rows.get(anomaly.signal)
        if row is None or trouble_of(row) is not Trouble.DROP or not anomaly.low > 0:
            continue
        missing = 1 - anomaly.observed / anomaly.low
        text = (
            f"{quantity(anomaly.observed, anomaly.unit)} come, at least {quantity(anomaly.low, anomaly.unit)} should: "
            f"{missing:.0%} of the requests are missing"
        )
        holds = anomaly.present and missing >= LOST_SHARE
        yield Clue(
            name="impact.lost-requests", holds=holds, text=text, source=anomaly.source.query, origin=Origin.METRIC,
            at=anomaly.onset,
        )  # fmt: skip


@collector(Step.CAUSE, "latency.everything", "latency.tail-only", needs=())
def shape(scene: Scene) -> Iterator[Clue]:
    """Whether everything became slower, or only the slowest requests."""
    slow: Mapping[float, AnomalyRecord] = {
        float(scene.rows[a.signal].params.get("quantile", 0.95)): a
        for a in scene.living
        if a.signal in scene.rows and trouble_of(scene.rows[a.signal]) is Trouble.LATENCY
    }
    if not slow:
        return
    lowest = slow[min(slow)]
    everything = min(slow) <= 0.5
    text = (
        "the median is slower as well: everything is" if everything else "the median is in band: some requests are slow"
    )
    for name, holds in (("latency.everything", everything), ("latency.tail-only", not everything)):
        yield Clue(name=name, holds=holds, text=text, source=lowest.source.query, origin=Origin.METRIC)


def of_anomaly(scene: Scene, name: str, anomaly: AnomalyRecord, fills: Mapping[str, str] | None = None) -> Clue:
    """A clue that something else is out of band."""
    title = scene.rows[anomaly.signal].title if anomaly.signal in scene.rows else anomaly.signal
    seen = quantity(anomaly.observed, anomaly.unit)
    return Clue(
        name=name,
        holds=True,
        text=f"{anomaly.entity.title}: {title}, {seen}",
        source=anomaly.source.query,
        origin=Origin.METRIC if anomaly.band else Origin.OBJECT,
        value=seen,
        at=anomaly.onset,
        fills=fills or {},
    )
