"""How a cycle looks at the numbers of the Kubernetes API: they are sampled, measured and judged like metrics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.coverage import advice
from app.evaluation import RowResult, judge_metrics
from app.frame import Frame
from app.measuring import Measurer
from app.planning import grid, live_rows, sampled_sources
from app.sources.kubernetes.resources import KUBELETS
from app.sources.sampled import SampledMetrics, Wanted
from detectors.catalog import Availability
from detectors.catalog.promql import first_selector
from detectors.cluster import AccessStatus
from detectors.model import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from app.judging import Surroundings
    from app.settings.schema import Settings
    from detectors.catalog import Catalogue, Row, RowSource
    from detectors.cluster import ClusterState
    from detectors.entities import Resolver


class SampledLook:
    """Keeps what kubelets and metrics-server told between cycles.

    Args:
        catalogue: whose rows are to be fed.
        settings: for the step, and the rows switched off.
    """

    def __init__(self, catalogue: Catalogue, settings: Settings) -> None:
        self._catalogue = catalogue
        self._step = settings.detection.step_seconds
        rows = live_rows(catalogue, settings.detection)
        sources = [source for row in rows for source in sampled_sources(catalogue, row)]
        self._history = SampledMetrics(_wanted(sources, self._frame(0.0)))
        self._measurer = Measurer(self._history, self._history, concurrency=1)

    def observe(self, state: ClusterState) -> frozenset[str]:
        """Take what is new in a view of the cluster; the names of all that is told."""
        self._history.observe(state)
        return self._history.metrics

    def judged(
        self,
        rows: Mapping[str, Row],
        sources: Mapping[str, tuple[RowSource, ...]],
        state: ClusterState,
        resolver: Resolver,
        around: Surroundings,
    ) -> dict[str, RowResult]:
        """The rows that are answered so; one of which only a part can be told says what is missing."""
        if not sources:
            return {}
        self._measurer.begin(self._frame(state.at), resolver)
        self._measurer.ask(each for found in sources.values() for each in found)
        results = judge_metrics(rows, sources, self._measurer, around)
        return {row_id: _remarked(rows[row_id], result) for row_id, result in results.items()}

    def close(self) -> None:
        """Stop measuring."""
        self._measurer.close()

    def _frame(self, now: float) -> Frame:
        return Frame(grid(int(now // self._step) * self._step, self._step), self._step)


def _remarked(row: Row, result: RowResult) -> RowResult:
    partial = row.fallback.availability is Availability.PARTIAL
    return replace(result, detail=result.detail or row.fallback.how) if partial else result


def _wanted(sources: Iterable[RowSource], frame: Frame) -> Iterator[Wanted]:
    """The metrics that sources read, on the grids that they are judged on."""
    for source in sources:
        asked = frame.back_over(source.history).grid
        for query in source.queries:
            yield Wanted(first_selector(query.promql).partition("{")[0], asked.step, asked.points)


def asked_of_kubelets(catalogue: Catalogue, rows: Iterable[Row]) -> frozenset[str]:
    """The resources by which a kubelet could tell something of rows that nobody feeds."""
    found = (source.sampled for row in rows for source in sampled_sources(catalogue, row))
    return frozenset(sampled.resource for sampled in found if sampled is not None).intersection(KUBELETS)


def unfed(catalogue: Catalogue, row: Row, state: ClusterState | None) -> RowResult:
    """A row that nothing feeds: for want of a right where one is refused, else for want of a source."""
    known = state.access if state is not None else {}
    for source in sampled_sources(catalogue, row):
        access = known.get(source.sampled.resource) if source.sampled is not None else None
        if access is not None and access.status is AccessStatus.FORBIDDEN:
            return RowResult(row, Coverage.FORBIDDEN, detail=f"{access.detail}; {advice(catalogue, row)}")
    return RowResult(row, Coverage.NO_SOURCE)
