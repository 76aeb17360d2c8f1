from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app.sources.base import ServerInfo, SourceError, Trouble
from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from app.sources.prometheus.discovery import Discovery, Presence, discover
from app.sources.prometheus.rediscovery import INTERVAL, PATIENCE, Rediscovery
from tests.app.sources.prometheus import shop
from tests.app.sources.prometheus.scripted import Asked, Reply, ScriptedServer
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus, ScrapeTarget, VictoriaMetrics, wait_until

PRESENCE = {
    "client-lib": ["http_requests_total", "http_request_duration_seconds_count"],
    "kube-state-metrics": ["kube_pod_info", "kube_pod_owner"],
    "otel": ['http_requests_total{k8s_owner_name!=""}'],
    "stale": ["gone"],
    "istio": ["istio_requests_total"],
}


class TestRealServers:
    pytestmark = needs_servers

    @pytest.fixture
    def found(self, client: PrometheusClient) -> Discovery:
        return discover(client, PRESENCE, shop.AT, live=False)

    def test_conventions_are_present_with_their_cost_or_not_at_all(self, found: Discovery) -> None:
        assert set(found.conventions) == {"client-lib", "kube-state-metrics"}
        assert found.conventions["client-lib"].series == {
            "http_requests_total": 12,
            "http_request_duration_seconds_count": 6,
        }
        assert found.conventions["kube-state-metrics"].series == {"kube_pod_info": 11, "kube_pod_owner": 0}
        assert found.troubles == {}

    def test_labels_and_their_aliases(self, found: Discovery) -> None:
        assert found.conventions["client-lib"].status_label == "code"
        assert found.conventions["client-lib"].aliases == {}
        ksm = found.conventions["kube-state-metrics"]
        assert ksm.aliases == {"namespace": "exported_namespace", "pod": "exported_pod"}
        assert ksm.status_label == ""

    def test_the_fuller_of_two_jobs_that_scrape_the_same_is_chosen(self, found: Discovery) -> None:
        assert found.conventions["kube-state-metrics"].match == 'job="ksm-b"'
        assert found.conventions["client-lib"].match == ""

    def test_intervals(self, found: Discovery) -> None:
        assert found.interval == 15
        assert found.conventions["client-lib"].interval == 15
        assert found.conventions["kube-state-metrics"].interval == 60
        assert found.window(60, "client-lib") == 60
        assert found.window(30, "client-lib") == 60
        assert found.window(60, "kube-state-metrics") == 240
        assert found.window(60) == 60

    def test_the_newest_complete_sample_ends_the_grid(self, found: Discovery, client: PrometheusClient) -> None:
        assert found.newest == shop.AT
        assert found.complete(found.newest, 60) == shop.AT - 60
        assert found.complete(found.newest, 15) == shop.AT - 15
        later = discover(client, {}, shop.AT + 1200, live=False)
        assert later.newest is not None
        assert shop.AT - 60 <= later.newest <= shop.AT

    def test_targets_and_history(self, found: Discovery) -> None:
        assert (found.targets["shop"].up, found.targets["shop"].total) == (5, 6)
        assert found.targets["ksm-a"].up == 1
        assert not found.week

    def test_clock_skew_is_only_said_of_the_present(self, client: PrometheusClient, found: Discovery) -> None:
        assert found.skew is None
        clock = client.info().clock
        assert clock is not None
        skew = discover(client, {}, clock - 100).skew
        assert skew is not None
        assert 99 <= skew <= 110

    def test_yesterday(self, client: PrometheusClient) -> None:
        # The probe uses the presence selector with the fewest series; yesterday there is only `up`.
        assert discover(client, {"scrapes": ['up{job="shop"}']}, shop.AT, live=False).day
        assert not discover(client, {"scrapes": ['up{job="ksm-a"}']}, shop.AT, live=False).day
        # An exporter that came today does not take the others' past away.
        assert discover(client, {"old": ['up{job="shop"}'], "new": ['up{job="ksm-a"}']}, shop.AT, live=False).day

    def test_an_empty_scope(self, client: PrometheusClient) -> None:
        found = discover(client, PRESENCE, shop.AT, live=False, match='cluster="other"')
        assert found.conventions == {}
        assert found.newest is None


