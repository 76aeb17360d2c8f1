"""From a row's source to numbers per entity: ask, resolve labels, sum."""

from __future__ import annotations

import logging
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec import structs

from app.indexing import UNSETTLED, Hosts, Index
from app.references import References
from app.sources.base import SourceError
from app.sources.prometheus.sharding import restricted
from detectors import assemble
from detectors.catalog import Absence, Returns, Statistic, render
from detectors.model import EntityType, Identity, Views
from detectors.series import Grid, SeriesBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from app.sources.base import RangeSource
    from detectors.catalog import QueryTemplate, RowSource
    from detectors.catalog.identity import Identifier
    from detectors.entities import Resolver
    from detectors.model import Entity
    from detectors.series import BoolArray, FloatArray, Labels
    from detectors.windows import SignalData

log = logging.getLogger(__name__)

UP_QUERY = 'max by (namespace, pod, $by) (max_over_time(up{pod!="",$match}[$window]))'

HISTORY_STEP = 300
"""Seconds between the samples of rows that look back for hours: what they judge moves slowly."""

SILENT_SECONDS = 300
"""How long an entity has no sample until another source that has may speak for it."""

_BOUNDED = (EntityType.DEPENDENCY, EntityType.DATABASE)
"""Of whose far ends the first so many are told apart: they are met in the plan's order, not in that of the answers."""

MOST_LABELS = 200_000
"""Label sets whose meaning is remembered: pods come and go for as long as the program runs."""

