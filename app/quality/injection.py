"""What the detectors can see on this cluster: synthetic faults over its own past, judged as a cycle would judge them.

At several instants of the past every row is measured, faults of ascending size and age are laid over the newest points
of entities that are in band, and the row's own detector judges them. Nothing is written anywhere.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from app.annotations import Annotations
from app.judging import Surroundings, batches
from app.looking import MetricsLook
from app.measuring import Part
from app.planning import live_rows, plan
from app.preference import alternatives, choose
from app.sources.base import SourceError
from app.standing import Standings
from detectors.entities import Resolver
from detectors.model import Coverage
from detectors.quality.overlay import SCALES, Fault, overlaid, scale_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from app.judging import Batch
    from app.measuring import Measurement
    from app.settings.schema import Settings
    from app.sources.base import MetricsSource
    from detectors.catalog import Catalogue, Row, RowSource

AGES = (1, 2, 3, 4, 5, 6, 8, 10, 15)
"""Points since a fault began at which it is looked for; a cycle looks at all of them, and sees it no earlier."""
ENTITIES = 25
"""Of one row at one instant, spread over all that are in band."""
FOUND = 0.5
"""Share of the trials in which a size has to be found to count as visible."""


class Sensitivity(msgspec.Struct, frozen=True):
    """What one row sees of one form of fault."""

    row: str
    fault: Fault
    trials: int
    """Entities and instants over which each size was laid."""
    smallest: float
    """The smallest size that is found in half of them within fifteen points; NaN where none is."""
    told: str
    """That size in words; empty where none is found."""
    delay: float
    """Median seconds from the fault's begin to the first instant at which that size is found."""
    largest: float
    """The largest size that was tried."""
    found: float
    """Share of the trials in which the largest was found."""


