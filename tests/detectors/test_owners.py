from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from detectors.objects import Deployment, Pod, ReplicaSet
from detectors.owners import OwnerMemory, owner_of_pod
from tests.detectors.test_cluster import build

NAMES = ("a", "b", "c")
NONE = (None,)


def pod(name: str, owner: str | None) -> Any:
    return build(Pod, name, None if owner is None else ("ReplicaSet", owner))


def replica_set(name: str, owner: str | None) -> Any:
    return build(ReplicaSet, name, None if owner is None else ("Deployment", owner))


PODS = {(name, owner): pod(name, owner) for name in NAMES for owner in NAMES + NONE}
SETS = {(name, owner): [replica_set(name, owner) for _ in range(2)] for name in NAMES for owner in NAMES + NONE}
DEPLOYMENT = build(Deployment, "a")


@st.composite
def clusters(draw: st.DrawFn) -> tuple[dict[str, Any], dict[tuple[str, str, str], Any]]:
    """Some pods, each of a ReplicaSet that may be there and may have an owner that may be there."""
    owners = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(NAMES + NONE))
    pods = {f"uid-{name}": PODS[name, owner] for name, owner in draw(owners).items()}
    workloads = {
        ("ReplicaSet", "shop", name): SETS[name, owner][draw(st.integers(0, 1))] for name, owner in draw(owners).items()
    }
    if draw(st.booleans()):
        workloads["Deployment", "shop", "a"] = DEPLOYMENT
    return pods, workloads


@given(st.lists(clusters(), min_size=1, max_size=6), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5))))
def test_what_is_remembered_is_what_climbing_finds(known, mixed):
    memory = OwnerMemory()
    states = [*known, *((known[i % len(known)][0], known[j % len(known)][1]) for i, j in mixed)]
    for pods, workloads in states:
        expected = {uid: owner_of_pod(each, workloads) for uid, each in pods.items()}
        assert list(memory.owners(pods, workloads).items()) == list(expected.items())


def test_nothing_is_climbed_anew_while_controllers_stay(monkeypatch):
    climbed = []
    monkeypatch.setattr(
        "detectors.owners.owner_of_pod", lambda each, workloads: climbed.append(each) or owner_of_pod(each, workloads)
    )
    memory, first, second = OwnerMemory(), PODS["a", "a"], PODS["b", "a"]
    owned, again = SETS["a", "a"]
    memory.owners({"uid-a": first}, {("ReplicaSet", "shop", "a"): owned})
    memory.owners({"uid-a": first, "uid-b": second}, {("ReplicaSet", "shop", "a"): again})
    assert climbed == [first, second]
