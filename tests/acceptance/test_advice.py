"""The advisor's rows by every convention that tells what containers use: one look over nearly a day of samples."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from detectors.catalog import load
from detectors.catalog.schema import Kind
from detectors.model import Sizing
from storage.database import Store
from tests.app.rig import Rig, settings
from tests.lab.cases import AT, NO_STALENESS
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus, VictoriaMetrics
from tests.lab.synthesis import DAY, acceptance_cases, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from storage.records import AdviceRecord
    from tests.lab.servers import Server
    from tests.lab.synthesis import Case

pytestmark = needs_servers

CATALOGUE = load()
CASES = [case for case in acceptance_cases(CATALOGUE) if case.advice and not case.pending]
PREFERRED = {row.id: next(iter(CATALOGUE.sources(row.id)), None) for row in CATALOGUE.rows}
SAMPLE = [case for case in CASES if case.source == PREFERRED[case.row.id]]
HISTORY = DAY - 30
"""Seconds; the day before is told once more."""


def said(folder: Path, server: Server) -> Mapping[tuple[str, str], AdviceRecord]:
    """What one look says, by row and workload."""
    loaded = settings(folder, prometheus=server.url)
    with Store.open(folder / "tocsin.db") as store, Rig(loaded, store, AT) as rig:
        outcome = rig.cycle()
        rig.engine.advisor.run(outcome.state, rig.engine.look, float(AT))
        return {(record.signal, record.entity.name): record for record in store.advice.of(rig.engine.cluster)}


def samples(folder: Path, cases: Iterable[Case]) -> Path:
    write(cases, folder / "samples.om", history=HISTORY)
    return folder / "samples.om"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, str], AdviceRecord]:
    folder = tmp_path_factory.mktemp("prometheus")
    with Prometheus(samples(folder, CASES), flags=NO_STALENESS) as server:
        return said(folder, server)


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, str], AdviceRecord]:
    folder = tmp_path_factory.mktemp("victoria")
    with VictoriaMetrics(samples(folder, SAMPLE)) as server:
        return said(folder, server)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_prometheus(case: Case, prometheus: Mapping[tuple[str, str], AdviceRecord]) -> None:
    verify(case, prometheus)


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: case.id)
def test_victoria_metrics(case: Case, victoria: Mapping[tuple[str, str], AdviceRecord]) -> None:
    verify(case, victoria)


def verify(case: Case, told: Mapping[tuple[str, str], AdviceRecord]) -> None:
    """A misfit gets a suggestion on the right side of what there is; nobody else gets any."""
    record = told.get((case.row.id, case.subject.name))
    if case.kind != "fault":
        assert record is None
        return
    assert record is not None
    lower = "max_ratio" in case.row.params
    assert record.outcome is (Sizing.LOWER if lower else Sizing.RAISE)
    assert (record.suggestion < record.current) is lower
    assert record.source.convention


def test_every_convention_that_tells_of_use_has_all_three_kinds_of_cases() -> None:
    kinds = defaultdict(set)
    for case in CASES:
        kinds[case.row.id, case.source.convention].add(case.kind)
    assert len({row for row, _ in kinds}) == 6
    assert set(map(frozenset, kinds.values())) == {frozenset({"fault", "lookalike", "quiet"})}
    assert not any(case.instrument.kind is Kind.EXPRESSION for case in CASES)
