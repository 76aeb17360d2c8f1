"""Where pods may not be read: Deployments and ReplicaSets still tell of rollouts and of replicas that are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from detectors.cluster import Access, AccessStatus
from detectors.model import Confidence, Views
from storage.records import Verdict
from tests.app.investigation.playbooks.workloads import NEW, OLD, revision, spec
from tests.app.investigation.scenes import Answers, anomaly, investigated, scene
from tests.app.investigation.tracks import requests
from tests.detectors.states.objects import LISTED, cluster, deployment

if TYPE_CHECKING:
    from app.investigation.pipeline import Investigation

REFUSED = LISTED | {name: Access(AccessStatus.FORBIDDEN) for name in ("pods", "nodes")}
SIGNALS = ("pod-crashloopbackoff", "pod-oomkilled", "http-server-5xx-spike", "rollout-stuck")


def sized(hash_: str, number: int, age: float, *, wanted: int, ready: int, **container: Any) -> Any:
    name, item = revision(hash_, number, spec(**container), age)
    item["spec"]["replicas"] = wanted
    item["status"] = {"replicas": wanted, "readyReplicas": ready}
    return name, item


def looked_at(*signals: str, old: tuple[int, int], new: tuple[int, int], age: float = 700.0) -> Investigation:
    """A case that metrics told of a Deployment whose ReplicaSets want and have so many replicas."""
    objects = [
        deployment(replicas=3, readyReplicas=old[1] + new[1], availableReplicas=old[1] + new[1]),
        sized(OLD, 1, 7200.0, wanted=old[0], ready=old[1]),
        sized(NEW, 2, age, wanted=new[0], ready=new[1], image="registry.example.com/shop/web:2"),
    ]
    told = [
        anomaly(each, number=number, views=int(Views.STATE if "rollout" in each else Views.LOCAL))
        for number, each in enumerate(signals, 1)
    ]
    failing = requests(share=(0.001, 0.2))
    sources = Answers(numbers={"server-error-spike": (failing,), "http-server-5xx-spike": (failing,)})
    return investigated(scene(cluster(objects, access=REFUSED), *told, sources=sources))


@pytest.mark.parametrize("signals", [SIGNALS[:1], SIGNALS[1:2], SIGNALS[2:3], SIGNALS[3:], SIGNALS, SIGNALS[:3]])
def test_the_rollout_before_it_is_still_the_cause(signals: tuple[str, ...]) -> None:
    found = looked_at(*signals, old=(2, 2), new=(1, 0)).conclusion
    assert found.causes, found.ruled_out
    assert "revision 2" in found.causes[0].title
    assert "image registry.example.com/shop/web:1 -> 2" in found.causes[0].title
    assert found.causes[0].confidence is not Confidence.HIGH, "what could not be seen costs certainty"
    assert found.verdict is Verdict.REAL


def test_a_rollout_of_yesterday_is_not() -> None:
    found = looked_at("pod-crashloopbackoff", old=(0, 0), new=(3, 2), age=80000.0)
    assert not any(cause.id.startswith("release") for cause in found.conclusion.causes)


def test_nor_is_one_whose_predecessors_lack_pods_as_well() -> None:
    found = looked_at("pod-crashloopbackoff", old=(2, 1), new=(1, 0)).conclusion
    assert not any(cause.id.startswith("release") for cause in found.causes)


def test_replicas_that_are_missing_are_told_and_pods_stay_unknown() -> None:
    found = looked_at("pod-crashloopbackoff", old=(2, 2), new=(1, 0))
    told = {line.clue: line.text for line in found.lines}
    assert told["impact.not-ready"] == "2 of 3 replicas ready"
    assert any("pods" in text for text in found.conclusion.unknown)
