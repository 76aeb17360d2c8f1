"""What is usual for a series: kept as it was, replaced by what came later, forgotten in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from storage.records import ProfileRecord
from storage.retention import PROFILE_DAYS
from tests.storage.samples import CHECKOUT, CLUSTER, NOW

if TYPE_CHECKING:
    from storage.database import Store

DAY = 86_400.0
SIGNAL, SOURCE = "workload-network-send", "cadvisor/network-send"
PROFILE = ProfileRecord(CHECKOUT, 'container="app"', NOW, b"\x00\xff" * 1394)


def test_a_profile_comes_back_as_it_was_and_is_replaced_by_its_next_version(store: Store) -> None:
    later = msgspec.structs.replace(PROFILE, until=NOW + 60, learnt=b"more")
    other = msgspec.structs.replace(PROFILE, part="")
    store.profiles.put(CLUSTER, SIGNAL, SOURCE, [PROFILE, other])
    assert set(store.profiles.of(CLUSTER, SIGNAL, SOURCE)) == {PROFILE, other}
    store.profiles.put(CLUSTER, SIGNAL, SOURCE, [later])
    assert set(store.profiles.of(CLUSTER, SIGNAL, SOURCE)) == {later, other}


def test_clusters_signals_and_sources_are_kept_apart(store: Store) -> None:
    store.profiles.put(CLUSTER, SIGNAL, SOURCE, [PROFILE])
    assert store.profiles.of("elsewhere", SIGNAL, SOURCE) == ()
    assert store.profiles.of(CLUSTER, "workload-network-receive", SOURCE) == ()
    assert store.profiles.of(CLUSTER, SIGNAL, "istio/network-send") == ()


def test_a_hostile_part_is_only_a_name(store: Store) -> None:
    part = "café\x1b[31m\ud800'; DROP TABLE profile"
    store.profiles.put(CLUSTER, SIGNAL, SOURCE, [msgspec.structs.replace(PROFILE, part=part)])
    [found] = store.profiles.of(CLUSTER, SIGNAL, SOURCE)
    assert found.part == part.replace("\ud800", "?")


def test_a_profile_is_forgotten_two_weeks_after_its_last_sample_and_its_entity_with_it(store: Store) -> None:
    gone = msgspec.structs.replace(CHECKOUT, name="gone")
    old = msgspec.structs.replace(PROFILE, entity=gone, until=NOW - (PROFILE_DAYS + 1) * DAY)
    store.profiles.put(CLUSTER, SIGNAL, SOURCE, [PROFILE, old])
    store.retention.prune(NOW, days=30, label_days=365)
    assert store.profiles.of(CLUSTER, SIGNAL, SOURCE) == (PROFILE,)
    assert store.statistics().rows["entity"] == 1
