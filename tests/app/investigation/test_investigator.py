"""Which cases are investigated when, what is kept of it, and that one failure does not stop the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from app.investigation import investigator as module
from app.investigation.investigator import Investigator, Surroundings
from detectors.catalog import load
from detectors.model import Severity
from storage.cycles import CycleUpdate
from storage.database import Store
from storage.records import Announcement, AnomalyState, CycleRecord, MessageState, Pattern, Priority, Verdict
from tests.app.investigation.scenes import anomaly, case, entity
from tests.detectors.states.objects import NOW, cluster, deployment, ended, healthy, pod, replica_set, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from storage.records import AnomalyRecord

case_of = case
CRASHED = waiting("CrashLoopBackOff", restarts=4, last=ended(60, code=2))
BROKEN = cluster(
    [deployment(replicas=1), replica_set(age=7200), replica_set("bbbb", age=700), pod(0, CRASHED, revision="bbbb")]
)
WELL = cluster([deployment(replicas=1, readyReplicas=1, availableReplicas=1), replica_set(), healthy(0)])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "t.db") as opened:
        yield opened


class Bench:
    """An investigator, and the cycles before it."""

    def __init__(self, store: Store, **more: Any) -> None:
        self.store = store
        self.told = 0
        self.now = [0.0]
        self.asked: list[int] = []
        self.investigator = Investigator("lab", store, load(), None, told=self._tell, clock=lambda: self.now[0], **more)

    def _tell(self) -> None:
        self.told += 1

    def after(self, *anomalies: AnomalyRecord, at: float = NOW, state: Any = BROKEN) -> list[int]:
        """Store a cycle with these anomalies and investigate; returns which cases were."""
        members: dict[int, list[AnomalyRecord]] = {}
        for each in anomalies:
            members.setdefault(each.investigation, []).append(each)
        cases = [case(found[0].entity, tuple(found), number) for number, found in members.items()]
        record = CycleRecord("lab", at, 0.1, 0, 0, 0)
        self.store.cycles.write(CycleUpdate(record=record, investigations=cases, anomalies=anomalies))
        before = {number: self.store.conclusions.of(number) for number in members}
        self.investigator.investigate(Surroundings(state, at, at, anomalies, {}, None))
        return [n for n in members if self.store.conclusions.of(n) != before[n]]


def crash(**more: Any) -> AnomalyRecord:
    return anomaly("pod-crashloopbackoff", **more)


def test_a_case_is_investigated_as_it_opens_and_then_on_a_timer(store):
    bench = Bench(store)
    assert bench.after(crash(opened=NOW)) == [1]
    assert bench.after(crash(opened=NOW), at=NOW + 15) == []
    assert bench.after(crash(opened=NOW), at=NOW + 60) == [1]
    assert bench.after(crash(opened=NOW), at=NOW + 700) == [1]
    assert bench.after(crash(opened=NOW), at=NOW + 800) == []
    assert bench.after(crash(opened=NOW), at=NOW + 1000) == [1]
    assert bench.told


@pytest.mark.parametrize(
    "changes",
    [{"severity": Severity.CRITICAL}, {"state": AnomalyState.HELD}, {"closed": NOW + 15, "state": AnomalyState.CLOSED}],
    ids=["graver", "held", "over"],
)
def test_a_case_that_changes_is_investigated_again(store, changes):
    bench = Bench(store)
    bench.after(crash())
    assert bench.after(crash(**changes), at=NOW + 15) == [1]


def test_a_changed_priority_stands_on_the_timeline_with_its_reason(store):
    def wanting(replicas: int):
        pods = [pod(0, CRASHED, revision="bbbb"), *(healthy(n) for n in (1, 2, 3))]
        sets = replica_set(), replica_set("bbbb", age=700)
        return cluster([deployment(replicas=replicas, readyReplicas=3, availableReplicas=3), *sets, *pods])

    bench = Bench(store)
    for later, replicas in ((0, 4), (400, 8), (800, 8)):
        bench.after(crash(), at=NOW + later, state=wanting(replicas))
    [told] = [entry for entry in store.timeline.of(1) if entry.kind == "priority"]
    assert told.at == NOW + 400
    assert told.text.startswith("P3 -> P2: 3 of 8 replicas ready")


def test_what_comes_and_goes_stays_as_urgent_as_at_its_worst_for_a_while(store):
    def ready(count: int):
        pods = [pod(0, CRASHED, revision="bbbb"), *(healthy(n) for n in range(1, count + 1))]
        sets = replica_set(), replica_set("bbbb", age=700)
        return cluster([deployment(replicas=8, readyReplicas=count, availableReplicas=count), *sets, *pods])

    bench, told = Bench(store), []
    for later, count in ((0, 3), (60, 7), (400, 3), (800, 7), (1300, 7)):
        bench.after(crash(opened=NOW + later), at=NOW + later, state=ready(count))
        found = store.conclusions.of(1)
        told.append(f"{found.priority}{', lately' * (' ago; now ' in found.priority_reason)}")
    assert told == ["P2", "P2, lately", "P2", "P2, lately", "P3"]
    assert [entry.text.partition(":")[0] for entry in store.timeline.of(1) if entry.kind == "priority"] == ["P2 -> P3"]


def test_what_eases_keeps_its_cause(store):
    bench = Bench(store)
    bench.after(crash())
    lasted = store.conclusions.of(1)
    bench.after(crash(clean_passes=1), at=NOW + 400, state=WELL)
    assert store.conclusions.of(1).causes == lasted.causes != ()
    bench.after(crash(), at=NOW + 800, state=WELL)
    assert store.conclusions.of(1).causes == (), "out of band again: what can be seen now counts"


def test_another_anomaly_is_news(store):
    bench = Bench(store)
    bench.after(crash())
    assert bench.after(crash(), anomaly("events-backoff", number=2), at=NOW + 15) == [1]


def test_what_is_over_is_looked_at_once_more_and_keeps_its_cause(store):
    bench = Bench(store)
    bench.after(crash())
    lasted = store.conclusions.of(1)
    over = crash(closed=NOW + 30, state=AnomalyState.CLOSED)
    assert bench.after(over, at=NOW + 30, state=WELL) == [1]
    healed = store.conclusions.of(1)
    assert lasted.verdict is Verdict.REAL and healed.verdict is Verdict.RECOVERED
    assert lasted.causes and (healed.causes, healed.scope) == (lasted.causes, lasted.scope)
    assert bench.after(over, at=NOW + 600, state=WELL) == []
    verdicts = [entry.text.split(" ")[0] for entry in store.timeline.of(1) if entry.kind == "verdict"]
    assert verdicts == ["real", "recovered"]


def test_the_gravest_come_first_and_the_others_after_the_next_cycle(store):
    bench = Bench(store, round_seconds=1.0)
    many = [
        crash(number=n, case=n, about=entity(name=f"w{n}"), severity=severity)
        for n, severity in enumerate((Severity.LOW, Severity.CRITICAL, Severity.MEDIUM), 1)
    ]
    real = module.investigate

    def slow(scene: Any, *rest: Any) -> Any:
        bench.now[0] += 1.0
        bench.asked.append(scene.case.id)
        return real(scene, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "investigate", slow)
        bench.after(*many)
        assert bench.asked == [2]
        bench.after(*many, at=NOW + 15)
        bench.after(*many, at=NOW + 30)
    assert bench.asked == [2, 3, 1]


def test_a_case_that_cannot_be_investigated_does_not_keep_the_others_from_it(store, caplog):
    bench = Bench(store)
    real = module.investigate

    def failing(scene: Any, *rest: Any) -> Any:
        if scene.case.id == 1:
            raise RuntimeError("broken")
        return real(scene, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "investigate", failing)
        assert bench.after(crash(), crash(number=2, case=2, about=entity(name="other"))) == [2]
    assert "investigating case 1" in caplog.text


def test_what_another_process_concluded_is_read_again(store):
    Bench(store).after(crash())
    again = Bench(store)
    assert again.after(crash(), at=NOW + 15) == [1]
    assert [e.kind for e in store.timeline.of(1)].count("verdict") == 1


def related(bench: Bench, *anomalies: AnomalyRecord) -> Sequence[str]:
    seen: list[str] = []
    real = module.investigate

    def watching(scene: Any, *rest: Any) -> Any:
        if scene.case.id == 1:
            seen.extend(each.entity.name for each in scene.related)
        return real(scene, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "investigate", watching)
        bench.after(*anomalies)
    return seen


def test_related_is_what_lives_elsewhere_since_about_the_same_time(store):
    near = crash(number=2, case=2, about=entity(name="near"), ago=500)
    far = crash(number=3, case=3, about=entity(name="far"), ago=5000)
    over = replace(crash(number=4, case=4, about=entity(name="over"), ago=600), closed=NOW, state=AnomalyState.CLOSED)
    assert related(Bench(store), crash(), near, far, over) == ["near"]


def test_what_the_outside_shall_be_told_is_stored_with_what_the_case_came_to(store: Store) -> None:
    told = Announcement("real", Priority.P1, b"{}", (("oncall", "default"),))
    bench = Bench(store, announce=lambda case, found, anomalies: told if found.verdict is Verdict.REAL else None)
    bench.after(crash())
    [message] = store.outbox.listed()
    assert (message.investigation, message.destination, message.state) == (1, "oncall", MessageState.WAITING)


def test_a_case_is_investigated_again_at_once_where_a_silence_begins_or_ends(store):
    store.history.add_rule(
        "lab", Pattern(workload="prod/web"), reason="moving", expires=None, actor="kim", at=NOW - 900
    )
    bench = Bench(store)
    assert bench.after(crash(opened=NOW)) == [1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{__name__}.case", lambda *given: replace(case_of(*given), muted=1))
        assert bench.after(crash(opened=NOW), at=NOW + 15) == [1]
        assert bench.after(crash(opened=NOW), at=NOW + 30) == []
    assert store.conclusions.of(1).verdict is Verdict.NOISE
    assert bench.after(crash(opened=NOW), at=NOW + 45) == [1]
    assert store.conclusions.of(1).verdict is Verdict.REAL


@pytest.mark.parametrize(("expires", "verdict"), [(NOW + 600, Verdict.NOISE), (NOW - 600, Verdict.REAL)])
def test_a_muted_case_is_noise_while_its_rule_holds_and_says_whose_it_is(store, expires, verdict):
    pattern = Pattern(signal="pod-crashloopbackoff", workload="prod/web")
    store.history.add_rule("lab", pattern, reason="nightly batch", expires=expires, actor="kim", at=NOW - 900)
    bench = Bench(store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{__name__}.case", lambda *given: replace(case_of(*given), muted=1))
        bench.after(crash())
    found = store.conclusions.of(1)
    assert found.verdict is verdict
    assert ("muted by kim until" in found.reason and "nightly batch" in found.reason) is (verdict is Verdict.NOISE)
