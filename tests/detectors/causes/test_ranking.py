"""Planted faults come first, and what only looks like one does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.causes import Failing, Metric, Observed, Signal, Why, rank
from tests.detectors.causes.shop import BEFORE, CALLS, METRICS, NODES, Shop

SLOW = Failing("front", Signal.LATENCY, "p50")
FAILS = Failing("front", Signal.ERRORS, "errors")


def first(observed: Observed, failing: Failing | None = None) -> str:
    return rank(observed, failing).suspects[0].node


@pytest.mark.parametrize("path", [("front",), ("front", "cart"), ("front", "cart", "store")])
def test_a_slow_node_explains_its_callers(path: tuple[str, ...]) -> None:
    ranking = rank(Shop().slow(*path).observed(), SLOW)
    assert ranking.visible
    assert ranking.suspects[0].node == path[-1]
    assert ranking.suspects[0].evidence[0].why is Why.LATENCY
    for caller in path[:-1]:
        (its,) = [suspect for suspect in ranking.suspects if suspect.node == caller]
        assert all(evidence.explained > 0.9 for evidence in its.evidence if evidence.why is Why.LATENCY)


def test_errors_come_from_where_nobody_below_has_them() -> None:
    shop = Shop().add("front", "errors", 0.1).add("search", "errors", 0.1).slow("cart")
    assert first(shop.observed(), FAILS) == "search"


def test_the_signal_that_fails_decides() -> None:
    shop = Shop().slow("cart").add("search", "errors", 0.1)
    assert first(shop.observed(), FAILS) == "search"
    assert first(shop.observed(), SLOW) == "cart"


def test_of_two_slow_nodes_the_one_out_of_processor_leads() -> None:
    shop = Shop().slow("cart", "search").add("search", "cpu", 0.8)
    assert first(shop.observed(), SLOW) == "search"
    assert first(Shop().slow("cart", "search").add("cart", "cpu", 0.8).observed(), SLOW) == "cart"


def test_faster_and_idler_is_no_cause() -> None:
    shop = Shop().add("cart", "p50", -0.06).add("store", "cpu", -0.15)
    assert not rank(shop.observed(), SLOW).visible


def test_requests_that_are_not_sent_on_point_at_the_one_who_does_not() -> None:
    shop = Shop().add("store", "requests", -450).add("cart", "requests", -450)
    assert (
        first(shop.observed(frozenset({("front", "search"), ("search", "cart"), ("cart", "store")})), FAILS) == "search"
    )


def test_less_traffic_everywhere_points_at_nobody() -> None:
    shop = Shop()
    for node in NODES:
        shop.add(node, "requests", -250)
    assert not rank(shop.observed(), FAILS).visible


def test_a_few_slow_requests_do_not_explain_many() -> None:
    shop = Shop()
    shop.rows[:, shop.column("search", "requests")] /= 100
    assert first(shop.slow("cart", "search").observed(frozenset()), SLOW) == "cart"


def test_a_slow_way_is_seen_by_callers_alone() -> None:
    shop = Shop()
    metrics = (*METRICS, Metric("store", "edge", Signal.LATENCY, by_callers=True))
    edge = np.where(np.arange(len(shop.rows)) < BEFORE, 0.1, 0.5)[:, None] + shop.rows[:, :1] / 10
    rows = np.hstack([shop.slow("front", "cart").rows, edge])
    assert first(Observed(metrics, rows[:BEFORE], rows[BEFORE:], CALLS), SLOW) == "store"


@pytest.mark.parametrize("seed", range(8))
def test_where_nothing_stands_out_it_says_so(seed: int) -> None:
    assert not rank(Shop(seed).observed(), SLOW).visible


def test_where_nothing_moves_what_fails_is_suspected_first() -> None:
    still = np.ones((5, len(METRICS)))
    (first_one, *others) = rank(Observed(METRICS, still, still, CALLS), SLOW).suspects
    assert (first_one.node, first_one.evidence[0].why) == ("front", Why.FAILING)
    assert not any(suspect.points for suspect in others)


def test_usual_samples_tell_the_spread_and_not_the_level() -> None:
    shop = Shop().slow("cart")
    healthy = Shop(2).observed()
    observed = replace(shop.observed(), before=shop.rows[:1], usual=healthy.before * 3)
    assert first(observed, SLOW) == "cart"
    assert rank(observed, SLOW).visible


def test_a_node_that_calls_itself_or_in_a_circle_is_not_explained_away() -> None:
    circle = CALLS | {("store", "cart"), ("cart", "cart")}
    assert rank(Shop().slow("front", "cart").observed(circle), SLOW).suspects[0].node == "cart"


def test_without_a_graph_all_slow_nodes_are_suspects() -> None:
    ranking = rank(Shop().slow("front", "cart").observed(frozenset()), SLOW)
    assert {suspect.node for suspect in ranking.suspects[:2]} == {"front", "cart"}


def test_one_node() -> None:
    observed = Observed((Metric("only", "p50", Signal.LATENCY),), np.full((9, 1), 0.1), np.full((3, 1), 0.9))
    assert rank(observed, Failing("only", Signal.LATENCY)).visible


def test_no_metrics_no_samples_no_suspects() -> None:
    assert rank(Observed((), np.empty((0, 0)), np.empty((0, 0)))).suspects == ()
    nothing = Observed(METRICS, np.empty((0, len(METRICS))), np.empty((0, len(METRICS))), CALLS)
    assert not rank(nothing, SLOW).visible


def test_samples_of_another_shape_are_named() -> None:
    with pytest.raises(ValueError, match=r"after has shape \(5, 3\); allowed: \(samples, 16 metrics\)"):
        Observed(METRICS, np.zeros((5, 16)), np.zeros((5, 3)))
