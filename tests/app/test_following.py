"""When the kubelets are asked: only while it is certain that nobody else tells what they could."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from app.sampling import asked_of_kubelets
from app.sources.base import Trouble
from app.sources.kubernetes.resources import SUMMARY
from detectors.catalog import load
from detectors.cluster import AccessStatus
from detectors.model import Coverage
from storage.database import Store
from tests.app.gate import Gate
from tests.app.rig import Rig, settings, wait_for
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.listed import item
from tests.lab.servers import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_servers

START = 1_763_470_800
LATER = START + 1800
"""When somebody begins to scrape the volumes."""
ROW = "pvc-usage"
VOLUMES = tuple(f"kubelet_volume_stats_{what}_bytes" for what in ("used", "available", "capacity"))


def samples() -> str:
    """A server that scrapes from the start, and volumes only later."""
    lines = ["# TYPE up gauge"]
    lines += [f'up{{job="kubelet",instance="n"}} 1 {at}' for at in range(START - 600, LATER + 1201, 15)]
    for name in VOLUMES:
        labels = 'job="kubelet",namespace="shop",persistentvolumeclaim="orders"'
        lines += [f"# TYPE {name} gauge", *(f"{name}{{{labels}}} 9 {at}" for at in range(LATER, LATER + 1201, 15))]
    return "\n".join([*lines, "# EOF", ""])


class Stage:
    """A cluster of one node behind an API server, and a metrics server behind a door."""

    def __init__(self, rig: Rig, api: KubernetesApi, metrics: Gate) -> None:
        self.rig, self.api, self.metrics = rig, api, metrics
        self.source: Any = rig.run.sources.objects

    @property
    def access(self) -> AccessStatus | None:
        """How the kubelets are seen; None where nobody has asked them."""
        access = self.source.state(self.rig.clock.now()).access
        return access[SUMMARY.name].status if SUMMARY.name in access else None

    @property
    def asked(self) -> int:
        """How often a kubelet was."""
        return sum("/proxy/" in path for _, path in self.api.requests)

    def wait(self, status: AccessStatus) -> None:
        """Until the kubelets are seen so."""
        wait_for(lambda: self.access is status, lambda: f"the kubelets are {self.access}")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    others = [row.id for row in load().rows if row.id != ROW and asked_of_kubelets(load(), [row])]
    with ExitStack() as opened:
        server = opened.enter_context(Prometheus(samples()))
        metrics = opened.enter_context(Gate(server.url))
        api = opened.enter_context(KubernetesApi())
        store = opened.enter_context(Store.open(tmp_path / "tocsin.db"))
        api.put(item("Node", "n", spec={}, status={}))
        api.kubelets["n"] = lambda: {"node": {}, "pods": []}
        loaded = settings(
            tmp_path,
            prometheus=metrics.url,
            kubeconfig=api.kubeconfig(tmp_path / "kubeconfig"),
            detection__disabled_signals=",".join(others),
        )
        yield Stage(opened.enter_context(Rig(loaded, store, START, api)), api, metrics)


def test_a_metrics_server_that_is_down_at_first_is_no_reason_to_ask_them(stage: Stage) -> None:
    stage.metrics.shut()
    outcome = stage.rig.cycle(LATER + 600)
    assert outcome.metrics is not None
    assert outcome.metrics.trouble is Trouble.UNREACHABLE
    stage.metrics.open()
    assert stage.rig.cycle(LATER + 660).results[ROW].status is Coverage.LIVE
    assert stage.access is None
    assert stage.asked == 0


def test_they_are_asked_until_somebody_else_tells_what_they_could(stage: Stage) -> None:
    assert stage.rig.cycle(START).results[ROW].status is Coverage.NO_SOURCE
    stage.wait(AccessStatus.LISTED)
    assert set(stage.source.state(START).summaries) == {"n"}
    assert not [path for _, path in stage.api.requests if path.endswith("/cadvisor")], "no row lacks it"
    stage.metrics.shut()
    stage.rig.cycle(LATER)
    asked = stage.asked
    stage.source.kubelets.turn()
    assert stage.asked > asked, "what nobody can see now is no reason to stop"
    stage.metrics.open()
    assert stage.rig.cycle(LATER + 900).results[ROW].status is Coverage.LIVE
    asked = stage.asked
    stage.source.kubelets.turn()
    assert stage.asked == asked
    assert stage.access is AccessStatus.LOADING
    assert not stage.source.state(LATER).summaries, "numbers that nobody renews look current"
