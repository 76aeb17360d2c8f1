from __future__ import annotations

import numpy as np
import pytest

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from detectors.series import Grid
from tests.app.sources.prometheus import shop
from tests.app.sources.prometheus.scripted import EMPTY_MATRIX, Asked, Reply, ScriptedServer
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus, Server, VictoriaMetrics

GRID = Grid(shop.AT, 60, 30)
SECONDS = shop.MINUTES * 60


class TestRealServers:
    pytestmark = needs_servers

    def test_info(self, client: PrometheusClient, server: Server) -> None:
        info = client.info()
        if isinstance(server, Prometheus):
            assert info.product == "prometheus"
            assert info.version.startswith("2.")
        else:
            assert info.product == "victoria-metrics"
        assert info.url == server.url
        assert info.clock is not None
        assert info.clock > shop.AT

    def test_counters_by_status(self, client: PrometheusClient) -> None:
        block = client.range("sum by (namespace, code) (rate(http_requests_total[2m]))", GRID)
        assert set(block.labels) == {
            (("code", code), ("namespace", name)) for code in ("200", "500") for name in shop.SERVICES
        }
        assert block.times.tolist() == GRID.times.tolist()
        for labels, values in zip(block.labels, block.values, strict=True):
            share = 0.01 if dict(labels)["code"] == "500" else 0.99
            np.testing.assert_allclose(values, share * shop.RATE * shop.PODS, rtol=1e-3)

    def test_histogram_buckets(self, client: PrometheusClient) -> None:
        block = client.range("sum by (le) (rate(http_request_duration_seconds_bucket[2m]))", GRID)
        newest = {
            float(dict(labels)["le"]): values[-1] for labels, values in zip(block.labels, block.values, strict=True)
        }
        total = shop.RATE * shop.PODS * len(shop.SERVICES)
        assert newest == pytest.approx({0.1: total / 2, 0.5: total * 0.9, float("inf"): total}, rel=1e-3)

    def test_gaps_are_nan(self, client: PrometheusClient) -> None:
        values = client.range("last_over_time(gone[60s])", GRID).values[0]
        assert 1 <= np.isfinite(values).sum() <= 2
        none = client.range("no_such_metric", GRID)
        assert none.values.shape == (0, GRID.points)

    def test_instant(self, client: PrometheusClient) -> None:
        block = client.instant("count by (job) (up)", shop.AT)
        assert {dict(labels)["job"]: value for labels, (value,) in zip(block.labels, block.values, strict=True)} == {
            "shop": 6,
            "ksm-a": 1,
            "ksm-b": 1,
        }
        assert client.instant("3.5", shop.AT).values.tolist() == [[3.5]]
        assert client.instant("up < 0", shop.AT).labels == ()

    def test_labels(self, client: PrometheusClient) -> None:
        start = shop.AT - 3600
        assert client.label_values("namespace", ["http_requests_total"], start, shop.AT) == shop.SERVICES
        names = client.label_names(["http_requests_total"], start, shop.AT)
        assert set(names) == {"__name__", "job", "namespace", "pod", "code"}
        assert "kube_pod_info" in client.label_values("__name__", [], start, shop.AT)

    def test_a_bad_expression_is_rejected_with_the_servers_words(self, client: PrometheusClient) -> None:
        with pytest.raises(SourceError) as caught:
            client.range("sum by (", GRID)
        assert caught.value.trouble is Trouble.REJECTED

    def test_a_wrong_prefix_names_what_was_asked(self, server: Server) -> None:
        wrong = PrometheusConnection(url=server.url.replace("/metrics/main", "/other"))
        for call in (lambda c: c.info(), lambda c: c.instant("1", 0)):
            with pytest.raises(SourceError, match=r"/other/api/v1/query: 40") as caught:
                call(PrometheusClient(wrong))
            assert caught.value.trouble is Trouble.NOT_FOUND
            assert "prefix" in caught.value.hint

    def test_long_expressions_pass(self, client: PrometheusClient) -> None:
        names = "|".join(f"service-number-{i}" for i in range(300))
        block = client.range(f'sum(rate(http_requests_total{{namespace=~"cart|{names}"}}[2m]))', GRID)
        assert block.values.shape == (1, GRID.points)


