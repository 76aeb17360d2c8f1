"""One look of the advisor: what it asks, what it knows of histories and containers, and what could not be asked."""

from __future__ import annotations

import dataclasses
import logging
import math
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from app.advising import Past, judged, kubectl
from app.container_metrics import KILLS, THROTTLING, ContainerMetrics, last_hours
from app.containers import ContainerKey, from_objects
from app.coverage import advice
from app.past_usage import PastUsage, PodOwners, present_sources
from app.sources.base import SourceError
from app.sources.kubernetes.resources import SUMMARY
from app.usage import OWN, RESOURCES, UsageKey, day_of, key_of
from detectors.cluster import AccessStatus
from detectors.entities import Resolver
from detectors.model import Coverage
from detectors.usage import DAY, History
from storage.retention import USAGE_DAYS

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

    from app.advising import Judged
    from app.past_usage import Asking
    from detectors.catalog import Catalogue, Row, RowSource
    from detectors.cluster import ClusterState
    from detectors.model import Entity
    from storage.database import Store

log = logging.getLogger(__name__)

COVERED = 0.95
"""Share of the containers from which on no other convention is asked about them."""


class Study:
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
        progress("asking for requests, limits, throttling and OOM kills")
        try:
            told = asking.owners(last_hours(asking))
        except SourceError as error:
            self._remarks.append(error.message)
            told = {}
        self._complete(ContainerMetrics(asking, self._catalogue, self._rows, PodOwners(resolver, self._state, told)))
        reader = PastUsage(asking, resolver, self._state, self._cluster, self._store, self._stop)
        for resource in RESOURCES:
            try:
                self._read(reader, resource, progress)
            except SourceError as error:
                log.warning("advisor: %s: %s", resource, error.message)
                self._troubles[resource] = error

    def _complete(self, metrics: ContainerMetrics) -> None:
        if not self._containers:
            self._containers = metrics.containers()
        throttled, kills = metrics.over_look_back(THROTTLING), metrics.over_look_back(KILLS)
        for key, container in self._containers.items():
            killed = math.nan if container.killed is None and kills.get(key, 0.0) > 0 else container.killed
            share = throttled.get(key, math.nan)
            self._containers[key] = dataclasses.replace(container, killed=killed, throttled=share)
        self._remarks += metrics.troubles

    def _read(self, reader: PastUsage, resource: str, progress: Callable[[str], None]) -> None:
        """Read a resource's past by the preferred convention, and by the next where that leaves containers out."""
        left = set(self._containers)
        for source in self._sources(resource):
            if len(left) <= (1 - COVERED) * len(self._containers):
                return
            left -= {ContainerKey(key.entity, key.container) for key in reader.refresh(source, resource, progress)}

    def _sources(self, resource: str) -> Iterator[RowSource]:
        """Who tells what was used of a resource, preferred first."""
        assert self._asking is not None
        seen = set()
        for row in self._rows:
            if row.instrument.startswith(f"{resource}-"):
                for source in present_sources(self._catalogue, row, self._asking.discovery, aliased=False):
                    if source.instrument.startswith(f"{resource}-of-") and source.convention not in seen:
                        seen.add(source.convention)
                        yield source

    def judged(self, row: Row, wanted: Callable[[Entity], bool]) -> list[Judged]:
        """What a row says of every container that is wanted."""
        containers = {key: each for key, each in self._containers.items() if wanted(key.entity)}
        return judged(
            row, containers, lambda key, resource: self._past.get(UsageKey(key.entity, key.name, resource)), self._now
        )

    def query(self, each: Judged) -> str:
        """What gives the number behind a piece of advice."""
        assert each.past is not None
        if each.past.source in OWN or self._asking is None:
            return kubectl(each.key, each.past.source)
        sources = [
            source
            for row in (each.row, *self._rows)
            for source in present_sources(self._catalogue, row, self._asking.discovery)
            if source.convention == each.past.source and source.instrument.startswith(f"{each.rule.resource}-of-")
        ]
        if not sources:
            return kubectl(each.key, each.past.source)
        source, frame = sources[0], self._asking.frame
        values = (each.key.entity.namespace, each.past.history.peak_pod, each.key.name)
        labels = dict(zip((source.labels[0], source.identity.pod_labels[0], source.labels[-1]), values, strict=True))
        return source.evidence(labels, frame.window_seconds, frame.by, workload=each.key.entity.name)

    def missing(self, row: Row) -> tuple[Coverage, str]:
        """What it means that a row has no history, and what is the matter."""
        resource = row.instrument.partition("-")[0]
        if (error := self._troubles.get(resource)) is not None:
            return Coverage.QUERY_ERROR, " ".join(filter(None, (error.message, error.hint)))
        if self._asking is not None and next(self._sources(resource), None) is not None:
            return Coverage.NO_DATA, "; ".join(self._remarks)
        access = self._state.access if self._state is not None else {}
        tellers = [access[name] for name in ("pods.metrics.k8s.io", SUMMARY.name) if name in access]
        if any(each.readable for each in tellers):
            return Coverage.LEARNING, "; ".join(self._remarks)
        refused = any(each.status is AccessStatus.FORBIDDEN for each in tellers)
        rights = "pods of metrics.k8s.io (list) or nodes/proxy (get)"
        detail = f"{advice(self._catalogue, row)}, or {rights}, of which a history is then kept"
        return (Coverage.FORBIDDEN if refused else Coverage.NO_SOURCE), detail
