"""The life of findings over half an hour of the lab's shop: opened, grouped, held, continued, closed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from app.coverage import partly
from app.session import owner_name
from app.snapshot import Health
from app.sources.base import Trouble
from detectors.cluster import AccessStatus
from detectors.model import Coverage, Severity
from detectors.series import Band
from storage.database import Store
from storage.errors import StoreError
from storage.records import AnomalyState, Lifecycle
from tests.app.gate import Gate
from tests.app.rig import Rig, found, observations, settings, wait_for
from tests.lab.demo import World
from tests.lab.faults import Fault
from tests.lab.feed import Feed
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import CONTEXT, KubernetesApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.engine import Outcome

pytestmark = needs_servers

START = 1_763_470_800
ERRORS, CRASH = START + 300, START + 240
OVER = START + 900
END = START + 1800
FAULTS = (
    Fault("checkout-errors", "errors", "prod/checkout", ERRORS, OVER - ERRORS, 0.3),
    Fault("cart-crash", "crash-loop", "prod/cart", CRASH, OVER - CRASH),
    Fault("catalog-rollout", "clean-rollout", "prod/catalog", START + 60, 180),
)
SPIKE = ("http-server-5xx-spike", "checkout")
CRASHING = ("pod-crashloopbackoff", "cart")
LIT = ERRORS + 300
"""Both faults have been found by then."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(FAULTS, START, END, days=0) as started:
        yield started


class Stage:
    """An API of its own for each test, and doors before both servers."""

    def __init__(self, world: World, folder: Path) -> None:
        self.folder = folder
        self.api = KubernetesApi()
        self._feed = Feed(self.api, world.simulation, START)
        self.metrics, self.objects = Gate(world.prometheus_url), Gate(self.api.url)
        self.store = Store.open(folder / "tocsin.db")

    def __enter__(self) -> Stage:
        self.api.start()
        self.metrics.__enter__()
        self.objects.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()
        self.metrics.shut()
        self.objects.shut()
        self.api.stop()

    @contextmanager
    def rig(
        self,
        at: float = START,
        *,
        prometheus: bool = True,
        kubernetes: bool = True,
        owner: str = "",
        store: Store | None = None,
        **more: str,
    ) -> Iterator[Rig]:
        self._feed.advance(at)
        config = self.api.kubeconfig(self.folder / "kubeconfig")
        config.write_text(config.read_text().replace(self.api.url, self.objects.url))
        loaded = settings(
            self.folder,
            prometheus=self.metrics.url if prometheus else "",
            kubeconfig=config if kubernetes else None,
            **more,
        )
        api = self.api if kubernetes else None
        with Rig(loaded, store or self.store, at, api, owner=owner) as rig:
            yield rig

    def play(self, rig: Rig, until: float, step: int = 60) -> list[Outcome]:
        """Cycles from where the clock stands, up to and with `until`."""
        outcomes = []
        first = int(rig.clock.now()) + (step if rig.played else 0)
        rig.played = True
        for at in range(first, int(until) + 1, step):
            self._feed.advance(at)
            outcomes.append(rig.cycle(at))
        return outcomes

    def annotate(self, plural: str, key: tuple[str, str], annotations: dict[str, str]) -> None:
        item: dict[str, Any] = json.loads(self.api.store.tables[plural][key])
        item["metadata"]["annotations"] = {**item["metadata"].get("annotations", {}), **annotations}
        self.api.put(item)

    def states(self) -> dict[tuple[str, str], AnomalyState]:
        """What the store says is not over."""
        return {(a.signal, a.entity.name): a.state for a in self.store.anomalies.unresolved(CONTEXT)}


@pytest.fixture
def stage(world: World, tmp_path: Path) -> Iterator[Stage]:
    with Stage(world, tmp_path) as set_up:
        yield set_up


