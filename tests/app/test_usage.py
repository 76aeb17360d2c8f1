"""Our own history of metrics.k8s.io: the busiest pod, each measurement once, and nothing twice after a failure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from app import usage
from app.usage import FLUSH_SECONDS, KUBELETS, METRICS, UsageRecorder, day_of, key_of
from detectors.cluster import ClusterState
from detectors.objects import Metadata, NodeSummary, Pod, PodMetrics, decode
from detectors.usage import DAY
from storage.database import Store
from storage.errors import StoreError
from tests.app import sized
from tests.app.sized import AT, SHOP
from tests.lab.manifests import stamp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from detectors.usage import UsageDay

CLUSTER = "lab"
START = AT // DAY * DAY + 6 * 3600


def decoded(kind: Any, item: dict[str, Any]) -> Any:
    return decode(kind, json.dumps(item).encode())


PODS = {item["metadata"]["uid"]: decoded(Pod, item) for item in sized.objects() if item["kind"] == "Pod"}


def view(at: int, **changes: Any) -> ClusterState:
    """The cluster with what metrics.k8s.io says at an instant."""
    told = [decoded(PodMetrics, item) for each in SHOP for item in sized.usage(each, at)]
    return ClusterState(CLUSTER, at, pods=PODS, pod_metrics={(m.namespace, m.name): m for m in told}, **changes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "tocsin.db") as opened:
        yield opened


def days(store: Store, day: int = START // DAY * DAY, source: str = METRICS) -> dict[tuple[str, str], UsageDay]:
    records = store.usage.day(CLUSTER, source, day)
    return {(key_of(record).entity.name, record.resource): day_of(record) for record in records}


def test_the_pod_that_uses_most_counts_and_each_measurement_once(store: Store) -> None:
    recorder = UsageRecorder(CLUSTER, store)
    for at in (START, START, START + 60):
        for cycle in range(4):
            recorder.observe(view(at), at + 15.0 * cycle)
    recorder.flush()
    found = days(store)
    assert len(found) == 2 * len(SHOP)
    roomy = found["roomy", "cpu"]
    assert (roomy.points, roomy.first, roomy.last) == (2, START, START + 60)
    assert roomy.peak == pytest.approx(0.1)
    assert roomy.peak_pod == SHOP[0].names()[0]
    assert found["roomy", "memory"].peak == pytest.approx(200 * sized.MIB)


def by_kubelet(at: int) -> ClusterState:
    """The same as the kubelet of their node tells it, where there is no metrics-server."""
    told = [sized.summary(each, at) for each in SHOP]
    summary = decoded(NodeSummary, {"pods": [pod for pods in told for pod in pods]})
    summary = replace(summary, metadata=Metadata(name="n1", resource_version=stamp(at)))
    return ClusterState(CLUSTER, at, pods=PODS, summaries={"n1": summary})


def test_without_a_metrics_server_the_kubelets_tell_the_same(store: Store) -> None:
    recorder = UsageRecorder(CLUSTER, store)
    for at in (START, START, START + 60):
        recorder.observe(by_kubelet(at), at)
    recorder.observe(view(START + 120), START + 120)
    recorder.flush()
    found, other = days(store, source=KUBELETS), days(store)
    assert len(found) == len(other) == 2 * len(SHOP)
    assert {day.points for day in found.values()} == {2}
    assert {day.points for day in other.values()} == {1}
    for key, day in found.items():
        assert day.peak == pytest.approx(other[key].peak, rel=1e-3), key
        assert day.peak_pod == other[key].peak_pod


def test_it_is_written_every_few_minutes_and_goes_on_after_a_restart(store: Store) -> None:
    first = UsageRecorder(CLUSTER, store)
    first.observe(view(START), START)
    assert days(store) == {}
    first.observe(view(START + 600), START + FLUSH_SECONDS)
    assert days(store)["tight", "cpu"].points == 2
    second = UsageRecorder(CLUSTER, store)
    second.observe(view(START + 1200), START + 1200)
    second.flush()
    merged = days(store)["tight", "cpu"]
    assert (merged.points, merged.first, merged.last) == (3, START, START + 1200)
    assert merged.sketch.total == 3


def test_a_night_is_two_days(store: Store) -> None:
    recorder = UsageRecorder(CLUSTER, store)
    midnight = START // DAY * DAY + DAY
    for at in (midnight - 60, midnight, midnight + 60):
        recorder.observe(view(at), at)
    recorder.flush()
    assert days(store, midnight - DAY)["tight", "cpu"].points == 1
    assert days(store, midnight)["tight", "cpu"].points == 2


def test_what_could_not_be_stored_is_stored_once_later(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_BATCH", 4)
    recorder = UsageRecorder(CLUSTER, store)
    recorder.observe(view(START), START)
    put, calls = store.usage.put, []

    def full(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 3:
            raise StoreError(store.path, "the disk is full")
        put(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(store.usage, "put", full)
        with pytest.raises(StoreError, match="full"):
            recorder.flush()
    assert len(days(store)) == 8
    recorder.observe(view(START + 60), START + 60)
    recorder.flush()
    assert {day.points for day in days(store).values()} == {2}


def test_pods_that_are_gone_and_numbers_that_are_none_are_passed_over(store: Store) -> None:
    state = view(START)
    odd = decoded(
        PodMetrics, {**next(sized.usage(SHOP[1], START)), "containers": [{"name": "app", "usage": {"cpu": "?"}}]}
    )
    unknown = decoded(PodMetrics, {**next(sized.usage(SHOP[1], START)), "metadata": {"name": "x", "namespace": "shop"}})
    metrics = {("shop", odd.name): odd, ("shop", "x"): unknown}
    recorder = UsageRecorder(CLUSTER, store)
    recorder.observe(ClusterState(CLUSTER, START, pods=state.pods, pod_metrics=metrics), START)
    recorder.flush()
    assert days(store) == {}
