"""The samples of the last hours on grids, as a metrics server would answer from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.sources.sampled.samples import of_node_metrics, of_summary
from detectors.catalog.promql import first_selector
from detectors.objects import NodeSummary
from detectors.series import SeriesBlock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from app.sources.sampled.samples import Sample
    from detectors.cluster import ClusterState
    from detectors.objects import NodeMetrics
    from detectors.series import FloatArray, Grid, Labels

FRESH_SECONDS = 180.0
"""For so long the last numbers of a node hold, if the next ones do not take longer."""
LONGEST_SECONDS = 1800.0
"""For so long they hold at most, where the nodes of a large cluster take turns."""
_PATIENCE = 2.5
"""How often as long as the last ones took to come the next ones may take."""

_COUNTER = "_total"


class Wanted(NamedTuple):
    """One metric on one grid."""

    metric: str
    step: int
    points: int


class SampledMetrics:
    """Answers range queries from what was observed. It is fed and asked from one thread at a time.

    A composed expression is understood by the one metric that it names: counters are kept per second, and what the
    expression would sum over labels is summed over entities by who measures.

    Args:
        wanted: the metrics to keep.
    """

    def __init__(self, wanted: Iterable[Wanted]) -> None:
        self._rings: dict[str, list[_Ring]] = {}
        for metric, step, points in sorted(set(wanted)):
            self._rings.setdefault(metric, []).append(_Ring(step, points))
        self._tellers: dict[tuple[str, str], _Teller] = {}

    def observe(self, state: ClusterState) -> None:
        """Take what is new in a view of the cluster, and note what holds at its time."""
        told: list[NodeSummary | NodeMetrics] = [*state.summaries.values(), *state.node_metrics.values()]
        self._tellers = {
            (each.kind, each.name): self._tellers.get((each.kind, each.name)) or _Teller() for each in told
        }
        for each in told:
            teller = self._tellers[each.kind, each.name]
            if teller.source is not each:
                found = of_summary(each, state) if isinstance(each, NodeSummary) else of_node_metrics(each, state)
                teller.take(each, (sample for sample in found if sample.metric in self._rings), state.at)
        self._note(state.at)

    def _note(self, now: float) -> None:
        due = {metric: [ring for ring in rings if ring.behind(now)] for metric, rings in self._rings.items()}
        if not any(due.values()):
            return
        values: dict[str, dict[Labels, float]] = {metric: {} for metric, rings in due.items() if rings}
        for teller in self._tellers.values():
            for (metric, labels), value in teller.current(now):
                if metric in values:
                    values[metric][labels] = value
        for metric, rings in due.items():
            for ring in rings:
                ring.note(now, values[metric])

    @property
    def metrics(self) -> frozenset[str]:
        """The names of what has been told lately."""
        return frozenset(metric for metric, rings in self._rings.items() if any(ring.size for ring in rings))

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """What was observed of an expression's metric, on a grid that was wanted; no series where nothing was."""
        rings = self._rings.get(first_selector(promql).partition("{")[0], ())
        ring = next((ring for ring in rings if ring.step == grid.step), None)
        return ring.block(grid) if ring is not None else SeriesBlock(grid.times, np.empty((0, grid.points)), ())


class _Teller:
    """What one node tells through one of its ways."""

    def __init__(self) -> None:
        self.source: object = None
        self._counters: dict[tuple[str, Labels], tuple[float, float]] = {}
        """When each counter was read, and how far it was."""
        self._values: dict[tuple[str, Labels], float] = {}
        self._seen = float("-inf")
        self._lasts = FRESH_SECONDS

    def take(self, source: object, samples: Iterable[Sample], now: float) -> None:
        """Replace what was told before; counters become rates since the last time."""
        if self.source is not None:
            self._lasts = min(max(FRESH_SECONDS, _PATIENCE * (now - self._seen)), LONGEST_SECONDS)
        self.source, self._seen = source, now
        values: dict[tuple[str, Labels], float] = {}
        counters: dict[tuple[str, Labels], tuple[float, float]] = {}
        for metric, labels, value, at in samples:
            key = (metric, labels)
            if not metric.endswith(_COUNTER):
                values[key] = value
                continue
            taken, before = at if at is not None else now, self._counters.get(key)
            if before is not None and taken == before[0]:
                # The same reading as before says nothing new.
                counters[key] = before
                if key in self._values:
                    values[key] = self._values[key]
                continue
            counters[key] = (taken, value)
            # A clock that was set back, like a counter that fell, leaves nothing to compare with.
            if before is not None and taken > before[0] and value >= before[1]:
                values[key] = (value - before[1]) / (taken - before[0])
        self._values, self._counters = values, counters

    def current(self, now: float) -> Iterable[tuple[tuple[str, Labels], float]]:
        """What still holds."""
        return self._values.items() if now - self._seen <= self._lasts else ()


class _Ring:
    """One metric's values on a grid that moves with time."""

    def __init__(self, step: int, points: int) -> None:
        self.step = step
        self._points = points
        self._end: int | None = None
        self._rows: dict[Labels, int] = {}
        self._values: FloatArray = np.empty((0, points))

    @property
    def size(self) -> int:
        """How many series there are."""
        return len(self._rows)

    def behind(self, now: float) -> bool:
        """Whether the grid has an instant that is not noted yet."""
        return self._end is None or self._column(now) > self._end

    def note(self, now: float, values: Mapping[Labels, float]) -> None:
        """Move on to an instant; instants that were passed over by little were the same."""
        end = self._column(now)
        moved = self._points if self._end is None else min((end - self._end) // self.step, self._points)
        over_little = (moved - 1) * self.step <= FRESH_SECONDS
        self._end = end
        self._values = np.concatenate([self._values[:, moved:], np.full((len(self._rows), moved), np.nan)], axis=1)
        self._forget()
        new = [labels for labels in values if labels not in self._rows]
        self._rows |= {labels: len(self._rows) + place for place, labels in enumerate(new)}
        self._values = np.concatenate([self._values, np.full((len(new), self._points), np.nan)])
        rows = np.fromiter((self._rows[labels] for labels in values), dtype=np.intp, count=len(values))
        column = np.fromiter(values.values(), dtype=np.float64, count=len(values))
        self._values[rows, -1 if not over_little else -moved :] = column[:, None]

    def block(self, grid: Grid) -> SeriesBlock:
        """The values on a grid of this step; NaN where it reaches further than what is kept."""
        values = np.full((len(self._rows), grid.points), np.nan)
        if self._end is not None:
            shift = (grid.end - self._end) // self.step
            own = np.arange(grid.points) + self._points - grid.points + shift
            inside = np.flatnonzero((own >= 0) & (own < self._points))
            values[:, inside] = self._values[:, own[inside]]
        return SeriesBlock(grid.times, values, tuple(self._rows))

    def _column(self, now: float) -> int:
        return int(now // self.step) * self.step

    def _forget(self) -> None:
        """Drop the series that have told nothing for as long as anything is kept."""
        alive = np.asarray(~np.isnan(self._values).all(axis=1))
        if not alive.all():
            kept = [labels for labels, living in zip(self._rows, alive.tolist(), strict=True) if living]
            self._rows = {labels: row for row, labels in enumerate(kept)}
            self._values = self._values[alive]
