"""What a cycle costs a server: measured first, kept within the budget, and said where something had to be left out.

Every query that is sent is looked at again from the server's side: none touches more than its budget.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from app.sources.prometheus.rediscovery import INTERVAL
from app.sources.prometheus.sharding import selectors
from detectors.model import Coverage
from storage.database import Store
from tests.app.rig import Rig, found, settings
from tests.lab.cases import AT
from tests.lab.crowd import Crowded, write_crowd
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus, VictoriaMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.engine import Outcome
    from detectors.series import Grid, SeriesBlock
    from storage.records import CoverageRecord

pytestmark = needs_servers

ERRORS, SLOW, TCP = "http-server-5xx-spike", "http-server-latency-p95", "cluster-tcp-retransmits"
WORKLOADS, NAMESPACES = 10_000, 50
BROKEN = {number: f"w-{number}" for number in (7, 2_011, 4_003, 6_045, 8_049)}
"""In the namespaces 7, 11, 3, 45 and 49 of fifty, all of which have as many workloads."""
CYCLE_SECONDS = 60.0
"""For a first cycle over all of them, on two cores that are busy with other tests."""

STANDARD = (5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0)
FINE = tuple(np.geomspace(1, 100_000, 200).tolist())
BUCKETED = 40
"""Workloads with each of the two layouts."""


class Played(NamedTuple):
    """What some cycles came to."""

    outcome: Outcome
    coverage: dict[str, CoverageRecord]
    asked: list[str]
    """The range queries that were sent, without the repeated ones."""


class Asked:
    """Notes what clients send: the expressions of range queries, and those at one instant that count what they cost."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.expressions: dict[str, None] = {}
        self.counted: list[str] = []
        sent = PrometheusClient.range

        def noted(client: PrometheusClient, promql: str, grid: Grid) -> SeriesBlock:
            if grid.points > 1:
                self.expressions[promql] = None
            else:
                self.counted.append(promql)
            return sent(client, promql, grid)

        monkeypatch.setattr(PrometheusClient, "range", noted)
        self.instants: list[str] = []
        told = PrometheusClient.instant

        def looked(client: PrometheusClient, promql: str, at: float) -> SeriesBlock:
            self.instants.append(promql)
            return told(client, promql, at)

        monkeypatch.setattr(PrometheusClient, "instant", looked)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A mesh of 10,000 workloads in fifty namespaces, the first ones with the most traffic."""
    path = tmp_path_factory.mktemp("crowd") / "samples.om"
    shares = np.linspace(1, 0.2, NAMESPACES).tolist()
    write_crowd(
        path,
        (
            Crowded(f"shop-{n % NAMESPACES:02}", f"w-{n}", round(40 * shares[n % NAMESPACES]), failing=n in BROKEN)
            for n in range(WORKLOADS)
        ),
    )
    with Prometheus(path) as server:
        yield server.url


@pytest.fixture(scope="module", params=[Prometheus, VictoriaMetrics])
def histograms(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One namespace with two layouts of buckets, eleven and 200 bounds; one workload of each becomes slow."""
    path = tmp_path_factory.mktemp("histograms") / "samples.om"
    layouts = {"standard": (STANDARD, BUCKETED + 1), "fine": (FINE, BUCKETED)}
    write_crowd(
        path,
        (
            Crowded("shop", f"{layout}-{n}", bounds=bounds, slow=n == 3)
            for layout, (bounds, count) in layouts.items()
            for n in range(count)
        ),
    )
    with request.param(path) as server:
        yield server.url


@contextmanager
def rig(folder: Path, url: str, at: float = AT, **limits: str) -> Iterator[Rig]:
    loaded = settings(folder, prometheus=url, **{f"budget__{name}": value for name, value in limits.items()})
    with Store.open(folder / "tocsin.db") as store, Rig(loaded, store, at, investigating=False) as started:
        yield started


