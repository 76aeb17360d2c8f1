"""From judgements to lines: out of band, healthy, learning, idle and unseen are told apart, the worst first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from app.baselines.lines import Said, baselines, charts, said
from app.baselines.shown import CELLS, HEADLINES, OUTSIDE, SIGNALS
from app.judging import Batch
from app.workload_coverage import SignalView, WorkloadCoverage
from detectors.catalog import load
from detectors.model import Coverage
from detectors.series import Band, Judgement
from tests.app.builders import observation, workload
from widgets.levels import MIDDLE, MISSING, UNJUDGED

if TYPE_CHECKING:
    from app.baselines.shown import Line, Reading
    from detectors.model import Entity, Observation

CLUSTER = "lab"
POINTS = 48
DROP, SURGE = HEADLINES[0].rows
ERRORS, ALL_ERRORS = HEADLINES[1].rows
LATENCY = HEADLINES[2].rows[0]
PLACES = {row: place for place, headline in enumerate(HEADLINES) for row in headline.rows}


class Judged:
    """What a cycle said, put together by hand."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.findings: dict[tuple[str, str], Observation] = {}
        self.answers: dict[str, dict[str, Coverage]] = {}

    def of(
        self, signal: str, entity: Entity, values: float, score: float, status: Coverage = Coverage.LIVE,
        low: float = 0.0, high: float = 2.0, last: float | None = None, found: bool = False,
    ) -> None:  # fmt: skip
        """One entity's judgement in a batch of its own."""
        row = np.full((1, POINTS), values)
        row[0, -6:] = values if last is None else last
        one = lambda value: np.array([value], dtype=np.float64)  # noqa: E731
        judgement = Judgement(
            times=np.arange(POINTS) * 60, values=row, low=np.full((1, POINTS), low), high=np.full((1, POINTS), high),
            score=one(score), observed=row[:, -1], expected_low=one(low), expected_high=one(high),
            confidence=one(1.0), onset=one(np.nan), p_value=one(np.nan), coverage=(status,),
            views=np.zeros(1, dtype=np.int8), severity=np.zeros(1, dtype=np.intp),
        )  # fmt: skip
        source = SimpleNamespace(convention="lab", evidence=lambda *_: f"query of {signal}")
        frame = SimpleNamespace(window_seconds=120.0, by="")
        measurement: Any = SimpleNamespace(entities=(entity,), keys=(entity.key,), labels=((),), source=source,
                                           frame=frame)  # fmt: skip
        self.batches.append(
            Batch(load().row(signal), measurement, [0], [entity.key], {}, judgement, np.zeros(1, dtype=bool))
        )
        self.answers.setdefault(signal, {})[entity.key] = Coverage.LIVE if found else status
        if found:
            self.findings[signal, entity.key] = observation(signal, entity, score=3.0)

    @property
    def said(self) -> Said:
        return Said(self.batches, self.findings)

    def coverage(self, *listed: str, **rows: Coverage) -> WorkloadCoverage:
        """What was seen; of some rows one answer for all."""
        whole = {name.replace("_", "-"): status for name, status in rows.items()}
        views = [
            SignalView(signal, whole.get(signal, Coverage.LIVE), self.answers.get(signal, {}), Coverage.NO_DATA)
            for signal in SIGNALS
            if signal in self.answers or signal in whole
        ]
        return WorkloadCoverage(tuple(("Deployment", "shop", name) for name in listed), tuple(views))

    def lines(self, *listed: str, **rows: Coverage) -> list[Line]:
        return list(baselines(self.said, self.coverage(*listed, **rows), CLUSTER).lines)


def shown(line: Line, signal: str) -> Reading:
    return line.readings[PLACES[signal]]


def test_one_out_of_band_comes_before_one_that_is_well_and_shows_where_it_left() -> None:
    judged = Judged()
    judged.of(ERRORS, workload("cart"), 1.0, 0.2)
    judged.of(ERRORS, workload("search"), 1.0, 4.0, last=9.0, found=True)
    worst, well = judged.lines("cart", "search")
    assert (worst.name, well.name) == ("search", "cart")
    reading = shown(worst, ERRORS)
    assert (reading.out, reading.score, reading.value, reading.status) == (True, 4.0, 9.0, Coverage.LIVE)
    assert len(reading.levels) == CELLS
    assert [level >= OUTSIDE for level in reading.levels] == [False] * (CELLS - 3) + [True] * 3
    calm = shown(well, ERRORS)
    assert (calm.out, set(calm.levels), calm.unit) == (False, {MIDDLE}, "share of requests")


def test_a_score_that_no_finding_bears_out_is_not_out_of_band_and_comes_after_what_is() -> None:
    judged = Judged()
    judged.of(ERRORS, workload("cart"), 1.0, 6.0)
    judged.of(ERRORS, workload("search"), 1.0, 1.2, found=True)
    judged.of(ERRORS, workload("admin"), 1.0, 0.1)
    lines = judged.lines()
    assert [line.name for line in lines] == ["search", "cart", "admin"]
    assert [shown(line, ERRORS).out for line in lines] == [True, False, False]


