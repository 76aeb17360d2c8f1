from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.cases import AT, HTTP_ROWS, NODE_ROWS, POD_ROWS, CaseSet, build_cases, build_event_cases
from tests.lab.conventions import CONVENTIONS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> CaseSet:
    return build_cases(tmp_path_factory.mktemp("cases"), ("client-lib", "service-graph", "nginx-ingress"))


def test_every_row_has_fault_lookalike_and_quiet_for_each_of_its_sources(cases: CaseSet) -> None:
    sources = {
        **dict.fromkeys(HTTP_ROWS, ("client-lib", "service-graph", "nginx-ingress")),
        **dict.fromkeys((*POD_ROWS, *NODE_ROWS), ("kubernetes-api", "kube-state-metrics")),
    }
    for row, conventions in sources.items():
        for convention in conventions:
            kinds = {case.kind for case in cases.cases if (case.row, case.convention) == (row, convention)}
            assert kinds == {"fault", "lookalike", "quiet"}, (row, convention)


def test_no_two_cases_share_an_id_and_no_sample_is_written_twice(cases: CaseSet) -> None:
    assert len({case.id for case in cases.cases}) == len(cases.cases)
    seen = set()
    with cases.openmetrics.open() as lines:
        for line in lines:
            series, _, stamp = line.rpartition(" ")
            sample = (series.rpartition(" ")[0], stamp)
            assert sample not in seen, line
            seen.add(sample)


def test_the_objects_at_the_end_name_every_place(cases: CaseSet) -> None:
    there = {
        (change.manifest["kind"], change.manifest["metadata"].get("namespace", ""), change.manifest["metadata"]["name"])
        for change in cases.changes
    }
    places = {(case.place.kind, case.place.namespace, case.place.name) for case in cases.cases}
    assert places <= there
    assert max(change.at for change in cases.changes) <= AT


def test_no_two_pods_write_the_same_series_in_any_convention(tmp_path: Path) -> None:
    with build_cases(tmp_path).openmetrics.open() as lines:
        names = [line.rsplit(" ", 2)[0] for line in lines if line.endswith(f" {AT}\n")]
    assert len(names) > 500 * len(CONVENTIONS)
    assert len(set(names)) == len(names)


def test_a_storm_of_warnings_differs_from_rollouts_by_its_events_alone(tmp_path: Path) -> None:
    storm, rollouts = (build_event_cases(tmp_path, story) for story in ("storm", "rollouts"))
    counts = [
        sum(change.manifest.get("type") == "Warning" for change in each.changes if change.at > AT - 300)
        for each in (storm, rollouts)
    ]
    assert counts[0] > 100 > 20 > counts[1]
    assert [case.kind for each in (storm, rollouts) for case in each.cases] == ["fault", "lookalike"]
