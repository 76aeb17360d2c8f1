"""What a cycle leaves in the store: anomalies in their cases, with evidence; what happened; what could be seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.coverage import coverage_record
from app.grouping import Casebook
from app.ledger import Ledger
from app.rollouts import newest_rollout
from app.topology import Topology
from detectors.cluster import ClusterState
from storage.cycles import CycleUpdate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.evaluation import RowResult
    from app.pricing import Cost
    from app.settings.schema import Settings
    from app.tracking import Changes, Tracker
    from detectors.catalog import Catalogue
    from detectors.series import Band
    from storage.database import Store
    from storage.records import (
        AnomalyRecord,
        ConventionRecord,
        CoverageRecord,
        CycleRecord,
        InvestigationRecord,
        RestartRecord,
    )


@dataclass(frozen=True, slots=True)
class Additions:
    """What others add to what is stored of a cycle."""

    conventions: Sequence[ConventionRecord] | None
    """What is known of conventions; None where no metrics are read."""
    advised: Mapping[str, CoverageRecord] = field(default_factory=dict)
    """The coverage of the advisor's rows, by id."""
    restarts: Sequence[RestartRecord] = ()
    """Of containers, since the cycle before."""
    costs: Mapping[str, Cost] = field(default_factory=dict)
    """What the rows' queries cost, by id."""


class Writer:
    """Writes cycles one after another.

    Args:
        cluster: whose.
        store: where to.
        catalogue: for the rows.
        settings: for grouping.
        tracker: what is out of band, which learns its cases here.
        owner: names this process among those that share the store.
    """

    def __init__(
        self, cluster: str, store: Store, catalogue: Catalogue, settings: Settings, tracker: Tracker, owner: str
    ) -> None:
        self._cluster, self._store, self._catalogue, self._settings = cluster, store, catalogue, settings
        self._tracker, self._owner = tracker, owner
        titles = {row.id: row.title for row in catalogue.rows}
        self._book = Casebook(settings.engine.grouping_minutes * 60, titles)
        self._ledger = Ledger(cluster)
        self._last_fired: dict[str, float] = {}
        self._ruled: frozenset[int] = frozenset()
        """The rules that held at the last cycle."""

    def restore(self) -> None:
        """Begin from what is stored."""
        self._ledger = Ledger(self._cluster)
        fired = self._store.cycles.coverage(self._cluster)
        self._last_fired = {record.signal: record.last_fired for record in fired if record.last_fired is not None}

    def new_anomaly(self) -> int:
        """A number for it."""
        return int(self._store.cycles.new_ids(anomalies=1)[1][0])

    def _new_case(self) -> int:
        return int(self._store.cycles.new_ids(investigations=1)[0][0])

    def write(
        self,
        cycle: CycleRecord,
        results: Mapping[str, RowResult],
        changes: Changes,
        state: ClusterState | None,
        added: Additions,
    ) -> None:
        """Store a cycle as a whole, and give the tracker the cases that its anomalies belong to.

        Raises:
            StoreError: it cannot be written.
        """
        now = cycle.at
        drawn = (a for a in changes.unchanged if _band_of(a, results) is not None)
        touched = [_with_band(a, results) for a in (*changes.updated, *changes.closed, *drawn)]
        self._book.topology = Topology(state or ClusterState(self._cluster, now))
        self._open_book(touched, now, grouping=bool(changes.opened or changes.reopened))
        members = {anomaly.id: anomaly for anomaly in touched}
        for anomaly in (*changes.opened, *changes.reopened):
            placed = self._book.assign(anomaly, self._new_case, now)
            members[placed.id] = _with_band(placed, results)
        for anomaly in members.values():
            self._tracker.reassign(anomaly)
        self._ledger.keep({a.id for known in (self._tracker.current, self._tracker.recent) for a in known.values()})
        self._store.cycles.write(
            CycleUpdate(
                record=cycle,
                investigations=self._refreshed(members, now),
                anomalies=tuple(members.values()),
                evidence=self._ledger.evidence(results.values(), members.values(), now),
                timeline=self._ledger.timeline((members[a.id] for a in changes.opened), state),
                events=self._ledger.events(state),
                coverage=self._coverage(results, added, now),
                conventions=added.conventions,
                restarts=added.restarts,
                owner=self._owner,
            )
        )

    def wake(self, state: ClusterState | None, now: float) -> None:
        """End the snoozes that a rollout was to end, where it has begun."""
        rolled = [
            case.id
            for case in self._store.investigations.awaiting_rollout(self._cluster)
            if (rollout := newest_rollout(state, case.entity)) is not None
            and rollout.began > (case.awaits_rollout or now)
        ]
        if rolled:
            self._store.investigations.wake(rolled, now)

    def _open_book(self, touched: Sequence[AnomalyRecord], now: float, *, grouping: bool) -> None:
        """Read the cases that this cycle may change: all that are open only where something new looks for its own."""
        cases = self._store.investigations
        if not grouping:
            self._book.restore(cases.many({anomaly.investigation for anomaly in touched}), ())
            return
        reopen = self._settings.engine.reopen_minutes * 60
        known = (*cases.open(self._cluster), *cases.ended_since(self._cluster, now - reopen))
        self._book.restore(known, {a.id: a for a in (*self._tracker.current.values(), *touched)}.values())

    def _refreshed(self, changed: Mapping[int, AnomalyRecord], now: float) -> list[InvestigationRecord]:
        """The cases of these anomalies, brought up to date with all of theirs; where rules came or went, all cases."""
        rules = [rule for rule in self._store.rules.of(self._cluster) if rule.holds(now)]
        holding = frozenset(rule.id for rule in rules)
        members: dict[int, dict[int, AnomalyRecord]] = {anomaly.investigation: {} for anomaly in changed.values()}
        if holding != self._ruled:
            self._ruled = holding
            members |= {anomaly.investigation: {} for anomaly in self._tracker.current.values()}
        for number, stored in self._store.anomalies.members_of(list(members)).items():
            members[number] |= {anomaly.id: anomaly for anomaly in stored}
        for anomaly in changed.values():
            members[anomaly.investigation][anomaly.id] = anomaly
        members = {number: anomalies for number, anomalies in members.items() if anomalies}
        unread = members.keys() - self._book.cases.keys()
        self._book.cases |= {case.id: case for case in self._store.investigations.many(unread)}
        return [self._book.refresh(number, members[number].values(), now, rules) for number in sorted(members)]

    def _coverage(self, results: Mapping[str, RowResult], added: Additions, now: float) -> list[CoverageRecord]:
        for signal, result in results.items():
            if result.observations:
                self._last_fired[signal] = now
        return [
            added.advised.get(row.id)
            or coverage_record(
                self._cluster,
                self._catalogue,
                row,
                results.get(row.id),
                self._settings,
                self._last_fired.get(row.id),
                added.costs.get(row.id),
            )
            for row in self._catalogue.rows
        ]


def _with_band(anomaly: AnomalyRecord, results: Mapping[str, RowResult]) -> AnomalyRecord:
    band = _band_of(anomaly, results)
    return replace(anomaly, band=band.to_bytes()) if band is not None else anomaly


def _band_of(anomaly: AnomalyRecord, results: Mapping[str, RowResult]) -> Band | None:
    result = results.get(anomaly.signal)
    return result.bands.get(anomaly.entity.key) if result is not None and result.bands else None
