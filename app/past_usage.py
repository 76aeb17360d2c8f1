"""What containers used in the last days, read from a metrics server once and kept.

One range query for each day and resource asks for what a percentile over the look-back would make the server evaluate
for every row anew; the next run asks for what has come since. Queries are asked one after the other, divided by
namespace and thinned by what their series cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.discovery import NAMES_REACH
from app.sources.prometheus.probes import by_job, has_samples
from app.sources.prometheus.sharding import matchers, restricted
from app.usage import UsageKey, key_of, record_of
from detectors.catalog import DetectorKind, Owners, Returns, Role, render
from detectors.catalog import matchers as quoted_matchers
from detectors.catalog.identity import POD_RULE, Identifier
from detectors.catalog.promql import first_selector, relabelled
from detectors.model import EntityType
from detectors.series import Grid
from detectors.usage import DAY, UsageDay

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from app.frame import Frame
    from app.sources.base import MetricsSource
    from app.sources.prometheus.discovery import Discovery
    from detectors.catalog import Catalogue, Row, RowSource
    from detectors.cluster import ClusterState
    from detectors.entities import Resolver
    from detectors.model import Entity, Identity
    from detectors.series import SeriesBlock
    from storage.database import Store

KUBE_STATE = "kube-state-metrics"
LOOK_BACK_DAYS = 7
STEP = 300
"""Seconds between two values, and what each is the mean of."""
_DAY_COST = 20_000_000
"""Values of one day above which it is thinned."""
_QUERY_COST = 2_000_000
"""Values above which one query becomes several."""
_MOST_SERIES = 1_000_000
_THINNING = (1, 2, 3, 4, 6, 12)
"""Steps that divide a day."""
_OWNERS_STEP = 3600


def rightsizing_rows(catalogue: Catalogue, disabled: Iterable[str] = ()) -> tuple[Row, ...]:
    """The advisor's rows."""
    kind, off = DetectorKind.RIGHT_SIZING_PERCENTILE, frozenset(disabled)
    return tuple(row for row in catalogue.rows if row.detector is kind and not row.planned and row.id not in off)


def present_sources(
    catalogue: Catalogue, row: Row, discovery: Discovery | None, *, aliased: bool = True
) -> tuple[RowSource, ...]:
    """The row's primary sources that this server has, series per pod, in its labels or the catalogue's."""
    found = []
    for source in catalogue.sources(row.id, Owners.NONE) if discovery is not None else ():
        present = discovery.conventions.get(source.convention) if discovery is not None else None
        if source.role is Role.PRIMARY and present is not None and present.series.get(source.detect_selector, 0) != 0:
            found.append(source.aliased(present.aliases) if aliased and present.aliases else source)
    return tuple(found)


class PodContainer(NamedTuple):
    """What one series is of."""

    entity: Entity
    container: str
    pod: str


class PodOwners:
    """Whose the pods are that series name: by the cluster's objects, by kube-state-metrics, or by their names."""

    def __init__(
        self, resolver: Resolver, state: ClusterState | None, told: Mapping[tuple[str, str], Identity]
    ) -> None:
        self._resolver, self._state, self._told = resolver, state, told

    def containers(self, block: SeriesBlock, source: RowSource) -> list[PodContainer | None]:
        """What each series of an answer is of; None where its labels name no pod or no container."""
        return [self._container(dict(labels), source) for labels in block.labels]

    def _container(self, labels: Mapping[str, str], source: RowSource) -> PodContainer | None:
        identity, container = source.identity.identify(labels), labels.get(source.labels[-1], "")
        if not (identity.pod and container):
            return None
        pod = identity.pod
        known = self._state is not None and self._state.pod_named(identity.namespace, pod) is not None
        if not known:
            identity = self._told.get((identity.namespace, pod), identity)
        return PodContainer(self._resolver.entity(identity, EntityType.WORKLOAD), container, pod)


@dataclass(frozen=True, slots=True)
class Asking:
    """A metrics server and what a question to it needs."""

    metrics: MetricsSource
    discovery: Discovery
    frame: Frame

    def rendered(self, template: str, convention: str, step: int = STEP) -> str:
        """A template with its placeholders filled in, its rates over one step or four scrapes."""
        window = self.discovery.window(step, convention)
        return render(template, window, self.frame.match, self.frame.by, owners=Owners.RAW, step_seconds=step)

    def kube_state(self, template: str) -> str:
        """An expression over kube-state-metrics, in its labels; empty where it is not there."""
        if KUBE_STATE not in self.discovery.conventions:
            return ""
        return relabelled(self.rendered(template, KUBE_STATE), self.kube_state_label)

    def kube_state_label(self, name: str) -> str:
        """What kube-state-metrics' label is called here."""
        return self.discovery.conventions[KUBE_STATE].aliases.get(name, name)

    def as_labelled(self, source: RowSource) -> RowSource:
        """A source in the labels that its own metric has.

        Of a pair of exporters one may be scraped without honouring its labels, so that only its are called otherwise.
        """
        aliases = self.discovery.conventions[source.convention].aliases
        if not aliases:
            return source
        end = float(self.frame.grid.end)
        names = self.metrics.label_names([first_selector(_level(source))], end - NAMES_REACH, end)
        return source.aliased(aliases) if set(aliases.values()) & set(names) else source

    def owners(self, grid: Grid) -> dict[tuple[str, str], Identity]:
        """Namespace and pod -> the workload that kube-state-metrics names; nothing where it is not there."""
        query = self.kube_state("$owners")
        if not query:
            return {}
        identifier = Identifier(POD_RULE, self.kube_state_label)
        identities = [identifier.identify(dict(labels)) for labels in self.metrics.range(query, grid).labels]
        return {(each.namespace, each.pod): msgspec.structs.replace(each, pod="") for each in identities}


