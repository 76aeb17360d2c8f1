"""Whatever Tocsin does, it only reads: every request of whole runs is looked at from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.cli import main
from app.exits import Exit
from storage.database import Store
from tests.app.gate import Gate
from tests.app.rig import Rig, settings
from tests.lab.demo import World
from tests.lab.faults import Fault
from tests.lab.fixtures import needs_servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_servers

START = 1_763_470_800
FAULT = Fault("cart-crash", "crash-loop", "prod/cart", START + 60, 600)
QUERIES = ("/api/v1/query", "/api/v1/query_range", "/api/v1/labels", "/api/v1/series")
"""What Prometheus lets one ask by POST, for expressions too long for a URL."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World((FAULT,), START, START + 600, days=0) as started:
        yield started


def test_a_run_against_a_cluster_and_a_metrics_server_only_reads(world: World, tmp_path: Path) -> None:
    world.api.requests.clear()
    with Gate(world.prometheus_url) as gate, Store.open(tmp_path / "tocsin.db") as store:
        loaded = settings(tmp_path, prometheus=gate.url, kubeconfig=world.kubeconfig)
        with Rig(loaded, store, START, world.api) as rig:
            for at in range(START, START + 240, 30):
                world.advance(at)
                rig.cycle(at)
            rig.run.checks()
        assert store.anomalies.unresolved(world.context)
    assert len(gate.requests) > 20
    assert not [each for each in gate.requests if not _reads(*each)]
    assert {"/api/v1/pods", "/api/v1/nodes"} <= {path.partition("?")[0] for _, path in world.api.requests}
    assert {method for method, _ in world.api.requests} == {"GET"}


def test_through_the_api_server_even_queries_are_gets(world: World, tmp_path: Path) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "prometheus", "namespace": "monitoring", "labels": {"app": "prometheus"}},
        "spec": {"ports": [{"name": "web", "port": 9090}], "selector": {"app": "prometheus"}},
    }
    world.api.put(service)
    for port in ("9090", "web"):
        world.api.route("monitoring", "prometheus", port, world.prometheus_url)
    world.api.requests.clear()
    try:
        loaded = settings(tmp_path, kubeconfig=world.kubeconfig)
        with Store.open(tmp_path / "tocsin.db") as store, Rig(loaded, store, START + 240, world.api) as rig:
            outcome = rig.cycle()
    finally:
        world.api.delete(service)
    assert outcome.metrics is None
    assert outcome.results["http-server-5xx-spike"].live > 0
    assert any("/proxy/api/v1/query_range" in path for _, path in world.api.requests)
    assert {method for method, _ in world.api.requests} == {"GET"}


@pytest.mark.parametrize("command", ["doctor", "scan", "coverage"])
def test_commands_only_read(world: World, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world.api.requests.clear()
    (tmp_path / "config.toml").touch()
    with Gate(world.prometheus_url) as gate:
        options = ["--prometheus", gate.url, "--kubeconfig", str(world.kubeconfig), "--db", str(tmp_path / "t.db")]
        code = main([command, *options, "--config", str(tmp_path / "config.toml")])
    assert code in (Exit.OK, Exit.FINDINGS)
    assert capsys.readouterr().out
    assert gate.requests
    assert not [each for each in gate.requests if not _reads(*each)]
    assert {method for method, _ in world.api.requests} == {"GET"}


def _reads(method: str, path: str) -> bool:
    return method == "GET" or (method == "POST" and path.partition("?")[0] in QUERIES)
