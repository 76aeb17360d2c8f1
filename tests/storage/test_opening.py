"""Which files are opened, made, migrated, or refused and left alone."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storage import migrations
from storage.database import Store
from storage.errors import StoreError
from storage.history import Act
from storage.migrations import Migration
from storage.records import Stance
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_utils import Database

ROOT = Path(__file__).parents[2]

OPEN = """
import sys
from pathlib import Path
from storage.database import Store
Store.open(Path(sys.argv[1])).close()
"""


def refusal(path: Path, *, read_only: bool = False) -> StoreError:
    """The error of opening; everything in the folder has to stay as it is."""
    before = contents(path.parent)
    with pytest.raises(StoreError) as caught:
        Store.open(path, read_only=read_only)
    assert contents(path.parent) == before
    assert caught.value.path == path
    assert caught.value.hint
    return caught.value


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()} if folder.exists() else {}


def add_a_table(database: Database) -> None:
    database.table("outbox").create({"id": int, "body": str}, pk="id")


NEWEST = migrations.MIGRATIONS[-1].number
NEXT = (*migrations.MIGRATIONS, Migration(NEWEST + 1, "outgoing messages", add_a_table))


@pytest.fixture
def next_schema(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr(migrations, "MIGRATIONS", NEXT)


def test_a_new_database_is_for_its_owner_alone(path: Path) -> None:
    with Store.open(path) as store:
        store.cycles.write(samples.update(samples.case()))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert f"{path.name}-wal" in modes
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_writes_ahead_and_gives_pages_back(path: Path) -> None:
    Store.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        assert connection.execute("PRAGMA application_id").fetchone() == (migrations.APPLICATION_ID,)


def test_an_empty_file_is_a_new_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with Store.open(path) as store:
        assert store.statistics().schema == migrations.MIGRATIONS[-1].number


def test_what_was_stored_is_there_after_reopening(path: Path) -> None:
    with Store.open(path) as store:
        store.cycles.write(samples.update(samples.case()))
    with Store.open(path) as store:
        assert store.investigations.open(samples.CLUSTER) == (samples.case(),)


def test_opening_an_up_to_date_database_imports_neither_sqlite_utils_nor_numpy(path: Path) -> None:
    Store.open(path).close()
    code = OPEN + "print(sorted({'sqlite_utils', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_processes_that_start_together_make_one_database(path: Path) -> None:
    starts = [
        subprocess.Popen([sys.executable, "-c", OPEN, path], stderr=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(4)
    ]
    assert [start.communicate()[1] for start in starts] == [""] * 4
    with Store.open(path) as store:
        assert store.integrity() == ()


# ---------------------------------------------------------------------------------------------------- refusals


def test_a_newer_database_is_refused_and_left_as_it_is(path: Path, next_schema: Callable[[], None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", NEXT)
        Store.open(path).close()
    for read_only in (False, True):
        assert f"newer Tocsin (schema {NEWEST + 1}, this one knows {NEWEST})" in refusal(path, read_only=read_only).what
    next_schema()
    Store.open(path).close()


def test_a_newer_schema_that_is_still_in_the_write_ahead_log_is_refused_too(path: Path) -> None:
    Store.open(path).close()
    crash = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA user_version = 999")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", crash, path], check=True)
    log = path.with_name(f"{path.name}-wal")
    before = path.read_bytes(), log.read_bytes()
    assert int.from_bytes(before[0][60:64], "big") == migrations.MIGRATIONS[-1].number
    with pytest.raises(StoreError, match="newer Tocsin"):
        Store.open(path)
    assert (path.read_bytes(), log.read_bytes()) == before


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"# notes\nnot a database\n", "not a SQLite database"),
        (b"SQLite format 3\0", "not a SQLite database"),
        (b"SQLite format 2\0" + bytes(4080), "not a SQLite database"),
        (bytes(4096), "not a SQLite database"),
    ],
)
def test_a_file_that_is_no_database_is_left_alone(path: Path, content: bytes, what: str) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert what in refusal(path).what


def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    assert "another program" in refusal(path).what


def test_a_folder_is_no_database(path: Path) -> None:
    path.mkdir(parents=True)
    assert "not a file" in refusal(path).what


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    assert "not a file" in refusal(path, read_only=True).what


def test_reading_needs_a_database(path: Path) -> None:
    assert "no database yet" in refusal(path, read_only=True).what
    assert not path.parent.exists()


def test_damage_is_told_and_left(path: Path) -> None:
    with Store.open(path) as store:
        store.cycles.write(samples.update(*(samples.case(number) for number in range(1, 2_000))))
    whole = path.read_bytes()
    half = len(whole) // 2  # the roots of all tables are well before
    path.write_bytes(whole[:half] + b"\xa5" * half)
    damaged = path.read_bytes()
    with Store.open(path) as store:
        assert store.integrity()
        with pytest.raises(StoreError, match="damaged"):
            for number in range(1, 2_000):
                store.investigations.get(number)
                store.anomalies.of(number)
    assert path.read_bytes() == damaged


def test_a_truncated_database_is_told_and_left(path: Path) -> None:
    with Store.open(path) as store:
        store.cycles.write(samples.update(*(samples.case(number) for number in range(1, 300))))
    path.write_bytes(path.read_bytes()[:5000])
    before = path.read_bytes()
    with pytest.raises(StoreError, match="damaged"):
        Store.open(path).investigations.open(samples.CLUSTER)
    assert path.read_bytes() == before


def test_a_full_disk_stores_nothing_of_the_cycle(store: Store) -> None:
    store.cycles.write(samples.update(samples.case(1)))
    store._connections.outside_transaction("PRAGMA max_page_count = 1")  # SQLite takes the present size
    with pytest.raises(StoreError, match="the disk is full"):
        store.cycles.write(samples.update(*(samples.case(number) for number in range(2, 3_000))))
    assert store.investigations.page() == (samples.case(1),)
    store._connections.outside_transaction("PRAGMA max_page_count = 100000")
    store.cycles.write(samples.update(samples.case(2)))
    assert store.integrity() == ()


def test_a_writer_that_never_ends_is_told_after_the_timeout(path: Path, store: Store) -> None:
    store._connections.outside_transaction("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process"):
            store.screen.remember("inbox", "{}")
        assert store.screen.recall("inbox") == ""
        other.execute("ROLLBACK")
    store.screen.remember("inbox", "{}")


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    for call in (lambda: store.screen.recall("x"), lambda: store.screen.remember("x", "1")):
        with pytest.raises(StoreError, match="closed"):
            call()


def test_read_only_reads_what_others_write_and_writes_nothing(path: Path, store: Store) -> None:
    with Store.open(path, read_only=True) as reader:
        store.cycles.write(samples.update(samples.case()))
        assert reader.investigations.get(1) == samples.case()
        with pytest.raises(StoreError, match="reading only"):
            reader.history.act([1], Act.PIN, {"pinned": True}, actor="kim", at=samples.NOW)


AS_NOBODY = """
import os, sys
from pathlib import Path
from storage.database import Store
from storage.errors import StoreError
os.setgid(65534); os.setuid(65534)
try:
    Store.open(Path(sys.argv[1]), read_only=sys.argv[2] == "read")
