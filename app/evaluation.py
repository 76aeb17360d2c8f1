"""One cycle's verdicts on every row of the catalogue, from the best source that this cluster has.

Pod and node states come from Kubernetes objects where they may be read, else from metrics. Where several conventions
measure one workload, one of them judges it and it is counted once.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from app.judging import combined, judge
from app.sources.base import SourceError, Trouble
from detectors.catalog import DetectorKind
from detectors.model import Coverage
from detectors.states import STATE_DETECTORS
from detectors.statistics import false_discoveries

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from app.judging import Surroundings, Verdict
    from app.measuring import Measurement, Measurer
    from detectors.catalog import Row, RowSource
    from detectors.cluster import ClusterState
    from detectors.model import Observation
    from detectors.series import Band

log = logging.getLogger(__name__)

KUBERNETES = "kubernetes-api"
"""The convention of what the Kubernetes API itself tells."""

ONE_TRUTH = frozenset({DetectorKind.STATE_TRANSITION, DetectorKind.COUNT_SPIKE})
"""Kinds of rows whose instruments tell the same thing in several ways."""

PARTIAL_SHARE = 0.8
"""A preferred source that sees less than this share of the next one's volume is partial instrumentation."""


@dataclass(frozen=True, slots=True)
class RowResult:
    """What one row of the catalogue said in one cycle."""

    row: Row
    status: Coverage
    conventions: tuple[str, ...] = ()
    observations: tuple[Observation, ...] = ()
    coverage: Mapping[str, Coverage] = field(default_factory=dict)
    """By entity key, where the row is judged entity by entity."""
    bands: Mapping[str, Band] = field(default_factory=dict)
    """By entity key, of those that are or were out of band."""
    silence: Coverage = Coverage.NO_DATA
    """What it means for an entity that `coverage` does not mention it."""
    live: int = 0
    detail: str = ""
    seconds: float | None = None
    query: str = ""
    warnings: tuple[str, ...] = ()

    def coverage_of(self, key: str) -> Coverage:
        """What this cycle saw of an entity, by its key; a row that only lists what is wrong sees all or nothing."""
        return self.coverage.get(key, self.silence) if self.coverage else self.status


def judge_states(rows: Iterable[Row], state: ClusterState, around: Surroundings) -> dict[str, RowResult]:
    """The rows that Kubernetes objects answer."""
    results = {}
    for row in rows:
        try:
            found = STATE_DETECTORS[row.fallback.state_detector](state, row, around.now)
        except Exception as error:
            results[row.id] = _failed(row, error)
            continue
        results[row.id] = RowResult(
            row=row,
            status=found.coverage,
            conventions=(KUBERNETES,),
            observations=tuple(o for o in found.observations if around.standings.tuning(o.entity.key, o.entity)),
            live=found.live,
            detail=found.detail,
        )
    return results


def judge_metrics(
    rows: Mapping[str, Row],
    sources: Mapping[str, Sequence[RowSource]],
    measurer: Measurer,
    around: Surroundings,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, RowResult]:
    """The rows that metrics answer, each from its sources in order of preference; `measurer` has asked for them all.

    The bound on false discoveries is drawn over all tests of all rows: one cycle is one family of tests.
    """
    judged: dict[str, tuple[RowResult, list[Verdict]]] = {}
    for row_id in _as_answered(rows, sources, measurer):
        progress(f"judging {row_id}")
        try:
            judged[row_id] = _judge_row(rows[row_id], sources[row_id], measurer, around)
        except Exception as error:
            judged[row_id] = _failed(rows[row_id], error), []
    measurer.settle()
    p_values = np.array([verdict.p_value for _, verdicts in judged.values() for verdict in verdicts])
    accepted = false_discoveries(p_values, around.false_discovery_rate) if len(p_values) else np.zeros(0, dtype=bool)
    limit = float(p_values[accepted].max()) if accepted.any() else 0.0
    return {row_id: _bounded(*judged[row_id], limit, around.open) for row_id in sources}


def _as_answered(
    rows: Mapping[str, Row], sources: Mapping[str, Sequence[RowSource]], measurer: Measurer
) -> Iterator[str]:
    """The rows, those first whose answers have come: the server computes the others meanwhile."""
    waiting = dict(sources)
    while waiting:
        ready = [row_id for row_id, found in waiting.items() if measurer.ready(found, rows[row_id].entity)]
        for row_id in ready:
            del waiting[row_id]
            yield row_id
        if not measurer.wait():
            break
    measurer.meet((source, rows[row_id].entity) for row_id, found in sources.items() for source in found)
    yield from waiting


