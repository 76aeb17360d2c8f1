"""What objects tell is asked of metrics too, once it has lasted: about its namespace, and never in a calm cycle."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app import asking_once
from app.second_look import SETTLED_SECONDS, SecondLook
from app.settings.schema import BudgetSettings
from storage.database import Store
from storage.records import Stance
from tests.app.listening import listen
from tests.app.rig import Rig, found, settings
from tests.lab.cases import NO_STALENESS
from tests.lab.faults import Fault
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.objects import timeline
from tests.lab.servers import Prometheus
from tests.lab.shop import Route, Shop, Workload
from tests.lab.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.engine import Engine, Outcome
    from storage.records import EvidenceRecord

START = 1_763_470_800
BEGIN = START + 120
END = START + 900
ROW, METRICS, OTHER = "pod-crashloopbackoff", "kube-state-metrics", "otel-k8s-cluster"
TOLD, UNTOLD = "cart", "search"
"""The second one's containers are not in the metrics."""
FAILING, ERRORS = "gate", "http-server-5xx-spike"
"""A row that metrics answer, thinned; its series have another label for the namespace."""
SHOP = Shop(
    (
        Workload("shop", TOLD),
        Workload("shop", UNTOLD),
        Workload("shop", "calm"),
        Workload("shop", FAILING, 2, rate=20.0, conventions=("istio",), routes=(Route("/api/items"),), startup=8.0),
        Workload("back", "quiet", 2, rate=5.0, conventions=("istio",), routes=(Route("/api/items"),), startup=8.0),
    ),
    daily=0.0,
)
FEW = BudgetSettings(part_series=500, most_series=500)
"""Less than the requests of all workloads, and enough for everything else."""
COPIES = 90
NARROWED = re.compile(r'\b(k8s_namespace_name|namespace)="shop"')
PRESENT = re.compile(r"count\(\w+(\{[^}]*\})?\)")
"""Whether an exporter is there at all."""
_REASON = re.compile(r"kube_pod_container_(?:status_waiting_reason|info)\{(.*)\} (\S+) (\S+)\n")
_RENAMED = {"namespace": "k8s_namespace_name", "pod": "k8s_pod_name", "container": "k8s_container_name"}
_RENAMED |= {"reason": "k8s_container_status_reason"}

Asked = dict[int, set[str]]
"""What was asked by each cycle and what follows it."""


def _kept(line: str) -> bool:
    return not (line.startswith("kube_pod_container") and f'pod="{UNTOLD}-' in line)


def _copied(line: str) -> Iterator[str]:
    """The requests of one workload are those of many."""
    yield line
    if line.startswith("istio_requests_total") and '"quiet"' in line:
        yield from (line.replace('"quiet"', f'"quiet-{number}"') for number in range(COPIES))


def _by_other_names(lines: list[str]) -> Iterator[str]:
    """The same as the OpenTelemetry collector tells it: of every container, and of those that wait, why."""
    yield "# TYPE k8s_container_status_reason gauge\n"
    for match in filter(None, map(_REASON.fullmatch, lines)):
        pairs = {"reason": "Completed"} | dict(re.findall(r'(\w+)="([^"]*)"', match[1]))
        labels = ",".join(f'{name}="{pairs[old]}"' for old, name in _RENAMED.items())
        yield f"k8s_container_status_reason{{{labels}}} {int(pairs['reason'] != 'Completed')} {match[3]}\n"


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    faults = [Fault(name, "crash-loop", f"shop/{name}", BEGIN) for name in (TOLD, UNTOLD)]
    faults.append(Fault(FAILING, "errors", f"shop/{FAILING}", BEGIN, size=0.3))
    return Simulation(START - 3600, END + 120, faults, SHOP)


