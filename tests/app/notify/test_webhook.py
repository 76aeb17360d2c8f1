"""A webhook's JSON, its signature, and what comes twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import pytest

from app.notify.webhook import payload, signature
from storage.records import HeldBy, MessageState, Priority
from tests.app.notify.bench import Bench
from tests.app.notify.samples import NOW, conclude, message, recover

if TYPE_CHECKING:
    from storage.database import Store
    from tests.app.notify.http_server import HttpServer, Posted

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""Of the example of https://www.standardwebhooks.com."""

# fmt: off
CASE = [
    "back", "cause", "cluster", "commands", "confidence", "contradicts", "ended", "environment", "id", "impact",
    "kind", "name", "namespace", "notes", "onset", "playbook", "priority", "readings", "reason", "runbook", "scope",
    "status", "subject", "supports", "sure", "title", "unknown", "verdict",
]
# fmt: on
"""What docs/webhook.md promises of a case; more may be added, nothing taken away."""


@pytest.fixture
def bench(store: Store, http: HttpServer, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    return Bench(store, destinations={"hook": _to(http)})


def _to(http: HttpServer, **more: Any) -> dict[str, Any]:
    return {"kind": "webhook", "url": f"{http.url}/in", "secret_env": "HOOK_SECRET", **more}


def signed(posted: Posted) -> bool:
    """What a receiver does."""
    text = f"{posted.headers['webhook-id']}.{posted.headers['webhook-timestamp']}.".encode() + posted.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    mine = base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()
    return posted.headers["webhook-signature"] == f"v1,{mine}"


def test_the_example_of_the_specification_has_the_signature_that_it_says() -> None:
    at, key, body = 1614265330, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    assert signature(SECRET, key, at, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_version_is_posted_signed_and_known_by_its_case(bench: Bench, http: HttpServer) -> None:
    conclude(bench.store, bench.settings)
    bench.run()
    conclude(bench.store, bench.settings, scope="one pod")
    bench.run()
    recover(bench.store, bench.settings)
    bench.run()
    bodies = [json.loads(each.body) for each in http.posted]
    assert [(body["event"], body["over"], body["case"]["id"]) for body in bodies] == [
        ("posted", False, 1),
        ("changed", False, 1),
        ("changed", True, 1),
    ]
    assert all(map(signed, http.posted)) and {each.path for each in http.posted} == {"/in"}
    assert http.posted[0].headers["webhook-timestamp"] == str(int(NOW))
    assert len({each.headers["webhook-id"] for each in http.posted}) == 3


def test_what_is_posted_again_has_the_id_that_it_had(bench: Bench, http: HttpServer) -> None:
    http.answers += [(0, {}), (502, {})]
    conclude(bench.store, bench.settings)
    for _ in range(3):
        bench.run(later=10)
    assert len(http.posted) == 3 and bench.only.state is MessageState.SENT
    assert len({each.headers["webhook-id"] for each in http.posted}) == 1
    assert all(map(signed, http.posted))


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
def test_what_is_refused_is_a_dead_letter(bench: Bench, http: HttpServer, status: int) -> None:
    http.answers.append((status, {}))
    conclude(bench.store, bench.settings)
    bench.run(later=10)
    bench.run(later=9000)
    assert len(http.posted) == 1
    assert bench.only.state is MessageState.FAILED and f"webhook: {status}" in bench.only.error


def test_the_schema_that_is_documented() -> None:
    body = payload(message())
    assert sorted(body) == ["case", "event", "headline", "over", "schema"]
    assert sorted(body["case"]) == CASE


def test_a_summary_is_an_event_of_its_own(store: Store, http: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    bench = Bench(store, destinations={"hook": _to(http, digest=["P3"])})
    conclude(store, bench.settings, priority=Priority.P3)
    bench.run()
    assert bench.only.held_by is HeldBy.DIGEST
    bench.run(later=3600)
    body = json.loads(http.posted[0].body)
    assert (body["event"], body["held"][0]["id"]) == ("summary", 1)


def test_a_secret_that_cannot_be_one_is_waited_for(
    bench: Bench, http: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "whsec_?")
    conclude(bench.store, bench.settings)
    bench.run()
    assert http.posted == [] and "Base64" in bench.only.error and "?" not in bench.only.error
