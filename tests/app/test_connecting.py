"""What the connection screen finds out before there is a session."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import app.commands.console
from app.commands.console import KubeconfigConnections
from app.connection import Choice
from app.settings.loading import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_server_that_hangs_is_not_waited_for_as_long_as_a_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.commands.console, "TEST_SECONDS", 0.5)
    file = tmp_path / "config.toml"
    file.write_text("[kubernetes]\nenabled = false\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        choice = Choice(prometheus=f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        results = KubeconfigConnections(load_settings(file, environment={})).test(choice)
    assert time.monotonic() - began < 15
    (answer,) = (result for result in results if result.name == "prometheus")
    assert answer.ok is False
    assert "timeout" in answer.detail