def play(folder: Path, url: str, asked: Asked, **limits: str) -> Played:
    with rig(folder, url, **limits) as started:
        outcome = started.cycle()
        return Played(outcome, coverage_of(started), list(asked.expressions))


def touched(url: str, promql: str) -> int:
    """The series that an expression touches, as the server counts them."""
    client = PrometheusClient(PrometheusConnection(url=url))
    blocks = [client.instant(f"count({selector.text})", AT) for selector in selectors(promql)]
    client.close()
    return sum(int(block.values[0, 0]) for block in blocks if len(block.labels))


def coverage_of(started: Rig) -> dict[str, CoverageRecord]:
    return {record.signal: record for record in started.store.cycles.coverage(started.engine.cluster)}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def test_ten_thousand_workloads_are_no_reason_to_thin(tmp_path: Path, crowd: str, asked: Asked) -> None:
    began = time.perf_counter()
    played = play(tmp_path, crowd, asked)
    assert time.perf_counter() - began < CYCLE_SECONDS
    assert {name for row, name in found(played.outcome) if row == ERRORS} == set(BROKEN.values())
    assert played.outcome.results[ERRORS].live == WORKLOADS
    record = played.coverage[ERRORS]
    assert (record.thinned, record.query_series) == ("", WORKLOADS + len(BROKEN))
    assert record.query_samples == record.query_series * 43 * 4, "43 minutes, and four scrapes a window"
    assert not [promql for promql in played.asked if "namespace=~" in promql], "all of it is asked at once"
    assert not asked.counted, "what discovery has counted is enough"


def test_what_touches_too_much_at_once_is_asked_in_parts(tmp_path: Path, crowd: str, asked: Asked) -> None:
    played = play(tmp_path, crowd, asked, part_series="3000")
    assert {name for row, name in found(played.outcome) if row == ERRORS} == set(BROKEN.values())
    assert played.outcome.results[ERRORS].live == WORKLOADS
    assert played.coverage[ERRORS].thinned == ""
    parts = [promql for promql in played.asked if "istio_requests_total" in promql]
    assert len(parts) > 3
    assert max(touched(crowd, promql) for promql in parts) <= 3000


def test_what_touches_too_much_keeps_whole_namespaces(tmp_path: Path, crowd: str, asked: Asked) -> None:
    played = play(tmp_path, crowd, asked, part_series="4000", most_series="4000")
    results, record = played.outcome.results[ERRORS], played.coverage[ERRORS]
    assert max(touched(crowd, promql) for promql in played.asked) <= 4000
    assert results.live == record.live == 19 * WORKLOADS // NAMESPACES
    seen = {name for number, name in BROKEN.items() if number % NAMESPACES < 19}
    assert {name for row, name in found(played.outcome) if row == ERRORS} == seen
    assert len(seen) == 3
    assert "19 of 50 values of destination_workload_namespace, the busiest when they were chosen" in record.thinned
    assert "10,005 series, where the budget allows 4,000" in record.thinned
    assert "not shop-19, shop-20, shop-21, shop-22, shop-23 and 26 more" in record.thinned
    assert len(asked.counted) == len(set(asked.counted)), "rows that share a query do not have it counted again"
    assert record.query_series is not None
    assert record.query_series <= 4000
    assert not any("/shop-49/" in key for key in results.coverage)
    assert [kept.has("shop-49", "w-49") for kept in results.left_out] == [False]
    assert [kept.has("shop-18", "w-18") for kept in results.left_out] == [True]
    assert results.silence is Coverage.NO_DATA, "nothing is said of those that were left out"


def test_costs_are_told_once_for_each_look_at_the_server(tmp_path: Path, crowd: str, asked: Asked) -> None:
    begun = AT - INTERVAL - 120
    with rig(tmp_path, crowd, begun, part_series="4000", most_series="4000") as started:
        started.cycle()
        thinned, counted, expressions = coverage_of(started)[ERRORS].thinned, len(asked.counted), set(asked.expressions)
        started.cycle(begun + 15)
        assert len(asked.counted) == counted > 0
        started.cycle(begun + INTERVAL)
        assert len(asked.counted) > counted
        assert coverage_of(started)[ERRORS].thinned == thinned
        assert set(asked.expressions) == expressions, "and what was learnt goes on"


