"""Every row that kubelets and metrics-server feed, with no Prometheus at all, by the answers of a played API.

Somebody watches a cluster from before the story's beginning, and asks its kubelets once a minute.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from app.clock import ManualClock
from app.engine import Engine
from app.sources.kubernetes import KubernetesClient, KubernetesSource
from app.sources.kubernetes.resources import KUBELETS
from app.sources.kubernetes.watch import Pace
from detectors.catalog import Availability, load
from detectors.model import Coverage, EntityType
from storage.database import Store
from tests.acceptance.judging import assert_complete
from tests.app.rig import observations, settings, wait_for
from tests.lab.kubelets import MOMENTS, Nodes, apart
from tests.lab.kubernetes_api import CONTEXT, KubernetesApi
from tests.lab.manifests import stamp
from tests.lab.synthesis import acceptance_cases

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from app.engine import Outcome
    from tests.lab.synthesis import Case

CATALOGUE = load()
CASES = [case for case in acceptance_cases(CATALOGUE) if case.sampled]
GROUPS = apart(CASES)


@contextmanager
def watching(folder: Path, nodes: Nodes, api: KubernetesApi) -> Iterator[tuple[Engine, KubernetesSource, ManualClock]]:
    """An engine on an API server, whose kubelets it asks when it is told to."""
    clock = ManualClock(nodes.at)
    kubeconfig = api.kubeconfig(folder / "kubeconfig")
    # What cannot be watched is listed again and again: it is there when a cycle wants it.
    pace = Pace(poll=0.02 if nodes.measured else 3600.0, kubelets=3600.0)
    objects = KubernetesSource(KubernetesClient(str(kubeconfig)), clock=clock, pace=pace)
    loaded = settings(folder, kubeconfig=kubeconfig).settings
    with Store.open(folder / "tocsin.db") as store:
        engine = Engine(CONTEXT, clock, store, CATALOGUE, loaded, objects, None, live=False)
        objects.start()
        try:
            assert objects.wait_ready(10)
            objects.follow_kubelets(KUBELETS, 10)
            yield engine, objects, clock
        finally:
            engine.close()
            objects.close()


def watched(folder: Path, cases: Sequence[Case]) -> Outcome:
    """The last cycle of somebody who has looked on."""
    nodes = Nodes(cases)
    with KubernetesApi() as api:
        nodes.install(api)
        nodes.measure(api)
        with watching(folder, nodes, api) as (engine, objects, clock):
            for moment in MOMENTS:
                nodes.at = moment
                clock.set(moment)
                nodes.measure(api)
                assert objects.kubelets is not None
                objects.kubelets.turn()
                wait_for(lambda: _as_of(objects, nodes), "metrics-server's numbers have not come")
                outcome = engine.cycle()
    return outcome


def _as_of(objects: KubernetesSource, nodes: Nodes) -> bool:
    told = {each.timestamp for each in objects.cache._tables["node_metrics"].values()}
    return told == ({stamp(nodes.at)} if nodes.measured else set())


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What is said of each case, by its id."""
    told = {}
    for group in GROUPS:
        outcome = watched(tmp_path_factory.mktemp("kubelets"), group)
        told |= {case.id: outcome for case in group}
    return told


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_kubelets(case: Case, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[case.id]
    result = outcome.results[case.row.id]
    name = CONTEXT if case.row.entity is EntityType.CLUSTER else case.subject.name
    found = [each for each in observations(outcome) if (each.signal, each.entity.name) == (case.row.id, name)]
    if case.kind == "fault":
        assert len(found) == 1, (result.status, result.detail)
        assert found[0].entity.type is case.row.entity
        assert found[0].entity.cluster == CONTEXT
        assert found[0].source.convention == case.source.convention
        assert found[0].source.query.startswith(f"kubectl --context {CONTEXT} get --raw /api")
        assert case.source.detect_metric in found[0].source.query
    else:
        assert not found, found[0].facts
        assert result.status not in (Coverage.NO_SOURCE, Coverage.FORBIDDEN, Coverage.QUERY_ERROR), result.detail
        seen = [status for key, status in result.coverage.items() if key.endswith(f"/{name}")]
        assert case.kind != "quiet" or seen == [Coverage.LIVE]
    if case.row.fallback.availability is Availability.PARTIAL:
        assert result.detail == case.row.fallback.how


def test_every_row_that_is_fed_so_has_all_three_kinds_of_cases() -> None:
    sources = ((row, source) for row in CATALOGUE.rows for source in CATALOGUE.sources(row.id))
    assert_complete(CASES, ((row, source) for row, source in sources if source.sampled is not None))
