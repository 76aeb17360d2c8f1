"""What a cycle asks: which rows Kubernetes objects answer, which sources feed the others, on which grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from app.frame import Frame
from detectors.catalog import Owners, Role
from detectors.kinds import DETECTORS
from detectors.model import Views
from detectors.series import Grid
from detectors.states import STATE_DETECTORS

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from app.settings.schema import DetectionSettings
    from app.sources.prometheus.discovery import Discovery, Presence
    from detectors.catalog import Catalogue, Row, RowSource
    from detectors.cluster import ClusterState

LONGEST_BASELINE, LONGEST_EVALUATION, LONGEST_HOLD = 30, 10, 3
"""Minutes, minutes and evaluations: what annotations and rows may ask for, so that one window serves all."""

DAY, WEEK = 86400, 7 * 86400


@dataclass(frozen=True, slots=True)
class Plan:
    """Who answers which row in this cycle."""

    states: tuple[Row, ...]
    """Answered by Kubernetes objects."""
    sources: Mapping[str, tuple[RowSource, ...]] = field(default_factory=dict)
    """Row id -> what metrics answer it from, preferred first."""
    sampled: Mapping[str, tuple[RowSource, ...]] = field(default_factory=dict)
    """Row id -> what the numbers of the Kubernetes API answer it from, where no metrics server can."""
    unfed: tuple[Row, ...] = ()
    """Rows that nothing in this cluster can answer."""
    owners: Owners = Owners.NONE
    """Who maps pods to workloads."""


def presence(catalogue: Catalogue, rows: Iterable[Row]) -> dict[str, list[str]]:
    """What discovery has to look for: convention -> selectors that prove a row's source."""
    wanted: dict[str, dict[str, None]] = {}
    for row in rows:
        for source in catalogue.sources(row.id):
            if source.detect_selector and source.sampled is None:
                wanted.setdefault(source.convention, {})[source.detect_selector] = None
    return {convention: list(selectors) for convention, selectors in wanted.items()}


def live_rows(catalogue: Catalogue, detection: DetectionSettings) -> tuple[Row, ...]:
    """The rows that are neither planned nor switched off."""
    return tuple(r for r in catalogue.rows if not r.planned and r.id not in detection.disabled_signals)


def plan(
    catalogue: Catalogue,
    rows: Iterable[Row],
    state: ClusterState | None,
    discovery: Discovery | None,
    step: int,
    told: Container[str] = (),
) -> Plan:
    """Choose for each row: objects where they may be read, else metrics, else numbers of the API, else nothing.

    Args:
        catalogue: for the rows' sources.
        rows: those to be judged.
        state: the cluster's objects.
        discovery: what the metrics server has.
        step: the grid's, seconds.
        told: the names of what is sampled from the Kubernetes API.
    """
    states, sources, sampled, unfed = [], {}, {}, []
    owners = Owners.RAW if state is None else Owners.NONE
    for row in rows:
        objects = state is not None and row.fallback.state_detector in STATE_DETECTORS
        present = _present(catalogue, row, discovery, step, owners) if discovery is not None else ()
        found = tuple(source for source in present if source.judges(row))
        if objects and state is not None and (not found or _readable(row, state)):
            states.append(row)
        elif found and row.detector in DETECTORS:
            sources[row.id] = found
        elif own := tuple(source for source in sampled_sources(catalogue, row) if source.detect_metric in told):
            sampled[row.id] = own
        else:
            unfed.append(row)
    return Plan(tuple(states), sources, sampled, tuple(unfed), owners)


def sampled_sources(catalogue: Catalogue, row: Row) -> tuple[RowSource, ...]:
    """What the Kubernetes API's own numbers can tell of a row."""
    return tuple(s for s in catalogue.sources(row.id) if s.sampled is not None and s.judges(row))


def _readable(row: Row, state: ClusterState) -> bool:
    """Whether the objects that the row's verdict rests on are listed; owners may be missing."""
    return state.readable(essential(row))


def essential(row: Row) -> str:
    """The kind of object that a row's verdict rests on where objects answer it."""
    return resource_of(next(iter(row.fallback.rights), "pods"))


