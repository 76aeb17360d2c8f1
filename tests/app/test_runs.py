"""Runs: a recorded one replays to the same rows, a live one goes on, the bundled one tells its hour's truth."""

from __future__ import annotations

import gzip
import re
import threading
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from app import __version__
from app.cli import main
from app.clock import ManualClock, SystemClock
from app.engine import Engine, Outcome
from app.exits import Exit
from app.opening import BUNDLED, open_catalogue, temporary_store
from app.runs import LiveRun, ReplayRun
from app.snapshot import Health
from app.sources.recording import FORMAT, CycleMark, Header, RecordingError, RecordingWriter, read_recording
from storage.database import Store
from storage.errors import StoreError
from storage.records import Lifecycle
from storage.retention import Retention
from tests.app.rig import Rig, observations, settings, wait_for
from tests.lab.demo import World
from tests.lab.faults import Fault
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import CONTEXT
from tests.lab.scenario import DEMO
from tests.lab.shop import SHOP
from tests.lab.truth import CLUSTER, Place, truth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


START = 1_763_470_800
FAULTS = (
    Fault("checkout-errors", "errors", "prod/checkout", START + 120, 400, 0.3),
    Fault("cart-crash", "crash-loop", "prod/cart", START + 60, 300),
)
RECORDED = 900
INTERVAL = 30


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, list[Outcome]]]:
    """A recording, the database of the run that was recorded, and what its cycles came to."""
    folder = tmp_path_factory.mktemp("recorded")
    file, database = folder / "run.tocsin.gz", folder / "run.db"
    header = Header(FORMAT, CONTEXT, __version__, 60, INTERVAL, "a test", live=False)
    writer = RecordingWriter(file, header)
    with World(FAULTS, START, START + RECORDED, days=0) as world, Store.open(database) as store:
        loaded = settings(folder, prometheus=world.prometheus_url, kubeconfig=world.kubeconfig)
        with Rig(loaded, store, START, world.api, writer=writer) as rig:
            outcomes = []
            for at in range(START, START + RECORDED, INTERVAL):
                world.advance(at)
                outcomes.append(rig.cycle(at))
        writer.close()
    return file, database, outcomes


def _replayed(file: Path, folder: Path) -> tuple[dict[str, Any], list[Outcome]]:
    outcomes: list[Outcome] = []
    with temporary_store() as store:
        run = ReplayRun(file, settings(folder), store, open_catalogue(settings(folder)), ManualClock(0.0), "replay")
        run.run(threading.Event(), threading.Event(), outcomes.append)
        return _rows(store, run.cluster), outcomes


def _rows(store: Store, cluster: str) -> dict[str, Any]:
    """Every row that a run writes, but for how long things took and how lines are numbered: a live ledger fills."""
    cases = sorted(store.investigations.page(cluster, limit=1000), key=lambda case: case.id)
    coverage = [msgspec.structs.replace(line, query_seconds=None) for line in store.cycles.coverage(cluster)]
    return {
        "cases": cases,
        "anomalies": [anomaly for case in cases for anomaly in store.anomalies.of(case.id)],
        "bands": {number: worst.band for number, worst in store.anomalies.worst_of([c.id for c in cases]).items()},
        "evidence": [msgspec.structs.replace(e, id=0) for case in cases for e in store.evidence.of(case.id)],
        "conclusions": [
            msgspec.structs.replace(conclusion, seconds=0.0)
            for conclusion in store.conclusions.many([case.id for case in cases]).values()
        ],
        "timeline": [entry for case in cases for entry in store.timeline.of(case.id)],
        "coverage": coverage,
    }


