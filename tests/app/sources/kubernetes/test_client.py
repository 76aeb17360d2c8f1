from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from app.sources.base import Trouble
from app.sources.kubernetes import KubernetesClient
from app.sources.kubernetes.client import StreamRefusedError
from tests.app.sources.kubernetes.kubeconfigs import TOKEN, config, trouble
from tests.lab.kubernetes_api import KubernetesApi

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_kubeconfig")


def test_an_answer_comes_raw_whatever_its_status(api, tmp_path):
    client = KubernetesClient(str(api.kubeconfig(tmp_path / "k")))
    good = client.get("/version")
    assert (good.status, json.loads(good.body)["minor"], good.headers["content-type"]) == (
        200,
        "36",
        "application/json",
    )
    missing = client.get("/apis/example.com/v1/widgets", {"limit": "1"})
    assert (missing.status, missing.body) == (404, b"404 page not found\n")
    assert api.requests[-1] == ("GET", "/apis/example.com/v1/widgets?limit=1")


def test_a_context_is_chosen_by_name_or_by_the_file(tmp_path):
    path = config(tmp_path / "k")
    assert (KubernetesClient(path).cluster, KubernetesClient(path).namespace) == ("here", "team")
    assert (KubernetesClient(path, "there").cluster, KubernetesClient(path, "there").namespace) == ("there", "")


def test_kubeconfigs_are_merged_like_kubectl_does(tmp_path, monkeypatch):
    one, two = config(tmp_path / "one"), tmp_path / "two"
    two.write_text('{"contexts": [{"name": "extra", "context": {"cluster": "c", "user": "u"}}]}')
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join((one, str(two), str(tmp_path / "missing"))))
    assert KubernetesClient(context="extra").cluster == "extra"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no kubeconfig at"),
        ("", "is empty"),
        ("{ not yaml", "line 1: not valid YAML"),
        (f"token: {TOKEN}\n  bad: [", "not valid YAML"),
        ("just text", "not a kubeconfig"),
        ("{}", "has no current context; it has none"),
        (
            '{"contexts": [{"name": "a", "context": {}}, {"name": "b", "context": {}}]}',
            "no current context; it has a, b",
        ),
        ('{"current-context": "gone", "contexts": [{"name": "a", "context": {}}]}', "context gone is not in"),
    ],
)
def test_a_kubeconfig_that_is_no_good_is_named(tmp_path, content, words):
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    error = trouble(lambda: KubernetesClient(str(path)).cluster)
    assert error.trouble is Trouble.CONFIGURATION
    assert words in error.message and str(path) in error.message


def test_a_context_of_nothing_is_named(tmp_path):
    error = trouble(lambda: KubernetesClient(config(tmp_path / "k"), "broken").get("/version"))
    assert error.trouble is Trouble.CONFIGURATION
    assert "context broken" in error.message and "nowhere" in error.message


def test_a_certificate_file_that_is_missing_is_named(tmp_path):
    path = config(tmp_path / "k", "https://127.0.0.1:1", **{"certificate-authority": "/nowhere/ca.pem"})
    error = trouble(lambda: KubernetesClient(path).get("/version"))
    assert error.trouble is Trouble.CONFIGURATION
    assert "/nowhere/ca.pem" in error.message


def test_a_wrong_token_and_a_missing_right_are_told_apart(api, tmp_path):
    bad = KubernetesClient(str(api.kubeconfig(tmp_path / "bad", token=TOKEN)))
    assert bad.get("/api/v1/pods").status == 401
    api.forbid("pods")
    assert KubernetesClient(str(api.kubeconfig(tmp_path / "good"))).get("/api/v1/pods").status == 403


def test_nobody_listens(tmp_path):
    error = trouble(lambda: KubernetesClient(config(tmp_path / "k")).get("/version"))
    assert error.trouble is Trouble.UNREACHABLE
    assert "http://127.0.0.1:1 refused the connection" in error.message


def test_a_name_that_does_not_resolve(tmp_path):
    error = trouble(lambda: KubernetesClient(config(tmp_path / "k", "http://api.invalid")).get("/version"))
    assert error.trouble is Trouble.UNREACHABLE
    assert "does not resolve" in error.message


