"""The catalogue's numbers around an onset: what the cycle has measured, else asked once for a window of its own.

Whatever a row can be fed by feeds these too, so that a new convention lights up here as well. Nothing is asked that
the budget of one question does not allow.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.asking_once import asked_once, within
from app.planning import readable
from app.sources.base import SourceError, Trouble
from detectors.catalog import Owners, matchers
from detectors.series import Grid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from app.frame import Frame
    from app.looking import MetricsLook
    from app.measuring import Measurement
    from detectors.catalog import Catalogue, Row, RowSource
    from detectors.entities import Resolver
    from detectors.model import Entity
    from detectors.series import Labels
    from detectors.windows import SignalData

BEFORE_SECONDS = 1800.0
"""How much of the time before an onset is asked for."""
LEAST_BEFORE_SECONDS = 600.0
"""With less of it a cycle's own numbers are no help."""
MOST_POINTS = 180
"""Instants of one question: what began long ago is asked on a coarser grid."""


class Track(NamedTuple):
    """One entity's numbers, or those of one part of it, from one source."""

    entity: Entity
    part: Mapping[str, str]
    """The labels by which it was told apart from other parts."""
    labels: Labels
    """What its series have in common."""
    source: RowSource
    data: SignalData
    """Of one entity: every array has one row."""
    query: str
    """The PromQL that gives the number."""


@dataclass(frozen=True)
class Readings:
    """Reads rows by what a server has; safe to share between threads.

    Args:
        catalogue: the rows that are judged; `look.evidence` has the others.
        look: the server, as the last cycle saw it.
        resolver: whom labels name.
        planned: by row id, what the cycle has measured it from.
        owners: who maps pods to workloads.
    """

    catalogue: Catalogue
    look: MetricsLook
    resolver: Resolver
    planned: Mapping[str, Sequence[RowSource]]
    owners: Owners = Owners.NONE

    def of(self, row_id: str, onset: float, namespace: str, seconds: float) -> tuple[Track, ...]:
        """The numbers of every entity that a row knows, from well before an onset until now.

        Args:
            row_id: of the catalogue, or of the evidence rows.
            onset: unix seconds.
            namespace: entities of this one at least; empty for all of them.
            seconds: how long it may take.

        Raises:
            SourceError: nobody measures it here, it would cost too much, or the server refuses.
        """
        row = self._row(row_id)
        known = self._measured(row, onset)
        if known:
            return tuple(track for each in known for track in self._tracks(each))
        sources = self._sources(row)
        narrowed = [within(source, namespace) or source for source in sources]
        return self._asked(row, narrowed, self._frame(onset), seconds)

    def split(self, row_id: str, track: Track, names: Iterable[str], onset: float, seconds: float) -> tuple[Track, ...]:
        """The parts of one entity's numbers, told apart by whichever of some labels its series have.

        Raises:
            SourceError: it would cost too much, or the server refuses.
        """
        row, source = self._row(row_id), track.source
        exact = matchers(dict(track.labels), (n for n in _whole_labels(source) if n not in source.identity.pod_labels))
        parted = (source.scoped(0, exact) if exact else source).split_by(names)
        found = self._asked(row, [parted], self._frame(onset), seconds)
        return tuple(part for part in found if is_same(part.entity, track.entity))

    def _row(self, row_id: str) -> Row:
        for catalogue in (self.look.evidence, self.catalogue):
            for row in catalogue.rows:
                if row.id == row_id:
                    return row
        raise KeyError(row_id)

    def _sources(self, row: Row) -> Sequence[RowSource]:
        if row.id in self.planned:
            return self.planned[row.id]
        assert self.look.discovery is not None
        catalogue = self.look.evidence if row in self.look.evidence.rows else self.catalogue
        step = self.look.frame.grid.step
        found = tuple(readable(catalogue, row, self.look.discovery, step, self.look.count, self.owners))
        if not found:
            raise SourceError(Trouble.NOT_FOUND, f"no metrics here tell of {row.title[:1].lower()}{row.title[1:]}")
        return found

    def _measured(self, row: Row, onset: float) -> list[Measurement]:
        """What the cycle itself has measured, where it reaches back far enough."""
        if onset - self.look.frame.grid.start < LEAST_BEFORE_SECONDS:
            return []
        sources = self.planned.get(row.id, ())
        found = [self.look.measurer.known(source, row.entity) for source in sources]
        return [each for each in found if each is not None]

    def _frame(self, onset: float) -> Frame:
        """From before the onset until the newest sample, no finer than a question may be."""
        frame = self.look.frame
        step, end = frame.grid.step, frame.grid.end
        span = max(end - onset, 0.0) + BEFORE_SECONDS
        step *= max(1, math.ceil(span / (MOST_POINTS * step)))
        grid = Grid(end - end % step, step, math.ceil(span / step) + 1)
        return dataclasses.replace(frame, grid=grid, window_seconds=max(frame.window_seconds, step), references=())

    def _asked(self, row: Row, sources: Iterable[RowSource], frame: Frame, seconds: float) -> tuple[Track, ...]:
        look, wanted = self.look, [source._replace(history=0) for source in sources]
        assert look.discovery is not None
        found: list[Track] = []
        trouble: SourceError | None = None
        with asked_once(wanted, look, look.discovery, frame, self.resolver, seconds=seconds) as (measurer, affordable):
            for source in wanted:
                try:
                    if source not in affordable:
                        raise SourceError(Trouble.LIMITED, f"{source.convention}: too many series to ask for at once")
                    found += self._tracks(measurer.measure(source, row.entity))
                except SourceError as error:
                    trouble = error
        if not found and trouble is not None:
            raise trouble
        return tuple(found)

    def _tracks(self, measurement: Measurement) -> Iterator[Track]:
        source, frame = measurement.source, measurement.frame
        for part in measurement.parts:
            for row, place in enumerate(part.entities.tolist()):
                entity, labels = measurement.entities[place], measurement.labels[place]
                data = dataclasses.replace(part.data, references=()).rows(slice(row, row + 1))
                if all(values is None or np.isnan(values).all() for values in (data.total, data.level, data.buckets)):
                    continue
                pairs = dict(labels)
                query = source.evidence(pairs, frame.window_seconds, frame.by, entity.name, entity.cluster)
                parts = {name: pairs[name] for name in source.parts if name in pairs}
                yield Track(entity, parts, labels, source, data, query)


def is_same(one: Entity, other: Entity) -> bool:
    """Whether two entities are one, though one of them was named by metrics that do not know its kind."""
    return (one.namespace, one.name, one.peer) == (other.namespace, other.name, other.peer)


def _whole_labels(source: RowSource) -> tuple[str, ...]:
    """Labels of a source's answers that all series of one entity have in common."""
    return tuple(name for name in source.labels if name not in source.parts)
