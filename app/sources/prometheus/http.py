"""One polite HTTP client for a metrics server: keep-alive, bounded, patient, and read-only."""

from __future__ import annotations

import email.utils
import ipaddress
import math
import random
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.request import getproxies

import msgspec

from app.sources.base import SourceError, Trouble
from app.sources.prometheus import errors
from app.sources.prometheus.connection import Credentials, PrometheusConnection
from app.sources.prometheus.decode import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import httpx

Parameters = list[tuple[str, str | int | float | bool | None]]

_RETRIED = frozenset({429, 502, 503, 504})
_BASE_DELAY = 0.5
"""Seconds before the first retry; doubled for each one after it."""
_LONGEST_DELAY = 20.0
"""Seconds. A server that asks for more is answered by giving up for this cycle."""
_LONG_QUERY = 2000
"""Bytes of parameters that surely fit into a request line; longer ones are sent as a form."""
_CONNECT_TIMEOUT = 10.0


class Answer(NamedTuple):
    """A successful answer."""

    body: bytes
    headers: httpx.Headers


class Requester:
    """Sends queries to one server; thread-safe.

    Args:
        connection: where to, and with what.
        transport: another way than the network, for example the Kubernetes service proxy.
        get_only: never POST, not even long expressions.
        sleep: waits between retries; the default ends early when the client is closed.
        jitter: a number from 0 to 1 that spreads retries of many clients.
    """

    def __init__(
        self,
        connection: PrometheusConnection,
        transport: httpx.BaseTransport | None = None,
        *,
        get_only: bool = False,
        sleep: Callable[[float], object] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.connection = connection.checked()
        self._credentials = Credentials(connection)
        self._transport = transport
        self._get_only = get_only
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._jitter = jitter
        self._slots = threading.BoundedSemaphore(connection.concurrency)
        self._lock = threading.Lock()
        self._opened: httpx.Client | None = None

    def ask(self, path: str, parameters: Parameters) -> Answer:
        """The answer below the server's prefix; raises SourceError."""
        url = self.connection.address + path
        attempt = 0
        while True:
            with self._slots:
                response = self._send(url, parameters)
            if response.status_code == 200:
                return self._checked(response, url)
            failure = errors.from_answer(response.status_code, response.headers, _reason(response), url)
            delay = self._delay(response, failure, attempt)
            if delay is None:
                raise failure
            self._sleep(delay)
            attempt += 1

    def close(self) -> None:
        """Drop all connections; requests under way fail."""
        self._closed.set()
        with self._lock:
            if self._opened is not None:
                self._opened.close()

    def _send(self, url: str, parameters: Parameters) -> httpx.Response:
        import httpx

        client, headers = self._client(), self._credentials.headers()
        form = str(httpx.QueryParams(parameters))
        if len(form) > _LONG_QUERY and not self._get_only:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            request = client.build_request("POST", url, content=form, headers=headers)
        else:
            request = client.build_request("GET", url, params=parameters, headers=headers)
        try:
            try:
                return client.send(request)
            except (httpx.RemoteProtocolError, httpx.ReadError):
                # Most often a kept-alive connection that the server has closed meanwhile; queries may be repeated.
                return client.send(request)
        except (httpx.HTTPError, httpx.StreamError, RuntimeError, OSError) as error:
            if self._closed.is_set():
                raise self._was_closed() from None
            raise errors.from_exception(error, self.connection.address) from None

    def _was_closed(self) -> SourceError:
        return SourceError(Trouble.UNREACHABLE, f"{self.connection.address}: the connection was closed")

    def _client(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._closed.is_set():
                raise self._was_closed()
            if self._opened is None:
                timeout = self.connection.timeout
                self._opened = httpx.Client(
                    transport=self._transport,
                    verify=_tls_context(self.connection) if _needs_tls(self.connection) else False,
                    trust_env=self.connection.trust_env,
                    timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_TIMEOUT)),
                    limits=httpx.Limits(max_connections=None, max_keepalive_connections=self.connection.concurrency),
                    headers={"Accept": "application/json", "Accept-Encoding": _encoding(self.connection)},
                )
            return self._opened

    def _checked(self, response: httpx.Response, url: str) -> Answer:
        """An answer whose body is at least JSON's beginning."""
        if not response.content[:64].lstrip().startswith(b"{"):
            raise errors.not_json(response.headers.get("content-type", ""), response.content, url)
        return Answer(response.content, response.headers)

    def _delay(self, response: httpx.Response, failure: SourceError, attempt: int) -> float | None:
        """Seconds until the next attempt; None when there is to be none."""
        if response.status_code not in _RETRIED or failure.trouble is Trouble.TIMEOUT:
            return None
        if attempt >= self.connection.retries or self._closed.is_set():
            return None
        wanted = _retry_after(response.headers.get("retry-after", ""))
        if wanted is None:
            return min(math.ldexp(_BASE_DELAY, attempt), _LONGEST_DELAY) * (0.5 + self._jitter() / 2)
        return wanted if wanted <= _LONGEST_DELAY else None


def _reason(response: httpx.Response) -> str:
    """The server's own error text, on one line and without control characters."""
    text = ""
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        failure = msgspec.json.decode(response.content, type=Failure)
        text = failure.error or failure.message
    if not text and response.headers.get("content-type", "").startswith("text/plain"):
        text = response.content[:1000].decode(errors="replace")
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text[:50_000]).split())


def _retry_after(value: str) -> float | None:
    """Seconds that a Retry-After header asks for, in either of its forms; None where there is none."""
    with suppress(ValueError, TypeError):
        return max(0.0, float(value))
    with suppress(ValueError, TypeError):
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None


def _encoding(connection: PrometheusConnection) -> str:
    """Compressing costs the server a second for 50 MB: it pays only over links slower than about 500 Mbit/s."""
    import httpx

    host = httpx.URL(connection.address).host
    with suppress(ValueError):
        return "identity" if ipaddress.ip_address(host).is_private else "gzip"
    return "identity" if host == "localhost" else "gzip"


def _needs_tls(connection: PrometheusConnection) -> bool:
    """Whether any certificate will be checked, the server's or a proxy's; reading the system's takes 50 ms."""
    proxies = getproxies().values() if connection.trust_env else ()
    return any(url.startswith("https:") for url in (connection.address, *proxies))


def _tls_context(connection: PrometheusConnection) -> ssl.SSLContext:
    import httpx

    files: Sequence[str] = (connection.ca_file, connection.cert_file, connection.key_file)
    try:
        if connection.ca_file:
            context = ssl.create_default_context(cafile=connection.ca_file)
        else:
            context = httpx.create_ssl_context(trust_env=connection.trust_env)
            context.load_default_certs()
        if connection.cert_file:
            context.load_cert_chain(connection.cert_file, connection.key_file or None, _no_passphrase)
    except (OSError, ssl.SSLError) as error:
        named = ", ".join(file for file in files if file)
        reason = error.strerror if isinstance(error, FileNotFoundError | PermissionError) else "not a usable PEM file"
        raise SourceError(
            Trouble.CONFIGURATION, f"prometheus TLS files ({named}): {reason}", "Check ca_file, cert_file and key_file."
        ) from None
    if connection.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _no_passphrase() -> bytes:
    """An encrypted key must fail, not ask on the terminal that the console owns."""
    return b""
