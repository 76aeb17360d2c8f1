"""Silences: what is typed is understood or refused, what it would hide is told before, and it begins and ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.quality.measures import stored_past
from app.quality.silence import LONGEST, SilenceError, Wish, foreseen, parse_matchers, silence
from app.settings.schema import Settings
from app.tracking import Changes, Tracker
from app.writing import Additions, Writer
from storage.records import CycleRecord, Label, Lifecycle, Pattern
from tests.app.quality.stored import CATALOGUE, CLUSTER, CRASH, NOW, P99, SPIKE, workload
from tests.storage.samples import anomaly, case, update

SIGNALS = {SPIKE, P99}
MOVING = Wish(namespace="shop", reason="moving", owner="kim")


def living(store, number, signal, name="checkout"):
    """A case that is open, with one anomaly without a band."""
    entity = workload(name)
    member = anomaly(number, number, signal=signal, entity=entity, opened=NOW - 60, closed=None, band=b"")
    record = case(number, entity=entity, opened=NOW - 60, ended=None, lifecycle=Lifecycle.OPEN, signals=(signal,))
    store.cycles.write(update(record, at=NOW - 60, anomalies=[member]))


def parsed(**changes):
    return silence(replace(MOVING, **changes), NOW, SIGNALS)


@pytest.mark.parametrize(
    ("typed", "pattern"),
    [
        ({}, Pattern("", "shop/*")),
        ({"workload": "pay*"}, Pattern("", "shop/pay*")),
        ({"namespace": "", "workload": "shop/cart"}, Pattern("", "shop/cart")),
        ({"namespace": "", "workload": "cart"}, Pattern("", "cart")),
        ({"signal": SPIKE, "environment": "prod*"}, Pattern(SPIKE, "shop/*", environment="prod*")),
        ({"namespace": "", "environment": "staging"}, Pattern("", "*", environment="staging")),
    ],
)
def test_what_is_typed_becomes_a_rule(typed, pattern):
    wanted = parsed(**typed)
    assert (wanted.pattern, wanted.starts, wanted.expires) == (pattern, None, NOW + 7200)
    assert (wanted.owner, wanted.reason) == ("kim", "moving")


def test_a_window_begins_later_and_lasts_from_there():
    wanted = parsed(begin="30m", lasting="1h")
    assert (wanted.starts, wanted.expires) == (NOW + 1800, NOW + 5400)
    assert parsed(begin="2026-10-01T00:00Z").starts == parsed(begin="2026-10-01T02:00+02:00").starts
    assert parsed(begin="2026-10-01T00:00").starts == parsed(begin="2026-10-01T00:00Z").starts


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"namespace": ""}, "name at least one"),
        ({"reason": " "}, "a reason is needed"),
        ({"signal": "http"}, "no signal is called 'http'"),
        ({"lasting": "soon"}, "for 'soon'"),
        ({"lasting": "91d"}, "at most 90d"),
        ({"begin": "tonight"}, "from 'tonight'"),
        ({"begin": "2020-01-01"}, "that is over"),
        ({"begin": "91d"}, "within 90 days"),
        ({"workload": "a/b"}, "names a namespace"),
    ],
)
def test_what_is_wrong_is_refused_by_its_field(typed, said):
    with pytest.raises(SilenceError, match=said):
        parsed(**typed)


@given(begin=st.text(max_size=12), lasting=st.text(max_size=6))
def test_whatever_is_typed_it_ends_or_is_refused(begin, lasting):
    try:
        wanted = parsed(begin=begin, lasting=lasting)
    except SilenceError:
        return
    assert NOW <= (wanted.starts or NOW) < wanted.expires <= NOW + 2 * LONGEST


def test_matchers_of_the_command_line():
    assert parse_matchers(["namespace=shop", "workload=a=b"]) == Wish(namespace="shop", workload="a=b")
    for word in ("shop", "node=x", "owner=me"):
        with pytest.raises(SilenceError, match="is no matcher"):
            parse_matchers([word])


def test_secrets_in_a_reason_are_not_kept():
    assert "hunter2" not in parsed(reason="password=hunter2").reason


def test_it_is_told_before_what_it_would_hide_and_which_of_that_was_true(past):
    past.found(name="cart", label=Label.TRUE)
    past.found(name="web")
    living(past.store, 9, SPIKE, "cart")
    stored = stored_past(past.store, CLUSTER, Settings(), NOW)
    text = foreseen(parsed(namespace="", workload="cart"), stored, 30).text
    assert "hides 1 open case (#9) and would have hidden 1 of the last 30 days; 1 of them labelled true: #1" in text
    assert "hides 0 open cases and would have hidden 0" in foreseen(parsed(workload="nobody"), stored, 30).text


def test_an_environment_is_a_matcher_too(past):
    past.found(name="cart")
    stored = stored_past(past.store, CLUSTER, Settings(), NOW)
    assert "would have hidden 0" in foreseen(parsed(environment="staging"), stored, 30).text


def test_cases_whose_state_does_not_change_are_hidden_while_the_window_lasts_and_no_longer(past):
    number, store = 9, past.store
    living(store, number, CRASH)
    tracker = Tracker(CLUSTER, 3, 60.0, 600.0)
    tracker.restore(store.anomalies.of(number))
    assert tracker.current
    writer = Writer(CLUSTER, store, CATALOGUE, Settings(), tracker, "")
    wanted = parsed(begin="10m", lasting="1h")
    store.history.add_rule(
        CLUSTER, wanted.pattern, reason=wanted.reason, expires=wanted.expires, actor="kim", at=NOW, starts=wanted.starts
    )

    def muted(at):
        quiet = Changes((), (), (), (), tuple(tracker.current.values()))
        writer.write(CycleRecord(CLUSTER, at, 0.1, 1, 0, 0), {}, quiet, None, Additions(None))
        return store.investigations.get(number).muted

    assert [muted(NOW + after) for after in (0, 590, 610, 4190, 4210)] == [None, None, 1, 1, None]
    assert store.rules.get(1).standing(NOW) == "to begin"
    assert store.rules.get(1).standing(NOW + 4210) == "run out"
