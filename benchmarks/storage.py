"""The store at size: `python -m benchmarks.storage [--anomalies N] [--kills N]`.

Three goals, as ratios within one run or as limits that hold on any machine:

- G10: with a million anomalies every list, page and lookup takes at most 10 ms, a row with its indexes at most 100 B.
- G11: storing 100,000 anomalies takes at most 1.3 times as long as SQLite alone with the same rows.
- G12: 100 times `kill -9`: nothing corrupt, torn, or lost that was acknowledged; two writers: no locked errors.
"""

from __future__ import annotations

import argparse
import platform
import random
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Goal, goals_table
from detectors.model import Entity, EntityType, SourceRef, Views
from storage.codec import SEVERITIES
from storage.cycles import CycleUpdate
from storage.database import Store
from storage.history import Act
from storage.records import (
    AnomalyRecord,
    AnomalyState,
    CycleRecord,
    InvestigationRecord,
    Label,
    Lifecycle,
)
from tests.storage import crash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CLUSTER = "prod-eu-1"
START = 1_790_000_000.0
SIGNALS = ("http-server-5xx-spike", "http-server-latency", "http-server-drop", "pod-restart-spike", "node-not-ready")
PER_CASE = 3
ROUNDS = 7


def entity(number: int) -> Entity:
    return Entity(EntityType.WORKLOAD, CLUSTER, f"team-{number % 40}", "Deployment", f"service-{number}")


def source(number: int) -> SourceRef:
    where = f'{{namespace="team-{number % 40}", workload="service-{number}"}}'
    return SourceRef("opentelemetry", f"sum by (status) (rate(http_server_request_duration_seconds_count{where}[5m]))")


ENTITIES = tuple(entity(number) for number in range(2_000))
SOURCES = tuple(source(number) for number in range(2_000))


def anomaly(number: int, *, open_after: int, draw: random.Random) -> AnomalyRecord:
    """One anomaly as the engine makes them: full-precision numbers, data times on the grid, own times not."""
    opened = START + number * 2 + draw.random()
    is_open = number > open_after
    place = number // PER_CASE * 7 % len(ENTITIES)
    score = 1 + draw.expovariate(1)
    return AnomalyRecord(
        id=number,
        cluster=CLUSTER,
        investigation=(number - 1) // PER_CASE + 1,
        signal=SIGNALS[number % len(SIGNALS)],
        entity=ENTITIES[place],
        state=AnomalyState.OPEN if is_open else AnomalyState.CLOSED,
        severity=draw.choice(SEVERITIES),
        score=score,
        peak_score=score + draw.random(),
        observed=draw.random(),
        low=0.0,
        high=draw.random(),
        unit="ratio",
        onset=opened // 60 * 60,
        opened=opened,
        last_seen=opened // 60 * 60 + 600,
        closed=None if is_open else opened + 700,
        confidence=draw.random(),
        views=Views.LOCAL | Views.DAY,
        source=SOURCES[place],
        clean_passes=3,
    )


def case(number: int, members: Sequence[AnomalyRecord]) -> InvestigationRecord:
    worst = members[0]
    is_open = worst.closed is None
    return InvestigationRecord(
        id=number,
        cluster=CLUSTER,
        entity=worst.entity,
        title="Share of 5xx answers is unusual",
        severity=worst.severity,
        score=worst.score,
        lifecycle=Lifecycle.OPEN if is_open else Lifecycle.RECOVERED,
        onset=worst.onset,
        opened=worst.opened,
        updated=worst.last_seen,
        ended=worst.closed,
        signals=tuple(member.signal for member in members),
        anomalies=len(members),
    )


