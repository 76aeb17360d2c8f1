"""What a cycle asks: which rows Kubernetes objects answer, which sources feed the others, on which grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from app.measuring import Frame
from detectors.catalog import Role
from detectors.kinds import DETECTORS
from detectors.model import Views
from detectors.series import Grid
from detectors.states import STATE_DETECTORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from app.settings.schema import DetectionSettings
    from app.sources.prometheus.discovery import Discovery
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
    unfed: tuple[Row, ...] = ()
    """Rows that nothing in this cluster can answer."""


def presence(catalogue: Catalogue, rows: Iterable[Row]) -> dict[str, list[str]]:
    """What discovery has to look for: convention -> selectors that prove a row's source."""
    wanted: dict[str, dict[str, None]] = {}
    for row in rows:
        for source in catalogue.sources(row.id):
            if source.detect_selector:
                wanted.setdefault(source.convention, {})[source.detect_selector] = None
    return {convention: list(selectors) for convention, selectors in wanted.items()}


def live_rows(catalogue: Catalogue, detection: DetectionSettings) -> tuple[Row, ...]:
    """The rows that are neither planned nor switched off."""
    return tuple(r for r in catalogue.rows if not r.planned and r.id not in detection.disabled_signals)


def plan(catalogue: Catalogue, rows: Iterable[Row], state: ClusterState | None, discovery: Discovery | None) -> Plan:
    """Choose for each row: objects where they may be read, else metrics, else nothing."""
    states, sources, unfed = [], {}, []
    for row in rows:
        objects = state is not None and row.fallback.state_detector in STATE_DETECTORS
        found = _sources(catalogue, row, discovery, objects=state is not None)
        if objects and state is not None and (not found or _readable(row, state)):
            states.append(row)
        elif found and row.detector in DETECTORS:
            sources[row.id] = found
        else:
            unfed.append(row)
    return Plan(tuple(states), sources, tuple(unfed))


def _readable(row: Row, state: ClusterState) -> bool:
    """Whether the objects that the row's verdict rests on are listed; owners may be missing."""
    essential = row.fallback.rights[:1] or ("pods",)
    return all(state.readable(right.rpartition("/")[2].split(" ")[0]) for right in essential)


def _sources(catalogue: Catalogue, row: Row, discovery: Discovery | None, *, objects: bool) -> tuple[RowSource, ...]:
    """The row's primary sources that this server has, in the labels it uses."""
    if discovery is None:
        return ()
    owners = "none" if objects else "raw"
    found = []
    for source in catalogue.sources(row.id, owners):
        present = discovery.conventions.get(source.convention)
        if source.role is not Role.PRIMARY or source.unit != row.unit:
            continue
        if present is not None and present.series.get(source.detect_selector, 0) != 0:
            found.append(_aliased(source, tuple(sorted(present.aliases.items()))) if present.aliases else source)
    return tuple(found)


@lru_cache(maxsize=4096)
def _aliased(source: RowSource, aliases: tuple[tuple[str, str], ...]) -> RowSource:
    """The source in the server's labels: the same object in every cycle, since what it measures is remembered by it."""
    return source.aliased(dict(aliases))


def frame(discovery: Discovery, newest: float, detection: DetectionSettings, match: str = "") -> Frame:
    """The grid and the placeholders of a cycle.

    Args:
        discovery: what the server is like.
        newest: unix seconds of its newest sample.
        detection: for the step.
        match: matchers that scope every query.
    """
    step = detection.step_seconds
    points = (LONGEST_BASELINE + LONGEST_EVALUATION) * 60 // step + LONGEST_HOLD
    days = ((Views.DAY, DAY, discovery.day), (Views.WEEK, WEEK, discovery.week))
    return Frame(
        grid=Grid(discovery.complete(newest, step), step, points),
        window_seconds=discovery.window(step),
        match=match,
        by=discovery.cluster_label,
        references=tuple((view, back) for view, back, available in days if available),
    )
