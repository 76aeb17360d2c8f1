"""Asking the kubelets: who is refused says so, who does not answer holds up nobody, and large clusters take turns."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from app.clock import ManualClock
from app.sources.kubernetes import KubernetesClient
from app.sources.kubernetes.cache import ClusterCache
from app.sources.kubernetes.kubelets import AT_ONCE, ENDPOINTS, LONGEST_REST, KubeletPoll
from app.sources.kubernetes.resources import COUNTERS, SUMMARY
from app.sources.kubernetes.watch import Pace
from detectors.cluster import Access, AccessStatus
from detectors.objects import Metadata, Node
from tests.app.sources.kubernetes.conftest import NOW, until
from tests.lab.manifests import stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.sources.kubernetes.resources import Resource
    from tests.lab.kubernetes_api import KubernetesApi


def told(at: float = NOW, **more: Any) -> dict[str, Any]:
    """A kubelet's answer."""
    return {"node": {"cpu": {"time": stamp(at), "usageCoreNanoSeconds": 10**9}, **more}, "pods": []}


def counted(at: float = NOW) -> str:
    """What cAdvisor in a kubelet answers."""
    labels = 'container="app",namespace="shop",pod="web-0"'
    return (
        f"# TYPE container_cpu_cfs_periods_total counter\ncontainer_cpu_cfs_periods_total{{{labels}}} 7 {at:.0f}000\n"
    )


class Poll:
    """Rounds over nodes that the API knows, one after the other."""

    def __init__(self, api: KubernetesApi, folder: Path, most: int = 100, resource: Resource = SUMMARY) -> None:
        self.api, self.clock = api, ManualClock(NOW)
        self.cache = ClusterCache("lab")
        self.client = KubernetesClient(str(api.kubeconfig(folder / "kubeconfig")))
        self.stop = threading.Event()
        endpoint = replace(next(each for each in ENDPOINTS if each.resource is resource), most=most)
        self.poll = KubeletPoll(self.client, self.cache, self.clock, Pace(), self.stop, endpoint)

    def nodes(self, *names: str, silent: tuple[str, ...] = ()) -> None:
        """The nodes of the cluster, and which kubelets do not answer."""
        self.cache.apply_list("nodes", [Node(metadata=Metadata(name=name)) for name in names], NOW)
        for name in names:
            self.api.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
        self.api.kubelets = {name: told for name in names if name not in silent}
        self.api.cadvisor = dict.fromkeys(self.api.kubelets, counted)

    def round(self) -> list[str]:
        """One round; whom it asked."""
        self.api.requests.clear()
        self.poll.round()
        return sorted(path.split("/")[4] for _, path in self.api.requests if "/proxy/" in path)

    @property
    def access(self) -> Access:
        return self.cache.state(NOW).access[self.poll.resource]

    @property
    def seen(self) -> set[str]:
        return set(self.cache.state(NOW).summaries)


@pytest.fixture
def polling(api: KubernetesApi, tmp_path: Path) -> Iterator[Callable[..., Poll]]:
    made: list[Poll] = []

    def start(**options: Any) -> Poll:
        made.append(Poll(api, tmp_path, **options))
        return made[-1]

    yield start
    for each in made:
        each.stop.set()
        each.client.close()


def test_all_kubelets_are_asked_and_their_answers_kept(polling: Callable[..., Poll]) -> None:
    poll = polling()
    poll.nodes("a", "b", "c")
    assert poll.access.status is AccessStatus.LOADING
    assert poll.round() == ["a", "b", "c"]
    assert poll.seen == {"a", "b", "c"}
    assert poll.access == Access(AccessStatus.LISTED, "3 of 3 kubelets answer", NOW)


def test_the_same_numbers_again_are_nothing_new(polling: Callable[..., Poll]) -> None:
    poll = polling()
    poll.nodes("a")
    poll.round()
    first = poll.cache.state(NOW).summaries["a"]
    poll.round()
    assert poll.cache.state(NOW).summaries["a"] is first
    poll.api.kubelets["a"] = lambda: told(NOW + 60)
    poll.round()
    assert poll.cache.state(NOW).summaries["a"] is not first


