from __future__ import annotations

import itertools
import math

import pytest
from msgspec.structs import replace

from app.grouping import Casebook
from app.topology import subject
from app.tracking import Tracker
from detectors.model import Coverage, Entity, EntityType
from storage.records import Lifecycle
from tests.app.builders import observation, workload

TITLES = {"http-server-5xx-spike": "HTTP Server: 5XX error rate spike", "pod-oomkilled": "Pod Failure: OOMKilled"}


class Run:
    def __init__(self) -> None:
        self.tracker = Tracker("lab", 3, 60, 1800)
        self.book = Casebook(600, TITLES)
        self.anomalies = itertools.count(1)
        self.cases = itertools.count(100)
        self.members = {}
        self.now = 1000.0

    def cycle(self, *observations):
        self.now += 60
        changes = self.tracker.update(
            observations, lambda *_: Coverage.LIVE, {}, self.now, lambda: next(self.anomalies)
        )
        self.book.restore(self.book.cases.values(), self.members.values())
        for anomaly in (*changes.opened, *changes.reopened):
            placed = self.book.assign(anomaly, lambda: next(self.cases), self.now)
            self.tracker.reassign(placed)
            self.members[placed.id] = placed
        for anomaly in (*changes.updated, *changes.closed):
            self.members[anomaly.id] = anomaly
        return {
            number: self.book.refresh(number, [a for a in self.members.values() if a.investigation == number], self.now)
            for number in {a.investigation for a in self.members.values()}
        }


def test_signals_of_one_workload_with_one_onset_are_one_case_named_after_the_worst():
    cases = Run().cycle(observation(score=1.5, onset=950), observation("pod-oomkilled", score=9.0, onset=1000))
    (case,) = cases.values()
    assert case.anomalies == 2
    assert case.title == "Pod Failure: OOMKilled"
    assert case.onset == 950


def test_other_workloads_and_far_onsets_are_other_cases():
    run = Run()
    run.cycle(observation(onset=1000), observation(entity=workload("cart"), onset=1000))
    cases = run.cycle(observation(onset=1000), observation("pod-oomkilled", onset=1000 + 601))
    assert len(cases) == 3


def test_a_dependency_of_a_workload_belongs_to_the_workloads_case():
    far = Entity(EntityType.DEPENDENCY, "lab", "shop", "Deployment", "checkout", "api.example.com")
    assert len(Run().cycle(observation(), observation(entity=far))) == 1


def test_recovers_when_every_anomaly_is_over_and_reopens_when_it_comes_back():
    run = Run()
    run.cycle(observation())
    for _ in range(3):
        cases = run.cycle()
    (case,) = cases.values()
    assert (case.lifecycle, case.ended) == (Lifecycle.RECOVERED, run.now)
    (case,) = run.cycle(observation()).values()
    assert (case.lifecycle, case.ended) == (Lifecycle.OPEN, None)


def test_what_the_engineer_closed_stays_closed_while_it_lasts():
    run = Run()
    (case,) = run.cycle(observation()).values()
    run.book.cases[case.id] = replace(case, lifecycle=Lifecycle.CLOSED, ended=run.now)
    (case,) = run.cycle(observation()).values()
    assert case.lifecycle is Lifecycle.CLOSED
    assert case.ended is None, "its anomaly lives; when it was closed is the engineer's to say"
    for _ in range(3):
        (case,) = run.cycle().values()
    assert (case.lifecycle, case.ended) == (Lifecycle.CLOSED, run.now)


def test_what_comes_back_after_the_engineer_closed_it_is_a_new_case():
    run = Run()
    (case,) = run.cycle(observation()).values()
    for _ in range(3):
        run.cycle()
    run.book.cases[case.id] = replace(case, lifecycle=Lifecycle.CLOSED, ended=run.now)
    cases = run.cycle(observation())
    assert len(run.book.cases) == 2
    assert {c.lifecycle for c in cases.values()} == {Lifecycle.OPEN}


def test_what_is_near_to_two_cases_joins_the_one_that_began_first():
    run = Run()
    run.cycle(observation(onset=1000))
    far = run.cycle(observation(onset=1000), observation("pod-oomkilled", onset=1700))
    assert len(far) == 2
    between = run.cycle(
        observation(onset=1000), observation("pod-oomkilled", onset=1700), observation("pod-init-error", onset=1350)
    )
    assert [case.anomalies for _, case in sorted(between.items())] == [2, 1]


def counting(counter, operation):
    """An operation on floats that is counted."""

    def counted(self, other):
        next(counter)
        return operation(float(self), float(other))

    return counted


@pytest.mark.parametrize(
    ("workloads", "apart", "cases"),
    [(2000, 0, 2000), (1, 0, 1), (1, 601, 2000), (40, 601, 2000)],
    ids=["each its own workload", "one workload at once", "one workload, far apart", "some of each"],
)
def test_thousands_at_once_are_not_compared_each_with_all(workloads, apart, cases, monkeypatch):
    counter, number = itertools.count(), 2000
    operations = {f"__{name}__": counting(counter, getattr(float, f"__{name}__")) for name in ("lt", "gt", "eq", "sub")}
    onset = type("Onset", (float,), operations | {"__hash__": float.__hash__})
    monkeypatch.setattr("app.topology.subject", lambda entity: next(counter) and subject(entity))
    tracker, book, ids = Tracker("lab", 3, 60, 1800), Casebook(600, TITLES), itertools.count(1)
    seen = [
        observation(f"signal-{i}", workload(f"w{i % workloads}"), onset=onset(i // workloads * apart))
        for i in range(number)
    ]
    opened = tracker.update(seen, lambda *_: Coverage.LIVE, {}, 1e9, lambda: next(ids)).opened
    begun = next(counter)
    placed = [book.assign(anomaly, lambda: next(ids), 1e9) for anomaly in opened]
    assert len({anomaly.investigation for anomaly in placed}) == cases
    # A search in an ordered list and one more to insert; comparing two tuples compares their onsets up to four times.
    assert next(counter) - begun <= 2 * 4 * number * math.log2(number) < number * (number - 1) / 10
