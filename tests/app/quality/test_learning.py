"""Labels teach: what is like what was false comes after its equals, only with enough labels, only while it helps."""

from __future__ import annotations

import random

from app.quality.learning import FEATURES, likely, trained
from app.quality.measures import report
from app.quality.wording import member_text
from app.settings.schema import Settings
from app.snapshots import Inbox
from detectors.quality.member import State
from storage.records import Label, Reason
from tests.app.quality.stored import CATALOGUE, CLUSTER, DAY, NOW


def taught(past, count=40, reason=""):
    """Short findings with low scores are false, long ones with high scores true."""
    chance = random.Random(3)
    for number in range(count):
        true = number % 2 == 0
        past.found(
            name=f"w{number % 9}", label=Label.TRUE if true else Label.FALSE, reason=reason,
            score=chance.uniform(3, 9) if true else chance.uniform(1, 1.6),
            lasting=chance.uniform(1200, 7200) if true else chance.uniform(60, 300), ago=DAY * 2 + number * 5000,
        )  # fmt: skip


def test_it_learns_what_was_false(past):
    taught(past)
    member = trained(past.store, CLUSTER)
    assert member.state is State.ON and (member.true, member.false) == (20, 20)
    assert len(member.weights) == len(FEATURES)
    assert member_text(member).startswith("on: out-of-fold gain +")
    weak, strong = past.found(score=1.2, lasting=90.0, ago=3600), past.found(score=6.0, lasting=3000.0, ago=3600)
    worst = past.store.anomalies.worst_of([weak, strong])
    told = likely(member, past.store, CLUSTER, [(each, 1) for each in worst.values()])
    assert told[weak] < 0.5 < 0.9 < told[strong]


def test_with_few_labels_nothing_is_said(past):
    taught(past, 10)
    member = trained(past.store, CLUSTER)
    assert member.state is State.FEW and "too few labels" in member_text(member)
    number = past.found(ago=3600)
    assert likely(member, past.store, CLUSTER, [(past.store.anomalies.of(number)[0], 1)]) == {}


def test_duplicates_teach_nothing(past):
    taught(past, reason=Reason.DUPLICATE)
    assert trained(past.store, CLUSTER).state is State.FEW


def test_noise_by_the_labels_comes_after_its_equals_and_is_told(past):
    inbox = Inbox(past.store, CATALOGUE)
    noise, real = past.found(score=1.59, lasting=90.0, ago=3600), past.found(score=1.58, lasting=7000.0, ago=8000)
    assert [row.investigation.id for row in inbox.rows(CLUSTER, NOW)] == [noise, real]
    taught(past)
    inbox.learn(CLUSTER)
    rows = {row.investigation.id: row for row in inbox.rows(CLUSTER, NOW)}
    assert list(rows)[:2] == [real, noise]
    assert rows[noise].likely < 0.5 < rows[real].likely


def test_the_report_tells_its_state_and_asks_by_it(past):
    taught(past)
    number = past.found(score=1.2, lasting=90.0, ago=3600)
    shown = report(past.store, CATALOGUE, Settings(), CLUSTER, NOW, 30)
    assert shown.member.on
    assert next(q for q in shown.questions if q.investigation == number).likely < 0.5
