"""What the report says of a past that is known."""

from __future__ import annotations

import json
import math

import pytest

from app.findings import json_line
from app.quality.as_json import report_object
from app.quality.measures import report
from app.quality.report import Group, Met, at_least
from app.settings.schema import Settings
from detectors.model import Severity
from detectors.quality.shares import wilson
from storage.records import Label
from tests.app.quality.stored import CATALOGUE, CLUSTER, CRASH, DAY, NOW, P99, SPIKE


def told(past, days=30.0, settings=None):
    return report(past.store, CATALOGUE, settings or Settings(), CLUSTER, NOW, days)


def line(report, name):
    return next(each for each in report.lines if each.name == name)


def test_a_case_counts_once_for_everything_that_took_part_in_it(past):
    past.watched(2, step=170)
    past.found(SPIKE, P99, label=Label.TRUE)
    past.found(SPIKE, label=Label.FALSE)
    past.found(P99, name="cart", label=Label.UNSURE)
    past.found(CRASH, name="cart")
    shown = told(past)
    assert (shown.total.fired, shown.total.true, shown.total.false, shown.total.unsure) == (4, 1, 1, 1)
    assert shown.total.unlabelled == 1
    assert line(shown, SPIKE).precision == wilson(1, 2)
    assert line(shown, P99).precision == wilson(1, 1)
    assert line(shown, "shop/cart").precision.trials == 0
    assert line(shown, "ratio-spike").fired == 2
    assert [each.group for each in shown.lines] == sorted(
        (each.group for each in shown.lines), key=[Group.DETECTOR, Group.SIGNAL, Group.WORKLOAD].index
    )


def test_too_few_labels_tell_no_precision(past):
    for _ in range(4):
        past.found(label=Label.TRUE)
    assert not told(past).total.told
    past.found(label=Label.FALSE)
    assert told(past).total.told


def test_what_is_older_than_the_time_is_left_out(past):
    past.found(ago=40 * DAY, label=Label.FALSE)
    past.found(ago=3 * DAY, label=Label.TRUE)
    assert told(past).total.precision == wilson(1, 1)
    assert told(past, days=50).total.precision == wilson(1, 2)


def test_incidents_are_found_missed_or_were_nobodys_to_find(past):
    past.watched(2, step=170)
    past.found(SPIKE, P99, ago=DAY - 180)
    past.found(SPIKE, ago=DAY - 300)
    past.found(SPIKE, name="cart", ago=DAY / 2, label=Label.FALSE)
    past.incident("shop/checkout", ago=DAY)
    past.incident("cart", ago=DAY / 2 + 60)
    past.incident("shop/checkout", ago=20 * DAY)
    shown = told(past)
    by_age = {found.incident.workload + str(found.watched): found for found in shown.incidents}
    assert by_age["shop/checkoutTrue"].seconds == 180.0
    assert by_age["cartTrue"].investigation is None
    assert by_age["shop/checkoutFalse"].investigation is None
    assert shown.total.recall == wilson(1, 2)
    assert shown.total.detection.median == 180.0
    assert line(shown, P99).recall == wilson(1, 2)
    assert line(shown, "shop/cart").recall == wilson(0, 1)


@pytest.mark.parametrize(("early", "found"), [(599.0, True), (601.0, False)])
def test_what_was_told_just_before_counts_at_once_and_long_before_not(past, early, found):
    past.watched(2, step=170)
    past.found(ago=DAY + early)
    past.incident("checkout", ago=DAY)
    (incident,) = told(past).incidents
    assert (incident.investigation is not None, incident.seconds == 0.0) == (found, found)


def test_rates_are_by_the_time_that_was_watched(past):
    past.watched(2, step=170)
    past.found(ago=DAY, severity=Severity.LOW)
    past.found(ago=DAY, severity=Severity.MEDIUM)
    shown = told(past)
    assert shown.completeness.days == pytest.approx(2.0, rel=0.01)
    assert shown.total.per_day == pytest.approx(1.0, rel=0.01)
    assert shown.total.actionable_per_day == pytest.approx(0.5, rel=0.01)


def test_a_gap_was_not_watched(past):
    past.watched(1, step=170, until=NOW - 3 * DAY).watched(1, step=170)
    shown = told(past)
    assert shown.completeness.days == pytest.approx(2.0, rel=0.01)
    assert shown.completeness.watched == pytest.approx(0.5, rel=0.01)


def test_without_cycles_nothing_is_a_rate(past):
    shown = told(past)
    assert math.isnan(shown.total.per_day) and math.isnan(shown.completeness.watched)
    assert shown.completeness.cycles == 0


def test_drift_is_told_where_it_is_no_chance(past):
    past.watched(28, step=175)
    for number in range(14):
        past.found(SPIKE, ago=(number % 7 + 0.5) * DAY)
        past.found(P99, name="cart", ago=2 * number * DAY)
    shown = told(past)
    assert line(shown, SPIKE).drift.notable and line(shown, SPIKE).drift.recent == pytest.approx(2.0, rel=0.01)
    assert not line(shown, P99).drift.notable


def test_acknowledging_is_timed_from_the_opening(past):
    number = past.found(ago=DAY)
    past.acknowledge(number, NOW - DAY + 240)
    assert told(past).total.acknowledgement.median == 240.0


def test_asked_first_is_what_cannot_be_guessed(past):
    for _ in range(8):
        past.found(SPIKE, name="checkout", label=Label.TRUE)
        past.found(P99, name="cart", label=Label.TRUE)
        past.found(P99, name="cart", label=Label.FALSE)
    sure, doubtful = past.found(SPIKE, name="checkout"), past.found(P99, name="cart")
    unknown = past.found(CRASH, name="search")
    asked = told(past).questions
    assert {question.investigation for question in asked} == {sure, doubtful, unknown}
    assert asked[-1].investigation == sure and asked[-1].likely > 0.8
    assert next(q for q in asked if q.investigation == doubtful).likely == pytest.approx(0.5, abs=0.2)
    assert "no label of" in next(q for q in asked if q.investigation == unknown).why


def test_the_json_has_no_nan_and_all_that_is_documented(past):
    past.found(label=Label.TRUE)
    past.incident("checkout", ago=DAY)
    told_object = json.loads(json_line(report_object(told(past))))
    assert told_object["schema"] == 1
    assert told_object["total"]["precision"] == {
        "value": 1.0, "low": pytest.approx(0.2065, abs=1e-4), "high": 1.0, "successes": 1, "trials": 1, "enough": False,
    }  # fmt: skip
    assert told_object["incidents"][0]["investigation"] == 1
    assert told_object["completeness"]["live"] is None


@pytest.mark.parametrize(
    ("successes", "trials", "met"),
    [(0, 0, Met.UNKNOWN), (99, 100, Met.YES), (10, 100, Met.NO), (9, 10, Met.UNCERTAIN)],
)
def test_a_target_is_reached_where_the_interval_says_so(successes, trials, met):
    assert at_least(wilson(successes, trials), 0.85) is met
