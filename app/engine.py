"""The cycle: look, judge, track, group, store.

The engine takes its clock, its sources, its catalogue and its store as arguments, so that the console, a scan, a watch,
a replay and the tests run the same one. What it cannot see it holds; it never resolves an anomaly because a source is
down.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.advisor import Advisor
from app.annotations import Annotations
from app.baselines.shown import SIGNALS
from app.evaluation import RowResult, judge_metrics, judge_states, refused
from app.investigation.investigator import Investigator
from app.investigation.investigator import Surroundings as Unsolved
from app.investigation.readings import Readings
from app.judging import Surroundings
from app.looking import MetricsLook
from app.lost_conventions import ROW as MISSING
from app.lost_conventions import LostConventions
from app.notify.message import announcement
from app.notify.settings import NotifySettings
from app.past import Past
from app.planning import Plan, live_rows, plan
from app.profiles import Profiles
from app.restarts import RestartMemory
from app.rollouts import newest_rollout
from app.sampling import SampledLook, asked_of_kubelets, unfed
from app.second_look import SecondLook
from app.sources.prometheus.rediscovery import INTERVAL
from app.standing import Standings
from app.tracking import Tracker
from app.verification import Verifier
from app.writing import Additions, Writer
from detectors.cluster import gone, obscured
from detectors.entities import Resolver
from detectors.model import KUBERNETES, Coverage
from storage.records import CycleRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from app.clock import Clock
    from app.judging import Batch
    from app.settings.schema import Settings
    from app.sources.base import ClusterSource, MetricsSource, SourceError
    from app.tracking import AnomalyKey, Changes
    from detectors.catalog import Catalogue
    from detectors.cluster import ClusterState
    from detectors.model import Entity
    from storage.database import Store

log = logging.getLogger(__name__)

LEASE_SECONDS = 90.0
"""At least how long a console that died keeps others from taking over its cluster."""


CLOCK_SECONDS = 30.0
"""Clocks further apart than this are worth a word."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cycle came to, for whoever ran it."""

    at: float
    seconds: float
    results: Mapping[str, RowResult]
    changes: Changes | None
    """None when another process runs the cycles of this cluster."""
    state: ClusterState | None
    metrics: SourceError | None
    """What is the matter with the metrics server; None when it answered, or there is none."""
    series: int
    warnings: tuple[str, ...]
    kept: Mapping[str, Sequence[Batch]] = field(default_factory=dict)
    """What was said of all entities, by those signals that are told of every workload (`app.baselines`)."""


