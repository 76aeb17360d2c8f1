from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from detectors import objects
from tests.lab.faults import Fault
from tests.lab.objects import Change, log, timeline
from tests.lab.simulation import Simulation

END = 1_763_640_000
START = END - 3600
FAULTS = (
    Fault("oom", "oom", "prod/search", END - 1800, 900),
    Fault("release", "bad-release", "prod/checkout", END - 1800, 900, version="2.8.0"),
    Fault("image", "bad-image", "staging/web-frontend", END - 2000, 900, version="3.15.0-rc1"),
    Fault("init", "init", "prod/shipping", END - 2000, 900),
    Fault("pending", "pending", "prod/reviews", END - 2000, 1200),
    Fault("silent", "node-not-ready", "worker-3", END - 2500, 250),
    Fault("memory", "node-memory", "worker-2", END - 2500, 300),
)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return Simulation(START, END, FAULTS)


@pytest.fixture(scope="module")
def changes(simulation: Simulation) -> list[Change]:
    return timeline(simulation.history, FAULTS, START)


def existing(changes: list[Change], kind: str, at: float) -> dict[str, Any]:
    """Objects of a kind at a moment by name, decoded as the product decodes them."""
    found: dict[str, Any] = {}
    for change in changes:
        meta = change.manifest["metadata"]
        name = f"{meta.get('namespace', '')}/{meta['name']}"
        if change.manifest["kind"] == kind and change.at <= at:
            if change.deleted:
                del found[name]
            else:
                found[name] = objects.decode(getattr(objects, kind), msgspec.json.encode(change.manifest))
    return found


def waiting(pods: dict[str, Any], prefix: str) -> set[str]:
    statuses = [
        status
        for name, pod in pods.items()
        if name.startswith(prefix)
        for status in (*pod.status.container_statuses, *pod.status.init_container_statuses)
    ]
    return {status.state.waiting.reason for status in statuses if status.state.waiting}


def test_every_object_decodes_and_nothing_is_written_twice(changes: list[Change]) -> None:
    last: dict[tuple[str, str], Change] = {}
    for change in changes:
        kind = change.manifest["kind"]
        struct = objects.RawEvent if kind == "Event" else getattr(objects, kind)
        objects.decode(struct, msgspec.json.encode(change.manifest))
        key = (kind, change.manifest["metadata"]["uid"])
        if key in last:
            assert change.deleted or last[key].manifest != change.manifest
        last[key] = change
    assert all(earlier.at <= later.at for earlier, later in pairwise(changes))


def test_in_the_calm_every_pod_is_well(changes: list[Change]) -> None:
    pods = existing(changes, "Pod", END - 2600)
    assert {pod.status.phase for pod in pods.values()} <= {"Running", "Succeeded"}
    assert waiting(pods, "") == set()
    assert len({pod.metadata.uid for pod in pods.values()}) == len(pods)


def test_pods_fail_as_their_faults_say(changes: list[Change]) -> None:
    # Back-off and retries alternate: what counts is what was seen over some minutes.
    seen = [existing(changes, "Pod", at) for at in range(END - 1970, END - 1150, 10)]
    assert set.union(*(waiting(pods, "prod/search") for pods in seen)) == {"CrashLoopBackOff"}
    assert set.union(*(waiting(pods, "staging/web") for pods in seen)) == {"ErrImagePull", "ImagePullBackOff"}
    assert set.union(*(waiting(pods, "prod/shipping") for pods in seen)) == {"CrashLoopBackOff", "PodInitializing"}
    reviews = [pod for name, pod in seen[0].items() if name.startswith("prod/reviews")]
    assert sorted(pod.status.phase for pod in reviews) == ["Pending", "Running", "Running"]
    search = next(pod for name, pod in seen[-1].items() if name.startswith("prod/search"))
    assert search.status.container_statuses[0].last_state.terminated.reason == "OOMKilled"


def test_a_rollback_returns_to_the_first_replica_set(changes: list[Change]) -> None:
    before, during, after = (existing(changes, "Pod", at) for at in (END - 1900, END - 1000, END - 60))

    def owners(pods: dict[str, Any]) -> set[str]:
        return {p.metadata.controller.name for name, p in pods.items() if name.startswith("prod/checkout")}

    assert len(owners(before)) == len(owners(during)) == 1
    assert owners(before) == owners(after) != owners(during)
    deployment = existing(changes, "Deployment", END - 60)["prod/checkout"]
    assert deployment.metadata.annotations["deployment.kubernetes.io/revision"] == "3"


def test_nodes_tell_silence_and_pressure(changes: list[Change]) -> None:
    nodes = existing(changes, "Node", END - 2400)
    assert nodes["/worker-3"].status.condition("Ready").status == "Unknown"
    assert nodes["/worker-2"].status.condition("MemoryPressure").status == "True"
    assert nodes["/worker-1"].status.condition("Ready").status == "True"
    after = existing(changes, "Node", END - 1000)
    assert {node.status.condition("Ready").status for node in after.values()} == {"True"}


def test_services_list_who_is_ready(changes: list[Change]) -> None:
    calm, oom = (existing(changes, "EndpointSlice", at)["prod/search-endpoints"] for at in (END - 2600, END - 1000))
    assert [endpoint.conditions.ready for endpoint in calm.endpoints] == [True] * 3
    assert False in [endpoint.conditions.ready for endpoint in oom.endpoints]


def test_logs_tell_the_cause_only_while_the_fault_lasts(simulation: Simulation) -> None:
    search = simulation.history.of("prod/search")[0]
    assert not any("heap" in line for line in log(simulation.history, FAULTS, search, END - 2000))
    assert any("heap" in line for line in log(simulation.history, FAULTS, search, END - 1000, previous=True))
    assert log(simulation.history, FAULTS, search, END - 2000, previous=True) == []
