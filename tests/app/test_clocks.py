"""A clock that is off is told: ages, windows and onsets are wrong by as much."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from app.engine import CLOCK_SECONDS
from storage.database import Store
from tests.app.missing import openmetrics
from tests.app.rig import Rig, settings, wait_for
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.servers import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_servers


@pytest.fixture(scope="module")
def server() -> Iterator[Prometheus]:
    with Prometheus(openmetrics()) as started:
        yield started


def _said(server: Prometheus, folder: Path, off: float) -> list[str]:
    """What a cycle says of clocks when this machine's is that many seconds ahead of the servers'."""
    with KubernetesApi() as api, Store.open(folder / "tocsin.db") as store:
        loaded = settings(folder, prometheus=server.url, kubeconfig=api.kubeconfig(folder / "kubeconfig"))
        with Rig(loaded, store, time.time() + off, api, live=True) as rig:
            wait_for(lambda: rig.run.sources.objects.state(0).readyz is not None, "the API server is not asked")  # type: ignore[union-attr]
            return [text for text in rig.cycle().warnings if text.startswith("the clock of ")]


@pytest.mark.parametrize(("off", "way"), [(300.0, "behind"), (-300.0, "ahead of")])
def test_a_clock_that_is_off_is_told_for_each_server(server: Prometheus, tmp_path: Path, off: float, way: str) -> None:
    prometheus, api = _said(server, tmp_path, off)
    for text, name in ((prometheus, "Prometheus"), (api, "the API server")):
        clock, _, distance = text.partition(" is ")
        seconds, _, rest = distance.partition(" s ")
        assert (clock, rest) == (f"the clock of {name}", f"{way} this machine's")
        assert abs(float(seconds) - abs(off)) < CLOCK_SECONDS


@pytest.mark.parametrize("off", [0.0, CLOCK_SECONDS / 2])
def test_a_clock_that_is_near_is_not(server: Prometheus, tmp_path: Path, off: float) -> None:
    assert _said(server, tmp_path, off) == []