def test_findings_open_are_grouped_and_close(stage: Stage) -> None:
    with stage.rig() as rig:
        outcomes = stage.play(rig, OVER + 600)
    ever = {pair for outcome in outcomes for pair in found(outcome)}
    assert {SPIKE, CRASHING} <= ever
    assert not {pair for pair in ever if pair[1] == "catalog"}
    first = next(outcome.at for outcome in outcomes if SPIKE in found(outcome))
    assert ERRORS < first <= ERRORS + 300
    last = max(outcome.at for outcome in outcomes if SPIKE in found(outcome))
    assert OVER <= last <= OVER + 420
    cases = {case.entity.name: case for case in stage.store.investigations.page(limit=20)}
    assert cases["cart"].signals[0] == CRASHING[0]
    assert "pod-restart-spike" in cases["cart"].signals
    assert set(cases["checkout"].signals) == {SPIKE[0], "server-error-spike"}
    assert {case.lifecycle for case in cases.values()} == {Lifecycle.RECOVERED}
    assert not stage.states()


def test_a_finding_says_what_was_seen_expected_since_when_and_how_to_ask_again(stage: Stage) -> None:
    with stage.rig(ERRORS) as rig:
        outcome = stage.play(rig, LIT)[-1]
        [observation] = [o for o in observations(outcome) if (o.signal, o.entity.name) == SPIKE]
        [record] = [a for a in stage.store.anomalies.unresolved(CONTEXT) if a.signal == SPIKE[0]]
        assert 0.2 < record.observed < 0.4
        assert record.high < 0.05
        assert abs(record.onset - ERRORS) <= 120
        assert record.score >= 1
        assert record.severity is Severity.CRITICAL
        assert record.entity.environment == "production"
        band = Band.from_bytes(stage.store.anomalies.worst_of([record.investigation])[record.investigation].band)
        assert band.times[-1] >= LIT - 120
        asked = rig.run.sources.metrics.instant(observation.source.query, LIT)
        assert asked.values[0, -1] == pytest.approx(record.observed, abs=0.1)
        lines = stage.store.evidence.of(record.investigation)
        assert observation.source.query in {line.source for line in lines}


def test_coverage_has_a_line_for_every_row_of_the_catalogue(stage: Stage) -> None:
    with stage.rig() as rig:
        rig.cycle()
        records = {record.signal: record for record in stage.store.cycles.coverage(CONTEXT)}
        assert records.keys() == {row.id for row in rig.engine.catalogue.rows}
    assert records[SPIKE[0]].status is Coverage.LIVE
    assert records[CRASHING[0]].conventions == ("kubernetes-api",)
    planned = {row.id for row in rig.engine.catalogue.rows if row.planned}
    assert {signal for signal, record in records.items() if record.status is Coverage.PLANNED} == planned


def test_while_prometheus_is_down_its_findings_are_held_and_the_rest_goes_on(stage: Stage) -> None:
    with stage.rig(CRASH - 60) as rig:
        stage.play(rig, LIT)
        assert stage.states()[SPIKE] is AnomalyState.OPEN
        stage.metrics.shut()
        dark = stage.play(rig, OVER + 300)
        assert all(outcome.metrics is not None and outcome.metrics.trouble is Trouble.UNREACHABLE for outcome in dark)
        assert stage.states()[SPIKE] is AnomalyState.HELD
        assert any(CRASHING in found(outcome) for outcome in dark)
        [status] = [s for s in rig.run.statuses(dark[-1]) if s.name == "prometheus"]
        assert status.health is Health.DOWN
        assert status.hint
        assert status.since == dark[0].at
        assert dark[-1].results[SPIKE[0]].status is Coverage.QUERY_ERROR
        held = [case for case in stage.store.investigations.open(CONTEXT) if case.entity.name == "checkout"]
        assert [case.held for case in held] == [True]
        stage.metrics.open()
        light = stage.play(rig, END - 300)
    assert light[0].metrics is None
    assert SPIKE not in stage.states()


def test_a_server_that_is_down_from_the_start_is_an_error_and_not_healthy(stage: Stage) -> None:
    stage.metrics.shut()
    with stage.rig() as rig:
        outcome = rig.cycle()
        assert outcome.metrics is not None
        assert outcome.results[SPIKE[0]].status is Coverage.QUERY_ERROR
        assert outcome.results["node-not-ready"].status is Coverage.LIVE
        assert not any(e.status is Coverage.LEARNING for e in stage.store.cycles.coverage(rig.run.cluster))
        [status] = [s for s in rig.run.statuses(outcome) if s.name == "prometheus"]
        assert (status.answered, status.since) == (False, START)
        rig.cycle(START + 30)
        assert rig.run.statuses(outcome)[0].since == START
        stage.metrics.open()
        assert rig.cycle(START + 60).results[SPIKE[0]].status is Coverage.LIVE


