from __future__ import annotations

import pytest

from app.settings.schema import ScopeSettings
from app.switching import pattern_of
from app.tuning import excluding
from app.workload_coverage import RANK, WORST, SignalView, WorkloadCoverage, by_workload, signals_of
from detectors.catalog.model import Kept
from detectors.model import Coverage, Entity, EntityType

ARN = "arn:aws:eks:eu-west-1:123456789012:cluster/prod"
NOBODY = Coverage.NO_DATA


def entity(name, entity_type=EntityType.WORKLOAD, peer=""):
    return Entity(entity_type, ARN, "shop", "Deployment", name, peer).key


def face(*signals, workloads=(), scope=None, groups=None):
    coverage = WorkloadCoverage(tuple(workloads), tuple(signals), scope, "config.toml:7")
    return by_workload(coverage, ARN, groups or {view.signal: view.signal for view in signals})


def test_every_word_of_coverage_has_its_rank():
    assert sorted(RANK) == sorted(Coverage)
    assert len(WORST) == len(Coverage)


def test_dependencies_count_for_the_workload_that_calls_them():
    far = {
        entity("cart", EntityType.DEPENDENCY, "a.example"): Coverage.LIVE,
        entity("cart", EntityType.DEPENDENCY, "b.example"): Coverage.LEARNING,
    }
    own = {entity("cart"): Coverage.LIVE}
    matrix = face(SignalView("far", Coverage.LIVE, far, NOBODY), SignalView("own", Coverage.LIVE, own, NOBODY))
    [line] = matrix.lines
    assert (line.namespace, line.name) == ("shop", "cart")
    assert line.worst == {"far": Coverage.LEARNING, "own": Coverage.LIVE}
    assert list(signals_of(matrix, line)) == [("far", Coverage.LEARNING), ("own", Coverage.LIVE)]


def test_what_nothing_measures_is_neither_healthy_nor_hides_what_is_seen():
    seen = SignalView("seen", Coverage.LIVE, {entity("cart"): Coverage.LIVE}, NOBODY)
    other = SignalView("other", Coverage.LIVE, {entity("search"): Coverage.LIVE}, NOBODY)
    workloads = [("Deployment", "shop", "nightly")]
    matrix = face(seen, other, workloads=workloads, groups={"seen": "HTTP", "other": "HTTP"})
    assert {line.name: line.worst["HTTP"] for line in matrix.lines} == {
        "cart": Coverage.LIVE,
        "nightly": Coverage.NO_SOURCE,
        "search": Coverage.LIVE,
    }


@pytest.mark.parametrize("status", [Coverage.FORBIDDEN, Coverage.QUERY_ERROR, Coverage.LIVE, Coverage.NO_DATA])
def test_a_row_with_one_answer_for_all_gives_it_to_each(status):
    matrix = face(SignalView("pods", status, {}, NOBODY), workloads=[("Deployment", "shop", "cart")])
    assert matrix.lines[0].worst == {"pods": status}


def test_where_silence_is_no_event_it_is_live():
    restarts = SignalView("restarts", Coverage.LIVE, {entity("cart"): Coverage.LEARNING}, Coverage.LIVE)
    workloads = [("Deployment", "shop", "cart"), ("Deployment", "shop", "search")]
    matrix = face(restarts, workloads=workloads)
    assert {line.name: line.worst["restarts"] for line in matrix.lines} == {
        "cart": Coverage.LEARNING,
        "search": Coverage.LIVE,
    }


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        (Kept(True, frozenset({"shop"})), {"nightly"}),
        (Kept(False, frozenset({"cart", "nightly"})), {"search"}),
    ],
    ids=["namespaces", "names"],
)
def test_what_a_thinned_row_did_not_ask_about_is_left_out_and_what_it_did_has_no_source(kept, left):
    http = SignalView("http", Coverage.LIVE, {entity("cart"): Coverage.LIVE}, NOBODY, (kept,))
    workloads = [("Deployment", "shop", "cart"), ("Deployment", "shop", "search"), ("CronJob", "jobs", "nightly")]
    matrix = face(http, workloads=workloads)
    assert {line.name: line.worst["http"] for line in matrix.lines} == {
        "cart": Coverage.LIVE,
        **{name: Coverage.LEFT_OUT if name in left else Coverage.NO_SOURCE for name in ("search", "nightly")},
    }
    assert all(dict(signals_of(matrix, line)) == line.worst for line in matrix.lines)


def test_what_the_api_does_not_list_is_not_called_healthy_by_rows_about_objects():
    pods = SignalView("pods", Coverage.LIVE, {}, NOBODY)
    jobs = SignalView("targets", Coverage.LIVE, {entity("scrape-job"): Coverage.LIVE}, NOBODY)
    matrix = face(pods, jobs, workloads=[("Deployment", "shop", "cart")])
    assert {line.name: tuple(line.worst.values()) for line in matrix.lines} == {
        "cart": (Coverage.LIVE, Coverage.NO_SOURCE),
        "scrape-job": (Coverage.NO_SOURCE, Coverage.LIVE),
    }
    for line in matrix.lines:
        assert dict(signals_of(matrix, line)) == line.worst
    metrics_alone = face(pods, jobs)
    assert metrics_alone.lines[0].worst == {"pods": Coverage.LIVE, "targets": Coverage.LIVE}


@pytest.mark.parametrize(
    ("scope", "reason"),
    [
        (ScopeSettings(), ""),
        (ScopeSettings(environments=("prod",)), ""),
        (
            ScopeSettings(exclude_services=("shop/c*",)),
            "switched off by scope.exclude_services = shop/c* (config.toml:7)",
        ),
        (ScopeSettings(exclude_namespaces=("shop",)), "outside of the scope that the settings set"),
    ],
)
def test_a_workload_out_of_scope_is_disabled_and_says_by_whom(scope, reason):
    pods = SignalView("pods", Coverage.LIVE, {}, NOBODY)
    matrix = face(pods, workloads=[("Deployment", "shop", "cart")], scope=scope)
    [line] = matrix.lines
    assert line.excluded == reason
    expected = Coverage.DISABLED if reason else Coverage.LIVE
    assert line.worst == {"pods": expected}
    assert list(signals_of(matrix, line)) == [("pods", expected)]


def test_a_line_keeps_its_number_from_cycle_to_cycle():
    pods = SignalView("pods", Coverage.LIVE, {}, NOBODY)
    names = [("Deployment", "shop", name) for name in ("a", "b", "c")]
    before = {line.name: line.number for line in face(pods, workloads=names).lines}
    after = {line.name: line.number for line in face(pods, workloads=names[1:]).lines}
    assert len(set(before.values())) == 3
    assert after == {name: before[name] for name in ("b", "c")}


def test_nodes_and_odd_keys_are_no_workloads():
    odd = {Entity(EntityType.NODE, ARN, "", "Node", "worker-1").key: Coverage.LIVE, "nonsense": Coverage.LIVE}
    assert face(SignalView("nodes", Coverage.LIVE, odd, NOBODY)).lines == ()


@pytest.mark.parametrize("name", ["checkout", "a,b", "*", "[x]", "a?b", " lead", "é\x1b[31m"])
def test_the_pattern_of_a_workload_matches_it_and_survives_a_list(name):
    pattern = pattern_of("shop", name)
    assert "," not in pattern and pattern == pattern.strip()
    assert excluding("shop", name, (pattern,)) == pattern
    assert not excluding("other", name, (pattern,))
    assert not excluding("shop", name + "x", (pattern,))