@needs_servers[0]
@needs_servers[1]
def test_pushed_metrics_have_an_interval_and_a_cluster_without_any_scrape() -> None:
    samples = "".join(f'calls_total{{cluster="eu",service_name="a"}} {i} {shop.AT - 600 + 30 * i}\n' for i in range(21))
    with Prometheus("# TYPE calls counter\n" + samples + "# EOF\n") as server:
        client = PrometheusClient(PrometheusConnection(url=server.url))
        found = discover(client, {"spans": ["calls_total"]}, shop.AT, live=False)
    assert found.conventions["spans"].interval == 30
    assert (found.cluster_label, found.clusters) == ("cluster", ("eu",))
    assert found.targets == {}


@needs_servers[1]
@pytest.mark.parametrize(("shards", "match"), [(("a", "b"), ""), (("a", "a"), 'job="ksm-1"')], ids=["shards", "twice"])
def test_jobs_that_scrape_each_their_own_are_all_kept(shards: tuple[str, str], match: str) -> None:
    lines = [f'up{{job="ksm-{job}",instance="i"}} 1 {shop.AT}\n' for job in range(2)]
    for job, shard in enumerate(shards):
        for pod in range(9):
            head = f'kube_pod_info{{job="ksm-{job}",namespace="{shard}",pod="{shard}-{pod}"}}'
            lines += [f"{head} 1 {at}\n" for at in (shop.AT - 60, shop.AT)]
    with Prometheus("".join([*lines, "# EOF\n"])) as server:
        client = PrometheusClient(PrometheusConnection(url=server.url))
        found = discover(client, {"kube-state-metrics": ["kube_pod_info"]}, shop.AT, live=False)
    assert found.conventions["kube-state-metrics"].match == match


@needs_servers[0]
@needs_servers[1]
def test_a_live_server() -> None:
    with VictoriaMetrics() as target:
        job = ScrapeTarget("self", [f"127.0.0.1:{target.port}"])
        with VictoriaMetrics(targets=[job], scrape_interval="1s") as server:
            client = PrometheusClient(PrometheusConnection(url=server.url))
            wait_until(lambda: b'"health":"up"' in server.get("/api/v1/targets")[1], "a scrape")
            # It remembers for ten seconds that it had nothing: do not ask before there is something.
            server.get("/internal/force_flush")
            clock = client.info().clock
            assert clock is not None
            wait_until(lambda: bool(client.instant("up", clock + 1).labels), "the scrape to be seen")
            found = discover(client, {"vm": ["vm_rows"]}, clock)
    assert found.conventions["vm"].live
    assert found.newest is not None
    assert abs(found.newest - clock) < 30


def vector(*values: float) -> Reply:
    series = ",".join(f'{{"metric":{{"job":"{i}"}},"value":[1,"{value}"]}}' for i, value in enumerate(values))
    return Reply(body=f'{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}'.encode())


@pytest.mark.parametrize("labels_too", [False, True])
def test_a_family_that_is_too_big_to_count_is_present_and_says_so(labels_too: bool) -> None:
    limit = Reply(422, b'{"status":"error","error":"the number of matching timeseries exceeds 10"}')

    def script(asked: Asked) -> Reply:
        if asked.path.endswith("/labels") and labels_too:
            return limit
        if asked.path.endswith(("/values", "/labels")):
            return Reply(body=b'{"status":"success","data":["big"]}')
        return limit if "count by (job) (big)" in asked.query.get("query", [""])[0] else vector()

    with ScriptedServer(script) as server:
        client = PrometheusClient(PrometheusConnection(url=server.url))
        found = discover(client, {"house": ["big"]}, 1_700_000_000.0)
    assert found.conventions["house"].series == {"big": None}
    assert found.conventions["house"].labels == (frozenset() if labels_too else {"big"})
    assert "exceeds 10" in found.troubles["big"]


