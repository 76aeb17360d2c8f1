"""Workloads of which a convention tells no more while it goes on telling of others: an exporter or a sidecar is gone.

Who is told of is seen in what a cycle has measured anyway. What was found is remembered, for the windows move on.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from app.blind_rows import EXEMPT, identity_of
from app.indexing import UNSETTLED
from app.judging import Subject
from app.silences import SILENT_SECONDS, Silences, silences
from app.sources.base import SourceError
from app.sources.prometheus.probes import by_job
from detectors.catalog import Absence, DetectorKind
from detectors.catalog.model import OWN
from detectors.catalog.promql import quoted
from detectors.model import EntityType, SourceRef
from storage.records import LostWorkload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from app.blind_rows import BlindSearch
    from app.measuring import Measurement
    from app.sources.prometheus.discovery import Discovery
    from detectors.catalog import Row, RowSource
    from detectors.model import Entity
    from storage.records import ConventionRecord

    Name = tuple[str, ...]
    """An entity by its names: not every convention tells a workload's kind."""

CONTINUOUS = frozenset(
    {
        DetectorKind.RATIO_SPIKE,
        DetectorKind.RATE_DROP,
        DetectorKind.RATE_SURGE,
        DetectorKind.QUANTILE_SHIFT,
        DetectorKind.LEVEL_SHIFT,
    }
)
"""Kinds of rows whose series are there for as long as what they tell of; states and events come and go."""
LASTING = frozenset({EntityType.WORKLOAD, EntityType.NODE})
"""What does not come and go by itself, as pairs of callers and hosts do."""
FORGET_SECONDS = 24 * 3600.0
"""After that long without metrics, this is how the workload is."""
ASKED_ABOUT = 5
"""Workloads by whose pods it is found out whether a convention is scraped at its workloads themselves."""
MOST_REMEMBERED = 1000
"""Of one convention that a restart may know of."""


class Loss(NamedTuple):
    """One workload that a convention has stopped telling of."""

    family: str
    entity: Entity
    rows: tuple[str, ...]
    """The rows that it fed, by id; those of them that nobody feeds now, where it is found."""
    until: float
    """Unix seconds of its last sample."""
    rate: float
    """Events per second until then; NaN for what counts nothing."""
    others: int
    """How many the convention goes on telling of."""
    source: SourceRef


class Lost(NamedTuple):
    """What one look came to."""

    losses: tuple[Loss, ...] = ()
    undecided: frozenset[tuple[str, Name]] = frozenset()
    """Conventions and workloads of which nobody knows whether the one has lost the other."""


class _Telling(NamedTuple):
    """What one source tells of whom."""

    row: Row
    source: RowSource
    family: str
    measurement: Measurement
    seen: Silences

    def names(self, chosen: Sequence[int]) -> set[Name]:
        return {identity_of(self.measurement.entities[place]) for place in chosen}


class LostWorkloads:
    """One cluster's memory of workloads that lost a convention.

    Args:
        family_of: tells the convention that one of its parts belongs to.
    """

    def __init__(self, family_of: Callable[[str], str]) -> None:
        self._family_of = family_of
        self._known: dict[tuple[str, Name], Loss] = {}

    def restore(self, records: Iterable[ConventionRecord]) -> None:
        """Take over what had been found before the program was started again."""
        self._known = {}
        for record in records:
            family = self._family_of(record.convention)
            for each in record.lost:
                rate = math.nan if each.rate is None else each.rate
                source = SourceRef(record.convention, each.query)
                loss = Loss(family, each.entity, each.rows, each.until, rate, 0, source)
                self._known[family, identity_of(each.entity)] = loss

    def of(self, convention: str) -> tuple[LostWorkload, ...]:
        """Those of a convention that are to be remembered."""
        mine = [loss for loss in self._known.values() if loss.source.convention == convention]
        return tuple(
            LostWorkload(
                each.entity, each.rows, each.until, None if math.isnan(each.rate) else each.rate, each.source.query
            )
            for each in mine[:MOST_REMEMBERED]
        )

    def missing(self, search: BlindSearch, discovery: Discovery) -> Lost:
        """Who has lost a convention by the newest look; asks only whether exporters that several share are down."""
        tellings, unanswered = self._tellings(search)
        suspects = [each for each in tellings if each.seen.silent.any()]
        families = {each.family for each in suspects} | {family for family, _ in self._known}
        told: dict[str, set[Name]] = defaultdict(set)
        fed: dict[str, dict[str, set[Name]]] = defaultdict(lambda: defaultdict(set))
        for each in tellings if families else ():
            names = each.names(each.seen.fresh.nonzero()[0].tolist())
            told[each.family] |= names
            fed[each.row.id][each.family] |= names
        for loss in _suspected(suspects, told, search, discovery):
            known = self._known.get((loss.family, identity_of(loss.entity)))
            both = dict.fromkeys((*(known.rows if known else ()), *loss.rows))
            self._known[loss.family, identity_of(loss.entity)] = loss._replace(rows=tuple(both))
        witnessed = _witnessed(tellings) if search.state is None else frozenset()
        found, undecided = [], set()
        for key, loss in list(self._known.items()):
            family, name = key
            there = _wanted(loss.entity, search) and (name in witnessed or _established(loss.entity, search))
            rows = [row for row in loss.rows if row in search.rows]
            blind = [row for row in rows if not any(name in names for by, names in fed[row].items() if by != family)]
            sure = tuple(row for row in blind if row not in unanswered)
            if name in told[family] or not there or not blind or discovery.at - loss.until > FORGET_SECONDS:
                del self._known[key]
            elif sure:
                found.append(loss._replace(rows=sure, others=len(told[family])))
            else:
                undecided.add(key)
        return Lost(tuple(found), frozenset(undecided))

    def _tellings(self, search: BlindSearch) -> tuple[list[_Telling], set[str]]:
        """What every source tells of whom, and the rows of which a source could not be asked, or not in full."""
        found, unanswered = [], set()
        rows = ((search.rows[row_id], sources) for row_id, sources in search.planned.sources.items())
        for row, source in ((row, source) for row, sources in rows for source in sources):
            if row.detector not in CONTINUOUS or row.entity not in LASTING or source.convention == OWN.id:
                continue
            if source.thinned:
                unanswered.add(row.id)
            elif not source.history and source.absence is Absence.UNKNOWN:
                try:
                    measurement = search.look.measurer.measure(source, row.entity)
                except SourceError:
                    unanswered.add(row.id)
                    continue
                family = self._family_of(source.convention)
                found.append(_Telling(row, source, family, measurement, silences(measurement)))
        return found, unanswered


