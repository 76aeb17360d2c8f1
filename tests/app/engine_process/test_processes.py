"""Two real processes: what they say to each other, and what each does when the other is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

import app
from app.engine_process.errors import EngineLostError, ForeignError
from app.engine_process.session import ENGINE, open_remotely
from app.snapshot import Health
from app.sources.base import SourceError, Trouble
from storage.database import Store
from storage.errors import StoreError
from storage.records import Label
from tests.app.engine_process import sessions
from tests.app.rig import PATIENCE, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.snapshot import Snapshot

HERE = sessions.__name__
ROOT = Path(app.__file__).parents[1]
SOON = 0.05


class Console:
    """Opens sessions as the console does, and keeps what they tell."""

    def __init__(self) -> None:
        self.told: list[Snapshot] = []
        self.opened: list[Any] = []

    def open(self, kind: str = "answering", *arguments: Any, **options: Any) -> Any:
        options = {"protocol": f"{HERE}:Asked", "pauses": (SOON,)} | options
        session = open_remotely(f"{HERE}:open_{kind}", *arguments, **options)
        self.opened.append(session)
        return session

    def started(self, *arguments: Any, **options: Any) -> Any:
        session = self.open(*arguments, **options)
        session.restored()
        session.start(self.told.append)
        wait_for(lambda: self.told, "nothing was told")
        return session

    @property
    def shown(self) -> Snapshot:
        return self.told[-1]

    @property
    def lost(self) -> str:
        """What is said of an engine that is gone."""
        return next((source.detail for source in self.shown.sources if source.name == ENGINE), "")


@pytest.fixture
def console() -> Iterator[Console]:
    made = Console()
    yield made
    for session in made.opened:
        session.stop()


def gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has noticed yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_answers_are_what_they_are_without_a_process_between(console: Console) -> None:
    session, here = console.started(), sessions.Answering()
    row = here.snapshot.rows[0].investigation
    # Of the advice some numbers are NaN, which differs from itself.
    assert replace(console.shown, advice=()) == replace(here.snapshot, advice=())
    assert [advice.reason for advice in console.shown.advice] == [advice.reason for advice in here.snapshot.advice]
    assert session.case(row.id) == here.case(row.id)
    assert session.case(10**6) is None
    assert session.settings() == here.settings()
    assert session.test_connections() == here.test_connections()
    assert session.workloads() == here.workloads()
    # Of what is not judged the numbers are NaN.
    assert repr(session.baselines()) == repr(here.baselines())
    assert repr(session.charts(1)) == repr(here.charts(1))
    assert session.charts(-1) == ()
    session.remember("console", '{"place": "inbox"}')
    assert session.recall("console") == '{"place": "inbox"}'
    assert session.label([row.id], Label.FALSE, reason="noise") == here.label([row.id], Label.FALSE, reason="noise")
    with pytest.raises(AttributeError, match="forget"):
        session.forget()
    with pytest.raises(TypeError):
        session.label()


def test_an_act_is_shown_before_it_is_answered(console: Console) -> None:
    session = console.started()
    number = console.shown.rows[0].investigation.id
    for label in (Label.TRUE, Label.FALSE, Label.UNSURE):
        session.label([number], label)
        assert console.shown.rows[0].investigation.label is label


def test_snapshots_come_in_their_order_and_the_last_one_always(console: Console) -> None:
    session = console.started()
    begun = console.shown.cycle
    session.tell(500)
    cycles = [snapshot.cycle for snapshot in console.told]
    assert cycles[-1] == begun + 500, "the answer came before the snapshot that it follows"
    assert cycles == sorted(cycles)
    assert console.shown.rows[0] is console.told[0].rows[0], "what did not change is the same object"


def test_errors_are_raised_here_as_they_were_there(console: Console) -> None:
    session = console.open()
    with pytest.raises(SourceError, match="the certificate has expired") as caught:
        session.fail("source")
    assert caught.value.trouble is Trouble.TLS and caught.value.hint == "renew it"
    with pytest.raises(StoreError) as stored:
        session.fail("store")
    assert stored.value.path == Path("/there/tocsin.db")
    with pytest.raises(ForeignError, match="KeyError: 'quota'"):
        session.fail("library")
    assert session.settings_path() == "config.toml", "one that failed takes nothing with it"


def test_what_cannot_be_opened_says_why_here(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the disk is full"):
        open_remotely(f"{HERE}:open_answering", "", tmp_path / "gate")


def test_a_call_that_takes_long_is_in_nobody_s_way(console: Console) -> None:
    session, answers = console.open(), []
    waiting = threading.Thread(target=lambda: answers.append(session.hang(0.5)))
    waiting.start()
    assert session.settings_path() == "config.toml"
    assert not answers
    waiting.join()
    assert answers == ["done"]


def test_the_process_has_nothing_of_the_terminal_and_secrets_are_no_arguments(console: Console) -> None:
    session = console.open("answering", "hunter2")
    there = json.loads(session.surroundings())
    assert not there["terminal"]
    assert there["leader"], "a signal to the console's group would reach it"
    assert there["app"] == app.__file__
    assert not any("hunter2" in argument for argument in there["arguments"])


def test_a_folder_of_the_same_name_where_one_stands_is_not_imported(tmp_path: Path) -> None:
    stray, program = tmp_path / "stray", tmp_path / "bin" / "tocsin"
    for folder in (stray / "app", stray / "detectors", program.parent):
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("raise SystemExit('the wrong one')")
    program.write_text(
        "from app.engine_process.session import open_remotely\n"
        f"session = open_remotely('{HERE}:open_answering', protocol='{HERE}:Asked')\n"
        "print(session.surroundings())\nsession.stop()\n"
    )
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(program)], cwd=stray, env=surroundings, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["app"] == app.__file__


def test_its_log_goes_to_the_log_file(console: Console, tmp_path: Path) -> None:
    session = console.open(log_file=tmp_path / "debug.log")
    with pytest.raises(SourceError):
        session.fail("source")
    assert "the certificate has expired" in (tmp_path / "debug.log").read_text()


def test_to_stop_ends_the_process_and_can_be_said_twice(console: Console) -> None:
    session = console.started()
    pid = session.pid
    session.stop()
    session.stop()
    wait_for(lambda: gone(pid), "it goes on")
    with pytest.raises(EngineLostError):
        session.undo()
    assert not console.lost, "to be ended is no trouble"


def test_a_process_that_was_killed_is_said_to_be_down_and_comes_back(console: Console) -> None:
    session = console.started(pauses=(1.0, SOON))
    before, pid, waiting = console.shown, session.pid, []

    def ask() -> None:
        with pytest.raises(EngineLostError):
            session.hang(600.0)
        waiting.append("told")

    asking = threading.Thread(target=ask)
    asking.start()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: console.lost, "nobody said so")
    down = console.shown
    assert console.lost == "its process has ended (SIGKILL)"
    assert [source.health for source in down.sources if source.name == ENGINE] == [Health.DOWN]
    assert "started again in 1 s" in down.sources[-1].hint
    assert (down.rows, down.coverage, down.cycle) == (before.rows, before.coverage, before.cycle), "it was forgotten"
    asking.join()
    assert waiting == ["told"], "whoever waited for an answer waits for ever"
    wait_for(lambda: console.shown.cycle > before.cycle, "it did not come back")
    assert session.pid != pid
    assert not console.lost
    assert console.shown.sources == before.sources
    assert session.settings_path() == "config.toml"


def test_one_that_cannot_start_again_says_why_until_it_can(console: Console, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    session = console.started("answering", "", gate)
    cycle = console.shown.cycle
    gate.unlink()
    os.kill(session.pid, signal.SIGKILL)
    wait_for(lambda: "the disk is full" in console.lost, lambda: f"it said {console.lost!r}")
    assert console.shown.rows
    gate.touch()
    wait_for(lambda: console.shown.cycle > cycle and not console.lost, "it did not come back")


def test_a_store_is_whole_after_its_process_was_killed_and_another_took_over(console: Console, tmp_path: Path) -> None:
    session = console.started("scripted", tmp_path)
    for round_number in range(1, 4):
        wait_for(lambda n=round_number: console.shown.cycle > 3 * n and not console.lost, "no cycles")
        os.kill(session.pid, signal.SIGKILL)
        wait_for(lambda: console.lost, "nobody noticed")
    wait_for(lambda: not console.lost, "nobody took over")
    session.stop()
    with Store.open(tmp_path / "tocsin.db") as store:
        assert store.integrity() == ()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_whose_console_was_killed_finishes_and_ends(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-m", HERE, "scripted", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.send_signal(how)
        wait_for(lambda: gone(pid), "it goes on without its console", 20)
    with Store.open(tmp_path / "tocsin.db") as store:
        assert store.integrity() == ()
