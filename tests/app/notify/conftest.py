from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage.database import Store
from tests.app.notify.http_server import HttpServer
from tests.app.notify.samples import case
from tests.app.notify.slack_server import HOOK, TOKEN, SlackServer
from tests.storage.samples import anomaly, update

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Thirty cases that nobody has investigated."""
    with Store.open(tmp_path / "t.db") as opened:
        anomalies = [anomaly(number, number, band=b"") for number in range(1, 31)]
        opened.cycles.write(update(*(case(number) for number in range(1, 31)), anomalies=anomalies))
        yield opened


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackServer]:
    """A Slack of one's own; at the end, nothing that it was asked may be wrong."""
    with SlackServer() as server:
        monkeypatch.setenv("SLACK_TOKEN", TOKEN)
        monkeypatch.setenv("SLACK_HOOK", f"{server.url}{HOOK}")
        yield server
        assert server.faults == []


@pytest.fixture
def http() -> Iterator[HttpServer]:
    """Takes everything that is posted."""
    with HttpServer() as server:
        yield server
