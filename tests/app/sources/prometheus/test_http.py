from __future__ import annotations

import datetime
import email.utils
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from tests.app.sources.prometheus.authority import Authority
from tests.app.sources.prometheus.scripted import EMPTY_MATRIX, ONE, Asked, Reply, ScriptedServer
from tests.lab.servers import free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JSON = {"Content-Type": "application/json"}
SECRET = "s3cr3t-token"


def client(url: str, slept: list[float] | None = None, **settings: object) -> PrometheusClient:
    connection = PrometheusConnection(url=url, **settings)  # type: ignore[arg-type]
    return PrometheusClient(connection, sleep=(slept if slept is not None else []).append)


def trouble_of(reply: Reply, monkeypatch: pytest.MonkeyPatch) -> SourceError:
    """What a client with a token says when a server always answers like this."""
    monkeypatch.setenv("TOKEN", SECRET)
    with ScriptedServer(lambda _: reply) as server, pytest.raises(SourceError) as caught:
        client(server.url + "/prefix", bearer_token_env="TOKEN", retries=1).instant("up", 1_700_000_040)
    shown = f"{caught.value} {caught.value!r} {caught.value.message} {caught.value.hint}"
    assert SECRET not in shown
    assert caught.value.__cause__ is None
    assert caught.value.hint
    return caught.value


def error(text: str, kind: str = "execution") -> bytes:
    return b'{"status":"error","errorType":"%s","error":"%s"}' % (kind.encode(), text.encode())


@pytest.mark.parametrize(
    ("reply", "trouble", "words"),
    [
        (Reply(401, b"Unauthorized\n", {"Content-Type": "text/plain"}), Trouble.UNAUTHENTICATED, "401"),
        (Reply(401, b"no org id", {"Content-Type": "text/plain"}), Trouble.UNAUTHENTICATED, "no org id"),
        (Reply(403, b"", {}), Trouble.FORBIDDEN, "403"),
        (
            Reply(403, b'{"kind":"Status","status":"Failure","message":"services is forbidden","code":403}', JSON),
            Trouble.FORBIDDEN,
            "services is forbidden",
        ),
        (Reply(404, b"404 page not found", {"Content-Type": "text/plain"}), Trouble.NOT_FOUND, "/prefix/api/v1/query"),
        (
            Reply(400, b'unsupported path requested: "/prefix/api/v1/query"', {"Content-Type": "text/plain"}),
            Trouble.NOT_FOUND,
            "no query API",
        ),
        (Reply(302, b"", {"Location": "https://sso.example/login?state=xyz"}), Trouble.PROTOCOL, "sso.example/login"),
        (Reply(200, b"<!DOCTYPE html><title>Log in", {"Content-Type": "text/html"}), Trouble.PROTOCOL, "web page"),
        (Reply(200, b"  \n<html>", {}), Trouble.PROTOCOL, "web page"),
        (Reply(200, b"up 1\n", {"Content-Type": "text/plain"}), Trouble.PROTOCOL, "not an answer"),
        (Reply(200, ONE[:-10], JSON), Trouble.PROTOCOL, "not an answer"),
        (Reply(200, error("made no sense"), JSON), Trouble.PROTOCOL, "made no sense"),
        (Reply(400, error("parse error: bad", "bad_data"), JSON), Trouble.REJECTED, "parse error: bad"),
        (Reply(422, error("many-to-many matching not allowed"), JSON), Trouble.REJECTED, "many-to-many"),
        (Reply(422, error("query processing would load too many samples"), JSON), Trouble.LIMITED, "too many samples"),
        (Reply(422, error("err-mimir-max-chunks-per-query: hit"), JSON), Trouble.LIMITED, "err-mimir"),
        (Reply(429, b"", {}), Trouble.LIMITED, "429"),
        (Reply(500, b"", {}), Trouble.UNAVAILABLE, "500"),
        (Reply(502, b"", {}), Trouble.UNAVAILABLE, "502"),
        (Reply(503, error("query timed out in expression evaluation", "timeout"), JSON), Trouble.TIMEOUT, "timed out"),
        (Reply(413, b"", {}), Trouble.REJECTED, "too long"),
        (
            Reply(400, b"Client sent an HTTP request to an HTTPS server.\n", {"Content-Type": "text/plain"}),
            Trouble.TLS,
            "speaks TLS",
        ),
    ],
)
def test_every_refusal_has_its_own_word(
    reply: Reply, trouble: Trouble, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = trouble_of(reply, monkeypatch)
    assert said.trouble is trouble
    assert words in said.message


def test_hostile_error_text_is_one_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    said = trouble_of(Reply(422, error(r"a\u001b[31m\nb" + "x" * 5000), JSON), monkeypatch)
    assert said.message.isprintable()
    assert len(said.message) < 600


def test_missing_tenant_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    said = trouble_of(Reply(401, b"no org id", {"Content-Type": "text/plain"}), monkeypatch)
    assert "X-Scope-OrgID" in said.hint


def test_nobody_listens() -> None:
    with pytest.raises(SourceError, match="refused") as caught:
        client(f"http://127.0.0.1:{free_port()}").info()
    assert caught.value.trouble is Trouble.UNREACHABLE


def test_no_such_host() -> None:
    with pytest.raises(SourceError, match="does not resolve") as caught:
        client("http://prometheus.invalid:9090").info()
    assert caught.value.trouble is Trouble.UNREACHABLE


def test_a_server_that_does_not_answer() -> None:
    silence = threading.Event()

    def wait(_: Asked) -> Reply:
        silence.wait(10)
        return Reply()

    with ScriptedServer(wait) as server:
        with pytest.raises(SourceError, match="timeout while waiting") as caught:
            client(server.url, timeout=0.05).info()
        silence.set()
    assert caught.value.trouble is Trouble.TIMEOUT


def test_a_connection_that_breaks_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            for _ in range(2):
                connection, _address = listener.accept()
                connection.recv(1000)
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status"')
                connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        with pytest.raises(SourceError, match="broke off") as caught:
            client(f"http://127.0.0.1:{listener.getsockname()[1]}").instant("up", 0)
        thread.join(5)
    assert caught.value.trouble is Trouble.PROTOCOL


def failing(times: int, status: int, **headers: str) -> Callable[[Asked], Reply]:
    left = iter([Reply(status, b"", headers)] * times)
    return lambda _: next(left, Reply())


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_overload_is_waited_out(status: int) -> None:
    slept: list[float] = []
    with ScriptedServer(failing(3, status)) as server:
        assert client(server.url, slept).instant("1", 0).values.tolist() == [[1.0]]
    assert len(server.asked) == 4
    for delay, longest in zip(slept, [0.5, 1.0, 2.0], strict=True):
        assert longest / 2 <= delay <= longest


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500])
def test_what_will_not_pass_is_not_repeated(status: int) -> None:
    slept: list[float] = []
    with ScriptedServer(failing(1, status)) as server, pytest.raises(SourceError):
        client(server.url, slept).instant("1", 0)
    assert len(server.asked) == 1
    assert slept == []


