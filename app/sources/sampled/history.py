"""The samples of the last hours on grids, as a metrics server would answer from them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from app.sources.sampled.samples import LARGEST, of_counters, of_node_metrics, of_summary
from detectors.catalog.promql import first_selector
from detectors.objects import NodeCounters, NodeMetrics, NodeSummary
from detectors.series import SeriesBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from app.sources.sampled.samples import Reading
    from detectors.cluster import ClusterState
    from detectors.series import FloatArray, Grid, Labels

FRESH_SECONDS = 180.0
"""For so long the last numbers of a node hold, if the next ones do not take longer."""
LONGEST_SECONDS = 1800.0
"""For so long they hold at most, where the nodes of a large cluster take turns."""
_PATIENCE = 2.5
"""How often as long as the last ones took to come the next ones may take."""

_COUNTER = "_total"

_READINGS: Mapping[type, Callable[[Any, ClusterState], Iterable[Reading]]] = {
    NodeSummary: of_summary,
    NodeCounters: of_counters,
    NodeMetrics: of_node_metrics,
}
"""What is read of each way in which a node tells."""

_Count = tuple[float, float, float | None]
"""When a counter was read, how far it was, and its rate since it was read before."""


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
        told: list[NodeSummary | NodeCounters | NodeMetrics] = [
            *state.summaries.values(),
            *state.counters.values(),
            *state.node_metrics.values(),
        ]
        self._tellers = {
            (each.kind, each.name): self._tellers.get((each.kind, each.name)) or _Teller(self._rings) for each in told
        }
        for each in told:
            teller = self._tellers[each.kind, each.name]
            if teller.source is not each:
                teller.take(each, _READINGS[type(each)](each, state), state.at)
        self._note(state.at)

    def _note(self, now: float) -> None:
        for metric, rings in self._rings.items():
            due = [ring for ring in rings if ring.behind(now)]
            values: dict[Labels, float] = {}
            for teller in self._tellers.values() if due else ():
                values.update(teller.current(metric, now))
            for ring in due:
                ring.note(now, values)

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
    """What one node tells through one of its ways.

    Args:
        wanted: the names of the metrics to keep.
    """

    def __init__(self, wanted: Container[str]) -> None:
        self.source: object = None
        self._wanted = wanted
        self._counters: defaultdict[str, dict[Labels, _Count]] = defaultdict(dict)
        self._values: defaultdict[str, dict[Labels, float]] = defaultdict(dict)
        self._seen = float("-inf")
        self._lasts = FRESH_SECONDS

    def take(self, source: object, readings: Iterable[Reading], now: float) -> None:
        """Replace what was told before; counters become rates since the last time."""
        if self.source is not None:
            self._lasts = min(max(FRESH_SECONDS, _PATIENCE * (now - self._seen)), LONGEST_SECONDS)
        self.source, self._seen = source, now
        before = self._counters
        self._counters, self._values = defaultdict(dict), defaultdict(dict)
        for labels, at, numbers in readings:
            taken = now if at is None else at
            for metric, number in numbers:
                if number is None or not 0 <= number < LARGEST or metric not in self._wanted:
                    continue
                value: float | None = number
                if metric.endswith(_COUNTER):
                    count = _counted(taken, number, before[metric].get(labels))
                    self._counters[metric][labels] = count
                    value = count[2]
                if value is not None:
                    self._values[metric][labels] = value

    def current(self, metric: str, now: float) -> Mapping[Labels, float]:
        """What still holds of a metric."""
        return self._values[metric] if now - self._seen <= self._lasts else {}


def _counted(taken: float, value: float, before: _Count | None) -> _Count:
    """A counter as it was read; the same reading as before says nothing new."""
    if before is not None and taken == before[0]:
        return before
    # A clock that was set back, like a counter that fell, leaves nothing to compare with.
    comparable = before is not None and taken > before[0] and value >= before[1]
    return taken, value, (value - before[1]) / (taken - before[0]) if before is not None and comparable else None


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
        known = self._rows
        rows = np.array([known.setdefault(labels, len(known)) for labels in values], dtype=np.intp)
        self._values = np.concatenate([self._values, np.full((len(known) - len(self._values), self._points), np.nan)])
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