def test_silence(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        error = trouble(lambda: KubernetesClient(config(tmp_path / "k", url)).get("/version", timeout=0.1))
    assert error.trouble is Trouble.TIMEOUT


AUTHORITY = """
[ca]
default_ca = lab
[lab]
database = index.txt
rand_serial = yes
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
x509_extensions = self
[any]
commonName = supplied
[self]
subjectAltName = IP:127.0.0.1
basicConstraints = CA:TRUE
"""


def openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Path:
    """`good` and `expired`, for this host: `.crt` is the certificate, `.pem` has its key too."""
    if shutil.which("openssl") is None:
        pytest.skip("TLS tests are SKIPPED; to run them: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    (folder / "ca.cnf").write_text(AUTHORITY)
    for name, end in (("good", "20991231000000Z"), ("expired", "20240102000000Z")):
        (folder / "index.txt").write_text("")
        openssl(folder, f"req -new -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN=127.0.0.1")
        openssl(
            folder,
            f"ca -batch -config ca.cnf -selfsign -notext -keyfile {name}.key -in {name}.csr -out {name}.crt"
            f" -startdate 20240101000000Z -enddate {end}",
        )
        (folder / f"{name}.pem").write_text((folder / f"{name}.key").read_text() + (folder / f"{name}.crt").read_text())
    return folder


def secure(folder: Path, name: str, tmp_path: Path, **cluster: Any) -> int:
    with KubernetesApi(certificate=folder / f"{name}.pem") as api:
        path = api.kubeconfig(tmp_path / "k", **cluster)
        return KubernetesClient(str(path)).get("/version").status


def test_tls_with_the_clusters_own_authority(certificates, tmp_path):
    ca = {"certificate-authority": str(certificates / "good.crt")}
    assert secure(certificates, "good", tmp_path, **ca) == 200
    assert secure(certificates, "good", tmp_path, **{"insecure-skip-tls-verify": True}) == 200


def test_tls_that_cannot_be_trusted(certificates, tmp_path):
    error = trouble(lambda: secure(certificates, "good", tmp_path))
    assert error.trouble is Trouble.TLS
    assert "self-signed" in error.message and "certificate-authority" in error.hint


def test_tls_that_has_expired(certificates, tmp_path):
    ca = {"certificate-authority": str(certificates / "expired.crt")}
    error = trouble(lambda: secure(certificates, "expired", tmp_path, **ca))
    assert error.trouble is Trouble.TLS
    assert "expired" in error.message and "renew" in error.hint


def test_tls_for_another_name(certificates, tmp_path):
    ca = {"certificate-authority": str(certificates / "good.crt"), "tls-server-name": "kubernetes.default"}
    error = trouble(lambda: secure(certificates, "good", tmp_path, **ca))
    assert error.trouble is Trouble.TLS
    assert "name" in error.hint


def test_tls_where_nobody_speaks_it(api, tmp_path):
    path = config(tmp_path / "k", api.url.replace("http://", "https://"))
    error = trouble(lambda: KubernetesClient(path).get("/version"))
    assert error.trouble is Trouble.TLS
    assert "does not speak TLS" in error.message


def test_a_stream_ends_when_the_client_closes(api, tmp_path):
    client = KubernetesClient(str(api.kubeconfig(tmp_path / "k")))
    api.bookmark_seconds = 0.01
    begun, ended = threading.Event(), threading.Event()

    def read() -> None:
        with client.stream("/api/v1/pods", {"watch": "1"}, 30.0) as stream:
            for line in stream:
                api.bookmark_seconds = 60.0
                assert json.loads(line)["type"] == "BOOKMARK"
                begun.set()
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    assert begun.wait(5)
    client.close()
    assert ended.wait(5)
    assert trouble(lambda: client.get("/version")).trouble is Trouble.UNREACHABLE


def test_a_stream_that_falls_silent_is_given_up(api, tmp_path):
    client = KubernetesClient(str(api.kubeconfig(tmp_path / "k")))

    def read() -> None:
        with client.stream("/api/v1/pods", {"watch": "1"}, 0.1) as stream:
            list(stream)

    assert trouble(read).trouble is Trouble.TIMEOUT


def test_a_stream_that_is_refused_says_why(api, tmp_path):
    api.forbid("pods")
    client = KubernetesClient(str(api.kubeconfig(tmp_path / "k")))
    with pytest.raises(StreamRefusedError) as caught, client.stream("/api/v1/pods", {"watch": "1"}, 1.0):
        pass
    assert caught.value.response.status == 403
    assert b"cannot watch resource" in caught.value.response.body


def test_connections_are_kept(api, tmp_path):
    client = KubernetesClient(str(api.kubeconfig(tmp_path / "k")))
    for _ in range(5):
        client.get("/version")
    assert api.connections == 1


def test_a_pod_uses_its_service_account(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    client = KubernetesClient()
    assert client.cluster == "in-cluster"
    error = trouble(lambda: client.get("/version"))
    assert error.trouble is Trouble.CONFIGURATION
    assert "service account" in error.message


def test_nothing_official_is_imported_before_a_cluster_is_wanted():
    code = (
        "import sys, app.sources.kubernetes as k; k.KubernetesClient('/x');"
        "print([m for m in ('kubernetes', 'urllib3', 'numpy', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
