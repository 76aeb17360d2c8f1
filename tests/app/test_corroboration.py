"""One convention judges a workload, the others are evidence: they agree, disagree, or do not see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.corroboration import Witness, note
from storage.database import Store
from storage.records import Stance
from tests.app.rig import Rig, found, settings
from tests.lab.cases import AT, NO_STALENESS
from tests.lab.faults import Fault
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus
from tests.lab.shop import Route, Shop, Workload
from tests.lab.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.sources.base import MetricsSource
    from storage.records import EvidenceRecord

ROW = "http-server-5xx-spike"
JUDGE, OTHER = "otel-http", "istio"
BEGIN = AT - 240
START = AT - 45 * 60


def _workload(name: str, *conventions: str) -> Workload:
    return Workload("shop", name, 2, rate=20.0, conventions=conventions, routes=(Route("/api/items"),), startup=8.0)


BOTH = ("agreed", "denied", "unseen", "calm")
SHOP = Shop((*(_workload(name, JUDGE, OTHER) for name in BOTH), _workload("alone", JUDGE)), daily=0.0)
FAILING = ("agreed", "denied", "unseen", "alone")


def _kept(line: str) -> bool:
    """What the other convention tells: nothing of one workload, and no failure of another."""
    mine = line.startswith("istio_")
    return not mine or not ('"unseen' in line or ('"denied' in line and 'response_code="500"' in line))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    path = tmp_path_factory.mktemp("samples") / "all.om"
    faults = [Fault(name, "errors", f"shop/{name}", BEGIN, size=0.2) for name in FAILING]
    Simulation(START, AT + 300, faults, SHOP).backfill(path, [(START, AT + 240, 30)])
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if _kept(line)))
    with Prometheus(path, flags=NO_STALENESS) as started:
        yield started


def _compared(store: Store, rig: Rig) -> dict[str, list[EvidenceRecord]]:
    """What was compared, by name of the workload."""
    cases = store.investigations.open(rig.run.cluster)
    return {case.entity.name: [line for line in store.evidence.of(case.id) if line.step == "compare"] for case in cases}


@needs_servers[1]
def test_the_others_say_what_they_see_of_the_same_workload_at_the_same_time(server: Prometheus, tmp_path: Path) -> None:
    loaded = settings(tmp_path, prometheus=server.url, detection__disabled_signals="server-error-spike")
    with Store.open(tmp_path / "tocsin.db") as store, Rig(loaded, store, AT) as rig:
        outcome = rig.cycle()
        assert found(outcome) == {(ROW, name) for name in FAILING}
        assert {o.source.convention for o in outcome.results[ROW].observations} == {JUDGE}
        told = _compared(store, rig)
        (agreed,), (denied,), (unseen,), (alone,) = (told[name] for name in FAILING)
        assert alone.stance is Stance.SILENT
        assert (agreed.stance, denied.stance, unseen.stance) == (Stance.SUPPORTS, Stance.CONTRADICTS, Stance.SILENT)
        assert {line.convention for line in (agreed, denied, unseen)} == {OTHER}
        assert agreed.text.startswith("istio agrees: 5XX error rate spike: 1") and "%, expected 0-1 %" in agreed.text
        assert denied.text.startswith("istio does not agree: 5XX error rate spike: 0 %")
        assert unseen.text == "istio does not see it"
        asked: MetricsSource = rig.run.sources.metrics  # type: ignore[assignment]
        assert asked.instant(agreed.source, AT).values.tolist() == [[pytest.approx(0.2, abs=0.05)]]
        assert not (asked.instant(denied.source, AT).values > 0).any()
        before = sum(map(len, told.values()))
        rig.cycle()
        assert sum(map(len, _compared(store, rig).values())) == before


@needs_servers[1]
def test_nothing_more_is_asked_of_the_server_for_it(server: Prometheus, tmp_path: Path) -> None:
    asked: dict[str, list[str]] = {}
    for name, at in (("calm", BEGIN - 60), ("failing", AT)):
        folder = tmp_path / name
        folder.mkdir()
        with Store.open(folder / "tocsin.db") as store, Rig(settings(folder, prometheus=server.url), store, at) as rig:
            look = rig.engine.look
            assert look is not None
            outcome = rig.cycle()
            asked[name] = sorted(question.promql for question in look.measurer._answers._asked)
            assert bool(outcome.results[ROW].witnesses) is (name == "failing")
    assert asked["calm"] == asked["failing"]


def test_of_several_instruments_of_a_convention_the_strongest_speaks() -> None:
    known: dict[str, Witness] = {}
    for stance, score in (
        (Stance.UNKNOWN, 0.0), (Stance.SILENT, 0.0), (Stance.CONTRADICTS, 0.2), (Stance.SUPPORTS, 2.0),
        (Stance.SUPPORTS, 3.0), (Stance.CONTRADICTS, 0.9),
    ):  # fmt: skip
        note(known, Witness("istio", stance, "", "", score))
    note(known, Witness("linkerd", Stance.SILENT, "", ""))
    assert (known["istio"].stance, known["istio"].score) == (Stance.SUPPORTS, 3.0)
    assert known["linkerd"].stance is Stance.SILENT
