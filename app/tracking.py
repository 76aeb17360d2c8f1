"""The life of an anomaly: opened when first seen, updated while it lasts, held while its source cannot be seen,
closed after clean passes, reopened when it comes back soon.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from detectors.model import Coverage
from storage.records import AnomalyRecord, AnomalyState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from detectors.model import Entity, Observation

AnomalyKey = tuple[str, str]
"""(signal id, entity key)"""

CLEAN = frozenset({Coverage.LIVE, Coverage.DISABLED})
"""What proves that an anomaly is over when it is not observed any more; everything else proves nothing."""

HELD_SECONDS = 24 * 3600.0
"""What has not been seen for a day is closed as expired: nobody will believe it any more."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What one cycle did to the anomalies."""

    opened: tuple[AnomalyRecord, ...]
    reopened: tuple[AnomalyRecord, ...]
    updated: tuple[AnomalyRecord, ...]
    closed: tuple[AnomalyRecord, ...]
    unchanged: tuple[AnomalyRecord, ...] = ()
    """Not seen, and nothing follows from that yet."""


@dataclass
class Tracker:
    """Keeps the anomalies of one cluster.

    Attributes:
        cluster: whose they are; entities may carry a label's name for it.
        clean_passes: evaluations back in band before an anomaly closes.
        clean_seconds: two passes closer than this count once: a cycle without new samples proves nothing new.
        reopen_seconds: how soon an anomaly must come back to be the same one.
    """

    cluster: str
    clean_passes: int
    clean_seconds: float
    reopen_seconds: float
    current: dict[AnomalyKey, AnomalyRecord] = field(default_factory=dict)
    recent: dict[AnomalyKey, AnomalyRecord] = field(default_factory=dict)
    _counted: dict[AnomalyKey, float] = field(default_factory=dict)

    def restore(self, records: Iterable[AnomalyRecord]) -> None:
        """Take over what the store remembers."""
        for record in records:
            place = self.recent if record.state is AnomalyState.CLOSED else self.current
            place[key_of(record)] = record

    def update(
        self,
        observations: Iterable[Observation],
        coverage: Callable[[AnomalyKey, Entity], Coverage],
        units: Mapping[str, str],
        now: float,
        allocate: Callable[[], int],
    ) -> Changes:
        """Apply one cycle.

        Args:
            observations: everything out of band now.
            coverage: what the cycle could see of a signal of an entity.
            units: signal id -> unit.
            now: unix seconds of the cycle.
            allocate: gives the id of a new anomaly.
        """
        opened: list[AnomalyRecord] = []
        reopened: list[AnomalyRecord] = []
        updated: list[AnomalyRecord] = []
        closed: list[AnomalyRecord] = []
        seen = {(o.signal, o.entity.key): o for o in observations}
        for key, observation in sorted(seen.items()):
            if key in self.current:
                updated.append(self._keep(_refreshed(self.current[key], observation, now)))
            elif (old := self.recent.pop(key, None)) and now - (old.closed or 0) <= self.reopen_seconds:
                reopened.append(self._keep(_reopened(old, observation, now)))
            else:
                unit = observation.unit or units.get(observation.signal, "")
                opened.append(self._keep(_opened(allocate(), self.cluster, observation, unit, now)))
        unchanged: list[AnomalyRecord] = []
        for key, before in [(key, record) for key, record in self.current.items() if key not in seen]:
            record = self._unseen(key, before, coverage, now)
            over = record.state is AnomalyState.CLOSED
            (closed if over else unchanged if record is before else updated).append(record)
        self.recent = {k: r for k, r in self.recent.items() if now - (r.closed or 0) <= self.reopen_seconds}
        return Changes(tuple(opened), tuple(reopened), tuple(updated), tuple(closed), tuple(unchanged))

    def reassign(self, record: AnomalyRecord) -> None:
        """Keep a changed copy (an investigation id, a band)."""
        (self.recent if record.state is AnomalyState.CLOSED else self.current)[key_of(record)] = record

    def _keep(self, record: AnomalyRecord) -> AnomalyRecord:
        self._counted.pop(key_of(record), None)
        self.current[key_of(record)] = record
        return record

    def _unseen(
        self, key: AnomalyKey, record: AnomalyRecord, coverage: Callable[[AnomalyKey, Entity], Coverage], now: float
    ) -> AnomalyRecord:
        if coverage(key, record.entity) not in CLEAN:
            if now - record.last_seen <= HELD_SECONDS:
                if record.state is AnomalyState.HELD and not record.clean_passes:
                    return record
                return self._store(replace(record, state=AnomalyState.HELD, clean_passes=0))
            return self._close(record, now)
        if now - self._counted.get(key, float("-inf")) < self.clean_seconds:
            return record
        self._counted[key] = now
        passes = record.clean_passes + 1
        if passes >= self.clean_passes:
            return self._close(replace(record, clean_passes=passes), now)
        return self._store(replace(record, state=AnomalyState.OPEN, clean_passes=passes))

    def _store(self, record: AnomalyRecord) -> AnomalyRecord:
        self.current[key_of(record)] = record
        return record

    def _close(self, record: AnomalyRecord, now: float) -> AnomalyRecord:
        key = key_of(record)
        del self.current[key]
        self._counted.pop(key, None)
        self.recent[key] = replace(record, state=AnomalyState.CLOSED, closed=now)
        return self.recent[key]


def key_of(record: AnomalyRecord) -> AnomalyKey:
    """The identity of an anomaly while it lives."""
    return record.signal, record.entity.key


def _opened(number: int, cluster: str, o: Observation, unit: str, now: float) -> AnomalyRecord:
    return AnomalyRecord(
        id=number, cluster=cluster, investigation=0, signal=o.signal, entity=o.entity,
        state=AnomalyState.OPEN, severity=o.severity, score=o.score, peak_score=o.score, observed=o.observed,
        low=o.low, high=o.high, unit=unit, onset=o.onset, opened=now, last_seen=now, closed=None,
        confidence=o.confidence, views=int(o.views), source=o.source,
    )  # fmt: skip


def _refreshed(old: AnomalyRecord, o: Observation, now: float) -> AnomalyRecord:
    return replace(
        old, state=AnomalyState.OPEN, entity=o.entity, severity=o.severity, score=o.score,
        peak_score=max(old.peak_score, o.score), observed=o.observed, low=o.low, high=o.high,
        onset=min(old.onset, o.onset), last_seen=now, confidence=o.confidence, views=int(o.views),
        source=o.source, clean_passes=0,
    )  # fmt: skip


def _reopened(old: AnomalyRecord, o: Observation, now: float) -> AnomalyRecord:
    return replace(_refreshed(old, o, now), closed=None, reopened=old.reopened + 1)
