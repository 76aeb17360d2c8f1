"""What a cycle may ask of a metrics server: costs are known before a query is asked, and kept within a budget.

A query that touches too much at once is asked in parts. One that touches too much altogether is thinned, and its row
says so; what cannot be thinned and still be true is not asked, and its row says that.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from app.pricing import Prices
from app.sources.base import SourceError
from app.sources.prometheus.rationing import Ration, RationedSource
from app.sources.prometheus.sharding import divisible_by, grouped, pattern, restricted
from app.sources.prometheus.splitting import MOST_PARTS
from app.thinning import busiest, fewer_buckets
from detectors.catalog import Returns
from detectors.catalog.model import Kept

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping

    from app.frame import Frame
    from app.pricing import Cost, Query
    from app.settings.schema import BudgetSettings
    from app.sources.base import MetricsSource
    from app.sources.prometheus.cardinality import Cardinality
    from app.sources.prometheus.discovery import Discovery
    from detectors.catalog import RowSource

NAMED = 5
"""How many of those that were left out are named."""
_TRAFFIC = r'le=~"|\\+Inf"'
"""Of a histogram what counts all observations, and all there is of a native one."""

Sources = dict[str, tuple["RowSource", ...]]
"""Row id -> what it is measured from."""
Choices = dict[tuple[str, str], tuple[str, ...]]
"""By a source's first query and a label: the values that are asked for when it is thinned."""


class Budget:
    """Fits sources into a budget, anew whenever discovery has looked at the server again.

    Args:
        metrics: the server.
        limits: the budget.
        whole: ids of rows about the cluster as a whole, of which nothing may be left out.
    """

    def __init__(self, metrics: MetricsSource, limits: BudgetSettings, whole: Collection[str]) -> None:
        self._metrics, self._limits, self._whole = metrics, limits, whole
        self.metrics = RationedSource(metrics)
        """The server, asked as the budget has it."""
        self.costs: Mapping[str, Cost] = {}
        """By row id."""
        self.notes: tuple[str, ...] = ()
        """What is not asked besides, and would have been of use to many rows."""
        self._discovery: Discovery | None = None
        self._asked: Sources = {}
        self._fitted: Sources = {}
        self._kept: Choices = {}
        self._counted: tuple[Discovery, Cardinality] | None = None
        """For what is asked once: a look at the server, and the series counted since."""

    def fit(self, sources: Mapping[str, tuple[RowSource, ...]], discovery: Discovery, frame: Frame) -> Sources:
        """The same rows' sources as they may be asked, some of them `thinned`; asks only what is not known yet."""
        if discovery is self._discovery and sources == self._asked:
            return self._fitted
        prices = Prices(self._metrics, self._limits, discovery, frame)
        distinct = dict.fromkeys(source for found in sources.values() for source in found)
        prices.cardinality.learn(query.promql for source in distinct for query in prices.queries(source))
        fitting = _Fitting(prices, self._whole, self._kept)
        fitted = {source: fitting.proven(fitting.fitted(source)) for source in distinct}
        excess = fitting.alone(prices.scrapes())
        self.notes = (f"which workloads are scraped is not asked: it touches {excess}",) if excess else ()
        self._discovery, self._asked = discovery, dict(sources)
        self._fitted = {row: tuple(fitted[source] for source in found) for row, found in sources.items()}
        self.costs = {row: prices.cost(found) for row, found in self._fitted.items()}
        self.metrics.allot(fitting.rations)
        return self._fitted

    def small(
        self, sources: Iterable[RowSource], metrics: MetricsSource, discovery: Discovery, frame: Frame
    ) -> frozenset[RowSource]:
        """Those sources that need neither be divided nor thinned, for what is asked once; `metrics` counts them.

        What was counted is remembered until discovery looks again: many investigations ask for the same.
        """
        look, known = self._counted or (None, None)
        prices = Prices(metrics, self._limits, discovery, frame, known if look is discovery else None)
        if look is not discovery:
            self._counted = discovery, prices.cardinality
        return frozenset(source for source in dict.fromkeys(sources) if prices.is_small(source))


