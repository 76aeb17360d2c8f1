"""Logging in: token files, login plugins (`exec`), and the auth-provider that they have replaced."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from app.sources.base import Trouble
from app.sources.kubernetes import KubernetesClient
from tests.app.sources.kubernetes.kubeconfigs import TOKEN, config, login, plugin, trouble
from tests.app.sources.prometheus.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_kubeconfig")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between two logins."""
    monkeypatch.setattr("app.sources.kubernetes.client._LOGIN_PAUSE", 0.0)


def test_a_renewed_token_file_is_picked_up(api, tmp_path, at_once):
    token = tmp_path / "token"
    token.write_text("stale")
    client = KubernetesClient(config(tmp_path / "k", api.url, {"tokenFile": str(token)}))
    assert client.get("/version").status == 401
    token.write_text(api.token)
    assert client.get("/version").status == 200


GIVES = """
import json, os, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
assert not info["spec"]["interactive"] and sys.stdin.read() == "" and sys.argv[1] == "get-token"
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": {"token": os.environ["T"]}}))
"""


def test_a_login_plugin_gives_the_token(api, tmp_path):
    command = plugin(tmp_path / "login", GIVES)
    user = login(command, env=[{"name": "T", "value": api.token}])
    assert KubernetesClient(config(tmp_path / "k", api.url, user)).get("/version").status == 200


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (None, Trouble.CONFIGURATION, "is not installed"),
        ("import sys; sys.exit('session expired, run: cloud login')", Trouble.UNAUTHENTICATED, "cloud login"),
        ("print('{}')", Trouble.UNAUTHENTICATED, "gave no credential"),
        (f"print('{TOKEN}')", Trouble.UNAUTHENTICATED, "gave no credential"),
    ],
)
def test_a_login_plugin_that_fails_is_named(tmp_path, body, kind, words):
    command = plugin(tmp_path / "login", body) if body is not None else "no-such-login-plugin"
    user = login(command, installHint="brew install it")
    error = trouble(lambda: KubernetesClient(config(tmp_path / "k", user=user)).get("/version"))
    assert error.trouble is kind
    assert words in error.message and command in error.message
    assert error.hint and (body is not None or error.hint == "brew install it")


def test_a_failing_login_plugin_is_not_run_for_every_request(tmp_path):
    runs = tmp_path / "runs"
    command = plugin(tmp_path / "login", f"open({str(runs)!r}, 'a').write('x'); raise SystemExit(1)")
    client = KubernetesClient(config(tmp_path / "k", user=login(command)))
    for _ in range(3):
        trouble(lambda: client.get("/version"))
    assert runs.read_text() == "x"


def test_the_context_is_known_before_anybody_logs_in(tmp_path):
    assert KubernetesClient(config(tmp_path / "k", user=login("no-such-login-plugin"))).cluster == "here"


EXPIRING = """
import json, pathlib, sys
here = pathlib.Path(sys.argv[0]).parent
with (here / "runs").open("a") as runs:
    runs.write("x")
token = (here / "session").read_text()
if not token:
    sys.exit("the session has expired, run: cloud login")
status = {"token": token, "expirationTimestamp": (here / "expires").read_text()}
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}))
"""


class Session:
    """A login plugin whose tokens run out, and the session outside from which it takes them."""

    def __init__(self, folder: Path, token: str) -> None:
        self.folder = folder
        self.command = plugin(folder / "login", EXPIRING)
        self.renew(token)

    def renew(self, token: str, seconds: float = 60.0) -> None:
        """Another token, valid for so long; an empty one: the engineer has to log in again."""
        (self.folder / "session").write_text(token)
        until = time.gmtime(time.time() + seconds)
        (self.folder / "expires").write_text(time.strftime("%Y-%m-%dT%H:%M:%SZ", until))

    @property
    def runs(self) -> int:
        file = self.folder / "runs"
        return len(file.read_text()) if file.exists() else 0


def test_a_token_that_has_expired_is_renewed_and_only_then(api, tmp_path, at_once):
    session = Session(tmp_path, api.token)
    client = KubernetesClient(config(tmp_path / "k", api.url, login(session.command)))
    assert [client.get("/version").status for _ in range(5)] == [200] * 5
    assert session.runs == 1, "a token of a minute is good for a minute, and no plugin is run for every request"
    api.token = "the-next-one"
    session.renew(api.token)
    assert [client.get("/version").status for _ in range(3)] == [200] * 3
    assert session.runs == 2


