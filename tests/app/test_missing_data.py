"""Missing data as a finding: a target that stopped, a job that vanished; and what only looks so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from detectors.model import Coverage
from storage.database import Store
from tests.app.missing import AT, JOBS, TARGETS, openmetrics
from tests.app.rig import Rig, observations, settings
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.engine import Outcome

pytestmark = needs_servers

ROWS = (TARGETS, JOBS)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder: Path = tmp_path_factory.mktemp("missing")
    with (
        Prometheus(openmetrics(), flags=("--query.lookback-delta=60s",)) as server,
        Store.open(folder / "tocsin.db") as store,
        Rig(settings(folder, prometheus=server.url), store, AT) as rig,
    ):
        yield rig.cycle()


def _found(outcome: Outcome, row: str) -> set[str]:
    return {o.entity.name for o in observations(outcome) if o.signal == row}


def test_a_target_that_stopped_answering_is_found_and_nothing_else(outcome: Outcome) -> None:
    assert _found(outcome, TARGETS) == {"stopped"}


def test_a_job_that_vanished_is_found_and_nothing_else(outcome: Outcome) -> None:
    assert _found(outcome, JOBS) == {"vanished"}


@pytest.mark.parametrize("row", ROWS)
def test_targets_that_answer_are_judged_and_well(outcome: Outcome, row: str) -> None:
    coverage = {key.rpartition("/")[2]: status for key, status in outcome.results[row].coverage.items()}
    assert coverage["steady"] is Coverage.LIVE
