"""The advisor: once a day, every request and limit against what its container used; apart from cycles and anomalies.

The heavy questions are asked in a thread of their own, what they gave is kept, and nothing of it opens an
investigation.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
import time
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from app.advising import SAID, Judged, Past, coverage_of, judged, kubectl, ranked, recorded
from app.container_metrics import KILLS, THROTTLING, ContainerMetrics, last_hours
from app.containers import from_objects
from app.coverage import advice
from app.past_usage import Asking, PastUsage, PodOwners, present_sources, rightsizing_rows
from app.sources.base import SourceError
from app.tuning import in_scope
from app.usage import OWN, RESOURCES, UsageKey, UsageRecorder, day_of, key_of
from detectors.cluster import AccessStatus
from detectors.entities import Resolver
from detectors.model import Coverage
from detectors.usage import DAY, History
from storage.errors import StoreError
from storage.records import AdviceRun, CoverageRecord
from storage.retention import USAGE_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.looking import MetricsLook
    from app.settings.schema import Settings
    from app.sources.base import MetricsSource
    from detectors.catalog import Catalogue, Row, RowSource
    from detectors.cluster import ClusterState
    from detectors.model import Entity
    from storage.database import Store

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0 * DAY
UNTIL_FIRST_SECONDS = 3_600.0
"""How long until it looks again while there is no verdict yet, or after a failure."""
_STOP_SECONDS = 2.0
_SETTLING_SECONDS = 60.0


class Advisor:
    """One cluster's advisor.

    Args:
        cluster: the cluster.
        store: where history is kept and advice goes.
        catalogue: for its rows.
        settings: for their scope, and what is switched off.
        metrics: the metrics server; None where there is none.
    """

    def __init__(
        self, cluster: str, store: Store, catalogue: Catalogue, settings: Settings, metrics: MetricsSource | None
    ) -> None:
        self._cluster, self._store, self._catalogue, self._metrics = cluster, store, catalogue, metrics
        self._scope = settings.scope
        self._rows = rightsizing_rows(catalogue, settings.detection.disabled_signals)
        self._recorder = UsageRecorder(cluster, store)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._next: float | None = None
        self.background = False
        """Whether it runs by itself, daily, in a thread of its own."""
        self.doing = ""
        """What a run is at; empty between runs."""

    def observe(self, state: ClusterState | None, look: MetricsLook | None, now: float) -> None:
        """Take what a cycle saw; begins a run when one is due."""
        if state is not None:
            self._recorder.observe(state, now)
        if not (self.background and self._rows) or (self._thread is not None and self._thread.is_alive()):
            return
        self._next = self._due(now) if self._next is None else self._next
        if now >= self._next:
            self._next = now + UNTIL_FIRST_SECONDS
            self._recorder.flush()
            self._thread = threading.Thread(target=self._work, args=(state, look, now), name="advisor", daemon=True)
            self._thread.start()

    def want(self) -> bool:
        """Run with the next cycle, whenever the last run was; returns whether it can."""
        self._next = 0.0
        return self.background

    def close(self) -> None:
        """Keep what was seen, and end a run between two queries."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
        try:
            self._recorder.flush()
        except StoreError as error:
            log.warning("advisor: %s", error)

    def coverage(self) -> dict[str, CoverageRecord]:
        """What its rows could see when it last looked, by signal."""
        run = self._store.advice.last(self._cluster)
        told = {each.signal: each for each in run.coverage} if run is not None else {}
        found = {}
        for row in self._rows:
            each = told.get(row.id)
            found[row.id] = CoverageRecord(
                cluster=self._cluster,
                signal=row.id,
                status=each.status if each is not None else Coverage.LEARNING,
                conventions=each.conventions if each is not None else (),
                live=each.live if each is not None else 0,
                learning=each.learning if each is not None else 0,
                silent=0,
                last_fired=None,
                detail=each.detail if each is not None else "the advisor has not looked yet; it looks once a day",
                query_seconds=None,
            )
        return found

    def run(
        self,
        state: ClusterState | None,
        look: MetricsLook | None,
        now: float,
        progress: Callable[[str], None] = lambda _: None,
    ) -> AdviceRun:
        """Look at every request and limit; blocks for as long as the questions take.

        Raises:
            StoreError: nothing was stored of the advice.
        """
        began = time.perf_counter()
        study = _Study(self._cluster, self._store, self._catalogue, self._rows, state, now, self._stop)
        if self._metrics is not None and look is not None and look.discovery is not None:
            study.ask(Asking(self._metrics, look.discovery, look.frame), self._scope.environment_of, progress)
        progress("comparing requests and limits with what was used")
        found = [each for row in self._rows for each in study.judged(row, lambda e: in_scope(e, self._scope))]
        records = ranked(recorded(e, self._cluster, study.query(e)) for e in found if e.advice.outcome in SAID)
        coverage = tuple(
            coverage_of(row, [each for each in found if each.row is row], *study.missing(row)) for row in self._rows
        )
        run = AdviceRun(self._cluster, now, time.perf_counter() - began, coverage)
        if not self._stop.is_set():
            self._store.advice.replace(run, records)
        return run

    def _due(self, now: float) -> float:
        """When to look next: not in the first minute, when everything else begins."""
        last = self._store.advice.last(self._cluster)
        if last is None:
            return now + _SETTLING_SECONDS
        pause = EVERY_SECONDS if any(each.live for each in last.coverage) else UNTIL_FIRST_SECONDS
        return max(last.at + pause, now + _SETTLING_SECONDS)

    def _work(self, state: ClusterState | None, look: MetricsLook | None, now: float) -> None:
        try:
            run = self.run(state, look, now, self._report)
        except Exception:
            # Advice can wait: whatever is wrong with it must not end the cycles.
            log.exception("the advisor failed; it tries again in an hour")
            return
        finally:
            self.doing = ""
        if any(each.live for each in run.coverage):
            self._next = now + EVERY_SECONDS

    def _report(self, text: str) -> None:
        self.doing = text