def test_a_session_that_has_ended_is_told_in_the_plugins_words_until_it_is_back(api, tmp_path, monkeypatch):
    session = Session(tmp_path, api.token)
    client = KubernetesClient(config(tmp_path / "k", api.url, login(session.command)))
    assert client.get("/version").status == 200
    api.token = "the-next-one"
    session.renew("")
    monkeypatch.setattr("app.sources.kubernetes.client._LOGIN_PAUSE", 0.0)
    errors = [trouble(lambda: client.get("/version"))]
    monkeypatch.setattr("app.sources.kubernetes.client._LOGIN_PAUSE", 3600.0)
    errors += [trouble(lambda: client.get("/version")) for _ in range(3)]
    assert {error.trouble for error in errors} == {Trouble.UNAUTHENTICATED}
    assert all("the session has expired, run: cloud login" in error.message for error in errors)
    assert session.runs == 2, "it is not run for every request"
    monkeypatch.setattr("app.sources.kubernetes.client._LOGIN_PAUSE", 0.0)
    session.renew(api.token)
    assert client.get("/version").status == 200


@pytest.mark.parametrize(("mode", "runs"), [("Never", 1), ("IfAvailable", 1), ("Always", 0)])
def test_a_plugin_that_must_have_a_terminal_is_not_run(api, tmp_path, mode, runs):
    session = Session(tmp_path, api.token)
    client = KubernetesClient(config(tmp_path / "k", api.url, login(session.command, interactiveMode=mode)))
    if runs:
        assert client.get("/version").status == 200
    else:
        error = trouble(lambda: client.get("/version"))
        assert error.trouble is Trouble.UNAUTHENTICATED
        assert "interactiveMode: Always" in error.message and session.command in error.message
        assert "IfAvailable" in error.hint
    assert session.runs == runs


TELLS = """
import json, os, sys
open(sys.argv[0] + ".told", "w").write(os.environ["KUBERNETES_EXEC_INFO"])
sys.exit(1)
"""


@pytest.mark.parametrize("wanted", [True, False])
def test_a_plugin_is_told_of_the_cluster_if_it_wants_to_be(tmp_path, wanted):
    command = plugin(tmp_path / "login", TELLS)
    extensions = [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "prod"}}]
    path = config(tmp_path / "k", user=login(command, provideClusterInfo=wanted), extensions=extensions)
    trouble(lambda: KubernetesClient(path).get("/version"))
    spec = json.loads(Path(f"{command}.told").read_text())["spec"]
    assert spec["interactive"] is False
    assert ("cluster" in spec) is wanted
    if wanted:
        assert (spec["cluster"]["server"], spec["cluster"]["config"]) == ("http://127.0.0.1:1", {"audience": "prod"})


# ------------------------------------------------------------------------------------------------ auth-provider oidc


def id_token(seconds: float) -> str:
    """What an identity provider signs, without a signature; valid for so long."""
    parts = ({"alg": "none"}, {"exp": int(time.time() + seconds), "sub": "oncall"})
    return ".".join(
        [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts] + ["x"]
    )


class IdentityProvider:
    """Gives one token for one refresh token; what it was asked is kept."""

    def __init__(self, fresh: str, tls: tuple[Path, Path] | None = None) -> None:
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {
            "/token": (200, {"id_token": fresh, "refresh_token": "r2"})
        }
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def answer(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                owner.asked.append((self.path, parse_qs(sent)))
                status, body = owner.answers.get(self.path, (404, {}))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps({"access_token": "a", "token_type": "bearer", **body}).encode())

            do_GET = do_POST = answer  # noqa: N815

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_port}"
        self.answers["/.well-known/openid-configuration"] = (200, {"token_endpoint": f"{self.url}/token"})


