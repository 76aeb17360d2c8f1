"""Servers that know the cluster of `benchmarks.cluster`, and engines over them."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import Pipe, get_context
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import httpx

from app.clock import ManualClock
from app.engine import Engine
from app.settings.loading import load_settings
from app.sources.kubernetes.client import KubernetesClient
from app.sources.kubernetes.source import KubernetesSource
from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from benchmarks import cluster
from benchmarks.measure import curl
from detectors.catalog import load
from storage.database import Store
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.servers import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

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


@dataclass(frozen=True)
class Servers:
    """Where a metrics server and a Kubernetes API are that know the same cluster."""

    prometheus: str
    kubeconfig: Path
    folder: Path
    """For databases and settings."""


@dataclass
class Bench:
    """Such servers, and engines over them."""

    loaded: LoadedSettings
    servers: Servers
    objects: KubernetesSource
    clock: ManualClock = field(default_factory=lambda: ManualClock(cluster.AT))
    asked: Noting = field(default_factory=Noting)
    compared: list[str] = field(default_factory=list)
    """What curl asked last."""

    def engine(self, store: Store) -> Engine:
        """One that has seen nothing yet."""
        self.asked = Noting()
        connection = PrometheusConnection(url=self.servers.prometheus)
        metrics = PrometheusClient(connection, transport=self.asked)
        return Engine(
            self.objects.cluster, self.clock, store, load(), self.loaded.settings, self.objects, metrics, live=False
        )

    def store(self, name: str) -> Store:
        """A new one."""
        return Store.open(self.servers.folder / f"{name}.db")

    def next_minute(self) -> None:
        """Move the clock; samples end some day."""
        self.clock.set(self.clock.now() + 60)
        if self.clock.now() > cluster.AT + cluster.AFTER * 60:
            raise RuntimeError("more cycles than there are samples")

    def curl(self) -> float:
        """Seconds that curl takes for everything asked since the last time, the answers thrown away."""
        self.compared, self.asked.urls = self.asked.urls, []
        return curl(self.compared, self.loaded.settings.prometheus.concurrency)


@contextmanager
def serving(series: int, *, yielding: bool = False) -> Iterator[Servers]:
    """Start the servers, in a process of their own: what they do is none of the console's work.

    Args:
        series: So many, about.
        yielding: They get the processor when nobody else wants it, since in life they have machines of their own.
    """
    with tempfile.TemporaryDirectory() as name:
        ours, theirs = Pipe()
        process = get_context("spawn").Process(target=_serve, args=(series, yielding, Path(name), theirs))
        process.start()
        # Only the child has it then: where that ends early, nobody waits for it.
        theirs.close()
        try:
            yield ours.recv()
        finally:
            ours.send(None)
            process.join()


def _serve(series: int, yielding: bool, folder: Path, pipe: Connection) -> None:
    """Serve until told to end."""
    if yielding:
        os.nice(19)
    pods = cluster.replicas(series)
    with KubernetesApi() as api, Prometheus(cluster.openmetrics(pods)) as server:
        cluster.tell(api, pods)
        (folder / "config.toml").touch()
        pipe.send(Servers(server.url, api.kubeconfig(folder / "kubeconfig"), folder))
        pipe.recv()


def connected(servers: Servers) -> Bench:
    """List the objects, which are watched until they are closed."""
    objects = KubernetesSource(KubernetesClient(str(servers.kubeconfig)))
    objects.start()
    if not objects.wait_ready(30):
        raise RuntimeError("the objects were not listed")
    return Bench(load_settings(servers.folder / "config.toml", environment={}), servers, objects)
