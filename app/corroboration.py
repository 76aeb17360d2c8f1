"""What other conventions say of an entity that one found out of band: one judges, the others are evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.judging import batches
from app.preference import choose, quantity_of
from app.wording import seen
from detectors.catalog import Role
from detectors.model import Coverage
from storage.records import UNSEEN, Stance

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from app.frame import Frame
    from app.judging import Batch, Surroundings
    from app.measuring import Measurement
    from app.sources.base import SourceError
    from detectors.catalog import Row, RowSource
    from detectors.model import Observation

_WORDS = {
    Coverage.LEARNING: "has too little history to tell",
    Coverage.NO_TRAFFIC: "sees no traffic",
    Coverage.NO_DATA: "has no data of it now",
}
_ORDER = (Stance.SUPPORTS, Stance.CONTRADICTS, Stance.SILENT, Stance.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Witness:
    """What one convention says of one entity, next to the one that judged it."""

    convention: str
    stance: Stance
    text: str
    query: str
    """PromQL that gives its number."""
    score: float = math.nan
    """1.0 is the threshold; NaN where it has no verdict."""
    at: float | None = None
    """Unix seconds of its newest instant."""


def compared(
    row: Row,
    groups: Sequence[Sequence[Measurement]],
    errors: Iterable[tuple[RowSource, SourceError]],
    observations: Iterable[Observation],
    around: Surroundings,
) -> dict[str, tuple[Witness, ...]]:
    """By entity key, what the conventions say that measure the same and did not judge.

    Args:
        row: what was judged.
        groups: measurements of which one speaks for an entity (`preference.alternatives`); nothing else is asked.
        errors: the sources that could not be asked.
        observations: what is out of band.
        around: what verdicts depend on.
    """
    found: dict[str, dict[str, Witness]] = {}
    for group in groups:
        chosen = choose(group)
        told = [o for o in observations if (at := chosen.get(o.entity.key)) is not None and _speaks(group[at], o)]
        for measurement in group:
            keys = {o.entity.key for o in told if o.source.convention != measurement.source.convention}
            for key, witness in testify(row, measurement, keys, around):
                note(found.setdefault(key, {}), witness)
        refused = [pair for pair in errors if quantity_of(row, pair[0]) == quantity_of(row, group[0].source)]
        for observation in told:
            for source, error in refused:
                if source.convention != observation.source.convention:
                    note(found.setdefault(observation.entity.key, {}), failed(source, error, group[0].frame))
    return {key: tuple(witnesses.values()) for key, witnesses in found.items()}


def testify(
    row: Row, measurement: Measurement, keys: Collection[str], around: Surroundings
) -> Iterator[tuple[str, Witness]]:
    """What a measurement says of some entities, by key; of one with several parts, once for each."""
    if not keys:
        return
    for batch in batches(row, measurement, lambda key: key in keys, around):
        for index, key in enumerate(batch.keys):
            yield key, _witness(batch, index)
    convention, query = measurement.source.convention, measurement.query
    for key in set(keys).difference(measurement.keys):
        yield key, Witness(convention, Stance.SILENT, f"{convention} {UNSEEN}", query)


def failed(source: RowSource, error: SourceError, frame: Frame) -> Witness:
    """What is left to say of a convention that could not be asked: it is no evidence of health."""
    text = f"{source.convention} could not be asked: {error.message}"
    return Witness(source.convention, Stance.UNKNOWN, text, frame.rendered(source.display))


def note(known: dict[str, Witness], witness: Witness) -> None:
    """Keep one witness for each convention: the strongest that any of its instruments or parts gives."""
    other = known.get(witness.convention)
    if other is None or _rank(witness) < _rank(other):
        known[witness.convention] = witness


def _rank(witness: Witness) -> tuple[int, float]:
    return _ORDER.index(witness.stance), -witness.score if math.isfinite(witness.score) else 0.0


def _speaks(measurement: Measurement, observation: Observation) -> bool:
    """Whether it is the one that an observation rests on: a convention may have several instruments."""
    source = measurement.source
    return source.convention == observation.source.convention and source.detect_metric in observation.source.query


def _witness(batch: Batch, index: int) -> Witness:
    subject, judgement = batch.subject(index), batch.judgement
    source, coverage = subject.measurement.source, judgement.coverage[index]
    score, at, query = float(judgement.score[index]), float(judgement.times[-1]), subject.reference().query
    if coverage is not Coverage.LIVE or math.isnan(score):
        text = f"{source.convention} {_WORDS.get(coverage, _WORDS[Coverage.NO_DATA])}"
        return Witness(source.convention, Stance.SILENT, text, query, at=at)
    observed, low, high = (
        float(values[index]) for values in (judgement.observed, judgement.expected_low, judgement.expected_high)
    )
    # What is evidence only may be quiet for reasons of its own: that proves nothing.
    quiet = Stance.CONTRADICTS if source.role is Role.PRIMARY else Stance.SILENT
    stance, word = (Stance.SUPPORTS, "agrees") if score >= 1 else (quiet, "does not agree")
    text = f"{source.convention} {word}: {seen(batch.row, observed, low, high)}"
    return Witness(source.convention, stance, text, query, score, at)
