"""A workload that loses its exporter or its sidecar while others keep theirs is missed; what only looks so is not."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from app.loss_findings import KIND, MOST_WORKLOADS
from app.lost_conventions import ROW
from storage.database import Store
from storage.records import AnomalyState
from tests.app.listening import listen
from tests.app.rig import Rig, observations, settings
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

    from app.engine import Outcome
    from detectors.model import Observation
    from tests.lab.objects import Change

LOOK = 600
START = 1_763_470_800
GONE = START + 3600
"""When the series of those that lose some end."""
MISSED = GONE + 900
BACK = MISSED + 2 * LOOK + 120
"""When one of them is back."""
END = BACK + LOOK + 300
LONG_GONE = MISSED + LOOK + 3600
"""When no window holds a sample of those that were lost."""


@dataclass(frozen=True)
class Play:
    """One workload, what tells of it, and of what its story is a case."""

    name: str
    conventions: tuple[str, ...] = ("istio",)
    loses: str = ""
    """The beginning of the names of the metrics that it loses."""
    rate: float = 10.0
    namespace: str = "shop"
    fault: Fault | None = None
    returns: bool = False
    case: str = "quiet"


def _at(name: str, kind: str, at: float, size: float = float("nan"), namespace: str = "shop") -> Fault:
    return Fault(f"{kind}-{name}", kind, f"{namespace}/{name}", at, size=size)


NAMED = "a" * 50 + "-13chars-long"
STORY = (
    Play("meshed"),
    Play("also-meshed"),
    Play("stripped", loses="istio_", returns=True, case="fault"),
    Play("re.leased(x)", loses="istio_", fault=_at("re.leased(x)", "clean-rollout", GONE - 60), case="fault"),
    Play(NAMED, loses="istio_", namespace="été", case="fault"),
    Play("sampled", ("spanmetrics",), loses="traces_", case="fault"),
    Play("still-sampled", ("spanmetrics",)),
    # Somebody else tells of it.
    Play("moved", ("istio", "linkerd"), loses="istio_", case="lookalike"),
    Play("linked", ("linkerd",)),
    # Nobody is there who could be told of.
    Play("scaled", loses="istio_", fault=_at("scaled", "scale-down", GONE, 0), case="lookalike"),
    Play("deleted", loses="istio_", case="lookalike"),
    Play("replaced", loses="istio_", fault=_at("replaced", "clean-rollout", MISSED - 400), case="lookalike"),
    Play("foreign", loses="istio_", namespace="elsewhere", case="lookalike"),
    Play("muted", loses="istio_", case="lookalike"),
    # Nothing comes, so collectors have nothing to tell.
    Play("rare", ("spanmetrics",), loses="traces_", rate=0.08, case="lookalike"),
    Play("rested", ("spanmetrics",), loses="traces_", fault=_at("rested", "drop", GONE - 480, 0), case="lookalike"),
)
LOST = {play.name for play in STORY if play.case == "fault"}


def _simulation(plays: tuple[Play, ...], begin: int, end: int) -> Simulation:
    workloads = tuple(
        Workload(p.namespace, p.name, 2, rate=p.rate, conventions=p.conventions, routes=(Route("/"),), startup=8.0)
        for p in plays
    )
    faults = tuple(p.fault for p in plays if p.fault is not None)
    return Simulation(begin, end + 60, faults, Shop(workloads, daily=0.0))


def _backfill(path: Path, plays: tuple[Play, ...], simulation: Simulation, begin: int, end: int) -> None:
    simulation.backfill(path, [(begin, end, 30)])
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not any(_lost(line, play) for play in plays)), "utf-8")


def _lost(line: str, play: Play) -> bool:
    sidecar = line.startswith("up{") and 'container="istio-proxy"' in line and f'pod="{play.name}-' in line
    own = line.startswith(play.loses) and f'"{play.name}"' in line
    if not play.loses or not (own or (sidecar and play.loses == "istio_")):
        return False
    return GONE <= float(line.rpartition(" ")[2]) < (BACK if play.returns else math.inf)


class Stage:
    """A server with what was backfilled, and an API whose objects follow the clock."""

    def __init__(self, folder: Path, server: Prometheus, api: KubernetesApi, changes: list[Change]) -> None:
        self.folder, self.server, self.api, self.pending = folder, server, api, changes

    def rig(self, store: Store, at: float, **more: str) -> Rig:
        loaded = settings(
            self.folder, prometheus=self.server.url, kubeconfig=self.api.kubeconfig(self.folder / "config"), **more
        )
        return Rig(loaded, store, at, self.api)

    def play(self, rig: Rig, at: float) -> Outcome:
        for change in [change for change in self.pending if change.at <= at]:
            self.pending.remove(change)
            (self.api.delete if change.deleted else self.api.put)(change.manifest)
        return rig.cycle(at)


@pytest.fixture
def stage(tmp_path: Path, server: tuple[Prometheus, Simulation]) -> Iterator[Stage]:
    prometheus, simulation = server
    with KubernetesApi() as api:
        yield Stage(tmp_path, prometheus, api, list(timeline(simulation.history, simulation.faults, START)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, Simulation]]:
    path = tmp_path_factory.mktemp("lost") / "all.om"
    simulation = _simulation(STORY, START, END)
    _backfill(path, STORY, simulation, START, END)
    with Prometheus(path, flags=NO_STALENESS) as started:
        yield started, simulation


def _missing(outcome: Outcome) -> dict[str, Observation]:
    return {o.entity.name: o for o in observations(outcome) if o.signal == ROW and o.source.convention != "own"}


def _remove(stage: Stage, namespace: str, name: str) -> None:
    for table in stage.api.store.tables.values():
        for item in [json.loads(each) for each in list(table.values())]:
            meta = item["metadata"]
            if meta.get("namespace") == namespace and meta["name"].startswith(name):
                stage.api.delete(item)


SCOPE = {"scope__exclude_namespaces": "elsewhere", "scope__exclude_services": "shop/muted"}


@needs_servers[1]
def test_they_are_missed_by_name_until_they_are_back_and_nobody_else_is(stage: Stage, tmp_path: Path) -> None:
    with Store.open(tmp_path / "tocsin.db") as store:
        with stage.rig(store, START, **SCOPE) as rig:
            for at in (GONE, GONE + 300):
                assert not _missing(stage.play(rig, at))
            _remove(stage, "shop", "deleted")
            missing = _missing(stage.play(rig, MISSED))
            assert missing.keys() == LOST
            for each in missing.values():
                assert abs(each.onset - GONE) <= 150
                assert each.entity.kind == "Deployment"
            first, *others = (fact.text for fact in missing["stripped"].facts)
            assert "istio has told nothing of Deployment shop/stripped for 1" in first
            assert "http-server-5xx-spike" in first
            assert any("goes on telling of" in text for text in others)
            source = missing["stripped"].source
            metrics = rig.run.sources.metrics
            assert metrics is not None
            assert metrics.instant(source.query, GONE - 60).values.size
            assert not metrics.instant(source.query, MISSED).values.size
        # Somebody else goes on, when the last samples have left the windows.
        with stage.rig(store, BACK - 60, **SCOPE) as rig:
            assert _missing(stage.play(rig, BACK - 60)).keys() >= LOST
            for at in range(BACK + LOOK, END, 60):
                outcome = stage.play(rig, at)
            assert "stripped" not in _missing(outcome)
            assert "sampled" in _missing(outcome)
            known = {a.entity.name: a.state for a in store.anomalies.unresolved(rig.run.cluster) if a.signal == ROW}
            assert "stripped" not in known
            assert known["sampled"] is AnomalyState.OPEN


@needs_servers[1]
def test_it_is_held_while_the_source_of_its_rows_does_not_answer(stage: Stage, tmp_path: Path) -> None:
    with Store.open(tmp_path / "tocsin.db") as store:
        rig = stage.rig(store, START, **SCOPE)
        listening = listen(rig)
        with rig:
            stage.play(rig, GONE)
            assert "stripped" in _missing(stage.play(rig, MISSED))
            listening.failing = "istio_|response_"
            assert "stripped" not in _missing(stage.play(rig, MISSED + LOOK))
            known = {a.entity.name: a.state for a in store.anomalies.unresolved(rig.run.cluster) if a.signal == ROW}
            assert known["stripped"] is AnomalyState.HELD


@needs_servers[1]
def test_without_objects_who_is_told_of_by_others_is_there(tmp_path: Path) -> None:
    plays = (
        Play("kept"),
        Play("dropped", ("istio", "client-lib"), loses="istio_"),
        Play("bare", loses="istio_"),
        Play("scaled", loses="istio_", fault=_at("scaled", "scale-down", GONE, 0)),
    )
    simulation = _simulation(plays, START, MISSED)
    _backfill(tmp_path / "all.om", plays, simulation, START, MISSED)
    with (
        Prometheus(tmp_path / "all.om", flags=NO_STALENESS) as server,
        Store.open(tmp_path / "tocsin.db") as store,
        Rig(settings(tmp_path, prometheus=server.url), store, MISSED) as rig,
    ):
        # The containers of all but one are told of by their nodes, and the requests of another by its own library.
        assert _missing(rig.cycle()).keys() == {"bare"}


@needs_servers[1]
@pytest.mark.parametrize("down", [False, True])
def test_nobody_is_missed_while_a_collector_that_they_share_is_down(tmp_path: Path, *, down: bool) -> None:
    plays = (Play("kept", ("spanmetrics",)), Play("dropped", ("spanmetrics",), loses="traces_"))
    simulation = _simulation(plays, START, MISSED)
    path = tmp_path / "all.om"
    _backfill(path, plays, simulation, START, MISSED)
    second = 'up{{job="tempo-metrics-generator",instance="second:1"}} {} {}\n'
    lines = "".join(second.format(int(not down or at < GONE), at) for at in range(START, MISSED + 1, 30))
    path.write_text(lines + path.read_text())
    with (
        Prometheus(path, flags=NO_STALENESS) as server,
        Store.open(tmp_path / "tocsin.db") as store,
        KubernetesApi() as api,
    ):
        stage = Stage(tmp_path, server, api, list(timeline(simulation.history, (), START)))
        with stage.rig(store, MISSED) as rig:
            assert _missing(stage.play(rig, MISSED)).keys() == (set() if down else {"dropped"})


@needs_servers[1]
def test_of_many_there_is_one_finding_that_names_them(tmp_path: Path) -> None:
    names = [f"svc-{number}" for number in range(MOST_WORKLOADS + 1)]
    plays = (Play("kept"), *(Play(name, loses="istio_") for name in names))
    simulation = _simulation(plays, START, LONG_GONE)
    path = tmp_path / "all.om"
    _backfill(path, plays, simulation, START, LONG_GONE)
    with (
        Prometheus(path, flags=NO_STALENESS) as server,
        Store.open(tmp_path / "tocsin.db") as store,
        KubernetesApi() as api,
    ):
        stage = Stage(tmp_path, server, api, list(timeline(simulation.history, (), START)))
        with stage.rig(store, MISSED) as rig:
            for at in (MISSED, MISSED + LOOK):
                (found,) = _missing(stage.play(rig, at)).values()
                assert (found.entity.kind, found.entity.name) == (KIND, "istio")
                text = " ".join(fact.text for fact in found.facts)
                assert all(f"shop/{name} " in text for name in names)
            assert len(store.investigations.open(rig.run.cluster)) == 1
            before = {fact.text.partition(" for ")[0] for fact in found.facts}
        # Somebody else goes on, when the last samples have left the windows.
        with stage.rig(store, LONG_GONE) as rig:
            (found,) = _missing(stage.play(rig, LONG_GONE)).values()
            assert (found.entity.kind, found.entity.name) == (KIND, "istio")
            assert {fact.text.partition(" for ")[0] for fact in found.facts} == before
            assert found.observed >= 5
            known = store.anomalies.unresolved(rig.run.cluster)
            assert [a.state for a in known if a.signal == ROW and a.entity.kind == KIND] == [AnomalyState.OPEN]
