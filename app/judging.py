"""From one measurement to verdicts: windows per workload, what must not train a baseline, what lasts, what settles."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from app.exemptions import exempting
from app.rollouts import convincing
from app.wording import compared_with, numbers, seen
from detectors.catalog import DetectorKind
from detectors.catalog.promql import longest_range, quoted
from detectors.kinds import DETECTORS
from detectors.model import Coverage, Fact, Observation, SourceRef, Views
from detectors.series import Band
from detectors.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from app.measuring import Measurement, Part
    from app.profiles import Profiles
    from app.rollouts import Rollout
    from app.standing import Minutes, Standings
    from detectors.catalog import Row
    from detectors.model import Entity
    from detectors.series import BoolArray, FloatArray, Judgement
    from detectors.windows import SignalData
    from storage.records import AnomalyRecord

    Known = Mapping[str, Mapping[str, AnomalyRecord]]
    """Anomalies by signal and entity key."""

SEVERITY_STEPS = {"prod": 1, "production": 1, "live": 1, "dev": -1, "test": -1, "qa": -1, "sandbox": -1, "preview": -1}
"""By environment: production matters more, what nobody depends on less."""

RATES = frozenset({DetectorKind.RATE_DROP, DetectorKind.RATE_SURGE})
"""Kinds whose value without any traffic is known: it is zero."""

VOLUME_GUARDS = {"min_requests_eval": "requests", "min_observations_eval": "observations"}
"""Guards on the evaluation's volume, and the number of the judgement that they bound."""

_SEEN = (Coverage.LIVE, Coverage.LEARNING, Coverage.NO_TRAFFIC, Coverage.NO_DATA)
"""How well something can be seen, best first."""

CONSUMED = 0.5
"""Share of masked instants from which a baseline cannot be learned for no other reason than the incident itself."""


@dataclass(frozen=True)
class Surroundings:
    """What a verdict depends on besides numbers."""

    now: float
    standings: Standings
    """How each entity is to be judged."""
    rollout_of: Callable[[Entity], Rollout | None]
    """A workload's newest revision."""
    open: Mapping[tuple[str, str], AnomalyRecord]
    """What is out of band already, by (signal, entity key)."""
    recent: Mapping[tuple[str, str], AnomalyRecord]
    """What was so until a short while ago."""
    adopted: Container[tuple[str, str]]
    """What the engineer has closed while it lasted: from then on it is what is normal."""
    false_discovery_rate: float
    """Share of false findings tolerated among all tests of a cycle."""
    profiles: Profiles | None = None
    """What follows the series that are judged; None where nothing does."""
    kept: Mapping[str, list[Batch]] = field(default_factory=dict)
    """By signal, for those whose judgements somebody wants to see afterwards: what was said of all entities."""

    @cached_property
    def open_by_signal(self) -> Known:
        """What is out of band already and has not been adopted."""
        return self._by_signal(self.open)

    @cached_property
    def recent_by_signal(self) -> Known:
        """What was so until a short while ago and has not been adopted."""
        return self._by_signal(self.recent)

    def _by_signal(self, records: Mapping[tuple[str, str], AnomalyRecord]) -> Known:
        found: dict[str, dict[str, AnomalyRecord]] = {}
        for (signal, key), record in records.items():
            if (signal, key) not in self.adopted:
                found.setdefault(signal, {})[key] = record
        return found


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
    row: Row, measurement: Measurement, speaks: Callable[[str], bool], around: Surroundings, *, shared: bool = False
) -> Iterator[Verdict]:
    """Verdicts on all entities that a measurement speaks for; one for each part of them.

    Args:
        row: what is judged.
        measurement: its numbers.
        speaks: whether the measurement speaks for an entity, by key.
        around: what else verdicts depend on.
        shared: whether other measurements say something else about the same entities.
    """
    for batch in batches(row, measurement, speaks, around, shared=shared, follow=True):
        judgement, row = batch.judgement, batch.row
        if row.id in around.kept:
            around.kept[row.id].append(batch.without_parts())
        # Nearly all there ever is: nothing is the matter, and nothing was.
        calm = zip(batch.keys, judgement.coverage, judgement.p_value.tolist(), repeat(None), repeat(None), strict=False)
        verdicts = list(map(Verdict._make, calm))
        for index in {*np.flatnonzero(judgement.score >= 1).tolist(), *batch.records}:
            subject, record = batch.subject(index), batch.records.get(index)
            if record is not None and judgement.coverage[index] is not Coverage.LIVE:
                consumed = bool(batch.consumed[index])
                verdicts[index] = _unjudged(row, subject, judgement, index, record, consumed=consumed)
            else:
                verdicts[index] = _verdict(row, subject, judgement, index, record, around)
        yield from verdicts


