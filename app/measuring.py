"""From a row's source to numbers per entity: ask, resolve labels, sum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from app.answers import Answers
from app.indexing import UNSETTLED
from app.meanings import Meanings
from app.sources.base import SourceError
from detectors import assemble
from detectors.catalog import Returns, Statistic
from detectors.model import EntityType
from detectors.series import SeriesBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from app.frame import Frame
    from app.indexing import Index
    from app.sources.base import RangeSource
    from detectors.catalog import RowSource
    from detectors.entities import Resolver
    from detectors.model import Entity, Views
    from detectors.series import BoolArray, FloatArray, Labels
    from detectors.windows import SignalData

SILENT_SECONDS = 300
"""How long an entity has no sample until another source that has may speak for it."""

_BOUNDED = (EntityType.DEPENDENCY, EntityType.DATABASE)
"""Of whose far ends the first so many are told apart: they are met in the plan's order, not in that of the answers."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a measurement's entities, whose data has one shape (one set of bucket bounds)."""

    entities: NDArray[np.intp]
    data: SignalData


@dataclass(frozen=True, slots=True)
class Measurement:
    """One source's numbers for all its entities."""

    source: RowSource
    frame: Frame
    """The grid of its numbers."""
    entities: tuple[Entity, ...]
    """One for each of its parts, where it has several."""
    keys: tuple[str, ...]
    """The entities' keys, in the same order."""
    labels: tuple[Labels, ...]
    """What each one's series have in common, to ask again by."""
    parts: tuple[Part, ...]
    volume: FloatArray
    """Shape (S,): events per second over the window, NaN where the source counts nothing; for levels 0, or -inf where a
    share could not be told for want of what it is a share of; -inf also where the source has fallen silent."""
    seconds: float
    query: str
    warnings: tuple[str, ...]
    silent: bool = False
    """Whether an entity that it does not mention is fine: the exporter is there, and tells only what is wrong."""


