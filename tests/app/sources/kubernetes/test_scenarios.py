"""Every recorded incident, loaded through the API: owners and states are those that its truth names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.sources.kubernetes import KubernetesClient, KubernetesSource
from tests.app.sources.kubernetes.conftest import BRISK, NOW, until
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.kubernetes_store import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detectors.cluster import ClusterState

FIXTURES = Path(__file__).parents[3] / "fixtures" / "kubernetes"
SCENARIOS = sorted(file.parent.name for file in FIXTURES.glob("*/truth.json"))
STATES: dict[str, ClusterState] = {}


def loaded(name: str, tmp_path: Path) -> ClusterState:
    """The state of a scenario, read through the API once."""
    if name not in STATES:
        with KubernetesApi() as api:
            api.load(FIXTURES / name)
            source = KubernetesSource(KubernetesClient(str(api.kubeconfig(tmp_path / "k"))), pace=BRISK)
            source.start()
            assert source.wait_ready(10)
            STATES[name] = source.state(NOW)
            source.close()
    return STATES[name]


def issues() -> Iterator[Any]:
    for name in SCENARIOS:
        for issue in read_json(FIXTURES / name / "truth.json")["issues"]:
            yield pytest.param(name, issue, id=f"{name}-{issue['entity']['name']}")


def test_all_scenarios_are_here():
    assert len(SCENARIOS) == 14
    assert len(list(issues())) == 14


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_object_of_every_list_is_read(name, tmp_path):
    state = loaded(name, tmp_path)
    tables = {
        "pods": state.pods, "nodes": state.nodes, "namespaces": state.namespaces, "services": state.services,
        "events": state.events, "endpointslices": state.endpoint_slices, "persistentvolumeclaims": state.claims,
        "horizontalpodautoscalers": state.autoscalers, "resourcequotas": state.quotas,
        "pods.metrics.k8s.io": state.pod_metrics, "nodes.metrics.k8s.io": state.node_metrics,
    }  # fmt: skip
    for resource, table in tables.items():
        file = next((FIXTURES / name).glob(f"{resource}.json*"))
        assert len(table) == len(read_json(file)["items"]), resource
    assert all(access.readable for resource, access in state.access.items() if resource != "rollouts")


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_pod_is_left_under_a_passing_owner(name, tmp_path):
    state = loaded(name, tmp_path)
    for pod in state.pods.values():
        owner = state.owner(pod)
        assert owner.kind in ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"), pod.name
        assert owner.key in state.workloads
        assert pod in state.workload_pods(*owner.key)


@pytest.mark.parametrize(("name", "issue"), issues())
def test_the_pods_at_fault_belong_to_the_entity_of_the_truth(name, issue, tmp_path):
    state = loaded(name, tmp_path)
    entity = issue["entity"]
    for each in issue.get("pods", ()):
        namespace, _, pod_name = each.partition("/")
        pod = state.pod_named(namespace, pod_name)
        assert pod is not None, each
        if entity["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"):
            assert state.owner(pod).key == (entity["kind"], entity["namespace"], entity["name"])
        elif entity["kind"] == "Node":
            assert pod.spec.node_name == entity["name"]


@pytest.mark.parametrize(("name", "issue"), issues())
def test_the_entity_of_the_truth_is_in_the_state(name, issue, tmp_path):
    state, entity = loaded(name, tmp_path), issue["entity"]
    key = (entity.get("namespace", ""), entity["name"])
    places: dict[str, Any] = {
        "Node": lambda: state.nodes[entity["name"]],
        "PersistentVolumeClaim": lambda: state.claims[key],
        "HorizontalPodAutoscaler": lambda: state.autoscalers[key],
    }
    assert places.get(entity["kind"], lambda: state.workloads[entity["kind"], *key])() is not None


def test_services_lead_to_their_deployments(tmp_path):
    state = loaded("readiness-failing-cart", tmp_path)
    assert [owner.key for owner in state.service_workloads("prod", "cart-api")] == [("Deployment", "prod", "cart-api")]


def test_only_the_newest_revision_fails_in_the_stuck_rollout(tmp_path):
    state = loaded("rollout-stuck-checkout", tmp_path)
    newest = state.revisions("Deployment", "prod", "checkout-api")[0]
    pods = state.workload_pods("Deployment", "prod", "checkout-api")
    failing = [pod for pod in pods if not pod.ready]
    assert {state.owner(pod).revision for pod in failing} == {newest.metadata.labels["pod-template-hash"]}
    assert len(pods) - len(failing) == 3


def test_logs_and_refusals_of_a_scenario(api, connect):
    api.load(FIXTURES / "rollout-stuck-checkout")
    source = connect()
    tail = source.log("prod", "checkout-api-757666457d-9k5hg", "app", previous=True)
    assert any("FEATURE_FLAGS_URL" in line for line in tail.lines)
    refused = source.log("prod", "checkout-api-76d6cc79bd-hpdnp", "app", previous=True)
    assert not refused.lines and "not found" in refused.refusal


def test_an_incident_that_unfolds_is_followed(api, connect):
    """From halfway to the end: restarts are counted, what was deleted is kept, what is new is there."""
    folder = FIXTURES / "crashloop-expired-certificate"
    api.load(folder, earlier=True)
    source = connect()
    before = source.state(NOW)
    api.load(folder)
    versions = {key: json.loads(item)["metadata"]["resourceVersion"] for key, item in api.store.tables["pods"].items()}

    def caught_up(state: ClusterState) -> bool:
        return versions == {(p.namespace, p.name): p.metadata.resource_version for p in state.pods.values()}

    after = until(source, caught_up)
    counts = {pod.metadata.uid: sum(each.restart_count for each in pod.statuses) for pod in before.pods.values()}
    grown = {
        uid: total - counts[uid]
        for uid, pod in after.pods.items()
        if uid in counts and (total := sum(each.restart_count for each in pod.statuses)) > counts[uid]
    }
    seen: dict[str, int] = {}
    for restart in after.restarts:
        seen[restart.pod] = seen.get(restart.pod, 0) + restart.delta
    assert grown and seen == grown
    assert {uid for uid in before.pods if uid not in after.pods} == set(after.gone)
