"""A session over a real store and a run that the test writes the script of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.clock import SystemClock
from app.engine import Outcome
from app.opening import BUNDLED, live_session, open_catalogue, replay_session
from app.session import STOP_SECONDS, EngineSession
from app.snapshot import ENDED, FAILED, REPLAY, Health, SourceStatus
from app.sources.base import SourceError, Trouble
from app.sources.recording import RecordingError
from detectors.model import Coverage
from storage.cycles import CycleUpdate
from storage.database import Store
from storage.errors import StoreError
from storage.records import CycleRecord, Label
from tests.app.rig import PATIENCE, settings, wait_for
from tests.storage.samples import CLUSTER, case, update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.settings.loading import LoadedSettings
    from app.snapshot import CheckResult, Snapshot

AT = 1_763_470_800.0


class Script:
    """A run whose every cycle does what the test says: a function of the cycle's number."""

    mode = "live"
    advisor = None

    def __init__(self, store: Store, act: Callable[[int], None] = lambda _: None, cycles: int = 10**9) -> None:
        self.store, self.act, self.cycles = store, act, cycles
        self.cluster = CLUSTER
        self.interval = 0.01
        self.progress: Callable[[str], None] = lambda _: None
        self.begun = 0
        self.runs = 0
        self.closed = False

    def run(self, stop: threading.Event, wake: threading.Event, done: Callable[[Outcome], None]) -> None:
        self.runs += 1
        while not stop.is_set() and self.begun < self.cycles:
            self.begun += 1
            self.act(self.begun)
            at = AT + self.begun
            self.store.cycles.write(CycleUpdate(CycleRecord(self.cluster, at, 0.1, 5, 0, 0)))
            done(Outcome(at, 0.1, {}, None, None, None, 5, ()))
            wake.wait(self.interval)
            wake.clear()

    def statuses(self, outcome: Outcome | None) -> tuple[SourceStatus, ...]:
        return (SourceStatus("prometheus", Health.OK if outcome else Health.CONNECTING, "scripted"),)

    def checks(self) -> tuple[CheckResult, ...]:
        return ()

    def close(self) -> None:
        self.closed = True


