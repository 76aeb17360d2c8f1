"""A real Alertmanager: alerts that are raised, renewed, changed and resolved, and silences that others honour too."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from app.notify.alertmanager import LASTS, RENEW, alerts, labels
from app.notify.silences import Matcher
from storage.records import HeldBy, MessageState, Priority
from tests.app.notify.bench import Bench
from tests.app.notify.samples import conclude, message, recover
from tests.app.notify.slack_server import CHANNEL, SlackServer
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Alertmanager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.database import Store
    from tests.app.notify.http_server import HttpServer

pytestmark = needs_servers

AT = float(int(time.time()))
"""A real Alertmanager compares with its own clock."""


@pytest.fixture(scope="module")
def server() -> Iterator[Alertmanager]:
    with Alertmanager(prefix="/am") as started:
        yield started


@pytest.fixture
def bench(store: Store, slack: SlackServer, server: Alertmanager) -> Iterator[Bench]:
    """Every case goes to a Slack and to the Alertmanager; what a test leaves there is ended."""
    to_slack = {"channel": CHANNEL, "token_env": "SLACK_TOKEN", "api": f"{slack.url}/api/"}
    yield Bench(store, AT, destinations={"am": {"kind": "alertmanager", "url": server.url}, "oncall": to_slack})
    for silence in read(server, "/api/v2/silences"):
        server._request("DELETE", f"/api/v2/silence/{silence['id']}", None)
    past = [{"labels": alert["labels"], "endsAt": _time(AT)} for alert in firing(server)]
    assert post(server, "/api/v2/alerts", past)[0] == 200


def read(server: Alertmanager, path: str) -> Any:
    status, body = server.get(path)
    assert status == 200, body
    return json.loads(body)


def post(server: Alertmanager, path: str, given: Any) -> tuple[int, bytes]:
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", server.prefix + path, json.dumps(given), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def firing(server: Alertmanager) -> list[dict[str, Any]]:
    return [alert for alert in read(server, "/api/v2/alerts") if alert["status"]["state"] != "resolved"]


def silence(server: Alertmanager, *matchers: tuple[str, str, bool, bool]) -> str:
    given = [
        {"name": name, "value": value, "isRegex": regex, "isEqual": equal} for name, value, regex, equal in matchers
    ]
    status, body = post(
        server,
        "/api/v2/silences",
        {
            "matchers": given,
            "startsAt": _time(AT - 60),
            "endsAt": _time(AT + 3600),
            "createdBy": "kim",
            "comment": "a migration",
        },
    )
    assert status == 200, body
    return str(json.loads(body)["silenceID"])


def test_a_case_is_an_alert_that_changes_with_it_and_is_resolved_with_it(bench: Bench, server: Alertmanager) -> None:
    conclude(bench.store, bench.settings, priority=Priority.P2)
    bench.run()
    [alert] = firing(server)
    assert alert["labels"]["severity"] == "warning" and alert["labels"]["deployment"] == "checkout"
    assert alert["annotations"]["tocsin"] == "tocsin show 1"
    conclude(bench.store, bench.settings, priority=Priority.P1)
    bench.run()
    [alert] = firing(server)
    assert (alert["labels"]["priority"], alert["labels"]["severity"]) == ("P1", "critical")
    recover(bench.store, bench.settings)
    bench.run()
    assert firing(server) == []
    assert bench.to("am").state is MessageState.SENT and bench.to("am").again is None


def test_an_alert_is_renewed_while_its_case_lasts(bench: Bench, server: Alertmanager) -> None:
    conclude(bench.store, bench.settings)
    bench.run()
    [before] = firing(server)
    bench.run(later=RENEW - 1)
    assert [alert["endsAt"] for alert in firing(server)] == [before["endsAt"]]
    bench.run(later=1)
    [after] = firing(server)
    assert after["fingerprint"] == before["fingerprint"] and after["endsAt"] > before["endsAt"]
    assert bench.to("am").again == bench.clock.now() + RENEW < bench.clock.now() + LASTS


@pytest.mark.parametrize(
    "matcher",
    [
        ("service", "checkout", False, True),
        ("namespace", "sh.*", True, True),
        ("environment", "staging", False, False),
        ("team", "", False, True),
    ],
)
def test_what_a_silence_there_fits_is_told_nowhere_else_until_it_ends(
    bench: Bench, server: Alertmanager, slack: SlackServer, matcher: tuple[str, str, bool, bool]
) -> None:
    number = silence(server, ("namespace", "shop", False, True), matcher)
    conclude(bench.store, bench.settings)
    bench.run()
    [alert] = firing(server)
    assert alert["status"]["silencedBy"] == [number], "the server itself says so too"
    held = bench.to("oncall")
    assert (held.state, held.held_by) == (MessageState.HELD, HeldBy.SILENCE)
    assert f"silence {number} of am by kim" in held.error and "a migration" in held.error
    server._request("DELETE", f"/api/v2/silence/{number}", None)
    bench.run(later=60)
    assert len(slack.messages) == 1 and bench.to("oncall").state is MessageState.SENT


@pytest.mark.parametrize(
    "matcher",
    [("service", "check", True, True), ("service", "cart", False, True), ("service", "checkout", False, False)],
)
def test_a_silence_of_something_else_holds_nothing(
    bench: Bench, server: Alertmanager, slack: SlackServer, matcher: tuple[str, str, bool, bool]
) -> None:
    silence(server, ("namespace", "shop", False, True), matcher)
    conclude(bench.store, bench.settings)
    bench.run()
    assert firing(server)[0]["status"]["silencedBy"] == []
    assert len(slack.messages) == 1


def test_what_is_over_before_its_silence_ends_stays_held_and_is_never_posted(
    bench: Bench, server: Alertmanager, slack: SlackServer
) -> None:
    number = silence(server, ("service", "checkout", False, True))
    conclude(bench.store, bench.settings)
    bench.run()
    recover(bench.store, bench.settings)
    server._request("DELETE", f"/api/v2/silence/{number}", None)
    bench.run(later=3600)
    assert slack.messages == {} and bench.to("oncall").held_by is HeldBy.SILENCE


def test_silences_that_nobody_can_read_hold_nothing_and_the_outbox_says_so(
    store: Store, slack: SlackServer, http: HttpServer
) -> None:
    to_slack = {"channel": CHANNEL, "token_env": "SLACK_TOKEN", "api": f"{slack.url}/api/"}
    bench = Bench(store, destinations={"am": {"kind": "alertmanager", "url": http.url}, "oncall": to_slack})
    conclude(store, bench.settings)
    bench.run()
    assert len(slack.messages) == 1
    assert "the silences of am could not be read" in bench.to("oncall").error


def test_an_alertmanager_that_refuses_is_a_dead_letter_and_one_that_is_away_is_tried_again(
    store: Store, http: HttpServer
) -> None:
    bench = Bench(store, destinations={"am": {"kind": "alertmanager", "url": http.url}})
    http.answers += [(500, {}), (0, {}), (429, {"Retry-After": "40"}), (400, {})]
    conclude(store, bench.settings)
    for waited in (5, 10, 40):
        bench.run()
        assert bench.only.state is MessageState.WAITING and bench.only.next_at == bench.clock.now() + waited
        bench.clock.set(bench.only.next_at)
    bench.run()
    assert bench.only.state is MessageState.FAILED and "Alertmanager: 400" in bench.only.error


def test_a_token_goes_along_and_a_user_with_it(store: Store, http: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AM_TOKEN", "open")
    plain = {"kind": "alertmanager", "url": http.url, "token_env": "AM_TOKEN"}
    bench = Bench(store, destinations={"bearer": plain, "basic": {**plain, "username": "kim"}})
    conclude(store, bench.settings)
    bench.run()
    assert {each.headers["authorization"] for each in http.posted} == {"Bearer open", "Basic a2ltOm9wZW4="}


def test_an_alert_that_changes_its_priority_ends_as_what_it_was() -> None:
    told = message(priority=Priority.P1)
    new, old = alerts(told, told.onset + 600, "P3")
    assert new["labels"] == labels(told) and old["labels"] == labels(told, "P3")
    assert old["endsAt"] == _time(told.onset + 600) < new["endsAt"]
    assert len(alerts(told, told.onset + 600, "P1")) == 1


@pytest.mark.parametrize("kind", ["", "Deployment", "external host", "Größe", "Namespace", "Case"])
def test_labels_are_named_as_every_alertmanager_takes_them_and_say_what_they_say(kind: str) -> None:
    given = labels(replace(message(), kind=kind))
    assert all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) for name in given)
    assert (given["alertname"], given["namespace"], given["case"]) == ("Tocsin", "shop", "1")


def test_an_expression_that_cannot_be_read_fits_nothing() -> None:
    assert not Matcher("service", "(", True).fits({"service": "("})
    assert not Matcher("service", "(", True, False).fits({"service": "x"})


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
