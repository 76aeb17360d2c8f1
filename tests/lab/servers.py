"""Real metrics servers on loopback, for the tests, the benchmarks and `make lab`.

    with Prometheus(openmetrics=text) as server:
        ...server.url...

Samples go in as OpenMetrics text: timestamps in seconds, one metric family after the other, `# EOF` at the end.
Prometheus gets them as blocks before it starts, so they must not lie in the future when it also scrapes: what it
scrapes has to be newer than its newest block.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

BINARIES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "victoria-metrics": "victoria-metrics",
    "prometheus-alertmanager": "prometheus-alertmanager",
}
"""Program to the Debian package that has it."""


def missing_packages() -> tuple[str, ...]:
    """Debian packages that the servers need and this machine lacks, sorted."""
    return tuple(sorted({package for program, package in BINARIES.items() if not shutil.which(program)}))


def servers_available() -> bool:
    """Whether every server can be started here."""
    return not missing_packages()


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 20.0) -> None:
    """Poll a condition every 20 ms; raises TimeoutError naming what was waited for."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(0.02)


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class ScrapeTarget:
    """What a live server scrapes."""

    job: str
    addresses: Sequence[str]
    """`host:port`, one instance each."""
    labels: Mapping[str, str] = field(default_factory=dict)
    path: str = "/metrics"
    honor_labels: bool = False

    def config(self) -> dict[str, object]:
        """The entry under `scrape_configs`."""
        return {
            "job_name": self.job,
            "metrics_path": self.path,
            "honor_labels": self.honor_labels,
            "static_configs": [{"targets": list(self.addresses), "labels": dict(self.labels)}],
        }


def scrape_config(targets: Iterable[ScrapeTarget], interval: str) -> str:
    """A scrape configuration, as JSON, which is YAML."""
    return json.dumps(
        {
            "global": {"scrape_interval": interval, "scrape_timeout": interval},
            "scrape_configs": [target.config() for target in targets],
        }
    )


