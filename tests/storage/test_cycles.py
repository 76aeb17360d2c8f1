"""What a cycle writes is what reads give back, whole, and it never touches what engineers did."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from detectors.model import Coverage, Entity, EntityType, FieldRef, SourceRef
from storage.cycles import CycleUpdate
from storage.database import Store
from storage.errors import LeaseError, StoreError
from storage.history import Act
from storage.records import (
    COMPARED,
    AnomalyState,
    ConventionRecord,
    EventRecord,
    Label,
    Lifecycle,
    Spell,
    Stance,
    TimelineEntry,
)
from tests.storage import samples
from tests.storage.samples import CHECKOUT, CLUSTER, NOW


def test_everything_comes_back_as_it_was_written(store: Store) -> None:
    field = FieldRef("Pod", "shop", "checkout-6f9d-x", ".status.phase")
    line = samples.evidence(stance=Stance.UNKNOWN, at=None, convention="kubernetes-api", field=field)
    store.cycles.write(
        samples.update(
            samples.case(),
            anomalies=[samples.anomaly(1), samples.anomaly(2, signal="pod-restart-spike", band=b"", closed=NOW)],
            evidence=[line],
            events=[samples.event()],
            coverage=[samples.coverage(), samples.coverage("a-row", status=Coverage.FORBIDDEN, last_fired=None)],
        )
    )
    assert store.investigations.get(1) == samples.case()
    assert store.anomalies.of(1) == (
        samples.anomaly(1),
        samples.anomaly(2, signal="pod-restart-spike", band=b"", closed=NOW),
    )
    assert store.evidence.of(1) == (msgspec.structs.replace(line, id=1),)
    assert store.events.of(CLUSTER, "shop", "Pod", "checkout-6f9d-x") == (samples.event(),)
    assert store.cycles.last(CLUSTER) == samples.cycle()
    assert store.cycles.coverage(CLUSTER) == (
        samples.coverage("a-row", status=Coverage.FORBIDDEN, last_fired=None),
        samples.coverage(),
    )


def test_numbers_that_are_none_survive(store: Store) -> None:
    odd = samples.anomaly(1, observed=math.nan, low=-math.inf, high=math.inf, score=math.inf, peak_score=math.nan)
    store.cycles.write(samples.update(samples.case(score=math.nan), anomalies=[odd]))
    (read,) = store.anomalies.of(1)
    assert math.isnan(read.observed)
    assert (read.low, read.high) == (-math.inf, math.inf)
    assert read.score > 1e12
    assert math.isnan(read.peak_score)
    record = store.investigations.get(1)
    assert record is not None
    assert math.isnan(record.score)


def test_ids_are_consecutive_and_never_given_twice(store: Store) -> None:
    assert store.cycles.new_ids(investigations=2, anomalies=3) == (range(1, 3), range(1, 4))
    assert store.cycles.new_ids(anomalies=1) == (range(3, 3), range(4, 5))
    with Store.open(store.path) as other:
        assert other.cycles.new_ids(investigations=1) == (range(3, 4), range(5, 5))
    store.cycles.write(samples.update(samples.recovered(4)))
    store.retention.prune(NOW + 90 * 86_400, days=30, label_days=30)
    assert store.cycles.new_ids(investigations=1)[0] == range(4, 5)


def test_one_bad_record_keeps_the_whole_cycle_out(store: Store) -> None:
    store.cycles.write(samples.update(samples.case(1)))
    orphan = samples.anomaly(7, investigation=99)
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        store.cycles.write(
            samples.update(
                samples.case(1, title="changed"),
                samples.case(2),
                at=NOW + 60,
                anomalies=[samples.anomaly(2, 2), orphan],
                coverage=[samples.coverage()],
            )
        )
    assert store.investigations.page() == (samples.case(1),)
    assert store.cycles.last(CLUSTER) == samples.cycle()
    assert store.cycles.coverage(CLUSTER) == ()


def test_a_cycle_leaves_the_engineers_fields_alone(store: Store) -> None:
    store.cycles.write(samples.update(samples.case()))
    stale = store.investigations.get(1)
    assert stale is not None
    acts: dict[Act, dict[str, object]] = {
        Act.LABEL: {"label": Label.TRUE, "label_reason": "real"},
        Act.ACKNOWLEDGE: {"acknowledged_at": NOW, "acknowledged_by": "kim"},
        Act.SNOOZE: {"snoozed_until": NOW + 900, "awaits_rollout": None},
        Act.PIN: {"pinned": True},
        Act.SEEN: {"seen_at": NOW},
        Act.CLOSE: {"closed_at": NOW},
    }
    for act, values in acts.items():
        store.history.act([1], act, values, actor="kim", at=NOW)
    store.cycles.write(samples.update(msgspec.structs.replace(stale, title="Worse", anomalies=4), at=NOW + 60))
    assert store.investigations.get(1) == samples.case(
        title="Worse",
        anomalies=4,
        lifecycle=Lifecycle.CLOSED,
        label=Label.TRUE,
        label_reason="real",
        acknowledged_at=NOW,
        acknowledged_by="kim",
        snoozed_until=NOW + 900,
        pinned=True,
        seen_at=NOW,
    )


def test_undoing_a_close_gives_back_what_the_engine_says(store: Store) -> None:
    """The engine hands back a record that it read as closed; that must not close the case in its own columns."""
    store.cycles.write(samples.update(samples.case()))
    store.history.act([1], Act.CLOSE, {"closed_at": NOW}, actor="kim", at=NOW)
    closed = store.investigations.get(1)
    assert closed is not None
    assert closed.lifecycle is Lifecycle.CLOSED
    store.cycles.write(samples.update(closed, at=NOW + 60))
    store.history.undo(actor="kim", at=NOW + 61)
    assert store.investigations.get(1) == samples.case()


def test_evidence_is_found_once(store: Store) -> None:
    lines = [samples.evidence(), samples.evidence(text="other"), samples.evidence(anomaly=None)]
    store.cycles.write(samples.update(samples.case(), evidence=lines))
    again = [samples.evidence(value="0.9"), samples.evidence(step="object"), *lines]
    store.cycles.write(samples.update(samples.case(), at=NOW + 60, evidence=again))
    assert [(line.anomaly, line.step, line.text, line.value) for line in store.evidence.of(1)] == [
        (1, "detect", "20% of answers are 5xx", "0.2"),
        (1, "detect", "other", "0.2"),
        (None, "detect", "20% of answers are 5xx", "0.2"),
        (1, "object", "20% of answers are 5xx", "0.2"),
    ]


def test_an_event_only_grows(store: Store) -> None:
    later = samples.event(count=5, last_seen=NOW, message="again", owner_kind="", owner_name="")
    replayed = samples.event(count=2, first_seen=NOW - 900, last_seen=NOW - 400, message="old")
    for seen in (samples.event(), later, replayed):
        store.cycles.write(samples.update(events=[seen]))
    assert store.events.since(CLUSTER, 0) == (
        samples.event(count=5, first_seen=NOW - 900, last_seen=NOW, message="again"),
    )


def test_clusters_do_not_see_each_other(store: Store) -> None:
    other = Entity(EntityType.WORKLOAD, "stage", "shop", "Deployment", "checkout")
    store.cycles.write(samples.update(samples.case(1), events=[samples.event()], coverage=[samples.coverage()]))
    store.cycles.write(
        CycleUpdate(
            samples.cycle(cluster="stage"),
            investigations=[samples.case(2, cluster="stage", entity=other)],
            anomalies=[samples.anomaly(2, 2, cluster="stage", entity=other)],
            events=[samples.event(cluster="stage", count=9)],
            coverage=[samples.coverage(cluster="stage", live=7)],
        )
    )
    assert [record.id for record in store.investigations.open(CLUSTER)] == [1]
    assert [record.id for record in store.investigations.page("stage")] == [2]
    assert [record.id for record in store.anomalies.unresolved("stage")] == [2]
    assert [record.id for record in store.investigations.about(CHECKOUT)] == [1]
    assert [event.count for event in store.events.since(CLUSTER, 0)] == [3]
    assert [row.live for row in store.cycles.coverage("stage")] == [7]
    assert store.investigations.open("nowhere") == ()
    assert store.cycles.last("nowhere") is None


def test_the_engine_finds_what_it_may_reopen(store: Store) -> None:
    store.cycles.write(
        samples.update(
            samples.recovered(1, ended=NOW - 4_000),
            samples.recovered(2, ended=NOW - 100),
            samples.case(3),
            anomalies=[
                samples.closed_anomaly(1, 1, closed=NOW - 4_000),
                samples.closed_anomaly(2, 2, closed=NOW - 100),
                samples.closed_anomaly(3, 2, closed=NOW - 3_000),
                samples.closed_anomaly(4, 3, closed=NOW - 50),
                samples.anomaly(5, 3),
                samples.anomaly(6, 3, state=AnomalyState.HELD),
            ],
        )
    )
    assert [record.id for record in store.anomalies.closed_since(CLUSTER, NOW - 1_800)] == [2, 4]
    assert [record.id for record in store.anomalies.unresolved(CLUSTER)] == [5, 6]
    assert [record.id for record in store.investigations.ended_since(CLUSTER, NOW - 1_800)] == [2]
    store.history.act([3], Act.CLOSE, {"closed_at": NOW}, actor="kim", at=NOW)
    assert [record.id for record in store.anomalies.closed_since(CLUSTER, NOW - 1_800)] == [2, 4]


def test_an_anomaly_may_change_its_source_and_its_case(store: Store) -> None:
    store.cycles.write(samples.update(samples.case(1), samples.case(2)))
    moved = samples.anomaly(1, 2, source=SourceRef("istio", "istio_requests_total"))
    store.cycles.write(samples.update(at=NOW + 60, anomalies=[moved]))
    assert store.anomalies.of(1) == ()
    assert moved in store.anomalies.of(2)


def test_the_worst_anomaly_stands_for_its_case(store: Store) -> None:
    store.cycles.write(
        samples.update(
            samples.case(1),
            samples.recovered(2),
            anomalies=[
                samples.closed_anomaly(1, 1, score=99.0),
                samples.anomaly(2, 1, score=2.0),
                samples.anomaly(3, 1, score=4.0),
                samples.closed_anomaly(4, 2, score=1.5),
            ],
        )
    )
    assert {case: record.id for case, record in store.anomalies.worst_of([1, 2, 3]).items()} == {1: 3, 2: 4}


def test_a_case_was_last_seen_when_any_of_its_anomalies_was(store: Store) -> None:
    members = [samples.anomaly(1, 1, last_seen=NOW), samples.anomaly(2, 1, last_seen=NOW + 60), samples.anomaly(3, 2)]
    store.cycles.write(samples.update(samples.case(1), samples.case(2), anomalies=members))
    assert store.anomalies.last_seen_of([1, 2, 3]) == {1: NOW + 60, 2: members[2].last_seen}


# ------------------------------------------------------------------------------------------------------ lists


def test_pages_follow_each_other_without_gap_or_repeat(store: Store) -> None:
    cases = [
        samples.case(1, updated=NOW + 5),
        *(samples.recovered(number, ended=NOW - number % 4) for number in range(2, 12)),
        samples.case(12, updated=NOW + 5),
    ]
    store.cycles.write(samples.update(*cases, anomalies=[]))
    store.history.act([5, 6], Act.CLOSE, {"closed_at": NOW}, actor="kim", at=NOW)
    pages, last = [], None
    while page := store.investigations.page(CLUSTER, after=last, limit=5):
        pages.append([record.id for record in page])
        last = page[-1]
    expected = sorted(cases, key=lambda record: (-record.updated, -record.id))
    assert list(itertools.chain(*pages)) == [record.id for record in expected]
    assert [len(page) for page in pages] == [5, 5, 2]


def test_lists_can_be_narrowed(store: Store) -> None:
    store.cycles.write(
        samples.update(samples.case(1), samples.recovered(2), samples.recovered(3, ended=NOW - 9_000), anomalies=[])
    )
    store.history.act([2], Act.CLOSE, {"closed_at": NOW}, actor="kim", at=NOW)
    store.history.act([3], Act.PIN, {"pinned": True}, actor="kim", at=NOW)
    page = store.investigations.page
    assert [record.id for record in page(lifecycles=[Lifecycle.RECOVERED])] == [3]
    assert [record.id for record in page(lifecycles=[Lifecycle.OPEN, Lifecycle.CLOSED])] == [2, 1]
    assert [record.id for record in page(CLUSTER, since=NOW - 60)] == [2, 1]
    assert [record.id for record in store.investigations.open(CLUSTER)] == [1, 3]


def test_labelled_cases_are_listed_by_label(store: Store) -> None:
    other = Entity(EntityType.NODE, CLUSTER, "", "Node", "n1")
    store.cycles.write(samples.update(samples.case(1), samples.case(2), samples.case(3, entity=other)))
    for case, label in {1: Label.TRUE, 2: Label.FALSE, 3: Label.FALSE}.items():
        store.history.act([case], Act.LABEL, {"label": label, "label_reason": ""}, actor="kim", at=NOW)
    labelled = store.investigations.labelled
    assert [record.id for record in labelled(Label.FALSE, CLUSTER)] == [3, 2]
    assert [record.id for record in labelled(Label.FALSE, before=3)] == [2]


# --------------------------------------------------------------------------------------------------- timeline


def test_the_timeline_joins_what_happened(store: Store) -> None:
    node = Entity(EntityType.NODE, CLUSTER, "", "Node", "n1")
    hour = 3_600
    store.cycles.write(
        samples.update(
            samples.recovered(1),
            samples.case(2),
            anomalies=[
                samples.closed_anomaly(1, 1, closed=NOW - 10),
                samples.anomaly(2, 1, entity=node, signal="node-not-ready", onset=NOW - 250),
                samples.anomaly(3, 2, onset=NOW - 1),
            ],
            timeline=[(1, TimelineEntry(NOW - 350, "rollout", "revision 2")), (2, TimelineEntry(NOW, "other", "case"))],
            events=[
                samples.event("pod", last_seen=NOW - 100),
                samples.event(
                    "deployment", kind="Deployment", name="checkout", owner_name="", last_seen=NOW - 99, count=1
                ),
                samples.event("node", kind="Node", name="n1", namespace="default", owner_name="", last_seen=NOW - 98),
                samples.event("foreign", namespace="other", last_seen=NOW - 97),
                samples.event("sibling", name="checkout-api-1", owner_name="checkout-api", last_seen=NOW - 96),
                samples.event("job", owner_kind="Job", last_seen=NOW - 95),
                samples.event("long ago", first_seen=0, last_seen=NOW - 300 - 2 * hour),
                samples.event("long after", last_seen=NOW + 2 * hour),
            ],
        )
    )
    store.history.act([1], Act.LABEL, {"label": Label.TRUE, "label_reason": "real"}, actor="kim", at=NOW + 5)
    back_off = "Back-off restarting failed container"
    assert [(entry.at - NOW, entry.kind, entry.text) for entry in store.timeline.of(1)] == [
        (-350, "rollout", "revision 2"),
        (-300, "anomaly", "http-server-5xx-spike began"),
        (-250, "anomaly", "node-not-ready began on n1"),
        (-200, "warning", f"BackOff x3: {back_off} (...-x)"),
        (-200, "warning", f"BackOff: {back_off}"),
        (-200, "warning", f"BackOff x3: {back_off} (n1)"),
        (-10, "anomaly", "http-server-5xx-spike ended"),
        (5, "label", "kim labelled it true: real"),
    ]
    assert store.timeline.of(99) == ()


def test_a_workload_of_unknown_kind_takes_any_kind(store: Store) -> None:
    entity = Entity(EntityType.WORKLOAD, CLUSTER, "shop", "Workload", "checkout")
    store.cycles.write(samples.update(samples.case(entity=entity), anomalies=[], events=[samples.event()]))
    assert [entry.kind for entry in store.timeline.of(1)] == ["warning"]


def told(store: Store, *events: EventRecord) -> list[tuple[float, str, str]]:
    """What the timeline of a case makes of events."""
    store.cycles.write(samples.update(samples.case(), anomalies=[], events=events))
    return [(entry.at - NOW, entry.kind, entry.text) for entry in store.timeline.of(1)]


def unready(pod: str, at: float, address: str, count: int = 1) -> EventRecord:
    name, message = f"checkout-6f9d-{pod}", f'Readiness probe failed: Get "http://{address}/ready": connection refused'
    return samples.event(
        f"{pod} {at}", name=name, reason="Unhealthy", message=message, count=count,
        first_seen=NOW + at, last_seen=NOW + at + 20,
    )  # fmt: skip


def test_one_thing_that_happens_to_several_pods_is_one_line(store: Store) -> None:
    probe = 'Readiness probe failed: Get "http://10.0.0.1:80/ready": connection refused'
    lines = told(
        store,
        unready("b", -180, "10.0.0.2:80", 6),
        unready("a", -200, "10.0.0.1:80", 5),
        unready("a", -100, "10.0.0.1:80"),
    )
    assert lines == [(-200, "warning", f"Unhealthy x12, 2 pods: {probe}")]


def test_different_things_and_later_ones_keep_their_lines(store: Store) -> None:
    liveness = samples.event("live", reason="Unhealthy", message="Liveness probe failed", first_seen=NOW - 190)
    lines = told(store, unready("a", -1_500, "10.0.0.1:80"), liveness, unready("a", -200, "10.0.0.1:80"))
    assert [(at, text.split(":")[1].strip()) for at, _, text in lines] == [
        (-1_500, "Readiness probe failed"),
        (-200, "Readiness probe failed"),
        (-190, "Liveness probe failed (...-x)"),
    ]


def test_a_pod_that_starts_is_no_news_but_a_scaled_workload_is(store: Store) -> None:
    normal = {"type": "Normal", "count": 1}
    lines = told(
        store,
        samples.event("pulled", reason="Pulled", message="Image is there", **normal),
        samples.event("scaled", kind="Deployment", name="checkout", reason="ScalingReplicaSet",
                      message="Scaled up replica set checkout-6f9d from 0 to 1", **normal),
    )  # fmt: skip
    assert lines == [(-200, "event", "ScalingReplicaSet: Scaled up replica set checkout-6f9d from 0 to 1")]


def test_a_flood_of_ordinary_events_hides_no_warning(store: Store) -> None:
    flood = [samples.event(f"n{number}", type="Normal", reason="Pulled", last_seen=NOW) for number in range(300)]
    assert [kind for _, kind, _ in told(store, *flood, samples.event("w", last_seen=NOW - 3_000))] == ["warning"]


# ------------------------------------------------------------------------------------------------------ lease


def test_one_process_at_a_time_writes_a_cluster(store: Store) -> None:
    lease = store.cycles.acquire_lease
    assert lease(CLUSTER, "a", NOW, 60)
    assert lease("stage", "b", NOW, 60)
    assert not lease(CLUSTER, "b", NOW + 59, 60)
    assert lease(CLUSTER, "a", NOW + 59, 60)
    assert not lease(CLUSTER, "b", NOW + 118, 60)
    assert lease(CLUSTER, "b", NOW + 119, 60)


def test_who_lost_the_lease_writes_nothing(store: Store) -> None:
    store.cycles.acquire_lease(CLUSTER, "a", NOW, 60)
    store.cycles.write(samples.update(samples.case(1), owner="a"))
    store.cycles.acquire_lease(CLUSTER, "b", NOW + 61, 60)
    with pytest.raises(LeaseError, match="another process"):
        store.cycles.write(samples.update(samples.case(2), at=NOW + 62, owner="a"))
    assert store.investigations.get(2) is None
    store.cycles.write(samples.update(samples.case(2), at=NOW + 62, owner="b"))


def test_a_lease_is_given_back(store: Store) -> None:
    store.cycles.acquire_lease(CLUSTER, "a", NOW, 60)
    store.cycles.release_lease(CLUSTER, "b")
    assert not store.cycles.acquire_lease(CLUSTER, "b", NOW, 60)
    store.cycles.release_lease(CLUSTER, "a")
    assert store.cycles.acquire_lease(CLUSTER, "b", NOW, 60)


def test_the_lease_of_a_dead_process_is_free_at_once(store: Store) -> None:
    code = (
        "import sys; from pathlib import Path; from storage.database import Store;"
        f"assert Store.open(Path(sys.argv[1])).cycles.acquire_lease('{CLUSTER}', 'dead', {NOW}, 9999)"
    )
    subprocess.run(
        [sys.executable, "-c", code, store.path], check=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    assert store.cycles.acquire_lease(CLUSTER, "b", NOW + 1, 60)


def test_the_ledger_ends_on_what_a_convention_said_last(store: Store) -> None:
    def said(text: str, at: float, convention: str = "istio") -> None:
        line = samples.evidence(text=text, step=COMPARED, convention=convention, recorded=at)
        store.cycles.write(samples.update(samples.case(), at=at, evidence=[line]))

    unseen, agrees = "istio does not see it", "istio agrees: 12 %"
    for at, text in enumerate((unseen, unseen, agrees, agrees, unseen)):
        said(text, NOW + at)
        said("beyla does not see it", NOW + at, "beyla")
    told = [(line.convention, line.text) for line in store.evidence.of(1)]
    assert [text for name, text in told if name == "istio"] == [unseen, agrees, unseen]
    assert [text for name, text in told if name == "beyla"] == ["beyla does not see it"]


def _convention(name: str, last: float = NOW) -> ConventionRecord:
    return ConventionRecord(CLUSTER, name, ("job",), {}, "", 15.0, {"a_total": Spell(NOW - 60, last)})


def test_what_cannot_be_read_of_a_convention_is_dropped_and_logged(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    both = [_convention("istio"), _convention("linkerd")]
    store.cycles.write(samples.update(samples.case(), conventions=both))
    with store._connections.write() as connection:
        connection.execute("UPDATE convention SET body = '{\"cluster\": 7' WHERE name = 'istio'")
    assert store.conventions.of(CLUSTER) == (both[1],)
    assert "istio" in caplog.text
    store.cycles.write(samples.update(samples.case(), conventions=both))
    assert store.conventions.of(CLUSTER) == tuple(both)


def test_conventions_are_written_when_they_change_and_only_then(store: Store) -> None:
    def write(last: float) -> None:
        store.cycles.write(samples.update(samples.case(), conventions=[_convention("istio", last)]))

    statements: list[str] = []
    write(NOW)
    with store._connections.write() as connection:
        connection.set_trace_callback(statements.append)
    write(NOW)
    assert not any("convention VALUES" in each or "DELETE FROM convention" in each for each in statements)
    write(NOW + 600)
    assert any("DELETE FROM convention" in each for each in statements)
    assert store.conventions.of(CLUSTER) == (_convention("istio", NOW + 600),)
