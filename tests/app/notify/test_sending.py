"""Sending by hand: what is shown is what leaves, where to and why there; what the outbox says of each message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from app.clock import ManualClock
from app.notify.blocks import payload
from app.notify.courier import Outcome
from app.notify.delivery import Delivery
from app.notify.message import Message, Summary
from app.notify.outbox import read_outbox, trouble
from app.notify.sending import UNFINISHED, as_text, draft, told_by_hand
from storage.database import Store
from storage.history import Act
from storage.records import BY_HAND, Label, MessageState
from tests.app.notify.samples import CATALOGUE, NOW, case, conclude, message, settings
from tests.storage.samples import update

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TWO = settings(
    destinations={"oncall": {"channel": "C1", "token_env": "T"}, "chat": {"webhook_env": "W"}},
    rules=[{"name": "critical", "to": ["oncall"], "priorities": ["P1"]}],
)

COMMAND = "kubectl get pods -l 'a in (*)'"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "t.db") as opened:
        yield opened


def test_the_text_is_what_leaves_without_slacks_marks() -> None:
    told = message(case(title="a & b <c> *d*", onset=NOW), impact=("@channel http://evil",), commands=(COMMAND,))
    text = as_text("slack", told, NOW)
    assert "a & b <c> *d*" in text and "kubectl get pods -l 'a in (*)'" in text and "*Impact*" not in text
    assert "<!date" not in text and "&amp;" not in text and "\u200b" not in text and "UTC" in text
    assert "tocsin show 1" in text and "@channel http://evil" in text
    blocks = payload(told)["attachments"][0]["blocks"]
    assert text.count("\n\n") == len(blocks) - 1


def test_a_summary_has_a_text_too() -> None:
    assert "#7 real" in as_text("slack", Summary(((7, "real"),)), NOW)


def test_a_draft_says_where_it_could_go_and_why(store: Store) -> None:
    store.cycles.write(update(case(1), case(2)))
    conclude(store, TWO, 1, reason="password=hunter2 leaked")
    record = store.investigations.get(1)
    assert record is not None
    shown = draft(store, TWO, CATALOGUE, record, NOW)
    first, second = shown.targets
    assert first.text.count("[redacted]") == 1 and "hunter2" not in first.text and shown.refusal == ""
    assert (first.name, first.where, first.chosen) == ("oncall", "slack C1", True)
    assert first.why.startswith("by rule critical: ") and "priority P1" in first.why
    assert "in the outbox already" in first.why
    assert (second.where, second.why, second.chosen) == ("slack", f"{BY_HAND}: no rule sends it there", False)
    withheld = draft(store, TWO, CATALOGUE, replace(record, label=Label.FALSE), NOW)
    assert "the rules tell nobody, it is labelled false" in withheld.targets[0].why
    assert not any(target.chosen for target in withheld.targets)


def test_what_was_not_investigated_cannot_be_sent(store: Store) -> None:
    store.cycles.write(update(case(1)))
    record = store.investigations.get(1)
    assert record is not None
    assert draft(store, TWO, CATALOGUE, record, NOW).refusal == UNFINISHED
    assert told_by_hand(store, TWO, CATALOGUE, record, ("oncall",)) is None


def test_what_is_sent_is_what_was_shown(store: Store) -> None:
    store.cycles.write(update(case(1)))
    conclude(store, settings(destinations={}), 1)
    record = store.investigations.get(1)
    assert record is not None
    told = told_by_hand(store, TWO, CATALOGUE, record, ("chat",))
    assert told is not None and told.to == (("chat", BY_HAND),)
    store.history.send({1: told}, actor="kim", at=NOW)
    [row] = read_outbox(store, TWO, NOW).messages
    assert row.text == draft(store, TWO, CATALOGUE, record, NOW).targets[1].text
    assert (row.where, row.subject, row.record.body) == ("slack", "#1", b"")


def test_the_outbox_says_what_to_do(store: Store) -> None:
    store.cycles.write(update(case(1), case(2)))
    conclude(store, TWO, 1)
    claimed = store.outbox.claim("me", NOW, 60, ("oncall",), lambda _, __: None)
    assert claimed is not None
    store.outbox.unsent(
        claimed, MessageState.FAILED, "Slack: is_archived", "Unarchive it; then `tocsin notify retry ID`."
    )
    outbox = read_outbox(store, TWO, NOW)
    [row] = outbox.messages
    assert (row.error, row.hint) == ("Slack: is_archived", "Unarchive it; then R.")
    assert outbox.destinations == ("oncall", "chat")
    gone = read_outbox(store, settings(destinations={"x": {"channel": "C1", "token_env": "T"}}), NOW).messages[0]
    assert "no destination of the settings any more" in gone.error and gone.where == ""
    assert trouble(replace(row.record, state=MessageState.DROPPED), TWO) == ("", "")


def test_another_versions_message_is_listed_and_says_so(store: Store) -> None:
    store.cycles.write(update(case(1)))
    conclude(store, TWO, 1)
    [record] = store.outbox.listed()
    with store.outbox._connections.write() as connection:
        connection.execute("UPDATE message SET body = x'7b7d' WHERE id = ?", (record.id,))
    assert "another version" in read_outbox(store, TWO, NOW).messages[0].text


@pytest.mark.parametrize(
    ("kind", "sign"), [("apprise", "likely cause: "), ("webhook", '"event"'), ("alertmanager", '"labels"')]
)
def test_every_kind_of_destination_shows_what_it_gets(kind: str, sign: str) -> None:
    text = as_text(kind, message(case(title="@here")), NOW)
    assert sign in text and "checkout" in text and as_text(kind, Summary(((7, "real"),)), NOW)


def test_what_is_sent_by_hand_goes_out_although_the_case_is_snoozed(store: Store) -> None:
    store.cycles.write(update(case(1)))
    conclude(store, settings(destinations={}), 1)
    values = {"snoozed_until": NOW + 9e9, "awaits_rollout": None}
    store.history.act([1], Act.SNOOZE, values, actor="kim", at=NOW)
    record = store.investigations.get(1)
    assert record is not None
    told = told_by_hand(store, TWO, CATALOGUE, record, ("oncall",))
    assert told is not None
    store.history.send({1: told}, actor="kim", at=NOW)
    posts: list[str] = []

    class Posting:
        def post(self, told: Message | Summary, key: str) -> Outcome:
            posts.append(f"{key} {told.headline}")
            return Outcome(MessageState.SENT, ts="1")

    Delivery(store, TWO, ManualClock(NOW), lambda *_: Posting()).step()  # type: ignore[arg-type,return-value]
    assert len(posts) == 1 and store.outbox.listed()[0].state is MessageState.SENT