class Server(ABC):
    """A server process with a folder and a port of its own; use it as a context manager, or start() and stop()."""

    ready_path = "/-/ready"

    def __init__(
        self,
        openmetrics: str | Path | None = None,
        *,
        targets: Iterable[ScrapeTarget] = (),
        scrape_interval: str = "5s",
        prefix: str = "",
        folder: Path | None = None,
        flags: Sequence[str] = (),
        login: tuple[str, str] | None = None,
        tls: tuple[Path, Path] | None = None,
        port: int | None = None,
    ) -> None:
        self.openmetrics = openmetrics
        self.targets = tuple(targets)
        self.scrape_interval = scrape_interval
        self.prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""
        self.flags = tuple(flags)
        self.login = login
        self.tls = tls
        self.port = port or free_port()
        self._fixed_port = port is not None
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="tocsin-lab-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What a client is given, path prefix included."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{self.prefix}"

    @property
    def log(self) -> str:
        """What the process wrote."""
        path = self.folder / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> Self:
        """Load the samples and start; returns when the server answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepare()
        for attempt in range(3):
            if self._launch():
                break
            if attempt == 2 or self._fixed_port or "address already in use" not in self.log:
                raise RuntimeError(f"{type(self).__name__} did not start:\n{self.log[-2000:]}")
            self.port = free_port()
        return self

    def stop(self) -> None:
        """End the process and remove its folder (unless the folder was given)."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def get(self, path: str) -> tuple[int, bytes]:
        """One GET below the prefix, with the server's own login and without looking at its certificate."""
        return self._request("GET", path, None)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """One POST below the prefix."""
        return self._request("POST", path, body)

    def _request(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        host = urlsplit(self.url).netloc
        connection: http.client.HTTPConnection
        if self.tls:
            connection = http.client.HTTPSConnection(host, timeout=30, context=ssl._create_unverified_context())
        else:
            connection = http.client.HTTPConnection(host, timeout=30)
        headers = {}
        if self.login:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
        with contextlib.closing(connection):
            connection.request(method, self.prefix + path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def _ready(self) -> bool:
        try:
            return self.get(self.ready_path)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _launch(self) -> bool:
        with (self.folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=self.folder)
        process = self._process
        wait_until(lambda: process.poll() is not None or self._ready(), f"{type(self).__name__} to be ready")
        return process.poll() is None

    @abstractmethod
    def command(self) -> list[str]:
        """The command line."""

    @abstractmethod
    def prepare(self) -> None:
        """What has to be done before the process starts."""


class Prometheus(Server):
    """A Prometheus; `login` needs its password's bcrypt hash in `web_config`, so a test gives both."""

    def __init__(
        self, openmetrics: str | Path | None = None, *, web_config: Mapping[str, object] | None = None, **options: Any
    ) -> None:
        super().__init__(openmetrics, **options)
        self.web_config = dict(web_config or {})
        if self.tls:
            self.web_config["tls_server_config"] = {"cert_file": str(self.tls[0]), "key_file": str(self.tls[1])}

    def prepare(self) -> None:
        """Write the configuration and turn the samples into blocks."""
        (self.folder / "prometheus.yml").write_text(scrape_config(self.targets, self.scrape_interval))
        (self.folder / "web.yml").write_text(json.dumps(self.web_config))
        if self.openmetrics is None:
            return
        source = self.folder / "samples.om"
        if isinstance(self.openmetrics, Path):
            source = self.openmetrics
        else:
            source.write_text(self.openmetrics)
        # The default of two hours makes promtool read the file once for every two hours of samples.
        blocks = ["--max-block-duration=1440h", "openmetrics", str(source), str(self.folder / "data")]
        done = subprocess.run(["promtool", "tsdb", "create-blocks-from", *blocks], capture_output=True, check=False)
        if done.returncode:
            raise ValueError(f"promtool: {done.stderr.decode(errors='replace').strip()}")

    def command(self) -> list[str]:
        """The command line: everything stays in the folder and on loopback."""
        return [
            "prometheus",
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--web.config.file={self.folder / 'web.yml'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--web.route-prefix={self.prefix or '/'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            "--storage.tsdb.retention.time=10y",
            *self.flags,
        ]


class VictoriaMetrics(Server):
    """A single-node VictoriaMetrics that shows every sample at once."""

    ready_path = "/health"

    def prepare(self) -> None:
        """Write the scrape configuration."""
        (self.folder / "scrape.yml").write_text(scrape_config(self.targets, self.scrape_interval))

    def command(self) -> list[str]:
        """The command line: everything stays in the folder and on loopback."""
        optional = []
        if self.prefix:
            optional.append(f"-http.pathPrefix={self.prefix}")
        if self.login:
            optional += [f"-httpAuth.username={self.login[0]}", f"-httpAuth.password={self.login[1]}"]
        if self.tls:
            optional += ["-tls", f"-tlsCertFile={self.tls[0]}", f"-tlsKeyFile={self.tls[1]}"]
        if self.targets:
            optional.append(f"-promscrape.config={self.folder / 'scrape.yml'}")
        return [
            "victoria-metrics",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-storageDataPath={self.folder / 'data'}",
            "-retentionPeriod=10y",
            "-search.latencyOffset=0s",
            "-memory.allowedBytes=256MB",
            *optional,
            *self.flags,
        ]

    def start(self) -> Self:
        """Start and import the samples; returns when they are visible."""
        super().start()
        if self.openmetrics is not None:
            self.add(self.openmetrics.read_text() if isinstance(self.openmetrics, Path) else self.openmetrics)
        return self

    def add(self, openmetrics: str) -> None:
        """Import more samples into the running server; they are visible when this returns."""
        status, answer = self.post("/api/v1/import/prometheus", openmetrics.encode())
        if status != 204:
            raise ValueError(f"import: {status} {answer[:500].decode(errors='replace')}")
        self.get("/internal/force_flush")


class Alertmanager(Server):
    """An Alertmanager that sends to nobody."""

    def prepare(self) -> None:
        """Write its configuration."""
        nobody = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
        (self.folder / "alertmanager.yml").write_text(json.dumps(nobody))

    def command(self) -> list[str]:
        """The command line: one of its own, without a cluster of others."""
        return [
            "prometheus-alertmanager",
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--web.route-prefix={self.prefix or '/'}",
            "--cluster.listen-address=",
            *self.flags,
        ]
