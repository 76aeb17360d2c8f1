"""The demo's world: real servers that hold the scenario's hour, and an API that is moved through it.

    with demo_world() as world:
        clock = ManualClock(world.start)
        while clock.now() < world.end:
            world.advance(clock.now())
            ...one cycle against world.prometheus_url and world.kubeconfig...

Prometheus holds the whole hour from the beginning: queries are causal because they end at the cycle's own grid. The
same minutes of the day before are there too, as the reference that detectors compare with.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.lab.cases import NO_STALENESS
from tests.lab.feed import Feed
from tests.lab.kubernetes_api import CONTEXT, KubernetesApi
from tests.lab.scenario import DEMO, END, START
from tests.lab.servers import Prometheus
from tests.lab.shop import SHOP
from tests.lab.simulation import Simulation
from tests.lab.truth import truth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.faults import Fault

DAY = 86400
BEFORE = 50 * 60
"""Seconds of history before the start: a baseline, and some more."""


class World:
    """A scenario on real servers, stepped by the caller; use it as a context manager.

    Args:
        faults: the scenario.
        start: unix seconds of the first moment.
        end: of the last.
        days: how many days back the same minutes exist too.
        interval: between scrapes, seconds.
        seed: of the noise.
    """

    context = CONTEXT
    """The kubeconfig's context, and so the cluster's name."""

    def __init__(
        self, faults: Sequence[Fault], start: int, end: int, *, days: int = 1, interval: int = 30, seed: int = 7
    ) -> None:
        self.start = start
        self.end = end
        self.truth = truth(faults, SHOP)
        earliest = start - BEFORE - days * DAY
        self.simulation = Simulation(earliest, end + 60, faults, seed=seed)
        self._spans = [(start - BEFORE - day * DAY, end - day * DAY, interval) for day in range(days, -1, -1)]
        self._folder = Path()

    @property
    def prometheus_url(self) -> str:
        """Of the real server."""
        return self._server.url

    @property
    def kubeconfig(self) -> Path:
        """For the played Kubernetes API."""
        return self._folder / "kubeconfig"

    def advance(self, to: float) -> None:
        """Let the Kubernetes API be at a moment; it never goes back."""
        self._feed.advance(to)

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="tocsin-world-"))
        samples = self._folder / "samples.om"
        self.simulation.backfill(samples, self._spans)
        self._server = Prometheus(samples, flags=NO_STALENESS)
        self.api = KubernetesApi()
        try:
            self._server.__enter__()
            samples.unlink()
            self.api.start()
            self.api.kubeconfig(self.kubeconfig)
            self._feed = Feed(self.api, self.simulation, self.start)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self.api.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def demo_world() -> World:
    """The hour of the demo recording."""
    return World(DEMO, START, END)