@contextmanager
def provider(fresh: str, tls: tuple[Path, Path] | None = None) -> Iterator[IdentityProvider]:
    each = IdentityProvider(fresh, tls)
    thread = threading.Thread(target=each.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield each
    finally:
        each.server.shutdown()
        each.server.server_close()
        thread.join()


def oidc(token: str, url: str = "http://127.0.0.1:1") -> dict[str, Any]:
    settings = {
        "idp-issuer-url": url, "client-id": "tocsin", "client-secret": TOKEN, "id-token": token, "refresh-token": "r1",
    }  # fmt: skip
    return {"auth-provider": {"name": "oidc", "config": settings}}


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the identity provider be asked without TLS, as on loopback."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def test_an_id_token_that_is_valid_is_used_as_it_is(api, tmp_path):
    api.token = id_token(3600)
    assert KubernetesClient(config(tmp_path / "k", api.url, oidc(api.token))).get("/version").status == 200


def test_an_id_token_that_has_expired_is_renewed_and_kept(api, tmp_path, plain):
    api.token = id_token(3600)
    with provider(api.token) as idp:
        path = config(tmp_path / "k", api.url, oidc(id_token(-60), idp.url))
        assert KubernetesClient(path).get("/version").status == 200
        [(_, _), (where, sent)] = idp.asked
        assert (where, sent["refresh_token"], sent["grant_type"]) == ("/token", ["r1"], ["refresh_token"])
    assert KubernetesClient(path).get("/version").status == 200, "the kubeconfig has the new one, as kubectl left it"


class TestWhoseCertificate:
    """A kubeconfig that names no authority for its identity provider trusts the system's, and nobody else."""

    @pytest.mark.parametrize("trusted", [True, False])
    def test_only_one_that_the_system_trusts_is_asked(self, api, tmp_path, monkeypatch, trusted):
        authority = Authority(tmp_path)
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        api.token = id_token(3600)
        with provider(api.token, authority.issue("idp")) as idp:
            path = config(tmp_path / "k", api.url, oidc(id_token(-60), idp.url))
            client = KubernetesClient(path)
            if trusted:
                assert client.get("/version").status == 200
                assert [where for where, _ in idp.asked] == ["/.well-known/openid-configuration", "/token"]
            else:
                error = trouble(lambda: client.get("/version"))
                assert error.trouble is Trouble.UNAUTHENTICATED
                assert idp.url in error.message and "not trusted" in error.message
                assert "idp-certificate-authority" in error.hint
                assert not idp.asked, "whoever is in between gets no refresh token, and names no place to send it to"
        assert "idp-certificate-authority" not in Path(path).read_text()

    def test_one_that_is_named_in_the_kubeconfig_is_enough(self, api, tmp_path):
        authority = Authority(tmp_path)
        api.token = id_token(3600)
        with provider(api.token, authority.issue("idp")) as idp:
            user = oidc(id_token(-60), idp.url)
            user["auth-provider"]["config"]["idp-certificate-authority"] = str(authority.file)
            assert KubernetesClient(config(tmp_path / "k", api.url, user)).get("/version").status == 200


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        (
            "/token",
            (400, {"error": "invalid_grant", "error_description": "the session has ended"}),
            "session has ended",
        ),
        ("/token", (200, {"id_token": None}), "auth-provider oidc"),
        ("/.well-known/openid-configuration", (200, {}), "'token_endpoint' is missing"),
    ],
)
def test_an_identity_provider_that_refuses_is_named(tmp_path, plain, path, answer, words):
    with provider(id_token(3600)) as idp:
        idp.answers[path] = answer
        client = KubernetesClient(config(tmp_path / "k", user=oidc(id_token(-60), idp.url)))
        error = trouble(lambda: client.get("/version"))
    assert error.trouble is Trouble.UNAUTHENTICATED
    assert words in error.message and "auth-provider oidc of context here" in error.message


def test_an_identity_provider_that_does_not_answer_is_named(tmp_path, plain):
    error = trouble(lambda: KubernetesClient(config(tmp_path / "k", user=oidc(id_token(-60)))).get("/version"))
    assert error.trouble is Trouble.UNAUTHENTICATED
    assert "auth-provider oidc of context here failed" in error.message
    assert "kubectl" in error.hint


@pytest.mark.parametrize("user", [{"auth-provider": {"name": "azure", "config": {}}}, oidc("no-token")])
def test_an_auth_provider_that_gives_nothing_is_named(tmp_path, user):
    error = trouble(lambda: KubernetesClient(config(tmp_path / "k", user=user)).get("/version"))
    assert error.trouble is Trouble.UNAUTHENTICATED
    assert f"the auth-provider {user['auth-provider']['name']} of context here gave no token" in error.message
    assert "exec" in error.hint
