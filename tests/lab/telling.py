"""An instrument of the catalogue tells a story: the samples its exporter would have had.

Everything follows from the instrument's declaration: the metric and its matchers, the labels of its identity rule, what
it is divided by, what it adds, where its failures and its buckets are. Only joins with other metrics (`COMPANIONS`) and
expressions of their own (`EXPRESSIONS`) need a word more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.sources.prometheus.discovery import SAMPLES_PER_WINDOW
from detectors.catalog.schema import Absence, Aggregate, IdentityRule, Kind
from tests.lab.labelling import completed, identifying, successful
from tests.lab.shop import keyed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from detectors.catalog import Convention, RowSource
    from detectors.catalog.schema import Instrument, Part
    from tests.lab.labelling import Subject
    from tests.lab.stories import Story

    Values = NDArray[np.float64]

INTERVAL = 30
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
OTHER_BOUNDS = {"traefik": (0.1, 0.25, 1.2, 5.0)}
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_POD = IdentityRule(namespace=("namespace",), pod=("pod",))


class Series(NamedTuple):
    """One series on the story's grid."""

    metric: str
    labels: Mapping[str, str]
    values: Values
    """Shape (T,); NaN where there is no sample."""


class Companion(NamedTuple):
    """A metric that an instrument's filter joins with, about the same object."""

    metric: str
    labels: Mapping[str, str]
    when: str = "told"
    """`told`: a fault is one only with it; `excused`: with it, it is none; `always`: it is merely read."""
    value: float = 1.0


LONG_AGO = 1_763_000_000.0
COMPANIONS = {
    ("kube-state-metrics", "container-oom-kills"): (
        Companion("kube_pod_container_status_last_terminated_reason", {"reason": "OOMKilled"}),
    ),
    ("kube-state-metrics", "pod-pending"): (Companion("kube_pod_created", {}, "always", LONG_AGO),),
    ("kube-state-metrics", "pod-unschedulable"): (
        Companion("kube_pod_status_reason", {"reason": "SchedulingGated"}, "excused"),
    ),
    ("kube-state-metrics", "claim-pending"): (
        Companion("kube_persistentvolumeclaim_created", {}, "always", LONG_AGO),
        Companion("kube_pod_spec_volumes_persistentvolumeclaims_info", {"pod": "user-0", "volume": "data"}),
    ),
    ("kube-state-metrics", "claim-deletion"): (
        Companion("kube_pod_spec_volumes_persistentvolumeclaims_info", {"pod": "user-0", "volume": "data"}, "excused"),
    ),
    ("kube-state-metrics", "pod-idle"): (
        Companion("kube_pod_status_phase", {"phase": "Running"}),
        Companion(
            "kube_pod_container_status_waiting_reason", {"container": "app", "reason": "CrashLoopBackOff"}, "excused"
        ),
    ),
    ("kube-state-metrics", "rollout-stuck"): (Companion("kube_deployment_spec_paused", {}, "excused"),),
    ("kube-state-metrics", "autoscaler-limited"): (
        Companion("kube_horizontalpodautoscaler_status_current_replicas", {}, "always", 10),
        Companion("kube_horizontalpodautoscaler_spec_max_replicas", {}, "always", 10),
        Companion("kube_horizontalpodautoscaler_spec_min_replicas", {}, "told", 2),
        Companion("kube_horizontalpodautoscaler_spec_min_replicas", {}, "excused", 10),
    ),
    ("cadvisor", "network-send"): (Companion("kube_pod_info", {"host_network": "true"}, "excused"),),
    ("cadvisor", "network-receive"): (Companion("kube_pod_info", {"host_network": "true"}, "excused"),),
    ("kubelet-summary", "network-send"): (Companion("kube_pod_info", {"host_network": "true"}, "excused"),),
    ("kubelet-summary", "network-receive"): (Companion("kube_pod_info", {"host_network": "true"}, "excused"),),
}
"""By convention and instrument."""


class Expression(NamedTuple):
    """The metric behind an instrument that is PromQL of its own: `offset` + `factor` times the story's value."""

    metric: str
    match: str = ""
    offset: float = 0.0
    factor: float = 1.0
    increase: bool = False
    """A counter that increases by that much within a window of rates."""
    ends: bool = False
    """It is not there while the story's value is positive."""