@dataclass
class Engine:
    """One cluster's cycles."""

    cluster: str
    clock: Clock
    store: Store
    catalogue: Catalogue
    settings: Settings
    objects: ClusterSource | None
    metrics: MetricsSource | None
    live: bool = True
    """Whether the clock shows the present."""
    replayed: bool = False
    """Whether all answers are there already: then nothing is hurried, and everything comes in one order."""
    owner: str = ""
    """Names this process among those that share the store; empty where nobody else can write."""
    progress: Callable[[str], None] = field(default=lambda _: None)
    told: Callable[[], None] = field(default=lambda: None)
    """Called when an investigation has added to what the store knows of a case."""
    rediscovery_seconds: float = INTERVAL
    """Between two looks at what the metrics server has."""
    mark: Callable[[float], None] = field(default=lambda _: None)
    """Told when a cycle begins that takes no view of objects: where there are some, taking it tells their observer."""

    def __post_init__(self) -> None:
        engine = self.settings.engine
        self._units = {row.id: row.unit for row in self.catalogue.rows}
        step = self.settings.detection.step_seconds
        self._tracker = Tracker(self.cluster, engine.clean_passes, step, engine.reopen_minutes * 60)
        self._annotations = Annotations(self.settings.detection)
        self._writer = Writer(self.cluster, self.store, self.catalogue, self.settings, self._tracker, self.owner)
        self._restarts = RestartMemory(self.cluster, self.store)
        self._conventions = LostConventions(self.cluster, self.catalogue)
        self._second = SecondLook(self.catalogue)
        self.profiles = Profiles(self.cluster, self.store)
        self.past = Past(self.profiles)
        self.look = self._new_look() if self.metrics is not None else None
        self.sampled = SampledLook(self.catalogue, self.settings)
        self.advisor = Advisor(self.cluster, self.store, self.catalogue, self.settings, self.metrics)
        self._investigator = Investigator(
            self.cluster,
            self.store,
            self.catalogue,
            self.objects,
            engine.grouping_minutes * 60,
            self.owner,
            not self.replayed,
            lambda: self.told(),
            lambda *told: announcement(self.notify, self.catalogue, *told),
        )
        self.notify = NotifySettings()
        """Whom to tell of cases; nobody, unless who runs the cycles delivers it."""
        self._verifier = Verifier(self.cluster, self.store, self.owner)
        self._unsolved: Unsolved | None = None
        """What the last cycle leaves to be investigated."""
        self._restored = False
        self._leased = float("-inf")
        self._planned = Plan(())
        """Of the last cycle: who was asked for what."""
        self._seen: tuple[Resolver, Surroundings] | None = None
        """Of the last cycle, until what it left to be asked has been."""

    def _new_look(self) -> MetricsLook:
        assert self.metrics is not None
        seen = self.cluster if self.objects is not None else ""
        return MetricsLook(
            self.metrics,
            self.catalogue,
            self.settings,
            seen,
            live=self.live,
            rediscovery_seconds=self.rediscovery_seconds,
        )

    def cycle(self) -> Outcome:
        """Run one cycle; its effects are stored as a whole or not at all.

        Raises:
            StoreError: the store cannot be written; the next cycle may try again.
        """
        now, started = self.clock.now(), time.perf_counter()
        state = self._state(now)
        if not self._leads(now):
            return self._followed(now, state)
        if not self._restored:
            self._restore(now)
        if state is not None:
            state = self._restarts.remembered(state)
        # Until the cycle is stored, memory is ahead of the store: after a failure the next one starts from there.
        self._restored = False
        trouble = self.look.refresh(now, self.progress) if self.look else None
        around = self._surroundings(now, state)
        results = self._judged(state, around, trouble, now)
        observations = [o for result in results.values() for o in result.observations]
        changes = self._tracker.update(
            observations,
            lambda key, entity: _visible(results, key, entity, state, around),
            self._units,
            now,
            self._writer.new_anomaly,
        )
        series = sum(len(result.coverage) for result in results.values())
        cycle = CycleRecord(
            cluster=self.cluster,
            at=now,
            seconds=time.perf_counter() - started,
            series=series,
            observations=len(observations),
            errors=sum(result.status is Coverage.QUERY_ERROR for result in results.values()),
        )
        self._writer.write(cycle, results, changes, state, self._additions(trouble))
        self._writer.wake(state, now)
        self._restored = True
        self._unsolved = self._left(results, state, around, trouble)
        self.advisor.observe(state, self.look if trouble is None else None, now)
        warnings = (
            *self._clocks(state),
            *self._annotations.warnings,
            *(self.look.budget.notes if self.look else ()),
            *(text for r in results.values() for text in r.warnings),
        )
        self.progress("")
        told = tuple(dict.fromkeys(warnings))
        return Outcome(now, cycle.seconds, results, changes, state, trouble, series, told, around.kept)

    def _additions(self, trouble: SourceError | None) -> Additions:
        """What the advisor and the queries add to what is stored."""
        advised, restarts = self.advisor.coverage(trouble), self._restarts.unstored
        if self.look is None:
            return Additions(None, advised, restarts)
        return Additions(self._conventions.records, advised, restarts, self.look.budget.costs)

    def close(self) -> None:
        """Let another process take over."""
        self._investigator.close()
        self.advisor.close()
        if self._restored:
            self.profiles.save(at_once=True)
        if self.owner:
            self.store.cycles.release_lease(self.cluster, self.owner)
        self.sampled.close()
        if self.look:
            self.look.close()

    def _leads(self, now: float) -> bool:
        """Whether this process is the one that writes; what it remembers is void once another may have written."""
        if not self.owner:
            return True
        ttl = max(LEASE_SECONDS, 3 * self.settings.engine.interval_seconds)
        if not self.store.cycles.acquire_lease(self.cluster, self.owner, now, ttl):
            self._restored = False
            return False
        if not 0 <= now - self._leased < ttl:
            self._restored = False
        self._leased = now
        return True

    def _state(self, now: float) -> ClusterState | None:
        if self.objects is None:
            self.mark(now)
            return None
        return dataclasses.replace(self.objects.state(now), environments=self.settings.scope.environment_of)

    def _clocks(self, state: ClusterState | None) -> Iterator[str]:
        """A sentence for every clock that is far from this machine's: what is shown as `ago` is then wrong."""
        if not self.live:
            return
        known = self.look.discovery if self.look is not None else None
        ahead = {
            "Prometheus": known.skew or 0.0 if known is not None else 0.0,
            "the API server": state.readyz.skew if state is not None and state.readyz is not None else 0.0,
        }
        for name, seconds in ahead.items():
            if abs(seconds) >= CLOCK_SECONDS:
                way = "ahead of" if seconds > 0 else "behind"
                yield f"the clock of {name} is {abs(seconds):.0f} s {way} this machine's"

    def _followed(self, now: float, state: ClusterState | None) -> Outcome:
        text = "another Tocsin runs the cycles of this cluster on this database; its findings are shown"
        return Outcome(now, 0.0, {}, None, state, None, 0, (text,))

    def _restore(self, now: float) -> None:
        known = self.store.anomalies.unresolved(self.cluster)
        recent = self.store.anomalies.closed_since(self.cluster, now - self._tracker.reopen_seconds)
        self._tracker.current.clear()
        self._tracker.recent.clear()
        self._tracker.restore((*known, *recent))
        self._writer.restore()
        self._restarts.restore(now)
        self._second = SecondLook(self.catalogue)
        self._investigator.forget()
        self.profiles.forget()
        self._conventions.restore(self.store.conventions.of(self.cluster))

    def _surroundings(self, now: float, state: ClusterState | None) -> Surroundings:
        self._annotations.begin(state)
        return Surroundings(
            # Objects carry the cluster's time, and this machine's may be another.
            now=now + (state.readyz.skew if state is not None and state.readyz is not None and self.live else 0.0),
            standings=Standings(state, self._annotations, self.settings.scope),
            rollout_of=lambda entity: newest_rollout(state, entity),
            open=self._tracker.current,
            recent=self._tracker.recent,
            adopted=self._adopted(),
            false_discovery_rate=self.settings.detection.false_discovery_rate,
            profiles=self.profiles,
            kept={signal: [] for signal in SIGNALS},
        )

    def _judged(
        self, state: ClusterState | None, around: Surroundings, trouble: SourceError | None, now: float
    ) -> dict[str, RowResult]:
        rows = live_rows(self.catalogue, self.settings.detection)
        look = self.look
        step = self.settings.detection.step_seconds
        told = self.sampled.observe(state) if state is not None else frozenset()
        planned = plan(self.catalogue, rows, state, look.discovery if look else None, step, told)
        if trouble is None:
            self._follow(planned)
        by_id = {row.id: row for row in rows}
        resolver = Resolver(state, self.cluster, self.settings.scope.environment_of)
        if look and planned.sources and trouble is None:
            self.progress("measuring what queries cost")
            planned = look.affordable(planned)
            look.measurer.begin(look.frame, resolver)
            look.measurer.ask((each for found in planned.sources.values() for each in found), self.progress)
        # Objects are judged while the metrics server answers.
        results = judge_states(planned.states, state, around) if state is not None else {}
        if state is not None:
            results |= self.sampled.judged(by_id, planned.sampled, state, resolver, around)
        if trouble is not None:
            # Asking a server that does not answer would only make every row wait for its timeout.
            detail = " ".join(filter(None, (trouble.message, trouble.hint)))
            for row in rows:
                if row.id not in results and self.catalogue.sources(row.id):
                    results[row.id] = RowResult(row, Coverage.QUERY_ERROR, detail=detail)
        elif look and planned.sources:
            judged = judge_metrics(by_id, planned.sources, look.measurer, around, self.progress)
            results |= judged | (refused(judged, state) if state is not None else {})
        results = {row.id: unfed(self.catalogue, row, state) for row in planned.unfed} | results
        if look and trouble is None:
            results |= self._with_lost(results, planned, look, state, resolver, around)
            results |= self._second.witnessed(results)
            self._second.consider(results, look, around, now)
            self.past.consider(planned.sources, by_id, now)
            self._seen = resolver, around
            self._planned = planned
        return results

    def _with_lost(
        self,
        results: Mapping[str, RowResult],
        planned: Plan,
        look: MetricsLook,
        state: ClusterState | None,
        resolver: Resolver,
        around: Surroundings,
    ) -> dict[str, RowResult]:
        """The result of the row of missing metrics with the conventions that are; without them if that fails."""
        if MISSING not in results:
            return {}
        rows = {row_id: result.row for row_id, result in results.items()}
        try:
            added = self._conventions.added(
                results[MISSING], rows, planned, look, state, resolver, around, self.progress
            )
        except Exception:
            log.exception("looking for lost conventions")
            return {}
        return {MISSING: added}

    def look_again(self) -> None:
        """Do what may wait until a cycle has been shown: investigate, ask for the next one, learn from the past."""
        seen, self._seen = self._seen, None
        if self.look is not None and seen is not None:
            try:
                self._second.ask(self.look, *seen, self.progress)
            except Exception:
                log.exception("asking the metrics about what objects tell")
        if self._unsolved is not None:
            unsolved, self._unsolved = self._unsolved, None
            self._verifier.follow(unsolved.state, unsolved.readings, unsolved.now)
            self._investigator.investigate(unsolved)
        if self.look is not None and seen is not None:
            try:
                self.past.learn(self.look, seen[0], self.progress)
            except Exception:
                log.exception("learning what is usual")
        self.profiles.save()

    def _left(
        self,
        results: Mapping[str, RowResult],
        state: ClusterState | None,
        around: Surroundings,
        trouble: SourceError | None,
    ) -> Unsolved:
        """What this cycle leaves to be investigated."""
        anomalies = (*self._tracker.current.values(), *self._tracker.recent.values())
        seen = {(o.signal, o.entity.key): o.facts for result in results.values() for o in result.observations}
        asked = self.look if trouble is None else None
        return Unsolved(
            state=state,
            now=around.now,
            newest=float(asked.frame.grid.end) if asked is not None else around.now,
            anomalies=anomalies,
            facts={a.id: seen[key] for a in anomalies if (key := (a.signal, a.entity.key)) in seen},
            metrics=self.metrics if asked is not None else None,
            readings=self._readings(asked),
        )

    def _readings(self, look: MetricsLook | None) -> Readings | None:
        """What investigations may ask of the catalogue's numbers; None where the server does not answer."""
        if look is None or look.discovery is None or self._seen is None:
            return None
        return Readings(self.catalogue, look, self._seen[0], self._planned.sources, self._planned.owners)

    def _follow(self, planned: Plan) -> None:
        """Have the kubelets asked for what they could tell of rows that nobody else tells of, while that is so."""
        if self.objects is None or not self.settings.kubernetes.kubelets:
            return
        lacking = (*planned.unfed, *(self.catalogue.row(row_id) for row_id in planned.sampled))
        self.objects.follow_kubelets(asked_of_kubelets(self.catalogue, lacking))

    def _adopted(self) -> set[AnomalyKey]:
        """The anomalies, living or just over, whose case the engineer has closed."""
        known = {**self._tracker.recent, **self._tracker.current}
        closed = self.store.investigations.closed_among({anomaly.investigation for anomaly in known.values()})
        return {key for key, anomaly in known.items() if anomaly.investigation in closed}


def _visible(
    results: Mapping[str, RowResult],
    key: AnomalyKey,
    entity: Entity,
    state: ClusterState | None,
    around: Surroundings,
) -> Coverage:
    """What a cycle could see of a signal of an entity that it did not find out of band."""
    signal, name = key
    result = results.get(signal)
    if result is None or around.standings.tuning(name, entity) is None:
        return Coverage.DISABLED
    if state is not None and gone(state, entity):
        return Coverage.LIVE
    if state is not None and result.conventions == (KUBERNETES,) and obscured(state, entity):
        return Coverage.NO_DATA
    return result.coverage_of(name)
