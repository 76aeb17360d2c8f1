"""What objects tell is asked of metrics too, once it has lasted: about its namespace, and never in a calm cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.second_look import SETTLED_SECONDS
from storage.database import Store
from storage.records import Stance
from tests.app.rig import Rig, found, settings
from tests.lab.cases import NO_STALENESS
from tests.lab.faults import Fault
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.objects import timeline
from tests.lab.servers import Prometheus
from tests.lab.shop import Shop, Workload
from tests.lab.simulation import Simulation

if TYPE_CHECKING:
    from pathlib import Path

    from storage.records import EvidenceRecord

pytestmark = needs_servers

START = 1_763_470_800
BEGIN = START + 120
END = START + 900
ROW, METRICS = "pod-crashloopbackoff", "kube-state-metrics"
TOLD, UNTOLD = "cart", "search"
"""The second one's containers are not in the metrics."""
SHOP = Shop((Workload("shop", TOLD), Workload("shop", UNTOLD), Workload("shop", "calm")))


def _kept(line: str) -> bool:
    return not (line.startswith("kube_pod_container") and f'pod="{UNTOLD}-' in line)


def _samples(path: Path) -> Simulation:
    faults = [Fault(name, "crash-loop", f"shop/{name}", BEGIN) for name in (TOLD, UNTOLD)]
    simulation = Simulation(START - 3600, END + 120, faults, SHOP)
    simulation.backfill(path, [(START - 3600, END + 60, 30)])
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if _kept(line)))
    return simulation


def test_metrics_say_what_they_see_of_what_objects_tell(tmp_path: Path) -> None:
    simulation = _samples(tmp_path / "all.om")
    changes = timeline(simulation.history, simulation.faults, simulation.start)
    narrowed: dict[int, list[str]] = {}
    opened: dict[str, float] = {}
    with (
        Prometheus(tmp_path / "all.om", flags=NO_STALENESS) as prometheus,
        KubernetesApi() as api,
        Store.open(tmp_path / "tocsin.db") as store,
    ):
        config = api.kubeconfig(tmp_path / "kubeconfig")
        with Rig(settings(tmp_path, prometheus=prometheus.url, kubeconfig=config), store, START, api) as rig:
            for at in range(START, END + 1, 60):
                due, changes = [c for c in changes if c.at <= at], [c for c in changes if c.at > at]
                for change in due:
                    (api.delete if change.deleted else api.put)(change.manifest)
                outcome = rig.cycle(at)
                look = rig.engine.look
                assert look is not None
                asked = (question.promql for question in look.measurer._asked)
                narrowed[at] = [promql for promql in asked if 'namespace="shop"' in promql]
                opened |= {name: at for row, name in found(outcome) if row == ROW and name not in opened}
            lines = {
                case.entity.name: _compared(store.evidence.of(case.id), ROW, store)
                for case in store.investigations.open(rig.run.cluster)
            }
    assert opened.keys() == {TOLD, UNTOLD}
    told = {line.convention: line for line in lines[TOLD]}
    assert told[METRICS].stance is Stance.SUPPORTS
    assert told[METRICS].text.startswith(f"{METRICS} agrees: CrashLoopBackOff: ")
    assert 'namespace="shop"' in told[METRICS].source
    assert [line.stance for line in lines[UNTOLD] if line.convention == METRICS] == [Stance.SILENT]
    assert "calm" not in lines
    first = min(opened.values())
    assert not any(questions for at, questions in narrowed.items() if at < first + SETTLED_SECONDS)
    assert any(narrowed.values())
    assert not narrowed[END]


def _compared(lines: tuple[EvidenceRecord, ...], row: str, store: Store) -> list[EvidenceRecord]:
    """What was compared about the anomalies of one row."""
    return [
        line
        for line in lines
        if line.step == "compare"
        for anomaly in store.anomalies.of(line.investigation)
        if anomaly.id == line.anomaly and anomaly.signal == row
    ]