EXPRESSIONS = {
    ("otel-k8s-cluster", "pod-pending"): (Expression("k8s_pod_phase", offset=2.0, factor=-1.0),),
    ("kube-state-metrics", "stateful-set-degraded"): (
        Expression("kube_statefulset_replicas", offset=3.0, factor=0.0),
        Expression("kube_statefulset_status_replicas_ready", offset=3.0, factor=-1.0),
    ),
    ("kubelet-volume", "disk-usage"): (
        Expression("kube_pod_spec_volumes_persistentvolumeclaims_info", offset=1.0, factor=0.0),
        Expression("kubelet_volume_stats_used_bytes"),
    ),
    ("node-exporter", "node-thermal-throttling"): (
        Expression("node_cpu_core_throttles_total", increase=True),
        Expression("node_cpu_package_throttles_total", 'package="0"', factor=0.0, increase=True),
    ),
    ("node-exporter", "filesystem-error"): (
        Expression("node_filesystem_device_error", 'mountpoint="/var/lib/kubelet/data"'),
        Expression("node_filesystem_readonly", 'mountpoint="/var/lib/kubelet/data"', factor=0.0),
    ),
    ("own", "target-missing"): (Expression("up", offset=1.0, factor=-1.0),),
    ("own", "metrics-missing"): (Expression("up", offset=1.0, factor=0.0, ends=True),),
    ("kube-apiserver", "apiserver-absent"): (
        Expression("up", 'job="kube-apiserver",instance="10.0.0.1:6443"', offset=1.0, factor=-1.0),
    ),
}
"""By convention and instrument, where the declaration alone does not tell which metric tells the story."""


