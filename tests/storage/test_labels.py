"""Labels keep what they judged, survive undo, and are never changed."""

from __future__ import annotations

import sqlite3

import pytest

from storage import schema
from storage.database import Store
from storage.history import Act
from storage.records import Label, Reason
from tests.storage.samples import CLUSTER, NOW, anomaly, case, update


def detector_of(signal, convention):
    return f"{signal} by {convention}"


def give(store, label, reason="", ids=(1,), actor="kim", at=NOW):
    values = {"label": label, "label_reason": reason}
    return store.history.act(ids, Act.LABEL, values, actor=actor, at=at, detector_of=detector_of)


@pytest.fixture
def labelled(store):
    members = [anomaly(1, 1), anomaly(2, 1, signal="http-server-latency-p99", score=1.25), anomaly(3, 2)]
    store.cycles.write(update(case(1), case(2), anomalies=members))
    return store


def test_a_label_keeps_what_it_judged(labelled):
    give(labelled, Label.FALSE, Reason.NOISE)
    labelled.cycles.write(update(case(1), anomalies=[anomaly(1, 1, score=9.0, views=7)]))
    first, second = labelled.labels.valid(CLUSTER)
    assert (first.signal, first.detector) == ("http-server-5xx-spike", "http-server-5xx-spike by opentelemetry")
    assert (first.label, first.reason, first.actor, first.at) == (Label.FALSE, Reason.NOISE, "kim", NOW)
    assert (first.score, first.peak_score, first.confidence, first.views) == (2.5, 3.125, 0.875, 3)
    assert first.entity == anomaly().entity and first.onset == NOW - 300
    assert (second.anomaly, second.score) == (2, 1.25)


def test_what_was_taken_back_is_not_valid_and_not_lost(labelled):
    give(labelled, Label.TRUE)
    give(labelled, Label.FALSE, Reason.THRESHOLD, at=NOW + 1)
    assert {each.label for each in labelled.labels.valid(CLUSTER)} == {Label.FALSE}
    labelled.history.undo(actor="kim", at=NOW + 2)
    assert [(each.label, each.at) for each in labelled.labels.valid(CLUSTER)] == [(Label.TRUE, NOW)] * 2
    labelled.history.undo(actor="kim", at=NOW + 3)
    assert labelled.labels.valid(CLUSTER) == ()
    labelled.history.redo(actor="kim", at=NOW + 4)
    assert {each.label for each in labelled.labels.valid(CLUSTER)} == {Label.TRUE}
    assert len(labelled.labels.of(1)) == 4


def test_given_again_counts_once_with_what_is_known_then(labelled):
    give(labelled, Label.FALSE)
    give(labelled, Label.TRUE, at=NOW + 1)
    labelled.cycles.write(update(case(1), anomalies=[anomaly(1, 1, score=9.0)]))
    give(labelled, Label.FALSE, at=NOW + 2)
    assert [each.score for each in labelled.labels.valid(CLUSTER)] == [9.0, 1.25]


def test_labels_of_other_clusters_and_older_ones_are_left_out(labelled):
    give(labelled, Label.TRUE, ids=(1, 2))
    assert len(labelled.labels.valid(CLUSTER)) == 3
    assert labelled.labels.valid("elsewhere") == ()
    assert labelled.labels.valid(CLUSTER, since=NOW + 1) == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE label SET label = 'false'",
        "DELETE FROM label",
        "INSERT OR REPLACE INTO label SELECT * FROM label",
    ],
)
def test_a_label_is_never_changed(labelled, statement):
    give(labelled, Label.TRUE)
    with pytest.raises(Exception, match="append-only"), labelled._connections.write() as connection:
        connection.execute(statement)
    assert {each.label for each in labelled.labels.valid(CLUSTER)} == {Label.TRUE}


def test_labels_leave_with_their_investigation(store):
    store.cycles.write(update(case(1, ended=NOW), anomalies=[anomaly(1, 1)]))
    give(store, Label.TRUE)
    store.retention.prune(NOW + 100 * 86400, days=1, label_days=365)
    assert len(store.labels.valid(CLUSTER)) == 1
    assert store.retention.prune(NOW + 400 * 86400, days=1, label_days=365).investigations == 1
    assert store.labels.of(1) == ()
    assert store.integrity() == ()


def test_labels_given_before_there_was_a_table_are_taken_over(path):
    with Store.open(path) as store:
        store.cycles.write(update(case(1), case(2)))
        give(store, Label.FALSE, "flaps every night")
    connection = sqlite3.connect(path)
    connection.executescript(
        "DROP TABLE label; DROP TABLE incident; DROP TABLE rule; DROP TABLE profile; DROP TABLE message; "
        "DROP INDEX investigation_awaits; ALTER TABLE investigation DROP COLUMN awaits_rollout; "
        "DROP TABLE restart; "
        "ALTER TABLE investigation DROP COLUMN muted"
    )
    connection.execute(f"PRAGMA user_version = {before(schema.LABELS)}")
    connection.commit()
    connection.close()
    with Store.open(path) as store:
        (label,) = store.labels.valid(CLUSTER)
    assert (label.label, label.reason, label.actor, label.detector) == (Label.FALSE, "flaps every night", "", "")
    assert label.score == 2.5


def before(statements):
    """The schema's version before these statements."""
    from storage.migrations import MIGRATIONS

    return next(each.number for each in MIGRATIONS if each.apply.__closure__[0].cell_contents is statements) - 1


def test_incidents_are_kept_listed_and_removed(store):
    first = store.incidents.add(
        CLUSTER, "shop/checkout", since=NOW - 900, until=NOW - 300, note="payments failed", actor="kim", at=NOW
    )
    second = store.incidents.add(CLUSTER, "cart", since=NOW - 90, until=NOW, note="", actor="kim", at=NOW)
    store.incidents.add("other", "cart", since=NOW - 90, until=NOW, note="", actor="kim", at=NOW)
    assert store.incidents.of(CLUSTER) == (first, second)
    assert store.incidents.of(CLUSTER, since=NOW - 200) == (second,)
    assert store.incidents.remove(first.id, NOW + 1)
    assert not store.incidents.remove(first.id, NOW + 2)
    assert store.incidents.of(CLUSTER) == (second,)


def test_an_incident_ends_after_it_begins(store):
    with pytest.raises(ValueError, match="cannot end"):
        store.incidents.add(CLUSTER, "cart", since=NOW, until=NOW - 1, note="", actor="kim", at=NOW)
