"""What must hold for any samples and calls whatever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors.causes import Failing, Observed, Ranking, Signal, rank
from detectors.causes.calls import adjacency, explained
from tests.detectors.causes.shop import CALLS, METRICS, NODES, Shop

FAULT = Failing("front", Signal.LATENCY, "p50")
values = st.one_of(st.floats(-1e9, 1e9), st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1.0, 1e300, 5e-324]))
rows = arrays(np.float64, st.tuples(st.integers(0, 6), st.just(len(METRICS))), elements=values)
calls = st.frozensets(st.tuples(st.sampled_from((*NODES, "elsewhere")), st.sampled_from((*NODES, "elsewhere"))))


def points(ranking: Ranking) -> dict[str, float]:
    return {suspect.node: suspect.points for suspect in ranking.suspects}


def planted() -> Observed:
    return Shop().slow("front", "cart", "store").add("store", "cpu", 0.5).add("search", "errors", 0.02).observed()


@given(before=rows, after=rows, usual=st.none() | rows, graph=calls)
@settings(max_examples=60, deadline=None)
def test_every_node_once_with_finite_points(
    before: np.ndarray, after: np.ndarray, usual: np.ndarray | None, graph: frozenset[tuple[str, str]]
) -> None:
    found = rank(Observed(METRICS, before, after, graph, usual), FAULT)
    assert sorted(suspect.node for suspect in found.suspects) == sorted(NODES)
    assert all(np.isfinite(suspect.points) and suspect.points >= 0 for suspect in found.suspects)
    assert [suspect.points for suspect in found.suspects] == sorted(points(found).values(), reverse=True)


@given(order=st.permutations(range(len(METRICS))))
@settings(max_examples=20, deadline=None)
def test_the_order_of_metrics_does_not_matter(order: list[int]) -> None:
    observed = planted()
    metrics = tuple(METRICS[at] for at in order)
    other = Observed(metrics, observed.before[:, order], observed.after[:, order], observed.calls)
    assert points(rank(other, FAULT)) == pytest.approx(points(rank(observed, FAULT)))


@given(names=st.permutations(NODES))
@settings(max_examples=20, deadline=None)
def test_the_names_of_nodes_do_not_matter(names: list[str]) -> None:
    new = dict(zip(NODES, names, strict=True))
    observed = planted()
    other = replace(
        observed,
        metrics=tuple(replace(metric, node=new[metric.node]) for metric in METRICS),
        calls=frozenset((new[caller], new[callee]) for caller, callee in CALLS),
    )
    was = points(rank(observed, FAULT))
    assert points(rank(other, replace(FAULT, node=new["front"]))) == pytest.approx(
        {new[node]: its for node, its in was.items()}
    )


@pytest.mark.parametrize("signal", [Signal.LATENCY, Signal.RESOURCE])
@pytest.mark.parametrize("factor", [1e-6, 1000.0])
def test_units_do_not_matter(signal: Signal, factor: float) -> None:
    observed = planted()
    unit = np.array([factor if metric.signal is signal else 1.0 for metric in METRICS])
    other = replace(observed, before=observed.before * unit, after=observed.after * unit)
    assert points(rank(other, FAULT)) == pytest.approx(points(rank(observed, FAULT)))


def test_gaps_and_constants_change_nothing_much() -> None:
    observed = planted()
    before = observed.before.copy()
    before[::3] = np.nan
    before[:, 5] = 0.0
    assert rank(replace(observed, before=before), FAULT).suspects[0].node == "store"


def test_explained_is_what_callees_did() -> None:
    graph = adjacency(("a", "b", "c"), {("a", "b"), ("a", "c"), ("b", "nobody")})
    assert explained(np.array([4.0, 1.0, 2.0]), graph) == pytest.approx([0.75, 0, 0])
    assert explained(np.array([1.0, 1.0, 2.0]), graph) == pytest.approx([1, 0, 0])
    assert explained(np.zeros(3), graph) == pytest.approx([0, 0, 0])


def test_calls_in_a_circle_explain_nobody() -> None:
    graph = adjacency(("a", "b", "c"), {("a", "b"), ("b", "c"), ("c", "b"), ("b", "b")})
    assert np.argwhere(graph).tolist() == [[0, 1]]
