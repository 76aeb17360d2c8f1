"""The metrics of the workloads near a failing one, as the ranking of causes takes them (`detectors.causes`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.call_graph import far_ends, node_of
from app.consequences import Trouble, trouble_of
from app.investigation import numbers
from app.investigation.readings import BEFORE_SECONDS
from app.sources.base import SourceError
from detectors import histograms
from detectors.causes import Failing, Metric, Observed, Signal, rank
from detectors.statistics import divide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from app.call_graph import Node
    from app.investigation.readings import Track
    from app.investigation.scene import Scene
    from detectors.causes import Ranking
    from detectors.series import FloatArray

MOST_NODES = 40
"""Workloads that are compared, the nearest first."""
MOST_NAMESPACES = 4
QUANTILE = 0.9
SAME_NODE = 9
"""The distance of those that no calls lead to."""


class Reading(NamedTuple):
    """A row as one of a node's metrics."""

    row: str
    signal: Signal
    name: str
    by_callers: bool = False


READINGS = (
    Reading("server-latency-p90", Signal.LATENCY, "P90 latency"),
    Reading("server-error-spike", Signal.ERRORS, "share of errors"),
    Reading("server-error-spike", Signal.TRAFFIC, "requests"),
    Reading("database-latency-p95", Signal.LATENCY, "P90 latency", by_callers=True),
    Reading("database-error-spike", Signal.ERRORS, "share of errors", by_callers=True),
    Reading("cpu-usage", Signal.RESOURCE, "CPU"),
    Reading("memory-usage", Signal.RESOURCE, "memory"),
    Reading("workload-cpu-throttling", Signal.RESOURCE, "CPU throttling"),
    Reading("workload-disk-write", Signal.RESOURCE, "disk writes"),
    Reading("workload-disk-read", Signal.RESOURCE, "disk reads"),
)
"""What is compared; a row that nobody feeds here is left out."""

UNITS = {
    "P90 latency": "seconds",
    "share of errors": "share of requests",
    "CPU": "cores",
    "memory": "bytes",
    "CPU throttling": "share of periods",
    "disk writes": "bytes per second",
    "disk reads": "bytes per second",
}


@dataclass
class Columns:
    """Samples by metric, gathered on one grid."""

    times: set[int] = field(default_factory=set)
    values: dict[Metric, dict[int, float]] = field(default_factory=dict)
    queries: dict[tuple[str, str], str] = field(default_factory=dict)
    """By node and the metric's name."""

    def add(self, metric: Metric, track: Track, values: FloatArray) -> None:
        """Samples (T,) of one metric; where two sources have it the first speaks."""
        if metric not in self.values:
            times = track.data.times.tolist()
            self.times.update(times)
            self.values[metric] = dict(zip(times, values.tolist(), strict=True))
            self.queries[metric.node, metric.name] = track.query

    def observed(self, onset: float, calls: Iterable[tuple[str, str]]) -> Observed:
        """The two sides of an onset."""
        metrics = tuple(self.values)
        rows = np.array(
            [[self.values[metric].get(at, np.nan) for metric in metrics] for at in sorted(self.times)]
        ).reshape(-1, len(metrics))
        times = np.array(sorted(self.times), dtype=np.float64)
        return Observed(
            metrics,
            rows[(times < onset) & (times >= onset - BEFORE_SECONDS)],
            rows[times >= onset],
            frozenset(calls),
        )


def title_of(node: Node) -> str:
    """A node as it is shown: `namespace/name`, or a host."""
    return "/".join(filter(None, node))


def near(scene: Scene) -> dict[Node, int]:
    """The workloads that may have to do with it, and how near they are: along calls, else on the same nodes."""
    here = (scene.owner.namespace, scene.owner.name)
    found = scene.graph.near(here)
    for anomaly in scene.living:
        found |= {far: 1 for far in far_ends(anomaly.entity, scene.state) if far not in found}
    on = {pod.spec.node_name for pod in scene.pods} - {""}
    for pod in scene.state.pods.values() if on else ():
        if pod.spec.node_name in on and not pod.finished:
            owner = scene.state.owner(pod)
            found.setdefault((owner.namespace, owner.name), SAME_NODE)
    return dict(sorted(found.items(), key=lambda each: (each[1], each[0]))[:MOST_NODES])


def gathered(scene: Scene, nodes: Mapping[Node, int]) -> Columns:
    """The metrics of some workloads.

    Raises:
        SourceError: none of them has any.
    """
    found, trouble = Columns(), None
    spaces = list(dict.fromkeys(space for space, _ in nodes if space))[:MOST_NAMESPACES]
    for reading in READINGS:
        for space in spaces:
            try:
                tracks = scene.sources.tracks(reading.row, scene.onset, space)
            except SourceError as error:
                trouble = error
                continue
            for track in tracks:
                _add(found, reading, track, scene, nodes)
    if not found.values and trouble is not None:
        raise trouble
    return found


def ranked(scene: Scene, nodes: Mapping[Node, int], columns: Columns) -> Ranking:
    """The workloads by how much their metrics speak for it."""
    here = (scene.owner.namespace, scene.owner.name)
    calls = ((title_of(caller), title_of(callee)) for caller in nodes for callee in scene.graph.callees.get(caller, ()))
    signal = next(filter(None, map(_SIGNALS.get, _troubles(scene))), None)
    name = next((r.name for r in READINGS if r.signal is signal and signal is Signal.LATENCY), None)
    return rank(columns.observed(scene.onset, calls), Failing(title_of(here), signal, name))


_SIGNALS = {
    Trouble.ERRORS: Signal.ERRORS,
    Trouble.LATENCY: Signal.LATENCY,
    Trouble.DROP: Signal.TRAFFIC,
    Trouble.SURGE: Signal.TRAFFIC,
}


def _troubles(scene: Scene) -> Iterator[Trouble]:
    return (trouble_of(scene.rows[a.signal]) for a in scene.living if a.signal in scene.rows)


def _add(found: Columns, reading: Reading, track: Track, scene: Scene, nodes: Mapping[Node, int]) -> None:
    places = list(far_ends(track.entity, scene.state)) if reading.by_callers else [node_of(track.entity)]
    for place in places:
        # Of those that merely share a node only what they use can have to do with it.
        if nodes.get(place, SAME_NODE) == SAME_NODE and reading.signal is not Signal.RESOURCE:
            continue
        if place in nodes and (values := _values(reading, track)) is not None:
            metric = Metric(title_of(place), reading.name, reading.signal, reading.by_callers)
            found.add(metric, track, values)


def _values(reading: Reading, track: Track) -> FloatArray | None:
    """What a track says of one signal at each instant, shape (T,); None where it does not tell that."""
    data = track.data
    if reading.signal is Signal.LATENCY:
        if data.buckets is None or data.bounds is None:
            return None
        latency: FloatArray = histograms.quantile(data.buckets[0].T, data.bounds, QUANTILE).value
        return latency
    if reading.signal is Signal.RESOURCE:
        return None if data.level is None else data.level[0]
    if data.total is None:
        return None
    if reading.signal is Signal.TRAFFIC:
        counts: FloatArray = data.total[0] * numbers.step_of(track)
        return counts
    if data.errors is None:
        return None
    share: FloatArray = divide(data.errors[0], data.total[0])
    return share
