"""From one measurement to verdicts: windows per workload, what must not train a baseline, what lasts, what settles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.wording import compared_with, numbers, seen
from detectors.kinds import DETECTORS
from detectors.model import Coverage, Fact, Observation, SourceRef, Views
from detectors.series import Band
from detectors.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from app.measuring import Frame, Measurement, Part
    from app.tuning import Tuning
    from detectors.catalog import Row
    from detectors.model import Entity
    from detectors.series import FloatArray, Judgement
    from detectors.windows import SignalData
    from storage.records import AnomalyRecord

SEVERITY_STEPS = {"prod": 1, "production": 1, "live": 1, "dev": -1, "test": -1, "qa": -1, "sandbox": -1, "preview": -1}
"""By environment: production matters more, what nobody depends on less."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a verdict depends on besides numbers."""

    now: float
    tuning_of: Callable[[Entity], Tuning]
    rollout_of: Callable[[Entity], float | None]
    """When a workload's newest revision appeared, unix seconds."""
    open: Mapping[tuple[str, str], AnomalyRecord]
    """What is out of band already, by (signal, entity key)."""
    wanted: Callable[[Entity], bool]
    """In scope, and not switched off by annotation."""
    false_discovery_rate: float
    """Share of false findings tolerated among all tests of a cycle."""


class Verdict(NamedTuple):
    """One entity's verdict."""

    key: str
    """The entity's."""
    coverage: Coverage
    p_value: float
    """NaN where the detector makes no test."""
    observation: Observation | None
    """Not None when it is past its threshold."""
    band: Band | None
    """Of those that are out of band, or were."""