def test_while_the_kubernetes_api_is_down_its_findings_are_held(stage: Stage) -> None:
    with stage.rig(CRASH - 60, prometheus=False) as rig:
        stage.play(rig, LIT)
        assert stage.states()[CRASHING] is AnomalyState.OPEN
        stage.objects.shut()
        wait_for(lambda: _access(rig, "pods") is AccessStatus.ERROR, "the watch of pods to fail")
        outcome = rig.engine.cycle()
        assert stage.states()[CRASHING] is AnomalyState.HELD
        assert not outcome.results[CRASHING[0]].observations
        [status] = [s for s in rig.run.statuses(outcome) if s.name == "kubernetes"]
        assert status.health in (Health.DOWN, Health.DEGRADED)
        stage.objects.open()
        wait_for(lambda: _access(rig, "pods") is AccessStatus.LISTED, "the watch of pods to be back")
        stage.play(rig, LIT + 60)
        assert stage.states()[CRASHING] is AnomalyState.OPEN


def _access(rig: Rig, resource: str) -> AccessStatus:
    return rig.cache.state(rig.clock.now()).access[resource].status


def test_what_may_not_be_read_is_forbidden_and_everything_else_goes_on(stage: Stage) -> None:
    stage.api.forbid("pods")
    with stage.rig(LIT, prometheus=False) as rig:
        outcome = rig.cycle()
        result = outcome.results[CRASHING[0]]
        assert result.status is Coverage.FORBIDDEN
        assert "pods" in result.detail
        assert outcome.results["node-not-ready"].status is Coverage.LIVE
        [status] = [s for s in rig.run.statuses(outcome) if s.name == "kubernetes"]
        assert status.health is Health.DEGRADED
        assert "pods" in status.detail
        assert "clusterrole" in status.hint


def test_metrics_answer_for_objects_that_may_not_be_read(stage: Stage) -> None:
    stage.api.forbid("pods")
    with stage.rig(CRASH) as rig:
        outcome = stage.play(rig, LIT)[-1]
    assert outcome.results[CRASHING[0]].conventions == ("kube-state-metrics",)
    assert CRASHING in found(outcome)
    told = {record.signal: record for record in stage.store.cycles.coverage(rig.run.cluster)}
    assert partly(told[CRASHING[0]])
    assert "needs list and watch on pods" in told[CRASHING[0]].detail
    # Nothing waits for an image: kube-state-metrics says so, but no object was looked at.
    assert partly(told["pod-imagepullbackoff"])
    assert not partly(told["node-not-ready"])
    assert not partly(told[SPIKE[0]])


def test_a_workload_can_be_left_alone_by_annotation(stage: Stage) -> None:
    stage.annotate("deployments", ("prod", "checkout"), {"metoro.io/anomaly-detection-disabled": "true"})
    with stage.rig(CRASH) as rig:
        last = stage.play(rig, LIT)[-1]
    assert SPIKE not in found(last)
    assert CRASHING in found(last)


def test_a_namespace_can_be_left_alone_and_a_workload_in_it_not(stage: Stage) -> None:
    stage.annotate("namespaces", ("", "prod"), {"tocsin.io/anomaly-detection-disabled": "true"})
    stage.annotate("deployments", ("prod", "checkout"), {"tocsin.io/anomaly-detection-disabled": "false"})
    with stage.rig(CRASH) as rig:
        last = stage.play(rig, LIT)[-1]
    assert SPIKE in found(last)
    assert CRASHING not in found(last)


@pytest.mark.parametrize(("minutes", "still"), [("1", False), ("10", True)])
def test_how_far_back_is_judged_can_be_annotated(stage: Stage, minutes: str, still: bool) -> None:
    name = "tocsin.io/anomaly-detection-evaluation-minutes"
    stage.annotate("deployments", ("prod", "checkout"), {name: minutes})
    with stage.rig(OVER + 240) as rig:
        assert (SPIKE in found(rig.cycle())) is still


