from __future__ import annotations

import os
from typing import TYPE_CHECKING

import keyring
import keyring.backend
import msgspec
import pytest

from app.secrets import Secret
from app.sources.base import SourceError, Trouble
from app.sources.prometheus.connection import Credentials, PrometheusConnection

if TYPE_CHECKING:
    from pathlib import Path


def headers(**settings: object) -> dict[str, str]:
    connection = msgspec.convert({"url": "http://host", **settings}, PrometheusConnection)
    return Credentials(connection.checked()).headers()


def test_a_secret_is_not_shown() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]} {secret!s:>9}"
    assert secret.reveal() == "hunter2"
    assert not Secret("")


def test_the_address_has_no_login_and_no_trailing_slash() -> None:
    connection = PrometheusConnection(url="https://ann:pw@prom.example:9443/prefix/")
    assert connection.address == "https://prom.example:9443/prefix"


def test_the_login_of_the_url_is_used() -> None:
    assert headers(url="https://ann:p%40w@prom.example") == {"Authorization": "Basic YW5uOnBAdw=="}


def test_a_token_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROM_TOKEN", "abc\n")
    assert headers(bearer_token_env="PROM_TOKEN") == {"Authorization": "Bearer abc"}


def test_a_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("one\n")
    credentials = Credentials(PrometheusConnection(url="http://host", bearer_token_file=str(path)))
    assert credentials.headers() == {"Authorization": "Bearer one"}
    path.write_text("two\n")
    os.utime(path, ns=(0, 0))
    assert credentials.headers() == {"Authorization": "Bearer two"}
    path.unlink()
    with pytest.raises(SourceError, match="token: No such file") as caught:
        credentials.headers()
    assert caught.value.trouble is Trouble.CONFIGURATION


def test_a_password_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {("tocsin", "prom"): "pw"}
    monkeypatch.setattr(keyring, "get_password", lambda service, name: known.get((service, name)))
    assert headers(username="ann", password_keyring="tocsin/prom") == {"Authorization": "Basic YW5uOnB3"}
    with pytest.raises(SourceError, match="no entry tocsin/other"):
        headers(username="ann", password_keyring="tocsin/other")


def test_a_keyring_that_does_not_open_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: str) -> str:
        raise keyring.errors.KeyringLocked("secret detail")

    monkeypatch.setattr(keyring, "get_password", locked)
    with pytest.raises(SourceError, match="does not open") as caught:
        headers(bearer_token_keyring="tocsin/prom")
    assert "secret detail" not in caught.value.message


def test_extra_headers_may_refer_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANT", "team-a")
    assert headers(headers={"X-Scope-OrgID": "${TENANT}|${TENANT}", "X-Plain": "$5"}) == {
        "X-Scope-OrgID": "team-a|team-a",
        "X-Plain": "$5",
    }
    with pytest.raises(SourceError, match=r"X-Scope-OrgID.*NOT_THERE is not set"):
        headers(headers={"X-Scope-OrgID": "${NOT_THERE}"})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "prometheus:9090"}, "url"),
        ({"url": "ftp://host"}, "url"),
        ({"url": ""}, "url"),
        ({"url": "http://[x"}, r"url is 'http://\[x'"),
        ({"url": "http://host:99999"}, "url is 'http://host:99999'"),
        ({"url": "http://host:9090/?token=hunter2"}, "url is 'http://host:9090/' with"),
        ({"url": "http://ann:hunter2@host/p#hunter2"}, "url is 'http://host/p' with"),
        ({"url": "http://ann:x/hunter2@host"}, "url is 'http://host'"),
        ({"url": "http://ann:hunter2@[x?hunter2"}, r"url is 'http://\[x'"),
        ({"bearer_token_env": "A", "bearer_token_file": "b"}, "bearer_token_env and bearer_token_file"),
        ({"password_env": "A", "password_keyring": "b/c"}, "password_env and password_keyring"),
        ({"key_file": "k"}, "key_file"),
        ({"bearer_token_env": "NOT_THERE"}, "NOT_THERE"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings: dict[str, object], words: str) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        headers(**settings)
    assert caught.value.trouble is Trouble.CONFIGURATION
    assert caught.value.hint
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("settings", [{"timeout": 0}, {"concurrency": 0}, {"retries": 11}, {"tokn": "x"}])
def test_values_out_of_range_and_unknown_keys_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        headers(**settings)