def test_who_is_refused_once_asks_one_at_a_time_until_the_right_is_there(polling: Callable[..., Poll]) -> None:
    poll = polling()
    poll.nodes(*(f"n{number}" for number in range(40)))
    poll.api.forbid("nodes/proxy")
    assert len(poll.round()) <= AT_ONCE
    assert poll.access.status is AccessStatus.FORBIDDEN
    assert 'cannot get resource "nodes/proxy"' in poll.access.detail
    assert len(poll.round()) == 1
    poll.api.allow("nodes/proxy")
    poll.round()
    assert poll.access.status is AccessStatus.LISTED
    poll.round()
    assert len(poll.seen) == 40
    assert poll.access.detail == "40 of 40 kubelets answer"


def test_a_kubelet_that_does_not_answer_is_named_and_left_alone_for_longer_and_longer(
    polling: Callable[..., Poll],
) -> None:
    poll = polling()
    poll.nodes("a", "b", silent=("b",))
    asked = ["b" in poll.round() for _ in range(40)]
    assert poll.access.status is AccessStatus.LISTED
    assert poll.access.detail.startswith("1 of 2 kubelets answer; b: ")
    assert "connection refused" in poll.access.detail
    gaps = [place for place, each in enumerate(asked) if each]
    assert gaps[:4] == [0, 1, 3, 7]
    assert max(after - before for before, after in pairwise(gaps)) == LONGEST_REST + 1
    poll.api.kubelets["b"] = told
    for _ in range(LONGEST_REST + 1):
        poll.round()
    assert poll.access.detail == "2 of 2 kubelets answer"


def test_a_kubelet_that_hangs_holds_up_no_other(polling: Callable[..., Poll], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sources.kubernetes.kubelets.ANSWER_SECONDS", 0.5)
    poll, released = polling(), threading.Event()
    poll.nodes(*"abcdefghijklm")

    def hang() -> dict[str, Any]:
        released.wait(20)
        return told()

    poll.api.kubelets["a"] = hang
    begun = time.monotonic()
    poll.round()
    assert time.monotonic() - begun < 5
    assert poll.seen == set("bcdefghijklm")
    assert "did not answer in time" in poll.access.detail
    released.set()


def test_kubelets_of_a_large_cluster_take_turns(polling: Callable[..., Poll]) -> None:
    poll = polling(most=4)
    names = [f"n{number}" for number in range(10)]
    poll.nodes(*names)
    rounds = [poll.round() for _ in range(5)]
    assert {len(each) for each in rounds} == {4}
    assert poll.seen == set(names)
    counts = [sum(name in each for each in rounds) for name in names]
    assert max(counts) - min(counts) <= 1
    assert "4 are asked every 60 s, in turns" in poll.access.detail
    # Of a new one nothing is known yet: it comes first.
    poll.nodes(*names, "new")
    assert "new" in poll.round()


def test_what_a_node_told_goes_with_the_node(polling: Callable[..., Poll]) -> None:
    poll = polling()
    poll.nodes("a", "b")
    poll.round()
    poll.nodes("b")
    poll.round()
    assert poll.seen == {"b"}
    poll.nodes()
    poll.round()
    assert poll.access.status is AccessStatus.ERROR
    assert "no node is known" in poll.access.detail


@pytest.mark.parametrize("name", ["..", "a/b", "a?x=1", "a%2Fb", "\x1b[31m", "A"])
def test_hostile_names_never_become_part_of_a_url(polling: Callable[..., Poll], name: str) -> None:
    poll = polling()
    poll.nodes(name, "fine")
    assert poll.round() == ["fine"]


@pytest.mark.parametrize(
    "body", ["<html>", "[]", '{"node": 3}', '{"pods": [{"podRef": 7}]}', '{"node": {"fs": {"inodes": -0.5}}}']
)
def test_an_answer_that_is_no_summary_is_a_trouble_of_that_kubelet(
    polling: Callable[..., Poll], body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = polling()
    poll.nodes("a", "b")
    whole = poll.client.get

    def get(path: str, *arguments: Any, **more: Any) -> Any:
        response = whole(path, *arguments, **more)
        return type(response)(200, response.headers, body.encode()) if "/a/" in path else response

    monkeypatch.setattr(poll.client, "get", get)
    poll.round()
    assert poll.seen == {"b"}
    assert "no stats/summary of a kubelet" in poll.access.detail


def test_nulls_are_left_out_fields(polling: Callable[..., Poll]) -> None:
    poll = polling()
    poll.nodes("a")
    poll.api.kubelets["a"] = lambda: json.loads(json.dumps(told(fs=None))) | {"pods": None}
    poll.round()
    assert poll.cache.state(NOW).summaries["a"].node.fs.capacity_bytes is None


def test_a_source_follows_them_once_and_closes_at_once(api: KubernetesApi, connect: Callable[..., Any]) -> None:
    api.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}})
    api.kubelets["a"] = told
    source = connect(pace=Pace())
    assert not [path for _, path in api.requests if "/proxy/" in path]
    source.follow_kubelets({SUMMARY.name}, 10)
    source.follow_kubelets({SUMMARY.name})
    assert set(until(source, lambda state: state.summaries).summaries) == {"a"}
    assert len([path for _, path in api.requests if "/proxy/" in path]) == 1
    begun = time.monotonic()
    source.close()
    assert time.monotonic() - begun < 1.0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("kubernetes ")]


