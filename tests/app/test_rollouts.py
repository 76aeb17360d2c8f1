"""A bad release is told while its rollout is young; pods that only start badly are not told at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.rollouts import Rollout
from storage.database import Store
from tests.app.rig import Rig, observations, settings
from tests.lab.cases import NO_STALENESS
from tests.lab.faults import LATENCIES, Fault
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.objects import timeline
from tests.lab.servers import Prometheus
from tests.lab.shop import Route, Shop, Workload
from tests.lab.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

ERRORS = "http-server-5xx-spike"
START = 1_763_470_800
ROLLED = START + 2700 + 17
"""When all rollouts begin: not on the grid."""
END = ROLLED + 960
WATCHED = 300
"""Seconds after which a finding of a rollout is like any other."""

STORY = {
    "released": Fault("released", "bad-release", "shop/released", ROLLED, size=0.3),
    "mild": Fault("mild", "bad-release", "shop/mild", ROLLED, size=0.02),
    "slowed": Fault("slowed", "slow-release", "shop/slowed", ROLLED, size=6),
    "broken": Fault("broken", "errors", "shop/broken", ROLLED, size=0.2),
    "shaky": Fault("shaky", "shaky-rollout", "shop/shaky", ROLLED),
    "crowd": Fault("crowd", "shaky-rollout", "shop/crowd", ROLLED, size=0.9),
    "cold": Fault("cold", "cold-rollout", "shop/cold", ROLLED),
    "clean": Fault("clean", "clean-rollout", "shop/clean", ROLLED),
}
"""By workload. What is broken is not rolled out at all."""


def _shop() -> Shop:
    routes = (Route("/api/items"),)
    sizes = dict.fromkeys(STORY, 2) | {"crowd": 6}
    return Shop(
        tuple(
            Workload("shop", name, size, rate=20.0, conventions=("client-lib",), routes=routes, startup=8.0)
            for name, size in sizes.items()
        ),
        daily=0.0,
    )


@pytest.fixture(scope="module", params=[15, 30], ids="scraped every {} s".format)
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """By workload and row: seconds after the rollout began at which it was found first."""
    folder = tmp_path_factory.mktemp("rollouts")
    simulation = Simulation(START, END + 60, tuple(STORY.values()), _shop())
    simulation.backfill(folder / "all.om", [(START, END, request.param)])
    pending = timeline(simulation.history, simulation.faults, START)
    first: dict[tuple[str, str], float] = {}
    with (
        Prometheus(folder / "all.om", flags=NO_STALENESS) as server,
        KubernetesApi() as api,
        Store.open(folder / "tocsin.db") as store,
        Rig(settings(folder, prometheus=server.url, kubeconfig=api.kubeconfig(folder / "config")), store, START, api)
        as rig,
    ):  # fmt: skip
        for at in range(ROLLED - 57, END, 30):
            due, pending = [c for c in pending if c.at <= at], [c for c in pending if c.at > at]
            for change in due:
                (api.delete if change.deleted else api.put)(change.manifest)
            for each in observations(rig.cycle(at)):
                first.setdefault((each.entity.name, each.signal), at - ROLLED)
    yield first


@needs_servers[1]
def test_a_bad_release_is_found_before_its_rollout_has_aged(seen: dict) -> None:
    assert seen["released", ERRORS] < WATCHED
    assert any(seen.get(("slowed", row), END) < WATCHED for row in LATENCIES)


@needs_servers[1]
def test_what_is_hardly_bad_is_found_once_the_rollout_has_aged(seen: dict) -> None:
    assert seen["released", ERRORS] < seen["mild", ERRORS] < WATCHED + 120


@needs_servers[1]
def test_what_is_not_rolled_out_waits_for_nothing(seen: dict) -> None:
    assert seen["broken", ERRORS] < seen["released", ERRORS]


@pytest.mark.parametrize(
    ("ready", "share"),
    [((), 1.0), ((None,), 1.0), ((0.0, 0.0), 0.0), ((0.0, None), 0.5), ((70.0,), 0.5), ((40.0, 70.0), 0.25)],
)
def test_the_share_of_a_minute_in_which_pods_were_starting(ready: tuple[float | None, ...], share: float) -> None:
    assert Rollout(0.0, ready).starting(100.0, 160.0, settling=60.0) == share


@needs_servers[1]
@pytest.mark.parametrize("name", ["shaky", "crowd", "cold", "clean"])
def test_starting_pods_are_no_finding_neither_then_nor_later(seen: dict, name: str) -> None:
    assert not {row: at for (workload, row), at in seen.items() if workload == name}