class TestLimits:
    pytestmark = needs_servers

    EXPRESSION = "sum by (namespace, pod, code) (rate(http_requests_total[5m]))"

    @pytest.mark.parametrize(
        ("kind", "flags"),
        [
            # 12 series x (20 samples of 5 m, or 30 points): a third of them at a time passes.
            (Prometheus, ["--query.max-samples=250"]),
            (VictoriaMetrics, ["-search.maxUniqueTimeseries=8"]),
            (VictoriaMetrics, ["-search.maxPointsPerTimeseries=9"]),
            (VictoriaMetrics, ["-search.maxUniqueTimeseries=8", "-search.maxPointsPerTimeseries=9"]),
        ],
    )
    def test_splitting_gives_the_same_numbers(
        self, kind: type[Server], flags: list[str], client: PrometheusClient, server: Server
    ) -> None:
        if not isinstance(server, kind):
            pytest.skip("the other kind")
        whole = client.range(self.EXPRESSION, GRID)
        with kind(shop.openmetrics(), flags=flags) as small:  # type: ignore[call-arg]
            limited = PrometheusClient(PrometheusConnection(url=small.url))
            with pytest.raises(SourceError) as caught:
                limited._range_once(self.EXPRESSION, GRID)
            assert caught.value.trouble is Trouble.LIMITED
            for _ in range(2):
                parts = limited.range(self.EXPRESSION, GRID)
                rows = [whole.labels.index(labels) for labels in parts.labels]
                assert sorted(rows) == list(range(12))
                np.testing.assert_allclose(parts.values, whole.values[rows], rtol=1e-9)
            limited.close()

    @pytest.mark.parametrize(
        ("promql", "end"),
        [
            ("max(rate(http_requests_total[5m])) or vector(0)", shop.AT),
            ("sum by (code) (rate(http_requests_total[5m]))", shop.AT),
        ],
    )
    def test_what_cannot_be_divided_fails_with_the_servers_words(self, promql: str, end: int) -> None:
        with Prometheus(shop.openmetrics(), flags=["--query.max-samples=50"]) as small:
            limited = PrometheusClient(PrometheusConnection(url=small.url))
            with pytest.raises(SourceError, match="too many samples") as caught:
                limited.range(promql, Grid(end, 60, 30))
        assert caught.value.trouble is Trouble.LIMITED

    def test_eleven_thousand_points(self, client: PrometheusClient) -> None:
        grid = Grid(shop.AT, 1, 12_001)
        block = client.range('up{job="ksm-a"}', grid)
        assert block.values.shape == (1, 12_001)
        assert np.isfinite(block.values[0, -SECONDS:]).all()
        assert np.isnan(block.values[0, : -SECONDS - 600]).all()


def answering(build: bytes, status: int = 200, **headers: str) -> ScriptedServer:
    def script(asked: Asked) -> Reply:
        if asked.path.endswith("buildinfo"):
            return Reply(status, build, {"Content-Type": "application/json", **headers})
        return Reply(body=EMPTY_MATRIX, headers=headers)

    return ScriptedServer(script)


@pytest.mark.parametrize(
    ("build", "status", "headers", "product", "version"),
    [
        (b'{"status":"success","data":{"version":"3.5.0","revision":"x"}}', 200, {}, "prometheus", "3.5.0"),
        (b'{"status":"success","data":{"version":"0.37.2"}}', 200, {}, "thanos", "0.37.2"),
        (
            b'{"status":"success","data":{"application":"Grafana Mimir","version":"2.14.0","features":{"a":"b"}}}',
            200,
            {},
            "mimir",
            "2.14.0",
        ),
        (b'{"status":"success","data":{"version":"2.24.0"}}', 200, {"X-Server-Hostname": "vm"}, "victoria-metrics", ""),
        (b"404 page not found", 404, {}, "unknown", ""),
        (b"", 403, {"X-Server-Hostname": "vmselect"}, "victoria-metrics", ""),
    ],
)
def test_products_are_told_apart(
    build: bytes, status: int, headers: dict[str, str], product: str, version: str
) -> None:
    with answering(build, status, **headers) as server:
        info = PrometheusClient(PrometheusConnection(url=server.url)).info()
    assert (info.product, info.version) == (product, version)


def test_thanos_gets_its_own_parameters_and_others_do_not() -> None:
    for version, extra in (("0.37.2", True), ("2.42.0", False)):
        with answering(b'{"status":"success","data":{"version":"%s"}}' % version.encode()) as server:
            client = PrometheusClient(PrometheusConnection(url=server.url))
            client.info()
            client.range("up", GRID)
        query = server.asked[-1].query
        assert (query.get("max_source_resolution") == ["0s"]) is extra
        assert (query.get("dedup") == ["true"]) is extra


def test_a_login_that_fails_is_not_taken_for_a_missing_endpoint() -> None:
    with answering(b"", 401) as server, pytest.raises(SourceError) as caught:
        PrometheusClient(PrometheusConnection(url=server.url)).info()
    assert caught.value.trouble is Trouble.UNAUTHENTICATED