class TestCounters:
    """What only cAdvisor's metrics have, which are asked for like the summaries."""

    def test_they_are_kept_by_node_until_there_are_newer_ones(self, polling: Callable[..., Poll]) -> None:
        poll = polling(resource=COUNTERS)
        poll.nodes("a", "b")
        assert poll.round() == ["a", "b"]
        first = poll.cache.state(NOW).counters
        assert [(each.pod, each.periods, each.at) for each in first["a"].containers] == [("web-0", 7.0, NOW)]
        assert poll.access == Access(AccessStatus.LISTED, "2 of 2 kubelets answer", NOW)
        poll.api.cadvisor["b"] = lambda: counted(NOW + 60)
        poll.round()
        now = poll.cache.state(NOW).counters
        assert now["a"] is first["a"]
        assert now["b"] is not first["b"]

    def test_who_may_not_ask_is_told_so(self, polling: Callable[..., Poll]) -> None:
        poll = polling(resource=COUNTERS)
        poll.nodes("a", "b")
        poll.api.forbid("nodes/proxy")
        poll.round()
        assert poll.access.status is AccessStatus.FORBIDDEN
        assert not poll.cache.state(NOW).counters

    def test_a_kubelet_without_them_or_with_something_else_in_their_place_is_named(
        self, polling: Callable[..., Poll]
    ) -> None:
        poll = polling(resource=COUNTERS)
        poll.nodes("a", "b", "c")
        del poll.api.cadvisor["a"]
        poll.api.cadvisor["b"] = lambda: "<html>"
        poll.round()
        assert set(poll.cache.state(NOW).counters) == {"c"}
        assert poll.access.detail == "1 of 3 kubelets answer; a: the Kubernetes API says: HTTP 404"
        del poll.api.cadvisor["c"]
        poll.nodes("b")
        poll.api.cadvisor["b"] = lambda: "<html>"
        poll = polling(resource=COUNTERS)
        poll.cache.apply_list("nodes", [Node(metadata=Metadata(name="b"))], NOW)
        poll.round()
        assert poll.access == Access(AccessStatus.ERROR, "the answer is no metrics/cadvisor of a kubelet", NOW)

    def test_an_answer_without_end_is_not_read_to_the_end(
        self, polling: Callable[..., Poll], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.sources.kubernetes.kubelets.ANSWER_BYTES", 1 << 20)
        poll = polling(resource=COUNTERS)
        poll.nodes("a", "b")
        # Packed, it is a few kilobytes.
        poll.api.cadvisor["a"] = lambda: counted() + "#" * (4 << 20)
        poll.round()
        assert set(poll.cache.state(NOW).counters) == {"b"}
        assert "a: the answer has more than 1 MiB" in poll.access.detail