@pytest.mark.parametrize("prometheus", [True, False])
def test_an_annotation_that_cannot_be_used_is_named(stage: Stage, prometheus: bool) -> None:
    stage.annotate("statefulsets", ("data", "redis"), {"tocsin.io/anomaly-detection-baseline-minutes": "99"})
    with stage.rig(prometheus=prometheus) as rig:
        [warning] = rig.cycle().warnings
    assert "StatefulSet data/redis" in warning
    assert "'99'" in warning
    assert "5 to 30" in warning


@pytest.mark.parametrize(
    ("scope", "value", "checkout"),
    [
        ("namespaces", "staging", False),
        ("exclude_namespaces", "pr*", False),
        ("services", "cart", False),
        ("environments", "staging", False),
        ("environments", "production", True),
        ("services", "check*", True),
    ],
)
def test_scope(stage: Stage, scope: str, value: str, checkout: bool) -> None:
    with stage.rig(LIT, **{f"scope__{scope}": value}) as rig:
        assert (SPIKE in found(rig.cycle())) is checkout


def test_a_new_engine_continues_the_same_findings(stage: Stage) -> None:
    with stage.rig(CRASH) as rig:
        stage.play(rig, LIT)
    before = {(a.signal, a.entity.name): a.id for a in stage.store.anomalies.unresolved(CONTEXT)}
    with stage.rig(LIT + 60) as rig:
        outcome = stage.play(rig, LIT + 60)[0]
        after = {(a.signal, a.entity.name): a.id for a in stage.store.anomalies.unresolved(CONTEXT)}
        assert after[SPIKE] == before[SPIKE]
        assert after[CRASHING] == before[CRASHING]
        assert outcome.changes is not None
        assert not {a.signal for a in outcome.changes.opened} & {SPIKE[0], CRASHING[0]}
        stage.play(rig, OVER + 720, 120)
    assert not stage.states()


def test_of_two_engines_on_one_store_the_second_follows_and_takes_over(stage: Stage) -> None:
    with stage.rig(LIT, owner=owner_name()) as first:
        first.cycle()
        known = stage.store.anomalies.unresolved(CONTEXT)
        with Store.open(stage.folder / "tocsin.db") as store, stage.rig(LIT, owner=owner_name(), store=store) as second:
            outcome = second.cycle(LIT + 30)
            assert outcome.changes is None
            assert "another Tocsin" in " ".join(outcome.warnings)
            assert store.anomalies.unresolved(CONTEXT) == known
            first.engine.close()
            taken = second.cycle(LIT + 60)
            assert taken.changes is not None
            assert {a.id for a in taken.changes.updated} >= {a.id for a in known if a.signal == SPIKE[0]}


def test_a_cycle_that_cannot_be_stored_leaves_nothing_half_written_and_the_next_one_goes_on(stage: Stage) -> None:
    with stage.rig(LIT) as rig, sqlite3.connect(stage.folder / "tocsin.db") as other:
        other.execute("CREATE TRIGGER fail BEFORE INSERT ON cycle BEGIN SELECT RAISE(ABORT, 'no room'); END")
        other.commit()
        with pytest.raises(StoreError, match="no room"):
            rig.cycle()
        assert not stage.store.anomalies.unresolved(CONTEXT)
        assert not stage.store.investigations.page(limit=5)
        assert stage.store.cycles.last(CONTEXT) is None
        other.execute("DROP TRIGGER fail")
        other.commit()
        outcome = rig.cycle(LIT + 15)
        assert outcome.changes is not None
        assert SPIKE in {(a.signal, a.entity.name) for a in outcome.changes.opened}
        [record] = [a for a in stage.store.anomalies.unresolved(CONTEXT) if a.signal == SPIKE[0]]
        assert stage.store.investigations.get(record.investigation) is not None
        assert stage.store.evidence.of(record.investigation)


def test_a_workload_is_one_thing_also_where_only_metrics_name_it(stage: Stage) -> None:
    with stage.rig(LIT, kubernetes=False) as rig:
        rig.cycle()
        named = [
            (a.signal, a.entity.namespace, a.entity.name) for a in stage.store.anomalies.unresolved(rig.run.cluster)
        ]
        assert (SPIKE[0], "prod", SPIKE[1]) in named
        assert len(named) == len(set(named)), "told by several conventions, one of which does not know its kind"
