"""Every row that Kubernetes objects can answer, with no metrics at all: by the objects of a played API server.

What shows only to whoever has watched the pods for a while is judged in `test_shop`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import pytest

from app.clock import ManualClock
from app.sources.kubernetes.client import KubernetesClient
from app.sources.kubernetes.source import READYZ, KubernetesSource
from app.sources.kubernetes.watch import Pace
from detectors.catalog import load
from detectors.model import Coverage
from detectors.states import STATE_DETECTORS
from tests.acceptance.judging import Judged, judged, watched
from tests.app.rig import observations
from tests.lab.cases import AT, EVENT_STORIES, build_event_cases
from tests.lab.kubernetes_api import CONTEXT, KubernetesApi
from tests.lab.plights import API_SERVER, PLIGHTS
from tests.lab.proofs import from_objects

if TYPE_CHECKING:
    from pathlib import Path

    from detectors.states import StateResult
    from tests.lab.plights import Health, Plight

CATALOGUE = load()
ROWS = {row.id: row for row in CATALOGUE.rows}
STORM = "events-warning-cluster"
API_ROW = "apiserver-not-ready"


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    with KubernetesApi() as api:
        for case in PLIGHTS:
            for manifest in case.manifests():
                api.put(manifest)
        return judged(tmp_path_factory.mktemp("objects"), "", api)


@pytest.mark.parametrize("case", PLIGHTS, ids=lambda case: case.id)
def test_objects(case: Plight, objects: Judged) -> None:
    result = objects.results[case.row]
    assert result.status is Coverage.LIVE, result.detail
    assert result.live
    found = objects.found.get((case.row, case.subject), [])
    assert len(found) == (case.kind == "fault")
    for each in found:
        assert each.source.convention == "kubernetes-api"
        assert each.entity.cluster == CONTEXT
        assert each.facts


@pytest.mark.parametrize(
    ("story", "kind"), EVENT_STORIES.items(), ids=[f"{STORM}/kubernetes-api/{s}" for s in EVENT_STORIES]
)
def test_events_of_the_cluster(story: str, kind: str, tmp_path: Path) -> None:
    outcome = watched(build_event_cases(tmp_path, story), tmp_path)
    found = [each.entity.name for each in observations(outcome) if each.signal == STORM]
    assert found == ([CONTEXT] if kind == "fault" else [])
    assert outcome.results[STORM].status is Coverage.LIVE


@pytest.mark.parametrize("health", API_SERVER.values(), ids=[f"{API_ROW}/kubernetes-api/{name}" for name in API_SERVER])
def test_api_server(health: Health, tmp_path: Path) -> None:
    result = _asked(health, tmp_path)
    assert [each.entity.name for each in result.observations] == ([CONTEXT] if health.kind == "fault" else [])
    # Who is refused knows nothing of the server's health.
    assert result.coverage is (Coverage.FORBIDDEN if health.status == 403 else Coverage.LIVE)


def _asked(health: Health, folder: Path) -> StateResult:
    """What a source makes of so many answers, judged as often as it was asked."""
    pace = Pace(health=0.02 if health.answers > 1 else 3600.0)
    with KubernetesApi() as api:
        api.readyz = health.status, health.body
        if health.status == 403:
            api.forbid(READYZ)
        client = KubernetesClient(str(api.kubeconfig(folder / "kubeconfig")))
        source = KubernetesSource(client, pace=pace, clock=ManualClock(AT))
        source.start()
        try:
            deadline = time.monotonic() + 10
            while True:
                state = source.state(AT)
                told = state.readyz.times if state.readyz is not None and state.readyz.ok is not None else 0
                if told >= health.answers or (health.status == 403 and READYZ in state.access):
                    return STATE_DETECTORS[API_ROW](replace(state), ROWS[API_ROW], AT)
                assert time.monotonic() < deadline, state.readyz
                Event().wait(0.005)
        finally:
            source.close()


def test_every_row_that_objects_answer_has_all_three_kinds_of_cases() -> None:
    kinds = defaultdict(set)
    for case in from_objects():
        kinds[case.row].add(case.kind)
    wanted = {row.id for row in CATALOGUE.rows if not row.planned and row.fallback.state_detector in STATE_DETECTORS}
    assert wanted
    assert {row: found for row, found in kinds.items() if row in wanted} == {
        row: {"fault", "lookalike", "quiet"} for row in wanted
    }


def test_cases_do_not_meet() -> None:
    assert len({case.id for case in PLIGHTS}) == len({case.subject for case in PLIGHTS}) == len(PLIGHTS)
