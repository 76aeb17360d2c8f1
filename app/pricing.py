"""What sources cost a metrics server, and by how much that is more than it may be."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, NamedTuple

from app.answers import UP_QUERY, presence_query
from app.sources.base import SourceError
from app.sources.prometheus.cardinality import TOO_BIG, Cardinality
from app.sources.prometheus.sharding import divisible_by
from detectors.catalog.promql import longest_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.frame import Frame
    from app.settings.schema import BudgetSettings
    from app.sources.base import MetricsSource
    from app.sources.prometheus.discovery import Discovery
    from detectors.catalog import RowSource

log = logging.getLogger(__name__)


class Cost(NamedTuple):
    """What a row's queries touch on the server."""

    series: int | None = None
    """At most; None where nobody could tell, or where some of them are not asked."""
    samples: int | None = None
    """Over the whole window, which the first cycle loads; later ones load what has come since."""
    thinned: str = ""
    """What was left out to keep them within the budget, by convention."""


class Query(NamedTuple):
    """One expression of a source."""

    promql: str
    density: float
    """Samples of each series that the server looks at, over the whole window."""


class Prices:
    """What one look at a server says of costs.

    Args:
        metrics: the server.
        limits: the budget.
        discovery: the look.
        frame: the grid and the placeholders of the cycle.
        cardinality: what was counted in that look already; by default nothing beyond what it found itself.
    """

    def __init__(
        self,
        metrics: MetricsSource,
        limits: BudgetSettings,
        discovery: Discovery,
        frame: Frame,
        cardinality: Cardinality | None = None,
    ) -> None:
        self._limits, self._discovery, self._frame = limits, discovery, frame
        counted: dict[str, int | None] = {"up": sum(target.total for target in discovery.targets.values())}
        counted |= {selector: n for known in discovery.conventions.values() for selector, n in known.series.items()}
        fresh = Cardinality(metrics, counted, frame.grid.end, frame.match, limits.part_series)
        self.cardinality = cardinality.through(metrics, frame.grid.end) if cardinality is not None else fresh
        self._series: dict[str, float] = {}
        """By expression, as exactly as it matters."""
        self._queries: dict[RowSource, list[Query]] = {}

    def queries(self, source: RowSource) -> list[Query]:
        """The source's expressions."""
        if source not in self._queries:
            self._queries[source] = self._rendered(source)
        return self._queries[source]

    def scrapes(self) -> Query:
        """What tells which workloads are scraped."""
        return _query(UP_QUERY, self._frame, self._discovery.interval)

    def presence(self, source: RowSource) -> Query | None:
        """What tells whether an exporter is there whose missing series mean zero; None where they do not."""
        asked = presence_query(source)
        return _query(asked, self._frame.back_over(source.history), math.inf) if asked else None

    def most(self, query: Query) -> float:
        """The series that a query may touch."""
        return min(self._limits.most_series, self._limits.most_samples / query.density)

    def at_once(self, query: Query) -> float:
        """The series that a query may touch if it is not to be asked in parts."""
        return min(self._limits.part_series, self._limits.part_samples / query.density)

    def series(self, query: Query) -> float | None:
        """The series that a query touches: a bound that is good enough, else counted.

        Infinite where the server cannot count them even in parts, None where it does not say.
        """
        if query.promql not in self._series:
            bound = self.cardinality.at_most(query.promql)
            if bound is not None and bound > self.at_once(query):
                bound = self._counted(query)
            if bound is None:
                return None
            self._series[query.promql] = bound
        return self._series[query.promql]

    def is_over(self, query: Query) -> bool:
        """Whether a query is known to touch more than it may."""
        return (self.series(query) or 0) > self.most(query)

    def is_small(self, source: RowSource) -> bool:
        """Whether none of a source's queries touches more than one question may; what nothing bounds is counted."""
        for query in self.queries(source):
            series = self.series(query)
            series = self._counted(query) if series is None else series
            if series is None or series > self.at_once(query):
                return False
        return True

    def excess(self, *queries: Query) -> str:
        """By how much a query is over the budget; empty when none is, or nobody can tell."""
        for query in filter(self.is_over, queries):
            series = self.series(query)
            assert series is not None
            touched = f"{series:,.0f} series" if math.isfinite(series) else "more series than the server counts"
            return f"{touched}, where the budget allows {self.most(query):,.0f}"
        return ""

    def cost(self, sources: Sequence[RowSource]) -> Cost:
        """What some sources cost together."""
        thinned = "; ".join(f"{source.convention}: {source.thinned}" for source in sources if source.thinned)
        queries = dict.fromkeys(query for source in sources for query in self.queries(source))
        queries |= dict.fromkeys(filter(None, map(self.presence, sources)))
        known = {query: series for query in queries if (series := self.series(query)) is not None}
        if len(known) < len(queries) or any(map(self.is_over, queries)):
            return Cost(thinned=thinned)
        samples = sum(series * query.density for query, series in known.items())
        return Cost(round(sum(known.values())), round(samples), thinned)

    def _counted(self, query: Query) -> float | None:
        try:
            return self.cardinality.by(query.promql, divisible_by(query.promql)[:1]).total()
        except SourceError as error:
            log.info("not counted: %s: %s", error.message, query.promql)
            return math.inf if error.trouble in TOO_BIG else None

    def _rendered(self, source: RowSource) -> list[Query]:
        frame = self._frame.back_over(source.history)
        present = self._discovery.conventions.get(source.convention)
        interval = present.interval if present is not None else self._discovery.interval
        return [_query(template.promql, frame, interval) for template in source.queries]


def _query(template: str, frame: Frame, interval: float) -> Query:
    promql = frame.rendered(template)
    return Query(promql, frame.grid.points * max(1.0, longest_range(promql) / interval))
