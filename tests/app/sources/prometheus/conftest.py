from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from tests.app.sources.prometheus import shop
from tests.lab.servers import Prometheus, Server, VictoriaMetrics, servers_available

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", params=[Prometheus, VictoriaMetrics])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of each kind with the shop's samples, below a path prefix."""
    if not servers_available():
        pytest.skip("needs servers")
    with request.param(shop.openmetrics(), prefix="/metrics/main") as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[PrometheusClient]:
    asker = PrometheusClient(PrometheusConnection(url=server.url))
    yield asker
    asker.close()
