"""How to reach one Prometheus: the settings, and the secrets they point to."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec
from msgspec import Meta

from app.sources.base import SourceError, Trouble

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_SECRET = re.compile(r"(?<=//).*@|[?#].*", re.DOTALL)
"""Of an address: the login, and what comes after the path."""
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Secret:
    """A value that no log, traceback or message shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"


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
            raise _misconfigured(f"prometheus.url is {shown!r}", "Give http://HOST:PORT or https://HOST/PREFIX.")
        if parts.query or parts.fragment:
            hint = "A token goes into bearer_token_env, bearer_token_file or bearer_token_keyring of [prometheus]."
            raise _misconfigured(f"prometheus.url is {shown!r} with something after it that is never sent", hint)
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
                raise _misconfigured(f"prometheus has both {' and '.join(given)}", "Keep one of them.")
        if self.key_file and not self.cert_file:
            raise _misconfigured("prometheus.key_file is set without cert_file", "Set both, or neither.")
        return self


class Credentials:
    """The headers that prove who asks; files are read again when they change."""

    def __init__(self, connection: PrometheusConnection) -> None:
        self._connection = connection
        self._files: dict[str, tuple[tuple[int, int], Secret]] = {}

    def headers(self) -> dict[str, str]:
        """For one request; holds secrets. Raises SourceError where a variable, file or keyring entry is missing."""
        headers = {name: _with_environment(name, value) for name, value in self._connection.headers.items()}
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
        variable, file, entry = (str(getattr(self._connection, f"{name}_{way}")) for way in ("env", "file", "keyring"))
        if variable:
            return Secret(_variable(f"prometheus.{name}_env", variable).strip())
        if file:
            return self._file(f"prometheus.{name}_file", file)
        if entry:
            return _keyring(f"prometheus.{name}_keyring", entry)
        return Secret("")

    def _file(self, key: str, name: str) -> Secret:
        path = Path(name).expanduser()
        try:
            status = path.stat()
            version = (status.st_mtime_ns, status.st_size)
            if name not in self._files or self._files[name][0] != version:
                self._files[name] = (version, Secret(path.read_text().strip()))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise _misconfigured(f"{key}: {name}: {reason}", "Name a readable file.") from None
        return self._files[name][1]


def _with_environment(header: str, value: str) -> str:
    return _REFERENCE.sub(lambda found: _variable(f"prometheus.headers.{header}", found[1]), value)


def _variable(key: str, name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise _misconfigured(f"{key}: the environment variable {name} is not set", f"Export {name}.")
    return value


def _keyring(key: str, entry: str) -> Secret:
    # Loading the keyring's back ends takes long and may talk to the desktop: only when it is asked for.
    import keyring
    from keyring.errors import KeyringError

    service, _, name = entry.partition("/")
    try:
        value = keyring.get_password(service, name)
    except KeyringError as error:
        raise _misconfigured(f"{key}: the keyring does not open ({type(error).__name__})", "Unlock it.") from None
    if value is None:
        raise _misconfigured(f"{key}: no entry {entry} in the keyring", f"Run: keyring set {service} {name}")
    return Secret(value.strip())


def _misconfigured(message: str, hint: str) -> SourceError:
    return SourceError(Trouble.CONFIGURATION, message, hint)
