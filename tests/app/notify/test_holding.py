"""Digests, quiet hours and the limit: what is held back, until when, and how it is told of at last."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notify.hours import end_of, minutes_of, within
from storage.records import HeldBy, MessageState, Priority
from tests.app.notify.bench import Bench
from tests.app.notify.samples import conclude, recover
from tests.app.notify.slack_server import CHANNEL

if TYPE_CHECKING:
    from storage.database import Store
    from tests.app.notify.slack_server import SlackServer

BERLIN = "Europe/Berlin"
EVENING = datetime(2026, 3, 28, 23, 30, tzinfo=ZoneInfo(BERLIN)).timestamp()
"""The night in which the clocks there go forward."""
MORNING = datetime(2026, 3, 29, 7, 0, tzinfo=ZoneInfo(BERLIN)).timestamp()
P3 = {"priority": Priority.P3}
P4 = {"priority": Priority.P4}
ALL = [{"priorities": ["P1", "P2", "P3", "P4", "P5"], "to": ["team"]}]


def bench(store: Store, slack: SlackServer, now: float = EVENING, **more: Any) -> Bench:
    to = {"channel": CHANNEL, "token_env": "SLACK_TOKEN", "api": f"{slack.url}/api/", **more}
    return Bench(store, now, destinations={"team": to}, rules=ALL, time_zone=BERLIN)


def texts(slack: SlackServer) -> list[str]:
    return [each["text"] for each in slack.messages.values()]


def test_quiet_hours_hold_all_but_the_gravest_and_end_with_one_summary(store: Store, slack: SlackServer) -> None:
    at_night = bench(store, slack, quiet_hours="22:00-07:00")
    conclude(store, at_night.settings, 1)
    conclude(store, at_night.settings, 2, **P3)
    conclude(store, at_night.settings, 3, **P4)
    at_night.run()
    assert [text[:7] for text in texts(slack)] == ["REAL P1"]
    held = [each for each in store.outbox.listed() if each.state is MessageState.HELD]
    assert {(each.held_by, each.again) for each in held} == {(HeldBy.QUIET, MORNING)}
    assert "22:00-07:00 Europe/Berlin" in held[0].error
    at_night.run(later=MORNING - EVENING - 1)
    assert len(slack.messages) == 1
    at_night.run(later=1)
    at_night.run(later=7200)
    assert len(slack.messages) == 2 and texts(slack)[1] == "2 cases were held back in the quiet hours"
    assert "2 REAL P3" in str(list(slack.messages.values())[1])


def test_what_is_there_already_is_edited_in_quiet_hours_too(store: Store, slack: SlackServer) -> None:
    at_night = bench(store, slack, EVENING - 7200, quiet_hours="22:00-07:00")
    conclude(store, at_night.settings, **P3)
    at_night.run()
    recover(store, at_night.settings)
    at_night.run(later=7200)
    assert [text[:9] for text in texts(slack)] == ["RECOVERED"]


def test_a_digest_collects_low_priorities_for_its_time_and_others_pass(store: Store, slack: SlackServer) -> None:
    collecting = bench(store, slack, digest=["P4", "P5"], digest_minutes=30)
    conclude(store, collecting.settings, 1, **P4)
    collecting.run()
    conclude(store, collecting.settings, 2, **P4)
    conclude(store, collecting.settings, 3, **P3)
    collecting.run(later=1200)
    assert [text[:7] for text in texts(slack)] == ["REAL P3"]
    collecting.run(later=600)
    assert texts(slack)[1:] == ["Digest of 2 cases"]
    collecting.run(later=7200)
    assert len(slack.messages) == 2


def test_a_digest_waits_for_the_end_of_the_quiet_hours(store: Store, slack: SlackServer) -> None:
    both = bench(store, slack, digest=["P4"], quiet_hours="22:00-07:00")
    conclude(store, both.settings, **P4)
    both.run()
    both.run(later=3600)
    assert slack.messages == {}
    both.run(later=MORNING - both.clock.now())
    assert texts(slack) == ["Digest of 1 case"]


def test_what_becomes_graver_leaves_the_digest(store: Store, slack: SlackServer) -> None:
    collecting = bench(store, slack, digest=["P4"])
    conclude(store, collecting.settings, **P4)
    collecting.run()
    conclude(store, collecting.settings, **P3)
    collecting.run()
    assert [text[:7] for text in texts(slack)] == ["REAL P3"]


def test_what_a_person_sends_again_is_not_held_again(store: Store, slack: SlackServer) -> None:
    at_night = bench(store, slack, quiet_hours="22:00-07:00", digest=["P4"])
    conclude(store, at_night.settings, **P4)
    at_night.run()
    assert store.outbox.retry(at_night.only.id, EVENING)
    at_night.run()
    assert [text[:7] for text in texts(slack)] == ["REAL P4"] and at_night.only.held_by is None
    at_night.run(later=MORNING - EVENING)
    assert len(slack.messages) == 1


@given(
    st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda hours: hours[0] != hours[1]),
    st.integers(1_700_000_000, 1_900_000_000),
)
def test_hours_end_within_a_day_and_right_after_their_last_minute(hours: tuple[int, int], now: int) -> None:
    end = end_of(hours, now, "UTC")
    assert 0 < end - now <= 86_400
    assert within(hours, end - 1, "UTC") and not within(hours, end, "UTC")


def test_the_clocks_that_go_forward_at_night_do_not_move_the_end() -> None:
    hours = minutes_of("quiet_hours", "22:00-07:00")
    assert hours is not None and end_of(hours, EVENING, BERLIN) == MORNING


@pytest.mark.parametrize("text", ["22-7", "24:00-07:00", "22:00 - 07:00"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quiet_hours is"):
        minutes_of("quiet_hours", text)
