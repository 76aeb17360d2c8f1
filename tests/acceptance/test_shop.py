"""Every fault of the lab is found on its entity by its row, every look-alike and every quiet one is left alone.

One cycle over all cases, for each way to see them: Prometheus with the Kubernetes API, metrics alone (the states of
pods and nodes then come from kube-state-metrics), VictoriaMetrics, and the API alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from storage.database import Store
from tests.acceptance.judging import watched
from tests.app.rig import Rig, observations, settings
from tests.lab.cases import AT, HTTP_ROWS, NO_STALENESS, SOURCES, Case, CaseSet, build_cases
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus, VictoriaMetrics
from tests.lab.truth import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from app.engine import Outcome

pytestmark = needs_servers

API, METRICS = SOURCES
SAMPLE = ("client-lib", "istio", "nginx-ingress")
"""Conventions of the second server: a counter with codes, a mesh, an ingress."""
WITHOUT_NAMESPACE = {"service-graph": "{case.place.name}", "traefik": "{case.place.namespace}-{case.place.name}"}
"""How conventions whose series have no namespace name a workload."""
ONE_FAILURE = {"pod-errimagepull": "pod-imagepullbackoff"}
"""Rows whose reasons alternate with every retry: one failure to pull is one finding, under either name."""
TOO_COARSE = frozenset({("traefik", "http-server-latency-p50"), ("traefik", "http-server-latency-p99")})
"""Where a fourfold latency stays inside one of the convention's own buckets, nothing can be said."""


class Seen(NamedTuple):
    """What a cycle found."""

    outcome: Outcome
    found: frozenset[tuple[str, str, Place]]
    """Signal, convention and place of everything out of band."""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> CaseSet:
    return build_cases(tmp_path_factory.mktemp("cases"))


@pytest.fixture(scope="module")
def prometheus(cases: CaseSet) -> Iterator[Prometheus]:
    with Prometheus(cases.openmetrics, flags=NO_STALENESS) as server:
        yield server


@pytest.fixture(scope="module")
def both(cases: CaseSet, prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return _watched(cases, prometheus.url, tmp_path_factory.mktemp("both"))


@pytest.fixture(scope="module")
def objects_only(cases: CaseSet, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return _watched(cases, "", tmp_path_factory.mktemp("objects"))


@pytest.fixture(scope="module")
def metrics_only(prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return _measured(prometheus.url, tmp_path_factory.mktemp("metrics"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> CaseSet:
    return build_cases(tmp_path_factory.mktemp("sample"), SAMPLE, seed=12)


@pytest.fixture(scope="module")
def victoria(sample: CaseSet, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    with VictoriaMetrics(sample.openmetrics) as server:
        return _measured(server.url, tmp_path_factory.mktemp("victoria"))


def _watched(cases: CaseSet, url: str, folder: Path) -> Seen:
    return _seen(watched(cases, folder, url))


def _measured(url: str, folder: Path) -> Seen:
    with Store.open(folder / "tocsin.db") as store, Rig(settings(folder, prometheus=url), store, AT) as rig:
        return _seen(rig.cycle())


def _seen(outcome: Outcome) -> Seen:
    found = {
        (o.signal, o.source.convention, Place(o.entity.kind, o.entity.namespace, o.entity.name))
        for o in observations(outcome)
    }
    return Seen(outcome, frozenset(found))


def _verify(cases: list[Case], seen: Seen) -> None:
    """Every fault is found on its place, and nothing else is."""
    _compare(cases, seen.found, lambda case: case.place)


def _verify_names(cases: list[Case], seen: Seen) -> None:
    """The same by namespace and name: many conventions do not tell a workload's kind, some not its namespace."""
    found = {(signal, convention, (place.namespace, place.name)) for signal, convention, place in seen.found}
    _compare(cases, found, _named)


def _named(case: Case) -> tuple[str, str]:
    if case.convention in WITHOUT_NAMESPACE:
        return "", WITHOUT_NAMESPACE[case.convention].format(case=case)
    return case.place.namespace, case.place.name


def _compare(cases: list[Case], found: Collection[tuple[str, str, object]], place_of: Callable[[Case], object]) -> None:
    def hit(case: Case) -> bool:
        names = {case.row, ONE_FAILURE.get(case.row, case.row)} if case.kind == "fault" else {case.row}
        return any((name, case.convention, place_of(case)) in found for name in names)

    hits = {case.id for case in cases if hit(case)}
    faults = {case.id for case in cases if case.kind == "fault" and (case.convention, case.row) not in TOO_COARSE}
    assert 0 < len(faults) < len(cases)
    assert not faults - hits, f"missed: {sorted(faults - hits)}"
    assert not hits - faults, f"invented: {sorted(hits - faults)}"


def _of(cases: CaseSet, *sources: str) -> list[Case]:
    return [case for case in cases.cases if case.convention in sources]


def test_http_rows_with_the_owners_that_kubernetes_tells(cases: CaseSet, both: Seen) -> None:
    _verify([case for case in cases.cases if case.row in HTTP_ROWS], both)


def test_http_rows_from_metrics_alone(cases: CaseSet, metrics_only: Seen) -> None:
    _verify_names([case for case in cases.cases if case.row in HTTP_ROWS], metrics_only)


def test_pod_and_node_rows_from_objects(cases: CaseSet, both: Seen) -> None:
    _verify(_of(cases, API), both)


def test_pod_and_node_rows_without_a_metrics_server(cases: CaseSet, objects_only: Seen) -> None:
    _verify(_of(cases, API), objects_only)


def test_pod_and_node_rows_from_kube_state_metrics(cases: CaseSet, metrics_only: Seen) -> None:
    _verify_names(_of(cases, METRICS), metrics_only)


def test_a_sample_of_all_on_victoria_metrics(sample: CaseSet, victoria: Seen) -> None:
    _verify_names(_of(sample, METRICS, *SAMPLE), victoria)


def test_nothing_is_said_of_what_only_looks_like_a_fault(cases: CaseSet, both: Seen) -> None:
    said = {place for _, _, place in both.found}
    assert not said & set(cases.truth.silent)


def test_what_is_found_besides_the_cases_is_a_consequence_of_theirs(cases: CaseSet, both: Seen) -> None:
    unexplained = {
        (signal, place)
        for signal, _, place in both.found
        if place.kind != "Cluster" and not cases.truth.accepts(signal, place)
    }
    assert not unexplained