class Listener:
    """Keeps every snapshot."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    def __call__(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def wait(self, condition: Callable[[Snapshot], bool], what: str, timeout: float = PATIENCE) -> Snapshot:
        wait_for(lambda: any(condition(each) for each in list(self.snapshots)), what, timeout)
        return next(each for each in list(self.snapshots) if condition(each))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "tocsin.db") as opened:
        opened.cycles.new_ids(investigations=2, anomalies=2)
        opened.cycles.write(update(case(1, onset=AT, updated=AT), case(2, onset=AT, updated=AT), at=AT))
        yield opened


def _session(store: Store, run: Script, folder: Path, reload: Callable | None = None) -> EngineSession:
    loaded = settings(folder)
    return EngineSession(loaded, store, open_catalogue(loaded), SystemClock(), run, reload)


def _opened(store: Store, run: Script, folder: Path, reload: Callable | None = None) -> tuple[EngineSession, Listener]:
    session, listener = _session(store, run, folder, reload), Listener()
    session.start(listener)
    return session, listener


def test_what_the_store_remembers_is_there_before_the_first_cycle(store: Store, tmp_path: Path) -> None:
    session = _session(store, Script(store), tmp_path)
    shown = session.restored()
    assert shown.cycle == 0
    assert shown.now == AT
    assert {row.investigation.id for row in shown.rows} == {1, 2}
    assert [status.health for status in shown.sources] == [Health.CONNECTING]


def test_a_row_knows_the_titles_of_what_else_is_wrong(store: Store, tmp_path: Path) -> None:
    signals = ("http-server-5xx-spike", "pod-oomkilled", "taken-out-since")
    store.cycles.write(update(case(1, onset=AT, updated=AT, signals=signals), at=AT + 1))
    rows = {row.investigation.id: row for row in _session(store, Script(store), tmp_path).restored().rows}
    assert rows[1].also == ("Pod Failure: OOMKilled", "taken-out-since")


def test_cycles_come_at_intervals_and_at_once_when_asked(store: Store, tmp_path: Path) -> None:
    run = Script(store)
    run.interval = 600.0
    session, listener = _opened(store, run, tmp_path)
    try:
        first = listener.wait(lambda s: s.cycle == 1, "the first cycle")
        assert {status.name for status in first.sources} == {"prometheus", "store"}
        session.refresh()
        listener.wait(lambda s: s.cycle == 2, "the second cycle")
    finally:
        session.stop()
    assert run.closed


def test_stopping_twice_and_before_starting_is_harmless(store: Store, tmp_path: Path) -> None:
    session, listener = _opened(store, Script(store), tmp_path)
    listener.wait(lambda s: s.cycle >= 1, "a cycle")
    session.stop()
    session.stop()
    with pytest.raises(StoreError, match="closed"):
        store.cycles.last(CLUSTER)


def test_a_session_stopped_at_once_does_not_go_on(tmp_path: Path) -> None:
    for number in range(20):
        with Store.open(tmp_path / f"{number}.db") as own:
            run = Script(own)
            run.interval = 600.0
            session, _ = _opened(own, run, tmp_path)
            began = time.monotonic()
            session.stop()
            assert time.monotonic() - began < STOP_SECONDS / 2


def test_stopping_during_a_slow_cycle_returns_in_time(store: Store, tmp_path: Path) -> None:
    held = threading.Event()
    run = Script(store, lambda _: held.wait(60) and None)
    session, _ = _opened(store, run, tmp_path)
    wait_for(lambda: run.begun == 1, "the cycle to begin")
    began = time.monotonic()
    threading.Timer(0.2, held.set).start()
    session.stop()
    assert time.monotonic() - began < STOP_SECONDS


def test_a_cycle_that_fails_is_said_and_the_next_one_goes_on(store: Store, tmp_path: Path) -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise SourceError(Trouble.UNREACHABLE, "nobody answers", "Look at the network.")
        if number == 3:
            raise StoreError(Path("tocsin.db"), "is full")
        if number == 4:
            raise ZeroDivisionError("division by zero")

    session, listener = _opened(store, Script(store, fail), tmp_path, lambda _: Script(store))
    try:
        failed = listener.wait(lambda s: any(x.detail == "nobody answers" for x in s.sources), "the failure")
        assert len(failed.rows) == 2
        [status] = [x for x in failed.sources if x.health is Health.DOWN]
        assert status.hint == "Look at the network."
        full = listener.wait(lambda s: any("is full" in x.detail for x in s.sources), "the store's failure")
        assert [x.name for x in full.sources if x.health is Health.DOWN].count("store") == 1
        listener.wait(lambda s: any("division" in x.detail for x in s.sources), "the fault")
        good = listener.wait(lambda s: s.now >= AT + 5, "a good cycle")
        assert all(x.health is Health.OK for x in good.sources)
    finally:
        session.stop()


def test_acts_show_at_once_and_can_be_undone(store: Store, tmp_path: Path) -> None:
    run = Script(store)
    run.interval = 600.0
    session, listener = _opened(store, run, tmp_path)
    try:
        listener.wait(lambda s: s.cycle == 1, "the first cycle")
        result = session.label([1], Label.TRUE, "paged")
        assert result.ok
        assert result.ids == (1,)
        assert _row(listener, 1).label is Label.TRUE
        assert session.label([1], Label.TRUE, "paged").ok is False
        assert session.acknowledge([1, 2]).ok
        assert all(_row(listener, number).acknowledged_by for number in (1, 2))
        assert session.snooze([2], 3600).message.startswith("snoozed for 1 h")
        assert session.pin([2]).ok
        assert listener.snapshots[-1].rows[0].investigation.id == 2
        assert session.undo().message.startswith("undone: pin of ")
        assert not _row(listener, 2).pinned
        assert session.redo().message.startswith("done again: pin of ")
        assert _row(listener, 2).pinned
        acts = [session.undo().message.partition(" of ")[0] for _ in range(4)]
        assert acts == ["undone: pin", "undone: snooze", "undone: acknowledgement", "undone: label true"]
        assert _row(listener, 1).label is None
        assert session.undo().ok is False
        session.mark_seen(1)
        assert _row(listener, 1).seen_at is not None
        assert session.close_cases([1]).ok
        known = session.case(1)
        assert known is not None
        assert {"label", "undo"} <= {act.action for act in known.history}
        assert session.case(99) is None
    finally:
        session.stop()


def _row(listener: Listener, number: int):
    return next(row.investigation for row in listener.snapshots[-1].rows if row.investigation.id == number)


def test_an_act_is_never_followed_by_what_was_before_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Script(store)
    run.interval = 600.0
    session, listener = _opened(store, run, tmp_path)
    reading, may_go_on = threading.Event(), threading.Event()
    rows = session._inbox.rows

    def slow(cluster: str, now: float) -> object:
        found = rows(cluster, now)
        if threading.current_thread().name == "slow":
            reading.set()
            may_go_on.wait(PATIENCE)
        return found

    try:
        listener.wait(lambda s: s.cycle == 1, "the first cycle")
        monkeypatch.setattr(session._inbox, "rows", slow)
        threads = [
            threading.Thread(target=session._shown_again, name="slow"),
            threading.Thread(target=session.label, args=([1], Label.TRUE)),
        ]
        threads[0].start()
        assert reading.wait(PATIENCE)
        threads[1].start()
        wait_for(lambda: store.investigations.get(1).label is Label.TRUE, "the label in the store")
        may_go_on.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert _row(listener, 1).label is Label.TRUE, "what was read before the act was told after it"
    finally:
        session.stop()


def test_a_run_that_takes_over_learns_from_the_labels_of_its_cluster(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, learnt = settings(tmp_path), []
    runs = iter((Script(store), Script(store)))
    session = EngineSession(
        loaded, store, open_catalogue(loaded), SystemClock(), next(runs), reload=lambda _: next(runs)
    )
    monkeypatch.setattr(session._inbox, "learn", learnt.append)
    listener = Listener()
    session.start(listener)
    try:
        listener.wait(lambda s: s.cycle >= 1, "the first cycle")
        assert session.change_setting("engine.interval_seconds", "120").ok
        wait_for(lambda: len(learnt) == 2, "the labels for the run that took over")
    finally:
        session.stop()


def test_screen_state_is_remembered(store: Store, tmp_path: Path) -> None:
    session = _session(store, Script(store), tmp_path)
    assert session.recall("inbox") == ""
    session.remember("inbox", '{"row": 4}')
    assert session.recall("inbox") == '{"row": 4}'


def test_a_changed_setting_is_used_from_the_next_cycle_on(store: Store, tmp_path: Path) -> None:
    runs: list[Script] = []

    def reload(loaded: LoadedSettings) -> Script:
        run = Script(store)
        run.cluster = loaded.settings.kubernetes.context or CLUSTER
        run.interval = loaded.settings.engine.interval_seconds
        runs.append(run)
        return run

    first = Script(store)
    session, listener = _opened(store, first, tmp_path, reload)
    try:
        listener.wait(lambda s: s.cycle >= 1, "a cycle")
        assert session.change_setting("engine.interval_seconds", "45").ok
        assert "interval_seconds = 45" in (tmp_path / "config.toml").read_text()
        listener.wait(lambda s: s.interval == 45, "a cycle of the new run")
        assert first.closed
        assert session.change_setting("kubernetes.context", "other").ok
        listener.wait(lambda s: s.cluster == "other" and s.interval == 45, "a cycle of the other cluster")
        [value] = [value for value in session.settings() if value.key == "kubernetes.context"]
        assert value.value == "other"
        assert value.origin.startswith(session.settings_path())
    finally:
        session.stop()
    assert [run.closed for run in runs] == [True, True]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("engine.interval_seconds", "4", "from 5 to 600"),
        ("engine.interval_seconds", "soon", "from 5 to 600"),
        ("engine.nothing", "4", "interval_seconds"),
        ("nothing.at_all", "4", "prometheus"),
    ],
)
def test_a_setting_that_is_not_allowed_changes_nothing(
    store: Store, tmp_path: Path, key: str, value: str, words: str
) -> None:
    session = _session(store, Script(store), tmp_path, lambda _: Script(store))
    result = session.change_setting(key, value)
    assert not result.ok
    assert words in result.message
    assert (tmp_path / "config.toml").read_text() == ""


def test_settings_that_cannot_be_connected_with_leave_the_session_running(store: Store, tmp_path: Path) -> None:
    def reload(_: LoadedSettings) -> Script:
        raise SourceError(Trouble.CONFIGURATION, "there is no context 'other'", "kubectl config get-contexts")

    session, listener = _opened(store, Script(store), tmp_path, reload)
    try:
        listener.wait(lambda s: s.cycle >= 1, "a cycle")
        result = session.change_setting("kubernetes.context", "other")
        assert not result.ok
        assert "there is no context 'other'" in result.message
        later = listener.snapshots[-1].cycle + 2
        listener.wait(lambda s: s.cycle >= later, "more cycles")
    finally:
        session.stop()


def test_what_an_editor_wrote_is_used_and_what_is_wrong_is_not(store: Store, tmp_path: Path) -> None:
    runs: list[Script] = []

    def reload(loaded: LoadedSettings) -> Script:
        runs.append(Script(store))
        runs[-1].interval = loaded.settings.engine.interval_seconds
        return runs[-1]

    session, listener = _opened(store, Script(store), tmp_path, reload)
    file = tmp_path / "config.toml"
    try:
        listener.wait(lambda s: s.cycle >= 1, "a cycle")
        assert "the same as before" in session.reread_settings().message
        file.write_text("[engine]\ninterval_seconds = 4\n")
        refused = session.reread_settings()
        assert not refused.ok
        assert f"{file}:2" in refused.message
        assert runs == []
        file.write_text("[engine]\ninterval_seconds = 45\n")
        assert session.reread_settings().ok
        listener.wait(lambda s: s.interval == 45, "a cycle of the new run")
    finally:
        session.stop()


def test_what_is_written_to_the_settings_file_is_used_without_being_told(store: Store, tmp_path: Path) -> None:
    def reload(loaded: LoadedSettings) -> Script:
        run = Script(store)
        run.interval = loaded.settings.engine.interval_seconds / 1000
        return run

    session, listener = _opened(store, Script(store), tmp_path, reload)
    file = tmp_path / "config.toml"
    try:
        listener.wait(lambda s: s.cycle >= 1, "a cycle")
        file.write_text("[engine]\ninterval_seconds = 45\n")
        listener.wait(lambda s: s.interval == 0.045, "a cycle of the new run")
        file.write_text("[engine]\ninterval_seconds = 4\n")
        shown = listener.wait(lambda s: any(source.name == "settings" for source in s.sources), "what is wrong")
        [status] = [source for source in shown.sources if source.name == "settings"]
        assert status.health is Health.DEGRADED and "engine.interval_seconds" in status.detail
        assert shown.interval == 0.045
        file.write_text("[engine]\ninterval_seconds = 60\n")
        listener.wait(lambda s: s.interval == 0.06 and s.sources[-1].name != "settings", "the mended file")
    finally:
        session.stop()


def test_a_replay_does_not_change_settings(store: Store, tmp_path: Path) -> None:
    result = _session(store, Script(store), tmp_path).change_setting("engine.interval_seconds", "45")
    assert not result.ok
    assert "replay" in result.message
    assert "replay" in _session(store, Script(store), tmp_path).reread_settings().message


def test_a_live_session_without_an_answer_runs_and_says_so(tmp_path: Path) -> None:
    loaded = settings(tmp_path, prometheus="http://127.0.0.1:9")
    session, listener = live_session(loaded), Listener()
    try:
        session.restored()
        session.start(listener)
        shown = listener.wait(lambda s: s.cycle == 1, "the first cycle")
        [status] = [status for status in shown.sources if status.name == "prometheus"]
        assert status.health is Health.DOWN
        assert shown.coverage
        assert session.test_connections()
    finally:
        session.stop()


def test_a_session_on_nothing_is_refused_and_leaves_the_store_closed(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no cluster and no Prometheus"):
        live_session(settings(tmp_path))


def test_a_replay_session_ends_with_its_recording(tmp_path: Path) -> None:
    session, listener = replay_session(BUNDLED, settings(tmp_path), 0.0, "demo"), Listener()
    session.start(listener)
    try:
        shown = listener.wait(lambda s: s.cycle >= 2, "two cycles")
        assert shown.mode == "demo"
        assert shown.workloads > 10
        face = session.workloads()
        assert len(face.lines) >= shown.workloads
        assert {"cart", "checkout"} <= {line.name for line in face.lines}
        assert not any(signal.startswith("rightsizing-") for signal in face.signals)
        assert Coverage.LIVE in {status for line in face.lines for status in line.worst.values()}
        lines = {line.title: line for line in session.baselines().lines}
        assert len(lines) >= shown.workloads and set(lines) <= {line.title for line in face.lines}
        ended = listener.wait(lambda s: s.mode == ENDED, "the end of a whole hour", 6 * PATIENCE)
        assert ended.cycle >= 2
    finally:
        session.stop()


def test_a_replay_that_breaks_off_says_so_and_why(store: Store, tmp_path: Path) -> None:
    def break_off(cycle: int) -> None:
        if cycle == 2:
            raise RecordingError("shop.gz: line 7 is no line of a recording")

    run = Script(store, break_off)
    session, listener = _opened(store, run, tmp_path)
    try:
        failed = listener.wait(lambda s: s.mode == FAILED, "the failure")
        [status] = [source for source in failed.sources if source.name == REPLAY]
        assert (status.health, status.detail) == (Health.DOWN, "shop.gz: line 7 is no line of a recording")
        assert "tries again" not in status.hint
        assert ENDED not in {shown.mode for shown in listener.snapshots}
        assert run.runs == 1, "it does not begin again"
    finally:
        session.stop()


LABELLER = """
import sys
from pathlib import Path
from app.clock import ManualClock
from app.triage import Triage
from storage.database import Store
from storage.records import Label

store = Store.open(Path(sys.argv[1]))
print(Triage(store, ManualClock(5.0), "me", "one").label([1], Label.FALSE, "known").message, flush=True)
sys.stdin.read()
"""


def test_labels_survive_a_kill(store: Store, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LABELLER, str(store.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "labelled false" in process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    store.close()
    with Store.open(store.path) as again:
        assert not again.integrity()
        session = _session(again, Script(again), tmp_path)
        [row] = [row.investigation for row in session.restored().rows if row.investigation.id == 1]
        assert row.label is Label.FALSE
        assert row.label_reason == "known"
