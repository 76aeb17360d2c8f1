"""A whole cycle of the engine over 10,000 series, next to curl asking the same: `python -m benchmarks.engine`.

Goals: a cycle takes at most 1.5 times as long as curl takes to throw the answers to the same requests away, as many
at once. (G3) Meanwhile the event loop's ticks are late by at most 5 ms (99 %) and 20 ms (all) through our doing, and
nobody holds the interpreter lock for more than 10 ms.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import httpx
import numpy as np

from app.clock import ManualClock
from app.console import COLLECT_AFTER, SWITCH_SECONDS
from app.engine import Engine
from app.settings.loading import load_settings
from app.sources.kubernetes.client import KubernetesClient
from app.sources.kubernetes.source import KubernetesSource
from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from benchmarks import cluster
from benchmarks.measure import Goal, Lateness, curl, goals_table, lateness, milliseconds, table
from detectors.catalog import load
from storage.database import Store
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.servers import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.engine import Outcome
    from app.settings.loading import LoadedSettings


class Noting(httpx.HTTPTransport):
    """The network, with a note of every URL that was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Note and go on; a form is noted as the query string that it could have been."""
        form = parse_qsl(request.read().decode()) if request.method == "POST" else []
        self.urls.append(f"{request.url}?{urlencode(form)}" if form else str(request.url))
        return super().handle_request(request)


@dataclass
class Bench:
    """A metrics server and a Kubernetes API that know the same cluster, and engines over them."""

    loaded: LoadedSettings
    server: Prometheus
    objects: KubernetesSource
    folder: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(cluster.AT))
    asked: Noting = field(default_factory=Noting)

    def engine(self, store: Store) -> Engine:
        """One that has seen nothing yet."""
        self.asked = Noting()
        connection = PrometheusConnection(url=self.server.url)
        metrics = PrometheusClient(connection, transport=self.asked)
        return Engine(
            self.objects.cluster, self.clock, store, load(), self.loaded.settings, self.objects, metrics, live=False
        )

    def store(self, name: str) -> Store:
        """A new one."""
        return Store.open(self.folder / f"{name}.db")

    def next_minute(self) -> None:
        """Move the clock; samples end some day."""
        self.clock.set(self.clock.now() + 60)
        if self.clock.now() > cluster.AT + cluster.AFTER * 60:
            raise RuntimeError("more cycles than there are samples")

    def curl(self) -> float:
        """Seconds that curl takes for everything asked since the last time, the answers thrown away."""
        urls, self.asked.urls = self.asked.urls, []
        return curl(urls, self.loaded.settings.prometheus.concurrency)


@contextmanager
def bench(series: int) -> Iterator[Bench]:
    """Start the servers, and list the objects."""
    pods = cluster.replicas(series)
    with tempfile.TemporaryDirectory() as name, KubernetesApi() as api, Prometheus(cluster.openmetrics(pods)) as server:
        folder = Path(name)
        cluster.tell(api, pods)
        objects = KubernetesSource(KubernetesClient(str(api.kubeconfig(folder / "kubeconfig"))))
        objects.start()
        if not objects.wait_ready(30):
            raise RuntimeError("the objects were not listed")
        (folder / "config.toml").touch()
        try:
            yield Bench(load_settings(folder / "config.toml", environment={}), server, objects, folder)
        finally:
            objects.close()


@dataclass
class Spent:
    """Seconds of some cycles, and of curl for the same requests."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    curl: list[float] = field(default_factory=list)

    def add(self, engine: Engine, found: Bench) -> Outcome:
        """One cycle, then curl."""
        wall, processor = time.perf_counter(), time.process_time()
        outcome = engine.cycle()
        self.wall.append(time.perf_counter() - wall)
        self.processor.append(time.process_time() - processor)
        self.curl.append(found.curl())
        return outcome

    @property
    def ratio(self) -> float:
        """Median of the ratios of neighbours in time."""
        return statistics.median(ours / theirs for ours, theirs in zip(self.wall, self.curl, strict=True))

    def row(self, name: str) -> tuple[str, ...]:
        """For the table."""
        medians = (statistics.median(each) for each in (self.wall, self.processor, self.curl))
        return name, *(f"{median * 1e3:.0f}" for median in medians), f"{self.ratio:.2f}"


def cycles(found: Bench, rounds: int) -> tuple[Spent, Spent, Outcome]:
    """First cycles of new engines, and later cycles of one."""
    first, later = Spent(), Spent()
    for number in range(rounds + 1):
        with found.store(f"first-{number}") as store:
            engine = found.engine(store)
            first.add(engine, found)
            engine.close()
    with found.store("later") as store:
        engine = found.engine(store)
        Spent().add(engine, found)
        for _ in range(rounds + 1):
            found.next_minute()
            outcome = later.add(engine, found)
        engine.close()
    for spent in (first, later):
        del spent.wall[0], spent.processor[0], spent.curl[0]
    return first, later, outcome


def late(found: Bench, rounds: int) -> tuple[Lateness, Lateness, Lateness]:
    """How late an event loop ticks while curl asks, during the first cycle of an engine, and during later ones."""
    with found.store("late") as store:
        engine = found.engine(store)
        first = lateness(engine.cycle, 1)
        # As the session does it.
        gc.freeze()
        asked = list(found.asked.urls)

        def ask() -> None:
            found.asked.urls = list(asked)
            found.curl()

        def cycle() -> None:
            found.next_minute()
            engine.cycle()

        idle, later = lateness(ask, 2), lateness(cycle, rounds)
        engine.close()
    return idle, first, later


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    # As the console does it.
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*COLLECT_AFTER)
    with bench(options.series) as found:
        first, later, outcome = cycles(found, options.rounds)
        pods = len(found.objects.state(found.clock.now()).pods)
        idle, begun, going_on = late(found, 3 * options.rounds)
    size = f"{options.series:,} series of {pods // 2} workloads and {pods} pods, {outcome.series:,} verdicts"
    rows = [first.row("first cycle, with discovery"), later.row("later cycle: new steps")]
    print(table(f"{size}, median of {options.rounds}", ("what", "ms", "CPU ms", "curl, ms", "x curl"), rows))
    cases = (
        ("curl asks, this process idle", idle.all),
        ("the first cycle", begun.all),
        ("the first cycle, our part", begun.own),
        ("later cycles", going_on.all),
        ("later cycles, our part", going_on.own),
    )
    rows = [(name, *milliseconds(each)) for name, each in cases]
    print(table("How late the event loop ticks, ms", ("while", "median", "99 %", "max"), rows))
    own = np.concatenate([begun.own, going_on.own]) * 1e3
    found_goals = [
        Goal("cycle", "first cycle / curl with the same requests", first.ratio, 1.5),
        Goal("cycle", "later cycle / curl with the same requests", later.ratio, 1.5),
        Goal("G3", "event loop late during cycles, 99 %", float(np.quantile(own, 0.99)), 5, "ms"),
        Goal("G3", "event loop late during cycles, longest", float(own.max()), 20, "ms"),
    ]
    print(goals_table(found_goals))
    return found_goals


if __name__ == "__main__":
    main()
