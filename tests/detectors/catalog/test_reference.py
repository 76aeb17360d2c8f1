from __future__ import annotations

from collections import Counter

import pytest

from detectors.catalog import DetectorKind, Owners, Returns, Role, load
from tests.detectors.catalog.reference import DIFFERENCES, OTHER_ROLES, normalised, reference

ROWS = tuple(dict.fromkeys(expected.row for expected in reference()))


def test_the_comparison_sees_what_matters_and_nothing_else() -> None:
    assert normalised('sum by (a, b) ((rate(x{p="1",q="2"}[5m])))') == normalised(
        'sum by (b,a)(rate(x{q="2", p="1"}[5m]))'
    )
    assert normalised("a / (b + c)") != normalised("a / b + c")
    assert normalised('x{a="1,2"}') != normalised('x{a="2,1"}')
    assert normalised("sum by (a) (x)") != normalised("sum by (b) (x)")


def test_all_rows_of_the_matrix_are_declared_in_order() -> None:
    assert tuple(row.id for row in load().rows if row.group != "Beyond the matrix") == ROWS
    assert len(ROWS) == 64


@pytest.mark.parametrize("row", ROWS)
def test_every_source_is_composed_as_the_reference_was_written(row: str) -> None:
    ours = {(source.convention, normalised(source.display)) for source in load().sources(row, Owners.RAW)}
    unlike: Counter[tuple[str, str]] = Counter()
    for expected in (expected for expected in reference() if expected.row == row):
        assert expected.convention in {convention for convention, _ in ours}
        unlike[row, expected.convention] += (expected.convention, normalised(expected.promql)) not in ours
    listed = {place: difference.sources for place, difference in DIFFERENCES.items() if place[0] == row}
    assert +unlike == listed


def test_roles_are_the_reference_s_but_for_listed_reasons() -> None:
    excused = set().union(*OTHER_ROLES.values())
    catalogue, needed = load(), set()
    for expected in reference():
        roles = {
            source.role.value
            for source in catalogue.sources(expected.row, Owners.RAW)
            if source.convention == expected.convention
            and (
                normalised(source.display) == normalised(expected.promql)
                or (expected.row, expected.convention) in DIFFERENCES
            )
        }
        if expected.role not in roles:
            needed.add((expected.row, expected.convention))
    assert needed == excused


def test_sources_come_strongest_and_preferred_first() -> None:
    catalogue = load()
    for row in catalogue.rows:
        ranks = [list(Role).index(source.role) for source in catalogue.sources(row.id)]
        assert ranks == sorted(ranks), row.id
    http = [source.convention for source in catalogue.sources("http-server-5xx-spike")]
    assert http[:4] == ["otel-http", "beyla-obi", "istio", "linkerd"]
    assert http[-1] == "coroot-outbound"


def test_rows_ask_for_what_their_detectors_judge() -> None:
    catalogue = load()
    judged = {
        DetectorKind.RATIO_SPIKE: {Returns.COUNTS},
        DetectorKind.RATE_DROP: {Returns.COUNTS},
        DetectorKind.RATE_SURGE: {Returns.COUNTS},
        DetectorKind.QUANTILE_SHIFT: {Returns.BUCKETS},
        DetectorKind.COUNT_SPIKE: {Returns.COUNTS, Returns.STATE, Returns.LEVEL},
        DetectorKind.LEVEL_SHIFT: {Returns.LEVEL},
        DetectorKind.STATE_TRANSITION: {Returns.STATE, Returns.LEVEL},
        DetectorKind.THRESHOLD_FORECAST: {Returns.LEVEL},
        DetectorKind.RIGHT_SIZING_PERCENTILE: {Returns.LEVEL},
    }
    for row in catalogue.rows:
        for source in catalogue.sources(row.id):
            if source.role is Role.PRIMARY and source.unit == row.unit:
                assert source.queries[0].returns in judged[row.detector], (row.id, source.convention)


def test_queries_leave_the_waiting_to_the_detector() -> None:
    catalogue = load()
    for row in catalogue.rows:
        assert not any("$hold" in query.promql for source in catalogue.sources(row.id) for query in source.queries)
    assert any("$hold" in source.display for source in catalogue.sources("pod-stuck-pending"))


def test_what_is_counted_is_asked_per_second() -> None:
    starts = next(s for s in load().sources("pod-restart-spike") if s.convention == "kubelet-resource")
    assert starts.queries[0].promql.endswith("/ $window_s")
    restarts = next(s for s in load().sources("pod-restart-spike") if s.convention == "coroot")
    assert restarts.queries[0].promql == "sum by (container_id, $by) (rate(container_restarts_total{$match}[$window]))"
    assert restarts.display == "sum by (container_id, $by) (increase(container_restarts_total{$match}[$window]))"


def test_rows_that_need_the_same_data_ask_one_query() -> None:
    catalogue = load()
    queries: dict[str, set[str]] = {}
    for row in catalogue.rows:
        for source in catalogue.sources(row.id):
            for query in source.queries:
                queries.setdefault(query.key, set()).add(query.promql)
    assert all(len(texts) == 1 for texts in queries.values()), {k: v for k, v in queries.items() if len(v) > 1}

    def asked(row: str) -> set[str]:
        return {query.key for source in catalogue.sources(row) for query in source.queries}

    assert asked("http-server-5xx-spike") >= asked("http-server-request-rate-drop")
    assert asked("http-server-latency-p50") == asked("http-server-latency-p99")
    assert asked("http-server-5xx-spike") <= asked("server-error-spike")
