"""What containers use, kept day by day: our own history of what the Kubernetes API tells, and how days are stored."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detectors.entities import workload_entity
from detectors.objects import quantity
from detectors.usage import DAY, Sketch, UsageDay
from storage.records import UsageRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from detectors.cluster import ClusterState
    from detectors.model import Entity
    from storage.database import Store

METRICS, KUBELETS = "metrics.k8s.io", "kubelet-summary"
OWN = (METRICS, KUBELETS)
"""The sources of what we have sampled ourselves, preferred first."""
FLUSH_SECONDS = 600.0
"""What a crash may cost of it."""
_BATCH = 500
"""Days in one transaction: an act of the engineer waits for no more."""
RESOURCES = ("cpu", "memory")


class UsageKey(NamedTuple):
    """One resource of one container of a workload."""

    entity: Entity
    container: str
    resource: str
    """`cpu` (cores) or `memory` (bytes)."""


class Point(NamedTuple):
    """What the pod that used most used at one instant."""

    at: float
    value: float
    pod: str


class UsageRecorder:
    """Keeps what metrics.k8s.io tells, else the kubelets; cheap enough for every cycle, stored every few minutes."""

    def __init__(self, cluster: str, store: Store) -> None:
        self._cluster, self._store = cluster, store
        self._newest = ("", "")
        self._last: dict[UsageKey, float] = {}
        self._pending: dict[tuple[str, UsageKey], list[Point]] = {}
        """By source."""
        self._flushed: float | None = None
        self._lock = threading.RLock()
        """A session that ends flushes while a cycle may still observe."""

    def observe(self, state: ClusterState, now: float) -> None:
        """Take what is new in a view of the cluster.

        Raises:
            StoreError: what was not stored stays for the next time.
        """
        with self._lock:
            self._take(state)
            self._flushed = now if self._flushed is None else self._flushed
            if now - self._flushed >= FLUSH_SECONDS:
                self.flush()
                self._flushed = now

    def _take(self, state: ClusterState) -> None:
        source = METRICS if state.pod_metrics else KUBELETS
        stamps = (
            (each.timestamp or "" for each in state.pod_metrics.values())
            if source == METRICS
            else (each.metadata.resource_version for each in state.summaries.values())
        )
        newest = source, max(stamps, default="")
        if newest != self._newest:
            self._newest = newest
            for key, point in _busiest(state, _METERS[source](state)).items():
                if point.at > self._last.get(key, -math.inf):
                    self._last[key] = point.at
                    self._pending.setdefault((source, key), []).append(point)

    def flush(self) -> None:
        """Store what has not been stored yet.

        Raises:
            StoreError: what was not stored stays for the next time.
        """
        with self._lock:
            self._store_pending()

    def _store_pending(self) -> None:
        known: dict[tuple[str, int], dict[UsageKey, UsageRecord]] = {}
        waiting = list(self._pending)
        for begin in range(0, len(waiting), _BATCH):
            keys = waiting[begin : begin + _BATCH]
            parts = [(source, key, part) for source, key in keys for part in _days(self._pending[source, key])]
            for source, day in {(source, part.day) for source, _, part in parts} - known.keys():
                records = self._store.usage.day(self._cluster, source, day)
                known[source, day] = {key_of(record): record for record in records}
            merged = [_merged(source, key, part, known[source, part.day].get(key)) for source, key, part in parts]
            self._store.usage.put(self._cluster, merged)
            for each in keys:
                del self._pending[each]


def _merged(source: str, key: UsageKey, part: UsageDay, before: UsageRecord | None) -> UsageRecord:
    return record_of(key, source, day_of(before).merged(part) if before is not None else part)


class Metered(NamedTuple):
    """What one container of one pod used."""

    namespace: str
    pod: str
    container: str
    used: tuple[tuple[float, float | None], ...]
    """Of each of `RESOURCES`: how much, NaN where that is not told, and when, in unix seconds."""


def _busiest(state: ClusterState, told: Iterable[Metered]) -> dict[UsageKey, Point]:
    """By container and resource: the pod of the workload that uses most."""
    found: dict[UsageKey, Point] = {}
    for each in told:
        pod = state.pod_named(each.namespace, each.pod)
        if pod is None or pod.metadata.uid not in state.pods:
            continue
        entity = workload_entity(state, pod)
        for resource, (value, at) in zip(RESOURCES, each.used, strict=True):
            key = UsageKey(entity, each.container, resource)
            if at is not None and math.isfinite(value) and (key not in found or value > found[key].value):
                found[key] = Point(max(at, found[key].at) if key in found else at, value, each.pod)
    return found


def _by_metrics(state: ClusterState) -> Iterator[Metered]:
    for (namespace, name), metrics in state.pod_metrics.items():
        at = metrics.at
        for container in metrics.containers:
            used = tuple((quantity(container.usage.get(resource, "")), at) for resource in RESOURCES)
            yield Metered(namespace, name, container.name, used)


def _by_kubelets(state: ClusterState) -> Iterator[Metered]:
    for pod in (pod for summary in state.summaries.values() for pod in summary.pods):
        for container in pod.containers:
            cores, held = container.cpu.usage_nano_cores, container.memory.working_set_bytes
            cpu = math.nan if cores is None else cores * 1e-9, container.cpu.at
            memory = math.nan if held is None else float(held), container.memory.at
            yield Metered(pod.pod_ref.namespace, pod.pod_ref.name, container.name, (cpu, memory))


_METERS = {METRICS: _by_metrics, KUBELETS: _by_kubelets}


def _days(points: list[Point]) -> Iterator[UsageDay]:
    times = np.array([point.at for point in points])
    values = np.array([point.value for point in points])
    for day in np.unique(times // DAY):
        inside = np.flatnonzero(times // DAY == day)
        yield UsageDay.of(times[inside], values[inside], [points[place].pod for place in inside])


def key_of(record: UsageRecord) -> UsageKey:
    """What a stored day is of."""
    return UsageKey(record.entity, record.container, record.resource)


def record_of(key: UsageKey, source: str, day: UsageDay) -> UsageRecord:
    """A day as the store keeps it."""
    return UsageRecord(
        entity=key.entity,
        container=key.container,
        resource=key.resource,
        source=source,
        day=day.day,
        first=day.first,
        last=day.last,
        points=day.points,
        peak=day.peak,
        peak_at=day.peak_at,
        peak_pod=day.peak_pod,
        hours=day.hours.astype("<f4").tobytes(),
        sketch=day.sketch.to_bytes(),
    )


def day_of(record: UsageRecord) -> UsageDay:
    """The inverse of `record_of`, to float32 precision of the hourly maxima."""
    return UsageDay(
        day=record.day,
        first=record.first,
        last=record.last,
        points=record.points,
        peak=record.peak,
        peak_at=record.peak_at,
        peak_pod=record.peak_pod,
        hours=np.frombuffer(record.hours, dtype="<f4").astype(np.float64),
        sketch=Sketch.from_bytes(record.sketch),
    )
