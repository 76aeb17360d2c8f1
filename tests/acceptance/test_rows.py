"""Every row by every convention that feeds it: the fault is found on its entity, the look-alike and the quiet one not.

One Prometheus holds the samples of all cases, a VictoriaMetrics a sample of them; one cycle of the engine judges each.
A row that is still `planned` has its cases too; they are pending until it is not.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from detectors.catalog import DetectorKind, load
from detectors.catalog.model import OWN
from detectors.model import Coverage, EntityType
from detectors.states import STATE_DETECTORS
from tests.acceptance.judging import Judged, assert_complete, judged, tellers
from tests.lab.cases import NO_STALENESS
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.labelling import names_service
from tests.lab.plights import behind
from tests.lab.proofs import from_metrics, from_objects
from tests.lab.servers import Prometheus, VictoriaMetrics
from tests.lab.synthesis import CLUSTER, acceptance_cases, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.synthesis import Case

pytestmark = needs_servers

CATALOGUE = load()
CASES = [case for case in acceptance_cases(CATALOGUE) if not (case.pending or case.advice or case.sampled)]
PREFERRED = {row.id: next(iter(CATALOGUE.sources(row.id)), None) for row in CATALOGUE.rows}
SAMPLE = [case for case in CASES if case.source == PREFERRED[case.row.id]]
"""Of each row the convention that is believed first."""
RESOLVED = [
    case
    for case in CASES
    if case.kind == "fault"
    and case.row.entity not in (EntityType.CLUSTER, EntityType.CLAIM)
    and case.row.fallback.state_detector not in STATE_DETECTORS
    and case.source.convention != OWN.id
]
"""What is judged by metrics although objects can be read, and is about one of them."""


def by_its_service(case: Case) -> bool:
    """Whether telemetry knows the workload only by its Service's name, which is another."""
    return not case.instrument.owners and names_service(case.convention.identity[case.instrument.identity])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    path = tmp_path_factory.mktemp("server") / "samples.om"
    write(CASES, path)
    with Prometheus(path, flags=NO_STALENESS) as started:
        yield started


@pytest.fixture(scope="module")
def prometheus(server: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    return judged(tmp_path_factory.mktemp("prometheus"), server.url)


@pytest.fixture(scope="module")
def resolved(server: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    with KubernetesApi() as api:
        for subject, by_service in {case.subject: by_its_service(case) for case in RESOLVED}.items():
            for manifest in behind(subject, by_service=by_service):
                api.put(manifest)
        return judged(tmp_path_factory.mktemp("resolved"), server.url, api)


@pytest.fixture(scope="module")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    folder = tmp_path_factory.mktemp("victoria")
    write(SAMPLE, folder / "samples.om")
    with VictoriaMetrics(folder / "samples.om") as server:
        return judged(folder, server.url)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_prometheus(case: Case, prometheus: Judged) -> None:
    verify(case, prometheus)


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: case.id)
def test_victoria_metrics(case: Case, victoria: Judged) -> None:
    verify(case, victoria)


@pytest.mark.parametrize("case", RESOLVED, ids=lambda case: case.id)
def test_prometheus_with_objects(case: Case, resolved: Judged) -> None:
    """Whatever telemetry calls it (a pod, a service, an address), the finding is about the object behind it."""
    name = f"{case.subject.name}-app" if by_its_service(case) else case.subject.name
    (found,) = resolved.found[case.row.id, name]
    place = ("", "Node") if case.row.entity is EntityType.NODE else (case.subject.namespace, "Deployment")
    assert (found.entity.namespace, found.entity.kind) == place
    assert found.entity.cluster == CLUSTER


def verify(case: Case, told: Judged) -> None:
    """A fault is found once, on its entity, by a convention that can know; nothing else is found, but was looked at."""
    found = told.observations(case)
    if case.kind != "fault":
        assert not found, found[0].facts
        assert told.looked_at(case) not in (Coverage.NO_SOURCE, Coverage.QUERY_ERROR)
        assert case.kind != "quiet" or told.looked_at(case) is Coverage.LIVE
        return
    assert len(found) == 1, told.looked_at(case)
    assert found[0].source.convention in tellers(CATALOGUE, case)
    entity = found[0].entity
    assert entity.type is case.row.entity
    assert entity.cluster == case.subject.cluster
    assert not entity.peer or entity.peer in (case.subject.peer, case.subject.ip)


def test_every_convention_of_every_row_that_detects_has_all_three_kinds_of_cases() -> None:
    detecting = (r for r in CATALOGUE.rows if not r.planned and r.detector is not DetectorKind.RIGHT_SIZING_PERCENTILE)
    sources = ((row, source) for row in detecting for source in CATALOGUE.sources(row.id))
    assert_complete(CASES, ((row, s) for row, s in sources if s.judges(row) and s.sampled is None))


def test_every_row_that_detects_is_proven() -> None:
    kinds = defaultdict(set)
    for case in (*from_metrics(CATALOGUE), *from_objects()):
        kinds[case.row].add(case.kind)
    assert not [row.id for row in CATALOGUE.rows if not row.planned and len(kinds[row.id]) < 3]


def test_cases_do_not_meet() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert len({case.subject.ip for case in CASES}) == len({case.subject for case in CASES})
    alone = {case.subject.cluster for case in CASES if case.row.entity is EntityType.CLUSTER}
    assert CLUSTER not in alone