class Batch(NamedTuple):
    """What the detector said of those of a measurement's entities that have the same windows."""

    row: Row
    """In the source's unit, with its guards."""
    measurement: Measurement
    places: list[int]
    """Which of the measurement's entities."""
    keys: list[str]
    """Theirs, in that order, as everything that follows is."""
    records: Mapping[int, AnomalyRecord]
    """What some of them are out of band with already."""
    judgement: Judgement
    consumed: BoolArray
    """Whose baseline is mostly an anomaly of its own."""

    def subject(self, index: int) -> Subject:
        """One of them."""
        return Subject(self.measurement, self.places[index])

    def without_parts(self) -> Batch:
        """The same without what was measured, which is many times as large; nothing is copied."""
        return self._replace(measurement=replace(self.measurement, parts=()))


def batches(
    row: Row,
    measurement: Measurement,
    speaks: Callable[[str], bool],
    around: Surroundings,
    *,
    shared: bool = False,
    follow: bool = False,
) -> Iterator[Batch]:
    """The detector's judgements of all entities that a measurement speaks for; see `judge`.

    Where they are to be followed, the series are compared with what is usual for them, which is learnt from them.
    """
    source = measurement.source
    row = msgspec.structs.replace(row, unit=source.unit, guards=row.guards | dict(source.guards))
    shared = shared or bool(source.parts)
    for part in measurement.parts:
        for minutes, rows in _by_windows(row, measurement, part, speaks, around).items():
            windows = _windows(row, measurement, part.data, *minutes)
            places = part.entities[rows].tolist()
            keys = [measurement.keys[place] for place in places]
            records = _records(measurement, places, around.open_by_signal.get(row.id), shared=shared)
            past = _records(measurement, places, around.recent_by_signal.get(row.id), shared=shared)
            chosen = part.data if len(rows) == part.data.size else part.data.rows(rows)
            data = _without_anomalies(past | records, chosen)
            if follow and around.profiles is not None:
                adopted = np.array([(row.id, key) in around.adopted for key in keys])
                data = around.profiles.compared(row, measurement, places, data, windows, adopted)
            judgement = DETECTORS[row.detector](data, row.params, row.guards, windows)
            yield Batch(row, measurement, places, keys, records, judgement, _consumed(data, windows))


