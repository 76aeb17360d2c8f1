"""The advisor over real servers: what a day of history lets it say, and what it keeps to itself."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app import past_usage
from app.advisor import Advisor
from app.clock import ManualClock
from app.opening import open_catalogue
from app.sources.kubernetes import KubernetesClient, KubernetesSource
from app.sources.kubernetes.watch import Pace
from detectors.model import Confidence, Coverage, Severity
from storage.database import Store
from tests.app import sized
from tests.app.rig import Rig, settings, wait_for
from tests.app.sized import AT, EXPECTED, HOUR, MIB, SHOP, THROTTLING, Sized
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import CONTEXT, KubernetesApi
from tests.lab.servers import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.settings.loading import LoadedSettings
    from storage.records import AdviceRecord

Said = dict[tuple[str, str], "AdviceRecord"]
BRISK = Pace(first_retry=0.01, longest_retry=0.05, poll=0.005, health=0.2, watch=60, silence=30, request=10)


@pytest.fixture(scope="module")
def server() -> Iterator[Prometheus]:
    with Prometheus(openmetrics=sized.openmetrics()) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "tocsin.db") as opened:
        yield opened


def by_name(store: Store, cluster: str) -> Said:
    return {(a.entity.name, a.signal.removeprefix("rightsizing-")): a for a in store.advice.of(cluster)}


def looked(rig: Rig) -> Said:
    """What the advisor says after one cycle."""
    outcome = rig.cycle()
    engine = rig.engine
    engine.advisor.run(outcome.state, engine.look, rig.clock.now())
    return by_name(rig.store, engine.cluster)


@pytest.mark.parametrize("objects", [False, True], ids=["metrics alone", "with objects"])
class TestPrometheus:
    pytestmark = needs_servers

    @pytest.fixture
    def rig(self, objects: bool, server: Prometheus, store: Store, tmp_path: Path) -> Iterator[Rig]:
        with KubernetesApi() as api:
            for item in sized.objects():
                api.put(item)
            config = api.kubeconfig(tmp_path / "kubeconfig") if objects else None
            loaded = settings(tmp_path, prometheus=server.url, kubeconfig=config)
            with Rig(loaded, store, float(AT), api if objects else None) as rig:
                yield rig

    def test_a_day_of_samples_gives_the_advice_and_the_silence_that_fit(self, rig: Rig, objects: bool) -> None:
        said = looked(rig)
        assert {place: record.outcome for place, record in said.items()} == EXPECTED
        roomy = said["roomy", "cpu-request-high"]
        assert (roomy.entity.kind, roomy.container, roomy.replicas) == ("Deployment", "app", 3)
        assert roomy.observed == pytest.approx(0.1, rel=0.03)
        assert roomy.suggestion == pytest.approx(0.12)
        assert roomy.saving == pytest.approx(3 * 0.88)
        assert roomy.worst_pod == SHOP[0].names()[0]
        assert (roomy.confidence, roomy.severity) == (Confidence.LOW, Severity.INFO)
        assert roomy.span == pytest.approx(26 * HOUR, abs=900)
        assert said["tight", "cpu-request-low"].severity is Severity.MEDIUM
        assert said["killed", "memory-limit-low"].suggestion >= 1.25 * 1024 * MIB
        assert "throttled in 40%" in said["squeezed", "cpu-limit-low"].reason
        assert "autoscaler" in said["scaled", "cpu-request-high"].reason.lower()
        assert math.isnan(said["nightly", "cpu-request-high"].suggestion)
        assert store_of(rig) == []

    def test_the_query_shown_gives_the_number_judged(self, rig: Rig, server: Prometheus) -> None:
        said = looked(rig)
        for place in (("roomy", "cpu-request-high"), ("tight", "memory-limit-low"), ("roomy", "memory-request-high")):
            record = said[place]
            assert rig.engine.metrics is not None
            block = rig.engine.metrics.instant(record.source.query, float(AT))
            assert record.source.convention == "cadvisor+kube-state-metrics"
            assert np.nanmax(block.values) == pytest.approx(record.observed / record.current, rel=0.03)

    def test_the_second_run_asks_for_the_last_day_only(self, rig: Rig) -> None:
        looked(rig)
        asked: list[str] = []
        metrics = rig.engine.metrics
        assert metrics is not None
        plain = metrics.range

        def counted(promql: str, grid: object) -> object:
            asked.append(promql)
            return plain(promql, grid)  # type: ignore[arg-type]

        before = rig.store.usage.days(rig.engine.cluster, "cadvisor+kube-state-metrics", "cpu")
        metrics.range = counted  # type: ignore[method-assign, assignment]
        looked(rig)
        # Days without any sample are asked for again; of those with some only the last.
        usage = [query for query in asked if "container_cpu_usage_seconds_total" in query]
        assert len(before) == 2
        assert len(usage) == 8 - len(before) + 1

    def test_the_coverage_says_who_is_judged_and_who_is_learning(self, rig: Rig) -> None:
        looked(rig)
        rig.cycle()
        coverage = {each.signal: each for each in rig.store.cycles.coverage(rig.engine.cluster)}
        row = coverage["rightsizing-cpu-request-high"]
        assert (row.status, row.live, row.learning) == (Coverage.LIVE, len(SHOP) - 1, 1)
        assert row.conventions == ("cadvisor+kube-state-metrics",)


def store_of(rig: Rig) -> list[object]:
    """Investigations and anomalies of right-sizing: there are never any."""
    signals = [a.signal for a in rig.store.anomalies.unresolved(rig.engine.cluster)]
    return [signal for signal in signals if signal.startswith("rightsizing-")]


class OwnHistory:
    """The advisor beside a played API alone, its clock moved by hand."""

    def __init__(self, loaded: LoadedSettings, store: Store, api: KubernetesApi, config: Path) -> None:
        self.api, self.store = api, store
        self.clock = ManualClock(float(AT - 40 * HOUR))
        self.source = KubernetesSource(KubernetesClient(str(config)), clock=self.clock, pace=BRISK)
        self.loaded, self.catalogue = loaded, open_catalogue(loaded)
        self.advisor = self._advisor()
        self.source.start()
        assert self.source.wait_ready(10)

    def _advisor(self) -> Advisor:
        return Advisor(CONTEXT, self.store, self.catalogue, self.loaded.settings, None)

    def watch(self, hours: float, step: int = 900, workloads: tuple[Sized, ...] = SHOP) -> None:
        """Let time pass, with new measurements at every step."""
        for _ in range(round(hours * 3600 / step)):
            now = int(self.clock.now()) + step
            self.clock.set(now)
            for each in workloads:
                for item in sized.usage(each, now):
                    self.api.put(item)
            newest = sized.stamp(now)
            wait_for(lambda newest=newest: self._told(newest), "metrics.k8s.io was not asked")
            self.advisor.observe(self.source.state(now), None, float(now))

    def _told(self, newest: str) -> bool:
        metrics = self.source.state(self.clock.now()).pod_metrics
        return bool(metrics) and all(each.timestamp == newest for each in metrics.values())

    def say(self) -> Said:
        """Restart, then look: what was seen before is in the store."""
        self.advisor.close()
        self.advisor = self._advisor()
        self.advisor.run(self.source.state(self.clock.now()), None, self.clock.now())
        return by_name(self.store, CONTEXT)


@pytest.fixture
def own(store: Store, tmp_path: Path) -> Iterator[OwnHistory]:
    with KubernetesApi() as api:
        for item in sized.objects():
            api.put(item)
        config = api.kubeconfig(tmp_path / "kubeconfig")
        history = OwnHistory(settings(tmp_path, kubeconfig=config), store, api, config)
        yield history
        history.source.close()


class TestOwnHistory:
    STEADY = tuple(each for each in SHOP if each.name != "young")

    def test_advice_comes_after_a_day_of_watching_and_not_before(self, own: OwnHistory) -> None:
        own.watch(20, workloads=self.STEADY)
        assert own.say() == {}
        run = own.store.advice.last(CONTEXT)
        assert run is not None
        row = run.coverage[0]
        assert (row.status, row.live, row.learning) == (Coverage.LEARNING, 0, len(self.STEADY))
        assert "a day of history is needed: not before" in row.detail
        own.watch(10, workloads=self.STEADY)
        said = own.say()
        expected = {place: outcome for place, outcome in EXPECTED.items() if place != THROTTLING}
        assert {place: record.outcome for place, record in said.items()} == expected
        roomy = said["roomy", "cpu-request-high"]
        assert roomy.observed == pytest.approx(0.1, rel=0.03)
        assert roomy.points == 120
        assert roomy.span == pytest.approx(30 * HOUR, abs=900)
        assert roomy.source.convention == "metrics.k8s.io"
        assert roomy.source.query.startswith("kubectl --context lab top pod --containers -n shop")

    def test_a_day_that_has_passed_is_not_announced(self, own: OwnHistory) -> None:
        own.watch(2, workloads=self.STEADY)
        own.clock.set(own.clock.now() + 30 * HOUR)
        assert own.say() == {}
        run = own.store.advice.last(CONTEXT)
        assert run is not None
        assert "not before" not in run.coverage[0].detail
        assert "nothing has been seen of it for 30 h" in run.coverage[0].detail

    def test_a_cluster_whose_metrics_are_refused_is_forbidden_and_not_fine(self, own: OwnHistory) -> None:
        own.api.forbid("pods.metrics.k8s.io")
        wait_for(lambda: not own.source.state(AT).readable("pods.metrics.k8s.io"), "metrics.k8s.io was not asked again")
        assert own.say() == {}
        run = own.store.advice.last(CONTEXT)
        assert run is not None
        assert {each.status for each in run.coverage} == {Coverage.FORBIDDEN}
        assert "metrics.k8s.io" in run.coverage[0].detail


def twice(text: str) -> str:
    """The same samples from kubelets that two jobs scrape."""
    lines = []
    for line in text.splitlines():
        lines.append(line)
        if 'job="kubelet"' in line:
            lines.append(line.replace('job="kubelet"', 'job="kubelet-again"', 1))
    return "\n".join([*lines, ""])


@needs_servers[0]
@needs_servers[1]
def test_containers_that_two_jobs_scrape_count_once(store: Store, tmp_path: Path) -> None:
    with (
        Prometheus(openmetrics=twice(sized.openmetrics())) as server,
        Rig(settings(tmp_path, prometheus=server.url), store, float(AT)) as rig,
    ):
        said = looked(rig)
    assert {place: record.outcome for place, record in said.items()} == EXPECTED
    assert said["roomy", "cpu-request-high"].observed == pytest.approx(0.1, rel=0.03)


def apart(text: str) -> str:
    """The same samples from a kube-state-metrics whose scrape does not honour its labels."""
    own = 'namespace="monitoring",pod="kube-state-metrics-0",container="kube-state-metrics",'
    lines = []
    for line in text.splitlines():
        if 'job="kube-state-metrics"' in line:
            line = re.sub(r"([{,])(namespace|pod|container)=", r"\1exported_\2=", line)
            line = line.replace('job="kube-state-metrics",', f'job="kube-state-metrics",{own}', 1)
        lines.append(line)
    return "\n".join([*lines, ""])


@pytest.mark.parametrize("objects", [False, True], ids=["metrics alone", "with objects"])
@needs_servers[0]
@needs_servers[1]
def test_labels_that_one_exporter_of_a_pair_has_under_other_names(objects: bool, store: Store, tmp_path: Path) -> None:
    with Prometheus(openmetrics=apart(sized.openmetrics())) as server, KubernetesApi() as api:
        for item in sized.objects():
            api.put(item)
        config = api.kubeconfig(tmp_path / "kubeconfig") if objects else None
        loaded = settings(tmp_path, prometheus=server.url, kubeconfig=config)
        with Rig(loaded, store, float(AT), api if objects else None) as rig:
            assert {place: record.outcome for place, record in looked(rig).items()} == EXPECTED


class TestLimits:
    pytestmark = needs_servers

    @pytest.fixture
    def rig(self, server: Prometheus, store: Store, tmp_path: Path) -> Iterator[Rig]:
        with Rig(settings(tmp_path, prometheus=server.url), store, float(AT)) as rig:
            yield rig

    def test_a_day_that_costs_too_much_is_asked_namespace_by_namespace(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(past_usage, "_QUERY_COST", 2_000)
        assert {place: record.outcome for place, record in looked(rig).items()} == EXPECTED

    def test_a_cluster_that_is_too_large_is_refused_in_words(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(past_usage, "_MOST_SERIES", 10)
        assert looked(rig) == {}
        run = rig.store.advice.last(rig.engine.cluster)
        assert run is not None
        assert {each.status for each in run.coverage} == {Coverage.QUERY_ERROR}
        assert "too many to read" in run.coverage[0].detail
        assert "recording rules" in run.coverage[0].detail

    def test_it_runs_by_itself_once_a_day(self, rig: Rig) -> None:
        advisor, cluster = rig.engine.advisor, rig.engine.cluster
        advisor.background = True

        def last() -> float:
            run = rig.store.advice.last(cluster)
            return run.at if run is not None else 0.0

        rig.cycle()
        assert last() == 0.0
        rig.cycle(AT + 90.0)
        wait_for(lambda: last() == AT + 90.0 and not advisor.doing, "the advisor did not look")
        wait_for(lambda: not advisor.busy, "the advisor did not end")
        rig.cycle(AT + 12 * HOUR)
        assert not advisor.busy
        assert last() == AT + 90.0
        assert advisor.want()
        rig.cycle(AT + 12 * HOUR + 15)
        wait_for(lambda: last() == AT + 12 * HOUR + 15, "the advisor did not look when it was asked to")

    def test_what_is_wrong_with_advice_does_not_end_the_cycles(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        advisor = rig.engine.advisor
        advisor.background = True
        with monkeypatch.context() as patch:
            patch.setattr(advisor._store.advice, "replace", lambda *_: 1 / 0)
            advisor.want()
            rig.cycle()
            wait_for(lambda: not advisor.busy, "the advisor did not end")
        assert advisor.doing == ""
        rig.cycle(AT + 1_800.0)
        assert not advisor.busy
        rig.cycle(AT + HOUR + 60.0)
        wait_for(lambda: rig.store.advice.last(rig.engine.cluster) is not None, "it was not tried again")

    def test_a_run_ends_with_the_engine_and_leaves_the_advice_before(self, rig: Rig) -> None:
        looked(rig)
        before = rig.store.advice.last(rig.engine.cluster)
        rig.engine.advisor.close()
        rig.engine.advisor.run(None, rig.engine.look, AT + 60.0)
        assert rig.store.advice.last(rig.engine.cluster) == before


@pytest.mark.parametrize(
    ("series", "step", "queries"), [(100, 300, 1), (9_500, 300, 2), (80_000, 600, 6), (250_000, 1200, 9)]
)
def test_what_containers_cost_decides_how_a_day_is_asked(series: int, step: int, queries: int) -> None:
    assert past_usage._plan(series) == (step, queries)
    assert sized.HOUR * 24 % step == 0
