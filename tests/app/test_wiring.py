"""From settings to sources: what is connected to, what is missing and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.clock import SystemClock
from app.sources.base import SourceError, Trouble
from app.wiring import cluster_name, connect, settle
from tests.app.rig import settings
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import CONTEXT, KubernetesApi
from tests.lab.servers import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.settings.loading import LoadedSettings
    from app.wiring import Sources

CLOCK = SystemClock()


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with KubernetesApi() as started:
        yield started


@pytest.fixture
def loaded(api: KubernetesApi, tmp_path: Path) -> LoadedSettings:
    return settings(tmp_path, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig"))


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a kubeconfig."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)


def _settled(loaded: LoadedSettings) -> Sources:
    sources = connect(loaded.settings, CLOCK)
    settle(sources, loaded.settings, CLOCK, lambda _: None)
    return sources


def _service(name: str, port: int = 9090, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "monitoring", "labels": labels or {"app": name}},
        "spec": {"ports": [{"name": "web", "port": port}], "selector": {"app": name}},
    }


def test_nothing_to_connect_to(tmp_path: Path, bare: None) -> None:
    with pytest.raises(SourceError, match="no cluster and no Prometheus") as caught:
        connect(settings(tmp_path).settings, CLOCK)
    assert caught.value.trouble is Trouble.CONFIGURATION
    with pytest.raises(SourceError, match="no kubeconfig") as caught:
        connect(settings(tmp_path, kubernetes__enabled="true").settings, CLOCK)
    assert "--prometheus URL" in caught.value.hint


def test_a_cluster_that_was_not_asked_for_may_be_missing(tmp_path: Path, bare: None) -> None:
    loaded = settings(tmp_path, prometheus="http://metrics.example:9090/prefix", kubernetes__enabled="true")
    sources = connect(loaded.settings, CLOCK)
    assert sources.objects is None
    assert "no kubeconfig" in sources.notes["kubernetes"].message
    assert sources.cluster == "metrics.example:9090"
    sources.close()


def test_a_cluster_that_was_asked_for_may_not(tmp_path: Path, bare: None) -> None:
    loaded = settings(tmp_path, prometheus="http://metrics.example:9090", kubeconfig=tmp_path / "missing")
    with pytest.raises(SourceError, match="missing"):
        connect(loaded.settings, CLOCK)


@pytest.mark.parametrize("url", ["metrics:9090", "ftp://metrics", "http://"])
def test_an_address_that_is_none_is_refused_before_anything_is_asked(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match=r"prometheus\.url"):
        connect(settings(tmp_path, prometheus=url).settings, CLOCK)


def test_a_cluster_has_its_contexts_name_and_a_server_its_address_without_login(
    loaded: LoadedSettings, tmp_path: Path
) -> None:
    assert cluster_name(loaded.settings) == CONTEXT
    assert cluster_name(settings(tmp_path, prometheus="http://ann:secret@m:9090/x").settings) == "m:9090"


@needs_servers[1]
def test_prometheus_is_found_in_the_cluster_and_asked_through_it(api: KubernetesApi, loaded: LoadedSettings) -> None:
    with Prometheus() as server:
        api.put(_service("prometheus"))
        api.route("monitoring", "prometheus", 9090, server.url)
        sources = _settled(loaded)
        try:
            assert sources.metrics is not None
            assert sources.metrics.info().product == "prometheus"
            assert not sources.notes
        finally:
            sources.close()
    assert {method for method, _ in api.requests} == {"GET"}


@needs_servers[1]
def test_one_that_does_not_answer_is_passed_over(api: KubernetesApi, loaded: LoadedSettings) -> None:
    with Prometheus() as server:
        api.put(_service("thanos-query", 9090))
        api.put(_service("prometheus"))
        api.route("monitoring", "prometheus", 9090, server.url)
        sources = _settled(loaded)
        try:
            assert sources.metrics is not None
            assert "prometheus:9090" in sources.metrics.info().url
        finally:
            sources.close()


def test_where_none_is_found_it_says_so_and_the_cluster_is_watched(api: KubernetesApi, loaded: LoadedSettings) -> None:
    sources = _settled(loaded)
    try:
        assert sources.metrics is None
        assert sources.objects is not None
        assert "none was found" in sources.notes["prometheus"].message
        assert "--prometheus URL" in sources.notes["prometheus"].hint
    finally:
        sources.close()


def test_where_the_only_one_refuses_the_reason_is_told(api: KubernetesApi, loaded: LoadedSettings) -> None:
    api.put(_service("prometheus"))
    api.forbid("services/proxy")
    sources = _settled(loaded)
    try:
        assert sources.metrics is None
        assert sources.notes["prometheus"].trouble is Trouble.FORBIDDEN
    finally:
        sources.close()


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({"scope__namespaces": "shop,team-*"}, {"shop"}),
        ({"scope__namespaces": "shop", "kubernetes__namespaces": "data"}, {"data"}),
    ],
)
def test_without_the_right_to_list_all_the_named_namespaces_are_listed(
    api: KubernetesApi, tmp_path: Path, more: dict[str, str], asked: set[str]
) -> None:
    api.forbid("pods", but_in=("shop", "data"))
    sources = _settled(settings(tmp_path, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig"), **more))
    sources.close()
    spaces = {
        path.split("/")[4] for _, path in api.requests if path.startswith("/api/v1/namespaces/") and "/pods" in path
    }
    assert spaces == asked
