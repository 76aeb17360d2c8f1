"""Kubeconfigs as people have them, and the login plugins that they name."""

from __future__ import annotations

import json
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest

from app.sources.base import SourceError

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "sesame-0451"


def trouble(ask: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        ask()
    assert TOKEN not in f"{caught.value} {caught.value.hint}"
    return caught.value


def config(path: Path, server: str = "http://127.0.0.1:1", user: dict[str, Any] | None = None, **cluster: Any) -> str:
    path.write_text(
        json.dumps(
            {
                "current-context": "here",
                "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
                "users": [{"name": "u", "user": {"token": TOKEN} if user is None else user}],
                "contexts": [
                    {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team"}},
                    {"name": "there", "context": {"cluster": "c", "user": "u"}},
                    {"name": "broken", "context": {"cluster": "nowhere", "user": "u"}},
                ],
            }
        )
    )
    return str(path)


def plugin(path: Path, body: str) -> str:
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def login(command: str, **more: Any) -> dict[str, Any]:
    return {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command, "args": ["get-token"], **more}
    }
