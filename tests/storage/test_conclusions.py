"""What investigations came to: the newest conclusion, its ledger, and who may write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from detectors.model import Confidence, FieldRef
from storage.errors import LeaseError
from storage.records import (
    CauseRecord,
    Conclusion,
    GateRecord,
    Outcome,
    Priority,
    Stance,
    TimelineEntry,
    Verdict,
    VerificationRecord,
)
from tests.storage.samples import CLUSTER, NOW, case, evidence, update

if TYPE_CHECKING:
    from storage.database import Store

CAUSE = CauseRecord(
    "release", "revision 2 fails \ud800", 95, Confidence.HIGH, (("what decides it", 60),), ("it rolled out",), (), ()
)


def conclusion(**changes: Any) -> Conclusion:
    given = Conclusion(
        investigation=1, at=NOW, playbook="C4", verdict=Verdict.REAL, reason="0 of 2 replicas",
        confidence=Confidence.HIGH, priority=Priority.P1, priority_reason="down", scope="all 2 pods",
        impact=("0 of 2 replicas ready",), causes=(replace(CAUSE, title="revision 2 fails"),), ruled_out=(),
        gates=(GateRecord("R1", "none", True, "0 of 2"),), commands=("kubectl get pods",), unknown=(), seconds=0.1,
    )  # fmt: skip
    return replace(given, **changes)


def line(clue: str, text: str, **changes: Any) -> Any:
    return evidence(text=text, clue=clue, step="cause", anomaly=None, stance=Stance.SILENT, **changes)


@pytest.fixture(autouse=True)
def known(store: Store) -> None:
    store.cycles.write(update(case(1), case(2)))


def test_a_conclusion_comes_back_whole_and_lists_show_it(store: Store) -> None:
    assert store.conclusions.of(1) is None
    store.conclusions.write(conclusion(), ())
    assert store.conclusions.of(1) == conclusion()
    record = store.investigations.get(1)
    assert record is not None
    assert (record.verdict, record.priority, record.cause) == (Verdict.REAL, Priority.P1, "revision 2 fails")
    assert store.conclusions.many([1, 2]) == {1: conclusion()}


def test_the_newest_takes_the_place_of_the_one_before_and_cycles_leave_it_alone(store: Store) -> None:
    store.conclusions.write(conclusion(), ())
    store.conclusions.write(conclusion(at=NOW + 60, verdict=Verdict.RECOVERED, causes=()), ())
    store.cycles.write(update(case(1, score=9.0), at=NOW + 75))
    record = store.investigations.get(1)
    assert record is not None
    assert (record.verdict, record.cause, record.score) == (Verdict.RECOVERED, "", 9.0)


def test_a_list_reads_a_case_again_whose_verdict_changed(store: Store) -> None:
    before = store.investigations.listed(CLUSTER, since=0, limit=9)
    store.conclusions.write(conclusion(), ())
    after = store.investigations.listed(CLUSTER, since=0, limit=9)
    assert before[1] != after[1] and before[2] == after[2]


def test_a_ledger_fills_while_it_is_investigated_and_ends_in_order(store: Store) -> None:
    store.cycles.write(update(case(1), evidence=[evidence()]))
    store.conclusions.tell([line("b", "second")])
    store.conclusions.tell([line("a", "first")])
    assert [each.text for each in store.evidence.of(1)] == [evidence().text, "second", "first"]
    store.conclusions.write(conclusion(), [line("a", "first"), line("b", "second")])
    assert [each.clue for each in store.evidence.of(1)] == ["", "a", "b"]


def test_what_an_earlier_look_had_found_and_this_one_did_not_goes(store: Store) -> None:
    store.conclusions.write(conclusion(), [line("a", "3 restarts"), line("b", "a rollout")])
    store.conclusions.write(conclusion(), [line("a", "4 restarts")])
    assert [each.text for each in store.evidence.of(1)] == ["4 restarts"]


def test_one_clue_about_several_objects_is_several_lines(store: Store) -> None:
    fields = [FieldRef("Pod", "prod", name, ".status.phase") for name in ("a", "b")]
    store.conclusions.write(conclusion(), [line("pod", "failed", field=field) for field in fields])
    assert [each.field for each in store.evidence.of(1)] == fields


def test_a_line_that_is_told_again_keeps_what_it_spoke_for_until_that_is_known(store: Store) -> None:
    store.conclusions.write(conclusion(), [replace(line("a", "3 restarts"), stance=Stance.SUPPORTS)])
    store.conclusions.tell([line("a", "4 restarts")])
    [told] = store.evidence.of(1)
    assert (told.text, told.stance) == ("4 restarts", Stance.SUPPORTS)


def test_changes_reach_the_timeline_once(store: Store) -> None:
    entry = TimelineEntry(NOW, "verdict", "real P1")
    for _ in range(2):
        store.conclusions.write(conclusion(), (), [entry])
    assert [each for each in store.timeline.of(1) if each.kind == "verdict"] == [entry]


def test_only_who_runs_the_cycles_concludes(store: Store) -> None:
    assert store.cycles.acquire_lease(CLUSTER, "me", NOW, 60)
    store.conclusions.write(conclusion(), (), owner="me")
    with pytest.raises(LeaseError):
        store.conclusions.write(conclusion(verdict=Verdict.NOISE), [line("a", "x")], owner="another")
    found = store.conclusions.of(1)
    assert found is not None and found.verdict is Verdict.REAL
    assert store.evidence.of(1) == ()


def test_who_slept_while_another_took_over_changes_nothing(store: Store) -> None:
    entry = TimelineEntry(NOW, "verify", "failed")
    rollout = VerificationRecord(CLUSTER, case(1).entity, "2", "", NOW, NOW, Outcome.FAIL, "", "")
    writes = {
        "ledger": lambda owner: store.conclusions.tell([line("a", "x")], owner),
        "attached": lambda owner: store.investigations.attach({1: 2}, [(1, entry)], owner),
        "rollout": lambda owner: store.verifications.write(rollout, [(1, entry)], owner),
    }
    assert store.cycles.acquire_lease(CLUSTER, "me", NOW, 60)
    for write in writes.values():
        with pytest.raises(LeaseError):
            write("another")
    known = store.investigations.get(1)
    assert known is not None and known.part_of == 0
    assert store.evidence.of(1) == () and store.verifications.of(rollout.entity) == ()
    assert entry not in store.timeline.of(1)
    for write in writes.values():
        write("me")
    assert store.evidence.of(1) and store.verifications.of(rollout.entity) == (rollout,)


def test_hostile_text_is_stored_as_what_can_be_stored(store: Store) -> None:
    store.conclusions.write(conclusion(causes=(CAUSE,)), [line("a", "bad \ud800 text")])
    record = store.investigations.get(1)
    assert record is not None and record.cause == "revision 2 fails ?"
