"""A real server's native histograms, as buckets."""

from __future__ import annotations

import time

import numpy as np
import pytest

from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from detectors.series import Grid
from tests.app.sources.prometheus.remote_write import FLAGS, write_histograms
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus

pytestmark = needs_servers

SCHEMA = 0
"""Bucket bounds are powers of two: index 0 ends at 1, index 1 at 2, index 2 at 4."""
PER_MINUTE = (60, 120, 30)


def test_rates_of_native_histograms_are_buckets_per_second() -> None:
    end = int(time.time()) // 60 * 60
    samples = [(end - 60 * (9 - i), tuple(count * (i + 1) for count in PER_MINUTE)) for i in range(10)]
    with Prometheus(flags=FLAGS) as server:
        write_histograms(server.url, {"__name__": "latency", "service": "cart"}, samples, SCHEMA)
        client = PrometheusClient(PrometheusConnection(url=server.url))
        block = client.range("sum by (service) (rate(latency[3m]))", Grid(end, 60, 4))
        instant = client.instant("latency", end)
        client.close()
    rates = {dict(labels)["le"]: values for labels, values in zip(block.labels, block.values, strict=True)}
    assert list(rates) == ["1", "2", "4", "+Inf"]
    for le, per_minute in zip(rates, np.cumsum(PER_MINUTE), strict=False):
        assert rates[le] == pytest.approx(np.full(4, per_minute / 60), rel=1e-6)
    np.testing.assert_allclose(rates["+Inf"], sum(PER_MINUTE) / 60, rtol=1e-6)
    assert all(dict(labels)["service"] == "cart" for labels in block.labels)
    assert instant.values[-1, 0] == 10 * sum(PER_MINUTE)