except StoreError as error:
    print(error)
else:
    print("opened")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "how", "said"),
    [
        (0o644, 0o777, "write", "the file may not be written"),
        (0o666, 0o755, "write", "its folder may not be written"),
        (0o600, 0o777, "write", "cannot be read: Permission denied"),
        (0o600, 0o700, "write", "Permission denied"),
        (None, 0o755, "write", "cannot be made: Permission denied"),
        (0o666, 0o777, "write", "opened"),
        (0o644, 0o777, "read", "opened"),
    ],
)
def test_missing_rights_are_named(file_mode: int | None, folder_mode: int, how: str, said: str) -> None:
    with tempfile.TemporaryDirectory() as outer:
        Path(outer).chmod(0o755)
        folder = Path(outer) / "data"
        folder.mkdir()
        path = folder / "tocsin.db"
        if file_mode is not None:
            Store.open(path).close()
            path.chmod(file_mode)
        folder.chmod(folder_mode)
        before = contents(folder)
        command = [sys.executable, "-c", AS_NOBODY, str(path), how]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        assert said in done.stdout
        assert {name: content for name, content in contents(folder).items() if name == path.name} == before


# -------------------------------------------------------------------------------------------------- migrating


def test_migrating_keeps_the_rows_and_a_copy_of_the_file(path: Path, next_schema: Callable[[], None]) -> None:
    with Store.open(path) as store:
        store.cycles.write(samples.update(samples.case()))
    next_schema()
    with pytest.raises(StoreError, match="older schema"):
        Store.open(path, read_only=True)
    with Store.open(path) as store:
        assert store.statistics().schema == NEWEST + 1
        assert store.statistics().rows["outbox"] == 0
        assert store.investigations.get(1) == samples.case()
    copy = path.with_name(f"tocsin.db.schema-{NEWEST}")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (NEWEST,)
        assert connection.execute("SELECT count(*) FROM investigation").fetchone() == (1,)


def test_migrating_an_empty_database_copies_nothing(path: Path, next_schema: Callable[[], None]) -> None:
    Store.open(path).close()
    next_schema()
    Store.open(path).close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_failed_migration_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(database: Database) -> None:
        add_a_table(database)
        database.execute("INSERT INTO nowhere VALUES (1)")

    with Store.open(path) as store:
        store.cycles.write(samples.update(samples.case()))
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, Migration(NEWEST + 1, "wrong", fail)))
        with pytest.raises(StoreError, match="nowhere"):
            Store.open(path)
    with Store.open(path) as store:
        assert "outbox" not in store.statistics().rows
        assert store.investigations.get(1) == samples.case()


def test_migrations_are_numbered_without_gaps() -> None:
    assert [each.number for each in migrations.MIGRATIONS] == list(range(1, len(migrations.MIGRATIONS) + 1))


def test_a_ledger_from_before_fields_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:2])
        Store.open(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(
            """INSERT INTO evidence (investigation, digest, anomaly, step, text, source, value, at, recorded, stance)
            VALUES (1, 7, 1, 'object', 'it waits', 'kubectl get pod x', 'Pending', NULL, 5, 'supports')"""
        )
        connection.execute("INSERT INTO cluster (name) VALUES ('lab')")
    with Store.open(path) as store:
        (line,) = store.evidence.of(1)
    assert (line.text, line.value, line.at, line.stance) == ("it waits", "Pending", None, Stance.SUPPORTS)
    assert (line.convention, line.field, line.held) == ("", None, "")