class Measurer:
    """Measures sources in one cycle after another; keeps what labels mean between them.

    Args:
        windows: where current ranges come from (a cache over the server).
        past: where ranges of earlier days come from.
        concurrency: queries under way at once.
    """

    def __init__(self, windows: RangeSource, past: RangeSource, concurrency: int = 2) -> None:
        self._answers = Answers(windows, past, concurrency)
        self._meanings = Meanings()
        self._measured: dict[tuple[object, ...], Measurement] = {}
        self._scraped: dict[str, float] | None = None
        """In this cycle, once it has been asked for."""
        self._unmet: set[tuple[object, ...]] = set()
        """Sources of this cycle that name workloads whose kind others may tell."""

    @property
    def frame(self) -> Frame:
        """Of this cycle."""
        return self._answers.frame

    def begin(self, frame: Frame, resolver: Resolver) -> None:
        """Start a cycle; what could not be resolved is tried again with the new objects."""
        self._answers.begin(frame)
        self._meanings.begin(resolver)
        self._measured.clear()
        self._scraped = None
        self._unmet.clear()

    def ask(self, sources: Iterable[RowSource], progress: Callable[[str], None] = lambda _: None) -> None:
        """Begin to ask everything that these sources need, several queries at once; `measure` waits for its own."""
        self._answers.ask(sources, progress)

    def settle(self) -> None:
        """Wait until everything that was asked has been answered: no cycle leaves a query behind."""
        self._answers.settle()

    def wait(self) -> bool:
        """Wait for the next answer; False when all have come."""
        return self._answers.wait()

    def ready(self, sources: Iterable[RowSource], kind: EntityType) -> bool:
        """Whether these can be measured before everything has been answered: theirs is, and others tell nothing new.

        What others could tell is the kind of a workload that these only name.
        """
        return all(self._ready(source, kind) for source in sources)

    def _ready(self, source: RowSource, kind: EntityType) -> bool:
        key = (source.identity, source.queries, source.history, kind)
        if key in self._unmet or kind in _BOUNDED or not self._answers.come(source):
            return False
        try:
            index = self._index(source, kind)
        except SourceError:
            return True
        if any(entity.kind in UNSETTLED for entity in index.entities):
            self._unmet.add(key)
            return False
        return True

    def _index(self, source: RowSource, kind: EntityType) -> Index:
        """Which entities a source's series are about. Raises SourceError when a query failed."""
        return self._meanings.index(source, self._answers.blocks(source, self.frame.back_over(source.history)), kind)

    def meet(self, sources: Iterable[tuple[RowSource, EntityType]]) -> None:
        """Learn workloads' kinds from those conventions that tell them, so that others' names mean the same ones."""
        distinct = {(source.identity, source.queries, source.history, kind): source for source, kind in sources}
        for (*_, kind), source in distinct.items():
            try:
                self._meanings.meet(self._index(source, kind))
            except SourceError:
                continue
        self._meanings.met()

    def known(self, source: RowSource, kind: EntityType) -> Measurement | None:
        """The numbers of one source where they have been measured in this cycle; never waits."""
        found = self._measured.get(_key(source, kind))
        return found if found is None else _told_by(source, found)

    def measure(self, source: RowSource, kind: EntityType) -> Measurement:
        """The numbers of one source. Raises SourceError when its query failed."""
        key = _key(source, kind)
        if key not in self._measured:
            self._measured[key] = self._measure(source, kind)
        return _told_by(source, self._measured[key])

    def close(self) -> None:
        """Stop fetching; queries that have not begun are dropped."""
        self._answers.close()

    def _measure(self, source: RowSource, kind: EntityType) -> Measurement:
        frame = self.frame.back_over(source.history)
        blocks = self._answers.blocks(source, frame)
        index = self._meanings.index(source, blocks, kind)
        present = self._answers.present(source, frame)
        parts = self._assembled(source, blocks, index, index.rows, self._up(index), present)
        references = self._references(source, frame, index)
        parts = tuple(_with_references(part, references) for part in parts)
        return Measurement(
            source=source,
            frame=frame,
            entities=tuple(index.entities),
            keys=tuple(index.keys),
            labels=tuple(index.labels),
            parts=parts,
            volume=_volume(parts, index.size),
            seconds=self._answers.seconds(source, frame),
            query=source.told(frame.rendered(source.display)),
            warnings=tuple(dict.fromkeys(text for block in blocks for text in block.warnings)),
            silent=present is not None and bool(present[-1]) and not source.thinned,
        )

    def _assembled(
        self,
        source: RowSource,
        blocks: Sequence[SeriesBlock],
        index: Index,
        rows: Sequence[NDArray[np.intp]],
        up: FloatArray,
        present: BoolArray | None,
    ) -> tuple[Part, ...]:
        told = {query.returns: (blocks[place], rows[place]) for place, query in enumerate(source.queries)}
        returns, size, block, places = source.queries[0].returns, index.size, blocks[0], rows[0]
        everyone = np.arange(size)
        match returns:
            case Returns.BUCKETS:
                groups = assemble.buckets(block, index.cells(block.labels, places), size, scale=source.scale, up=up)
                return tuple(Part(group.entities, group.data) for group in groups)
            case Returns.COUNTS:
                errors, error_index = told.get(Returns.ERRORS) or self._meanings.failing(source, block, places)
                data = assemble.counts_of(block, places, errors, error_index, size, up=up)
                data = assemble.among(data, *told[Returns.PER]) if Returns.PER in told else data
            case Returns.STATE:
                data = assemble.states(block, places, size, up=up)
            case _:
                data = assemble.levels(block, places, size, scale=source.scale, up=up)
                if Returns.PER in told:
                    data = assemble.shares(data, *told[Returns.PER], complement=source.complement)
                elif source.statistic is Statistic.SHARE_OF_LIMIT:
                    data = replace(data, per=np.ones((size, len(block.times))))
        return (Part(everyone, data if present is None else _filled(data, present)),)

    def _references(self, source: RowSource, frame: Frame, index: Index) -> tuple[tuple[Views, tuple[Part, ...]], ...]:
        found = []
        unknown = np.full(index.size, np.nan)
        for view, back in frame.references:
            try:
                blocks = self._answers.blocks(source, frame, back)
            except SourceError:
                # A reference that cannot be had is a view less, and the judgement says so.
                continue
            rows = [index.known(block) for block in blocks]
            present = self._answers.present(source, frame, back)
            found.append((view, self._assembled(source, blocks, index, rows, unknown, present)))
        return tuple(found)

    def _up(self, index: Index) -> FloatArray:
        """Whether any pod of each workload, or caller, is scraped: 1, 0, or NaN where no target names its pods."""
        if self._scraped is None:
            self._scraped = self._scraped_workloads()
        return np.array([self._scraped.get(key, np.nan) for key in index.workloads], dtype=np.float64)

    def _scraped_workloads(self) -> dict[str, float]:
        """Workloads that targets name pods of, by key: 1 where any pod is scraped, else 0."""
        block = self._answers.up()
        found: dict[str, float] = {}
        if not isinstance(block, SeriesBlock):
            return found
        for key, value in zip(
            self._meanings.targets(block.labels), np.nan_to_num(block.values[:, -1]).tolist(), strict=True
        ):
            found[key] = max(found.get(key, 0.0), value)
        return found


