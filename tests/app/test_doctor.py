"""What the doctor finds, line by line: the right word for each trouble, and a hint wherever one is needed."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from app.access import READ_ROLE
from app.clock import ManualClock, SystemClock
from app.doctor import NO_POD, check_run, examine
from app.opening import open_catalogue
from app.sources.kubernetes.resources import RESOURCES
from app.wiring import connect, settle
from storage.database import Store
from tests.app.rig import settings, wait_for
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.servers import Prometheus, ScrapeTarget, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.settings.loading import LoadedSettings
    from app.snapshot import CheckResult

NOBODY = "http://127.0.0.1:9"


def _examined(loaded: LoadedSettings) -> dict[str, CheckResult]:
    return {check.name.strip(): check for check in examine(loaded)}


@pytest.fixture(scope="module")
def alive() -> Iterator[Prometheus]:
    """A server that scrapes itself, and has something to show."""
    port = free_port()
    targets = [ScrapeTarget("prometheus", [f"127.0.0.1:{port}"])]
    with Prometheus(targets=targets, scrape_interval="1s", port=port) as server:
        wait_for(lambda: b'"3"]' in server.get("/api/v1/query?query=count_over_time(up[1m])")[1], "some scrapes")
        yield server


def test_every_failure_comes_with_advice(tmp_path: Path) -> None:
    with KubernetesApi() as api:
        api.forbid("pods", "nodes")
        config = api.kubeconfig(tmp_path / "kubeconfig")
        checks = _examined(settings(tmp_path, prometheus=NOBODY, kubeconfig=config))
    failed = {name for name, check in checks.items() if check.ok is False}
    assert failed == {"prometheus", "pods", "nodes"}
    assert all(checks[name].hint for name in failed)
    assert checks["pods"].hint == READ_ROLE
    assert "refused" in checks["prometheus"].detail
    assert checks["rollouts"].ok is None
    assert checks["services"].ok


def test_a_wrong_token_is_said_to_be_one(tmp_path: Path) -> None:
    with KubernetesApi() as api:
        config = api.kubeconfig(tmp_path / "kubeconfig", token="expired")
        checks = _examined(settings(tmp_path, kubeconfig=config))
    assert checks["kubernetes"].ok is False
    assert "log in again" in checks["kubernetes"].hint
    assert "pods/log" not in checks


def test_whatever_is_forbidden_points_at_the_role(tmp_path: Path) -> None:
    # Rollouts are not served there, and events by another group too.
    kinds = {resource.name for resource in RESOURCES} - {"rollouts", "events"}
    forbidden = [*kinds, "pods/log", "/readyz"]
    with KubernetesApi() as api:
        api.forbid(*forbidden)
        checks = _examined(settings(tmp_path, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig")))
    assert {name: checks[name].hint for name in forbidden} == dict.fromkeys(forbidden, READ_ROLE)
    assert not any(checks[name].ok for name in forbidden)


def test_the_right_to_logs_is_checked_without_reading_one(tmp_path: Path) -> None:
    with KubernetesApi() as api:
        checks = _examined(settings(tmp_path, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig")))
        logs = [path for _, path in api.requests if "/log" in path]
    assert checks["pods/log"].ok
    assert all(NO_POD in path for path in logs)
    assert logs


def test_nothing_configured_is_one_line(tmp_path: Path) -> None:
    check = _examined(settings(tmp_path))["connection"]
    assert check.ok is False
    assert "--prometheus URL" in check.hint


def test_an_api_that_does_not_answer(tmp_path: Path) -> None:
    with KubernetesApi() as api:
        config = api.kubeconfig(tmp_path / "kubeconfig")
    check = _examined(settings(tmp_path, kubeconfig=config))["kubernetes"]
    assert check.ok is False
    assert check.hint


def test_a_cluster_without_a_metrics_server_is_not_a_failure(tmp_path: Path) -> None:
    with KubernetesApi() as api:
        checks = _examined(settings(tmp_path, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig")))
    assert checks["prometheus"].ok is None
    assert checks["prometheus"].hint


@needs_servers[1]
def test_a_server_that_scrapes(alive: Prometheus, tmp_path: Path) -> None:
    checks = _examined(settings(tmp_path, prometheus=alive.url))
    assert checks["prometheus"].ok
    assert "prometheus 2." in checks["prometheus"].detail
    assert checks["clock"].ok
    assert checks["samples"].ok
    assert checks["samples"].detail.startswith("newest ")
    # Minutes of history are no failure, but worth a word.
    assert checks["history"].ok is None
    assert checks["conventions"].hint


@needs_servers[1]
@pytest.mark.parametrize(("shift", "ok", "word"), [(5, True, "behind"), (90, False, "behind"), (-90, False, "ahead")])
def test_clocks_apart(alive: Prometheus, tmp_path: Path, shift: float, ok: bool, word: str) -> None:
    loaded = settings(tmp_path, prometheus=alive.url)
    clock = ManualClock(SystemClock().now() + shift)
    sources = connect(loaded.settings, clock)
    try:
        checks = {check.name.strip(): check for check in check_run(loaded, sources, open_catalogue(loaded), clock)}
    finally:
        sources.close()
    assert checks["clock"].ok is ok
    assert word in checks["clock"].detail
    assert bool(checks["clock"].hint) is not ok


@needs_servers[1]
def test_a_server_that_scrapes_nothing(tmp_path: Path) -> None:
    with Prometheus() as server:
        checks = _examined(settings(tmp_path, prometheus=server.url))
    assert checks["prometheus"].ok
    assert checks["samples"].ok is False
    assert "/targets" in checks["samples"].hint


def test_a_damaged_store_is_said(tmp_path: Path) -> None:
    loaded = settings(tmp_path, prometheus=NOBODY)
    Store.open(loaded.database).close()
    assert _examined(loaded)["store"].ok
    with sqlite3.connect(loaded.database) as database:
        database.execute("PRAGMA user_version = 999")
    newer = _examined(loaded)["store"]
    assert newer.ok is False
    assert "newer" in newer.detail
    loaded.database.write_bytes(b"no database" * 100)
    assert _examined(loaded)["store"].ok is False


def test_settings_that_are_absent_are_said_to_be(tmp_path: Path) -> None:
    loaded = settings(tmp_path, prometheus=NOBODY)
    assert _examined(loaded)["settings"].detail == str(tmp_path / "config.toml")
    (tmp_path / "config.toml").unlink()
    assert "absent" in _examined(loaded)["settings"].detail


def test_the_checks_of_a_running_session_use_its_connections(tmp_path: Path) -> None:
    with KubernetesApi() as api:
        loaded = settings(tmp_path, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig"))
        sources = connect(loaded.settings, SystemClock())
        try:
            settle(sources, loaded.settings, SystemClock(), lambda _: None)

            def listings() -> int:
                return sum("/pods" in path and NO_POD not in path for _, path in api.requests)

            before = listings()
            names = {check.name.strip() for check in check_run(loaded, sources, open_catalogue(loaded), SystemClock())}
            assert {"tocsin", "kubernetes", "pods"} <= names
            assert listings() == before
        finally:
            sources.close()