def judge(
    row: Row, measurement: Measurement, speaks: Callable[[str], bool], frame: Frame, around: Surroundings
) -> Iterator[Verdict]:
    """Verdicts on all entities that a measurement speaks for."""
    for part in measurement.parts:
        for (evaluation, baseline), rows in _by_windows(measurement, part, speaks, around).items():
            step = frame.grid.step
            windows = Windows(
                step=step,
                evaluation=max(1, evaluation * 60 // step),
                baseline=max(2, baseline * 60 // step),
                hold=int(row.params.get("hold_evaluations", 1)),
            )
            subjects = [Subject(measurement, place, frame) for place in part.entities[rows].tolist()]
            data = _without_anomalies(row, subjects, part.data.rows(rows), around)
            judgement = DETECTORS[row.detector](data, row.params, row.guards, windows)
            for index, subject in enumerate(subjects):
                yield _verdict(row, subject, judgement, index, around)


class Subject(NamedTuple):
    """One of a measurement's entities: who it is, and how to ask for its number again."""

    measurement: Measurement
    place: int
    """Among the measurement's entities."""
    frame: Frame

    @property
    def entity(self) -> Entity:
        """What is judged."""
        return self.measurement.entities[self.place]

    @property
    def key(self) -> str:
        """The entity's."""
        return self.measurement.keys[self.place]

    def reference(self) -> SourceRef:
        """The convention and the expression; rendered only for what is reported."""
        source, labels = self.measurement.source, dict(self.measurement.labels[self.place])
        text = source.evidence(labels, self.frame.window_seconds, self.frame.by, self.entity.name)
        return SourceRef(source.convention, text)


def _by_windows(
    measurement: Measurement, part: Part, speaks: Callable[[str], bool], around: Surroundings
) -> dict[tuple[int, int], NDArray[np.intp]]:
    """The part's rows to judge, by (evaluation, baseline) minutes."""
    groups: dict[tuple[int, int], list[int]] = {}
    for place, index in enumerate(part.entities.tolist()):
        entity = measurement.entities[index]
        if speaks(measurement.keys[index]) and around.wanted(entity):
            tuning = around.tuning_of(entity)
            groups.setdefault((tuning.evaluation_minutes, tuning.baseline_minutes), []).append(place)
    return {minutes: np.array(places, dtype=np.intp) for minutes, places in groups.items()}


def _without_anomalies(row: Row, subjects: list[Subject], data: SignalData, around: Surroundings) -> SignalData:
    """The data with the instants masked at which an entity was out of band already."""
    excluded = None
    for place, subject in enumerate(subjects):
        if record := around.open.get((row.id, subject.key)):
            if excluded is None:
                excluded = np.zeros((len(subjects), len(data.times)), dtype=bool)
            excluded[place] = data.times >= record.onset
    return data if excluded is None else replace(data, excluded=excluded)


def _verdict(row: Row, subject: Subject, judgement: Judgement, index: int, around: Surroundings) -> Verdict:
    record = around.open.get((row.id, subject.key))
    coverage = judgement.coverage[index]
    score = float(judgement.score[index])
    if record is not None and coverage is Coverage.LEARNING:
        # The incident fills the whole baseline: what was expected when it began still holds.
        return _lasting(row, subject, judgement, index, record)
    out = score >= 1 and (record is not None or not _settling(row, subject.entity, around))
    observation = _observation(row, subject, judgement, index) if out else None
    band = _band(judgement, index) if out or record is not None else None
    return Verdict(subject.key, coverage, float(judgement.p_value[index]), observation, band)


def _lasting(row: Row, subject: Subject, judgement: Judgement, index: int, record: AnomalyRecord) -> Verdict:
    observed = float(judgement.observed[index])
    band = _band(judgement, index)
    band = replace(band, low=np.full_like(band.low, record.low), high=np.full_like(band.high, record.high))
    if not np.isfinite(observed):
        return Verdict(subject.key, Coverage.NO_DATA, np.nan, None, band)
    if record.low <= observed <= record.high:
        return Verdict(subject.key, Coverage.LIVE, np.nan, None, band)
    observation = Observation(
        signal=row.id,
        entity=subject.entity,
        score=max(1.0, min(record.score, observed / record.high if record.high > 0 else record.score)),
        observed=observed,
        low=record.low,
        high=record.high,
        onset=record.onset,
        confidence=record.confidence,
        severity=record.severity,
        views=Views(record.views),
        source=subject.reference(),
    )
    return Verdict(subject.key, Coverage.LIVE, np.nan, observation, band)


def _settling(row: Row, entity: Entity, around: Surroundings) -> bool:
    """A rollout began so recently that the row grants it time to settle."""
    minutes = float(row.guards.get("suppress_after_rollout_minutes", 0))
    began = around.rollout_of(entity) if minutes else None
    return began is not None and 0 <= around.now - began < minutes * 60


def _observation(row: Row, subject: Subject, judgement: Judgement, index: int) -> Observation:
    observed = float(judgement.observed[index])
    low, high = float(judgement.expected_low[index]), float(judgement.expected_high[index])
    views = Views(int(judgement.views[index]))
    source = subject.reference()
    extra = {name: float(values[index]) for name, values in judgement.extra.items()}
    text = "; ".join(filter(None, (seen(row, observed, low, high), numbers(extra), compared_with(views))))
    onset = float(judgement.onset[index])
    return Observation(
        signal=row.id,
        entity=subject.entity,
        score=float(judgement.score[index]),
        observed=observed,
        low=low,
        high=high,
        onset=onset if np.isfinite(onset) else float(judgement.times[-1]),
        confidence=float(judgement.confidence[index]),
        severity=row.severity.shifted(SEVERITY_STEPS.get(subject.entity.environment, 0)),
        views=views,
        source=source,
        facts=(Fact("detect", text, source.query, float(judgement.times[-1]), f"score {judgement.score[index]:.1f}"),),
    )


def _band(judgement: Judgement, index: int) -> Band:
    def row(values: FloatArray) -> FloatArray:
        return np.array(values[index])

    return Band(judgement.times, row(judgement.values), row(judgement.low), row(judgement.high))
