"""What pods' series are about where the Kubernetes API tells their owners: far ends, containers, and databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from storage.database import Store
from tests.app.rig import Rig, observations, settings
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.objects import timeline
from tests.lab.openmetrics import labels_text
from tests.lab.servers import Prometheus
from tests.lab.shop import Shop, Workload
from tests.lab.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.engine import Outcome

pytestmark = needs_servers

AT, STEP, LENGTH = 1_763_475_600, 30, 3000
AGO = np.arange(LENGTH, -STEP, -STEP)
RECENT = AGO <= 480
SHOP = Shop((Workload("prod", "checkout"), Workload("prod", "cart"), Workload("prod", "ledger", kind="StatefulSet")))
FAR_ENDS = ("api.example.com", "cart", "cart.prod.svc.cluster.local", "localhost")


def _calls(pods: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, str], np.ndarray]]:
    """Every far end fails alike; only one of them is a dependency outside the cluster. So does a database inside."""
    http, database = "http_client_request_duration_seconds_count", "db_client_operation_duration_seconds_count"
    who = {"k8s_namespace_name": "prod", "k8s_deployment_name": "checkout", "job": "prod/checkout"}
    for peer in FAR_ENDS:
        labels = who | {"server_address": peer}
        yield http, labels | {"http_response_status_code": "200"}, np.where(RECENT, 15.0, 20.0)
        yield http, labels | {"http_response_status_code": "503"}, np.where(RECENT, 5.0, 0.0)
    labels = who | {
        "server_address": pods[-1]["status"]["podIP"],
        "server_port": "5432",
        "db_system_name": "postgresql",
    }
    yield database, labels, np.full(AGO.shape, 20.0)
    yield database, labels | {"error_type": "timeout"}, np.where(RECENT, 5.0, 0.0)


def _throttling(pods: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, str], np.ndarray]]:
    """One container of each of checkout's pods is throttled; a sidecar always is, on tiny limits."""
    for pod in pods:
        name = pod["metadata"]["name"]
        for container, usual, then in (
            ("app", 0.02, 0.6 if name.startswith("checkout") else 0.02),
            ("agent", 0.5, 0.5),
        ):
            labels = {"namespace": "prod", "pod": name, "container": container}
            yield "container_cpu_cfs_periods_total", labels, np.full(AGO.shape, 10.0)
            yield "container_cpu_cfs_throttled_periods_total", labels, 10 * np.where(RECENT, then, usual)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder: Path = tmp_path_factory.mktemp("dependencies")
    simulation = Simulation(AT - 4000, AT + 60, (), SHOP)
    manifests = [c.manifest for c in timeline(simulation.history, (), AT - 4000) if c.at <= AT and not c.deleted]
    kinds = ("checkout", "cart", "ledger")
    named = {m["metadata"]["name"]: m for m in manifests if m["kind"] == "Pod"}
    pods = [named[name] for name in sorted(named, key=lambda name: (kinds.index(name.split("-")[0]), name))]
    with (folder / "all.om").open("w") as out:
        for metric, labels, rate in (*_calls(pods), *_throttling(pods)):
            totals = np.cumsum(rate * STEP).tolist()
            head = f"{metric}{labels_text(labels)}"
            out.writelines(f"{head} {total:.9g} {AT - ago}\n" for total, ago in zip(totals, AGO.tolist(), strict=True))
        out.writelines(f'up{{job="lab"}} 1 {AT - ago}\n' for ago in AGO.tolist())
        out.write("# EOF\n")
    with (
        Prometheus(folder / "all.om") as server,
        KubernetesApi() as api,
        Store.open(folder / "tocsin.db") as store,
    ):
        for manifest in manifests:
            api.put(manifest)
        loaded = settings(folder, prometheus=server.url, kubeconfig=api.kubeconfig(folder / "kubeconfig"))
        with Rig(loaded, store, AT, api) as rig:
            yield rig.cycle()


def _found(outcome: Outcome, signal: str) -> set[str]:
    return {o.entity.title for o in observations(outcome) if o.signal == signal}


def test_only_far_ends_outside_the_cluster_are_dependencies(outcome: Outcome) -> None:
    assert _found(outcome, "ext-http-5xx-spike") == {"prod/checkout > api.example.com"}
    assert outcome.results["ext-http-5xx-spike"].live == 1
    [finding] = [o for o in observations(outcome) if o.signal == "ext-http-5xx-spike"]
    assert (finding.entity.kind, finding.entity.environment) == ("Deployment", "prod")
    assert 'server_address="api.example.com"' in finding.source.query


def test_a_database_in_the_cluster_is_named_after_its_workload_and_is_no_external_dependency(outcome: Outcome) -> None:
    assert _found(outcome, "database-error-spike") == {"prod/checkout > prod/ledger"}
    assert _found(outcome, "external-error-spike") == {"prod/checkout > api.example.com"}


def test_the_container_that_is_throttled_speaks_for_its_workload(outcome: Outcome) -> None:
    assert _found(outcome, "workload-cpu-throttling") == {"prod/checkout"}
    [finding] = [o for o in observations(outcome) if o.signal == "workload-cpu-throttling"]
    assert finding.observed == pytest.approx(0.6, abs=0.05)
    assert 'container="app"' in finding.source.query
    assert outcome.results["workload-cpu-throttling"].live == 3
