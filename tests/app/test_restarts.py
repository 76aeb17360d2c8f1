"""What is counted over the last minutes is the same before and after a start of the program."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from app.restarts import RestartMemory
from detectors.cluster import Restart
from storage.cycles import CycleUpdate
from storage.database import Store
from storage.records import CycleRecord
from storage.restarts import KEPT_SECONDS
from tests.app.rig import Rig, observations, settings
from tests.detectors.states.objects import NOW, cluster, deployment, ended, judge, pod, replica_set, waiting
from tests.lab.kubernetes_api import KubernetesApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from detectors.cluster import ClusterState

KILLED = waiting("CrashLoopBackOff", restarts=9, last=ended(20, "OOMKilled", 137))
UIDS = tuple(f"uid-prod-web-aaaa-{number}" for number in range(3))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "t.db") as opened:
        yield opened


def looping(*ago: float) -> ClusterState:
    """Three pods that were seen killed so many seconds ago."""
    seen = tuple(Restart(NOW - each, uid, "app", 1, "OOMKilled", 137) for each in ago for uid in UIDS)
    objects: list[Any] = [deployment(replicas=3), replica_set(), *(pod(number, KILLED) for number in range(3))]
    return cluster(objects, restarts=seen)


def written(memory: RestartMemory, store: Store) -> None:
    record = CycleRecord("lab", NOW, 0.1, 0, 0, 0)
    store.cycles.write(CycleUpdate(record=record, restarts=memory.unstored))


def kills(state: ClusterState) -> float:
    return judge("pod-oomkilled", state).observations[0].observed


def test_kills_seen_before_a_start_still_count_after_it(store: Store) -> None:
    first = RestartMemory("lab", store)
    assert kills(first.remembered(looping(500, 300, 120, 20))) == 12
    written(first, store)
    assert kills(looping()) == 3, "what the objects alone tell: the last kill of each container"
    again = RestartMemory("lab", store)
    again.restore(NOW)
    assert kills(again.remembered(looping())) == 12
    assert not again.unstored


def test_what_is_seen_again_counts_once_and_what_is_new_is_added(store: Store) -> None:
    memory = RestartMemory("lab", store)
    memory.remembered(looping(300))
    written(memory, store)
    memory.restore(NOW)
    assert kills(memory.remembered(looping(300, 20))) == 6
    assert [each.at for each in memory.unstored] == [NOW - 20] * 3
    written(memory, store)
    assert len(store.restarts.since("lab", 0.0)) == 6


def test_what_no_signal_looks_back_to_is_forgotten(store: Store) -> None:
    memory = RestartMemory("lab", store)
    memory.remembered(looping(60))
    written(memory, store)
    later = dataclasses.replace(looping(), at=NOW + KEPT_SECONDS)
    assert memory.remembered(later).restarts == ()
    store.cycles.write(CycleUpdate(record=CycleRecord("lab", NOW + KEPT_SECONDS, 0.1, 0, 0, 0)))
    assert store.restarts.since("lab", 0.0) == ()


def test_each_cluster_has_its_own(store: Store) -> None:
    memory = RestartMemory("lab", store)
    memory.remembered(looping(60))
    written(memory, store)
    assert store.restarts.since("other", 0.0) == ()


def crashed(restarts: int, ago: float) -> dict[str, Any]:
    """A pod killed for memory, as the API tells it."""
    status = waiting("CrashLoopBackOff", restarts=restarts, last=ended(ago, "OOMKilled", 137))
    return {"apiVersion": "v1", "kind": "Pod", **pod(0, status, age=90000.0)[1]}


def test_the_engine_counts_on_where_another_process_left_off(tmp_path: Path) -> None:
    seen = []
    with KubernetesApi() as api, Store.open(tmp_path / "tocsin.db") as store:
        loaded = settings(tmp_path, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig"))
        api.put(crashed(4, 400.0))
        with Rig(loaded, store, NOW, api) as rig:
            rig.cycle(NOW)
            for restarts, ago in ((5, 200.0), (6, 60.0)):
                api.put(crashed(restarts, ago))
                found = observations(rig.cycle(NOW + restarts))
                seen.append(next(each.observed for each in found if each.signal == "pod-oomkilled"))
        with Rig(loaded, store, NOW + 30, api) as rig:
            found = observations(rig.cycle(NOW + 30))
            seen.append(next(each.observed for each in found if each.signal == "pod-oomkilled"))
    assert seen == [1, 2, 2]
