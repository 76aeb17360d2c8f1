"""What containers use, kept day by day: our own history of metrics.k8s.io, and the form in which days are stored."""

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
    from collections.abc import Iterator

    from detectors.cluster import ClusterState
    from detectors.model import Entity
    from storage.database import Store

OWN = "metrics.k8s.io"
"""The source of what we have sampled ourselves."""
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
    """Keeps what metrics.k8s.io tells; cheap enough for every cycle, and written to the store every few minutes."""

    def __init__(self, cluster: str, store: Store) -> None:
        self._cluster, self._store = cluster, store
        self._newest = ""
        self._last: dict[UsageKey, float] = {}
        self._pending: dict[UsageKey, list[Point]] = {}
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
        newest = max((each.timestamp or "" for each in state.pod_metrics.values()), default="")
        if newest != self._newest:
            self._newest = newest
            for key, point in _busiest(state).items():
                if point.at > self._last.get(key, -math.inf):
                    self._last[key] = point.at
                    self._pending.setdefault(key, []).append(point)

    def flush(self) -> None:
        """Store what has not been stored yet.

        Raises:
            StoreError: what was not stored stays for the next time.
        """
        with self._lock:
            self._store_pending()

    def _store_pending(self) -> None:
        known: dict[int, dict[UsageKey, UsageRecord]] = {}
        waiting = list(self._pending)
        for begin in range(0, len(waiting), _BATCH):
            keys = waiting[begin : begin + _BATCH]
            parts = [(key, part) for key in keys for part in _days(self._pending[key])]
            for day in {part.day for _, part in parts} - known.keys():
                known[day] = {key_of(record): record for record in self._store.usage.day(self._cluster, OWN, day)}
            self._store.usage.put(self._cluster, [_merged(key, part, known[part.day].get(key)) for key, part in parts])
            for key in keys:
                del self._pending[key]


def _merged(key: UsageKey, part: UsageDay, before: UsageRecord | None) -> UsageRecord:
    return record_of(key, OWN, day_of(before).merged(part) if before is not None else part)


def _busiest(state: ClusterState) -> dict[UsageKey, Point]:
    """By container and resource: the pod of the workload that uses most."""
    found: dict[UsageKey, Point] = {}
    for (namespace, name), metrics in state.pod_metrics.items():
        pod, at = state.pod_named(namespace, name), metrics.at
        if pod is None or pod.metadata.uid not in state.pods or at is None:
            continue
        entity = workload_entity(state, pod)
        for container in metrics.containers:
            for resource in RESOURCES:
                value = quantity(container.usage.get(resource, ""))
                key = UsageKey(entity, container.name, resource)
                if math.isfinite(value) and (key not in found or value > found[key].value):
                    found[key] = Point(max(at, found[key].at) if key in found else at, value, name)
    return found


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
