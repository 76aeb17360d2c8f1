"""What was chosen on the connection screen: for now, or kept in the settings file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from app.clock import SystemClock
from app.connection import Choice
from app.opening import chosen, keep, open_catalogue
from app.session import EngineSession
from app.settings.editing import change_settings
from app.settings.loading import load_settings
from storage.database import Store
from tests.app.test_session import Script

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings.loading import LoadedSettings

BEFORE = '# ours\n[prometheus]\nurl = "http://old:9090" # of last year\n\n[engine]\ninterval_seconds = 20\n'
CHOICE = Choice("http://new:9090/prefix", "prod-eu-1")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TOCSIN_") or name == "PROMETHEUS_URL"]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(BEFORE)
    return path


def used(loaded: LoadedSettings) -> dict[str, tuple[str, str]]:
    """Value and origin of what the connection screen can choose."""
    return {key: (loaded.value(key), loaded.origin(key)) for key in ("prometheus.url", "kubernetes.context")}


def test_what_is_only_used_leaves_the_file_alone(file: Path) -> None:
    now = used(chosen(load_settings(file), CHOICE))
    assert now["prometheus.url"] == (CHOICE.prometheus, "the connection screen")
    assert now["kubernetes.context"] == (CHOICE.context, "the connection screen")
    assert file.read_text() == BEFORE


def test_without_a_choice_the_file_is_read_as_it_is_now(file: Path) -> None:
    loaded = load_settings(file)
    change_settings(file, {"engine.interval_seconds": "120"})
    assert chosen(loaded, None).settings.engine.interval_seconds == 120


def test_what_is_kept_comes_from_the_file_at_once_and_after_a_restart(file: Path) -> None:
    loaded = load_settings(file)
    result = keep(loaded, CHOICE)
    assert (result.ok, result.message) == (True, f"prometheus.url and kubernetes.context written to {file}")
    for each in (chosen(loaded, CHOICE), load_settings(file)):
        assert used(each) == {
            "prometheus.url": (CHOICE.prometheus, f"{file}:3"),
            "kubernetes.context": (CHOICE.context, f"{file}:9"),
        }
    text = file.read_text()
    assert text.startswith(f'# ours\n[prometheus]\nurl = "{CHOICE.prometheus}" # of last year\n')
    assert list(file.parent.iterdir()) == [file]


def test_only_what_was_chosen_is_written(file: Path) -> None:
    assert keep(load_settings(file), Choice(context="prod-eu-1")).ok
    assert used(load_settings(file)) == {
        "prometheus.url": ("http://old:9090", f"{file}:3"),
        "kubernetes.context": ("prod-eu-1", f"{file}:9"),
    }


@pytest.mark.parametrize("kept", [True, False])
def test_a_later_edit_takes_effect_where_the_choice_was_kept(file: Path, tmp_path: Path, kept: bool) -> None:
    loaded = load_settings(file)
    if kept:
        assert keep(loaded, CHOICE).ok
    now = chosen(loaded, CHOICE)
    with Store.open(tmp_path / "tocsin.db") as store:
        session = EngineSession(now, store, open_catalogue(now), SystemClock(), Script(store), lambda _: Script(store))
        result = session.change_setting("kubernetes.context", "edited")
        assert ("the connection screen still wins" in result.message) is not kept
        [row] = [row for row in session.settings() if row.key == "kubernetes.context"]
        assert row.value == ("edited" if kept else CHOICE.context)
        assert row.origin.startswith(str(file)) is kept


def test_what_wins_over_the_file_is_named_and_the_choice_holds_until_then(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", "http://of-the-shell:9090")
    loaded = load_settings(file, overrides={"kubernetes.context": ("given", "--context")})
    result = keep(loaded, CHOICE)
    assert result.ok
    assert result.message.endswith("at the next start it is overruled by --context, environment PROMETHEUS_URL")
    now = chosen(loaded, CHOICE)
    assert (now.value("prometheus.url"), now.value("kubernetes.context")) == (CHOICE.prometheus, CHOICE.context)
    monkeypatch.delenv("PROMETHEUS_URL")
    assert load_settings(file).value("prometheus.url") == CHOICE.prometheus


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(), "nothing is chosen"),
        (Choice("prom:9090", "prod-eu-1"), "Give http://HOST:PORT"),
        (Choice("http://me:hunter2@prom:9090", "prod-eu-1"), "password_env"),
    ],
)
def test_what_cannot_be_kept_leaves_the_whole_file_alone(file: Path, choice: Choice, words: str) -> None:
    result = keep(load_settings(file), choice)
    assert not result.ok
    assert words in result.message
    assert "hunter2" not in result.message
    assert file.read_text() == BEFORE


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    # So long a name that none fits beside it: a folder without rights stops no test that runs as root.
    file = tmp_path / f"{'c' * 250}.toml"
    file.write_text(BEFORE)
    result = keep(load_settings(file), CHOICE)
    assert not result.ok
    assert result.message.startswith(f"{file}: cannot be written")
    assert file.read_text() == BEFORE


def test_a_link_stays_one(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "dotfiles" / "tocsin.toml"
    link.parent.mkdir()
    link.symlink_to(file)
    assert keep(load_settings(link), CHOICE).ok
    assert link.is_symlink()
    assert load_settings(file).value("prometheus.url") == CHOICE.prometheus
