"""Where a pod could run, against the scheduler's rules as its documentation has them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.objects import Node, Pod, ResourceQuota, decode
from detectors.placement import Bar, exhausted, refusals, requests
from tests.detectors.states.objects import cluster, node, pod, replica_set


def part(name: str = "app", **wanted: str) -> dict[str, Any]:
    return {"name": name, "resources": {"requests": wanted}}


def wanting(*containers: dict[str, Any], **template: Any) -> list[Any]:
    """A pod without a node, and its ReplicaSet with what only the template tells."""
    kind, owner = replica_set()
    owner["spec"]["template"] = {"spec": template}
    return [(kind, owner), pod(0, node="", containers=list(containers))]


def machine(name: str = "n1", **has: str) -> Any:
    kind, item = node(name)
    item["status"]["allocatable"] = {"cpu": "4", "memory": "8Gi", "pods": "10"} | has
    return kind, item


def refused(wish: list[Any], *objects: Any) -> list[tuple[Bar, str]] | None:
    state = cluster([*wish, *objects])
    found = refusals(state, next(each for each in state.pods.values() if not each.spec.node_name))
    return None if found is None else [(each.bar, each.what) for each in found]


def test_init_containers_take_turns_and_sidecars_stay():
    raw = {
        "spec": {
            "containers": [part(cpu="1"), part("b", cpu="1")],
            "initContainers": [
                part("i", cpu="3"),
                part("j", cpu="1"),
                part("s", cpu="500m") | {"restartPolicy": "Always"},
            ],
        }
    }
    import json

    assert requests(decode(Pod, json.dumps(raw).encode())) == {"pods": 1.0, "cpu": 3.0}
    raw["spec"]["initContainers"][0] = part("i", cpu="2")
    assert requests(decode(Pod, json.dumps(raw).encode()))["cpu"] == 2.5


@given(st.integers(1, 8000), st.integers(0, 4000))
def test_a_pod_fits_exactly_while_what_is_left_is_enough(wanted, taken):
    other = pod(1, ready=True, node="n1", containers=[part(cpu=f"{taken}m")])
    bars = refused(wanting(part(cpu=f"{wanted}m")), machine(), other)
    expected = [] if wanted + taken <= 4000 else [(Bar.FULL, "cpu")] if wanted <= 4000 else [(Bar.TOO_SMALL, "cpu")]
    assert bars == expected


def test_finished_pods_give_back_what_they_had():
    done = pod(1, phase="Succeeded", node="n1", containers=[part(cpu="4")])
    assert not refused(wanting(part(cpu="2")), machine(), done)


def test_a_resource_that_a_node_does_not_have_is_none_of_it():
    assert refused(wanting(part(**{"nvidia.com/gpu": "1"})), machine()) == [(Bar.TOO_SMALL, "nvidia.com/gpu")]


def test_the_number_of_pods_counts():
    others = [pod(n, ready=True, node="n1") for n in range(1, 3)]
    assert refused(wanting(part()), machine(pods="2"), *others) == [(Bar.FULL, "pods")]


@pytest.mark.parametrize(
    ("operator", "values", "fits"),
    [
        ("In", ["a", "b"], True), ("In", ["c"], False), ("NotIn", ["a"], False), ("NotIn", ["c"], True),
        ("Exists", [], True), ("DoesNotExist", [], False),
    ],
)  # fmt: skip
def test_label_operators(operator, values, fits):
    kind, item = machine()
    item["metadata"]["labels"] = {"zone": "a"}
    want = {"matchExpressions": [{"key": "zone", "operator": operator, "values": values}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [want]}}}
    assert (not refused(wanting(part(), affinity=affinity), (kind, item))) is fits


@pytest.mark.parametrize(("operator", "bound", "fits"), [("Gt", "3", True), ("Gt", "4", False), ("Lt", "5", True)])
def test_labels_that_are_numbers(operator, bound, fits):
    kind, item = machine()
    item["metadata"]["labels"] = {"disks": "4"}
    want = {"matchExpressions": [{"key": "disks", "operator": operator, "values": [bound]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [want]}}}
    assert (not refused(wanting(part(), affinity=affinity), (kind, item))) is fits


@pytest.mark.parametrize(
    ("toleration", "fits"),
    [
        ({"key": "team", "value": "ml"}, True),
        ({"key": "team", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "team", "value": "web"}, False),
        ({"key": "team", "value": "ml", "effect": "NoExecute"}, False),
    ],
)
def test_tolerations(toleration, fits):
    kind, item = machine()
    item["spec"]["taints"] = [{"key": "team", "value": "ml", "effect": "NoSchedule"}]
    assert (not refused(wanting(part(), tolerations=[toleration]), (kind, item))) is fits


def test_a_taint_that_only_prefers_keeps_nobody_off():
    kind, item = machine()
    item["spec"]["taints"] = [{"key": "team", "effect": "PreferNoSchedule"}]
    assert not refused(wanting(part()), (kind, item))


def test_a_node_that_tells_nothing_of_what_it_has_is_not_called_too_small():
    assert not refused(wanting(part(cpu="64")), node())
    assert isinstance(decode(Node, b"{}"), Node)


@pytest.mark.parametrize(("used", "short"), [("19", ()), ("20", ("pods",))])
def test_a_quota_is_used_up_when_one_more_pod_is_too_many(used, short):
    raw = b'{"status":{"hard":{"pods":"20","limits.cpu":"1"},"used":{"pods":"%b","limits.cpu":"1"}}}' % used.encode()
    assert exhausted(decode(ResourceQuota, raw), None) == short


def test_without_its_template_nobody_knows_what_a_pod_tolerates():
    assert refused(wanting(part())[1:], machine()) is None
