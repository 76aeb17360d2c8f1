"""How to reach one Prometheus: the settings, and the secrets they point to."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec
from msgspec import Meta

from app.secrets import Secret, Secrets, misconfigured, with_environment

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_SECRET = re.compile(r"(?<=//).*@|[?#].*", re.DOTALL)
"""Of an address: the login, and what comes after the path."""


class PrometheusConnection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The settings of a metrics server. Secrets are named here, never held."""

    url: Annotated[str, Meta(description="Address with path prefix, without /api/v1; empty: found in the cluster.")] = (
        ""
    )
    bearer_token_env: Annotated[str, Meta(description="Environment variable that holds the token.")] = ""
    bearer_token_file: Annotated[str, Meta(description="File that holds the token; read again when it changes.")] = ""
    bearer_token_keyring: Annotated[str, Meta(description="`service/name` of the token in the system keyring.")] = ""
    username: Annotated[str, Meta(description="For basic authentication.")] = ""
    password_env: Annotated[str, Meta(description="Environment variable that holds the password.")] = ""
    password_file: Annotated[str, Meta(description="File that holds the password.")] = ""
    password_keyring: Annotated[str, Meta(description="`service/name` of the password in the system keyring.")] = ""
    headers: Annotated[
        dict[str, str],
        Meta(description="Extra headers (X-Scope-OrgID); `${NAME}` in a value stands for an environment variable."),
    ] = {}
    ca_file: Annotated[str, Meta(description="PEM file of the authorities to trust instead of the system's.")] = ""
    cert_file: Annotated[str, Meta(description="PEM file of the client certificate.")] = ""
    key_file: Annotated[str, Meta(description="PEM file of its key; empty: in cert_file.")] = ""
    insecure_skip_verify: Annotated[bool, Meta(description="Trust any certificate; for a lab only.")] = False
    trust_env: Annotated[bool, Meta(description="Whether HTTPS_PROXY, HTTP_PROXY and NO_PROXY count.")] = True
    timeout: Annotated[
        float, Meta(gt=0, le=600, description="Seconds for a whole query, and for any silence of the connection.")
    ] = 30.0
    concurrency: Annotated[int, Meta(ge=1, le=64, description="Queries under way at once.")] = 4
    retries: Annotated[
        int, Meta(ge=0, le=10, description="How often a query is sent again after 429, 502, 503 or 504.")
    ] = 3

    def split(self) -> SplitResult:
        """The URL's parts. Raises SourceError, without what may be secret, where it is no address."""
        shown = _SECRET.sub("", self.url)
        try:
            parts = urlsplit(self.url)
            fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            fits = False
        if not fits:
            raise misconfigured(f"prometheus.url is {shown!r}", "Give http://HOST:PORT or https://HOST/PREFIX.")
        if parts.query or parts.fragment:
            hint = "A token goes into bearer_token_env, bearer_token_file or bearer_token_keyring of [prometheus]."
            raise misconfigured(f"prometheus.url is {shown!r} with something after it that is never sent", hint)
        return parts

    @property
    def address(self) -> str:
        """The URL without login and trailing slash: what is asked and shown. Raises SourceError as `split`."""
        parts = self.split()
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))

    def checked(self) -> PrometheusConnection:
        """This connection, if its settings fit together; raises SourceError naming the one that does not."""
        self.split()
        for name in ("bearer_token", "password"):
            given = [f"{name}_{way}" for way in ("env", "file", "keyring") if getattr(self, f"{name}_{way}")]
            if len(given) > 1:
                raise misconfigured(f"prometheus has both {' and '.join(given)}", "Keep one of them.")
        if self.key_file and not self.cert_file:
            raise misconfigured("prometheus.key_file is set without cert_file", "Set both, or neither.")
        return self


class Credentials:
    """The headers that prove who asks; files are read again when they change."""

    def __init__(self, connection: PrometheusConnection) -> None:
        self._connection = connection
        self._secrets = Secrets()

    def headers(self) -> dict[str, str]:
        """For one request; holds secrets. Raises SourceError where a variable, file or keyring entry is missing."""
        headers = {
            name: with_environment(f"prometheus.headers.{name}", value)
            for name, value in self._connection.headers.items()
        }
        if token := self._secret("bearer_token"):
            headers["Authorization"] = f"Bearer {token.reveal()}"
        elif login := self._login():
            headers["Authorization"] = f"Basic {base64.b64encode(login.reveal().encode()).decode()}"
        return headers

    def _login(self) -> Secret:
        parts = self._connection.split()
        username = self._connection.username or unquote(parts.username or "")
        password = self._secret("password") or Secret(unquote(parts.password or ""))
        return Secret(f"{username}:{password.reveal()}" if username else "")

    def _secret(self, name: str) -> Secret:
        env, file, keyring = (str(getattr(self._connection, f"{name}_{way}")) for way in ("env", "file", "keyring"))
        return self._secrets.read(f"prometheus.{name}", env, file, keyring)