def test_retry_after_is_honoured_in_both_forms() -> None:
    date = email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=9))
    for value, low, high in (("7", 7, 7), (date, 6, 9)):
        slept: list[float] = []
        with ScriptedServer(failing(1, 429, **{"Retry-After": value})) as server:
            client(server.url, slept).instant("1", 0)
        assert low <= slept[0] <= high


def test_a_server_that_asks_for_too_long_a_wait_is_left_alone() -> None:
    slept: list[float] = []
    with ScriptedServer(failing(1, 503, **{"Retry-After": "3600"})) as server, pytest.raises(SourceError, match="503"):
        client(server.url, slept).instant("1", 0)
    assert slept == []


def test_connections_are_kept_and_queries_bounded() -> None:
    running, most, lock = 0, 0, threading.Lock()
    release = threading.Event()

    def count(_: Asked) -> Reply:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        release.wait(10)
        with lock:
            running -= 1
        return Reply()

    with ScriptedServer(count) as server:
        asker = client(server.url, concurrency=2)
        threads = [threading.Thread(target=asker.instant, args=("1", 0)) for _ in range(6)]
        for thread in threads:
            thread.start()
        wait_until(lambda: running == 2, "two queries")
        release.set()
        for thread in threads:
            thread.join()
        asker.close()
    assert most == 2
    assert len(server.asked) == 6


def test_closing_ends_what_runs_and_what_waits() -> None:
    asked, release = threading.Event(), threading.Event()

    def hold(_: Asked) -> Reply:
        asked.set()
        release.wait(10)
        return Reply(503)

    with ScriptedServer(hold) as server:
        asker = PrometheusClient(PrometheusConnection(url=server.url, retries=10))
        failures: list[SourceError] = []

        def ask() -> None:
            try:
                asker.instant("1", 0)
            except SourceError as error:
                failures.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        asked.wait(5)
        asker.close()
        release.set()
        thread.join(5)
        assert not thread.is_alive()
        assert len(failures) == 1
        with pytest.raises(SourceError, match="closed"):
            asker.info()


def test_long_expressions_are_sent_as_a_form_unless_only_get_may_be() -> None:
    long = "+".join(["1"] * 3000)
    with ScriptedServer(lambda _: Reply(body=ONE)) as server:
        connection = PrometheusConnection(url=server.url)
        PrometheusClient(connection).instant("1", 0)
        PrometheusClient(connection).instant(long, 0)
        PrometheusClient(connection, get_only=True).instant(long, 0)
    assert [asked.method for asked in server.asked] == ["GET", "POST", "GET"]
    assert [asked.query["query"] for asked in server.asked] == [["1"], [long], [long]]


