"""One night on real servers: several incidents at once, each in a namespace of its own, and quiet ones beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from storage.database import Store
from tests.app.rig import Rig, settings
from tests.lab.cases import NO_STALENESS
from tests.lab.faults import Fault
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.objects import timeline
from tests.lab.openmetrics import labels_text
from tests.lab.servers import Prometheus
from tests.lab.shop import Route, Shop, Workload
from tests.lab.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from storage.records import Conclusion, EvidenceRecord, InvestigationRecord, VerificationRecord

START = 1_763_470_800
BEGIN = START + 120
"""When everything goes wrong."""
END = START + 2100
STEP, BACK = 30, 4200

MESH = {"conventions": ("istio",), "routes": (Route("/api/items"), Route("/api/orders", share=0.3)), "startup": 8.0}


def _service(space: str, name: str, caller: str = "", rate: float = 20.0, **more: Any) -> Workload:
    return Workload(space, name, 2, rate=rate, callers=(caller,) if caller else (), **MESH | more)


CLIENTS = ("orders", "carts", "users")
SHOP = Shop(
    (
        # A chain: what is called last is slow, and all before it wait for it.
        _service("chain", "gateway"),
        _service("chain", "checkout", "gateway"),
        _service("chain", "payments", "checkout"),
        # A database that fails for all of its clients, and says nothing of itself.
        *(_service("store", name) for name in CLIENTS),
        Workload("store", "postgres", 1, "StatefulSet", port=5432),
        # Two that have nothing to do with each other.
        _service("apart", "left"),
        _service("apart", "right"),
        # A release that fails, and one that does not.
        Workload("ship", "bad", 4, rate=40.0, **MESH),
        Workload("ship", "good", 4, rate=40.0, **MESH),
        Workload("ship", "rare", 2, rate=0.02, **MESH),
        _service("calm", "quiet"),
    ),
    daily=0.0,
)
FAULTS = (
    Fault("payments", "latency", "chain/payments", BEGIN, size=6.0),
    Fault("checkout", "latency", "chain/checkout", BEGIN, size=4.0),
    Fault("gateway", "latency", "chain/gateway", BEGIN, size=3.0),
    *(Fault(name, "errors", f"store/{name}", BEGIN, size=0.3) for name in CLIENTS),
    Fault("left", "errors", "apart/left", BEGIN, size=0.2),
    Fault("right", "errors", "apart/right", BEGIN, size=0.2),
    Fault("bad", "bad-release", "ship/bad", BEGIN, size=0.3, version="2.0.0"),
    Fault("good", "clean-rollout", "ship/good", BEGIN, version="2.0.0"),
    Fault("rare", "clean-rollout", "ship/rare", BEGIN, version="2.0.0"),
)
AGO = np.arange(START - BACK, END + 60, STEP)


class Night:
    """What a watch of that night stored, and what its cases were at some moments."""

    def __init__(self, folder: Path) -> None:
        simulation = Simulation(START - BACK, END + 120, FAULTS, SHOP)
        changes = timeline(simulation.history, FAULTS, START)
        path = folder / "all.om"
        simulation.backfill(path, [(START - BACK, END + 60, STEP)])
        pods = [c.manifest for c in changes if c.at <= START and c.manifest["kind"] == "Pod" and not c.deleted]
        *lines, end = path.read_text().splitlines(keepends=True)
        path.write_text("".join([*lines, *_more(pods), end]))
        self.steps: dict[int, tuple[InvestigationRecord, ...]] = {}
        with (
            Prometheus(path, flags=NO_STALENESS) as server,
            KubernetesApi() as api,
            Store.open(folder / "tocsin.db") as store,
        ):
            loaded = settings(folder, prometheus=server.url, kubeconfig=api.kubeconfig(folder / "kubeconfig"))
            with Rig(loaded, store, START, api) as rig:
                for at in range(START, END + 1, 60):
                    due, changes = [c for c in changes if c.at <= at], [c for c in changes if c.at > at]
                    for change in due:
                        (api.delete if change.deleted else api.put)(change.manifest)
                    rig.cycle(at)
                    self.steps[at] = store.investigations.page(rig.run.cluster, limit=1000)
                cluster = rig.run.cluster
            self.cases = {case.id: case for case in store.investigations.many(range(200))}
            self.conclusions: dict[int, Conclusion] = store.conclusions.many(self.cases)
            self.ledgers: dict[int, tuple[EvidenceRecord, ...]] = {n: store.evidence.of(n) for n in self.cases}
            self.verified: dict[str, VerificationRecord] = {
                record.entity.name: record for record in store.verifications.recent(cluster)
            }
            self.timelines = {n: store.timeline.of(n) for n in self.cases}

    def listed(self, namespace: str, at: int = 0) -> list[InvestigationRecord]:
        """The cases of a namespace that a list showed at a moment."""
        return [case for case in self.steps[at or max(self.steps)] if case.entity.namespace == namespace]


def _more(pods: list[dict[str, Any]]) -> Iterator[str]:
    """What the simulated shop does not tell: calls of a database, and what pods use."""
    failing = AGO > BEGIN
    named = {pod["metadata"]["name"]: pod for pod in pods}
    address = next(pod["status"]["podIP"] for name, pod in named.items() if name.startswith("postgres"))
    for client in CLIENTS:
        who = {"k8s_namespace_name": "store", "k8s_deployment_name": client, "job": f"store/{client}"}
        labels = who | {"server_address": address, "server_port": "5432", "db_system_name": "postgresql"}
        yield from _counter("db_client_operation_duration_seconds_count", labels, np.where(failing, 14.0, 20.0))
        broken = labels | {"error_type": "connection_refused"}
        yield from _counter("db_client_operation_duration_seconds_count", broken, np.where(failing, 6.0, 0.0))
    rng = np.random.default_rng(3)
    for name, pod in named.items():
        labels = {"namespace": pod["metadata"]["namespace"], "pod": name, "container": "app", "image": "x"}
        usual = 0.2 + 0.01 * rng.standard_normal(len(AGO))
        cores = np.where(failing & name.startswith("payments-"), 8 * usual, usual)
        yield from _counter("container_cpu_usage_seconds_total", labels, cores)


def _counter(metric: str, labels: dict[str, str], rate: np.ndarray) -> Iterator[str]:
    head = f"{metric}{labels_text(labels)}"
    for at, total in zip(AGO.tolist(), np.cumsum(rate * STEP).tolist(), strict=True):
        yield f"{head} {total:.9g} {at}\n"
