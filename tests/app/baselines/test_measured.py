"""Lines of what a server's numbers say: the broken workload first, the healthy ones with their values and queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.baselines.lines import baselines, charts, said
from app.opening import open_catalogue
from app.workload_coverage import seen
from detectors.model import Coverage
from storage.database import Store
from tests.app.rig import Rig, settings
from tests.lab.cases import NO_STALENESS
from tests.lab.faults import Fault
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus
from tests.lab.shop import Route, Shop, Workload
from tests.lab.simulation import Simulation

if TYPE_CHECKING:
    from pathlib import Path

START = 1_763_470_800
BROKEN = START + 3600
AT = BROKEN + 480
NAMES = ("admin", "broken", "cart")
RATE = 20.0


@needs_servers[1]
def test_every_workload_is_told_and_the_broken_one_first(tmp_path: Path) -> None:
    routes = (Route("/api/items"),)
    workloads = (Workload("shop", n, rate=RATE, conventions=("client-lib",), routes=routes) for n in NAMES)
    faults = (Fault("broken", "errors", "shop/broken", BROKEN, size=0.3),)
    simulation = Simulation(START, AT + 60, faults, Shop(tuple(workloads), daily=0.0))
    simulation.backfill(tmp_path / "all.om", [(START, AT + 30, 30)])
    with Prometheus(tmp_path / "all.om", flags=NO_STALENESS) as server:
        loaded = settings(tmp_path, prometheus=server.url)
        with Store.open(tmp_path / "tocsin.db") as store, Rig(loaded, store, AT, investigating=False) as rig:
            outcome, cluster = rig.cycle(), rig.run.cluster
    kept, coverage = said(outcome), seen(outcome, open_catalogue(loaded), loaded)
    assert all(batch.measurement.parts == () for batch in kept.batches)
    lines = [line for line in baselines(kept, coverage, cluster).lines if line.name in NAMES]
    assert [line.name for line in lines] == ["broken", "admin", "cart"]
    for line in lines:
        rate, errors, latency = line.readings[:3]
        assert {reading.status for reading in (rate, errors, latency)} == {Coverage.LIVE}
        assert 0.7 * RATE < rate.value < 1.3 * RATE
        assert errors.out == (line.name == "broken") == (errors.score >= 1)
        assert (errors.value > 0.1) == errors.out
        assert not latency.out
    told = {chart.headline: chart for chart in charts(kept, coverage, cluster, lines[0].number)}
    assert 'namespace="shop"' in told["errors"].query and 'job="broken"' in told["errors"].query
    assert told["errors"].high < told["errors"].reading.value
