"""A healthy hour of everything at once says nothing: all conventions, a daily swing, rollouts, jobs, autoscaling.

The simulated shop, instrumented in every way that the lab knows, and beside it every instrument of the catalogue. It is
judged every five minutes of the hour, so that no evaluation is left out.
"""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from detectors.catalog import DetectorKind, load
from detectors.model import Coverage
from storage.database import Store
from tests.app.rig import Rig, observations, settings
from tests.lab.cases import AT, INTERVAL, NO_STALENESS
from tests.lab.conventions import CONVENTIONS
from tests.lab.faults import Fault
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.objects import timeline
from tests.lab.servers import Prometheus
from tests.lab.shop import ROUTES, SHOP
from tests.lab.simulation import Simulation
from tests.lab.stories import HISTORY
from tests.lab.synthesis import DAY, healthy, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.engine import Outcome

pytestmark = needs_servers

CATALOGUE = load()
LIVE_ROWS = [
    row for row in CATALOGUE.rows if not row.planned and row.detector is not DetectorKind.RIGHT_SIZING_PERCENTILE
]
"""Those that find; advice takes days."""
HOUR = 3600
MOMENTS = range(AT - HOUR, AT + 1, 300)
WITHOUT_OBJECTS = MOMENTS[::3]
"""Most rows are judged by the same metrics in both ways."""
MOST = 1
"""Findings of the whole hour, over all rows and entities."""
FAULTS = [
    Fault("catalog", "clean-rollout", "prod/catalog", AT - 3000.0),
    Fault("reviews", "clean-rollout", "prod/reviews", AT - 1500.0),
    Fault("cart", "clean-rollout", "prod/cart", AT - 400.0),
    Fault("recommender", "scale-up", "prod/recommender", AT - 2000.0),
    Fault("search", "scale-down", "prod/search", AT - 1000.0),
]


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    """Served workloads take turns in being seen by two more conventions each, until all are in use."""
    turns = cycle(CONVENTIONS)
    workloads = [
        replace(each, routes=ROUTES[:1], conventions=tuple({*each.conventions, next(turns), next(turns)}))
        if each.conventions
        else each
        for each in SHOP.workloads
    ]
    shop = replace(SHOP, workloads=tuple(workloads))
    assert {name for each in workloads for name in each.conventions} == set(CONVENTIONS)
    return Simulation(AT - DAY - HOUR - HISTORY, AT + 60, FAULTS, shop)


@pytest.fixture(scope="module")
def server(simulation: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    path = tmp_path_factory.mktemp("healthy") / "samples.om"
    begun = AT - HOUR - HISTORY
    simulation.backfill(path, [(begun - DAY, AT - DAY, INTERVAL), (begun, AT, INTERVAL)])
    os.truncate(path, path.stat().st_size - len("# EOF\n"))
    write(healthy(CATALOGUE), path, AT, HOUR + HISTORY, append=True)
    with Prometheus(path, flags=NO_STALENESS) as started:
        yield started


def assert_seen(outcome: Outcome, rows: set[str]) -> None:
    """Silence counts only where the rows looked at something."""
    statuses = {row: result.status for row, result in outcome.results.items() if row in rows}
    assert statuses == dict.fromkeys(rows, Coverage.LIVE)
    assert sum(result.live for result in outcome.results.values()) > 1000


def test_with_objects(simulation: Simulation, server: Prometheus, tmp_path: Path) -> None:
    begun = AT - HOUR
    changes = timeline(simulation.history, FAULTS, begun)
    with KubernetesApi() as api, Store.open(tmp_path / "tocsin.db") as store:
        for change in (each for each in changes if each.at <= begun):
            (api.delete if change.deleted else api.put)(change.manifest)
        loaded = settings(tmp_path, prometheus=server.url, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig"))
        found, before = set(), begun
        with Rig(loaded, store, begun, api) as rig:
            for moment in MOMENTS:
                for change in (each for each in changes if before < each.at <= moment):
                    (api.delete if change.deleted else api.put)(change.manifest)
                outcome, before = rig.cycle(moment), moment
                found |= {(each.signal, each.entity.key) for each in observations(outcome)}
    assert len(found) <= MOST, found
    # What the API server says of itself is as old as the last real second; the test's clock runs ahead of it.
    assert_seen(outcome, {row.id for row in LIVE_ROWS} - {"apiserver-not-ready"})


def test_with_metrics_alone(server: Prometheus, tmp_path: Path) -> None:
    found = set()
    with Store.open(tmp_path / "tocsin.db") as store, Rig(settings(tmp_path, prometheus=server.url), store, AT) as rig:
        for moment in WITHOUT_OBJECTS:
            outcome = rig.cycle(moment)
            found |= {(each.signal, each.entity.key) for each in observations(outcome)}
    assert len(found) <= MOST, found
    told = {row.id for row in LIVE_ROWS if any(source.judges(row) for source in CATALOGUE.sources(row.id))}
    # The shop has its kube-state-metrics under exported_namespace; joins over the one beside it then find nothing.
    assert_seen(outcome, told - {"rollout-stuck", "hpa-at-maximum"})