def updates(count: int, chunk: int = 1_000) -> Iterator[CycleUpdate]:
    """Cycles of `chunk` cases each, `count` anomalies in all; the last 300 are open."""
    draw = random.Random(7)
    for first in range(1, count, chunk * PER_CASE):
        numbers = range(first, min(first + chunk * PER_CASE, count + 1))
        members = [anomaly(number, open_after=count - 300, draw=draw) for number in numbers]
        cases = [
            case((numbers[start] - 1) // PER_CASE + 1, members[start : start + PER_CASE])
            for start in range(0, len(members), PER_CASE)
        ]
        yield CycleUpdate(CycleRecord(CLUSTER, members[-1].opened, 1.0, 10_000, 5, 0), cases, members)


def median_ms(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median time of a call in milliseconds."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def lists(folder: Path, count: int) -> list[Goal]:
    """G10."""
    path = folder / "million.db"
    with Store.open(path) as store:
        for update in updates(count):
            store.cycles.write(update)
        cases = count // PER_CASE
        newest = store.investigations.page(CLUSTER, limit=1)[0].updated
        draw = random.Random(8)
        for start in range(0, 2_000, 500):
            ids = draw.sample(range(1, cases), 500)
            label = Label.TRUE if start % 1_000 else Label.FALSE
            store.history.act(ids, Act.LABEL, {"label": label, "label_reason": "noise"}, actor="kim", at=newest)
        store.history.act([5, 50_000], Act.PIN, {"pinned": True}, actor="kim", at=newest)
        store.history.act([77], Act.CLOSE, {"closed_at": newest}, actor="kim", at=newest)

        some = ENTITIES[14]
        middle = store.investigations.get(cases // 2)
        asked: dict[str, Callable[[], object]] = {
            "inbox: open investigations": lambda: store.investigations.open(CLUSTER),
            "inbox: their worst anomalies": lambda: store.anomalies.worst_of(range(cases - 100, cases)),
            "engine: unresolved anomalies": lambda: store.anomalies.unresolved(CLUSTER),
            "engine: closed in the last 30 min": lambda: store.anomalies.closed_since(CLUSTER, newest - 1_800),
            "page: newest 100, all clusters": lambda: store.investigations.page(limit=100),
            "page: newest 100 of a cluster": lambda: store.investigations.page(CLUSTER, limit=100),
            "page: 100 in the middle": lambda: store.investigations.page(CLUSTER, after=middle, limit=100),
            "page: recovered only": lambda: store.investigations.page(CLUSTER, lifecycles=[Lifecycle.RECOVERED]),
            "page: closed by hand (one)": lambda: store.investigations.page(CLUSTER, lifecycles=[Lifecycle.CLOSED]),
            "page: of the last hour": lambda: store.investigations.page(CLUSTER, since=newest - 3_600),
            "page: since the future (none)": lambda: store.investigations.page(CLUSTER, since=newest + 9),
            "page: labelled false": lambda: store.investigations.labelled(Label.FALSE, CLUSTER),
            "past of an entity": lambda: store.investigations.about(some),
            "one investigation": lambda: store.investigations.get(cases // 2),
            "its anomalies": lambda: store.anomalies.of(cases // 2),
            "its timeline": lambda: store.timeline.of(cases // 2),
            "undo and redo": lambda: (
                store.history.undo(actor="kim", at=newest),
                store.history.redo(actor="kim", at=newest),
            ),
        }
        print(f"\nG10  {count:,} anomalies, {cases:,} investigations: median ms (goal 10)")
        spent = {name: median_ms(work) for name, work in asked.items()}
        for name, taken in spent.items():
            print(f"  {name:40} {taken:8.2f} {'' if taken <= 10 else '  OVER'}")
    begun = time.perf_counter()
    Store.open(path).close()
    print(f"  {'open and close':40} {(time.perf_counter() - begun) * 1000:8.2f}")
    slowest = max(spent, key=spent.__getitem__)
    return [
        Goal("G10", f"slowest of {len(spent)} lists over {count:,} anomalies ({slowest})", spent[slowest], 10, "ms"),
        Goal("G10", "bytes of an anomaly's row with indexes", sizes(path, count), 100, "B"),
    ]


def sizes(path: Path, count: int) -> float:
    """Bytes of one anomaly with its indexes."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC").fetchall()
    print(f"\n     bytes per anomaly (goal: 100 with indexes), file {path.stat().st_size / 2**20:.0f} MB")
    for name, size in rows:
        if size > count / 2:
            print(f"  {name:40} {size / count:8.1f}")
    own = sum(size for name, size in rows if name.startswith("anomaly"))
    print(f"  {'anomaly rows with indexes':40} {own / count:8.1f}")
    return float(own / count)


FLAT = """CREATE TABLE flat (
    id INTEGER PRIMARY KEY, investigation INTEGER, cluster TEXT, namespace TEXT, type TEXT, kind TEXT, name TEXT,
    signal TEXT, state TEXT, severity TEXT, score REAL, peak_score REAL, observed REAL, low REAL, high REAL, unit TEXT,
    onset REAL, opened REAL, last_seen REAL, closed REAL, confidence REAL, views INTEGER, convention TEXT, query TEXT,
    clean_passes INTEGER, reopened INTEGER)"""


def flat(record: AnomalyRecord) -> tuple[object, ...]:
    """The record as the naive table has it: every text in every row."""
    where, source = record.entity, record.source
    return (
        record.id, record.investigation, where.cluster, where.namespace, str(where.type), where.kind, where.name,
        record.signal, str(record.state), str(record.severity), record.score, record.peak_score, record.observed,
        record.low, record.high, record.unit, record.onset, record.opened, record.last_seen, record.closed,
        record.confidence, int(record.views), source.convention, source.query, record.clean_passes, record.reopened,
    )  # fmt: skip


def insert(folder: Path, count: int) -> list[Goal]:
    """G11: each way into a file of its own, in turn, so that noise hits all alike."""
    prepared = tuple(updates(count))
    records = [record for update in prepared for record in update.anomalies]
    cases = CycleUpdate(
        prepared[0].record, investigations=[case for update in prepared for case in update.investigations]
    )
    source_path = folder / "source.db"
    with Store.open(source_path) as store:
        store.cycles.write(cases)
        store.cycles.write(CycleUpdate(prepared[0].record, anomalies=records))
    with closing(sqlite3.connect(source_path)) as connection:
        rows = connection.execute("SELECT * FROM anomaly ORDER BY id").fetchall()
    flat_rows = [flat(record) for record in records]

    def ours(store: Store) -> None:
        store.cycles.write(CycleUpdate(cases.record, anomalies=records))

    def bare(store: Store) -> None:
        with store._connections.write() as connection:
            connection.executemany(f"INSERT INTO anomaly VALUES ({', '.join('?' * 18)})", rows)  # noqa: S608

    def one_table(store: Store) -> None:
        with store._connections.write() as connection:
            connection.execute(FLAT)
            connection.executemany(f"INSERT INTO flat VALUES ({', '.join('?' * 26)})", flat_rows)  # noqa: S608

    def indexed(store: Store) -> None:
        with store._connections.write() as connection:
            connection.execute(FLAT)
            connection.execute("CREATE INDEX flat_case ON flat (investigation)")
            connection.execute("CREATE INDEX flat_state ON flat (cluster, state, onset)")
            connection.executemany(f"INSERT INTO flat VALUES ({', '.join('?' * 26)})", flat_rows)  # noqa: S608

    ways = {
        ours: "Store.cycles.write(records)",
        one_table: "executemany of finished tuples, one flat table without index",
        indexed: "executemany of finished tuples, one flat table, 2 indexes",
        bare: "executemany of finished tuples, our tables",
    }
    times: dict[str, list[float]] = {what: [] for what in ways.values()}
    for turn in range(ROUNDS):
        for way, what in ways.items():
            path = folder / f"{turn}-{way.__name__}.db"
            with Store.open(path) as store:
                store.cycles.write(cases)
                begun = time.process_time()
                way(store)
                times[what].append(time.process_time() - begun)
            path.unlink()
    print(f"\nG11  {count:,} anomalies: CPU seconds, and ours as a multiple (goal 1.3 of one flat table)")
    for what, taken in times.items():
        median = statistics.median(taken)
        print(f"  {what:62} {median:6.2f}   {statistics.median(times[ways[ours]]) / median:5.2f}")
    bare_table = statistics.median(times[ways[one_table]])
    ratio = statistics.median(times[ways[ours]]) / bare_table
    return [Goal("G11", f"storing {count:,} anomalies / one flat table of finished tuples", ratio, 1.3)]


def survive(folder: Path, kills: int) -> list[Goal]:
    """G12."""
    damage = crash.kill_repeatedly(folder / "kill.db", kills, random.Random(5))
    print(f"\nG12  {kills} x kill -9, {damage.cycles:,} cycles stored (goal 0, 0, 0)")
    print(f"  corrupt {damage.corrupt}, acknowledged and lost {damage.lost}, torn {damage.torn}")
    path = folder / "two.db"
    with Store.open(path) as store:
        writers = [crash.start(path, cluster, 500) for cluster in ("one", "two")]
        waits = []
        while any(writer.poll() is None for writer in writers):
            begun = time.perf_counter()
            store.screen.remember("inbox", "{}")
            waits.append((time.perf_counter() - begun) * 1000)
            time.sleep(0.005)
    failed = sum("another process" in writer.communicate()[1] or writer.returncode != 0 for writer in writers)
    print(f"  2 processes x 500 cycles and a third that writes between: {failed} failed; the third waited ", end="")
    print(f"{statistics.median(waits):.1f} ms (median), {max(waits):.0f} ms (worst)")
    harm = damage.corrupt + damage.lost + damage.torn
    return [
        Goal("G12", f"corrupt, torn or lost in {kills} x kill -9", harm, 0, ""),
        Goal("G12", "locked errors of 2 writers", failed, 0, ""),
    ]


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anomalies", type=int, default=1_000_000)
    parser.add_argument("--insert", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=100)
    options = parser.parse_args(arguments)
    print(f"SQLite {sqlite3.sqlite_version}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        found = lists(Path(folder), options.anomalies)
        found += insert(Path(folder), options.insert)
        found += survive(Path(folder), options.kills)
    print()
    print(goals_table(found))
    return found


if __name__ == "__main__":
    main()
