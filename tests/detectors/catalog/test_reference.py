from __future__ import annotations

import pytest

from detectors.catalog import Owners, Role, load
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
    assert tuple(row.id for row in load().rows) == ROWS
    assert len(ROWS) == 64


@pytest.mark.parametrize("row", ROWS)
def test_every_source_is_composed_as_the_reference_was_written(row: str) -> None:
    ours = [(source.convention, normalised(source.display)) for source in load().sources(row, Owners.RAW)]
    for expected in (expected for expected in reference() if expected.row == row):
        composed = [text for convention, text in ours if convention == expected.convention]
        assert composed, f"{expected.convention} does not feed the row"
        if (row, expected.convention) not in DIFFERENCES:
            assert normalised(expected.promql) in composed


def test_listed_differences_are_still_there() -> None:
    catalogue = load()
    for row, convention in DIFFERENCES:
        theirs = {normalised(e.promql) for e in reference() if (e.row, e.convention) == (row, convention)}
        ours = {normalised(s.display) for s in catalogue.sources(row, Owners.RAW) if s.convention == convention}
        assert theirs - ours, f"{row} {convention}: no difference any more"


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
