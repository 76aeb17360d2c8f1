"""What a cycle adds to the ledgers: evidence for its anomalies, changes around them, and the cluster's events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from app.redaction import redact
from detectors.revisions import is_back, told
from storage.records import COMPARED, EventRecord, EvidenceRecord, TimelineEntry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from app.corroboration import Witness
    from app.evaluation import RowResult
    from detectors.cluster import ClusterState
    from detectors.model import Observation
    from detectors.objects import Event
    from storage.records import AnomalyRecord, Stance

CHANGE_SECONDS = 3600.0
"""Rollouts this long before an onset stand on the timeline."""

WORSE = 1.5
"""A metric's line is written again when its score has grown by this factor: every cycle's number would be noise."""


class Ledger:
    """Turns observations and objects into records; remembers what was written to write only what is new."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._told: dict[int, float] = {}
        self._said: dict[tuple[int, str], Stance] = {}
        """By anomaly and convention."""
        self._events: dict[str, tuple[int, float]] = {}

    def evidence(
        self, results: Iterable[RowResult], anomalies: Iterable[AnomalyRecord], now: float
    ) -> tuple[EvidenceRecord, ...]:
        """A line for every fact that the anomalies rest on, and for what other conventions say of them."""
        observed = {(o.signal, o.entity.key): (o, result) for result in results for o in result.observations}
        records: list[EvidenceRecord] = []
        for anomaly in anomalies:
            observation, result = observed.get((anomaly.signal, anomaly.entity.key), (None, None))
            if observation is None or result is None:
                continue
            worth = self._worth_telling(anomaly, observation)
            if worth:
                records += _lines(anomaly, observation, now)
            for witness in result.witnesses.get(anomaly.entity.key, ()):
                if self._changed(anomaly, witness) or worth:
                    records.append(_comparison(anomaly, witness, now))
        return tuple(records)

    def keep(self, living: Collection[int]) -> None:
        """Forget all anomalies but these, by id."""
        self._told = {number: score for number, score in self._told.items() if number in living}
        self._said = {about: stance for about, stance in self._said.items() if about[0] in living}

    def _changed(self, anomaly: AnomalyRecord, witness: Witness) -> bool:
        """Whether a convention says something else of an anomaly than before."""
        key = (anomaly.id, witness.convention)
        before, self._said[key] = self._said.get(key), witness.stance
        return before is not witness.stance

    def _worth_telling(self, anomaly: AnomalyRecord, observation: Observation) -> bool:
        measured = any(fact.step == "detect" for fact in observation.facts)
        if measured and observation.score < WORSE * self._told.get(anomaly.id, 0.0):
            return False
        self._told[anomaly.id] = observation.score
        return True

    def timeline(
        self, opened: Iterable[AnomalyRecord], state: ClusterState | None
    ) -> tuple[tuple[int, TimelineEntry], ...]:
        """The rollouts around each new anomaly's onset."""
        if state is None:
            return ()
        return tuple((anomaly.investigation, entry) for anomaly in opened for entry in _rollouts(anomaly, state))

    def events(self, state: ClusterState | None) -> tuple[EventRecord, ...]:
        """The events that are new or have grown since the last cycle."""
        if state is None:
            return ()
        fresh = [event for event in state.events if self._events.get(event.uid) != (event.count, event.last_seen)]
        self._events = {event.uid: (event.count, event.last_seen) for event in state.events}
        return tuple(_event(self._cluster, event, state) for event in fresh)


def _lines(anomaly: AnomalyRecord, observation: Observation, now: float) -> Iterator[EvidenceRecord]:
    for fact in observation.facts:
        yield EvidenceRecord(
            id=0,
            investigation=anomaly.investigation,
            anomaly=anomaly.id,
            step=fact.step,
            text=redact(fact.text),
            source=fact.source,
            value=redact(fact.value),
            at=fact.at,
            recorded=now,
            convention=observation.source.convention,
            field=fact.field,
        )


def _comparison(anomaly: AnomalyRecord, witness: Witness, now: float) -> EvidenceRecord:
    return EvidenceRecord(
        id=0,
        investigation=anomaly.investigation,
        anomaly=anomaly.id,
        step=COMPARED,
        text=redact(witness.text),
        source=witness.query,
        value=f"score {witness.score:.1f}" if math.isfinite(witness.score) else "",
        at=witness.at,
        recorded=now,
        stance=witness.stance,
        convention=witness.convention,
    )


def _rollouts(anomaly: AnomalyRecord, state: ClusterState) -> Iterator[TimelineEntry]:
    entity = anomaly.entity
    sets = state.revisions(entity.kind, entity.namespace, entity.name)
    for newer, older in zip(sets, (*sets[1:], None), strict=False):
        began = newer.metadata.created
        # What was rolled back is dated by more than its ReplicaSet: that is the investigation's.
        around = anomaly.onset - CHANGE_SECONDS <= began <= anomaly.opened
        if older is not None and around and not is_back(older, newer):
            yield TimelineEntry(began, "rollout", told(older, newer))


def _event(cluster: str, event: Event, state: ClusterState) -> EventRecord:
    about = event.regarding
    owner = state.owner_of(about.kind, about.namespace, about.name, about.uid)
    return EventRecord(
        cluster=cluster,
        uid=event.uid,
        namespace=about.namespace or event.namespace,
        kind=about.kind,
        name=about.name,
        object_uid=about.uid,
        type=event.type,
        reason=event.reason,
        message=redact(event.message),
        count=event.count,
        first_seen=event.first_seen,
        last_seen=event.last_seen,
        component=event.component,
        owner_kind=owner.kind,
        owner_name=owner.name,
    )
