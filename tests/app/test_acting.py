"""What a session does for the engineer on a real store: sending by hand, silences, exports."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.clock import SystemClock
from app.opening import open_catalogue
from app.quality.silence import Wish
from app.session import EngineSession
from app.settings.loading import load_settings
from storage.database import Store
from storage.records import MessageState
from tests.app.test_session import Script
from tests.storage.samples import CLUSTER, anomaly, case, update
from tests.storage.test_conclusions import conclusion

if TYPE_CHECKING:
    from collections.abc import Iterator

DESTINATION = '[notify.destinations.oncall]\nchannel = "C1"\ntoken_env = "T"\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("TOCSIN_") or name == "PROMETHEUS_URL"]:
        monkeypatch.delenv(name)
    path = tmp_path / "config.toml"
    path.write_text(DESTINATION)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "t.db") as opened:
        now = SystemClock().now()
        members = [anomaly(1, 1, opened=now - 60, band=b"")]
        opened.cycles.write(update(case(1, opened=now - 60), case(2, opened=now - 60), anomalies=members, at=now))
        opened.conclusions.write(conclusion(investigation=1), ())
        yield opened


def session(store: Store, file: Path, *, live: bool = True) -> EngineSession:
    loaded = load_settings(file, environment={})
    reload = (lambda _: Script(store)) if live else None
    return EngineSession(loaded, store, open_catalogue(loaded), SystemClock(), Script(store), reload)


def test_what_is_drafted_is_sent_listed_dropped_and_brought_back(store: Store, file: Path) -> None:
    held = session(store, file)
    told, silent = held.drafts([1, 2])
    assert told.targets[0].name == "oncall" and silent.refusal
    assert held.send([1, 2], ["oncall", "nowhere"]).message == "in the outbox for oncall: shop/checkout"
    [row] = held.outbox().messages
    assert row.text == told.targets[0].text and held.restored().stuck == 0
    assert not held.send([1], ["oncall"]).ok and not held.send([2], ["oncall"]).ok
    assert held.undo().message.endswith("undid, took it out of the outbox")
    assert held.outbox().messages[0].record.state is MessageState.DROPPED
    assert held.retry_messages([row.record.id]).ok and not held.retry_messages([row.record.id]).ok
    assert held.drop_messages([row.record.id]).message == f"dropped: message {row.record.id}"
    assert not held.drop_messages([row.record.id]).ok
    assert held.undo().ok and held.outbox().messages[0].record.state is MessageState.WAITING


def test_why_nothing_can_be_sent_is_known_before_the_key_is_pressed(store: Store, file: Path) -> None:
    assert session(store, file).restored().unsendable == ""
    assert session(store, file, live=False).restored().unsendable == "a replay sends nothing"
    file.write_text("")
    assert f"no destination is named in {file}" in session(store, file).restored().unsendable


def test_a_silence_is_foreseen_put_in_force_and_taken_back(store: Store, file: Path) -> None:
    held = session(store, file)
    wish = Wish(namespace="shop", reason="moving", owner="the team")
    assert "hides 1 open case (#1)" in held.foresee(wish).text
    assert not held.foresee(Wish(namespace="shop")).ok and not held.silence(Wish(namespace="shop")).ok
    assert held.silence(wish).message.startswith("silenced until ")
    [rule] = store.rules.of(CLUSTER)
    assert (rule.owner, rule.reason, rule.active) == ("the team", "moving", True)
    assert held.undo().ok and not store.rules.get(rule.id).active


def test_an_export_is_written_where_the_program_was_started(
    store: Store, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    held = session(store, file)
    path = Path(held.export(1).message.removeprefix("written to "))
    assert path.parent == tmp_path and path.read_text().startswith("# #1 shop/checkout")
    assert not held.export(9).ok
    monkeypatch.setattr("app.export.files.Path.home", lambda: tmp_path / "none")
    monkeypatch.setattr("app.export.files.Path.cwd", lambda: tmp_path / "none")
    assert held.export(1).message.startswith("not written: ")