def test_headers_prefix_and_parameters_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    from detectors.series import Grid

    with ScriptedServer(lambda _: Reply(body=EMPTY_MATRIX)) as server:
        asker = client(server.url + "/a/b/", bearer_token_env="TOKEN", headers={"X-Scope-OrgID": "t"}, timeout=7)
        asker.range('m{a="é+&"}', Grid(1_700_000_100, 60, 2))
    (asked,) = server.asked
    assert asked.path == "/a/b/api/v1/query_range"
    assert asked.headers["Authorization"] == f"Bearer {SECRET}"
    assert asked.headers["X-Scope-OrgID"] == "t"
    assert asked.headers["Accept-Encoding"] == "identity"
    assert asked.query == {
        "query": ['m{a="é+&"}'],
        "start": ["1700000040"],
        "end": ["1700000100"],
        "step": ["60"],
        "timeout": ["7s"],
    }


def test_the_proxy_environment_counts_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(lambda _: Reply()) as proxy, ScriptedServer(lambda _: Reply()) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        client(server.url).instant("1", 0)
        client(server.url, trust_env=False).instant("1", 0)
    assert (len(proxy.asked), len(server.asked)) == (1, 1)


# TLS


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    yield Authority(tmp_path)


def test_a_trusted_certificate_works(authority: Authority) -> None:
    with ScriptedServer(lambda _: Reply(), tls=authority.issue("good")) as server:
        assert client(server.url, ca_file=str(authority.file)).instant("1", 0).values.tolist() == [[1.0]]
        assert client(server.url, insecure_skip_verify=True).instant("1", 0).values.tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("host", "start", "end", "words"),
    [
        ("127.0.0.1", -3, -2, "has expired"),
        ("127.0.0.1", 2, 3, "not valid yet"),
        ("prometheus.example", -1, 1, "for another"),
    ],
)
def test_what_is_wrong_with_a_certificate(authority: Authority, host: str, start: int, end: int, words: str) -> None:
    tls = authority.issue("bad", host, start, end)
    with ScriptedServer(lambda _: Reply(), tls=tls) as server, pytest.raises(SourceError, match=words) as caught:
        client(server.url, ca_file=str(authority.file)).info()
    assert caught.value.trouble is Trouble.TLS


def test_an_unknown_authority(authority: Authority) -> None:
    with (
        ScriptedServer(lambda _: Reply(), tls=authority.issue("good")) as server,
        pytest.raises(SourceError, match="not trusted") as caught,
    ):
        client(server.url).info()
    assert caught.value.trouble is Trouble.TLS
    assert "ca_file" in caught.value.hint


def test_tls_spoken_to_a_server_without() -> None:
    with ScriptedServer(lambda _: Reply()) as server, pytest.raises(SourceError, match="does not speak TLS") as caught:
        client(server.url.replace("http:", "https:")).info()
    assert caught.value.trouble is Trouble.TLS


def test_a_client_certificate_is_presented(authority: Authority) -> None:
    cert, key = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    own = dict(zip(("cert_file", "key_file"), map(str, authority.issue("client")), strict=True))
    with ScriptedServer(lambda _: Reply()) as server:
        server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
        url = server.url.replace("http:", "https:")
        assert client(url, ca_file=str(authority.file), **own).instant("1", 0).values.tolist() == [[1.0]]
        with pytest.raises(SourceError, match=r"alert|certificate") as caught:
            client(url, ca_file=str(authority.file)).info()
    assert caught.value.trouble is Trouble.TLS
    assert "cert_file" in caught.value.hint


@pytest.mark.parametrize("setting", ["ca_file", "cert_file"])
def test_tls_files_that_are_missing_or_broken_are_named(setting: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("not a certificate")
    for path in (tmp_path / "missing.pem", broken):
        with pytest.raises(SourceError, match=path.name) as caught:
            client("https://127.0.0.1:1", **{setting: str(path)}).info()
        assert caught.value.trouble is Trouble.CONFIGURATION


def test_a_closed_keepalive_connection_is_opened_again() -> None:
    dropped = httpx.RemoteProtocolError("Server disconnected without sending a response.")
    answers = iter([dropped, httpx.Response(200, content=ONE)])

    def handle(_: httpx.Request) -> httpx.Response:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    asker = PrometheusClient(PrometheusConnection(url="http://host"), transport=httpx.MockTransport(handle))
    assert asker.instant("1", time.time()).values.tolist() == [[1.0]]