@pytest.fixture(scope="module")
def prometheus(simulation: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    path = tmp_path_factory.mktemp("samples") / "all.om"
    simulation.backfill(path, [(START - 3600, END + 60, 30)])
    *lines, end = [line for line in path.read_text().splitlines(keepends=True) if _kept(line)]
    lines = [copy for line in lines for copy in _copied(line)]
    path.write_text("".join([*lines, *_by_other_names(lines), end]))
    with Prometheus(path, flags=NO_STALENESS) as started:
        yield started


class Night:
    """The cycles of one night: what they asked, found and wrote.

    Args:
        ahead: by how many seconds the cluster's clock is ahead of this machine's.
        failing: what the server does not answer.
    """

    def __init__(
        self, simulation: Simulation, prometheus: Prometheus, folder: Path, *, ahead: float = 0.0, failing: str = ""
    ) -> None:
        self.asked: Asked = {}
        self.opened: dict[str, int] = {}
        self.outcomes: list[Outcome] = []
        changes = timeline(simulation.history, simulation.faults, simulation.start)
        with KubernetesApi() as api, Store.open(folder / "tocsin.db") as store:
            config = api.kubeconfig(folder / "kubeconfig")
            loaded = settings(folder, prometheus=prometheus.url, kubeconfig=config)
            rig = Rig(loaded, store, START, api, investigating=False)
            listening = listen(rig)
            with rig:
                assert rig.engine.look is not None
                rig.engine.look.budget._limits = FEW
                _set_ahead(rig.engine, ahead)
                for at in range(START, END + 1, 60):
                    due, changes = [c for c in changes if c.at <= at], [c for c in changes if c.at > at]
                    for change in due:
                        (api.delete if change.deleted else api.put)(change.manifest)
                    listening.failing = failing
                    outcome = rig.cycle(at)
                    self.outcomes.append(outcome)
                    self.asked[at] = listening.taken()
                    self.opened |= {
                        name: at for row, name in found(outcome) if row in (ROW, ERRORS) and name not in self.opened
                    }
                self.thinned = [r for r in store.cycles.coverage(rig.run.cluster) if r.signal == ERRORS and r.thinned]
                self.lines = {
                    case.entity.name: _compared(store.evidence.of(case.id), ROW, store)
                    for case in store.investigations.open(rig.run.cluster)
                }
                self.cached = {
                    promql for promql, _ in dict(rig.engine.look.measurer._answers._windows._windows.items())
                }

    @property
    def settled(self) -> int:
        """When the first finding has lasted long enough."""
        return min(at for name, at in self.opened.items() if name in (TOLD, UNTOLD)) + int(SETTLED_SECONDS)

    @property
    def usual(self) -> set[str]:
        """What every cycle asks: all that was asked until something had lasted."""
        return {promql for at, each in self.asked.items() if at < self.settled for promql in each}

    @property
    def extra(self) -> Asked:
        """What was asked beyond that."""
        return {at: each - self.usual for at, each in self.asked.items() if each - self.usual}


def _set_ahead(engine: Engine, seconds: float) -> None:
    surroundings = engine._surroundings
    engine._surroundings = lambda now, state: replace(surroundings(now, state), now=now + seconds)  # type: ignore[method-assign]


def _compared(lines: tuple[EvidenceRecord, ...], row: str, store: Store) -> list[EvidenceRecord]:
    """What was compared about the anomalies of one row."""
    return [
        line
        for line in lines
        if line.step == "compare"
        for anomaly in store.anomalies.of(line.investigation)
        if anomaly.id == line.anomaly and anomaly.signal == row
    ]


@pytest.mark.parametrize("ahead", [0.0, 300.0], ids=["clocks agree", "the cluster's is ahead"])
@needs_servers[1]
def test_metrics_say_what_they_see_of_what_objects_tell(
    simulation: Simulation, prometheus: Prometheus, tmp_path: Path, ahead: float
) -> None:
    night = Night(simulation, prometheus, tmp_path, ahead=ahead)
    assert night.opened.keys() == {TOLD, UNTOLD, FAILING}
    assert night.thinned
    told = {line.convention: line for line in night.lines[TOLD]}
    for convention in (METRICS, OTHER):
        assert told[convention].stance is Stance.SUPPORTS
        assert told[convention].text.startswith(f"{convention} agrees: CrashLoopBackOff: ")
        assert NARROWED.search(told[convention].source)
    assert {line.convention: line.stance for line in night.lines[UNTOLD]}[METRICS] is Stance.SILENT
    assert "calm" not in night.lines
    # Nothing but that is asked beyond what every cycle asks: not of the cluster as a whole, and not what was thinned.
    assert min(night.extra) == night.settled
    for promql in set[str]().union(*night.extra.values()):
        assert NARROWED.search(promql) or PRESENT.fullmatch(promql), promql
    assert any("k8s_namespace_name" in promql for promql in night.extra[night.settled])
    # Once, and past the windows of the cycles.
    assert END not in night.extra
    assert not any(NARROWED.search(promql) for promql in night.cached)


@needs_servers[1]
def test_a_server_that_does_not_answer_is_told_as_such(
    simulation: Simulation, prometheus: Prometheus, tmp_path: Path
) -> None:
    night = Night(simulation, prometheus, tmp_path, failing=rf"^(?!count).*{NARROWED.pattern}")
    assert {line.stance for line in night.lines[TOLD]} == {Stance.UNKNOWN}
    assert len(night.extra) == 1


@needs_servers[1]
def test_nothing_is_asked_when_there_is_no_time_for_it(
    simulation: Simulation, prometheus: Prometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking_once, "PATIENCE_SECONDS", -1.0)
    night = Night(simulation, prometheus, tmp_path)
    assert not night.extra
    assert {line.stance for line in night.lines[TOLD]} == {Stance.UNKNOWN}


@needs_servers[1]
def test_what_goes_wrong_with_it_ends_no_cycle_and_is_not_tried_again(
    simulation: Simulation, prometheus: Prometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def odd(self: SecondLook, *_: object) -> None:
        tried.append(len(self._due))
        raise ValueError("an odd series")

    monkeypatch.setattr(SecondLook, "ask", odd)
    night = Night(simulation, prometheus, tmp_path)
    assert night.opened.keys() == {TOLD, UNTOLD, FAILING}
    assert not night.lines[TOLD]
    assert 0 < sum(tried) <= 8 and tried[-1] == 0