class _Study:
    """What one run knows: histories, containers, and what could not be asked."""

    def __init__(
        self,
        cluster: str,
        store: Store,
        catalogue: Catalogue,
        rows: tuple[Row, ...],
        state: ClusterState | None,
        now: float,
        stop: threading.Event,
    ) -> None:
        self._cluster, self._store, self._catalogue, self._rows = cluster, store, catalogue, rows
        self._state, self._now, self._stop = state, now, stop
        self._asking: Asking | None = None
        self._troubles: dict[str, SourceError] = {}
        """Resource -> why its past could not be read."""
        self._remarks: list[str] = []
        readable = state is not None and state.readable("pods")
        self._containers = from_objects(state, now) if state is not None and readable else {}

    @cached_property
    def _past(self) -> dict[UsageKey, Past]:
        """By container and resource: the longest history that there is."""
        wanted = {(key.entity, key.name) for key in self._containers}
        found = {}
        days = self._store.usage.since(self._cluster, int(self._now - USAGE_DAYS * DAY))
        for key, records in groupby(days, key_of):
            if (key.entity, key.container) in wanted:
                told = [
                    Past(History.of(map(day_of, own)), source) for source, own in groupby(records, lambda r: r.source)
                ]
                found[key] = max(told, key=lambda past: past.history.span)
        return found

    def ask(self, asking: Asking, environments: Mapping[str, str], progress: Callable[[str], None]) -> None:
        """Read what a metrics server knows."""
        self._asking = asking
        resolver = Resolver(self._state, self._cluster, environments)
        reader = PastUsage(asking, resolver, self._state, self._cluster, self._store, self._stop)
        for resource in RESOURCES:
            source = self._source(resource)
            try:
                if source is not None:
                    reader.refresh(source, resource, progress)
            except SourceError as error:
                log.warning("advisor: %s: %s", resource, error.message)
                self._troubles[resource] = error
        progress("asking for requests, limits, throttling and OOM kills")
        try:
            told = asking.owners(last_hours(asking))
        except SourceError as error:
            self._remarks.append(error.message)
            told = {}
        self._complete(ContainerMetrics(asking, self._catalogue, self._rows, PodOwners(resolver, self._state, told)))

    def _complete(self, metrics: ContainerMetrics) -> None:
        if not self._containers:
            self._containers = metrics.containers()
        throttled, kills = metrics.over_look_back(THROTTLING), metrics.over_look_back(KILLS)
        for key, container in self._containers.items():
            killed = math.nan if container.killed is None and kills.get(key, 0.0) > 0 else container.killed
            share = throttled.get(key, math.nan)
            self._containers[key] = dataclasses.replace(container, killed=killed, throttled=share)
        self._remarks += metrics.troubles

    def _source(self, resource: str) -> RowSource | None:
        """Who tells best what was used of a resource."""
        assert self._asking is not None
        for row in self._rows:
            if row.instrument.startswith(f"{resource}-"):
                for source in present_sources(self._catalogue, row, self._asking.discovery):
                    if source.instrument == row.instrument:
                        return source
        return None

    def judged(self, row: Row, wanted: Callable[[Entity], bool]) -> list[Judged]:
        """What a row says of every container that is wanted."""
        containers = {key: each for key, each in self._containers.items() if wanted(key.entity)}
        return judged(
            row, containers, lambda key, resource: self._past.get(UsageKey(key.entity, key.name, resource)), self._now
        )

    def query(self, each: Judged) -> str:
        """What gives the number behind a piece of advice."""
        assert each.past is not None
        if each.past.source == OWN or self._asking is None:
            return kubectl(each.key)
        sources = [
            source
            for row in (each.row, *self._rows)
            for source in present_sources(self._catalogue, row, self._asking.discovery)
            if source.convention == each.past.source and source.instrument.startswith(f"{each.rule.resource}-of-")
        ]
        if not sources:
            return kubectl(each.key)
        source, frame = sources[0], self._asking.frame
        values = (each.key.entity.namespace, each.past.history.peak_pod, each.key.name)
        labels = dict(zip((source.labels[0], source.identity.pod_labels[0], source.labels[-1]), values, strict=True))
        return source.evidence(labels, frame.window_seconds, frame.by, workload=each.key.entity.name)

    def missing(self, row: Row) -> tuple[Coverage, str]:
        """What it means that a row has no history, and what is the matter."""
        resource = row.instrument.partition("-")[0]
        if (error := self._troubles.get(resource)) is not None:
            return Coverage.QUERY_ERROR, " ".join(filter(None, (error.message, error.hint)))
        access = self._state.access.get("pods.metrics.k8s.io") if self._state is not None else None
        if self._asking is not None and self._source(resource) is not None:
            return Coverage.NO_DATA, "; ".join(self._remarks)
        if access is not None and access.readable:
            return Coverage.LEARNING, "; ".join(self._remarks)
        refused = access is not None and access.status is AccessStatus.FORBIDDEN
        detail = f"{advice(self._catalogue, row)}, or pods of metrics.k8s.io (list), of which a history is then kept"
        return (Coverage.FORBIDDEN if refused else Coverage.NO_SOURCE), detail
