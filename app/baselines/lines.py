"""From a cycle's judgements to one line per workload, and to the charts of one of them.

A cycle only keeps references (`said`); lines are made of them when somebody looks, all workloads of a batch at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from app.baselines.shown import CELLS, HEADLINES, OUTSIDE, SIGNALS, Baselines, Chart, Headline, Line, Reading
from app.judging import band_of
from app.workload_coverage import WORST, WorkloadCoverage, by_workload
from detectors.entities import environment_of
from detectors.model import Coverage, Entity, EntityType
from widgets.levels import levels_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from app.engine import Outcome
    from app.judging import Batch
    from app.snapshot import Face, WorkloadLine
    from detectors.cluster import ClusterState
    from detectors.model import Observation

NEAR = 0.75
"""The least score that puts a workload before others: below it all are well, and keep their places from cycle to cycle.
"""
STEP = 0.5
"""Scores are ordered in steps of this, for the same reason."""
_SEEN = (Coverage.LIVE, Coverage.LEARNING, Coverage.NO_TRAFFIC)
_SPEAKS = {status: place for place, status in enumerate(dict.fromkeys((*_SEEN, *WORST)))}
"""Of a headline's rows that are not out of band the one with the smallest of these speaks."""

Key = tuple[str, str]
"""A signal and an entity's key."""


class Said(NamedTuple):
    """What a cycle said of the headline signals: its own answers, which nobody changes any more."""

    batches: Sequence[Batch] = ()
    findings: Mapping[Key, Observation] = {}
    """What is out of band."""
    state: ClusterState | None = None


class Told(NamedTuple):
    """What one batch tells of one entity."""

    reading: Reading
    batch: Batch
    place: int


def said(outcome: Outcome) -> Said:
    """What lines will be made of, without copying any answer."""
    results = (outcome.results[signal] for signal in SIGNALS if signal in outcome.results)
    findings = {(each.signal, each.entity.key): each for result in results for each in result.observations}
    return Said([batch for kept in outcome.kept.values() for batch in kept], findings, outcome.state)


def baselines(said: Said, coverage: WorkloadCoverage, cluster: str) -> Baselines:
    """One line for each workload that the API lists or that a headline signal mentions, the worst first.

    Args:
        said: What a cycle said.
        coverage: What it could see, for what is not judged.
        cluster: The cluster's name, with which the keys of entities begin.
    """
    face, told = _face(coverage, cluster), _told(said)
    environments: dict[str, str] = {}
    lines = []
    for line in face.lines:
        chosen = _chosen(face, line, told, _key(cluster, line))
        if line.namespace not in environments:
            environments[line.namespace] = _environment(said.state, line.namespace)
        known = (each.batch.subject(each.place).entity.environment for _, each in chosen if each is not None)
        environment = next(known, environments[line.namespace])
        readings = tuple(reading for reading, _ in chosen)
        lines.append(Line(line.number, line.kind, line.namespace, line.name, environment, readings, line.excluded))
    return Baselines(tuple(sorted(lines, key=_rank)))


def charts(said: Said, coverage: WorkloadCoverage, cluster: str, number: int) -> tuple[Chart, ...]:
    """The headline signals of one workload that have values, in their order; none of one that is not there."""
    face = _face(coverage, cluster)
    line = next((line for line in face.lines if line.number == number), None)
    if line is None:
        return ()
    key = _key(cluster, line)
    chosen = _chosen(face, line, _told(said, key), key)
    return tuple(
        _chart(headline, reading, told)
        for headline, (reading, told) in zip(HEADLINES, chosen, strict=True)
        if told is not None
    )


def _chart(headline: Headline, reading: Reading, told: Told) -> Chart:
    judgement, index = told.batch.judgement, told.place
    return Chart(
        headline.id,
        reading,
        float(judgement.expected_low[index]),
        float(judgement.expected_high[index]),
        band_of(judgement, index).to_bytes(),
        told.batch.subject(index).reference().query,
    )


