"""Incidents that outlast every window: what the baseline can no longer tell must not pass for recovered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage.database import Store
from storage.history import Act
from storage.records import AnomalyState
from tests.app.rig import Rig, settings
from tests.lab.demo import World
from tests.lab.faults import Fault
from tests.lab.fixtures import needs_servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.engine import Outcome
    from storage.records import AnomalyRecord

pytestmark = needs_servers

START = 1_763_470_800
BEGIN, OVER = START + 300, START + 6000
END = OVER + 1800
STEP = 120
FAULTS = (
    Fault("checkout-errors", "errors", "prod/checkout", BEGIN, OVER - BEGIN, 0.3),
    Fault("storefront-outage", "drop", "prod/storefront", BEGIN, OVER - BEGIN, 0.0),
    Fault("cart-errors", "errors", "prod/cart", BEGIN, OVER - BEGIN, 0.2),
)
ERRORS, OUTAGE = ("http-server-5xx-spike", "checkout"), ("http-server-request-rate-drop", "storefront")
TOLERATED = ("http-server-5xx-spike", "cart")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(FAULTS, START, END, days=0) as started:
        yield started


def _play(rig: Rig, first: float, until: float) -> Outcome:
    outcome = rig.cycle(first)
    for at in range(int(first) + STEP, int(until) + 1, STEP):
        outcome = rig.cycle(at)
    return outcome


def _living(store: Store, cluster: str) -> dict[tuple[str, str], AnomalyRecord]:
    return {(a.signal, a.entity.name): a for a in store.anomalies.unresolved(cluster)}


def test_an_incident_is_one_incident_however_long_it_lasts(world: World, tmp_path: Path) -> None:
    loaded = settings(tmp_path, prometheus=world.prometheus_url)
    with Store.open(tmp_path / "tocsin.db") as store, Rig(loaded, store, START) as rig:
        cluster = rig.run.cluster
        _play(rig, START, BEGIN + 1200)
        found = _living(store, cluster)
        assert {ERRORS, OUTAGE, TOLERATED} <= found.keys()
        store.history.act(
            [found[TOLERATED].investigation], Act.CLOSE, {"closed_at": rig.clock.now()}, actor="me", at=rig.clock.now()
        )

        for at in range(BEGIN + 1200 + STEP, OVER + 1, STEP):
            rig.cycle(at)
            living = _living(store, cluster)
            for key in (ERRORS, OUTAGE):
                assert living[key].id == found[key].id, f"{key} after {(at - BEGIN) / 60:.0f} min"
                assert living[key].state is AnomalyState.OPEN
                assert living[key].reopened == 0

        assert TOLERATED not in _living(store, cluster), "what the engineer closed is what is normal from then on"
        _play(rig, OVER + STEP, END)
        assert not {ERRORS, OUTAGE, TOLERATED} & _living(store, cluster).keys()
        ids = {anomaly.id for case in store.investigations.page(cluster) for anomaly in store.anomalies.of(case.id)}
        assert {found[ERRORS].id, found[OUTAGE].id} <= ids
