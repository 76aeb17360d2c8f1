"""Verdicts on rows: what silence means, who speaks for a workload that several conventions measure, what is kept."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.evaluation import RowResult, _bounded
from app.judging import Verdict, combined
from app.preference import PARTIAL_SHARE, choose
from detectors.catalog import load
from detectors.model import Coverage
from storage.database import Store
from storage.records import AnomalyState
from tests.app.builders import observation, workload
from tests.app.rig import Rig, found, settings
from tests.lab.cases import NO_STALENESS
from tests.lab.faults import Fault
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus
from tests.lab.shop import Shop, Workload
from tests.lab.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.measuring import Measurement

START = 1_763_470_800
BEGIN, FINISH = START + 60, START + 480
"""Of the crash loop."""
GONE, BACK = START + 360, START + 1200
"""When kube-state-metrics is not there."""
END = START + 1800
ROW = "pod-crashloopbackoff"
CRASHING = (ROW, "cart")
SHOP = Shop((Workload("prod", "cart"), Workload("prod", "checkout"), Workload("platform", "kube-state-metrics", 1)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Metrics of a crash loop whose exporter is away while it ends."""
    path = tmp_path_factory.mktemp("samples") / "all.om"
    crash = Fault("crash", "crash-loop", "prod/cart", BEGIN, FINISH - BEGIN)
    Simulation(START - 3000, END + 60, (crash,), SHOP).backfill(path, [(START - 3000, END, 30)])
    kept = [line for line in path.read_text().splitlines(keepends=True) if not _lost(line)]
    path.write_text("".join(kept))
    with Prometheus(path, flags=NO_STALENESS) as started:
        yield started


def _lost(line: str) -> bool:
    return line.startswith("kube_") and GONE <= float(line.rpartition(" ")[2]) < BACK


@needs_servers[1]
def test_an_exporter_that_is_away_proves_nothing(server: Prometheus, tmp_path: Path) -> None:
    states: dict[int, AnomalyState | None] = {}
    statuses: dict[int, Coverage] = {}
    loaded = settings(tmp_path, prometheus=server.url)
    with Store.open(tmp_path / "tocsin.db") as store, Rig(loaded, store, START) as rig:
        for at in range(START, END, 60):
            outcome = rig.cycle(at)
            known = {(a.signal, a.entity.name): a.state for a in store.anomalies.unresolved(rig.run.cluster)}
            states[at] = known.get(CRASHING)
            statuses[at] = outcome.results[ROW].status
            if BEGIN + 240 <= at < GONE:
                assert CRASHING in found(outcome)
    away = range(GONE + 360, BACK, 60)
    assert {states[at] for at in away} == {AnomalyState.HELD}
    assert {statuses[at] for at in away} == {Coverage.NO_DATA}
    assert states[END - 60] is None
    assert statuses[END - 60] is Coverage.LIVE


@needs_servers[1]
def test_an_exporter_that_tells_only_what_is_wrong_is_live_while_nothing_is(server: Prometheus, tmp_path: Path) -> None:
    loaded = settings(tmp_path, prometheus=server.url)
    with Store.open(tmp_path / "tocsin.db") as store, Rig(loaded, store, START) as rig:
        result = rig.cycle().results[ROW]
    assert not result.observations
    assert result.status is Coverage.LIVE
    assert result.coverage_of(workload("cart", "prod").key) is Coverage.LIVE


def _measured(**volumes: float) -> Measurement:
    """Just what a choice looks at: names and volumes."""
    entities = tuple(workload(name) for name in volumes)
    keys = tuple(entity.key for entity in entities)
    return SimpleNamespace(entities=entities, keys=keys, volume=np.array(list(volumes.values())))  # type: ignore[return-value]


def test_the_preferred_convention_speaks_unless_it_sees_clearly_less() -> None:
    nan = math.nan
    preferred = _measured(whole=100.0, nearly=100.0 * PARTIAL_SHARE + 1, partial=10.0, uncounted=nan)
    other = _measured(whole=100.0, nearly=100.0, partial=100.0, uncounted=5.0, only=3.0)
    chosen = choose([preferred, other])
    speakers = {name: chosen[workload(name).key] for name in ("whole", "nearly", "partial", "uncounted", "only")}
    assert speakers == {"whole": 0, "nearly": 0, "partial": 1, "uncounted": 0, "only": 1}


def test_of_several_parts_the_worst_finding_speaks_else_what_is_seen_best() -> None:
    key = workload("cart").key
    cart = workload("cart")
    mild, grave = (
        Verdict(key, Coverage.LIVE, math.nan, observation(entity=cart, score=score), None) for score in (2, 5)
    )
    quiet, learning = (Verdict(key, seen, math.nan, None, None) for seen in (Coverage.LIVE, Coverage.LEARNING))
    assert combined([learning, mild, grave, quiet]) == [grave]
    assert combined([learning, quiet]) == [quiet]
    assert combined([learning]) == [learning]
    other = Verdict(workload("pay").key, Coverage.NO_DATA, math.nan, None, None)
    assert combined([grave, other]) == [grave, other]


def test_what_the_bound_on_false_discoveries_refuses_is_no_observation() -> None:
    row = load(None).row("http-server-5xx-spike")
    verdicts = [
        Verdict(workload(name).key, Coverage.LIVE, p, observation(entity=workload(name)), None)
        for name, p in {"sure": 1e-9, "unsure": 1e-3, "untested": math.nan, "lasting": 1e-3}.items()
    ]
    verdicts.append(Verdict(workload("calm").key, Coverage.LIVE, 0.5, None, None))
    lasting = {(row.id, workload("lasting").key)}
    kept = _bounded(RowResult(row, Coverage.LIVE), verdicts, 1e-6, lasting).observations
    assert [o.entity.name for o in kept] == ["sure", "untested", "lasting"]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"status": Coverage.FORBIDDEN}, Coverage.FORBIDDEN),
        ({"status": Coverage.LIVE}, Coverage.LIVE),
        ({"status": Coverage.LIVE, "coverage": {workload("other").key: Coverage.LIVE}}, Coverage.NO_DATA),
        ({"status": Coverage.LIVE, "coverage": {workload().key: Coverage.NO_TRAFFIC}}, Coverage.NO_TRAFFIC),
    ],
)
def test_what_a_row_could_see_of_an_entity(result: dict, expected: Coverage) -> None:
    row = load(None).row("http-server-5xx-spike")
    assert RowResult(row, **result).coverage_of(workload().key) is expected
