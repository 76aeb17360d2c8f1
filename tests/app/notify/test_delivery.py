"""From the outbox to a Slack of our own: what arrives, what is edited, and what each refusal comes to."""

from __future__ import annotations

import socket
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from storage.records import MessageState, Priority
from tests.app.notify.bench import Bench as Plain
from tests.app.notify.samples import NOW, conclude, recover
from tests.app.notify.slack_server import CHANNEL, SILENT, TOKEN, SlackServer
from tests.app.rig import wait_for

if TYPE_CHECKING:
    from storage.database import Store


class Bench(Plain):
    """One with a Slack."""

    def __init__(self, store: Store, slack: SlackServer, **given: Any) -> None:
        api = {"channel": CHANNEL, "token_env": "SLACK_TOKEN", "api": f"{slack.url}/api/"}
        super().__init__(store, **{"destinations": {"oncall": api}, **given})
        self.slack = slack


@pytest.fixture
def bench(store: Store, slack: SlackServer) -> Bench:
    return Bench(store, slack)


def hooked(slack: SlackServer) -> dict[str, Any]:
    return {"destinations": {"hook": {"webhook_env": "SLACK_HOOK"}}}


def colours(given: dict[str, Any]) -> list[str]:
    return [each["color"] for each in given["attachments"]]


def test_a_case_is_one_message_that_is_edited_and_turns_green_with_its_news_in_the_thread(bench: Bench) -> None:
    conclude(bench.store, bench.settings)
    bench.run()
    [(ts, posted)] = bench.slack.messages.items()
    assert posted["text"].startswith("REAL P1 Deployment shop/checkout")
    conclude(bench.store, bench.settings, scope="one pod")
    bench.run()
    assert "one pod" in str(bench.slack.messages[ts]) and not bench.slack.replies
    recover(bench.store, bench.settings)
    bench.run()
    assert list(bench.slack.messages) == [ts]
    assert colours(bench.slack.messages[ts]) == ["#2eb886"] != colours(posted)
    assert [(each["thread_ts"], each["text"][:9]) for each in bench.slack.replies] == [(ts, "RECOVERED")]
    assert bench.only.state is MessageState.SENT


def test_nothing_leaves_without_a_destination_and_recovery_only_where_it_was_posted(
    store: Store, slack: SlackServer
) -> None:
    off, on = Bench(store, slack, destinations={}), Bench(store, slack)
    conclude(store, off.settings)
    recover(store, on.settings, 2)
    for bench in (off, on):
        bench.delivery.start()
        bench.run()
        bench.delivery.close()
    assert slack.requests == [] and store.outbox.listed() == ()


def test_a_dry_run_decides_and_sends_nothing(store: Store, slack: SlackServer) -> None:
    bench = Bench(store, slack, dry_run=True)
    conclude(store, bench.settings)
    bench.run()
    assert slack.requests == []
    assert bench.only.state is MessageState.HELD and "dry run" in bench.only.error
    wet = Bench(store, slack)
    wet.run(later=7200)
    assert slack.requests == [], "what was held in a dry run is told by no summary"
    assert store.outbox.retry(bench.only.id, NOW)
    wet.run()
    assert len(slack.messages) == 1


def test_beyond_the_limit_one_summary_follows_when_the_hour_is_over(store: Store, slack: SlackServer) -> None:
    bench = Bench(store, slack, hourly_limit=3)
    for number in range(1, 11):
        conclude(store, bench.settings, number, priority=Priority.P3)
    bench.run()
    assert len(slack.messages) == 3
    bench.run(later=3601)
    assert len(slack.messages) == 4
    last = list(slack.messages.values())[-1]
    assert last["text"].startswith("7 more cases") and "10 REAL P3" in str(last)
    bench.run(later=3601)
    assert len(slack.messages) == 4


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("invalid_auth", "bot token"),
        ("token_revoked", "bot token"),
        ("missing_scope", "chat:write"),
        ("channel_not_found", "Invite the bot"),
        ("not_in_channel", "Invite the bot"),
        ("is_archived", "Unarchive"),
        ("restricted_action", "administrators"),
        ("msg_too_long", "report"),
    ],
)
def test_what_somebody_has_to_mend_is_a_dead_letter_that_says_what_to_do(bench: Bench, error: str, advice: str) -> None:
    bench.slack.fail(error)
    conclude(bench.store, bench.settings)
    bench.run()
    assert (bench.only.state, error in bench.only.error) == (MessageState.FAILED, True)
    assert advice in bench.only.hint
    bench.run(later=90_000)
    assert len(bench.slack.requests) == 1
    assert bench.store.outbox.retry(bench.only.id, bench.clock.now())
    bench.run()
    assert len(bench.slack.messages) == 1 and bench.only.error == ""


