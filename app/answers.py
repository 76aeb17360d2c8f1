"""Everything that a cycle asks the metrics: several queries at once, each once, and the answers as they come."""

from __future__ import annotations

import logging
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.frame import Frame
from app.references import References
from app.sources.base import SourceError
from app.sources.prometheus.sharding import restricted
from detectors.catalog import Absence
from detectors.series import Grid, SeriesBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from app.sources.base import RangeSource
    from detectors.catalog import RowSource
    from detectors.series import BoolArray

log = logging.getLogger(__name__)

UP_QUERY = 'max by (namespace, pod, $by) (max_over_time(up{pod!="",$match}[$window]))'

PRESENCE_QUERY = "count({selector})"
"""Whether an exporter was there, for sources whose missing series mean that nothing happened."""


class Answers:
    """Asks in one cycle after another.

    Args:
        windows: where current ranges come from (a cache over the server).
        past: where ranges of earlier days come from.
        concurrency: queries under way at once.
    """

    def __init__(self, windows: RangeSource, past: RangeSource, concurrency: int) -> None:
        self._windows = windows
        self._past = References(past)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="fetch")
        self.frame = Frame(Grid(0, 60, 1), 60)
        self._asked: dict[_Question, Future[SeriesBlock | SourceError]] = {}
        """What is under way or answered in this cycle."""
        self._awaited: dict[RowSource, list[Future[SeriesBlock | SourceError]]] = {}
        """What sources of this cycle wait for."""
        self._progress: Callable[[str], None] = lambda _: None
        self._seconds: dict[str, float] = {}

    def begin(self, frame: Frame) -> None:
        """Start a cycle."""
        self.settle()
        self.frame = frame
        self._asked.clear()
        self._awaited.clear()
        self._seconds.clear()

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

    def wait(self) -> bool:
        """Wait for the next answer; False when all have come."""
        coming = [future for future in self._asked.values() if not future.done()]
        if coming:
            self._report(len(self._asked) - len(coming))
            wait(coming, return_when=FIRST_COMPLETED)
        return bool(coming)

    def come(self, source: RowSource) -> bool:
        """Whether everything that measuring a source waits for has been answered."""
        return all(each.done() for each in self._answers_for(source))

    def up(self) -> SeriesBlock | SourceError:
        """Which pods are scraped."""
        return self.of(UP_QUERY, self.frame)

    def blocks(self, source: RowSource, frame: Frame, back: int = 0) -> list[SeriesBlock]:
        """A source's series, one block for each of its queries. Raises SourceError when one of them failed."""
        found = []
        for query in source.queries:
            block = self.of(query.promql, frame, back)
            if isinstance(block, SourceError):
                raise block
            found.append(block)
        return found

    def present(self, source: RowSource, frame: Frame, back: int = 0) -> BoolArray | None:
        """The instants, (T,), at which a missing series of the source means zero; None where it never does."""
        if source.absence is not Absence.ZERO:
            return None
        block = self.of(presence_query(source), frame, back)
        if isinstance(block, SourceError) or not len(block.labels):
            return np.zeros(frame.grid.points, dtype=bool)
        return np.array(~np.isnan(block.values).all(axis=0))

    def seconds(self, source: RowSource, frame: Frame) -> float:
        """How long a source's queries took."""
        return sum(self._seconds.get(frame.rendered(query.promql), 0.0) for query in source.queries)

    def of(self, promql: str, frame: Frame, back: int = 0) -> SeriesBlock | SourceError:
        """The answer to an expression of this cycle, waited for."""
        future = self._asked[_Question.of(promql, frame, back)]
        if not future.done():
            self._report(sum(each.done() for each in self._asked.values()))
        return future.result()

    def close(self) -> None:
        """Stop fetching; queries that have not begun are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answers_for(self, source: RowSource) -> list[Future[SeriesBlock | SourceError]]:
        """Everything that measuring a source waits for."""
        if source not in self._awaited:
            frame = self.frame.back_over(source.history)
            needed = [_Question.of(UP_QUERY, self.frame)]
            for back in (0, *(seconds for _, seconds in frame.references)):
                needed += [_Question.of(promql, frame, back) for promql in _questions(source)]
            self._awaited[source] = [self._asked[question] for question in needed]
        return self._awaited[source]

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
    if asked := presence_query(source):
        yield asked


def presence_query(source: RowSource) -> str:
    """The template that tells whether a source's exporter is there; empty where nobody needs to know."""
    selector = restricted(source.detect_selector, "$match")
    return PRESENCE_QUERY.format(selector=selector) if source.absence is Absence.ZERO else ""