@dataclass(frozen=True)
class Teller:
    """One instrument, one subject, one story."""

    convention: Convention
    source: RowSource
    instrument: Instrument
    select: str
    subject: Subject
    story: Story
    at: int
    """When the story is judged, unix seconds."""
    ago: Values
    """Shape (T,): seconds before that, in descending order."""

    def series(self) -> Iterator[Series]:
        """Every series of the story, in the order of the objects it happens to."""
        yield from self._exporter()
        distinct = self._can_vary()
        for replica in range(self.story.objects if distinct else 1):
            yield from self._owner(replica)
            yield from self._companions(replica)
            yield from self._object(replica, 1.0 if distinct else float(self.story.objects))

    def _object(self, replica: int, weight: float) -> Iterable[Series]:
        instrument, value = self.instrument, self.story.value(self.ago) * weight
        special = EXPRESSIONS.get((self.source.convention, instrument.name))
        if special:
            return [self._expressed(replica, each, value) for each in special]
        if instrument.errors or instrument.failed or self.source.statistic == "quantile":
            return self._traffic(replica)
        if instrument.kind is Kind.AGE:
            return self._since(replica, value)
        if instrument.kind is Kind.STATE:
            return self._state(replica, self._when_there(value))
        counted = self.source.queries[0].returns == "counts"
        value = value / 60 if counted else self._unsteady(self._when_there(value))
        return self._quantity(replica, value, exact=counted)

    @property
    def _counted(self) -> bool:
        return self.source.queries[0].returns == "counts"

    def _expressed(self, replica: int, behind: Expression, value: Values) -> Series:
        values = behind.offset + behind.factor * value
        if behind.ends:
            values = np.where(value > 0, np.nan, values)
        told = self._counter(values / SAMPLES_PER_WINDOW) if behind.increase else self._gauge(values)
        return Series(behind.metric, self._labels(replica, behind.match), told)

    # What the instrument says of the object.

    def _rule(self) -> IdentityRule:
        return _POD if self.instrument.owners else self.convention.identity[self.instrument.identity]

    def _labels(self, replica: int, match: str, more: str = "") -> dict[str, str]:
        instrument = self.instrument
        selected = f'{instrument.select}=~"{self.select}"' if instrument.select and self.select else ""
        by = (*instrument.by, *instrument.members, *(instrument.inner.by if instrument.inner else ()))
        labels = identifying(self._rule(), self.subject, replica)
        if "persistentvolumeclaim" in by:
            labels["persistentvolumeclaim"] = self.subject.name
        labels = completed(labels, filter(None, (match, more, selected)), by)
        if replica and (free := self._free_label()):
            labels[free] = f"{labels.get(free, free)}-{replica}"
        return labels | {"cluster": self.subject.cluster}

    def _can_vary(self) -> bool:
        rule = self._rule()
        return bool(rule.pod or rule.object_kind or self._free_label())

    def _free_label(self) -> str:
        """A label that tells objects apart which nothing else decides."""
        rule, instrument = self._rule(), self.instrument
        if rule.pod or rule.object_kind:
            return ""
        by = (*instrument.by, *(instrument.inner.by if instrument.inner else ()))
        decided = (instrument.match, instrument.select, *map(str, identifying(rule, self.subject)))
        return next((label for label in reversed(by) if not any(label in text for text in decided)), "")

    def _owner(self, replica: int) -> Iterator[Series]:
        """What kube-state-metrics says of the pod's owners."""
        if not self.instrument.owners:
            return
        subject, always = self.subject, np.ones_like(self.ago)
        common = {"namespace": subject.namespace, "cluster": subject.cluster}
        pod = common | {"pod": subject.pod(replica), "owner_kind": "ReplicaSet", "owner_name": subject.replicaset}
        yield Series("kube_pod_owner", pod, always)
        replicaset = common | {"replicaset": subject.replicaset, "owner_kind": "Deployment", "owner_name": subject.name}
        if not replica:
            yield Series("kube_replicaset_owner", replicaset, always)

    def _exporter(self) -> Iterator[Series]:
        """What the exporter tells in any case, where it says nothing of a subject that is well."""
        metric, _, text = self.source.detect_selector.rstrip("}").partition("{")
        if self.source.absence is Absence.ZERO and metric != self.instrument.metric:
            labels = completed({"cluster": self.subject.cluster, "instance": self.subject.name}, [text])
            yield Series(metric, labels, np.ones_like(self.ago))

    def _companions(self, replica: int) -> Iterator[Series]:
        for other in COMPANIONS.get((self.source.convention, self.instrument.name), ()):
            if other.when in ("always", "excused" if self.story.excused else "told"):
                labels = self._labels(replica, "") | {**other.labels}
                yield Series(other.metric, labels, np.full_like(self.ago, other.value))

    # How its samples behave.

    def _traffic(self, replica: int) -> Iterator[Series]:
        instrument, story = self.instrument, self.story
        random = keyed("traffic", self.subject.name, self.instrument.metric)
        requests = random.poisson(story.value(self.ago) * INTERVAL).astype(np.float64)
        failures = random.binomial(requests.astype(np.int64), story.errors(self.ago)).astype(np.float64)
        if instrument.metric:
            yield from self._requests(replica, requests, failures)
        if instrument.buckets:
            yield from self._buckets(replica, requests)

    def _requests(self, replica: int, requests: Values, failures: Values) -> Iterator[Series]:
        instrument = self.instrument
        if instrument.errors:
            metric = self._family(instrument.metric)
            good = self._labels(replica, instrument.match) | successful(self._all_errors(metric))
            bad = self._labels(replica, instrument.match, self._failure(metric))
            yield Series(metric, good, self._counter(requests - failures))
            yield Series(metric, bad, self._counter(failures))
            return
        failed = {term.metric: term.match for term in instrument.failed}
        for place, (metric, match) in enumerate(failed.items()):
            labels = self._labels(replica, instrument.match, match)
            yield Series(metric, labels, self._counter(failures if not place else 0 * failures))
        summands = (instrument.metric, *(term.metric for term in instrument.plus))
        rest = requests - failures if failed.keys() & set(summands) else requests
        for place, metric in enumerate(name for name in summands if name not in failed):
            labels = self._labels(replica, instrument.match)
            yield Series(metric, labels, self._counter(rest if not place else 0 * rest))

    def _buckets(self, replica: int, requests: Values) -> Iterator[Series]:
        instrument, story = self.instrument, self.story
        labels = self._labels(replica, instrument.match)
        if instrument.errors:
            labels |= successful(self._all_errors(self._family(instrument.metric)))
        unit = _SECONDS[instrument.bucket_unit or self.convention.time_unit]
        median = story.latency(self.ago)
        for bound in (*OTHER_BOUNDS.get(self.source.convention, BOUNDS), math.inf):
            share = np.array([_below(bound, each, story.spread) for each in median.tolist()])
            le = "+Inf" if math.isinf(bound) else f"{bound / unit:g}"
            yield Series(self._family(instrument.buckets), labels | {"le": le}, self._counter(requests * share))

    def _all_errors(self, metric: str) -> tuple[str, ...]:
        """The matchers of failures of every instrument that reads this metric."""
        read = [i for i in self.convention.instrument if i.errors and self._family_of(i, i.metric) == metric]
        return (*self.instrument.errors, *(text for i in read for text in i.errors))

    def _failure(self, metric: str) -> str:
        """Matchers that a failure satisfies: this instrument's first, and those of the others as far as they agree."""
        wanted = [self.instrument.errors[0]]
        for other in self.convention.instrument:
            if other.errors and self._family_of(other, other.metric) == metric and other.errors[0] not in wanted:
                wanted.append(other.errors[0])
        return ",".join(wanted)

    def _family(self, metric: str) -> str:
        return self._family_of(self.instrument, metric)

    @staticmethod
    def _family_of(instrument: Instrument, metric: str) -> str:
        return metric.format(family=next(iter(instrument.families.values()))) if instrument.families else metric

    def _state(self, replica: int, value: Values) -> Iterator[Series]:
        instrument = self.instrument
        inverted = instrument.where in ("== 0", "< 1")
        values = np.where(value > 0, 0.0, 1.0) if inverted else value
        yield Series(instrument.metric, self._labels(replica, instrument.match), self._gauge(values))

    def _since(self, replica: int, value: Values) -> Iterator[Series]:
        """A time stamp, there from when the state begins."""
        bad = value > 0
        if not bad[-1]:
            return
        begun = self.at - self.ago[np.argmax(bad)]
        values = np.where(bad, begun, np.nan)
        yield Series(self.instrument.metric, self._labels(replica, self.instrument.match), values)

    def _quantity(self, replica: int, value: Values, *, exact: bool) -> Iterator[Series]:
        """A level or a rate, with what it is divided by and what is added to it."""
        instrument, per = self.instrument, self.instrument.per
        counted = instrument.kind is Kind.COUNTER and instrument.over != ""
        value = value / instrument.scale
        whole = 1.0
        if per is not None and per.aggregate is not Aggregate.COUNT:
            gauge = per.over == "" or instrument.kind is not Kind.COUNTER
            among = _capacity(per, gauge=gauge)
            # A share is a part of it, what is counted happens among it.
            whole = 1.0 if exact else among
            yield from self._divisor(replica, per, 0 * value if exact else value, among, gauge=gauge)
        value = (1 - value if instrument.complement else value) * whole
        labels = self._labels(replica, instrument.match)
        values = self._counter(value * INTERVAL, exact=exact) if counted else self._gauge(value)
        yield Series(instrument.metric, labels, values)
        for term in instrument.plus:
            more = self._labels(replica, instrument.match, term.match)
            yield Series(term.metric, more, self._counter(0 * value) if counted else self._gauge(0 * value))

    def _divisor(self, replica: int, per: Part, value: Values, whole: float, *, gauge: bool) -> Iterator[Series]:
        labels = self._labels(replica, per.match)
        full = np.full_like(value, whole)
        if per.metric != self.instrument.metric:
            yield Series(per.metric, labels, self._gauge(full) if gauge else self._counter(full * INTERVAL))
        rest = (1 - value) * whole
        for term in per.plus:
            labels = self._labels(replica, per.match, term.match)
            yield Series(term.metric, labels, self._gauge(rest) if gauge else self._counter(rest * INTERVAL))

    def _when_there(self, value: Values) -> Values:
        """Without the zeros of an exporter that has a series only while there is something to tell."""
        tells_zeros = self.source.absence is not Absence.ZERO or self.story.kind == "quiet"
        return value if tells_zeros else np.where(value == 0, np.nan, value)

    def _unsteady(self, value: Values) -> Values:
        random = keyed("level", self.subject.name, self.instrument.metric)
        return value * (1 + self.story.noise * random.standard_normal(value.shape))

    def _counter(self, increments: Values, *, exact: bool = False) -> Values:
        total = 1000.0 + np.cumsum(increments)
        if exact:
            total = np.floor(total + 1e-9)
        after = self.ago <= self.story.restarted
        if after.any() and not after.all():
            total = np.where(after, total - total[np.argmax(after)], total)
        return self._gauge(total)

    def _gauge(self, values: Values) -> Values:
        begin, end = self.story.missing
        return np.where((self.ago <= begin) & (self.ago > end), np.nan, values)


def _below(bound: float, median: float, spread: float) -> float:
    """The share of lognormal values up to a bound."""
    if math.isinf(bound):
        return 1.0
    return 0.5 * (1 + math.erf((math.log(bound) - math.log(median)) / (spread * math.sqrt(2))))


def _capacity(per: Part, *, gauge: bool) -> float:
    if "bytes" in per.metric or 'resource="memory"' in per.match:
        return 2e10
    return 4.0 if gauge else 1000.0
