"""What is forgotten, what is kept, and that forgetting gives the space back."""

from __future__ import annotations

from detectors.model import Entity, EntityType
from storage.cycles import CycleUpdate
from storage.database import Store
from storage.history import Act
from storage.records import Label, TimelineEntry
from storage.retention import Pruned
from tests.storage import samples
from tests.storage.samples import CLUSTER, NOW

DAY = 86_400.0


def prune(store: Store, now: float = NOW, *, days: float = 30, label_days: float = 365) -> Pruned:
    return store.retention.prune(now, days=days, label_days=label_days)


def label(store: Store, case: int) -> None:
    store.history.act([case], Act.LABEL, {"label": Label.TRUE, "label_reason": ""}, actor="kim", at=NOW)


def kept(store: Store) -> list[int]:
    return sorted(record.id for record in store.investigations.page())


def test_the_old_and_finished_go_with_all_that_belongs_to_them(store: Store) -> None:
    ages = {1: 31, 2: 29, 3: 31, 4: 31, 5: 400}
    cases = [samples.recovered(number, ended=NOW - age * DAY) for number, age in ages.items()]
    still_open = samples.case(6, updated=NOW - 400 * DAY)
    closed_by_hand = samples.case(7, updated=NOW - 31 * DAY)
    store.cycles.write(
        samples.update(
            *cases,
            still_open,
            closed_by_hand,
            evidence=[samples.evidence(number) for number in range(1, 8)],
            timeline=[(number, TimelineEntry(NOW, "rollout", "r2")) for number in range(1, 8)],
        )
    )
    store.history.act([7], Act.CLOSE, {"closed_at": NOW - 31 * DAY}, actor="kim", at=NOW)
    store.history.act([4], Act.PIN, {"pinned": True}, actor="kim", at=NOW)
    label(store, 3)
    label(store, 5)
    assert prune(store).investigations == 3
    assert kept(store) == [2, 3, 4, 6]
    rows = store.statistics().rows
    assert {rows[table] for table in ("investigation", "anomaly", "band", "evidence", "timeline")} == {4}
    assert [len(store.history.of(number)) for number in (3, 4, 5, 7)] == [1, 1, 0, 0]
    assert store.integrity() == ()
    assert prune(store) == Pruned(0, 0, 0)


def test_labels_are_kept_at_least_as_long_as_the_rest(store: Store) -> None:
    store.cycles.write(samples.update(samples.recovered(1, ended=NOW - 20 * DAY)))
    label(store, 1)
    assert prune(store, days=30, label_days=1).investigations == 0


def test_old_events_and_cycles_go(store: Store) -> None:
    for cluster in (CLUSTER, "stage"):
        for age in (40, 31, 29):
            at = NOW - age * DAY
            event = samples.event(f"e{age}", cluster=cluster, last_seen=at)
            store.cycles.write(CycleUpdate(samples.cycle(at, cluster), events=[event]))
    assert prune(store) == Pruned(investigations=0, events=4, cycles=4)
    assert [event.uid for event in store.events.since("stage", 0)] == ["e29"]
    last = store.cycles.last(CLUSTER)
    assert last is not None
    assert last.at == NOW - 29 * DAY


def test_many_go_in_steps(store: Store) -> None:
    cases = [samples.recovered(number, ended=NOW - 99 * DAY) for number in range(1, 500)]
    store.cycles.write(samples.update(*cases, samples.case(500)))
    store.cycles.write(
        CycleUpdate(samples.cycle(), events=[samples.event(str(n), last_seen=NOW - 99 * DAY) for n in range(4_500)])
    )
    assert prune(store) == Pruned(investigations=499, events=4_500, cycles=0)
    assert kept(store) == [500]


def test_names_that_nothing_uses_go_too(store: Store) -> None:
    gone = Entity(EntityType.POD, CLUSTER, "shop", "Pod", "checkout-1")
    store.cycles.write(
        samples.update(
            samples.recovered(1, ended=NOW - 99 * DAY, entity=gone),
            samples.case(2),
            anomalies=[samples.closed_anomaly(1, 1, entity=gone), samples.anomaly(2, 2)],
        )
    )
    prune(store)
    assert (store.statistics().rows["entity"], store.statistics().rows["subject"]) == (1, 1)
    assert store.anomalies.of(2) == (samples.anomaly(2, 2),)
    store.cycles.write(samples.update(samples.case(3, entity=gone), anomalies=[samples.anomaly(3, 3, entity=gone)]))
    assert store.anomalies.of(3) == (samples.anomaly(3, 3, entity=gone),)


def test_the_file_shrinks(store: Store) -> None:
    cases = [samples.recovered(number, ended=NOW - 99 * DAY) for number in range(1, 1_000)]
    store.cycles.write(samples.update(*cases, evidence=[samples.evidence(case.id, "x" * 2_000) for case in cases]))
    store.close()
    full = store.path.stat().st_size
    with Store.open(store.path) as again:
        prune(again)
    assert store.path.stat().st_size < full / 5