@pytest.mark.parametrize("limit", ["3000", "20000"])
def test_counting_is_budgeted_too_once_it_is_known_how_much_there_is(
    tmp_path: Path, crowd: str, asked: Asked, limit: str
) -> None:
    begun = AT - INTERVAL - 120
    with rig(tmp_path, crowd, begun, part_series=limit, most_series="20000") as started:
        started.cycle()
        asked.instants, asked.counted = [], []
        started.cycle(begun + INTERVAL)
        counts = [promql for promql in (*asked.instants, *asked.counted) if "istio_requests" in promql]
        assert max(touched(crowd, promql) for promql in counts) <= int(limit)
        looked = started.engine.look
        assert looked is not None
        assert looked.discovery is not None
        assert max(looked.discovery.conventions["istio"].series.values()) == WORKLOADS + len(BROKEN)
        assert any('"w-' in promql or "shop-" in promql for promql in asked.instants) is (limit == "3000")


def test_the_first_look_estimates_before_it_counts(tmp_path: Path, asked: Asked) -> None:
    instances, each = 30, 100
    times = range(AT - 600, AT + 1, 60)
    lines = [f'up{{job="a",instance="i-{n}"}} 1 {at}\n' for n in range(instances) for at in times]
    series = (
        f'job="a",instance="i-{n}",pod="p-{n}",handler="/{route}"' for n in range(instances) for route in range(each)
    )
    lines += [f'http_requests_total{{{labels},code="200"}} {at - AT + 900} {at}\n' for labels in series for at in times]
    path = tmp_path / "samples.om"
    path.write_text("".join([*lines, "# EOF\n"]))
    with Prometheus(path) as server:
        played = play(tmp_path, server.url, asked, part_series="1000")
        counts = [promql for promql in (*asked.instants, *asked.counted, *played.asked) if "http_requests" in promql]
        assert max(touched(server.url, promql) for promql in counts) <= 1000
        record = played.coverage[ERRORS]
    assert (record.query_series, record.thinned) == (instances * each, "")


@pytest.mark.parametrize("limit", ["1000", "5000"])
def test_what_cannot_be_asked_about_scrapes_is_said(tmp_path: Path, asked: Asked, limit: str) -> None:
    path = tmp_path / "samples.om"
    write_crowd(path, [Crowded("shop", "cart", failing=True)])
    times = range(AT - 3600, AT + 1, 60)
    pods = [f'up{{job="a",namespace="n-{n % 9}",pod="p-{n}"}} 1 {at}\n' for n in range(1200) for at in times]
    path.write_text("".join(pods) + path.read_text())
    with Prometheus(path) as server:
        played = play(tmp_path, server.url, asked, part_series="1000", most_series=limit)
    scrapes = [promql for promql in played.asked if promql.startswith("max by (namespace, pod") and "up{" in promql]
    assert found(played.outcome) >= {(ERRORS, "cart")}
    said = [text for text in played.outcome.warnings if "which workloads are scraped is not asked" in text]
    if limit == "1000":
        assert not scrapes
        assert "1,200 series, where the budget allows 1,000" in said[0]
    else:
        assert not said
        assert len(scrapes) > 1
        assert all("namespace" in promql.partition("up{")[2] for promql in scrapes)


