from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tracking import HELD_SECONDS, Tracker
from detectors.model import Coverage
from storage.records import AnomalyState
from tests.app.builders import observation, workload

UNITS = {"http-server-5xx-spike": "ratio"}


class Run:
    """Drives a tracker minute by minute."""

    def __init__(self) -> None:
        self.tracker = Tracker("lab", clean_passes=3, clean_seconds=60, reopen_seconds=1800)
        self.numbers = itertools.count(1)
        self.now = 1000.0

    def cycle(self, *observations, coverage=Coverage.LIVE, seconds=60.0):
        self.now += seconds
        return self.tracker.update(
            observations, lambda signal, entity: coverage, UNITS, self.now, lambda: next(self.numbers)
        )


def test_opens_with_what_was_seen_and_since_when():
    changes = Run().cycle(observation(onset=940.0))
    (anomaly,) = changes.opened
    assert (anomaly.id, anomaly.state, anomaly.onset, anomaly.opened) == (1, AnomalyState.OPEN, 940.0, 1060.0)
    assert anomaly.unit == "ratio"


def test_a_second_cycle_updates_and_keeps_the_earliest_onset_and_the_peak():
    run = Run()
    run.cycle(observation(score=5.0, onset=940.0))
    changes = run.cycle(observation(score=2.0, onset=1000.0))
    (anomaly,) = changes.updated
    assert not changes.opened
    assert (anomaly.id, anomaly.score, anomaly.peak_score, anomaly.onset) == (1, 2.0, 5.0, 940.0)


def test_closes_after_three_clean_passes_and_not_before():
    run = Run()
    run.cycle(observation())
    assert not run.cycle().closed
    assert not run.cycle().closed
    (closed,) = run.cycle().closed
    assert (closed.state, closed.closed) == (AnomalyState.CLOSED, run.now)


def test_passes_without_new_samples_count_once():
    run = Run()
    run.cycle(observation())
    for _ in range(4):
        assert not run.cycle(seconds=10).closed


def test_an_unclean_pass_in_between_starts_the_count_anew():
    run = Run()
    run.cycle(observation())
    run.cycle()
    run.cycle()
    run.cycle(observation())
    assert not run.cycle().closed
    assert not run.cycle().closed
    assert run.cycle().closed


@pytest.mark.parametrize(
    "coverage",
    [Coverage.NO_DATA, Coverage.QUERY_ERROR, Coverage.FORBIDDEN, Coverage.LEARNING, Coverage.NO_SOURCE],
)
def test_what_cannot_be_seen_is_held_not_resolved(coverage):
    run = Run()
    run.cycle(observation())
    for _ in range(20):
        changes = run.cycle(coverage=coverage)
        assert not changes.closed
        (held,) = changes.updated or changes.unchanged
        assert held.state is AnomalyState.HELD
    (back,) = run.cycle(observation()).updated
    assert back.state is AnomalyState.OPEN


def test_what_nobody_could_see_for_a_day_expires():
    run = Run()
    run.cycle(observation())
    assert run.cycle(coverage=Coverage.NO_DATA, seconds=HELD_SECONDS + 1).closed


def test_coming_back_soon_reopens_the_same_anomaly():
    run = Run()
    run.cycle(observation())
    for _ in range(3):
        run.cycle()
    (again,) = run.cycle(observation()).reopened
    assert (again.id, again.reopened, again.closed) == (1, 1, None)


def test_coming_back_late_is_a_new_anomaly():
    run = Run()
    run.cycle(observation())
    for _ in range(3):
        run.cycle()
    changes = run.cycle(observation(), seconds=1801)
    assert [anomaly.id for anomaly in changes.opened] == [2]


def test_the_same_signal_of_another_workload_is_another_anomaly():
    run = Run()
    changes = run.cycle(observation(), observation(entity=workload("cart")))
    assert len(changes.opened) == 2


def test_restored_anomalies_go_on_where_they_were():
    first = Run()
    (anomaly,) = first.cycle(observation()).opened
    second = Run()
    second.tracker.restore([anomaly])
    (updated,) = second.cycle(observation(score=3.0)).updated
    assert (updated.id, updated.score) == (anomaly.id, 3.0)


@given(st.lists(st.sampled_from(["out", "clean", "blind"]), max_size=60))
def test_never_closes_without_three_clean_passes_in_a_row(story):
    run = Run()
    run.cycle(observation())
    clean = 0
    for word in story:
        out = [observation()] if word == "out" else []
        changes = run.cycle(*out, coverage=Coverage.NO_DATA if word == "blind" else Coverage.LIVE)
        clean = clean + 1 if word == "clean" else 0
        if changes.closed:
            assert clean >= 3
