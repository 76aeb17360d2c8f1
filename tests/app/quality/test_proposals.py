"""What rules hide, and which rules the labels ask for: proposed where they help, and not where they would cost."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from app.quality.measures import report, stored_past
from app.quality.proposals import Stored, mutes, proposals
from app.quality.rules import covers, hides, muting, told
from app.quality.wording import stays_text
from app.settings.schema import Settings
from storage.cycles import CycleUpdate
from storage.records import CycleRecord, Label, Pattern, Reason, RuleRecord
from tests.app.quality.stored import CATALOGUE, CLUSTER, CRASH, DAY, NOW, P99, SPIKE
from tests.storage.samples import anomaly

ONSET = 1_790_000_000.0 // 86400 * 86400
"""A midnight."""


def proposed(past):
    return proposals(stored_past(past.store, CLUSTER, Settings(), NOW))


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        (Pattern(), True),
        (Pattern(SPIKE), True),
        (Pattern(P99), False),
        (Pattern(SPIKE, "shop/checkout"), True),
        (Pattern(SPIKE, "shop/*"), True),
        (Pattern("", "jobs/*"), False),
        (Pattern("", "checkout"), True),
        (Pattern("", "check*"), True),
        (Pattern("", "shop"), False),
        (Pattern(environment="*"), True),
        (Pattern(environment="staging"), False),
        (Pattern(below=3.126), True),
        (Pattern(below=3.125), False),
        (Pattern(hours=(2, 6)), True),
        (Pattern(hours=(6, 8)), False),
        (Pattern(hours=(22, 4)), True),
        (Pattern(hours=(22, 3)), False),
    ],
)
def test_a_pattern_covers_what_it_says(pattern, covered):
    assert covers(pattern, anomaly(onset=ONSET + 3 * 3600 + 59)) is covered
    assert told(pattern)


def test_a_case_is_hidden_only_as_a_whole():
    members = [anomaly(1, signal=SPIKE), anomaly(2, signal=P99)]
    assert not hides([Pattern(SPIKE)], members)
    assert hides([Pattern(SPIKE), Pattern(P99)], members)
    assert not hides([Pattern()], [])
    rules = [RuleRecord(n, CLUSTER, Pattern(s), "kim", "", NOW, None, True) for n, s in ((4, P99), (9, SPIKE))]
    assert muting(rules, members) == 4
    assert muting(rules[:1], members) is None


def test_a_threshold_is_raised_over_what_is_false_and_not_over_what_is_true(past):
    for score in (1.1, 1.3, 1.5, 1.6):
        past.found(SPIKE, label=Label.FALSE, reason=Reason.THRESHOLD, score=score)
    for score in (2.4, 3.0, 5.0):
        past.found(SPIKE, label=Label.TRUE, score=score)
    best = proposed(past)[0]
    assert best.kind == "raise the threshold" and 1.6 < best.pattern.below < 2.4
    assert (best.effect.false, best.effect.true) == (4, 0)
    assert best.effect.precision_before.successes == 3 and best.effect.precision_after.value == 1.0


def test_true_cases_that_would_be_lost_are_told_and_prevent_it(past):
    for place in range(6):
        past.found(SPIKE, label=Label.FALSE, score=2.0)
        past.found(SPIKE, label=Label.TRUE, score=1.2 + place / 10)
    assert proposed(past) == ()
    stored = stored_past(past.store, CLUSTER, Settings(), NOW)
    narrowest = mutes(stored.cases[1], stored)[0]
    assert (narrowest.effect.false, narrowest.effect.true) == (6, 6)
    assert narrowest.effect.lost == (2, 4, 6, 8, 10, 12)


def test_what_flaps_on_one_workload_is_muted_there_only(past):
    for number in range(5):
        past.found(P99, name="etl", label=Label.FALSE, score=5.0, ago=(24 + 7) * 3600.0 * number + 600)
        past.found(P99, name="checkout", label=Label.TRUE, score=5.0)
    (best,) = proposed(past)
    assert best.pattern == Pattern(P99, "shop/etl") and best.lasting is not None
    assert (best.effect.false, best.effect.true) == (5, 0)


def test_what_was_never_true_is_better_off(past):
    for number in range(12):
        past.found(CRASH, name=f"job-{number}", label=Label.FALSE, score=1.0 + number, ago=DAY * number + number * 7000)
    (best,) = proposed(past)
    assert best.kind in ("disable here", "raise the threshold") and best.effect.false == 12


@pytest.mark.parametrize("labels", [2, 0])
def test_few_false_ones_ask_for_nothing(past, labels):
    for _ in range(labels):
        past.found(SPIKE, label=Label.FALSE)
    past.found(SPIKE, label=Label.UNSURE)
    assert proposed(past) == ()


def test_duplicates_are_not_the_detectors_fault(past):
    for _ in range(6):
        past.found(SPIKE, label=Label.FALSE, reason=Reason.DUPLICATE)
    assert proposed(past) == ()


def test_what_is_muted_already_is_not_proposed_again_and_is_counted(past):
    past.watched(1, step=170)
    for number in range(5):
        past.found(P99, name="etl", label=Label.FALSE, ago=DAY * number + 600)
    (best,) = report(past.store, CATALOGUE, Settings(), CLUSTER, NOW, 30).proposals
    past.store.history.add_rule(CLUSTER, best.pattern, reason="", expires=None, actor="kim", at=NOW)
    cases = past.store.investigations.opened_since(CLUSTER, 0)
    hidden = [replace(case, muted=1) for case in cases]
    past.store.cycles.write(CycleUpdate(CycleRecord(CLUSTER, NOW - 1, 0.1, 1, 0, 0), investigations=hidden))
    shown = report(past.store, CATALOGUE, Settings(), CLUSTER, NOW, 30)
    assert shown.proposals == ()
    assert (shown.total.fired, shown.total.muted, shown.total.actionable_per_day) == (5, 5, 0.0)
    assert [(ruled.rule.id, ruled.holds, ruled.muted) for ruled in shown.rules] == [(1, True, 5)]


def test_ways_to_mute_go_from_narrow_to_wide(past):
    past.found(P99, name="etl")
    past.found(P99, name="checkout")
    stored = stored_past(past.store, CLUSTER, Settings(), NOW)
    ways = mutes(stored.cases[1], stored)
    assert [way.pattern for way in ways] == [
        Pattern(P99, "shop/etl"), Pattern(P99, "shop/*"), Pattern("", "shop/etl"), Pattern(P99),
    ]  # fmt: skip
    assert [len(way.effect.cases) for way in ways] == [1, 2, 1, 2]


def test_a_case_that_a_mute_leaves_says_why_and_one_that_it_hides_does_not(past):
    past.found(P99, name="etl")
    stored = stored_past(past.store, CLUSTER, Settings(), NOW)
    assert {way.stays for way in mutes(stored.cases[1], stored)} == {()}
    also = replace(stored.members[1][0], id=99, signal=SPIKE)
    both = Stored(stored.cases, {1: (*stored.members[1], also)})
    ways = mutes(both.cases[1], both)
    assert [len(way.effect.cases) for way in ways] == [0, 0, 1, 0]
    left = (f"{SPIKE} of shop/etl",)
    assert [way.stays for way in ways] == [left, left, (), left]
    assert stays_text(1, ways[0].stays) == f"#1 stays: {SPIKE} of shop/etl in it too"
    assert stays_text(1, ways[2].stays) == ""