def test_a_rate_limit_holds_all_that_goes_there_for_as_long_as_slack_says(bench: Bench) -> None:
    bench.slack.fail("ratelimited", 429, Retry_After="120")
    for number in (1, 2):
        conclude(bench.store, bench.settings, number)
    bench.run()
    bench.run(later=119)
    assert len(bench.slack.requests) == 1
    bench.run(later=1)
    assert len(bench.slack.messages) == 2


@pytest.mark.parametrize(("error", "status"), [(SILENT, 200), ("fatal_error", 200), ("internal_error", 500)])
def test_a_post_without_a_clear_answer_is_unsure_and_never_sent_twice(bench: Bench, error: str, status: int) -> None:
    bench.slack.fail(error, status)
    conclude(bench.store, bench.settings)
    bench.run()
    assert bench.only.state is MessageState.UNSURE and "Look into the channel" in bench.only.hint
    bench.run(later=9000)
    assert len(bench.slack.requests) == 1


def test_an_edit_without_an_answer_is_made_again(bench: Bench) -> None:
    conclude(bench.store, bench.settings)
    bench.run()
    bench.slack.fail(SILENT)
    recover(bench.store, bench.settings)
    bench.run()
    assert bench.only.state is MessageState.WAITING
    bench.run(later=60)
    assert bench.only.state is MessageState.SENT
    assert (len(bench.slack.messages), len(bench.slack.replies)) == (1, 1)


def test_what_never_left_is_tried_again_ever_more_slowly_and_given_up_at_last(store: Store, slack: SlackServer) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        api = f"http://127.0.0.1:{closed.getsockname()[1]}/api/"
        away = {"oncall": {"channel": CHANNEL, "token_env": "SLACK_TOKEN", "api": api}}
        bench = Bench(store, slack, destinations=away)
        conclude(store, bench.settings)
        tries = [bench.clock.now()]
        for _ in range(bench.settings.attempts):
            bench.run()
            tries.append(bench.only.next_at)
            bench.clock.set(bench.only.next_at)
    pauses = [after - before for before, after in pairwise(tries)][:-1]
    assert pauses[:3] == [5, 10, 20] and max(pauses) == 900
    assert bench.only.state is MessageState.FAILED and "cannot be reached" in bench.only.error


def test_a_secret_that_is_not_there_yet_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_TOKEN")
    conclude(bench.store, bench.settings)
    bench.run()
    assert bench.only.state is MessageState.WAITING and "SLACK_TOKEN" in bench.only.error
    monkeypatch.setenv("SLACK_TOKEN", TOKEN)
    bench.run(later=10)
    assert bench.only.state is MessageState.SENT


def test_a_webhook_posts_and_tells_only_news_again(store: Store, slack: SlackServer) -> None:
    bench = Bench(store, slack, **hooked(slack))
    conclude(store, bench.settings)
    bench.run()
    conclude(store, bench.settings, scope="one pod")
    bench.run()
    assert len(slack.hooked) == 1 and bench.only.state is MessageState.SENT
    recover(store, bench.settings)
    bench.run()
    assert [each["text"][:4] for each in slack.hooked] == ["REAL", "RECO"]


@pytest.mark.parametrize(
    ("status", "error", "state", "advice"),
    [
        (404, "no_service", MessageState.FAILED, "new incoming webhook"),
        (410, "channel_is_archived", MessageState.FAILED, "Unarchive"),
        (403, "action_prohibited", MessageState.FAILED, "administrators"),
        (500, "rollup_error", MessageState.UNSURE, "Look into the channel"),
        (429, "rate_limited", MessageState.WAITING, "again"),
    ],
)
def test_the_refusals_of_a_webhook(
    store: Store, slack: SlackServer, status: int, error: str, state: MessageState, advice: str
) -> None:
    bench = Bench(store, slack, **hooked(slack))
    slack.fail(error, status)
    conclude(store, bench.settings)
    bench.run()
    assert bench.only.state is state and advice in bench.only.hint


def test_the_worker_delivers_by_itself_and_ends(store: Store, slack: SlackServer) -> None:
    bench = Bench(store, slack)
    conclude(store, bench.settings)
    bench.delivery.start()
    wait_for(lambda: slack.messages, "nothing arrived")
    bench.delivery.close()
    assert bench.delivery._thread is not None and not bench.delivery._thread.is_alive()