class PastUsage:
    """Reads a metrics server's past into the store.

    Args:
        asking: the server.
        resolver: of names to workloads.
        state: the cluster's objects, where they may be read.
        cluster: whose history it is.
        store: where days go.
        stop: set when it is to end between two queries.
    """

    def __init__(
        self,
        asking: Asking,
        resolver: Resolver,
        state: ClusterState | None,
        cluster: str,
        store: Store,
        stop: threading.Event,
    ) -> None:
        self._asking, self._resolver, self._state = asking, resolver, state
        self._cluster, self._store, self._stop = cluster, store, stop

    def refresh(self, source: RowSource, resource: str, progress: Callable[[str], None]) -> frozenset[UsageKey]:
        """Read the days of the look-back that are not stored yet, and anew the last one that is.

        Returns:
            What there was on the last day or the one before.

        Raises:
            SourceError: the days read until then are stored.
        """
        source = self._asking.as_labelled(source)
        newest = self._asking.frame.grid.end
        today = newest // DAY * DAY
        known = self._store.usage.days(self._cluster, source.convention, resource)
        settled = known - {max(known, default=0)}
        for day in range(today - LOOK_BACK_DAYS * DAY, today + 1, DAY):
            if day in settled or self._stop.is_set():
                continue
            progress(f"reading what containers used: {resource}, {(today - day) // DAY} days ago")
            records = [
                record_of(key, source.convention, part) for key, part in self._day(source, resource, day, newest)
            ]
            if not self._stop.is_set():
                self._store.usage.put(self._cluster, records)
        days = (self._store.usage.day(self._cluster, source.convention, day) for day in (today, today - DAY))
        return frozenset(key_of(record) for records in days for record in records if record.resource == resource)

    def _day(self, source: RowSource, resource: str, day: int, newest: int) -> Iterator[tuple[UsageKey, UsageDay]]:
        metrics = self._asking.metrics
        query = _level(source)
        selector = restricted(first_selector(query), self._asking.frame.match)
        series, job = self._scraped(selector, source)
        step, parts = _plan(series)
        end = min(newest, day + DAY - step) // step * step
        grid = Grid(end, step, (end - day) // step + 1)
        promql = restricted(self._asking.rendered(query, source.convention, step), job)
        queries: Sequence[str] = (promql,)
        if parts > 1:
            values = metrics.label_values(source.labels[0], [selector], grid.start, grid.end)
            queries = [restricted(promql, part) for part in matchers(source.labels[0], values, parts)]
        owners: PodOwners | None = None
        for part in queries:
            if self._stop.is_set():
                return
            block = metrics.range(part, grid)
            if owners is None:
                owners = PodOwners(self._resolver, self._state, self._asking.owners(_hourly(grid)))
            yield from _busiest(block, owners.containers(block, source), resource)

    def _scraped(self, selector: str, source: RowSource) -> tuple[float, str]:
        """How many series there are, and a matcher for one job where two scrape the same containers."""
        metrics, at = self._asking.metrics, float(self._asking.frame.grid.end)
        jobs = by_job(metrics, f"count by (job) ({selector})", at)
        if len(jobs) > 1:
            labels = ", ".join(source.labels)
            twice = f"count by ({labels}) (count by ({labels}, job) ({selector})) > 1"
            if has_samples(metrics, twice, at):
                busiest = max(jobs, key=lambda job: (jobs[job], job))
                return jobs[busiest], quoted_matchers({"job": busiest}, ["job"])
        return sum(jobs.values()), ""


def _plan(series: float) -> tuple[int, int]:
    """Seconds between values, and how many queries one day becomes."""
    if series > _MOST_SERIES:
        raise SourceError(
            Trouble.LIMITED,
            f"{series:,.0f} series of containers are too many to read a week of",
            "The recording rules of the kubernetes-mixin make this cheap; our own history of metrics.k8s.io also does.",
        )
    wanted = series * (DAY // STEP) / _DAY_COST
    step = STEP * next(factor for factor in _THINNING if factor >= wanted or factor == _THINNING[-1])
    return step, math.ceil(max(1.0, series * (DAY // step) / _QUERY_COST))


def _level(source: RowSource) -> str:
    """What was used, as a template."""
    return next(each.promql for each in source.queries if each.returns is Returns.LEVEL)


def _hourly(grid: Grid) -> Grid:
    return Grid(grid.end, _OWNERS_STEP, (grid.end - grid.start) // _OWNERS_STEP + 1)


def _busiest(
    block: SeriesBlock, containers: Sequence[PodContainer | None], resource: str
) -> Iterator[tuple[UsageKey, UsageDay]]:
    """One day of each container, always by the pod that uses most."""
    rows: dict[tuple[Entity, str], list[int]] = {}
    for place, each in enumerate(containers):
        if each is not None:
            rows.setdefault((each.entity, each.container), []).append(place)
    for (entity, container), own in rows.items():
        values = block.values[own]
        seen = np.flatnonzero(np.isfinite(values).any(axis=0))
        if len(seen):
            inside = np.where(np.isfinite(values[:, seen]), values[:, seen], -np.inf)
            pods = [containers[own[place]].pod for place in np.argmax(inside, axis=0)]
            day = UsageDay.of(block.times[seen].astype(float), inside.max(axis=0), pods)
            yield UsageKey(entity, container, resource), day
