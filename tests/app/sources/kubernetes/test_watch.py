from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.clock import ManualClock
from app.sources.base import SourceError, Trouble
from app.sources.kubernetes import KubernetesClient
from app.sources.kubernetes.cache import ClusterCache
from app.sources.kubernetes.resources import BY_NAME
from app.sources.kubernetes.watch import Backoff, Pace, ResourceWatch
from detectors.cluster import AccessStatus
from tests.app.sources.kubernetes.conftest import BRISK, NOW, pod, until

if TYPE_CHECKING:
    from tests.lab.kubernetes_api import KubernetesApi


def asked(api: KubernetesApi, *parts: str) -> list[str]:
    return [path for _, path in api.requests if all(part in path for part in parts)]


LIST_PODS = ("/api/v1/pods?limit=",)
WATCH_PODS = ("/api/v1/pods?watch=1",)


def names(state) -> set[str]:
    return {each.name for each in state.pods.values()}


def test_changes_arrive(api, connect):
    api.put(pod("a"))
    source = connect()
    api.put(pod("b"))
    until(source, lambda s: names(s) == {"a", "b"})
    api.put(pod("a", phase="Failed"))
    until(source, lambda s: s.pod_named("prod", "a").status.phase == "Failed")
    api.delete(pod("a"))
    state = until(source, lambda s: names(s) == {"b"})
    assert [gone.pod.name for gone in state.gone.values()] == ["a"]
    assert len(asked(api, *LIST_PODS)) == 1


def test_a_new_pod_under_an_old_name_is_another_pod(api, connect):
    first = api.put(pod("db-0"))
    source = connect()
    api.delete(first)
    second = api.put(pod("db-0"))
    state = until(source, lambda s: second["metadata"]["uid"] in s.pods)
    assert first["metadata"]["uid"] in state.gone
    assert state.pod_named("prod", "db-0").metadata.uid == second["metadata"]["uid"]


def test_long_lists_come_in_pages(api, connect):
    for number in range(1203):
        api.put(pod(f"p-{number:04d}"))
    source = connect()
    assert len(source.state(0).pods) == 1203
    assert len(asked(api, *LIST_PODS)) == 3


def test_an_expired_page_begins_the_list_again(api, connect):
    for number in range(600):
        api.put(pod(f"p-{number}"))
    api.accept_continue = False
    source = connect()
    assert len(source.state(0).pods) == 600
    assert len([path for path in asked(api, *LIST_PODS) if "continue" not in path]) == 2


def test_a_broken_connection_goes_on_from_its_last_version(api, connect):
    source = connect()
    api.put(pod("a"))
    until(source, lambda s: names(s) == {"a"})
    version = api.store.version
    api.disconnect()
    api.put(pod("b"))
    state = until(source, lambda s: names(s) == {"a", "b"})
    assert state.access["pods"].status is AccessStatus.LISTED
    assert len(asked(api, *LIST_PODS)) == 1
    assert asked(api, *WATCH_PODS, f"resourceVersion={version}")


def test_bookmarks_move_the_version_on(api, connect):
    bookmark = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "1000"}}}
    api.streams["pods"].append([bookmark, {**bookmark, "object": {"metadata": {"resourceVersion": "4711"}}}])
    source = connect()
    until(source, lambda _: asked(api, *WATCH_PODS, "resourceVersion=4711"))
    assert len(asked(api, *LIST_PODS)) == 1


def test_a_version_that_is_too_old_lists_again_and_finds_what_was_missed(api, connect):
    doomed = api.put(pod("doomed"))
    source = connect()
    with api.store.changed:
        api.disconnect()
        api.delete(doomed)
        api.put(pod("new"))
        api.store.compact()
    state = until(source, lambda s: names(s) == {"new"})
    assert doomed["metadata"]["uid"] in state.gone
    assert len(asked(api, *LIST_PODS)) == 2


def test_another_error_event_waits_and_goes_on(api, connect):
    api.put(pod("a"))
    status = {"kind": "Status", "code": 500, "message": "etcdserver: leader changed"}
    api.streams["pods"].append([{"type": "ERROR", "object": status}])
    source = connect()
    api.put(pod("b"))
    state = until(source, lambda s: names(s) == {"a", "b"})
    assert state.access["pods"].status is AccessStatus.LISTED
    assert len(asked(api, *LIST_PODS)) == 1


def test_lines_that_are_no_events_are_survived(api, connect):
    api.streams["pods"].append([["not", "an", "event"]])
    api.streams["pods"].append([{"type": "ADDED", "object": {"metadata": {"name": 7}}}])
    source = connect()
    api.put(pod("a"))
    until(source, lambda s: names(s) == {"a"})


def test_one_object_that_cannot_be_read_does_not_hide_the_others(api, connect, caplog):
    api.put(pod("good"))
    api.put({**pod("bad"), "status": {"phase": ["a", "list"]}})
    source = connect()
    assert names(source.state(0)) == {"good"}
    assert "a Pod cannot be read" in caplog.text