class TestRecorded:
    pytestmark = needs_servers

    @pytest.mark.parametrize("time", ["first", "second"])
    def test_a_replay_gives_the_rows_of_the_run_every_time(
        self, recorded: tuple[Path, Path, list[Outcome]], tmp_path: Path, time: str
    ) -> None:
        file, database, lived = recorded
        with Store.open(database) as store:
            expected = _rows(store, CONTEXT)
        rows, outcomes = _replayed(file, tmp_path)
        assert {anomaly.signal for anomaly in expected["anomalies"]} >= {
            "http-server-5xx-spike",
            "pod-crashloopbackoff",
        }
        assert [outcome.at for outcome in outcomes] == [outcome.at for outcome in lived]
        assert [observations(outcome) for outcome in outcomes] == [observations(outcome) for outcome in lived]
        for table, content in expected.items():
            assert rows[table] == content, table

    def test_a_recording_that_was_cut_off_replays_up_to_there(
        self, recorded: tuple[Path, Path, list[Outcome]], tmp_path: Path
    ) -> None:
        whole = recorded[0].read_bytes()
        cut = tmp_path / "cut.gz"
        cut.write_bytes(whole[: len(whole) * 3 // 4])
        _, outcomes = _replayed(cut, tmp_path)
        assert 0 < len(outcomes) < len(recorded[2])
        assert [o.at for o in outcomes] == [o.at for o in recorded[2]][: len(outcomes)]

    def test_a_replay_stops_when_it_is_told(self, recorded: tuple[Path, Path, list[Outcome]], tmp_path: Path) -> None:
        loaded, stop = settings(tmp_path), threading.Event()
        seen: list[Outcome] = []

        def done(outcome: Outcome) -> None:
            seen.append(outcome)
            if len(seen) == 2:
                stop.set()

        with temporary_store() as store:
            run = ReplayRun(recorded[0], loaded, store, open_catalogue(loaded), ManualClock(0.0), "replay")
            run.run(stop, threading.Event(), done)
            assert {status.health for status in run.statuses(seen[-1])} == {Health.OK}
        assert len(seen) == 2


def test_a_live_run_has_a_cycle_whenever_it_is_woken(tmp_path: Path) -> None:
    loaded = settings(tmp_path, prometheus="http://127.0.0.1:9", engine__interval_seconds="600")
    stop, wake, seen = threading.Event(), threading.Event(), []
    with temporary_store() as store:
        run = LiveRun(loaded, store, open_catalogue(loaded), ManualClock(START, speed=1.0))
        thread = threading.Thread(target=run.run, args=(stop, wake, seen.append))
        thread.start()
        wait_for(lambda: len(seen) == 1, "the first cycle")
        wake.set()
        wait_for(lambda: len(seen) == 2, "the second cycle")
        stop.set()
        wake.set()
        thread.join(5)
        assert not thread.is_alive()
        [status] = [status for status in run.statuses(seen[-1]) if status.name == "prometheus"]
        run.close()
    assert status.health is Health.DOWN
    assert status.hint


def test_a_live_run_lets_go_of_what_is_older_than_the_settings_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = settings(tmp_path, prometheus="http://127.0.0.1:9", store__retention_days="7", store__label_days="90")
    stop, wake, seen, pruned = threading.Event(), threading.Event(), [], []
    clock = ManualClock(START, speed=1.0)
    monkeypatch.setattr(Retention, "prune", lambda _, now, **keep: pruned.append((now >= START, keep)))
    with temporary_store() as store:
        run = LiveRun(loaded, store, open_catalogue(loaded), clock)

        def done(outcome: Outcome) -> None:
            seen.append(outcome)
            stop.set() if len(seen) == 3 else wake.set()

        run.run(stop, wake, done)
        run.close()
    assert pruned == [(True, {"days": 7, "label_days": 90})], "once an hour, not with every cycle"


def test_watching_outlives_a_cycle_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cycles: list[int] = []

    def cycle(engine: Engine) -> Outcome:
        cycles.append(1)
        if len(cycles) == 2:
            raise StoreError(tmp_path / "tocsin.db", "the database is locked", "another process is busy")
        if len(cycles) == 4:
            raise KeyboardInterrupt
        return Outcome(START, 0.1, {}, None, None, None, 5, ())

    monkeypatch.setattr(Engine, "cycle", cycle)
    monkeypatch.setattr(Engine, "look_again", lambda _: None)
    monkeypatch.setattr(SystemClock, "wait", lambda *_: None)
    (tmp_path / "config.toml").touch()
    options = ("--prometheus", "http://127.0.0.1:9", "--no-kubernetes", "--config", str(tmp_path / "config.toml"))
    assert main(["watch", *options, "--db", str(tmp_path / "tocsin.db")]) == Exit.INTERRUPTED
    assert len(cycles) == 4
    said = capsys.readouterr().err
    assert "the cycle failed, the next one tries again" in said and "locked" in said


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "not.gz"
    file.write_text("hello")
    loaded = settings(tmp_path)
    with temporary_store() as store, pytest.raises(RecordingError, match=re.escape(str(file))):
        ReplayRun(file, loaded, store, open_catalogue(loaded), ManualClock(0.0), "replay")


SECRETS = re.compile(
    rb"eyJ[A-Za-z0-9_-]{20,}\.|BEGIN [A-Z ]*PRIVATE KEY|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|[Bb]earer [A-Za-z0-9._-]{8,}"
    rb"|://[^/\s:@\"]+:[^/\s@\"]+@|/(?:home|root|work|tmp)/"
)


class TestBundled:
    def test_it_holds_no_secret_and_no_path_of_the_machine_that_made_it(self) -> None:
        assert not SECRETS.findall(gzip.decompress(BUNDLED.read_bytes()))

    def test_it_is_small(self) -> None:
        assert BUNDLED.stat().st_size < 5_000_000

    def test_it_gives_the_findings_of_its_truth_and_no_others(self, tmp_path: Path) -> None:
        rows, outcomes = _replayed(BUNDLED, tmp_path)
        known = truth(DEMO, SHOP)
        marks = [line for line in read_recording(BUNDLED) if isinstance(line, CycleMark)]
        assert len(outcomes) == len(marks) > 100
        anomalies = rows["anomalies"]
        for expected in known.expected:
            onsets = [
                anomaly.onset
                for anomaly in anomalies
                if (anomaly.signal, _place(anomaly.entity)) == (expected.signal, expected.place)
            ]
            assert any(expected.since - 120 <= onset <= expected.since + 420 for onset in onsets), expected
        said = {(anomaly.signal, _place(anomaly.entity)) for anomaly in anomalies}
        assert not {pair for pair in said if not known.accepts(*pair)}
        assert all(case.lifecycle is Lifecycle.RECOVERED for case in rows["cases"] if case.onset < marks[-1].at - 1800)


def _place(entity: Any) -> Place:
    return CLUSTER if entity.kind == "Cluster" else Place(entity.kind, entity.namespace, entity.name)