PRESENCE_QUERY = "count({selector})"
"""Whether an exporter was there, for sources whose missing series mean that nothing happened."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What all queries of one cycle have in common."""

    grid: Grid
    window_seconds: float
    """Range of rates: at least four scrape intervals."""
    match: str = ""
    by: str = ""
    references: tuple[tuple[Views, int], ...] = ()
    """Earlier times to compare with, as (view, seconds back)."""

    def rendered(self, template: str) -> str:
        """A template with this cycle's placeholders filled in."""
        return render(template, self.window_seconds, self.match, self.by)

    def back_over(self, seconds: int) -> Frame:
        """The coarser grid of what looks back that far; the cycle's own for 0.

        It moves on with its own, longer step, and is compared with times that it does not reach itself.
        """
        if not seconds:
            return self
        step = max(self.grid.step, HISTORY_STEP)
        grid = Grid(self.grid.end - self.grid.end % step, step, seconds // step + 1)
        return replace(self, grid=grid, references=tuple(r for r in self.references if r[1] > seconds))


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
        self._windows = windows
        self._past = References(past)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="fetch")
        self._entities: dict[tuple[Identifier, Labels, EntityType], Entity] = {}
        self._hosts = Hosts()
        self._indexes: dict[tuple[object, ...], Index] = {}
        self._failures: dict[tuple[Labels, tuple[str, ...]], bool] = {}
        self._kinds: dict[tuple[str, str, str], str] = {}
        """By cluster, namespace and name, of workloads whose kind some convention tells."""
        self._resolver: Resolver | None = None
        self.frame = Frame(Grid(0, 60, 1), 60)
        self._asked: dict[_Question, Future[SeriesBlock | SourceError]] = {}
        """What is under way or answered in this cycle."""
        self._progress: Callable[[str], None] = lambda _: None
        self._seconds: dict[str, float] = {}
        self._measured: dict[tuple[object, ...], Measurement] = {}
        self._scraped: dict[str, float] | None = None
        """In this cycle, once it has been asked for."""
        self._named: tuple[tuple[Labels, ...], list[str]] = (), []
        """Targets' labels, and their workloads' keys."""
        self._awaited: dict[RowSource, list[Future[SeriesBlock | SourceError]]] = {}
        """What sources of this cycle wait for."""
        self._used: set[tuple[object, ...]] = set()
        """The indexes that this cycle has needed."""
        self._unmet: set[tuple[object, ...]] = set()
        """Sources of this cycle that name workloads whose kind others may tell."""

    def begin(self, frame: Frame, resolver: Resolver) -> None:
        """Start a cycle; what could not be resolved is tried again with the new objects."""
        self.settle()
        self.frame = frame
        self._resolver = resolver
        self._forget()
        self._asked.clear()
        self._awaited.clear()
        self._seconds.clear()
        self._measured.clear()
        self._scraped = None
        self._unmet.clear()

    def _forget(self) -> None:
        """Let go of what the last cycle did not need, and of meanings once they are too many."""
        self._indexes = {key: index for key, index in self._indexes.items() if key in self._used}
        self._used.clear()
        if len(self._entities) > MOST_LABELS:
            self._entities.clear()
        if len(self._failures) > MOST_LABELS:
            self._failures.clear()
        self._entities = {key: entity for key, entity in self._entities.items() if entity.kind not in UNSETTLED}

    def ask(self, sources: Iterable[RowSource], progress: Callable[[str], None] = lambda _: None) -> None:
        """Begin to ask everything that these sources need, several queries at once; `measure` waits for its own."""
        wanted = {_Question(self.frame.rendered(UP_QUERY), self.frame.grid): None}
        queries = dict.fromkeys((promql, source.history) for source in sources for promql in _questions(source))
        for promql, history in queries:
            wanted[_Question.of(promql, self.frame.back_over(history))] = None
        for promql, history in queries:
            frame = self.frame.back_over(history)
            wanted |= {_Question.of(promql, frame, back): None for _, back in frame.references}
        self._progress = progress
        self._asked = {key: self._pool.submit(self._fetch, key) for key in wanted}

    def settle(self) -> None:
        """Wait until everything that was asked has been answered: no cycle leaves a query behind."""
        wait(self._asked.values())

    def _answer(self, promql: str, frame: Frame, back: int = 0) -> SeriesBlock | SourceError:
        """The answer to an expression of this cycle, waited for."""
        future = self._asked[_Question.of(promql, frame, back)]
        if not future.done():
            self._report(sum(each.done() for each in self._asked.values()))
        return future.result()

    def _report(self, done: int) -> None:
        self._progress(f"query {done + 1} of {len(self._asked)}")

    def _fetch(self, question: _Question) -> SeriesBlock | SourceError:
        promql, grid, back = question
        started = time.perf_counter()
        try:
            if back:
                return self._past.range(promql, replace(grid, end=grid.end - back))
            return self._windows.range(promql, grid)
        except SourceError as error:
            log.info("query failed: %s: %s", error.message, promql)
            return error
        finally:
            if not back:
                self._seconds[promql] = time.perf_counter() - started

    def ready(self, sources: Iterable[RowSource], kind: EntityType) -> bool:
        """Whether these can be measured before everything has been answered: theirs is, and others tell nothing new.

        What others could tell is the kind of a workload that these only name.
        """
        return all(self._ready(source, kind) for source in sources)

    def _ready(self, source: RowSource, kind: EntityType) -> bool:
        key = (source.identity, source.queries, source.history, kind)
        if key in self._unmet or kind in _BOUNDED or not all(each.done() for each in self._answers_for(source)):
            return False
        frame = self.frame.back_over(source.history)
        try:
            blocks = [self._block(query, frame) for query in source.queries]
        except SourceError:
            return True
        if any(entity.kind in UNSETTLED for entity in self._index(source, blocks, kind).entities):
            self._unmet.add(key)
            return False
        return True

    def _answers_for(self, source: RowSource) -> list[Future[SeriesBlock | SourceError]]:
        """Everything that measuring a source waits for."""
        if source not in self._awaited:
            frame = self.frame.back_over(source.history)
            needed = [_Question.of(UP_QUERY, self.frame)]
            for back in (0, *(seconds for _, seconds in frame.references)):
                needed += [_Question.of(promql, frame, back) for promql in _questions(source)]
            self._awaited[source] = [self._asked[question] for question in needed]
        return self._awaited[source]

    def wait(self) -> bool:
        """Wait for the next answer; False when all have come."""
        coming = [future for future in self._asked.values() if not future.done()]
        if coming:
            self._report(len(self._asked) - len(coming))
            wait(coming, return_when=FIRST_COMPLETED)
        return bool(coming)

    def meet(self, sources: Iterable[tuple[RowSource, EntityType]]) -> None:
        """Learn workloads' kinds from those conventions that tell them, so that others' names mean the same ones."""
        distinct = {(source.identity, source.queries, source.history, kind): source for source, kind in sources}
        for (*_, kind), source in distinct.items():
            frame = self.frame.back_over(source.history)
            try:
                blocks = [self._block(query, frame) for query in source.queries]
            except SourceError:
                continue
            for entity in self._index(source, blocks, kind).entities:
                if entity.type is EntityType.WORKLOAD and entity.kind not in UNSETTLED:
                    self._kinds[entity.cluster, entity.namespace, entity.name] = entity.kind
        self._entities = {key: entity for key, entity in self._entities.items() if entity.kind not in UNSETTLED}

    def measure(self, source: RowSource, kind: EntityType) -> Measurement:
        """The numbers of one source. Raises SourceError when its query failed."""
        key = (source.convention, source.queries, source.scale, source.errors, source.history, kind)
        if key not in self._measured:
            self._measured[key] = self._measure(source, kind)
        found = self._measured[key]
        return found if found.source is source else replace(found, source=source)

    def close(self) -> None:
        """Stop fetching; queries that have not begun are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _measure(self, source: RowSource, kind: EntityType) -> Measurement:
        frame = self.frame.back_over(source.history)
        blocks = [self._block(query, frame) for query in source.queries]
        index = self._index(source, blocks, kind)
        up = self._up(index)
        present = self._present(source, frame)
        parts = self._assembled(source, blocks, index.rows, index.size, up, present)
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
            seconds=sum(self._seconds.get(frame.rendered(q.promql), 0.0) for q in source.queries),
            query=source.told(frame.rendered(source.display)),
            warnings=tuple(dict.fromkeys(text for block in blocks for text in block.warnings)),
            silent=present is not None and bool(present[-1]) and not source.thinned,
        )

    def _present(self, source: RowSource, frame: Frame, back: int = 0) -> BoolArray | None:
        """The instants, (T,), at which a missing series of the source means zero; None where it never does."""
        if source.absence is not Absence.ZERO:
            return None
        block = self._answer(_presence(source), frame, back)
        if isinstance(block, SourceError) or not len(block.labels):
            return np.zeros(frame.grid.points, dtype=bool)
        return np.array(~np.isnan(block.values).all(axis=0))

    def _block(self, query: QueryTemplate, frame: Frame, back: int = 0) -> SeriesBlock:
        block = self._answer(query.promql, frame, back)
        if isinstance(block, SourceError):
            raise block
        return block

    def _index(self, source: RowSource, blocks: Sequence[SeriesBlock], kind: EntityType) -> Index:
        """Which entity each series is about: as in the cycle before, where it has the same series and all is known."""
        key = (source.identity, source.queries, source.history, kind)
        self._used.add(key)
        found = self._indexes.pop(key, None)
        if found is None or found.series != [block.labels for block in blocks]:
            pods = source.identity.pod_labels
            found = Index(lambda labels: self._entity(source.identity, labels, kind), source.parts, pods)
            for query, block in zip(source.queries, blocks, strict=True):
                (found.add_known if query.returns is Returns.PER else found.add)(block)
        if all(entity.kind not in UNSETTLED for entity in found.entities):
            self._indexes[key] = found
        return found

    def _entity(self, identity: Identifier, labels: Labels, kind: EntityType) -> Entity:
        relevant = identity.relevant(labels)
        key = (identity, relevant, kind)
        found = self._entities.get(key)
        if found is None:
            assert self._resolver is not None
            entity = self._resolver.entity(identity.identify(dict(relevant)), kind)
            if entity.kind in UNSETTLED:
                known = self._kinds.get((entity.cluster, entity.namespace, entity.name), entity.kind)
                entity = structs.replace(entity, kind=known)
            found = self._entities[key] = self._hosts.bounded(entity)
        return found

    def _assembled(
        self,
        source: RowSource,
        blocks: Sequence[SeriesBlock],
        rows: Sequence[NDArray[np.intp]],
        size: int,
        up: FloatArray,
        present: BoolArray | None,
    ) -> tuple[Part, ...]:
        told = {query.returns: (blocks[place], rows[place]) for place, query in enumerate(source.queries)}
        returns, block, index = source.queries[0].returns, blocks[0], rows[0]
        everyone = np.arange(size)
        match returns:
            case Returns.BUCKETS:
                groups = assemble.buckets(block, index, size, scale=source.scale, up=up)
                return tuple(Part(group.entities, group.data) for group in groups)
            case Returns.COUNTS:
                errors, error_index = told.get(Returns.ERRORS) or self._failing(source, block, index)
                data = assemble.counts_of(block, index, errors, error_index, size, up=up)
                data = assemble.among(data, *told[Returns.PER]) if Returns.PER in told else data
            case Returns.STATE:
                data = assemble.states(block, index, size, up=up)
            case _:
                data = assemble.levels(block, index, size, scale=source.scale, up=up)
                if Returns.PER in told:
                    data = assemble.shares(data, *told[Returns.PER], complement=source.complement)
                elif source.statistic is Statistic.SHARE_OF_LIMIT:
                    data = replace(data, per=np.ones((size, len(block.times))))
        return (Part(everyone, data if present is None else _filled(data, present)),)

    def _failing(
        self, source: RowSource, block: SeriesBlock, index: NDArray[np.intp]
    ) -> tuple[SeriesBlock, NDArray[np.intp]]:
        """The series of a block that count failures."""
        failing = np.array([self._is_error(source, labels) for labels in block.labels], dtype=bool)
        labels = tuple(labels for labels, fails in zip(block.labels, failing, strict=True) if fails)
        return SeriesBlock(block.times, block.values[failing], labels), index[failing]

    def _is_error(self, source: RowSource, labels: Labels) -> bool:
        key = (labels, source.errors)
        if key not in self._failures:
            self._failures[key] = source.is_error(dict(labels))
        return self._failures[key]

    def _references(self, source: RowSource, frame: Frame, index: Index) -> tuple[tuple[Views, tuple[Part, ...]], ...]:
        found = []
        unknown = np.full(index.size, np.nan)
        for view, back in frame.references:
            try:
                blocks = [self._block(query, frame, back) for query in source.queries]
            except SourceError:
                # A reference that cannot be had is a view less, and the judgement says so.
                continue
            rows = [index.known(block) for block in blocks]
            present = self._present(source, frame, back)
            found.append((view, self._assembled(source, blocks, rows, index.size, unknown, present)))
        return tuple(found)

    def _up(self, index: Index) -> FloatArray:
        """Whether any pod of each workload, or caller, is scraped: 1, 0, or NaN where no target names its pods."""
        if self._scraped is None:
            self._scraped = self._scraped_workloads()
        return np.array([self._scraped.get(key, np.nan) for key in index.workloads], dtype=np.float64)

    def _scraped_workloads(self) -> dict[str, float]:
        """Workloads that targets name pods of, by key: 1 where any pod is scraped, else 0."""
        block = self._answer(UP_QUERY, self.frame)
        found: dict[str, float] = {}
        if not isinstance(block, SeriesBlock):
            return found
        for key, value in zip(self._targets(block.labels), np.nan_to_num(block.values[:, -1]).tolist(), strict=True):
            found[key] = max(found.get(key, 0.0), value)
        return found

    def _targets(self, series: tuple[Labels, ...]) -> list[str]:
        """The key of the workload of each target; as in the cycle before, where they are the same and all are known."""
        known, keys = self._named
        if known != series:
            assert self._resolver is not None
            pairs = [dict(labels) for labels in series]
            named = [Identity(namespace=each.get("namespace", ""), pod=each.get("pod", "")) for each in pairs]
            entities = [self._resolver.entity(identity, EntityType.WORKLOAD) for identity in named]
            keys = [entity.key for entity in entities]
            settled = all(entity.kind not in UNSETTLED for entity in entities)
            self._named = (series, keys) if settled else ((), [])
        return keys


class _Question(NamedTuple):
    """One expression on one grid, now or some seconds back."""

    promql: str
    grid: Grid
    back: int = 0

    @classmethod
    def of(cls, template: str, frame: Frame, back: int = 0) -> _Question:
        """The question that a template becomes on a frame."""
        return cls(frame.rendered(template), frame.grid, back)


def _questions(source: RowSource) -> Iterator[str]:
    """Every query template that a source needs."""
    yield from (query.promql for query in source.queries)
    if source.absence is Absence.ZERO:
        yield _presence(source)


def _presence(source: RowSource) -> str:
    return PRESENCE_QUERY.format(selector=restricted(source.detect_selector, "$match"))


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
