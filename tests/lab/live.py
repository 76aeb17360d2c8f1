"""The lab that runs in real time: exporters to scrape, a Kubernetes API to watch, and faults to switch."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

import numpy as np

from tests.lab.cases import NO_STALENESS
from tests.lab.faults import SWITCHES, Fault
from tests.lab.feed import Feed
from tests.lab.kubernetes_api import CONTEXT, KubernetesApi
from tests.lab.openmetrics import pages
from tests.lab.servers import Prometheus, Server, VictoriaMetrics, free_port
from tests.lab.simulation import Simulation

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.samples import Target

SCRAPE = 5
"""Seconds between two scrapes."""
RECENT = 75 * 60
"""Seconds of history that is there at once."""
DAY = 86400
AHEAD = 1800.0
"""How far the simulation is planned beyond now, seconds."""


class _Patient(ThreadingHTTPServer):
    """A scraper that hangs up is no news."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Exposition:
    """Serves what every target shows right now; one that does not answer gives 503."""

    def __init__(self) -> None:
        self._pages: dict[str, str | None] = {}
        exposition = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                page = exposition._pages.get(self.path)
                body = (page or "").encode()
                self.send_response(200 if page is not None else 503)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep the terminal for the prompt."""

        self._server = _Patient(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def show(self, texts: dict[Target, str], answering: dict[Target, bool]) -> list[dict[str, object]]:
        """Replace all pages; returns the entries of a file-based service discovery."""
        found, shown = [], {}
        for target, up in answering.items():
            path = f"/{target.job}/{target.instance}/metrics"
            shown[path] = texts.get(target, "") if up else None
            labels = {"job": target.job, "instance": target.instance, **dict(target.labels)}
            labels["__metrics_path__"] = path
            found.append({"targets": [self.address], "labels": labels, "honor": target.honor_labels})
        self._pages = shown
        return found

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


class Lab:
    """Everything that runs; use it as a context manager.

    Args:
        folder: for kubeconfig, server data and the control port; its server data is replaced.
        scrape: seconds between two scrapes.
        victoria: also start a VictoriaMetrics with the same data.
        days: how many days back the same minutes exist too.
        seed: of the noise.
    """

    def __init__(
        self, folder: Path, *, scrape: int = SCRAPE, victoria: bool = False, days: int = 1, seed: int = 7
    ) -> None:
        self.folder = folder.resolve()
        self._kinds = ("prometheus", "victoria") if victoria else ("prometheus",)
        self._scrape = scrape
        self._days = days
        self._on: dict[str, Fault] = {}
        self._past: list[Fault] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        now = time.time()
        self.started = int(now) // scrape * scrape
        begin = self.started - RECENT - days * DAY
        self.simulation = Simulation(begin, now + AHEAD, (), seed=seed)
        self.servers: dict[str, Server] = {}

    @property
    def kubeconfig(self) -> Path:
        """For the played Kubernetes API."""
        return self.folder / "kubeconfig"

    def __enter__(self) -> Self:
        data = self.folder / "servers"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        samples = data / "samples.om"
        spans = [(self.started - RECENT - day * DAY, self.started - day * DAY, 30) for day in range(self._days, -1, -1)]
        self.simulation.backfill(samples, spans)
        self._last = float(self.started)
        self.exposition = Exposition()
        self.api = KubernetesApi()
        self.api.start()
        self.api.kubeconfig(self.kubeconfig)
        self._feed = Feed(self.api, self.simulation, self.started - RECENT)
        self._tick(time.time())
        self._ticker = threading.Thread(target=self._run, name="lab", daemon=True)
        self._ticker.start()
        try:
            for name in self._kinds:
                self.servers[name] = self._server(name, data / name, samples).start()
        except BaseException:
            self.__exit__()
            raise
        samples.unlink()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._ticker.join(timeout=10)
        for server in self.servers.values():
            server.stop()
        self.api.stop()
        self.exposition.close()
        shutil.rmtree(self.folder / "servers", ignore_errors=True)

    def on(self, name: str) -> Fault:
        """Start a fault now; raises KeyError for an unknown name."""
        fault = replace(SWITCHES[name], start=time.time())
        with self._lock:
            if name not in self._on:
                self._on[name] = fault
                self._replan()
        return self._on[name]

    def off(self, name: str) -> Fault:
        """End a fault now; raises KeyError when it is not on."""
        with self._lock:
            fault = self._on.pop(name).ended(time.time())
            self._past.append(fault)
            self._replan()
        return fault

    def active(self) -> dict[str, Fault]:
        """The faults that are on, by name."""
        return dict(self._on)

    def stop(self, name: str) -> None:
        """Stop a server; its data stays."""
        self.servers[name].stop()

    def start(self, name: str) -> None:
        """Start a stopped server again, on the same port."""
        server = self.servers[name]
        server.openmetrics = None
        server.start()

    def _server(self, name: str, folder: Path, samples: Path) -> Server:
        discovery = self._discovery()
        if name == "prometheus":
            return _Scraping(discovery, samples, folder=folder, flags=NO_STALENESS, port=free_port())
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "discovery.yml"
        config.write_text(json.dumps(discovery))
        flags = (
            f"-promscrape.config={config}",
            "-promscrape.config.strictParse=false",
            f"-promscrape.fileSDCheckInterval={self._scrape}s",
        )
        return VictoriaMetrics(samples, folder=folder, flags=flags, port=free_port())

    def _discovery(self) -> dict[str, object]:
        interval = f"{self._scrape}s"
        jobs = [
            {
                "job_name": name,
                "honor_labels": honor,
                "file_sd_configs": [{"files": [str(self._targets(honor).resolve())], "refresh_interval": interval}],
            }
            for name, honor in (("lab", False), ("lab-honoring", True))
        ]
        return {"global": {"scrape_interval": interval, "scrape_timeout": interval}, "scrape_configs": jobs}

    def _targets(self, honor: bool) -> Path:
        return self.folder / "servers" / f"targets-{'honoring' if honor else 'plain'}.json"

    def _run(self) -> None:
        while not self._ended.wait(self._scrape - time.time() % self._scrape):
            with self._lock:
                self._tick(time.time())

    def _tick(self, now: float) -> None:
        """Count on to now, and show it."""
        if now > self.simulation.horizon - AHEAD / 2:
            self._replan()
        blocks = list(self.simulation.exporter.collect(np.array([int(now)]), max(now - self._last, 1.0)))
        self._last = now
        ups = {block.target: block.values[0, -1] for block in blocks if block.family == "up"}
        answering = {target: bool(up) for target, up in ups.items() if not np.isnan(up)}
        entries = self.exposition.show(pages(blocks), answering)
        for honor in (False, True):
            mine = [{key: entry[key] for key in ("targets", "labels")} for entry in entries if entry["honor"] == honor]
            _write(self._targets(honor), json.dumps(mine))
        self._feed.advance(now)

    def _replan(self) -> None:
        self.simulation.change((*self._past, *self._on.values()), time.time() + AHEAD)
        self._feed.follow(self.simulation)


class _Scraping(Prometheus):
    """A Prometheus whose targets come and go."""

    def __init__(
        self, discovery: dict[str, object], samples: Path, *, folder: Path, flags: tuple[str, ...], port: int
    ) -> None:
        super().__init__(samples, folder=folder, flags=flags, port=port)
        self._discovery = discovery

    def prepare(self) -> None:
        """As any other, with its own configuration."""
        super().prepare()
        (self.folder / "prometheus.yml").write_text(json.dumps(self._discovery))


def _write(path: Path, text: str) -> None:
    """All or nothing, and only what is new: readers watch the file."""
    if path.exists() and path.read_text() == text:
        return
    scratch = path.with_suffix(".tmp")
    scratch.write_text(text)
    scratch.replace(path)


def command_line(lab: Lab, name: str = "prometheus") -> str:
    """What to paste."""
    return f"tocsin --prometheus {lab.servers[name].url} --kubeconfig {lab.kubeconfig} --context {CONTEXT}"