def test_workloads_that_are_well_keep_the_order_of_their_names() -> None:
    judged = Judged()
    for name, score in (("a", 0.1), ("b", 0.6), ("c", 0.4)):
        judged.of(ERRORS, workload(name), 1.0, score)
    assert [line.name for line in judged.lines()] == ["a", "b", "c"]


def test_learning_idle_and_unseen_are_neither_well_nor_alike() -> None:
    judged = Judged()
    nan = float("nan")
    judged.of(ERRORS, workload("young"), 1.0, nan, Coverage.LEARNING, nan, nan)
    judged.of(ERRORS, workload("idle"), nan, nan, Coverage.NO_TRAFFIC, nan, nan)
    judged.of(ERRORS, workload("well"), 1.0, 0.0)
    lines = {line.name: line for line in judged.lines("young", "idle", "well", "blind")}
    assert {name: shown(line, ERRORS).status for name, line in lines.items()} == {
        "young": Coverage.LEARNING,
        "idle": Coverage.NO_TRAFFIC,
        "well": Coverage.LIVE,
        "blind": Coverage.NO_SOURCE,
    }
    assert set(shown(lines["young"], ERRORS).levels) == {UNJUDGED}
    assert set(shown(lines["idle"], ERRORS).levels) == {MISSING}
    assert shown(lines["blind"], ERRORS).levels == b""
    assert [name for name, line in lines.items() if line.worst is not None] == ["well"]


@pytest.mark.parametrize("status", [Coverage.FORBIDDEN, Coverage.QUERY_ERROR, Coverage.NO_DATA])
def test_a_row_that_cannot_be_seen_says_so_for_every_workload(status: Coverage) -> None:
    rows: Any = {LATENCY.replace("-", "_"): status}
    [line] = Judged().lines("cart", **rows)
    assert shown(line, LATENCY).status is status
    assert shown(line, ERRORS).status is Coverage.NO_SOURCE


def test_of_a_headlines_rows_the_one_out_of_band_speaks_else_the_first_that_sees_it() -> None:
    judged = Judged()
    judged.of(DROP, workload("cart"), 1.0, 0.5)
    judged.of(SURGE, workload("cart"), 1.0, 3.0, last=9.0, found=True)
    judged.of(ERRORS, workload("cart"), 1.0, float("nan"), Coverage.LEARNING)
    judged.of(ALL_ERRORS, workload("cart"), 1.0, 0.2)
    judged.of(DROP, workload("search"), 1.0, 0.5)
    judged.of(SURGE, workload("search"), 1.0, 0.9)
    cart, search = judged.lines()
    assert [reading.signal for reading in cart.readings[:2]] == [SURGE, ALL_ERRORS]
    assert search.readings[0].signal == DROP


def test_what_lasts_is_out_of_band_while_the_detector_has_no_band_any_more() -> None:
    judged = Judged()
    judged.of(ERRORS, workload("cart"), 1.0, float("nan"), Coverage.LEARNING, found=True)
    [line] = judged.lines()
    reading = shown(line, ERRORS)
    assert (reading.status, reading.out, reading.score) == (Coverage.LIVE, True, 3.0)


def test_the_environment_is_the_entitys() -> None:
    judged = Judged()
    judged.of(ERRORS, workload("cart"), 1.0, 0.0)
    assert [line.environment for line in judged.lines()] == ["prod"]


def test_charts_are_of_one_workload_with_band_and_query() -> None:
    judged = Judged()
    judged.of(ERRORS, workload("cart"), 1.0, 4.0, last=9.0, found=True)
    judged.of(LATENCY, workload("search"), 1.0, 0.0)
    cart, search = judged.lines()
    [chart] = charts(judged.said, judged.coverage(), CLUSTER, cart.number)
    assert (chart.headline, chart.query, chart.low, chart.high) == ("errors", f"query of {ERRORS}", 0.0, 2.0)
    assert chart.reading == shown(cart, ERRORS)
    band = Band.from_bytes(chart.band)
    assert (len(band.values), band.values[0], band.values[-1], band.high[0]) == (POINTS, 1.0, 9.0, 2.0)
    [other] = charts(judged.said, judged.coverage(), CLUSTER, search.number)
    assert other.headline == "latency"
    assert charts(judged.said, judged.coverage(), CLUSTER, -1) == ()


def test_before_a_cycle_there_is_nothing() -> None:
    assert baselines(Said(), WorkloadCoverage(), CLUSTER).lines == ()


def test_a_cycles_answers_are_not_copied() -> None:
    judged = Judged()
    judged.of(ERRORS, workload("cart"), 1.0, 0.0)
    outcome: Any = SimpleNamespace(results={}, kept={ERRORS: judged.batches, LATENCY: []}, state=None)
    [batch] = said(outcome).batches
    assert batch is judged.batches[0]


def test_headline_rows_are_rows_of_the_catalogue_about_workloads() -> None:
    known = {row.id: row for row in load().rows}
    assert len(set(SIGNALS)) == len(SIGNALS)
    assert {known[signal].entity for signal in SIGNALS} == {"workload"}