def _suspected(
    suspects: Sequence[_Telling], told: Mapping[str, set[Name]], search: BlindSearch, discovery: Discovery
) -> Iterator[Loss]:
    """Who has fallen silent in a convention that tells of others; nobody while an exporter that they share is down."""
    silent: dict[tuple[str, Name], list[tuple[_Telling, int]]] = {}
    for each in suspects:
        for place in each.seen.silent.nonzero()[0].tolist():
            name = identity_of(each.measurement.entities[place])
            if name not in told[each.family]:
                silent.setdefault((each.family, name), []).append((each, place))
    down: dict[str, bool] = {}
    for (family, name), places in silent.items():
        first, place = places[0]
        if not told[family]:
            continue
        if family not in down:
            down[family] = _source_is_down(first.source, told[family], search, discovery)
        if down[family] and name[0] != EntityType.NODE:
            continue
        yield Loss(
            family=family,
            entity=first.measurement.entities[place],
            rows=tuple(dict.fromkeys(each.row.id for each, _ in places)),
            until=max(float(each.seen.last[own]) for each, own in places),
            rate=float(first.seen.rate[place]),
            others=len(told[family]),
            source=Subject(first.measurement, place).reference(),
        )


def _source_is_down(source: RowSource, told: set[Name], search: BlindSearch, discovery: Discovery) -> bool:
    """Whether some target of a convention is down that may have told of anybody: a collector, a node's agent.

    Where workloads are scraped at their own pods, another's that is down means nothing.
    """
    presence = discovery.conventions.get(source.convention)
    jobs = presence.jobs if presence is not None else ()
    known = [discovery.targets[job] for job in jobs if job in discovery.targets]
    if all(target.up == target.total for target in known):
        return False
    pods = "|".join(f"{re.escape(name[2])}-.+" for name in sorted(told)[:ASKED_ABOUT])
    wanted = f"job=~{quoted('|'.join(map(re.escape, jobs)))},pod=~{quoted(pods)}"
    try:
        return not by_job(search.look.metrics, f"count by (job) (up{{{wanted}}})", discovery.at)
    except SourceError:
        return True


def _witnessed(tellings: Iterable[_Telling]) -> frozenset[Name]:
    """Who is told of by somebody all the time, and so is there."""
    return frozenset(name for each in tellings for name in each.names(each.seen.throughout.nonzero()[0].tolist()))


def _wanted(entity: Entity, search: BlindSearch) -> bool:
    """Whether it is to be watched, and nothing explains that it has no metrics."""
    key, standings = entity.key, search.around.standings
    return standings.tuning(key, entity) is not None and not standings.exempt(key, entity, EXEMPT | {"ignore_jobs"})


def _established(entity: Entity, search: BlindSearch) -> bool:
    """Whether objects tell of somebody who has been ready for longer than the metrics have been missed."""
    state = search.state
    if state is None or entity.kind in UNSETTLED:
        return False
    if entity.type is EntityType.NODE:
        ready = [state.nodes[entity.name].status.condition("Ready")] if entity.name in state.nodes else []
    else:
        pods = state.workload_pods(entity.kind, entity.namespace, entity.name)
        ready = [pod.status.condition("Ready") for pod in pods if not pod.finished]
    since = (each.since for each in ready if each is not None and each.status == "True")
    return any(each is not None and search.around.now - each >= SILENT_SECONDS for each in since)
