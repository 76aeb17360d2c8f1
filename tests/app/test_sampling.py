"""A cluster without any Prometheus: what its kubelets tell is judged, recorded and replayed like everything else."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from app.clock import ManualClock
from app.coverage import coverage_record
from app.doctor import KUBELET_ROLE
from app.opening import open_catalogue, temporary_store
from app.planning import plan
from app.runs import ReplayRun
from app.sampling import asked_of_kubelets
from app.snapshot import Health
from app.snapshots import objects_status
from app.sources.kubernetes.resources import COUNTERS, KUBELETS, SUMMARY
from app.sources.recording import FORMAT, Header, RecordingWriter
from detectors.catalog import load
from detectors.cluster import Access, AccessStatus
from detectors.model import Coverage, Severity
from storage.database import Store
from tests.app.rig import Rig, found, observations, settings
from tests.app.test_planning import EVERYTHING, STATE
from tests.lab.kubernetes_api import CONTEXT, KubernetesApi
from tests.lab.listed import item
from tests.lab.manifests import stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.engine import Outcome
    from tests.lab.manifests import Manifest

CATALOGUE = load()
START = 1_763_470_800
GIB = 2**30
BY_KUBELETS = {
    row.id
    for row in CATALOGUE.rows
    for source in CATALOGUE.sources(row.id)
    if source.sampled is not None and source.sampled.resource in KUBELETS
}


class Node:
    """One node with one claim, whose use is a function of time."""

    name = "worker-1.example.com"

    def __init__(self, clock: ManualClock, used: Callable[[float], float]) -> None:
        self._clock, self._used = clock, used

    def summary(self) -> Manifest:
        """What its kubelet answers."""
        now = self._clock.now()
        taken, left = {"time": stamp(now)}, int(10 * GIB * (1 - self._used(now - START)))
        volume = {"name": "data", "pvcRef": {"name": "orders", "namespace": "shop"}, "capacityBytes": 10 * GIB}
        pod = {
            "podRef": {"name": "db-0", "namespace": "shop", "uid": "u"},
            "volume": [volume | taken | {"availableBytes": left}],
        }
        network = {**taken, "name": "eth0", "txBytes": int(1e6 * (now - START)), "rxBytes": 0, "interfaces": []}
        return {"node": {"nodeName": self.name, "network": network, "cpu": {**taken}}, "pods": [pod]}

    def exposition(self) -> str:
        """What cAdvisor in it answers: a container that writes."""
        now = self._clock.now()
        labels = 'container="db",device="/dev/sda",id="/kubepods/u",namespace="shop",pod="db-0"'
        metric = "container_fs_writes_bytes_total"
        return f"# TYPE {metric} counter\n{metric}{{{labels}}} {1e5 * (now - START):.0f} {1000 * now:.0f}\n"


@contextmanager
def rig(
    folder: Path, used: Callable[[float], float], writer: RecordingWriter | None = None, **more: str
) -> Iterator[Rig]:
    """A run over a cluster of one node."""
    with KubernetesApi() as api, Store.open(folder / "tocsin.db") as store:
        api.put(item("Node", Node.name, spec={}, status={"allocatable": {"cpu": "4"}}))
        loaded = settings(folder, kubeconfig=api.kubeconfig(folder / "kubeconfig"), **more)
        made = Rig(loaded, store, START, api, writer=writer)
        node = Node(made.clock, used)
        api.kubelets[Node.name], api.cadvisor[Node.name] = node.summary, node.exposition
        with made:
            yield made


def cycles(made: Rig, seconds: int, every: int = 300) -> Iterator[Outcome]:
    """Cycles of somebody who asks the kubelets before each."""
    source: Any = made.run.sources.objects
    for at in range(START, START + seconds + 1, every):
        made.clock.set(at)
        source.kubelets.turn()
        yield made.cycle(at)


def test_a_claim_is_found_before_it_is_full_and_by_its_own_past(tmp_path: Path) -> None:
    """A fiftieth in an hour, from five eighths on: full within a day, and nobody but us has kept the past."""
    with rig(tmp_path, lambda seconds: 0.625 + 0.02 * seconds / 3600) as made:
        outcomes = list(cycles(made, 3 * 3600))
    said = [place for place, outcome in enumerate(outcomes) if ("pvc-usage", "orders") in found(outcome)]
    # Half an hour is no trend, and no share of the capacity has been reached that is too much by itself.
    assert said
    assert said[0] >= 29
    (last,) = [each for each in observations(outcomes[-1]) if each.signal == "pvc-usage"]
    assert last.observed < 0.85
    assert last.severity is Severity.MEDIUM
    assert last.source.convention == "kubelet-summary"
    assert last.source.query.startswith(f"kubectl --context {CONTEXT} get --raw /api/v1/nodes/NODE/proxy/stats/summary")
    assert 'persistentvolumeclaim="orders"' in last.source.query


@pytest.mark.parametrize(
    "used", [lambda seconds: 0.62 + 0.15 * (seconds % 5400) / 5400, lambda _: 0.8], ids=["saw-tooth", "steady"]
)
def test_a_claim_that_will_not_be_full_is_not_found(tmp_path: Path, used: Callable[[float], float]) -> None:
    with rig(tmp_path, used) as made:
        outcomes = list(cycles(made, 4 * 3600))
    assert not [outcome for outcome in outcomes if found(outcome)]
    assert outcomes[-1].results["pvc-usage"].status is Coverage.LIVE


def test_one_look_finds_what_is_full_now(tmp_path: Path) -> None:
    with rig(tmp_path, lambda _: 0.97) as made:
        outcome = made.cycle()
    assert ("pvc-usage", "orders") in found(outcome)


def test_who_may_not_ask_the_kubelets_is_told_so_and_sees_all_else(tmp_path: Path) -> None:
    with rig(tmp_path, lambda _: 0.97) as made:
        assert made.api is not None
        made.api.forbid("nodes/proxy")
        source: Any = made.run.sources.objects
        source.kubelets.turn()
        # What had been told before the right was lost does not hold for ever.
        outcome = made.cycle(START + 3600)
        checks = {check.name.strip(): check for check in made.run.checks()}
        statuses = {status.name: status for status in made.run.statuses(outcome)}
    for row in ("node-network-send", "cluster-disk-usage-spike", "workload-cpu-throttling", "workload-disk-write"):
        result = outcome.results[row]
        assert result.status is Coverage.FORBIDDEN
        assert 'cannot get resource "nodes/proxy"' in result.detail
        assert "needs metrics of" in result.detail
    assert outcome.results["node-not-ready"].status is Coverage.LIVE
    for name in KUBELETS:
        assert checks[name].ok is None
        assert checks[name].hint == KUBELET_ROLE
    assert statuses["kubernetes"].health is Health.OK


def test_the_doctor_says_how_many_kubelets_answer(tmp_path: Path) -> None:
    with rig(tmp_path, lambda _: 0.5) as made:
        checks = {check.name.strip(): check for check in made.run.checks()}
    assert (checks["nodes/proxy"].ok, checks["nodes/proxy"].detail) == (True, "1 of 1 kubelets answer")


def test_kubelets_are_left_alone_where_they_are_switched_off(tmp_path: Path) -> None:
    with rig(tmp_path, lambda _: 0.97, kubernetes__kubelets="false") as made:
        outcome = made.cycle()
        assert made.api is not None
        assert not [path for _, path in made.api.requests if "/proxy/" in path]
        loaded = made.engine.settings
    assert outcome.results["pvc-usage"].status is Coverage.NO_SOURCE
    record = coverage_record(CONTEXT, CATALOGUE, CATALOGUE.row("pvc-usage"), outcome.results["pvc-usage"], loaded, None)
    assert "nodes/proxy (get)" in record.detail
    assert "Kubelet summary" not in record.detail


def test_what_a_kubelet_does_not_know_is_no_source_and_says_what_is_missing(tmp_path: Path) -> None:
    with rig(tmp_path, lambda _: 0.5) as made:
        assert made.api is not None
        made.api.cadvisor.clear()
        outcome = list(cycles(made, 600))[-1]
        loaded = made.engine.settings
    result = outcome.results["node-cpu-throttling"]
    assert result.status is Coverage.NO_SOURCE
    record = coverage_record(CONTEXT, CATALOGUE, result.row, result, loaded, None)
    assert "CPU pressure" in record.detail
    assert "cAdvisor" in record.detail
    for row in ("workload-disk-write", "workload-disk-read"):
        result = outcome.results[row]
        assert result.status is Coverage.NO_SOURCE
        record = coverage_record(CONTEXT, CATALOGUE, result.row, result, loaded, None)
        assert "the Kubernetes rights: nodes; nodes/proxy (get); pods" in record.detail
        assert "cAdvisor's metrics of the kubelets" in record.detail


def test_no_row_without_a_source_is_healthy(tmp_path: Path) -> None:
    with rig(tmp_path, lambda _: 0.5) as made:
        outcome = list(cycles(made, 600))[-1]
    silent = {row for row, result in outcome.results.items() if result.status is Coverage.NO_SOURCE}
    assert {row.id for row in CATALOGUE.rows if row.fallback.availability == "surrogate"} <= silent
    assert not any(outcome.results[row].live or outcome.results[row].observations for row in silent)


class TestWhoIsAsked:
    def test_metrics_are_believed_before_what_is_sampled(self) -> None:
        rows = [CATALOGUE.row(row) for row in sorted(BY_KUBELETS)]
        told = {source.detect_metric for row in rows for source in CATALOGUE.sources(row.id)}
        assert set(plan(CATALOGUE, rows, STATE, EVERYTHING, 60, told).sources) == BY_KUBELETS
        alone = plan(CATALOGUE, rows, STATE, None, 60, told)
        assert set(alone.sampled) == BY_KUBELETS
        assert plan(CATALOGUE, rows, STATE, None, 60).unfed == tuple(rows)

    def test_kubelets_are_asked_only_for_what_nobody_else_tells(self) -> None:
        rows = {
            "pvc-usage": {SUMMARY.name},
            "workload-disk-read": {COUNTERS.name},
            "workload-cpu-throttling": set(KUBELETS),
            "http-server-5xx-spike": set(),
            "node-not-ready": set(),
            "cluster-cpu-usage-spike": {SUMMARY.name},
        }
        assert {row: asked_of_kubelets(CATALOGUE, [CATALOGUE.row(row)]) for row in rows} == rows

    def test_a_missing_right_is_no_trouble_of_the_cluster(self) -> None:
        no = Access(AccessStatus.FORBIDDEN, "no")
        refused = replace(STATE, access={**STATE.access, **dict.fromkeys(KUBELETS, no)})
        assert objects_status(refused).health is objects_status(STATE).health is Health.OK


def test_a_recording_holds_what_the_kubelets_told_and_replays_to_the_same(tmp_path: Path) -> None:
    file = tmp_path / "run.tocsin.gz"
    writer = RecordingWriter(file, Header(FORMAT, CONTEXT, "0", 60, 300.0, live=False))
    with rig(tmp_path, lambda seconds: 0.625 + 0.02 * seconds / 3600, writer) as made:
        lived = list(cycles(made, 3 * 3600))
    writer.close()
    replayed: list[Outcome] = []
    loaded = settings(tmp_path)
    with temporary_store() as store:
        run = ReplayRun(file, loaded, store, open_catalogue(loaded), ManualClock(0.0), "replay")
        run.run(threading.Event(), threading.Event(), replayed.append)
        run.close()
    counters = [outcome.state.counters for outcome in lived if outcome.state is not None]
    assert counters == [outcome.state.counters for outcome in replayed if outcome.state is not None]
    assert counters[-1][Node.name].containers[0].written_bytes == 3 * 3600 * 1e5
    assert [observations(outcome) for outcome in replayed] == [observations(outcome) for outcome in lived]
    assert observations(replayed[-1])
    for before, after in zip(lived, replayed, strict=True):
        assert {row: r.status for row, r in before.results.items()} == {
            row: r.status for row, r in after.results.items()
        }
