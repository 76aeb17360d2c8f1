"""Logging in to real servers over TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from tests.app.sources.prometheus.authority import Authority
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus, Server, VictoriaMetrics

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = needs_servers

LOGIN = ("ann", "pass word")
BCRYPT = "$2b$04$iYpwxRHu0b9hGFGEqSaZaeDmdTxM27hQU.Q2pcjAKwjliyb302EQq"


def prometheus(tls: tuple[Path, Path]) -> Server:
    return Prometheus(login=LOGIN, web_config={"basic_auth_users": {LOGIN[0]: BCRYPT}}, tls=tls, prefix="p")


def victoria_metrics(tls: tuple[Path, Path]) -> Server:
    return VictoriaMetrics(login=LOGIN, tls=tls, prefix="p")


@pytest.mark.parametrize("build", [prometheus, victoria_metrics])
def test_tls_and_login(
    build: Callable[[tuple[Path, Path]], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("RIGHT", LOGIN[1])
    monkeypatch.setenv("WRONG", "letmein")
    with build(authority.issue("server")) as server:
        assert server.url.startswith("https://")
        for password, trouble in (("RIGHT", None), ("WRONG", Trouble.UNAUTHENTICATED)):
            connection = PrometheusConnection(
                url=server.url, username=LOGIN[0], password_env=password, ca_file=str(authority.file)
            )
            client = PrometheusClient(connection)
            if trouble is None:
                assert client.instant("1", 0).values.tolist() == [[1.0]]
            else:
                with pytest.raises(SourceError) as caught:
                    client.info()
                assert caught.value.trouble is trouble
                assert "letmein" not in str(caught.value)
            client.close()