@dataclass
class _Tally:
    """Trials of one row and fault."""

    trials: int = 0
    delays: dict[float, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By size, of those that were found."""


@dataclass
class Injection:
    """Faults over one server's past.

    Attributes:
        metrics: the server.
        catalogue: the rows.
        settings: for scope, step and the bound on false discoveries.
        cluster: what entities carry.
        rows: ids of those to try; empty for all.
        progress: told what it does.
    """

    metrics: MetricsSource
    catalogue: Catalogue
    settings: Settings
    cluster: str
    rows: frozenset[str] = frozenset()
    progress: Callable[[str], None] = field(default=lambda _: None)

    def __post_init__(self) -> None:
        self._tallies: dict[tuple[str, Fault], _Tally] = defaultdict(_Tally)

    def run(self, instants: Sequence[float], stop: threading.Event) -> tuple[Sensitivity, ...]:
        """Try every row at every instant; ends after the running one when it is stopped.

        Raises:
            SourceError: the server does not answer to the first.
        """
        with closing(MetricsLook(self.metrics, self.catalogue, self.settings, live=False)) as look:
            for number, at in enumerate(instants):
                if stop.is_set():
                    break
                if (trouble := look.refresh(at, self.progress)) is not None and not number:
                    raise trouble
                if trouble is None:
                    self._at(look, at, f"instant {number + 1} of {len(instants)}", stop)
        return tuple(self._results())

    def _at(self, look: MetricsLook, at: float, where: str, stop: threading.Event) -> None:
        assert look.discovery is not None
        rows = [row for row in live_rows(self.catalogue, self.settings.detection) if row.detector in SCALES]
        planned = look.affordable(
            plan(self.catalogue, rows, None, look.discovery, self.settings.detection.step_seconds)
        )
        look.measurer.begin(look.frame, Resolver(None, self.cluster, self.settings.scope.environment_of))
        look.measurer.ask((each for found in planned.sources.values() for each in found), self.progress)
        around = self._surroundings(at)
        measured = {row_id: list(self._measured(look, row_id, found)) for row_id, found in planned.sources.items()}
        plain = {row_id: self._judged(row_id, groups, around) for row_id, groups in measured.items()}
        tests = sum(np.isfinite(batch.judgement.p_value).sum() for row in plain.values() for batch in row)
        # One fault among all tests of a cycle: the bound accepts its test alone.
        limit = self.settings.detection.false_discovery_rate / max(1, int(tests))
        for row_id, judged in plain.items():
            if stop.is_set() or (self.rows and row_id not in self.rows):
                continue
            self.progress(f"{where}: {row_id}")
            for batch in judged:
                self._lay_over(batch, around, limit)

    def _surroundings(self, at: float) -> Surroundings:
        standings = Standings(None, Annotations(self.settings.detection), self.settings.scope)
        rate = self.settings.detection.false_discovery_rate
        return Surroundings(at, standings, lambda _: None, {}, {}, set(), rate)

    def _measured(self, look: MetricsLook, row_id: str, sources: Sequence[RowSource]) -> Iterator[list[Measurement]]:
        row, found = self.catalogue.row(row_id), []
        for source in sources:
            try:
                found.append(look.measurer.measure(source, row.entity))
            except SourceError:
                # A row that cannot be asked has no trials, and says so.
                continue
        yield from alternatives(row, found)

    def _judged(self, row_id: str, groups: Sequence[Sequence[Measurement]], around: Surroundings) -> list[Batch]:
        """Every entity's plain judgement, by the measurement that speaks for it."""
        found: list[Batch] = []
        for group in groups:
            chosen = choose(group)
            for number, measurement in enumerate(group):
                speaking = frozenset(key for key, speaker in chosen.items() if speaker == number)
                found += batches(self.catalogue.row(row_id), measurement, speaking.__contains__, around)
        return found

    def _lay_over(self, batch: Batch, around: Surroundings, limit: float) -> None:
        """Try all faults over some of a batch's entities that are judged and in band."""
        calm = [
            place
            for index, place in enumerate(batch.places)
            if batch.judgement.coverage[index] is Coverage.LIVE and not batch.judgement.score[index] >= 1
        ]
        some = {calm[place] for place in np.linspace(0, len(calm) - 1, min(ENTITIES, len(calm))).astype(int).tolist()}
        for part in batch.measurement.parts:
            places = [place for place, entity in enumerate(part.entities.tolist()) if entity in some]
            if not places:
                continue
            own = Part(part.entities[places], part.data.rows(np.array(places, dtype=np.intp)))
            for fault in Fault:
                _Trial(batch.measurement, own, batch.row, fault, around, limit).run(self._tallies[batch.row.id, fault])

    def _results(self) -> Iterator[Sensitivity]:
        order = {row.id: place for place, row in enumerate(self.catalogue.rows)}
        for (row_id, fault), tally in sorted(self._tallies.items(), key=lambda pair: (order[pair[0][0]], pair[0][1])):
            row = self.catalogue.row(row_id)
            scale = scale_of(row.detector, row.direction, fault)
            seen = [size for size in scale.sizes if len(tally.delays[size]) >= max(1.0, FOUND * tally.trials)]
            smallest = seen[0] if seen else math.nan
            yield Sensitivity(
                row=row_id,
                fault=fault,
                trials=tally.trials,
                smallest=smallest,
                told=scale.text.format(smallest) if seen else "",
                delay=median(tally.delays[smallest]) if seen else math.nan,
                largest=scale.sizes[-1],
                found=len(tally.delays[scale.sizes[-1]]) / tally.trials if tally.trials else math.nan,
            )


@dataclass(frozen=True, slots=True)
class _Trial:
    """One fault, in all its sizes, over some entities at one instant."""

    measurement: Measurement
    part: Part
    row: Row
    """In the source's unit, with its guards."""
    fault: Fault
    around: Surroundings
    limit: float
    """Of the p-value."""

    def run(self, tally: _Tally) -> None:
        """Look for it at each age; what is found first counts."""
        sizes = scale_of(self.row.detector, self.row.direction, self.fault).sizes
        count = len(self.part.entities)
        copies = Part(
            np.tile(self.part.entities, len(sizes)),
            self.part.data.rows(np.tile(np.arange(count, dtype=np.intp), len(sizes))),
        )
        column = np.repeat(np.array(sizes), count)
        first: dict[tuple[int, float], int] = {}
        for age in AGES:
            for key in self._found(copies, column, age):
                first.setdefault(key, age)
        step = self.measurement.frame.grid.step
        tally.trials += count
        for (_, size), age in first.items():
            # The first point of a fault is as old as nothing.
            tally.delays[size].append(float(age * step))

    def _found(
        self, copies: Part, column: np.ndarray[tuple[int], np.dtype[np.float64]], age: int
    ) -> Iterator[tuple[int, float]]:
        """Entities with the sizes at which the detector sees the fault at that age."""
        data = overlaid(copies.data, self.row.detector, self.row.direction, self.fault, column, age)
        faulty = replace(self.measurement, parts=(Part(copies.entities, data),))
        sizes: Mapping[int, list[float]] = _by_entity(copies, column)
        met: Counter[int] = Counter()
        for batch in batches(self.row, faulty, lambda _: True, self.around):
            judgement = batch.judgement
            passed = (judgement.score >= 1) & ~(judgement.p_value > self.limit)
            for index, place in enumerate(batch.places):
                size = sizes[place][met[place]]
                met[place] += 1
                gone = self.fault is Fault.LOSS and judgement.coverage[index] is not Coverage.LIVE
                if passed[index] or gone:
                    yield place, size


def _by_entity(copies: Part, column: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[int, list[float]]:
    """The sizes of each entity's copies, in the order in which they are judged."""
    found: dict[int, list[float]] = defaultdict(list)
    for entity, size in zip(copies.entities.tolist(), column.tolist(), strict=True):
        found[entity].append(size)
    return found
