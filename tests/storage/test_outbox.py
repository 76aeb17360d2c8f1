"""The outbox: what is told where, that nothing is lost or delivered twice, and what is held back."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from storage import migrations
from storage.connections import connect
from storage.database import Store as Database
from storage.errors import LeaseError
from storage.records import Announcement, HeldBy, Hold, MessageState, Priority
from tests.storage.samples import CLUSTER, NOW, case, update
from tests.storage.test_conclusions import conclusion

if TYPE_CHECKING:
    from storage.database import Store
    from storage.records import MessageRecord

TOLD = Announcement("real P2: checkout", Priority.P2, b'{"n":1}', (("oncall", "default"),))
NEWS = replace(TOLD, headline="real P1: checkout", body=b'{"n":2}')
OVER = replace(TOLD, headline="recovered: checkout", body=b'{"n":3}', to=())
PLACES = ("oncall",)
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def known(store: Store) -> None:
    store.cycles.write(update(*(case(number) for number in range(1, 31))))


def told(store: Store, announcement: Announcement = TOLD, number: int = 1, **more: Any) -> None:
    store.conclusions.write(conclusion(investigation=number), (), announcement=announcement, **more)


def claim(store: Store, now: float = NOW, owner: str = "me", limit: int = 20) -> MessageRecord | None:
    def hold(message: MessageRecord, posted: int) -> Hold | None:
        free = message.priority is Priority.P1 or posted < limit
        return None if free else Hold(HeldBy.LIMIT, "enough for this hour", "")

    return store.outbox.claim(owner, now, 60, PLACES, hold)


def claimed(store: Store, **more: Any) -> MessageRecord:
    message = claim(store, **more)
    assert message is not None
    return message


def only(store: Store) -> MessageRecord:
    [message] = store.outbox.listed()
    return message


def posted(store: Store, now: float = NOW, **more: Any) -> None:
    assert store.outbox.sent(claimed(store, now=now, **more), now, "C1", f"{now}")


def test_a_case_is_told_once_to_each_destination_and_later_only_brought_up_to_date(store: Store) -> None:
    told(store)
    told(store)
    posted(store)
    assert claim(store) is None
    told(store, NEWS)
    edit = claimed(store)
    assert (edit.sent, edit.wanted, edit.ts, edit.told) == (1, 2, str(NOW), TOLD.headline)
    assert store.outbox.sent(edit, NOW, edit.channel, edit.ts)
    assert only(store).state is MessageState.SENT and only(store).body == NEWS.body


def test_nothing_is_told_of_a_conclusion_that_was_not_stored(store: Store) -> None:
    assert store.cycles.acquire_lease(CLUSTER, "leader", NOW, 60)
    with pytest.raises(LeaseError):
        told(store, owner="another")
    assert store.outbox.listed() == ()


def test_what_is_over_before_it_was_posted_is_withdrawn_and_edited_where_it_was(store: Store) -> None:
    told(store)
    told(store, OVER)
    assert store.outbox.listed() == ()
    told(store)
    posted(store)
    told(store, OVER)
    assert claimed(store).body == OVER.body


def test_what_changes_while_it_is_being_posted_is_edited_next(store: Store) -> None:
    told(store)
    posting = claimed(store)
    told(store, OVER)
    assert store.outbox.sent(posting, NOW, "C1", "1.0")
    assert (only(store).state, claimed(store).sent) == (MessageState.WAITING, 1)


def test_a_post_that_was_cut_short_is_unsure_and_is_not_sent_again_by_itself(store: Store) -> None:
    told(store)
    claimed(store, owner="dead")
    assert claim(store, now=NOW + 59) is None
    assert only(store).state is MessageState.WAITING
    assert claim(store, now=NOW + 61) is None
    assert only(store).state is MessageState.UNSURE and "notify retry" in only(store).hint
    told(store, NEWS)
    assert claim(store, now=NOW + 999) is None
    assert store.outbox.retry(only(store).id, NOW + 1000)
    assert claimed(store, now=NOW + 1000).body == NEWS.body


def test_who_was_only_slow_can_still_say_that_it_was_sent(store: Store) -> None:
    told(store)
    slow = claimed(store)
    assert claim(store, now=NOW + 61, owner="other") is None
    assert store.outbox.sent(slow, NOW + 62, "C1", "1.0")
    assert only(store).state is MessageState.SENT


def test_an_edit_that_was_cut_short_is_made_again_by_another(store: Store) -> None:
    told(store)
    posted(store)
    told(store, NEWS)
    late = claimed(store, owner="dead")
    again = claimed(store, now=NOW + 61, owner="other")
    assert (again.id, again.owner) == (late.id, "other")
    assert not store.outbox.sent(late, NOW + 62, "C1", "1.0")
    assert only(store).owner == "other"


def test_a_post_that_was_cut_short_is_made_again_where_twice_does_no_harm(store: Store) -> None:
    told(store)
    claimed(store, owner="dead")
    again = store.outbox.claim("other", NOW + 61, 60, PLACES, lambda *_: None, repeatable=PLACES)
    assert again is not None and (again.owner, again.sent, again.wanted) == ("other", 0, 1)


def test_what_is_sent_is_told_again_when_its_time_comes_and_fails_like_anything_else(store: Store) -> None:
    told(store)
    assert store.outbox.sent(claimed(store), NOW, ts="P2", again=NOW + 900)
    assert claim(store, now=NOW + 899) is None
    renewal = claimed(store, now=NOW + 900)
    assert (renewal.wanted, renewal.sent, renewal.ts) == (2, 1, "P2")
    store.outbox.unsent(renewal, MessageState.WAITING, "away", "", again=NOW + 905)
    assert claim(store, now=NOW + 904) is None
    assert store.outbox.sent(claimed(store, now=NOW + 905), NOW + 905)
    assert only(store).again is None and claim(store, now=NOW + 9999) is None


def test_what_is_held_to_be_judged_again_is_and_stays_held_once_nobody_wants_it(store: Store) -> None:
    told(store)
    store.outbox.hold(claimed(store), Hold(HeldBy.SILENCE, "a silence", "", NOW + 60))
    assert claim(store, now=NOW + 59) is None
    judged = claimed(store, now=NOW + 60)
    assert (judged.state, judged.held_by) == (MessageState.WAITING, None)
    store.outbox.hold(judged, Hold(HeldBy.SILENCE, "a silence", "", NOW + 120))
    told(store, OVER)
    assert claim(store, now=NOW + 9999) is None
    assert (only(store).state, only(store).held_by) == (MessageState.HELD, HeldBy.SILENCE)
    told(store, NEWS)
    assert claimed(store, now=NOW + 9999).body == NEWS.body, "it came back"


def test_messages_of_before_keep_what_held_them(path: Path) -> None:
    path = path.with_name("older.db")
    older = next(each.number for each in migrations.MIGRATIONS if "holds messages" in each.title) - 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:older])
        migrations.prepare(path)
    with closing(connect(path)) as connection:
        for destination, summary in (("dry", 0), ("limit", None)):
            connection.execute(
                """INSERT INTO message (destination, rule, state, priority, headline, body, next_at, created, summary)
                VALUES (?, '', 'held', 'P2', 'x', x'7b7d', 0, 0, ?)""",
                (destination, summary),
            )
        connection.commit()
    with Database.open(path) as store:
        found = {each.destination: (each.held_by, each.summary) for each in store.outbox.listed()}
    assert found == {"dry": (HeldBy.DRY_RUN, None), "limit": (HeldBy.LIMIT, None)}


def test_what_was_refused_waits_or_is_given_up(store: Store) -> None:
    told(store)
    told(store, number=2)
    first = claimed(store)
    store.outbox.unsent(first, MessageState.WAITING, "ratelimited", "", wait=NOW + 30)
    assert claim(store, now=NOW + 29) is None, "the other message goes the same way"
    assert claimed(store, now=NOW + 30).attempts == 0
    second = claimed(store, now=NOW + 30)
    store.outbox.unsent(second, MessageState.FAILED, "is_archived", "Unarchive the channel.")
    failed = store.outbox.get(second.id)
    assert failed is not None and (failed.state, failed.hint) == (MessageState.FAILED, "Unarchive the channel.")
    assert not store.outbox.retry(first.id, NOW)


def test_beyond_the_limit_only_the_gravest_goes_through_and_a_summary_tells_of_the_others(store: Store) -> None:
    for number in range(1, 6):
        told(store, number=number)
    told(store, replace(TOLD, priority=Priority.P1), number=6)
    posted(store, limit=2)
    posted(store, limit=2)
    assert claim(store, limit=2) is None
    states = [each.state for each in store.outbox.listed()]
    assert (states.count(MessageState.SENT), states.count(MessageState.HELD)) == (2, 4)
    held: list[MessageRecord] = []

    def write(messages: Any) -> Announcement:
        held.extend(messages)
        return replace(TOLD, headline="4 were held back")

    assert not store.outbox.summarise("oncall", NOW + 60, 2, write)
    assert store.outbox.summarise("oncall", NOW + 3601, 2, write)
    assert not store.outbox.summarise("oncall", NOW + 3601, 2, write), "once is enough"
    assert [each.investigation for each in held] == [2, 3, 4, 5]
    assert claimed(store, now=NOW + 3601, limit=2).headline == "4 were held back"


def test_what_was_held_goes_out_when_it_becomes_the_gravest(store: Store) -> None:
    told(store)
    assert claim(store, limit=0) is None
    told(store, replace(NEWS, priority=Priority.P1))
    assert claimed(store, limit=0).body == NEWS.body


def test_what_a_summary_has_told_of_goes_out_too_when_it_becomes_the_gravest(store: Store) -> None:
    told(store)
    assert claim(store, limit=0) is None
    assert store.outbox.summarise("oncall", NOW, 1, lambda _: replace(TOLD, headline="1 more"))
    told(store, replace(NEWS, priority=Priority.P1))
    assert claimed(store, limit=0).body == NEWS.body


def test_a_clock_of_the_cluster_that_is_ahead_delays_nothing(store: Store) -> None:
    told(store, number=1)
    assert claim(store, now=NOW - 600) is not None


def test_two_processes_never_deliver_one_message(store: Store, path: Path) -> None:
    for number in range(1, 31):
        told(store, number=number)
    processes = [_deliverer(path, name) for name in ("a", "b")]
    taken = [process.communicate(timeout=60)[0].split() for process in processes]
    assert sorted(int(each) for mine in taken for each in mine) == [each.id for each in store.outbox.listed()][::-1]
    assert not store.outbox.busy(NOW, PLACES)


def test_a_kill_between_the_post_and_its_record_does_not_post_twice(store: Store, path: Path) -> None:
    told(store)
    dying = _deliverer(path, "dying", "die")
    assert dying.communicate(timeout=60)[0].split() == [str(only(store).id)]
    assert dying.returncode == -9
    after = [_deliverer(path, "after", "", NOW + 61).communicate(timeout=60)[0] for _ in range(2)]
    assert after == ["", ""]
    assert only(store).state is MessageState.UNSURE
    assert store.integrity() == ()


def test_messages_leave_with_their_case(store: Store) -> None:
    told(store)
    store.cycles.write(update(replace(case(1), ended=NOW - 90 * 86_400), at=NOW))
    store.retention.prune(NOW + 86_400, days=1, label_days=1)
    assert store.outbox.listed() == ()


def _deliverer(path: Path, name: str, how: str = "", now: float = NOW) -> subprocess.Popen[str]:
    """A process that claims, prints the id in place of posting, and records it, or is killed before that."""
    command = [sys.executable, "-m", "tests.storage.test_outbox", str(path), name, str(now), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _deliver(path: Path, name: str, now: float, how: str) -> None:
    import signal

    from storage.database import Store

    with Store.open(path) as store:
        while (message := claim(store, now=now, owner=name, limit=99)) is not None:
            os.write(1, f"{message.id}\n".encode())
            if how == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            store.outbox.sent(message, now, "C1", str(message.id))


if __name__ == "__main__":
    _deliver(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4])
