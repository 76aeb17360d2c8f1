from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from app.clock import ManualClock
from app.sources.kubernetes import KubernetesClient, KubernetesSource
from app.sources.kubernetes.watch import Pace
from tests.lab.kubernetes_api import KubernetesApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from detectors.cluster import ClusterState

BRISK = Pace(
    first_retry=0.01, longest_retry=0.05, refused=0.1, poll=0.05, health=0.05, watch=60, silence=30, request=10
)
"""The same behaviour, with pauses that a test can wait for."""

NOW = 1_795_165_800.0
"""An hour after the recorded incidents."""


@pytest.fixture
def no_kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's own."""
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with KubernetesApi() as server:
        yield server


@pytest.fixture
def connect(api: KubernetesApi, tmp_path: Path) -> Iterator[Callable[..., KubernetesSource]]:
    """Starts a source against the API; closed at the end."""
    sources: list[KubernetesSource] = []

    def start(pace: Pace = BRISK, ready: bool = True, namespace: str = "", **options: Any) -> KubernetesSource:
        config = api.kubeconfig(tmp_path / "kubeconfig", namespace=namespace)
        source = KubernetesSource(KubernetesClient(str(config)), pace=pace, **{"clock": ManualClock(NOW), **options})
        sources.append(source)
        source.start()
        assert not ready or source.wait_ready(10)
        return source

    yield start
    for source in sources:
        source.close()


def until(source: KubernetesSource, happened: Callable[[ClusterState], Any], timeout: float = 10.0) -> ClusterState:
    """The first state in which something has happened."""
    deadline = time.monotonic() + timeout
    while not happened(state := source.state(NOW)):
        assert time.monotonic() < deadline, "it never happened"
        threading.Event().wait(0.005)
    return state


def pod(name: str, namespace: str = "prod", **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Running", **status},
    }


def restarted(name: str, count: int) -> dict[str, Any]:
    return pod(name, containerStatuses=[{"name": "app", "restartCount": count}])
