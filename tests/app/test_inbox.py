"""The inbox's rows: ranked as the store has them at every look, and read again only where something changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.clock import ManualClock
from app.snapshots import RECENT_SECONDS, Inbox
from app.triage import Triage
from detectors.catalog import load
from detectors.model import Severity
from storage.database import Store
from storage.records import Label
from tests.storage import samples
from tests.storage.samples import CLUSTER, NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.snapshot import ActResult

CASES = range(1, 6)

ACTS: dict[str, Callable[[Triage], ActResult | None]] = {
    "label": lambda triage: triage.label([3], Label.FALSE, "noise"),
    "acknowledge": lambda triage: triage.acknowledge([3]),
    "snooze": lambda triage: triage.snooze([3], 900),
    "close": lambda triage: triage.close([3]),
    "pin": lambda triage: triage.pin([3]),
    "seen": lambda triage: triage.seen(3),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "tocsin.db") as opened:
        cases = [samples.case(number, score=float(number)) for number in CASES]
        opened.cycles.write(samples.update(*cases, anomalies=[samples.anomaly(number, number) for number in CASES]))
        yield opened


@pytest.fixture
def inbox(store: Store) -> Inbox:
    return Inbox(store, load())


def numbers(inbox: Inbox, now: float = NOW) -> list[int]:
    return [row.investigation.id for row in inbox.rows(CLUSTER, now)]


def test_what_has_not_changed_is_not_read_again(store: Store, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    first = inbox.rows(CLUSTER, NOW)
    asked: list[list[int]] = []
    many = store.investigations.many
    monkeypatch.setattr(store.investigations, "many", lambda ids: asked.append(list(ids)) or many(ids))
    assert inbox.rows(CLUSTER, NOW + 15) is first
    store.cycles.write(samples.update(samples.case(2, score=9.0, updated=NOW + 60), at=NOW + 60))
    second = inbox.rows(CLUSTER, NOW + 60)
    assert asked == [[2]]
    assert [row.investigation.id for row in second] == [2, 5, 4, 3, 1]
    assert second[1] is first[0]


@pytest.mark.parametrize("act", ACTS.values(), ids=list(ACTS))
def test_what_another_process_did_to_a_case_is_seen(
    store: Store, inbox: Inbox, act: Callable[[Triage], object]
) -> None:
    before = {row.investigation.id: row for row in inbox.rows(CLUSTER, NOW)}
    with Store.open(store.path) as other:
        act(Triage(other, ManualClock(NOW), "somebody", "else"))
    after = {row.investigation.id: row for row in inbox.rows(CLUSTER, NOW)}
    assert after[3].investigation == store.investigations.get(3) != before[3].investigation
    assert all(after[number] is before[number] for number in CASES if number != 3)


def test_a_row_tells_its_state_until_a_snooze_runs_out(store: Store, inbox: Inbox) -> None:
    Triage(store, ManualClock(NOW), "somebody", "else").snooze([3], 900)
    asleep = {row.investigation.id: row for row in inbox.rows(CLUSTER, NOW)}
    assert [asleep[number].state for number in CASES] == ["held", "held", "snoozed", "held", "held"]
    assert asleep[3] in inbox.rows(CLUSTER, NOW + 899)
    awake = {row.investigation.id: row for row in inbox.rows(CLUSTER, NOW + 901)}
    assert awake[3].state == "held"
    assert all(awake[number] is asleep[number] for number in (1, 2, 4, 5))


def test_a_case_that_is_over_leaves_after_a_day_and_one_that_is_pinned_stays(store: Store, inbox: Inbox) -> None:
    over = [samples.recovered(number, NOW, score=float(number)) for number in (1, 2)]
    store.cycles.write(samples.update(*over, at=NOW))
    Triage(store, ManualClock(NOW), "somebody", "else").pin([2])
    assert numbers(inbox, NOW + RECENT_SECONDS) == [2, 5, 4, 3, 1]
    assert numbers(inbox, NOW + RECENT_SECONDS + 1) == [2, 5, 4, 3]


def test_worse_comes_first_and_other_clusters_have_their_own(store: Store, inbox: Inbox) -> None:
    worst = samples.case(1, severity=Severity.CRITICAL, updated=NOW + 60)
    store.cycles.write(samples.update(worst, at=NOW + 60))
    assert numbers(inbox) == [1, 5, 4, 3, 2]
    assert inbox.rows("elsewhere", NOW) == ()
    assert numbers(inbox) == [1, 5, 4, 3, 2]


def test_a_case_tells_how_many_others_are_its_consequences(store: Store, inbox: Inbox) -> None:
    def told() -> dict[int, int]:
        return {row.investigation.id: row.consequences for row in inbox.rows(CLUSTER, NOW)}

    assert set(told().values()) == {0}
    store.investigations.attach({2: 5, 3: 5}, ())
    assert told() == {1: 0, 4: 0, 5: 2}
    store.investigations.attach({3: 0}, ())
    assert told() == {1: 0, 3: 0, 4: 0, 5: 1}
