from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pytest

from tests.lab.fixtures import needs_servers
from tests.lab.openmetrics import pages
from tests.lab.servers import Prometheus, Server, VictoriaMetrics
from tests.lab.simulation import Simulation

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_servers

END = 1_763_640_000
START = END - 900
RATES = {
    'sum(rate(http_requests_total{namespace="prod",job="catalog"}[5m]))': "prod/catalog",
    'sum(rate(http_server_request_duration_seconds_count{job="prod/storefront"}[5m]))': "prod/storefront",
    'sum(rate(istio_requests_total{destination_workload="payments"}[5m]))': "prod/payments",
    'sum(rate(http_server_requests_seconds_count{job="search"}[5m]))': "prod/search",
    'sum(rate(response_total{deployment="recommender"}[5m]))': "prod/recommender",
    'sum(rate(nginx_ingress_controller_requests{exported_service="api-gateway"}[5m]))': "prod/api-gateway",
    'sum(rate(http_server_request_duration_seconds_count{k8s_owner_name="reviews"}[5m]))': "prod/reviews",
}


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return Simulation(START, END)


@pytest.fixture(scope="module")
def backfill(simulation: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backfill") / "shop.om"
    simulation.backfill(path, [(START, END, 30)])
    return path


def value(server: Server, expression: str, at: float) -> float:
    status, body = server.get(f"/api/v1/query?query={quote(expression)}&time={at}")
    assert status == 200, body
    return float(json.loads(body)["data"]["result"][0]["value"][1])


@pytest.mark.parametrize("kind", [Prometheus, VictoriaMetrics])
def test_rates_in_real_servers_are_the_simulated_ones(
    kind: type[Server], backfill: Path, simulation: Simulation
) -> None:
    times = np.arange(END - 300, END, 30)
    with kind(backfill) as server:  # type: ignore[call-arg]
        for expression, key in RATES.items():
            truth = simulation.exporter.traffic.demand(simulation.shop.workload(key), times).mean()
            assert value(server, expression, END) == pytest.approx(truth, rel=0.12), key


def test_every_live_page_is_a_valid_exposition() -> None:
    times = np.arange(START, START + 300, 30)
    checked = pages(Simulation(START, END).exporter.collect(times, 30.0))
    assert len(checked) > 20
    for target, page in checked.items():
        done = subprocess.run(["promtool", "check", "metrics"], input=page, text=True, capture_output=True, check=False)
        # 3 is a matter of style: some real exporters name their metrics badly, and so does the lab.
        assert done.returncode in (0, 3), (target, done.stderr)