class _Fitting:
    """One time that sources are fitted into the budget, by what they cost then."""

    def __init__(self, prices: Prices, whole: Collection[str], kept: Choices) -> None:
        self._prices, self._whole, self._kept = prices, whole, kept
        self.rations: dict[str, Ration] = {}
        """By expression, of those that may not be asked as they are."""

    def fitted(self, source: RowSource) -> RowSource:
        """The source, thinned as far as it must be, its queries divided or refused."""
        excess = reason = self._prices.excess(*self._prices.queries(source))
        thinned = source
        try:
            for way in (self._with_fewer_buckets, self._with_fewer_entities):
                if self._prices.excess(*self._prices.queries(thinned)):
                    thinned = way(thinned)
        except SourceError as error:
            reason += f"; what to leave out was not told: {error.message}"
        if self._prices.excess(*self._prices.queries(thinned)):
            for query in filter(self._prices.is_over, self._prices.queries(source)):
                self.rations[query.promql] = Ration(refusal=f"not asked: it touches {reason}")
            return source
        for query in self._prices.queries(thinned):
            self._divide(query)
        return thinned._replace(thinned=f"{excess}: {thinned.thinned}") if excess else source

    def proven(self, source: RowSource) -> RowSource:
        """The source, knowing whether its exporter is there as far as that may be asked."""
        presence = self._prices.presence(source)
        excess = self.alone(presence) if presence is not None else ""
        told = f"what has no series is not taken for zero, for whether the exporter is there touches {excess}"
        return source._replace(thinned="; ".join(filter(None, (source.thinned, told)))) if excess else source

    def alone(self, query: Query) -> str:
        """By how much a query of which nothing may be left out is over the budget: then it is not asked."""
        excess = self._prices.excess(query)
        if excess:
            self.rations[query.promql] = Ration(refusal=f"not asked: it touches {excess}")
        else:
            self._divide(query)
        return excess

    def _with_fewer_buckets(self, source: RowSource) -> RowSource:
        if source.queries[0].returns is not Returns.BUCKETS:
            return source
        (query,) = self._prices.queries(source)
        labels = (*source.identity.whole_labels[:1], "job", "le")

        def by_family(beside: Collection[str] = ()) -> dict[tuple[Hashable, str], int]:
            counts = self._prices.cardinality.by(query.promql, labels, f'le=~"{pattern(beside)}"' if beside else "")
            return {(tuple(family), le): n for (*family, le), n in counts.items()}

        found = fewer_buckets(by_family(), self._prices.most(query), by_family)
        told = f"{found.finite} of {found.of} bounds of histograms, a factor of {found.ratio:g} or more apart"
        return _narrowed(source, "le", found.bounds, told) if found.finite < found.of else source

    def _with_fewer_entities(self, source: RowSource) -> RowSource:
        """Those that most happens to; the label by whose values they are chosen is the one that keeps most of it."""
        best, chosen = (0.0, 0), source
        most = min(map(self._prices.most, self._prices.queries(source)))
        for label in self._labels(source):
            series, volume = self._by(source, label)
            key = (source.queries[0].key, label)
            kept = busiest(series, volume, most, self._kept.get(key, ()))
            share = sum(map(volume.__getitem__, kept)) / (sum(volume.values()) or 1.0)
            if (share, len(kept)) > best:
                best, self._kept[key] = (share, len(kept)), kept
                whom = Kept(label in source.identity.namespace_labels, frozenset(kept))
                chosen = _narrowed(source, label, kept, _left(label, volume, kept))._replace(kept=whom)
        return chosen

    def _labels(self, source: RowSource) -> list[str]:
        """The labels by whose values entities can be left out of all queries of a source, none of them in part."""
        if source.row in self._whole:
            return []
        common = [divisible_by(query.promql) for query in self._prices.queries(source)]
        return [label for label in source.identity.whole_labels if all(label in labels for labels in common)]

    def _by(self, source: RowSource, label: str) -> tuple[dict[str, float], dict[str, float]]:
        """By the values of a label: the series of the query that touches most, and how much happens there."""
        queries, cardinality = self._prices.queries(source), self._prices.cardinality
        series: Counter[str] = Counter()
        for query in queries:
            series |= Counter({value: n for (value,), n in cardinality.by(query.promql, (label,)).items()})
        counted = queries[0].promql
        counted = restricted(counted, _TRAFFIC) if source.queries[0].returns is Returns.BUCKETS else counted
        happens = cardinality.values(f"sum by ({label}) ({counted})", (label,))
        return dict(series), {value: happens.get((value,), 0.0) for value in series}

    def _divide(self, query: Query) -> None:
        """Have a query asked in parts that touch little enough at once, as far as any label has it."""
        series, at_once = self._prices.series(query) or 0, self._prices.at_once(query)
        lightest = series
        for label in divisible_by(query.promql) if series > at_once else ():
            try:
                found = self._prices.cardinality.by(query.promql, (label,))
            except SourceError:
                continue
            counts = {value: n for (value,), n in found.items()}
            parts, heaviest = _division(counts, at_once)
            if heaviest < lightest:
                lightest, self.rations[query.promql] = heaviest, Ration(label, parts)
            if heaviest <= at_once:
                return


def _division(series: Mapping[str, int], at_once: float) -> tuple[int, int]:
    """Into how many parts the values of a label are to be divided, and how many series the heaviest part has then."""
    parts = math.ceil(sum(series.values()) / at_once)
    while True:
        groups = [*grouped(filter(None, series), parts), [""]]
        heaviest = max(sum(series.get(value, 0) for value in group) for group in groups)
        if heaviest <= at_once or parts >= min(MOST_PARTS, len(series)):
            return parts, heaviest
        parts *= 2


def _left(label: str, volume: Mapping[str, float], kept: Collection[str]) -> str:
    """Which values of a label were kept, and which were not, the busiest of them by name."""
    left = sorted(volume.keys() - set(kept), key=lambda value: (-volume[value], value))
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    chosen = f"{len(kept)} of {len(volume)} values of {label}, the busiest when they were chosen"
    return f"{chosen}, not {', '.join(left[:NAMED])}{more}"


def _narrowed(source: RowSource, label: str, values: Iterable[str], told: str) -> RowSource:
    """The source about some values of a label only, which it tells."""
    narrowed = source.scoped(0, f'{label}=~"{pattern(sorted(values))}"')
    return narrowed._replace(thinned="; ".join(filter(None, (source.thinned, told))))
