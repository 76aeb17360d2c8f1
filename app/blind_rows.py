"""Whom a convention told of before it disappeared, and who of them is told of by nobody now."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.indexing import UNSETTLED
from app.measuring import Measurer
from app.planning import fitted
from app.preference import quantity_of
from app.sources.base import SourceError
from app.sources.prometheus.discovery import window_of
from detectors.series import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.judging import Surroundings
    from app.looking import MetricsLook
    from app.measuring import Measurement
    from app.planning import Plan
    from detectors.catalog import Catalogue, Row, RowSource
    from detectors.cluster import ClusterState
    from detectors.entities import Resolver
    from detectors.model import Entity
    from storage.records import ConventionRecord

NEAR_SECONDS = 900
"""How far around the last sighting the server is asked whom a convention told of."""

EXEMPT = frozenset(("ignore_when_desired_replicas_zero", "ignore_when_workload_deleted", "ignore_silent_nodes"))
"""Who has no metrics for a reason of its own."""


class Blind(NamedTuple):
    """One entity that a row does not see any more."""

    row: Row
    entity: Entity


@dataclasses.dataclass(frozen=True, slots=True)
class Past:
    """Whom a convention told of when it was last seen."""

    measured: tuple[tuple[Row, Measurement], ...]
    until: float
    """Unix seconds of its last value."""


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

    def past(self, record: ConventionRecord, gone: Sequence[str]) -> Past:
        """Whom the convention told of when it was last seen. Raises SourceError."""
        spells = [record.selectors[selector] for selector in gone]
        step = self.look.frame.grid.step
        last = max(spell.last for spell in spells)
        end = min(last + NEAR_SECONDS, *(spell.absent for spell in spells if spell.absent is not None))
        grid = Grid(int(end // step) * step, step, max(2, int(end - last + NEAR_SECONDS) // step))
        measurer = Measurer(self.look.metrics, self.look.metrics)
        try:
            measurer.begin(dataclasses.replace(self.look.frame, grid=grid, references=()), self.resolver)
            sources = [(row, source) for row in self._rows() for source in self._sources(row, record, gone)]
            measurer.ask(source for _, source in sources)
            measured = tuple((row, measurer.measure(source, row.entity)) for row, source in sources)
        finally:
            measurer.settle()
            measurer.close()
        return Past(measured, max([last, *(_last_value(each) for _, each in measured)]))

    def blind(
        self, record: ConventionRecord, gone: Sequence[str], past: Past
    ) -> tuple[tuple[Blind, ...], frozenset[str]]:
        """Who is still there and is told of by nobody else; and the conventions that tell of the others."""
        whole = len(gone) == len(record.selectors)
        blind: dict[tuple[str, tuple[str, ...]], Blind] = {}
        others: set[str] = set()
        for row, measurement in past.measured:
            told = self._told_by(row, measurement.source, gone)
            for entity in measurement.entities:
                if not self._there(entity, whole=whole and bool(record.jobs)):
                    continue
                if by := told.get(_identity(entity)):
                    others.add(by)
                else:
                    blind[row.id, _identity(entity)] = Blind(row, entity)
        return tuple(blind.values()), frozenset(others)

    def _rows(self) -> Iterator[Row]:
        """The rows that metrics have to feed: where objects can be read, a row does not miss them."""
        by_objects = {row.id for row in self.planned.states}
        return (row for row in self.rows.values() if row.id not in by_objects)

    def _sources(self, row: Row, record: ConventionRecord, gone: Sequence[str]) -> Iterator[RowSource]:
        window = window_of(self.look.frame.grid.step, record.interval)
        for source in self.catalogue.sources(row.id, self.planned.owners):
            if source.convention == record.convention and source.detect_selector in gone and source.judges(row):
                yield fitted(source, tuple(sorted(record.aliases.items())), window, record.match)

    def _told_by(self, row: Row, lost: RowSource, gone: Sequence[str]) -> dict[tuple[str, ...], str]:
        """Of whom the row's other sources tell now, and which; of its own convention, those of the same quantity."""
        found: dict[tuple[str, ...], str] = {}
        for source in self.planned.sources.get(row.id, ()):
            own = source.convention == lost.convention
            if own and (source.detect_selector in gone or quantity_of(row, source) != quantity_of(row, lost)):
                continue
            try:
                measurement = self.look.measurer.measure(source, row.entity)
            except SourceError:
                continue
            for entity, volume in zip(measurement.entities, measurement.volume.tolist(), strict=True):
                if volume != -math.inf:
                    found.setdefault(_identity(entity), source.convention)
        return found

    def _there(self, entity: Entity, *, whole: bool) -> bool:
        """Whether it still exists and should have metrics; what no object tells, the jobs' answers do."""
        key, standings = entity.key, self.around.standings
        if standings.tuning(key, entity) is None or standings.exempt(key, entity, EXEMPT):
            return False
        known = self.state is not None and entity.kind not in UNSETTLED
        return known or whole


def _identity(entity: Entity) -> tuple[str, ...]:
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