def _face(coverage: WorkloadCoverage, cluster: str) -> Face:
    """What was seen of the headline signals."""
    signals = tuple(view for view in coverage.signals if view.signal in SIGNALS)
    return by_workload(msgspec.structs.replace(coverage, signals=signals), cluster, {})


def _key(cluster: str, line: WorkloadLine) -> str:
    return Entity(EntityType.WORKLOAD, cluster, line.namespace, line.kind, line.name).key


def _environment(state: ClusterState | None, namespace: str) -> str:
    return environment_of(namespace, state, state.environments, cluster=state.cluster) if state is not None else ""


def _told(said: Said, only: str = "") -> dict[Key, Told]:
    """What batches tell of every entity, or of one; of several instruments that tell the same one the worst."""
    found: dict[Key, Told] = {}
    for batch in said.batches:
        rows = [place for place, key in enumerate(batch.keys) if not only or key == only]
        for index, reading in zip(rows, _readings(batch, rows, said.findings), strict=True):
            key = (batch.row.id, batch.keys[index])
            if key not in found or _weight(reading) > _weight(found[key].reading):
                found[key] = Told(reading, batch, index)
    return found


def _weight(reading: Reading) -> tuple[bool, float, int]:
    score = reading.score if reading.score == reading.score else -1.0
    return reading.out, score, -_SPEAKS[reading.status]


def _readings(batch: Batch, rows: Sequence[int], findings: Mapping[Key, Observation]) -> Iterator[Reading]:
    """One for each of the batch's entities asked for."""
    if not rows:
        return
    judgement = batch.judgement
    levels, outside = levels_of(judgement.values[rows], judgement.low[rows], judgement.high[rows], CELLS)
    cells = (levels + OUTSIDE * outside).astype(np.uint8)
    numbers = zip(rows, cells, judgement.observed[rows].tolist(), judgement.score[rows].tolist(), strict=True)
    for index, mine, value, score in numbers:
        finding = findings.get((batch.row.id, batch.keys[index]))
        if finding is not None and math.isnan(score):
            # What is judged by the band that it left: the detector has none any more.
            value, score = finding.observed, finding.score
        status = judgement.coverage[index]
        yield Reading(status, batch.row.id, batch.row.unit, value, score, finding is not None, mine.tobytes())


def _chosen(face: Face, line: WorkloadLine, told: Mapping[Key, Told], key: str) -> list[tuple[Reading, Told | None]]:
    """For each headline what is shown, and where its values are."""
    status = {signal: WORST[rank] for signal, rank in zip(face.signals, line.answers, strict=True)}
    return [_best(_candidates(headline, status, told, key)) for headline in HEADLINES]


def _candidates(
    headline: Headline, status: Mapping[str, Coverage], told: Mapping[Key, Told], key: str
) -> Iterator[tuple[Reading, Told | None]]:
    for row in headline.rows:
        answer, known = status.get(row, Coverage.NO_SOURCE), told.get((row, key))
        if known is None or answer is Coverage.DISABLED:
            yield Reading(answer, row if answer is not Coverage.NO_SOURCE else ""), None
        elif known.reading.status is answer:
            yield known.reading, known
        else:
            yield msgspec.structs.replace(known.reading, status=answer), known


def _best(candidates: Iterable[tuple[Reading, Told | None]]) -> tuple[Reading, Told | None]:
    return min(candidates, key=lambda each: (not each[0].out, _SPEAKS[each[0].status]))


def _rank(line: Line) -> tuple[bool, bool, float]:
    """Findings first, by score; what nobody judges comes after what is in band. Equals keep their order."""
    worst = line.worst
    if worst is None:
        return bool(line.excluded), True, math.inf
    return bool(line.excluded), not worst.out, -(worst.score // STEP) if worst.score >= NEAR else 0.0
