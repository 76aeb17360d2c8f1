"""C9: why no node takes a pod, by arithmetic, with the scheduler's words as support; and what only looks like it."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.cluster import Access, AccessStatus
from detectors.model import Confidence
from storage.records import Verdict
from tests.app.investigation.scenes import anomaly, entity, investigated, scene
from tests.detectors.states.objects import LISTED, cluster, deployment, event, healthy, node, pod, replica_set

UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}


def machine(name: str, cpu: str = "4", memory: str = "16Gi", labels: dict[str, str] | None = None, **more: Any) -> Any:
    taints = more.pop("keys", ())
    kind, item = node(name, labels=labels or {}, **more)
    item["spec"]["taints"] = [{"key": key, "value": value, "effect": "NoSchedule"} for key, value in taints]
    item["status"]["allocatable"] = {"cpu": cpu, "memory": memory, "pods": "110"}
    return kind, item


def asking(number: int = 0, cpu: str = "1", message: str = "", **more: Any) -> Any:
    part = {"name": "app", "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}
    given = {"node": "", "phase": "Pending", "conditions": [UNSCHEDULABLE | {"message": message}]}
    return pod(number, containers=[part], **given | more)


def using(number: int, cpu: str, where: str) -> Any:
    part = {"name": "app", "resources": {"requests": {"cpu": cpu}}}
    return healthy(number, owner="other", containers=[part], node=where)


def told(reason: str = "FailedScheduling", number: int = 0) -> Any:
    return event(reason, {"uid": f"uid-prod-web-aaaa-{number}", "name": f"web-aaaa-{number}"}, 300, 30, 4)


def templated(owner: str = "web", **template: Any) -> Any:
    kind, item = replica_set(owner=owner)
    item["spec"]["template"] = {"spec": template}
    return kind, item


def concluded(*objects: Any, **more: Any) -> Any:
    base = [deployment(replicas=1), templated()]
    state = cluster([*base, *objects], **more)
    return investigated(scene(state, anomaly("events-failedscheduling"))).conclusion


BUSY = [using(1, "3500m", "n1"), using(2, "3200m", "n2")]
SMALL = (machine("n1"), machine("n2"))


CAUSES = [
    ("requests-too-large", [*SMALL, asking(cpu="6")], "6 CPUs"),
    ("nodes-full", [*SMALL, *BUSY, asking()], "0.8 CPUs left"),
    ("no-such-node", [*SMALL, asking(nodeSelector={"disk": "ssd"})], "disk=ssd"),
    ("taint", [machine("n1", keys=[("team", "ml")]), asking()], "team=ml:NoSchedule"),
    ("cordoned", [machine("n1"), using(1, "4", "n1"), machine("n2", cordoned=True), asking()], "n2"),
    (
        "node-unwell",
        [machine("n1"), using(1, "4", "n1"), machine("n2", keys=[("node.kubernetes.io/unreachable", "")]), asking()],
        "n2",
    ),
]


@pytest.mark.parametrize(("cause", "objects", "named"), CAUSES, ids=[each[0] for each in CAUSES])
def test_each_cause_is_first_and_sure_and_names_what_it_is_about(cause, objects, named):
    said = concluded(*objects, told())
    assert said.verdict is Verdict.REAL
    assert (said.causes[0].id, said.causes[0].confidence) == (cause, Confidence.HIGH)
    assert named in said.causes[0].title


@pytest.mark.parametrize(("cause", "objects", "_"), CAUSES, ids=[each[0] for each in CAUSES])
def test_what_is_wrong_elsewhere_is_not_given(cause, objects, _):
    said = concluded(machine("roomy", cpu="64", labels={"disk": "ssd"}), *objects)
    assert cause not in [each.id for each in said.causes]


def test_required_affinity_is_read_like_a_selector():
    want = {"key": "zone", "operator": "In", "values": ["b"]}
    terms = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [want]}]}}
    wanting = (templated(affinity={"nodeAffinity": terms}), asking())
    assert concluded(machine("n1", labels={"zone": "a"}), *wanting).causes[0].title == "no node has zone In b"
    assert not concluded(machine("n1", labels={"zone": "b"}), *wanting).causes


def test_a_tolerated_taint_is_no_reason():
    tainted = machine("n1", keys=[("team", "ml")])
    bearing = [templated(tolerations=[{"key": "team", "operator": "Exists"}]), asking()]
    assert not concluded(tainted, *bearing).causes
    other = [templated(tolerations=[{"key": "team", "value": "web"}]), asking()]
    assert concluded(tainted, *other).causes[0].id == "taint"


def test_the_control_planes_own_taint_is_not_what_is_wrong():
    plane = machine("cp", keys=[("node-role.kubernetes.io/control-plane", "")])
    said = concluded(plane, *SMALL, *BUSY, asking())
    assert [each.id for each in said.causes] == ["nodes-full"]


def test_a_taint_beside_full_nodes_is_the_lesser_cause():
    said = concluded(machine("n1"), using(1, "4", "n1"), machine("n2", keys=[("team", "ml")]), asking())
    assert said.causes[0].id == "nodes-full"


def test_rules_between_pods_are_taken_from_the_schedulers_words_where_nothing_else_tells():
    said = concluded(*SMALL, asking(message="0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules."))
    assert "anti-affinity" in said.causes[0].title
    assert said.causes[0].confidence is not Confidence.HIGH


def test_a_claim_that_is_not_bound_is_the_cause_and_not_the_nodes():
    meta = {"name": "data", "namespace": "prod", "uid": "c", "creationTimestamp": "2025-11-18T14:00:00Z"}
    claim = ("persistentvolumeclaims", {"metadata": meta, "status": {"phase": "Pending"}})
    waiting = asking(cpu="64", volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}])
    assert [each.id for each in concluded(*SMALL, claim, waiting).causes] == ["claim-not-bound"]


def test_it_is_noise_while_a_node_is_being_added_and_not_when_that_took_too_long():
    adding = [told("TriggeredScaleUp"), told()]
    assert concluded(machine("n1"), using(1, "4", "n1"), asking(age=300), *adding).verdict is Verdict.REAL
    young = [deployment(replicas=4, availableReplicas=4, readyReplicas=4), asking(age=300)]
    assert concluded(machine("n1"), using(1, "4", "n1"), *young, *adding).verdict is Verdict.NOISE
    old = [deployment(replicas=4, availableReplicas=4, readyReplicas=4), asking(age=900)]
    assert concluded(machine("n1"), using(1, "4", "n1"), *old, *adding).verdict is Verdict.REAL


def test_pods_held_back_on_purpose_are_noise():
    up = deployment(replicas=4, availableReplicas=4, readyReplicas=4)
    gated = asking(schedulingGates=[{"name": "example.com/wait"}])
    assert concluded(up, *SMALL, gated).verdict is Verdict.NOISE


def test_nodes_that_may_not_be_read_leave_the_arithmetic_unknown():
    said = concluded(asking(cpu="64"), told(), access=LISTED | {"nodes": Access(AccessStatus.FORBIDDEN)})
    assert said.verdict is Verdict.REAL
    assert not said.causes
    assert any("nodes" in text for text in said.unknown)


def test_pods_of_the_whole_cluster_are_looked_at_where_it_is_about_the_cluster():
    both = [templated(), asking(0, cpu="6"), templated("api"), asking(1, cpu="6", owner="api")]
    state = cluster([*SMALL, *both])
    about = anomaly("pod-unschedulable-spike", entity("Cluster", "lab", ""))
    assert investigated(scene(state, about)).conclusion.causes[0].id == "requests-too-large"


def test_without_nodes_the_schedulers_sum_is_what_is_known():
    text = "0/5 nodes are available: 1 node(s) had untolerated taint {a: b}, 4 Insufficient cpu. preemption: none."
    refused = LISTED | {"nodes": Access(AccessStatus.FORBIDDEN)}
    said = concluded(asking(message=text), access=refused)
    assert said.causes[0].title == "the scheduler finds no node: Insufficient cpu (4)"
    assert [each.id for each in concluded(*SMALL, asking(cpu="6", message=text)).causes] == ["requests-too-large"]


def test_a_pod_that_has_its_node_and_waits_for_a_volume_is_not_unscheduled():
    creating = {"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}
    mounting = event("FailedMount", {"uid": "uid-prod-web-aaaa-0", "name": "web-aaaa-0"}, 600, 10, 9)
    mounting[1]["message"] = 'MountVolume.SetUp failed for volume "c" : configmap "flags" not found'
    objects = [deployment(), replica_set(), pod(0, creating, phase="Pending"), machine("n1"), mounting]
    said = investigated(scene(cluster(objects), anomaly("pod-stuck-pending"))).conclusion
    assert [each.title for each in said.causes] == ["ConfigMap flags does not exist"]