def _told_by(source: RowSource, found: Measurement) -> Measurement:
    """What one source has measured as another's: the same numbers, of which it shows its own query."""
    if found.source is source:
        return found
    return replace(found, source=source, query=source.told(found.frame.rendered(source.display)))


def _key(source: RowSource, kind: EntityType) -> tuple[object, ...]:
    """Sources with the same one measure the same."""
    return source.convention, source.queries, source.scale, source.errors, source.parts, source.history, kind


def _filled(data: SignalData, present: BoolArray) -> SignalData:
    """Zero for what is missing at the instants at which that means zero."""

    def filled(values: FloatArray | None) -> FloatArray | None:
        return None if values is None else np.where(np.isnan(values) & present, 0.0, values)

    return replace(data, total=filled(data.total), errors=filled(data.errors), level=filled(data.level))


def _with_references(part: Part, references: tuple[tuple[Views, tuple[Part, ...]], ...]) -> Part:
    """A part with the same entities' earlier data; histograms only where the bounds are the same."""
    pairs = ((view, _aligned(part, other)) for view, others in references for other in others)
    aligned = tuple((view, data) for view, data in pairs if data is not None)
    return Part(part.entities, replace(part.data, references=aligned))


def _aligned(part: Part, other: Part) -> SignalData | None:
    """Another part's data in the order of this one's entities; None where they have nothing in common."""
    bounds = other.data.bounds
    if part.data.bounds is not None and (bounds is None or not np.array_equal(part.data.bounds, bounds)):
        return None
    places = {int(entity): row for row, entity in enumerate(other.entities)}
    wanted = {row: places[int(entity)] for row, entity in enumerate(part.entities) if int(entity) in places}
    return assemble.pick(other.data, wanted, len(part.entities)) if wanted else None


def _volume(parts: Sequence[Part], size: int) -> FloatArray:
    volume = np.full(size, np.nan)
    for part in parts:
        if part.data.per is not None and part.data.level is not None:
            volume[part.entities] = np.where(np.isnan(part.data.level).all(axis=1), -np.inf, 0.0)
            continue
        total = part.data.total if part.data.buckets is None else assemble.observations(part.data).total
        values = part.data.level if total is None else total
        if values is None or not values.size:
            continue
        recent = max(1, SILENT_SECONDS // int(part.data.times[-1] - part.data.times[-2])) if values.shape[1] > 1 else 1
        silent = np.isnan(values[:, -recent:]).all(axis=1)
        if total is None:
            volume[part.entities[silent]] = -np.inf
            continue
        present = ~np.isnan(total)
        sums = np.where(present, total, 0.0).sum(axis=1)
        means = np.divide(sums, present.sum(axis=1), out=np.zeros(len(sums)), where=present.any(axis=1))
        volume[part.entities] = np.where(silent, -np.inf, means)
    return volume
