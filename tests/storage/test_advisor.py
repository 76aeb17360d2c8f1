"""What containers used and what was advised: kept as it was, replaced as a whole, forgotten in time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import pytest

from detectors.model import Coverage, Entity, EntityType
from storage.errors import StoreError
from storage.records import AdviceCoverage, AdviceRun
from tests.storage import samples
from tests.storage.samples import CHECKOUT, CLUSTER, NOW

if TYPE_CHECKING:
    from storage.database import Store

DAY = 86_400
TODAY = int(NOW // DAY) * DAY
HOSTILE = "café\x1b[31m\ud800'; DROP TABLE usage_day"


def run(at: float = NOW, cluster: str = CLUSTER) -> AdviceRun:
    seen = AdviceCoverage("rightsizing-cpu-request-high", Coverage.LIVE, ("cadvisor",), 12, 3, "first verdict at noon")
    return AdviceRun(cluster, at, 1.5, (seen,))


def test_a_day_comes_back_as_it_was_and_is_replaced_by_its_next_version(store: Store) -> None:
    early, late = samples.usage(TODAY, points=10), samples.usage(TODAY, points=20, peak=0.9, peak_pod="other")
    other = samples.usage(TODAY - DAY, container="proxy", resource="memory", source="metrics.k8s.io")
    store.usage.put(CLUSTER, [early, other])
    assert store.usage.day(CLUSTER, "cadvisor", TODAY) == (early,)
    store.usage.put(CLUSTER, [late])
    assert store.usage.day(CLUSTER, "cadvisor", TODAY) == (late,)
    assert list(store.usage.since(CLUSTER, TODAY - DAY)) == [late, other]
    assert list(store.usage.since(CLUSTER, TODAY)) == [late]
    assert store.usage.days(CLUSTER, "metrics.k8s.io", "memory") == {TODAY - DAY}


def test_the_days_of_one_container_come_one_after_the_other(store: Store) -> None:
    names = ("checkout", "cart")
    entities = [Entity(EntityType.WORKLOAD, CLUSTER, "shop", "Deployment", name) for name in names]
    days = [samples.usage(TODAY - age * DAY, entity=entity) for age in range(3) for entity in entities]
    store.usage.put(CLUSTER, days)
    found = [(record.entity.name, record.day) for record in store.usage.since(CLUSTER, 0)]
    assert found == [(name, TODAY - age * DAY) for name in names for age in (2, 1, 0)]


def test_clusters_and_sources_are_kept_apart(store: Store) -> None:
    elsewhere = msgspec.structs.replace(CHECKOUT, cluster="stage")
    store.usage.put(CLUSTER, [samples.usage(TODAY)])
    store.usage.put("stage", [samples.usage(TODAY, entity=elsewhere, source="metrics.k8s.io")])
    assert [record.source for record in store.usage.since("stage", 0)] == ["metrics.k8s.io"]
    assert store.usage.day("stage", "cadvisor", TODAY) == ()
    assert store.usage.days("nowhere", "cadvisor", "cpu") == frozenset()


def test_a_session_finds_what_labels_place_in_clusters_of_other_names(store: Store) -> None:
    elsewhere = msgspec.structs.replace(CHECKOUT, cluster="eu-1")
    store.usage.put("prometheus:9090", [samples.usage(TODAY, entity=elsewhere)])
    assert [record.entity.cluster for record in store.usage.since("prometheus:9090", 0)] == ["eu-1"]
    assert list(store.usage.since("eu-1", 0)) == []


def test_days_are_stored_together_or_not_at_all(store: Store) -> None:
    broken = samples.usage(TODAY - DAY, points=None)
    with pytest.raises(StoreError):
        store.usage.put(CLUSTER, [samples.usage(TODAY), broken])
    assert store.statistics().rows["usage_day"] == store.statistics().rows["usage_series"] == 0


def test_a_run_replaces_the_one_before_with_all_it_said(store: Store) -> None:
    first = [samples.advice(), samples.advice("rightsizing-memory-limit-low", container="proxy")]
    store.advice.replace(run(NOW - DAY), first)
    assert store.advice.of(CLUSTER) == tuple(first)
    second = samples.advice(suggestion=math.nan, saving=math.nan, current=math.nan)
    store.advice.replace(run(), [second])
    (found,) = store.advice.of(CLUSTER)
    assert msgspec.json.encode(found) == msgspec.json.encode(second)
    assert store.advice.last(CLUSTER) == run()
    assert store.advice.of("stage") == ()
    assert store.advice.last("stage") is None


def test_hostile_names_are_only_names(store: Store) -> None:
    entity = Entity(EntityType.WORKLOAD, CLUSTER, "shop", "Deployment", HOSTILE)
    store.usage.put(CLUSTER, [samples.usage(TODAY, entity=entity, container=HOSTILE, peak_pod=HOSTILE)])
    store.advice.replace(run(), [samples.advice(entity=entity, container=HOSTILE, reason=HOSTILE)])
    (day,), (said,) = store.usage.since(CLUSTER, 0), store.advice.of(CLUSTER)
    kept = HOSTILE.replace("\ud800", "?")
    assert day.container == day.entity.name == day.peak_pod == said.container == said.reason == kept


def test_two_weeks_are_kept_and_names_that_only_advice_uses_stay(store: Store) -> None:
    store.usage.put(CLUSTER, [samples.usage(TODAY - age * DAY) for age in range(20)])
    lonely = Entity(EntityType.WORKLOAD, CLUSTER, "shop", "Deployment", "cart")
    store.advice.replace(run(), [samples.advice(entity=lonely)])
    store.retention.prune(NOW, days=30, label_days=365)
    kept = [(TODAY - record.day) // DAY for record in store.usage.since(CLUSTER, 0)]
    assert sorted(kept) == list(range(15))
    assert store.advice.of(CLUSTER)[0].entity == lonely
    store.retention.prune(NOW + 30 * DAY, days=30, label_days=365)
    rows = store.statistics().rows
    assert rows["usage_day"] == rows["usage_series"] == 0
    assert store.integrity() == ()