@pytest.mark.parametrize(("told", "counted"), [(50_000, False), (500, True), (0, True)])
def test_what_few_targets_have_is_counted_in_parts_where_it_is_too_much_at_once(told: int, counted: bool) -> None:
    """One target may be all of another server, or an exporter of everything that a cluster has."""
    namespaces = [f"n{number}" for number in range(40)]

    def script(asked: Asked) -> Reply:
        if asked.path.endswith("/namespace/values"):
            return Reply(body=json.dumps({"status": "success", "data": namespaces}).encode())
        if asked.path.endswith(("/values", "/labels")):
            return Reply(body=b'{"status":"success","data":["big"]}')
        query = asked.query.get("query", [""])[0]
        if "scrape_samples_post_metric_relabeling" in query:
            return vector(told) if told else vector()
        return vector(1.0) if query.startswith("count by (job) (") else vector()

    with ScriptedServer(script) as server:
        client = PrometheusClient(PrometheusConnection(url=server.url))
        found = discover(client, {"house": ["big"]}, 1_700_000_000.0, at_once=10_000)
        asked = {each.query["query"][0] for each in server.asked if "query" in each.query}
    assert ("count by (job) (big)" in asked) is counted
    parts = {query for query in asked if query.startswith("count by (job) (big{namespace")}
    assert len(parts) == (0 if counted else 6)
    assert found.conventions["house"].series == {"big": 1 if counted else 6}


def test_a_selector_that_is_no_selector_is_absent_and_says_so() -> None:
    def script(asked: Asked) -> Reply:
        if asked.path.endswith(("/values", "/labels")):
            return Reply(body=b'{"status":"success","data":["bad","good"]}')
        query = asked.query.get("query", [""])[0]
        if "bad" in query:
            return Reply(400, b'{"status":"error","errorType":"bad_data","error":"parse error"}')
        return vector(3.0) if "count by (job) (good)" in query else vector()

    with ScriptedServer(script) as server:
        client = PrometheusClient(PrometheusConnection(url=server.url))
        found = discover(client, {"house": ["bad{", "good"], "other": ["bad{"]}, 1_700_000_000.0)
    assert {name: known.series for name, known in found.conventions.items()} == {"house": {"bad{": 0, "good": 3}}
    assert "parse error" in found.troubles["bad{"]


def test_a_server_that_fails_fails_the_discovery() -> None:
    with ScriptedServer(lambda _: Reply(401, b"")) as server, pytest.raises(SourceError) as caught:
        discover(PrometheusClient(PrometheusConnection(url=server.url)), PRESENCE, 1_700_000_000.0)
    assert caught.value.trouble is Trouble.UNAUTHENTICATED


# When to look again


def presence(name: str) -> Presence:
    return Presence(name, {"m": 1}, frozenset(), {}, (), 15.0)


class Look:
    def __init__(self) -> None:
        self.names: set[str] = set()
        self.times: list[float] = []
        self.failing = False

    def __call__(self, at: float) -> Discovery:
        self.times.append(at)
        if self.failing:
            raise SourceError(Trouble.UNREACHABLE, "down")
        info = ServerInfo("prometheus", "2", "http://x", at)
        found = Discovery(info, at, at, 0.0, 15.0, {}, {})
        return replace(found, conventions={name: presence(name) for name in self.names})


def test_it_looks_every_ten_minutes() -> None:
    look = Look()
    known = Rediscovery(look)
    for at in range(0, 1801, 60):
        known.current(float(at))
    assert look.times == [0, 600, 1200, 1800]


def test_a_convention_is_gone_only_after_an_hour() -> None:
    look = Look()
    known = Rediscovery(look)
    look.names = {"a", "b"}
    known.current(0.0)
    look.names = {"b"}
    assert set(known.current(PATIENCE).conventions) == {"a", "b"}
    assert set(known.current(PATIENCE + INTERVAL).conventions) == {"b"}
    look.names = {"a"}
    assert set(known.current(PATIENCE + 2 * INTERVAL).conventions) == {"a", "b"}


def test_a_failed_look_leaves_what_is_known_but_the_first_one_fails() -> None:
    look = Look()
    look.failing = True
    known = Rediscovery(look)
    with pytest.raises(SourceError):
        known.current(0.0)
    look.failing, look.names = False, {"a"}
    first = known.current(10.0)
    look.failing = True
    assert known.current(10.0 + INTERVAL) is first
    assert known.current(20.0 + INTERVAL) is first
    assert len(look.times) == 3


def test_mimir_needs_a_minute() -> None:
    found = Discovery(ServerInfo("mimir", "2", "http://x", 0), 0, 6_000.0, None, 15.0, {}, {})
    assert found.complete(6_000.0, 15) == 5_940
    assert replace(found, server=ServerInfo("prometheus", "2", "http://x", 0)).complete(6_000.0, 15) == 5_985
