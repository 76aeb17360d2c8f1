"""Against a real Prometheus: everything parses, and what we compose gives the reference's numbers."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from detectors.catalog import Owners, Returns, RowSource, load, render
from tests.detectors.catalog.reference import DIFFERENCES, owners, reference
from tests.detectors.catalog.samples import END, PODS, openmetrics
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus, VictoriaMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.servers import Server

pytestmark = needs_servers

WINDOW = 300
Vector = dict[tuple[tuple[str, str], ...], float]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    expressions = [expected.promql for expected in reference()]
    with Prometheus(openmetrics(expressions)) as started:
        yield started


def rendered(template: str) -> str:
    return render(template, WINDOW, step_seconds=60, lookback_seconds=900, trend_seconds=900)


def vector(server: Server, promql: str) -> Vector:
    status, answer = server.get(f"/api/v1/query?{urlencode({'query': promql, 'time': END})}")
    assert status == 200, (promql, answer[:500])
    result = json.loads(answer)["data"]["result"]
    return {tuple(sorted(series["metric"].items())): float(series["value"][1]) for series in result}


def same(first: Vector, second: Vector) -> bool:
    return first.keys() == second.keys() and all(
        math.isclose(value, second[labels], rel_tol=1e-9, abs_tol=1e-12)
        or (value != value and second[labels] != second[labels])
        for labels, value in first.items()
    )


def test_everything_parses(tmp_path: Path) -> None:
    texts: set[str] = set()
    for how in Owners:
        for row in load().rows:
            for source in load().sources(row.id, how):
                templates = [source.display, source.summed, *(query.promql for query in source.queries)]
                texts.update(render(text, 300, owners=how if how != Owners.NONE else Owners.RAW) for text in templates)
                texts.update(render(text, 300, 'cluster="a"', "cluster") for text in templates)
                texts.add(source.detect_selector)
    rules = [{"record": f"r{number}", "expr": text} for number, text in enumerate(sorted(texts))]
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:2000]
    assert f"{len(rules)} rules found" in done.stdout


def test_victoria_metrics_takes_them_too() -> None:
    catalogue = load()
    with VictoriaMetrics() as server:
        for row in catalogue.rows:
            for source in catalogue.sources(row.id) + catalogue.sources(row.id, Owners.RAW):
                for template in {source.display, *(query.promql for query in source.queries)}:
                    vector(server, rendered(template))


def test_composed_expressions_give_the_reference_s_numbers(server: Server) -> None:
    catalogue = load()
    unequal: Counter[tuple[str, str]] = Counter()
    empty = []
    for expected in reference():
        place = (expected.row, expected.convention)
        theirs = vector(server, rendered(expected.promql.replace("$owners", owners())))
        displays = [
            s.display for s in catalogue.sources(expected.row, Owners.RAW) if s.convention == expected.convention
        ]
        unequal[place] += not any(same(theirs, vector(server, rendered(display))) for display in displays)
        if not theirs:
            empty.append(place)
    listed = {place: known.sources for place, known in DIFFERENCES.items() if not known.same_numbers}
    assert +unequal == listed
    # A comparison of nothing with nothing proves nothing: almost all of them have numbers.
    assert len(empty) <= 0.05 * len(reference()), empty


def shares(server: Server, source: RowSource) -> Vector:
    """The error share as the program computes it from what it asks."""
    answers = {query.returns: vector(server, rendered(query.promql)) for query in source.queries}
    totals: Vector = {}
    errors: Vector = {}
    for labels, value in answers[Returns.COUNTS].items():
        key = tuple(pair for pair in labels if pair[0] in source.labels)
        totals[key] = totals.get(key, 0) + value
        if source.is_error(dict(labels)):
            errors[key] = errors.get(key, 0) + value
    for labels, value in answers.get(Returns.ERRORS, {}).items():
        errors[labels] = value
    return {key: errors[key] / total for key, total in totals.items() if key in errors}


def test_what_is_asked_gives_what_is_shown(server: Server) -> None:
    for row in ("http-server-5xx-spike", "external-error-spike", "server-error-spike", "database-error-spike"):
        for source in load().sources(row):
            if not source.errors and len(source.queries) < 2:
                continue
            shown = vector(server, rendered(source.display))
            assert same(shares(server, source), shown), (row, source.convention)


def test_pods_summed_by_us_are_workloads_summed_by_the_server(server: Server) -> None:
    owner_of = {PODS[0]: "checkout", PODS[1]: "checkout", PODS[2]: "ledger", PODS[3]: "report"}
    catalogue = load()
    for row, convention in (
        ("pod-restart-spike", "kube-state-metrics"),
        ("pod-crashloopbackoff", "kube-state-metrics"),
    ):
        ours, theirs = (
            next(source for source in catalogue.sources(row, how) if source.convention == convention)
            for how in (Owners.NONE, Owners.RAW)
        )
        summed: dict[tuple[str, str], float] = {}
        for labels, value in vector(server, rendered(ours.display)).items():
            pairs = dict(labels)
            key = (pairs["namespace"], owner_of[pairs["pod"]])
            summed[key] = summed.get(key, 0) + value
        joined = {
            (dict(labels)["namespace"], dict(labels)["workload"]): value
            for labels, value in vector(server, rendered(theirs.display)).items()
        }
        assert joined
        assert summed == pytest.approx(joined)


def test_states_are_0_for_what_is_well_and_1_for_what_is_not(server: Server) -> None:
    for row in ("node-not-ready", "node-memory-pressure"):
        for source in load().sources(row):
            if source.queries[0].returns is Returns.STATE:
                asked = vector(server, rendered(source.queries[0].promql))
                assert set(asked.values()) <= {0.0, 1.0}
                shown = vector(server, rendered(source.display))
                assert {labels for labels, value in asked.items() if value} == set(shown), source.convention
    ready = next(s for s in load().sources("node-not-ready") if s.convention == "kube-state-metrics")
    assert 0.0 in vector(server, rendered(ready.queries[0].promql)).values()


def test_evidence_is_the_entity_s_own_number(server: Server) -> None:
    source = next(s for s in load().sources("http-server-request-rate-drop") if s.convention == "micrometer")
    everything = vector(server, rendered(source.queries[0].promql))
    labels = dict(next(iter(everything)))
    alone = vector(server, source.evidence(labels, WINDOW))
    assert len(alone) == 1
    together = vector(server, source.evidence(labels, WINDOW, workload="checkout"))
    assert all("pod" not in dict(found) for found in together)
    pods = vector(server, rendered(source.display))
    mine = [
        value
        for found, value in pods.items()
        if {k: v for k, v in dict(found).items() if k != "pod"}
        == {k: v for k, v in labels.items() if k in source.labels and k != "pod"}
        and re.match("checkout-", dict(found).get("pod", ""))
    ]
    assert sum(together.values()) == pytest.approx(sum(mine))