def combined(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """One verdict per entity: of several parts or instruments the worst finding speaks, else what is seen best."""
    worst: dict[str, Verdict] = {}
    for verdict in verdicts:
        known = worst.get(verdict.key)
        if known is None or _weight(verdict) > _weight(known):
            worst[verdict.key] = verdict
    return list(worst.values())


def _weight(verdict: Verdict) -> tuple[float, int]:
    score = verdict.observation.score if verdict.observation is not None else 0.0
    return score, -_SEEN.index(verdict.coverage) if verdict.coverage in _SEEN else -len(_SEEN)


def _windows(row: Row, measurement: Measurement, data: SignalData, evaluation: int, baseline: int) -> Windows:
    """The windows in points; what looks back for hours learns from all that there is, if only half an hour."""
    grid = measurement.frame.grid
    points = max(1, evaluation * 60 // grid.step)
    hold = int(row.params.get("hold_evaluations", 1))
    length = max(2, baseline * 60 // grid.step)
    if measurement.source.history and data.level is not None:
        told = np.flatnonzero(~np.isnan(data.level).all(axis=0))
        begun = int(told[0]) if len(told) else 0
        length = max(length, grid.points - begun - points - hold + 1)
    return Windows(step=grid.step, evaluation=points, baseline=length, hold=hold)


class Subject(NamedTuple):
    """One of a measurement's entities: who it is, and how to ask for its number again."""

    measurement: Measurement
    place: int
    """Among the measurement's entities."""

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
        frame, entity = self.measurement.frame, self.entity
        text = source.evidence(labels, frame.window_seconds, frame.by, entity.name, entity.cluster)
        return SourceRef(source.convention, text)

    def told(self, record: AnomalyRecord) -> bool:
        """Whether an anomaly was found in this part of the entity, by this instrument."""
        source, labels = self.measurement.source, dict(self.measurement.labels[self.place])
        words = (source.detect_metric, *(quoted(labels.get(name, "")) for name in source.parts))
        return all(word in record.source.query for word in words)


def _by_windows(
    row: Row, measurement: Measurement, part: Part, speaks: Callable[[str], bool], around: Surroundings
) -> dict[Minutes, NDArray[np.intp]]:
    """The part's rows to judge, by (evaluation, baseline) minutes."""
    groups: dict[Minutes, list[int]] = {}
    wanted = tuple(map(speaks, measurement.keys))
    known = around.standings.minutes(measurement.keys, measurement.entities, wanted, exempting(row.guards))
    for place, index in enumerate(part.entities.tolist()):
        if (minutes := known[index]) is not None:
            groups.setdefault(minutes, []).append(place)
    return {minutes: np.array(places, dtype=np.intp) for minutes, places in groups.items()}


def _records(
    measurement: Measurement, places: Sequence[int], known: Mapping[str, AnomalyRecord] | None, *, shared: bool
) -> dict[int, AnomalyRecord]:
    """Of the entities that have one, by index, the anomaly among those known; not where it is about another part."""
    found = {}
    for index, place in enumerate(places if known else ()):
        record = known.get(measurement.keys[place]) if known else None
        if record is not None and not (shared and not Subject(measurement, place).told(record)):
            found[index] = record
    return found


def _without_anomalies(records: Mapping[int, AnomalyRecord], data: SignalData) -> SignalData:
    """The data with the instants masked at which an entity was out of band: they must not train its baseline."""
    if not records:
        return data
    excluded = np.zeros((data.size, len(data.times)), dtype=bool)
    for place, record in records.items():
        until = np.inf if record.closed is None else record.closed
        excluded[place] = (data.times >= record.onset) & (data.times <= until)
    return replace(data, excluded=excluded)


def _consumed(data: SignalData, windows: Windows) -> BoolArray:
    """Whose baseline is mostly an anomaly of its own, shape (S,)."""
    if data.excluded is None:
        return np.zeros(data.size, dtype=bool)
    masked = windows.baseline_of(data.excluded.astype(np.float64))
    return np.asarray(masked.mean(axis=-1) > CONSUMED)


def _verdict(
    row: Row, subject: Subject, judgement: Judgement, index: int, record: AnomalyRecord | None, around: Surroundings
) -> Verdict:
    out = float(judgement.score[index]) >= 1 and (
        record is not None or _convincing(row, subject, judgement, index, around)
    )
    observation = _observation(row, subject, judgement, index) if out else None
    band = band_of(judgement, index) if out or record is not None else None
    return Verdict(subject.key, judgement.coverage[index], float(judgement.p_value[index]), observation, band)


def _unjudged(
    row: Row, subject: Subject, judgement: Judgement, index: int, record: AnomalyRecord, *, consumed: bool
) -> Verdict:
    """The verdict on what is out of band already and what the detector says nothing about now.

    Where the incident fills the whole baseline, what was expected when it began still holds. A rate can be judged by
    that without any traffic, since none is a rate too; for everything else silence proves nothing.
    """
    band = band_of(judgement, index)
    band = replace(band, low=np.full_like(band.low, record.low), high=np.full_like(band.high, record.high))
    coverage, observed = judgement.coverage[index], float(judgement.observed[index])
    if coverage is Coverage.NO_TRAFFIC and row.detector in RATES:
        observed = 0.0
    elif not (coverage is Coverage.LEARNING and consumed and _enough(row, judgement, index) and np.isfinite(observed)):
        return Verdict(subject.key, coverage, np.nan, None, band)
    if not _outside(record, observed):
        return Verdict(subject.key, Coverage.LIVE, np.nan, None, band)
    observation = Observation(
        signal=row.id,
        entity=subject.entity,
        score=max(1.0, record.score),
        observed=observed,
        low=record.low,
        high=record.high,
        onset=record.onset,
        confidence=record.confidence,
        severity=record.severity,
        views=Views(record.views),
        source=subject.reference(),
        unit=row.unit,
    )
    return Verdict(subject.key, Coverage.LIVE, np.nan, observation, band)


def _enough(row: Row, judgement: Judgement, index: int) -> bool:
    """Whether the evaluation has the volume that the row's guards ask for."""
    return all(
        float(judgement.extra[name][index]) >= float(row.guards[guard])
        for guard, name in VOLUME_GUARDS.items()
        if guard in row.guards and name in judgement.extra
    )


def _outside(record: AnomalyRecord, observed: float) -> bool:
    """Whether a value lies outside the band that an anomaly was found by; an end that does not exist bounds nothing."""
    below = np.isfinite(record.low) and observed < record.low
    return bool(below or (np.isfinite(record.high) and observed > record.high))


def _convincing(row: Row, subject: Subject, judgement: Judgement, index: int, around: Surroundings) -> bool:
    """Whether what is out of band cannot be a rollout's first minutes."""
    rollout = around.rollout_of(subject.entity)
    tuning = around.standings.tuning(subject.key, subject.entity)
    if rollout is None or tuning is None:
        return True
    frame, template = subject.measurement.frame, subject.measurement.source.queries[0].promql
    window = longest_range(frame.rendered(template)) or frame.grid.step
    return convincing(row, judgement, index, rollout, around.now, window, 60.0 * tuning.evaluation_minutes)


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
        severity=row.severity.shifted(
            SEVERITY_STEPS.get(subject.entity.environment, 0) + int(judgement.severity[index])
        ),
        views=views,
        source=source,
        facts=(Fact("detect", text, source.query, float(judgement.times[-1]), f"score {judgement.score[index]:.1f}"),),
        unit=row.unit,
    )


def band_of(judgement: Judgement, index: int) -> Band:
    """One entity's values with their expected band, copied."""

    def row(values: FloatArray) -> FloatArray:
        return np.array(values[index])

    return Band(judgement.times, row(judgement.values), row(judgement.low), row(judgement.high))
