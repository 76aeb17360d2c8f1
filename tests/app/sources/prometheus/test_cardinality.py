"""How many series expressions touch: by what is known, by one question for all names, and exactly."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.cardinality import Cardinality
from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from tests.app.sources.prometheus import shop
from tests.app.sources.prometheus.scripted import ScriptedServer
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus

REQUESTS = 'sum by (namespace, code) (rate(http_requests_total{namespace!="",job="shop"}[60s]))'
BOTH = f"{REQUESTS} / on (namespace) group_left () sum by (namespace) (kube_pod_info)"


class TestRealServers:
    pytestmark = needs_servers

    def test_a_wider_selector_bounds_a_narrower_one(self, client: PrometheusClient) -> None:
        counted = {"http_requests_total": 100, 'http_requests_total{job="shop"}': 12, 'http_requests_total{x="y"}': 3}
        known = Cardinality(client, counted, shop.AT)
        assert known.at_most(REQUESTS) == 12
        assert known.at_most("rate(http_requests_total[5m])") == 100
        assert known.at_most("http_requests_total + http_requests_total") == 200
        assert known.at_most(BOTH) is None, "nobody has looked at the other metric"

    def test_all_names_that_nothing_bounds_are_counted_in_one_question(self, client: PrometheusClient) -> None:
        known = Cardinality(client, {"http_requests_total": 12}, shop.AT)
        known.learn([BOTH, 'kube_pod_info{namespace="cart"}', "absent_metric", "http_requests_total"])
        assert known.at_most(BOTH) == 12 + 11
        assert known.at_most('kube_pod_info{namespace="cart"}') == 11
        assert known.at_most("absent_metric") == 0

    def test_names_for_more_than_one_question_keep_what_each_was_told(self, client: PrometheusClient) -> None:
        known = Cardinality(client, {}, shop.AT)
        around = [f"{letter}_absent_metric_{number:040}" for letter in "az" for number in range(100)]
        known.learn([*around, BOTH])
        assert known.at_most(REQUESTS) == 12
        assert known.at_most(BOTH) == 12 + 11
        assert {known.at_most(name) for name in around} == {0}

    def test_the_scope_counts(self, client: PrometheusClient) -> None:
        known = Cardinality(client, {}, shop.AT, 'namespace="cart"')
        known.learn(["http_requests_total"])
        assert known.at_most("http_requests_total") == 4

    def test_series_by_label(self, client: PrometheusClient) -> None:
        known = Cardinality(client, {}, shop.AT)
        assert known.by(REQUESTS, ("namespace",)) == Counter({(name,): 4 for name in shop.SERVICES})
        assert known.by(REQUESTS, ("code", "nowhere")) == Counter({("200", ""): 6, ("500", ""): 6})
        assert known.by(REQUESTS, ()) == Counter({(): 12})
        assert known.by("absent_metric", ()).total() == 0

    def test_what_the_server_does_not_count_as_a_whole_is_counted_in_parts(self) -> None:
        with Prometheus(shop.openmetrics(), flags=["--query.max-samples=9"]) as server:
            client = PrometheusClient(PrometheusConnection(url=server.url))
            known = Cardinality(client, {"other": None}, shop.AT)
            known.learn([REQUESTS])
            assert known.at_most(REQUESTS) == math.inf
            assert known.by(REQUESTS, ("namespace",)).total() == 12
            with pytest.raises(SourceError) as refused:
                known.by(REQUESTS, ())
            assert refused.value.trouble is Trouble.LIMITED
            client.close()


def test_what_has_no_name_is_bounded_by_nothing() -> None:
    with ScriptedServer(lambda _: pytest.fail("nothing is to be asked")) as server:
        client = PrometheusClient(PrometheusConnection(url=server.url))
        known = Cardinality(client, {}, shop.AT)
        known.learn(['{__name__=~"a|b"}'])
        assert known.at_most('{__name__=~"a|b"}') == math.inf
        client.close()