def test_200_buckets_are_thinned_and_still_tell(tmp_path: Path, histograms: str, asked: Asked) -> None:
    played = play(tmp_path, histograms, asked, part_series="2000", most_series="2000")
    result, record = played.outcome.results[SLOW], played.coverage[SLOW]
    assert max(touched(histograms, promql) for promql in played.asked) <= 2000
    assert {name for row, name in found(played.outcome) if row == SLOW} == {"standard-3", "fine-3"}
    assert result.live == 2 * BUCKETED + 1
    assert re.search(
        r"8,\d\d\d series, where the budget allows 2,000: \d+ of 2\d\d bounds of histograms", record.thinned
    )
    assert "a factor of 1.5 or more apart" in record.thinned
    (slow,) = (each for each in result.observations if each.entity.name == "fine-3")
    assert 1 / 1.6 < slow.observed < 1.6, "a second, told no finer than its buckets are"
    # What is shown to check the number gives that number, and not the one of the whole histogram.
    client = PrometheusClient(PrometheusConnection(url=histograms))
    assert client.instant(slow.source.query, AT).values[0, 0] == pytest.approx(slow.observed, rel=0.01)
    client.close()


@pytest.mark.parametrize("server", [Prometheus, VictoriaMetrics])
def test_layouts_of_equal_size_are_thinned_each_by_itself(
    tmp_path: Path, asked: Asked, server: type[Prometheus | VictoriaMetrics]
) -> None:
    layouts = {"one": FINE, "other": tuple(bound * 0.98 for bound in FINE)}
    path = tmp_path / "samples.om"
    crowd = [
        Crowded("shop", f"{name}-{n}", bounds=bounds, slow=n == 3) for name, bounds in layouts.items() for n in range(9)
    ]
    write_crowd(path, crowd)
    with server(path) as started:
        played = play(tmp_path, started.url, asked, part_series="1000", most_series="1000")
        assert max(touched(started.url, promql) for promql in played.asked) <= 1000
    slow = [each for each in played.outcome.results[SLOW].observations if each.signal == SLOW]
    assert {each.entity.name for each in slow} == {"one-3", "other-3"}
    assert all(1 / 1.7 < each.observed < 1.7 for each in slow), [each.observed for each in slow]
    assert [promql for promql in asked.counted if "and ignoring" in promql]


def test_200_buckets_of_a_few_are_within_the_budget(tmp_path: Path, histograms: str, asked: Asked) -> None:
    played = play(tmp_path, histograms, asked)
    assert {name for row, name in found(played.outcome) if row == SLOW} == {"standard-3", "fine-3"}
    assert {record.thinned for record in played.coverage.values()} == {""}
    assert not [promql for promql in played.asked if "le=~" in promql]


def test_what_cannot_be_thinned_is_not_asked(tmp_path: Path, asked: Asked) -> None:
    """A number over the whole cluster would be wrong without some of its nodes."""
    names = [f"node-{number}" for number in range(1200)]
    lines = [
        f'{metric}{{job="node",instance="{name}"}} {at - AT + 3600} {at}\n'
        for metric in ("node_netstat_Tcp_RetransSegs", "node_netstat_Tcp_OutSegs")
        for name in names
        for at in range(AT - 3600, AT + 1, 120)
    ]
    path = tmp_path / "samples.om"
    path.write_text(
        "".join([*(f'up{{job="node",instance="a"}} 1 {at}\n' for at in range(AT - 3600, AT + 1, 120)), *lines])
    )
    with path.open("a") as out:
        out.write("# EOF\n")
    with Prometheus(path) as server:
        dear = play(tmp_path, server.url, asked, part_series="1000", most_series="1000")
        assert not [promql for promql in dear.asked if "netstat" in promql]
        (tmp_path / "fine").mkdir()
        fine = play(tmp_path / "fine", server.url, asked)
    record = dear.coverage[TCP]
    assert (record.status, record.query_series, record.thinned) == (Coverage.QUERY_ERROR, None, "")
    assert "not asked: it touches 1,200 series, where the budget allows 1,000" in record.detail
    assert fine.coverage[TCP].query_series == 2400
    assert fine.coverage[TCP].status is not Coverage.QUERY_ERROR
