"""Everything that a Prometheus would scrape from the simulated cluster, chunk by chunk.

Counters live across chunks and restart with their container; a labelled series is born with its first request, as in
the real client libraries. Targets that do not answer give no samples and `up` 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tests.lab import kube_state, machines
from tests.lab.conventions import CONVENTIONS, Convention, Instrument, fields, render
from tests.lab.samples import Block, Target
from tests.lab.shop import keyed
from tests.lab.traffic import Traffic, bucketed, flags, streams

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tests.lab.faults import Fault
    from tests.lab.history import History, Pod
    from tests.lab.samples import Floats, Times
    from tests.lab.shop import Workload
    from tests.lab.traffic import View

EDGE = "platform/ingress-nginx-controller"
"""The workload whose pods are scraped for edge conventions."""


@dataclass(slots=True)
class _Family:
    """One instrument of one observed pod: its series, and its counters up to now."""

    instrument: Instrument
    groups: list[dict[str, str]]
    index: list[int]
    """Of each stream: its group, length S."""
    counted: NDArray[np.int64]
    """Of each stream: 1 where the instrument counts it, length S."""
    series: list[tuple[str, dict[str, str]]]
    epoch: float = math.nan
    totals: Floats = field(default_factory=lambda: np.zeros(0))


class Exporter:
    """Turns a history into samples; call `collect` for consecutive chunks of time."""

    def __init__(self, history: History, faults: Sequence[Fault], seed: int) -> None:
        self.seed = seed
        self._families: dict[tuple[str, str, str], _Family] = {}
        self.follow(history, faults)

    def follow(self, history: History, faults: Sequence[Fault]) -> None:
        """Go on with another future: the past must be the same."""
        self.history = history
        self.faults = tuple(faults)
        self.traffic = Traffic(history, faults, self.seed)

    def collect(self, times: Times, step: float) -> Iterator[Block]:
        """All samples at these instants, `step` seconds apart."""
        ups: dict[Target, Floats] = {}
        for workload in self.history.shop.workloads:
            if workload.conventions and workload.rate:
                yield from self._requests(workload, times, step, ups)
        for block in (*kube_state.collect(self.history, times), *machines.collect(self.history, times, self.seed)):
            answered = self._answered(block.target.instance.partition(":")[0], times)
            ups[block.target] = answered
            block.values = np.where(answered > 0, block.values, np.nan)
            yield block
        for target, up in ups.items():
            yield Block(target, "up", "gauge", [("up", {})], up[None, :])

    def _requests(self, workload: Workload, times: Times, step: float, ups: dict[Target, Floats]) -> Iterator[Block]:
        inside = [CONVENTIONS[name] for name in workload.conventions if CONVENTIONS[name].at != "edge"]
        seen = self.traffic.pods(workload, times, step) if inside else []
        gap = self._gap(workload, times)
        for convention in inside:
            for pod, view, started in seen:
                target, up = self._target(convention, pod, pod, times, started, gap)
                _note(ups, target, up)
                yield from self._blocks(convention, pod, pod, view, np.where(up > 0, started, np.nan), target)
        for name in workload.conventions:
            if CONVENTIONS[name].at == "edge":
                yield from self._edge(CONVENTIONS[name], workload, times, step, ups)

    def _edge(
        self, convention: Convention, workload: Workload, times: Times, step: float, ups: dict[Target, Floats]
    ) -> Iterator[Block]:
        some = self.history.of(workload.key)
        observers = [pod for pod in self.history.of(EDGE) if pod.created <= times[-1] and pod.deleted > times[0]]
        for observer in observers:
            started = flags(observer, times, self.history)[1]
            view = self.traffic.edge(workload, observer, len(observers), times, step)
            target, up = self._target(convention, some[-1], observer, times, started, self._gap(workload, times))
            _note(ups, target, up)
            yield from self._blocks(convention, some[-1], observer, view, started, target)

    def _target(
        self, convention: Convention, pod: Pod, observer: Pod, times: Times, started: Floats, gap: Floats
    ) -> tuple[Target, Floats]:
        """The endpoint, and its `up`: NaN where no such target exists."""
        known = fields(pod, observer)
        where = {"collector": "10.244.9.9:8889", "node": f"{self.history.shop.address(pod.node)}:9400"}
        instance = where.get(convention.at, f"{observer.ip}:{observer.workload.port}")
        labels = tuple(render(convention.target, known).items())
        target = Target(convention.job.format_map(known), instance, labels, convention.honor_labels)
        if convention.at == "collector":
            return target, np.where(gap > 0, 0.0, 1.0)
        up = np.where(np.isnan(started) | (gap > 0), 0.0, 1.0)
        exists = (times >= observer.created) & (times < observer.deleted)
        return target, np.where(exists, up, np.nan)

    def _gap(self, workload: Workload, times: Times) -> Floats:
        """1 while the workload's targets do not answer."""
        gap = np.zeros(len(times))
        for fault in self.faults:
            if fault.spec.scrape and fault.target == workload.key:
                gap[(times > fault.start) & (times <= fault.end)] = 1.0
        return gap

    def _answered(self, node: str, times: Times) -> Floats:
        """1 where an agent on the node answers; other instances always do."""
        answered = np.ones(len(times))
        for name in self.history.shop.nodes:
            if node == self.history.shop.address(name):
                for spell in self.history.silent(name):
                    answered[(times >= spell.start) & (times < spell.end)] = 0.0
        return answered

    def _blocks(
        self, convention: Convention, pod: Pod, observer: Pod, view: View, started: Floats, target: Target
    ) -> Iterator[Block]:
        for instrument in convention.instruments:
            key = (f"{pod.workload.key}>{observer.uid}", convention.id, instrument.metric)
            family = self._families.get(key)
            if family is None:
                family = self._families[key] = _family(instrument, pod, observer)
            counts = np.zeros((len(family.groups), view.counts.shape[1]), dtype=np.int64)
            np.add.at(counts, family.index, view.counts * family.counted[:, None])
            values = self._values(family, counts, view.latency, pod.workload.spread, observer)
            values = _accumulated(family, values, started)
            born = np.repeat(values[family_count(family)] > 0, len(family.series) // len(family.groups), axis=0)
            kind = "histogram" if instrument.bounds else "counter"
            yield Block(target, instrument.metric, kind, family.series, np.where(born, values, np.nan))

    def _values(self, family: _Family, counts: object, median: Floats, spread: float, observer: Pod) -> Floats:
        """Increments of every series, shape (S, T)."""
        instrument = family.instrument
        whole = np.asarray(counts)
        if not instrument.bounds:
            return whole.astype(np.float64)
        bounds = np.array(instrument.bounds) / instrument.scale
        rng = keyed(self.seed, "latency", observer.uid, instrument.metric, int(whole.sum()))
        rows = []
        for group in whole:
            buckets = np.cumsum(bucketed(group, median, spread, bounds, rng), axis=1).T
            noise = rng.normal(1.0, 0.5 / np.sqrt(np.maximum(group, 1)))
            total = group * median * math.exp(spread**2 / 2) * np.clip(noise, 0.2, 2.0) * instrument.scale
            rows.append(np.concatenate([buckets, total[None, :], group[None, :]]))
        return np.concatenate(rows).astype(np.float64)


def family_count(family: _Family) -> slice:
    """The rows that count requests: the last of each group."""
    size = len(family.series) // len(family.groups)
    return slice(size - 1, None, size)


def _family(instrument: Instrument, pod: Pod, observer: Pod) -> _Family:
    groups: dict[tuple[tuple[str, str], ...], int] = {}
    index = []
    for stream in streams(pod.workload):
        labels = tuple(render(instrument.labels, fields(pod, observer, stream)).items())
        index.append(groups.setdefault(labels, len(groups)))
    exposed = [dict(labels) for labels in groups]
    series: list[tuple[str, dict[str, str]]] = []
    for shown in exposed:
        if instrument.bounds:
            bounds = [*(f"{float(bound)}" for bound in instrument.bounds), "+Inf"]
            series += [(f"{instrument.metric}_bucket", {**shown, "le": bound}) for bound in bounds]
            series += [(f"{instrument.metric}_sum", shown), (f"{instrument.metric}_count", shown)]
        else:
            series.append((instrument.metric, shown))
    counted = np.array([stream.status >= 500 or not instrument.failures for stream in streams(pod.workload)]).astype(
        int
    )
    return _Family(instrument, exposed, index, counted, series, totals=np.zeros(len(series)))


def _accumulated(family: _Family, increments: Floats, started: Floats) -> Floats:
    """Counters from increments: zero at each container start, NaN while none runs; shape (S, T)."""
    values = np.full(increments.shape, np.nan)
    edges = np.flatnonzero(np.diff(np.nan_to_num(started, nan=-1.0))) + 1
    for begin, end in zip([0, *edges], [*edges, len(started)], strict=True):
        epoch = started[begin]
        if math.isnan(epoch):
            continue
        base = family.totals if epoch == family.epoch else np.zeros(len(increments))
        values[:, begin:end] = base[:, None] + np.cumsum(increments[:, begin:end], axis=1)
        family.epoch, family.totals = epoch, values[:, end - 1]
    return values


def _note(ups: dict[Target, Floats], target: Target, up: Floats) -> None:
    """A target that several things share is up when it answers for any of them."""
    ups[target] = np.fmax(ups[target], up) if target in ups else up
