"""Lists stay fast when a million rows lie behind them: no read walks a large table."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from storage import connections
from storage.database import Store
from storage.history import Act
from storage.records import Label, Lifecycle
from tests.storage import samples
from tests.storage.samples import CHECKOUT, CLUSTER, NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LARGE = (
    "investigation",
    "anomaly",
    "band",
    "evidence",
    "event",
    "history",
    "timeline",
    "cycle",
    "subject",
    "entity",
    "usage_day",
)

READS: dict[str, Callable[[Store], object]] = {
    "investigations.get": lambda store: store.investigations.get(1),
    "investigations.open": lambda store: store.investigations.open(CLUSTER),
    "investigations.ended_since": lambda store: store.investigations.ended_since(CLUSTER, NOW),
    "investigations.page": lambda store: store.investigations.page(after=samples.case()),
    "investigations.page of a cluster": lambda store: store.investigations.page(CLUSTER, since=NOW),
    "investigations.page of a state": lambda store: store.investigations.page(lifecycles=[Lifecycle.OPEN]),
    "investigations.labelled": lambda store: store.investigations.labelled(Label.TRUE),
    "investigations.labelled in a cluster": lambda store: store.investigations.labelled(Label.TRUE, CLUSTER),
    "investigations.about": lambda store: store.investigations.about(CHECKOUT),
    "anomalies.unresolved": lambda store: store.anomalies.unresolved(CLUSTER),
    "anomalies.closed_since": lambda store: store.anomalies.closed_since(CLUSTER, NOW),
    "anomalies.of": lambda store: store.anomalies.of(1),
    "anomalies.last_seen_of": lambda store: store.anomalies.last_seen_of([1, 2]),
    "anomalies.worst_of": lambda store: store.anomalies.worst_of([1, 2]),
    "evidence.of": lambda store: store.evidence.of(1),
    "timeline.of": lambda store: store.timeline.of(1),
    "events.of": lambda store: store.events.of(CLUSTER, "shop", "Pod", "x", NOW),
    "events.since": lambda store: store.events.since(CLUSTER, NOW),
    "history.of": lambda store: store.history.of(1),
    "history.undo": lambda store: store.history.undo(actor="kim", at=NOW),
    "history.act": lambda store: store.history.act([1], Act.PIN, {"pinned": True}, actor="kim", at=NOW),
    "cycles.last": lambda store: store.cycles.last(CLUSTER),
    "cycles.coverage": lambda store: store.cycles.coverage(CLUSTER),
    "cycles.write": lambda store: store.cycles.write(
        samples.update(samples.case(2), evidence=[samples.evidence(2)], events=[samples.event()])
    ),
    "usage.put": lambda store: store.usage.put(CLUSTER, [samples.usage()]),
    "usage.day": lambda store: store.usage.day(CLUSTER, "cadvisor", 0),
    "usage.days": lambda store: store.usage.days(CLUSTER, "cadvisor", "cpu"),
    "usage.since": lambda store: list(store.usage.since(CLUSTER, 0)),
    "advice.of": lambda store: store.advice.of(CLUSTER),
    "advice.last": lambda store: store.advice.last(CLUSTER),
    "screen.recall": lambda store: store.screen.recall("x"),
}

# The labelled ones alone, along an index that holds nothing else.
PARTIAL_INDEXES = ("investigation_label", "anomaly_unresolved")


def walks(path: Path, statements: list[str]) -> list[str]:
    """The steps of the statements' plans that read a large table from end to end."""
    found = []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            if statement.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
                plan = [
                    row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + statement.replace("(Inf", "(9e999"))
                ]
                found += [step for step in plan if _walks(step)]
    return found


def _walks(step: str) -> bool:
    words = step.split()
    return words[0] == "SCAN" and words[1] in LARGE and not any(index in step for index in PARTIAL_INDEXES)


@pytest.fixture
def traced(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, list[str]]:
    statements: list[str] = []
    connect = connections.connect

    def connect_traced(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        connection = connect(path, read_only=read_only)
        connection.set_trace_callback(statements.append)
        return connection

    Store.open(path).close()
    monkeypatch.setattr(connections, "connect", connect_traced)
    store = Store.open(path)
    # One entity and a case are there, so that no read ends before its last statement.
    store.cycles.write(samples.update(samples.case(1)))
    store.history.act([1], Act.LABEL, {"label": Label.TRUE, "label_reason": ""}, actor="kim", at=NOW)
    statements.clear()
    return store, statements


@pytest.mark.parametrize("name", READS)
def test_no_read_walks_a_large_table(name: str, traced: tuple[Store, list[str]]) -> None:
    store, statements = traced
    with store:
        READS[name](store)
    assert any("SELECT" in statement for statement in statements)
    assert walks(store.path, statements) == []


def test_the_check_notices_a_walk(path: Path, store: Store) -> None:
    assert walks(path, ["SELECT id FROM anomaly WHERE state > 0", "SELECT id FROM cluster"]) == []
    assert len(walks(path, ["SELECT * FROM anomaly WHERE onset > 5", "DELETE FROM event WHERE reason = 'x'"])) == 2
