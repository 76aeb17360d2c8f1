"""Whom a convention told of before it disappeared, and who of them is told of by nobody now."""

from __future__ import annotations

import dataclasses
import logging
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.asking_once import asked_once
from app.indexing import UNSETTLED
from app.planning import fitted, owner_labels
from app.preference import quantity_of
from app.sources.base import SourceError
from app.sources.prometheus.discovery import window_of
from detectors.series import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from app.judging import Surroundings
    from app.looking import MetricsLook
    from app.measuring import Measurement
    from app.planning import Plan
    from detectors.catalog import Catalogue, Row, RowSource
    from detectors.cluster import ClusterState
    from detectors.entities import Resolver
    from detectors.model import Entity
    from storage.records import ConventionRecord

log = logging.getLogger(__name__)

NEAR_SECONDS = 900
"""How far around the last sighting the server is asked whom a convention told of."""

EXEMPT = frozenset(("ignore_when_desired_replicas_zero", "ignore_when_workload_deleted", "ignore_silent_nodes"))
"""Who has no metrics for a reason of its own."""


class Blind(NamedTuple):
    """One entity that a row does not see any more."""

    row: Row
    entity: Entity


class Told(NamedTuple):
    """Whom one source told of."""

    row: Row
    source: RowSource
    entities: tuple[Entity, ...]


class Past(NamedTuple):
    """Whom a convention told of when it was last seen."""

    told: tuple[Told, ...]
    until: float
    """Unix seconds of its last value."""
    whole: bool
    """Whether every question was answered."""


class Blindness(NamedTuple):
    """What it means today that a convention is gone."""

    blind: tuple[Blind, ...]
    """Who is still there and is told of by nobody else."""
    others: frozenset[str]
    """The conventions that tell of the others."""
    certain: bool
    """Whether there can be no more of them: else some question was not answered, or not asked in full."""


@dataclasses.dataclass(frozen=True, slots=True)
class BlindSearch:
    """Who lost a row's source, at one look."""

    catalogue: Catalogue
    rows: Mapping[str, Row]
    planned: Plan
    look: MetricsLook
    state: ClusterState | None
    resolver: Resolver
    around: Surroundings
    progress: Callable[[str], None] = lambda _: None

    def past(self, record: ConventionRecord, gone: Sequence[str]) -> Past:
        """Whom the convention told of when it was last seen, as far as the server says so within the budget."""
        spells = [record.selectors[selector] for selector in gone]
        discovery, step = self.look.discovery, self.look.frame.grid.step
        assert discovery is not None
        last = max(spell.last for spell in spells)
        end = min(last + NEAR_SECONDS, *(spell.absent for spell in spells if spell.absent is not None))
        grid = Grid(int(end // step) * step, step, max(2, int(end - last + NEAR_SECONDS) // step))
        frame = dataclasses.replace(self.look.frame, grid=grid)
        # Today's counts say nothing of it: they are of what is left.
        then = dataclasses.replace(discovery, conventions={})
        sources = [(row, source) for row in self._rows() for source in self._sources(row, record, gone)]
        wanted, told, until = [source for _, source in sources], [], last
        with asked_once(wanted, self.look, then, frame, self.resolver, self.progress) as (measurer, affordable):
            for row, source in sources:
                if source not in affordable:
                    log.info("%s before it disappeared: %s would cost too much", record.convention, row.id)
                    continue
                try:
                    measurement = measurer.measure(source, row.entity)
                except SourceError as error:
                    log.info("%s before it disappeared: %s: %s", record.convention, row.id, error.message)
                    continue
                told.append(Told(row, source, measurement.entities))
                until = max(until, _last_value(measurement))
        return Past(tuple(told), until, whole=len(told) == len(sources))

    def blind(self, record: ConventionRecord, gone: Sequence[str], past: Past) -> Blindness:
        """Who of those that it told of is still there, and is told of by nobody else."""
        whole = len(gone) == len(record.selectors)
        blind: dict[tuple[str, tuple[str, ...]], Blind] = {}
        others: set[str] = set()
        certain = past.whole
        for row, source, entities in past.told:
            told, everybody = self._told_by(row, source, gone)
            for entity in entities:
                if not self._there(entity, whole=whole and bool(record.jobs)):
                    continue
                if by := told.get(identity_of(entity)):
                    others.add(by)
                elif everybody:
                    blind[row.id, identity_of(entity)] = Blind(row, entity)
                else:
                    certain = False
        return Blindness(tuple(blind.values()), frozenset(others), certain)

    def _rows(self) -> Iterator[Row]:
        """The rows that metrics have to feed: where objects can be read, a row does not miss them."""
        by_objects = {row.id for row in self.planned.states}
        return (row for row in self.rows.values() if row.id not in by_objects)

    def _sources(self, row: Row, record: ConventionRecord, gone: Sequence[str]) -> Iterator[RowSource]:
        window = window_of(self.look.frame.grid.step, record.interval)
        owners = owner_labels(self.look.discovery) if self.look.discovery is not None else ()
        for source in self.catalogue.sources(row.id, self.planned.owners):
            if source.convention == record.convention and source.detect_selector in gone and source.judges(row):
                yield fitted(source, tuple(sorted(record.aliases.items())), window, record.match, owners)

    def _told_by(self, row: Row, lost: RowSource, gone: Sequence[str]) -> tuple[dict[tuple[str, ...], str], bool]:
        """Of whom the row's other sources tell now, and which; and whether these are all of whom they could tell.

        Of its own convention, those of the same quantity count.
        """
        found: dict[tuple[str, ...], str] = {}
        everybody = True
        for source in self.planned.sources.get(row.id, ()):
            own = source.convention == lost.convention
            if own and (source.detect_selector in gone or quantity_of(row, source) != quantity_of(row, lost)):
                continue
            everybody = everybody and not source.thinned
            try:
                measurement = self.look.measurer.measure(source, row.entity)
            except SourceError:
                everybody = False
                continue
            for entity, volume in zip(measurement.entities, measurement.volume.tolist(), strict=True):
                if volume != -math.inf:
                    found.setdefault(identity_of(entity), source.convention)
        return found, everybody

    def _there(self, entity: Entity, *, whole: bool) -> bool:
        """Whether it still exists and should have metrics; what no object tells, the jobs' answers do."""
        key, standings = entity.key, self.around.standings
        if standings.tuning(key, entity) is None or standings.exempt(key, entity, EXEMPT):
            return False
        known = self.state is not None and entity.kind not in UNSETTLED
        return known or whole


def identity_of(entity: Entity) -> tuple[str, ...]:
    """An entity by its names: not every convention tells a workload's kind."""
    return entity.type, entity.namespace, entity.name, entity.peer


def _last_value(measurement: Measurement) -> float:
    """Unix seconds of a measurement's newest value; -inf without any."""
    newest = -math.inf
    for part in measurement.parts:
        for values in (part.data.total, part.data.level, part.data.buckets):
            if values is not None and values.size:
                told = ~np.isnan(values.reshape(-1, values.shape[-1])).all(axis=0)
                newest = max([newest, *part.data.times[told].tolist()[-1:]])
    return newest