def _bounded(
    result: RowResult, verdicts: Sequence[Verdict], limit: float, lasting: Container[tuple[str, str]]
) -> RowResult:
    """The result with those observations whose test the bound accepts.

    Kinds without a test have none to pass; and what was accepted once does not end because others have calmed down.
    """
    kept = combined(
        verdict
        for verdict in verdicts
        if verdict.observation is not None and (not verdict.p_value > limit or (result.row.id, verdict.key) in lasting)
    )
    return replace(result, observations=tuple(v.observation for v in kept if v.observation is not None))


def _failed(row: Row, error: Exception) -> RowResult:
    """One row's fault (an object or an answer that nobody thought of) must not blind the others."""
    log.exception("row %s", row.id)
    return RowResult(row, Coverage.QUERY_ERROR, detail=f"{type(error).__name__}: {error}")


def _judge_row(
    row: Row, candidates: Sequence[RowSource], measurer: Measurer, around: Surroundings
) -> tuple[RowResult, list[Verdict]]:
    measured: list[Measurement] = []
    errors: list[SourceError] = []
    for source in candidates:
        try:
            measured.append(measurer.measure(source, row.entity))
        except SourceError as error:
            errors.append(error)
    if not measured:
        return _unmeasured(row, candidates, errors, measurer), []
    groups = _alternatives(row, measured)
    verdicts = [each for group in groups for each in _verdicts(row, group, around, shared=len(groups) > 1)]
    entities = combined(verdicts)
    counts = Counter(verdict.coverage for verdict in entities)
    silence = Coverage.LIVE if any(m.silent for m in measured) else Coverage.NO_DATA
    result = RowResult(
        row=row,
        status=_status(counts) if counts else silence,
        conventions=tuple(dict.fromkeys(m.source.convention for m in measured)),
        coverage={verdict.key: verdict.coverage for verdict in entities},
        bands={verdict.key: verdict.band for verdict in entities if verdict.band is not None},
        silence=silence,
        live=counts[Coverage.LIVE],
        detail="; ".join(error.message for error in errors),
        seconds=sum(m.seconds for m in measured),
        query=measured[0].query,
        warnings=tuple(dict.fromkeys(text for m in measured for text in m.warnings)),
    )
    return result, verdicts


def _alternatives(row: Row, measured: Sequence[Measurement]) -> list[list[Measurement]]:
    """Measurements of which one speaks for an entity.

    A state or an event is the same whichever instrument tells it. Traffic and levels of different instruments (HTTP and
    gRPC, bytes and inodes) are different numbers: each is judged, and none is added to another.
    """
    groups: dict[str, list[Measurement]] = {}
    for measurement in measured:
        groups.setdefault("" if row.detector in ONE_TRUTH else measurement.source.instrument, []).append(measurement)
    return list(groups.values())


def _verdicts(row: Row, group: Sequence[Measurement], around: Surroundings, *, shared: bool) -> Iterator[Verdict]:
    chosen = choose(group)
    for number, measurement in enumerate(group):
        yield from judge(row, measurement, _spoken_for(chosen, number), around, shared=shared)


def _spoken_for(chosen: Mapping[str, int], number: int) -> Callable[[str], bool]:
    return lambda key: chosen[key] == number


def choose(measured: Sequence[Measurement]) -> dict[str, int]:
    """Which of several measurements speaks for each entity, by key: the first, unless the next sees much more."""
    chosen: dict[str, int] = {}
    volumes: dict[str, float] = {}
    for number, measurement in enumerate(measured):
        for key, volume in zip(measurement.keys, measurement.volume.tolist(), strict=True):
            if key not in chosen or volumes[key] < PARTIAL_SHARE * volume:
                chosen[key], volumes[key] = number, volume
    return chosen


def _status(counts: Mapping[Coverage, int]) -> Coverage:
    """A row's own word: the best that any of its entities has."""
    order = (Coverage.LIVE, Coverage.LEARNING, Coverage.NO_TRAFFIC)
    return next((status for status in order if counts.get(status)), Coverage.NO_DATA)


def _unmeasured(
    row: Row, candidates: Sequence[RowSource], errors: Sequence[SourceError], measurer: Measurer
) -> RowResult:
    if not errors:
        return RowResult(row, Coverage.NO_SOURCE)
    refused = {Trouble.FORBIDDEN, Trouble.UNAUTHENTICATED}
    return RowResult(
        row=row,
        status=Coverage.FORBIDDEN if errors[0].trouble in refused else Coverage.QUERY_ERROR,
        conventions=tuple(source.convention for source in candidates),
        detail=" ".join(filter(None, (errors[0].message, errors[0].hint))),
        query=measurer.frame.rendered(candidates[0].display),
    )