def resource_of(right: str) -> str:
    """What a right is about, as `ClusterState.access` names it: paths keep their slash, API groups are left out."""
    name = right.split(" ")[0]
    return name if name.startswith("/") else name.rpartition("/")[2]


def corroborating(catalogue: Catalogue, row: Row, discovery: Discovery, step: int) -> Iterator[RowSource]:
    """What this server has to say of a row that objects answer, in the row's unit; surrogates prove nothing."""
    for source in _present(catalogue, row, discovery, step, Owners.NONE):
        comparable = source.unit == row.unit or source.guards
        if comparable and source.role is not Role.SURROGATE and row.detector in DETECTORS:
            yield source


def readable(
    catalogue: Catalogue,
    row: Row,
    discovery: Discovery,
    step: int,
    count: Callable[[str], float],
    owners: Owners = Owners.NONE,
) -> Iterator[RowSource]:
    """What this server has to measure a row by, whether or not anything is judged by it; preferred first.

    Args:
        catalogue: the row's.
        row: of the matrix, or evidence.
        discovery: what the server has.
        step: the grid's, seconds.
        count: gives the series of a selector that discovery does not look for.
        owners: who maps pods to workloads.
    """
    for source in catalogue.sources(row.id, owners):
        present = discovery.conventions.get(source.convention)
        if present is None or source.role is not Role.PRIMARY:
            continue
        known = source.detect_selector in present.series
        if present.series[source.detect_selector] != 0 if known else count(source.detect_selector):
            yield _in_terms_of(source, present, discovery, step)


def _present(catalogue: Catalogue, row: Row, discovery: Discovery, step: int, owners: Owners) -> Iterator[RowSource]:
    """The row's sources that this server has, in the labels it uses."""
    for source in catalogue.sources(row.id, owners):
        present = discovery.conventions.get(source.convention)
        if present is not None and present.series.get(source.detect_selector, 0) != 0:
            yield _in_terms_of(source, present, discovery, step)


def _in_terms_of(source: RowSource, present: Presence, discovery: Discovery, step: int) -> RowSource:
    """A source as this server has it."""
    window = discovery.window(step, source.convention)
    own = window if window != discovery.window(step) else 0
    return fitted(source, tuple(sorted(present.aliases.items())), own, present.match, owner_labels(discovery))


def owner_labels(discovery: Discovery) -> tuple[tuple[str, str], ...]:
    """What the labels of those metrics are called here that tell pods' owners."""
    present = discovery.conventions.get("kube-state-metrics")
    return tuple(sorted(present.aliases.items())) if present is not None else ()


@lru_cache(maxsize=4096)
def fitted(
    source: RowSource,
    aliases: tuple[tuple[str, str], ...],
    window: int,
    match: str,
    owners: tuple[tuple[str, str], ...] = (),
) -> RowSource:
    """A source in its server's labels, scrape interval and jobs, and in those of the metrics that tell pods' owners.

    It is the same object in every cycle, since what it measures is remembered by it.
    """
    renamed = source.aliased(dict(aliases)) if aliases else source
    scoped = renamed.scoped(window, match) if window or match else renamed
    return scoped.owned(dict(aliases), dict(owners)) if aliases or owners else scoped


def grid(end: int, step: int) -> Grid:
    """The grid that all windows of a cycle fit into."""
    return Grid(end, step, (LONGEST_BASELINE + LONGEST_EVALUATION) * 60 // step + LONGEST_HOLD)


def frame(discovery: Discovery, newest: float, detection: DetectionSettings, match: str = "") -> Frame:
    """The grid and the placeholders of a cycle.

    Args:
        discovery: what the server is like.
        newest: unix seconds of its newest sample.
        detection: for the step.
        match: matchers that scope every query.
    """
    step = detection.step_seconds
    days = ((Views.DAY, DAY, discovery.day), (Views.WEEK, WEEK, discovery.week))
    return Frame(
        grid=grid(discovery.complete(newest, step), step),
        window_seconds=discovery.window(step),
        match=match,
        by=discovery.cluster_label,
        references=tuple((view, back) for view, back, available in days if available),
    )
