"""One cycle's verdicts on every row of the catalogue, from the best source that this cluster has.

Pod and node states come from Kubernetes objects where they may be read, else from metrics. Where several conventions
measure one workload, one of them judges it and it is counted once.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.corroboration import compared
from app.judging import combined, judge
from app.planning import essential
from app.preference import alternatives, choose
from app.sources.base import SourceError, Trouble
from detectors.model import KUBERNETES, PARTLY, Coverage
from detectors.states import STATE_DETECTORS
from detectors.states.report import unreadable
from detectors.statistics import false_discoveries

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from app.corroboration import Witness
    from app.judging import Surroundings, Verdict
    from app.measuring import Measurement, Measurer
    from detectors.catalog import Row, RowSource
    from detectors.catalog.model import Kept
    from detectors.cluster import ClusterState
    from detectors.model import Observation
    from detectors.series import Band

log = logging.getLogger(__name__)


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
    witnesses: Mapping[str, Sequence[Witness]] = field(default_factory=dict)
    """By key of an entity that is out of band: what the conventions say of it that did not judge it."""
    silence: Coverage = Coverage.NO_DATA
    """What it means for an entity that `coverage` does not mention it."""
    left_out: tuple[Kept, ...] = ()
    """Of whom alone its sources tell, of each that was thinned."""
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

    The bound on false discoveries is drawn over all tests of all these rows: what one measurer tells in a cycle is one
    family of tests. What is sampled from the Kubernetes API is measured, and so bounded, by itself.
    """
    judged: dict[str, Judged] = {}
    for row_id in _as_answered(rows, sources, measurer):
        progress(f"judging {row_id}")
        try:
            judged[row_id] = _judge_row(rows[row_id], sources[row_id], measurer, around)
        except Exception as error:
            judged[row_id] = Judged(_failed(rows[row_id], error))
    measurer.settle()
    p_values = np.array([verdict.p_value for found in judged.values() for verdict in found.verdicts])
    accepted = false_discoveries(p_values, around.false_discovery_rate) if len(p_values) else np.zeros(0, dtype=bool)
    limit = float(p_values[accepted].max()) if accepted.any() else 0.0
    return {row_id: _with_witnesses(judged[row_id], limit, around) for row_id in sources}


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


class Judged(NamedTuple):
    """One row's verdicts before the bound on false discoveries, and what they rest on."""

    result: RowResult
    verdicts: Sequence[Verdict] = ()
    groups: Sequence[Sequence[Measurement]] = ()
    """Measurements of which one speaks for an entity."""
    errors: Sequence[tuple[RowSource, SourceError]] = ()
    """The sources that could not be asked."""


def refused(results: Mapping[str, RowResult], state: ClusterState) -> dict[str, RowResult]:
    """The rows that metrics answer because objects may not be read, with the right that is missing.

    What metrics judge stays judged; where they have nothing either, it is the right that is missing.
    """
    told = {}
    for row_id, result in results.items():
        if result.row.fallback.state_detector not in STATE_DETECTORS:
            continue
        objects = unreadable(state, essential(result.row))
        if objects is None or objects.coverage is not Coverage.FORBIDDEN:
            continue
        if result.status is Coverage.LIVE:
            told[row_id] = replace(result, detail=f"{PARTLY}: judged by metrics alone; {objects.detail}")
        elif result.status is Coverage.NO_DATA:
            told[row_id] = replace(result, status=objects.coverage, detail=objects.detail)
    return told


def _with_witnesses(judged: Judged, limit: float, around: Surroundings) -> RowResult:
    """The bounded result, with what the other conventions say of whatever is out of band; nothing is asked for it."""
    result = _bounded(judged.result, judged.verdicts, limit, around.open)
    alone = all(len(group) == 1 for group in judged.groups) and not judged.errors
    if alone or not result.observations:
        return result
    try:
        told = compared(result.row, judged.groups, judged.errors, result.observations, around)
        return replace(result, witnesses=told)
    except Exception:
        log.exception("comparing the conventions of row %s", result.row.id)
        return result


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


def _judge_row(row: Row, candidates: Sequence[RowSource], measurer: Measurer, around: Surroundings) -> Judged:
    measured: list[Measurement] = []
    errors: list[tuple[RowSource, SourceError]] = []
    for source in candidates:
        try:
            measured.append(measurer.measure(source, row.entity))
        except SourceError as error:
            errors.append((source, error))
    if not measured:
        return Judged(_unmeasured(row, candidates, errors, measurer))
    groups = alternatives(row, measured)
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
        left_out=tuple(m.source.kept for m in measured if m.source.kept is not None),
        live=counts[Coverage.LIVE],
        detail="; ".join(error.message for _, error in errors),
        seconds=sum(m.seconds for m in measured),
        query=measured[0].query,
        warnings=tuple(dict.fromkeys(text for m in measured for text in m.warnings)),
    )
    return Judged(result, verdicts, groups, errors)


def _verdicts(row: Row, group: Sequence[Measurement], around: Surroundings, *, shared: bool) -> Iterator[Verdict]:
    chosen = choose(group)
    for number, measurement in enumerate(group):
        yield from judge(row, measurement, _spoken_for(chosen, number), around, shared=shared)


def _spoken_for(chosen: Mapping[str, int], number: int) -> Callable[[str], bool]:
    return lambda key: chosen[key] == number


def _status(counts: Mapping[Coverage, int]) -> Coverage:
    """A row's own word: the best that any of its entities has."""
    order = (Coverage.LIVE, Coverage.LEARNING, Coverage.NO_TRAFFIC)
    return next((status for status in order if counts.get(status)), Coverage.NO_DATA)


def _unmeasured(
    row: Row, candidates: Sequence[RowSource], errors: Sequence[tuple[RowSource, SourceError]], measurer: Measurer
) -> RowResult:
    if not errors:
        return RowResult(row, Coverage.NO_SOURCE)
    first = errors[0][1]
    refused = {Trouble.FORBIDDEN, Trouble.UNAUTHENTICATED}
    return RowResult(
        row=row,
        status=Coverage.FORBIDDEN if first.trouble in refused else Coverage.QUERY_ERROR,
        conventions=tuple(source.convention for source in candidates),
        detail=" ".join(filter(None, (first.message, first.hint))),
        query=measurer.frame.rendered(candidates[0].display),
    )
