"""What an engineer does in the console, in the message that others read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.triage import Triage
from storage.records import HeldBy, Label, MessageState
from tests.app.notify.bench import Bench
from tests.app.notify.samples import NOW, conclude, recover
from tests.app.notify.slack_server import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.database import Store
    from tests.app.notify.slack_server import SlackServer

GREEN = "#2eb886"


@pytest.fixture
def bench(store: Store, slack: SlackServer) -> Bench:
    to = {"channel": CHANNEL, "token_env": "SLACK_TOKEN", "api": f"{slack.url}/api/"}
    return Bench(store, destinations={"oncall": to})


@pytest.fixture
def kim(bench: Bench) -> Triage:
    return Triage(bench.store, bench.clock, "kim", "s1")


def shown(slack: SlackServer) -> tuple[str, str]:
    """(text, colour) of the only message."""
    [message] = slack.messages.values()
    return message["text"], message["attachments"][0]["color"]


@pytest.mark.parametrize(
    ("act", "word", "by"),
    [
        (lambda kim: kim.close([1]), "CLOSED P1", "kim closed it"),
        (lambda kim: kim.label([1], Label.FALSE, "a test"), "FALSE ALARM P1", "kim labelled it false: a test"),
    ],
)
def test_what_is_closed_or_false_is_recoloured_with_who_says_so_and_undone_with_it(
    bench: Bench, kim: Triage, slack: SlackServer, act: Callable[[Triage], object], word: str, by: str
) -> None:
    conclude(bench.store, bench.settings)
    bench.run()
    before = shown(slack)
    act(kim)
    bench.run()
    assert shown(slack)[0].startswith(word) and shown(slack)[1] == GREEN != before[1]
    assert [by in reply["text"] for reply in slack.replies] == [True]
    kim.undo()
    bench.run()
    assert shown(slack) == before and len(slack.replies) == 2
    kim.redo()
    bench.run()
    assert shown(slack)[0].startswith(word)


def test_what_is_taken_or_true_is_a_note_in_the_message_and_no_news(
    bench: Bench, kim: Triage, slack: SlackServer
) -> None:
    conclude(bench.store, bench.settings)
    bench.run()
    kim.acknowledge([1])
    kim.label([1], Label.TRUE)
    bench.run()
    [message] = slack.messages.values()
    assert "kim acknowledged it" in str(message) and "kim labelled it true" in str(message)
    assert shown(slack)[0].startswith("REAL P1") and shown(slack)[1] != GREEN and not slack.replies
    kim.acknowledge([1])
    bench.run()
    assert "acknowledged" not in str(slack.messages)


def test_what_was_never_posted_is_not_posted_because_somebody_closes_it(
    bench: Bench, kim: Triage, slack: SlackServer
) -> None:
    kim.close([1])
    recover(bench.store, bench.settings, 2)
    kim.close([2])
    bench.run()
    assert slack.requests == [] and bench.store.outbox.listed() == ()


def test_what_is_closed_before_it_is_posted_waits_until_it_is_open_again(
    bench: Bench, kim: Triage, slack: SlackServer
) -> None:
    conclude(bench.store, bench.settings)
    kim.close([1])
    bench.run()
    bench.run(later=600)
    assert slack.requests == []
    assert (bench.only.state, bench.only.held_by, bench.only.error) == (
        MessageState.HELD,
        HeldBy.TRIAGE,
        "it is closed",
    )
    kim.undo()
    bench.run()
    assert shown(slack)[0].startswith("REAL P1")


def test_a_snooze_that_ends_lets_it_through_and_one_of_a_case_that_is_over_does_not(
    bench: Bench, kim: Triage, slack: SlackServer
) -> None:
    for number in (1, 2):
        conclude(bench.store, bench.settings, number)
    kim.snooze([1, 2], 600)
    bench.run()
    recover(bench.store, bench.settings, 2)
    bench.run(later=599)
    assert slack.requests == []
    bench.run(later=61)
    assert shown(slack)[0].startswith("REAL P1")


def test_news_of_the_engine_keep_what_the_engineer_said(bench: Bench, kim: Triage, slack: SlackServer) -> None:
    conclude(bench.store, bench.settings)
    bench.run()
    kim.close([1])
    bench.run()
    conclude(bench.store, bench.settings, scope="one pod")
    bench.run()
    assert shown(slack)[0].startswith("CLOSED P1") and "one pod" in str(slack.messages)


def test_words_of_the_engineer_neither_call_anybody_nor_hold_a_secret(
    bench: Bench, kim: Triage, slack: SlackServer
) -> None:
    conclude(bench.store, bench.settings)
    bench.run()
    kim.label([1], Label.FALSE, "<!channel> @here password=hunter2")
    bench.run()
    said = str(slack.messages) + str(slack.replies)
    assert "hunter2" not in said and "@here" not in said and "<!channel>" not in said


def test_acts_of_another_process_are_told_too(bench: Bench, slack: SlackServer) -> None:
    conclude(bench.store, bench.settings)
    bench.run()
    Triage(bench.store, bench.clock, "alex", "s2").close([1])
    bench.run(later=2)
    assert "alex closed it" in shown(slack)[0] and bench.clock.now() == NOW + 2