def test_the_right_to_list_but_not_to_watch_is_enough(api, connect):
    api.forbid("pods", verbs=("watch",))
    source = connect()
    api.put(pod("a"))
    state = until(source, lambda s: names(s) == {"a"})
    assert state.access["pods"].status is AccessStatus.LISTED


def test_what_is_refused_is_asked_for_again_much_later(api, connect):
    api.forbid("nodes")
    source = connect()
    access = source.state(0).access["nodes"]
    assert access.status is AccessStatus.FORBIDDEN
    assert 'cannot list resource "nodes"' in access.detail
    api.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}})
    api.allow("nodes")
    until(source, lambda s: s.readable("nodes") and "n" in s.nodes)


def test_a_resource_that_is_not_served_is_no_error(api, connect):
    source = connect()
    access = source.state(0).access["rollouts"]
    assert access.status is AccessStatus.NOT_SERVED
    assert "rollouts" in access.detail


def test_events_come_from_the_other_api_where_only_that_is_allowed(api, connect):
    api.forbid("events")
    api.put(
        {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": "e", "namespace": "prod"},
            "reason": "BackOff",
            "note": "again",
        }
    )
    source = connect()
    state = source.state(0)
    assert state.readable("events")
    assert [event.message for event in state.events] == ["again"]


class Waits(threading.Event):
    """Never set while it is waited for; notes for how long it was, and ends after so many."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.noted: list[float] = []
        self._most = most

    def wait(self, timeout: float | None = None) -> bool:
        self.noted.append(timeout or 0.0)
        if len(self.noted) >= self._most:
            self.set()
        return self.is_set()


def test_the_server_says_when_to_come_back(api, tmp_path):
    busy = {"kind": "Status", "code": 429, "message": "too many requests"}
    api.failures["pods"] = [(429, busy, {"Retry-After": "7"}), (429, busy, {"Retry-After": "7000"})]
    client, waits = KubernetesClient(str(api.kubeconfig(tmp_path / "kubeconfig"))), Waits(most=4)
    pace = replace(BRISK, longest_retry=60.0)
    ResourceWatch(client, ClusterCache("lab"), BY_NAME["pods"], ManualClock(NOW), pace, waits).run()
    client.close()
    assert waits.noted[0] == 7.0
    assert waits.noted[2] == 60.0, "no server keeps us away for two hours"


@pytest.mark.parametrize("opened", [True, False])
def test_silence_of_an_open_watch_is_nothing_and_of_one_that_does_not_open_it_is_an_error(
    api, connect, monkeypatch, opened
):
    api.put(pod("a"))
    tried = threading.Semaphore(0)

    @contextmanager
    def stream(_client, _path, _query, _timeout):
        tried.release()
        if opened:
            yield iter(())
        raise SourceError(Trouble.TIMEOUT, "no answer within 30 s")

    monkeypatch.setattr(KubernetesClient, "stream", stream)
    source = connect()
    for _ in range(200):
        assert tried.acquire(timeout=10)
    if opened:
        assert source.state(NOW).access["pods"].status is AccessStatus.LISTED
    else:
        state = until(source, lambda s: s.access["pods"].status is AccessStatus.ERROR)
        assert state.access["pods"].detail == "no answer within 30 s"
        assert names(state) == {"a"}


def test_a_login_page_is_no_list(api, connect):
    api.failures["pods"] = [(200, "<html>Sign in</html>", {})] * 50
    source = connect()
    access = until(source, lambda s: s.access["pods"].status is AccessStatus.ERROR).access["pods"]
    assert "no list of the Kubernetes API" in access.detail
    assert "Sign in" not in access.detail


def test_a_server_that_goes_away_makes_everything_stale_not_gone(api, connect):
    api.put(pod("a"))
    source = connect()
    api.stop()
    state = until(source, lambda s: s.access["pods"].status is AccessStatus.ERROR)
    assert names(state) == {"a"}
    assert not state.readable("pods")
    state = until(source, lambda s: s.readyz is not None and s.readyz.ok is None)
    assert not state.readable("/readyz")


@pytest.mark.parametrize("failures", [1, 5, 2000])
def test_pauses_grow_to_a_limit_with_jitter(failures):
    backoff = Backoff(Pace(first_retry=1.0, longest_retry=60.0))
    pauses = [backoff.next() for _ in range(failures)]
    ceiling = min(60.0, 2.0 ** min(failures - 1, 9))
    assert ceiling / 2 <= pauses[-1] <= ceiling
    backoff.reset()
    assert backoff.next() <= 1.0


def test_a_right_that_is_withdrawn_is_forbidden_and_not_failing(api, connect):
    source = connect(pace=replace(BRISK, poll=600.0, refused=600.0))
    until(source, lambda _: asked(api, "/api/v1/nodes?watch=1"))
    api.forbid("nodes")
    api.disconnect()
    state = until(source, lambda s: s.access["nodes"].status is AccessStatus.FORBIDDEN)
    assert "cannot list" in state.access["nodes"].detail
    until(source, lambda s: s.readable("pods"))
