"""What engineers send and drop by hand: undone while nothing has left, never withdrawn by the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from storage.errors import UndoError
from storage.history import describe
from storage.records import BY_HAND, Announcement, HeldBy, Hold, MessageState, Priority
from tests.storage.samples import NOW, case, update
from tests.storage.test_outbox import NEWS, OVER, TOLD, claim, claimed, only, posted, told

if TYPE_CHECKING:
    from storage.database import Store
    from storage.records import HistoryRecord

MINE = replace(TOLD, to=(("oncall", BY_HAND),))


@pytest.fixture(autouse=True)
def known(store: Store) -> None:
    store.cycles.write(update(*(case(number) for number in range(1, 31))))


def send(store: Store, announcement: Announcement = MINE, number: int = 1) -> tuple[HistoryRecord, ...]:
    return store.history.send({number: announcement}, actor="kim", at=NOW)


def drop(store: Store, number: int) -> tuple[HistoryRecord, ...]:
    return store.history.drop([number], actor="kim", at=NOW)


def undo(store: Store) -> tuple[HistoryRecord, ...]:
    return store.history.undo(actor="kim", at=NOW + 1)


def test_what_is_sent_by_hand_is_delivered_and_told_in_the_history_of_its_case(store: Store) -> None:
    [line] = send(store)
    assert describe(line) == "kim sent it to oncall" and store.history.of(1) == (line,)
    assert (only(store).rule, only(store).state) == (BY_HAND, MessageState.WAITING)
    posted(store)
    assert only(store).state is MessageState.SENT


def test_undo_takes_it_out_and_redo_puts_it_in_again(store: Store) -> None:
    send(store)
    [line] = undo(store)
    assert describe(line) == "kim undid, took it out of the outbox"
    assert only(store).state is MessageState.DROPPED and claim(store) is None
    store.history.redo(actor="kim", at=NOW + 2)
    assert only(store).state is MessageState.WAITING and claim(store) is not None


def test_what_has_left_or_is_leaving_is_not_taken_back(store: Store) -> None:
    send(store)
    message = claimed(store)
    with pytest.raises(UndoError, match="left already"):
        undo(store)
    assert drop(store, message.id) == ()
    assert store.outbox.sent(message, NOW, "C1", "1")
    with pytest.raises(UndoError, match="left already"):
        undo(store)
    assert drop(store, message.id) == () and only(store).state is MessageState.SENT


def test_rules_do_not_withdraw_it_but_bring_it_up_to_date(store: Store) -> None:
    send(store)
    told(store, replace(NEWS, to=()))
    assert (only(store).headline, only(store).state) == (NEWS.headline, MessageState.WAITING)
    posted(store)
    told(store, OVER)
    assert only(store).state is MessageState.WAITING and only(store).headline == OVER.headline


def test_the_limit_does_not_hold_it_back(store: Store) -> None:
    told(store, number=2)
    posted(store)
    send(store)
    assert claim(store, limit=1) is not None


def test_the_same_words_are_not_sent_twice(store: Store) -> None:
    send(store)
    assert send(store) == ()
    posted(store)
    assert send(store) == () and only(store).state is MessageState.SENT
    assert send(store, replace(NEWS, to=MINE.to)) != ()
    assert (only(store).state, only(store).wanted, only(store).sent) == (MessageState.WAITING, 2, 1)


def test_what_was_given_up_is_sent_again_and_undo_gives_it_up_again(store: Store) -> None:
    told(store)
    store.outbox.unsent(claimed(store), MessageState.FAILED, "is_archived", "unarchive it")
    send(store)
    assert (only(store).state, only(store).error) == (MessageState.WAITING, "")
    undo(store)
    assert only(store).state is MessageState.FAILED


def test_a_message_is_dropped_and_stays_out_until_that_is_undone(store: Store) -> None:
    told(store)
    [line] = drop(store, only(store).id)
    assert line.investigation == 1 and only(store).state is MessageState.DROPPED
    told(store, NEWS)
    assert only(store).state is MessageState.DROPPED and claim(store) is None
    undo(store)
    assert only(store).state is MessageState.WAITING and only(store).headline == NEWS.headline
    assert drop(store, 99) == ()


def test_what_was_sent_again_since_is_not_given_up_by_undo(store: Store) -> None:
    told(store)
    drop(store, only(store).id)
    assert store.outbox.retry(only(store).id, NOW)
    with pytest.raises(UndoError, match="has been changed since"):
        undo(store)
    assert only(store).state is MessageState.WAITING


def test_stuck_messages_are_counted_but_not_those_that_a_summary_tells_of(store: Store) -> None:
    told(store)
    assert store.outbox.stuck() == 0
    store.outbox.unsent(claimed(store), MessageState.FAILED, "no", "")
    assert store.outbox.stuck() == 1
    drop(store, only(store).id)
    assert store.outbox.stuck() == 0
    told(store, replace(TOLD, priority=Priority.P2), number=2)
    message = claimed(store)
    store.outbox.hold(message, Hold(HeldBy.DRY_RUN, "a dry run", ""))
    assert store.outbox.stuck() == 0
    store.outbox.retry(message.id, NOW)
    store.outbox.hold(claimed(store), Hold(HeldBy.LIMIT, "enough", ""))
    assert store.outbox.stuck() == 1


def test_what_waits_for_its_next_try_is_tried_at_once(store: Store) -> None:
    told(store)
    number = only(store).id
    assert not store.outbox.retry(number, NOW)
    store.outbox.unsent(claimed(store), MessageState.WAITING, "no network", "", again=NOW + 900)
    assert claim(store) is None
    assert store.outbox.retry(number, NOW) and claim(store) is not None
    assert not store.outbox.retry(number, NOW)
