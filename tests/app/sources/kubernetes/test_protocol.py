"""How a real API server answers (`tests/fixtures/kubernetes/api-protocol`), and what becomes of it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from app.sources.base import Trouble
from app.sources.kubernetes.client import Response
from app.sources.kubernetes.source import readiness_of
from app.sources.kubernetes.troubles import refusal, status_of
from detectors.cluster import AccessStatus
from tests.app.sources.kubernetes.conftest import NOW, until
from tests.lab.kubernetes_store import read_json

PROTOCOL = Path(__file__).parents[3] / "fixtures" / "kubernetes" / "api-protocol"
SCENARIO = PROTOCOL.parent / "crashloop-expired-certificate"


def recorded(name: str) -> Response:
    answer = read_json(next(PROTOCOL.glob(f"{name}.json*")))
    body = answer["body"] if isinstance(answer["body"], str) else json.dumps(answer["body"])
    return Response(answer["status"], answer["headers"], body.encode())


def watched(name: str) -> list[dict[str, Any]]:
    file = next(PROTOCOL.glob(f"{name}.jsonl*"))
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return [json.loads(line)["event"] for line in data.splitlines()[1:]]


@pytest.mark.parametrize(
    ("name", "trouble", "words"),
    [
        ("401-bad-token", Trouble.UNAUTHENTICATED, "Unauthorized"),
        ("403-anonymous-pods", Trouble.FORBIDDEN, 'cannot list resource "pods"'),
        ("console-readonly-nodes", Trouble.FORBIDDEN, 'cannot list resource "nodes"'),
        ("console-readonly-metrics", Trouble.FORBIDDEN, 'cannot get path "/metrics"'),
        ("console-readonly-watch-nodes", Trouble.FORBIDDEN, 'cannot watch resource "nodes"'),
        ("404-pod", Trouble.NOT_FOUND, 'pods "no-such-pod" not found'),
        ("404-unknown-resource", Trouble.NOT_FOUND, "HTTP 404"),
        ("400-field-selector", Trouble.REJECTED, "field label not supported"),
        ("400-continue-garbage", Trouble.REJECTED, "invalid continue token"),
        ("405-method", Trouble.REJECTED, "does not allow this method"),
        ("406-not-acceptable", Trouble.REJECTED, "Not Acceptable"),
        ("422-invalid", Trouble.REJECTED, "is invalid"),
        ("504-resource-version-too-large", Trouble.UNAVAILABLE, "Too large resource version"),
    ],
)
def test_refusals_keep_the_servers_words(name, trouble, words):
    error = refusal(recorded(name))
    assert error.trouble is trouble
    assert words in error.message


def test_a_bad_credential_and_a_missing_right_have_different_advice():
    bad, missing = refusal(recorded("401-bad-token")), refusal(recorded("403-anonymous-pods"))
    assert "log in" in bad.hint
    assert "right" in missing.hint


def test_a_403_that_is_not_the_apis_own_is_something_in_between():
    assert refusal(Response(403, {}, b"<html>blocked by policy</html>")).trouble is Trouble.PROTOCOL


def test_plain_text_is_no_status():
    assert status_of(recorded("404-unknown-resource").body) is None
    assert status_of(recorded("200-version").body) is None


@pytest.mark.parametrize("name", ["400-log-container-waiting", "400-log-previous-missing", "400-log-unknown-container"])
def test_a_log_that_cannot_be_had_is_an_answer(api, connect, name):
    words = status_of(recorded(name).body).message
    api.refuse_log("prod", "p", "app", words)
    tail = connect().log("prod", "p", "app")
    assert (tail.lines, tail.refusal) == ((), words)


def test_readiness():
    ready = readiness_of(recorded("200-readyz-verbose"), 5.0)
    assert (ready.ok, ready.failed, ready.at) == (True, (), 5.0)


def as_recorded(api, resource: str, name: str) -> None:
    answer = recorded(name)
    api.failures[resource].append((answer.status, json.loads(answer.body), dict(answer.headers)))


def test_pages_as_recorded_are_one_list(api, connect):
    for page in range(1, 10):
        as_recorded(api, "events", f"list-events-page-{page}")
    state = connect().state(NOW)
    expected = sum(len(json.loads(recorded(f"list-events-page-{page}").body)["items"]) for page in range(1, 10))
    assert len(state.events) == expected > 320


def test_an_expired_page_as_recorded_begins_again(api, connect):
    as_recorded(api, "events", "list-events-page-1")
    as_recorded(api, "events", "410-continue-expired")
    as_recorded(api, "events", "list-events-page-9")
    state = connect().state(NOW)
    assert len(state.events) == len(json.loads(recorded("list-events-page-9").body)["items"])


def test_a_version_from_the_future_is_asked_for_again(api, connect):
    as_recorded(api, "pods", "504-resource-version-too-large")
    source = connect(ready=False)
    until(source, lambda s: "pods" in s.access and s.readable("pods"))


@pytest.mark.parametrize("name", ["watch-410-too-old", "watch-410-events-compacted"])
def test_a_watch_that_is_too_old_lists_again(api, connect, name):
    api.load(SCENARIO)
    api.streams["pods"].append(watched(name))
    source = connect()
    until(source, lambda _: sum("/api/v1/pods?limit" in path for _, path in api.requests) == 2)
    assert source.state(NOW).access["pods"].status is AccessStatus.LISTED


def test_an_error_that_is_not_410_watches_on(api, connect):
    api.load(SCENARIO)
    api.streams["pods"].append(watched("watch-list-500-old-etcd"))
    source = connect()
    until(source, lambda _: sum("/api/v1/pods?watch" in path for _, path in api.requests) >= 2)
    until(source, lambda s: s.access["pods"].status is AccessStatus.LISTED)
    assert sum("/api/v1/pods?limit" in path for _, path in api.requests) == 1


def test_a_recorded_watch_ends_in_the_recorded_state(api, connect):
    events = watched("watch-pods-prod")
    api.streams["pods"].append(events)
    last: dict[str, str | None] = {}
    for event in events:
        meta = event["object"]["metadata"]
        if event["type"] != "BOOKMARK":
            last[meta["uid"]] = None if event["type"] == "DELETED" else meta["resourceVersion"]
    kept = {uid: version for uid, version in last.items() if version is not None}
    state = until(connect(), lambda s: {u: p.metadata.resource_version for u, p in s.pods.items()} == kept)
    assert set(state.gone) == set(last) - set(kept)


def test_the_initial_events_of_a_watch_list_are_understood(api, connect):
    events = watched("watch-list-staging")
    api.streams["pods"].append(events)
    added = {event["object"]["metadata"]["uid"] for event in events if event["type"] == "ADDED"}
    until(connect(), lambda s: added and set(s.pods) >= added)
