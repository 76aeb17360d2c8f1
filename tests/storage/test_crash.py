"""Processes that die in mid-write, and processes that write at the same time."""

from __future__ import annotations

import random
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from storage.cycles import CycleUpdate
from storage.history import Act
from tests.storage import crash, samples

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Store


def test_kill_9_in_mid_write_tears_nothing_and_loses_nothing_acknowledged(path: Path) -> None:
    damage = crash.kill_repeatedly(path, kills=12, draw=random.Random(1))
    assert (damage.corrupt, damage.lost, damage.torn) == (0, 0, 0)
    assert damage.cycles > 24


def test_the_examination_notices_a_torn_cycle(path: Path) -> None:
    assert crash.start(path, "one", 3).wait() == 0
    assert crash.examine(path) == ({1, 2, 3}, 0)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM anomaly WHERE id = 4")
    assert crash.examine(path) == ({1, 2, 3}, 1)


def test_two_processes_write_different_clusters_at_once(path: Path, store: Store) -> None:
    writers = [crash.start(path, cluster, 60) for cluster in ("one", "two")]
    for writer in writers:
        _, errors = writer.communicate()
        assert (writer.returncode, errors) == (0, "")
    cases, torn = crash.examine(path)
    assert (cases, torn) == (set(range(1, 121)), 0)
    assert {record.cluster for record in store.investigations.page()} == {"one", "two"}


def test_an_act_survives_the_write_of_another_process_between_its_read_and_its_write(path: Path, store: Store) -> None:
    """A deferred transaction fails here at once, whatever its timeout; the first half shows that the trap is real."""
    store.cycles.write(samples.update(samples.case(1)))

    def step_in() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("UPDATE investigation SET anomalies = anomalies + 1")

    with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as naive:
        naive.execute("BEGIN")
        naive.execute("SELECT pinned FROM investigation").fetchall()
        step_in()
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            naive.execute("UPDATE investigation SET pinned = 1")

    other = threading.Thread(target=step_in)
    with store._connections.write() as connection:
        connection.execute("SELECT pinned FROM investigation").fetchall()
        other.start()
        connection.execute("UPDATE investigation SET pinned = 1")
    other.join()
    record = store.investigations.get(1)
    assert record is not None
    assert (record.pinned, record.anomalies) == (True, 3)


def test_threads_share_one_store(store: Store) -> None:
    """Acts, cycles and reads from many threads: everything arrives, no read sees half a cycle."""
    store.cycles.write(samples.update(*(samples.case(number) for number in range(1, 9))))
    failures: list[object] = []

    def act(number: int) -> None:
        for turn in range(20):
            store.history.act([number], Act.PIN, {"pinned": turn % 2 == 0}, actor=f"kim {number}", at=samples.NOW)

    def run_cycles() -> None:
        for turn in range(40):
            record = samples.cycle(samples.NOW + turn)
            lines = [samples.evidence(number, f"turn {turn}") for number in range(1, 9)]
            store.cycles.write(CycleUpdate(record, evidence=lines))

    def read() -> None:
        for _ in range(60):
            first = len(store.evidence.of(1))
            if len(store.evidence.of(8)) < first:
                failures.append("case 8 lacks a line that case 1 had before")

    threads = [threading.Thread(target=act, args=(number,)) for number in range(1, 5)]
    threads += [threading.Thread(target=run_cycles), *(threading.Thread(target=read) for _ in range(3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [len(store.history.of(number)) for number in range(1, 6)] == [20, 20, 20, 20, 0]
    assert len(store.evidence.of(8)) == 40
    assert store.integrity() == ()
