"""Switching over a real session and a real settings file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.clock import SystemClock
from app.opening import open_catalogue
from app.session import EngineSession
from app.settings.loading import load_settings
from app.switching import switch_signals, switch_workload
from storage.database import Store
from tests.app.test_session import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.settings.schema import Settings

BEFORE = '# ours\n[detection]\nevaluation_minutes = 4\ndisabled_signals = ["pod-oomkilled"] # noisy\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(BEFORE)
    return path


@pytest.fixture
def session(file: Path, tmp_path: Path) -> Iterator[EngineSession]:
    loaded = load_settings(file, {})
    with Store.open(tmp_path / "tocsin.db") as store:
        run = Script(store)
        yield EngineSession(loaded, store, open_catalogue(loaded), SystemClock(), run, lambda _: Script(store))


@pytest.fixture
def now(file: Path) -> Callable[[], Settings]:
    return lambda: load_settings(file, {}).settings


def test_a_row_goes_into_the_file_and_out_again(session: EngineSession, file: Path, now: Callable) -> None:
    result = switch_signals(session, ["http-server-5xx-spike"], "5XX")
    assert result.ok
    assert str(file) in result.message
    assert now().detection.disabled_signals == ("pod-oomkilled", "http-server-5xx-spike")
    assert switch_signals(session, ["http-server-5xx-spike"], "5XX").message.startswith("switched on: 5XX")
    assert now().detection.disabled_signals == ("pod-oomkilled",)
    assert file.read_text().startswith("# ours\n[detection]\nevaluation_minutes = 4\n")


def test_the_last_one_leaves_an_empty_list(session: EngineSession, now: Callable) -> None:
    assert switch_signals(session, ["pod-oomkilled"], "OOMKilled").ok
    assert now().detection.disabled_signals == ()


@pytest.mark.parametrize("name", ["checkout", "a,b", "[x]*"])
def test_a_workload_goes_out_of_the_scope_and_comes_back(session: EngineSession, now: Callable, name: str) -> None:
    assert switch_workload(session, "shop", name).ok
    assert len(now().scope.exclude_services) == 1
    assert switch_workload(session, "staging", name).ok
    assert switch_workload(session, "shop", name).message.startswith("watched again")
    [left] = now().scope.exclude_services
    assert left.startswith("staging/")


def test_what_has_no_namespace_cannot_be_left_out(session: EngineSession, file: Path) -> None:
    result = switch_workload(session, "", "checkout")
    assert not result.ok
    assert "no namespace" in result.message
    assert file.read_text() == BEFORE


def test_a_replay_says_why_not(file: Path, tmp_path: Path) -> None:
    loaded = load_settings(file, {})
    with Store.open(tmp_path / "tocsin.db") as store:
        replay = EngineSession(loaded, store, open_catalogue(loaded), SystemClock(), Script(store))
        result = switch_signals(replay, ["http-server-5xx-spike"], "5XX")
    assert not result.ok
    assert "replay" in result.message
    assert file.read_text() == BEFORE
