"""GET over the official client's connection pool, and nothing but GET.

The official package brings what is hard to get right: kubeconfig, login plugins, token refresh, TLS, proxies. Its API
classes and models are not used: they are a hundred times slower than decoding what we need.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from app.sources.base import SourceError, Trouble
from app.sources.kubernetes.credentials import find, log_in
from app.sources.kubernetes.troubles import failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubernetes.client import Configuration

    from app.sources.kubernetes.credentials import Place

CONNECT_SECONDS = 10.0
_POOL_SIZE = 40
_LOGIN_PAUSE = 10.0
"""Seconds between two logins: a login plugin may open a browser, and every watch would ask for it."""
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class KubernetesClient:
    """A connection to one API server. Calls block and may come from any thread.

    Args:
        kubeconfig: path, or several as in `$KUBECONFIG`; empty: the usual places.
        context: empty: the current one.
    """

    def __init__(self, kubeconfig: str = "", context: str = "") -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._lock = threading.Lock()
        self._place: Place | None = None
        self._login: Configuration | None = None
        self._pool: Any = None
        self._tried = -_LOGIN_PAUSE
        self._refused: SourceError | None = None
        self._reading: set[Any] = set()
        self._closed = threading.Event()

    @property
    def cluster(self) -> str:
        """The context's name; needs no login. Raises SourceError when there is none."""
        return self._chosen().context

    @property
    def namespace(self) -> str:
        """The namespace that the context names, else empty. Raises SourceError when there is no context."""
        return self._chosen().namespace

    @property
    def server(self) -> str:
        """The API server's URL. Raises SourceError when there is none."""
        return self._connected()[0].host

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        most: int | None = None,
    ) -> Response:
        """One request; every status comes back as an answer.

        Args:
            path: what is asked.
            query: its parameters.
            headers: besides the usual ones, or in place of them.
            timeout: seconds of silence after which there is no answer.
            most: bytes of a body that the server does not answer for, unpacked; it may not take longer than `timeout`
                as a whole, either.

        Raises:
            SourceError: there was no answer, or nothing could be asked.
        """
        login, response = self._authorised(path, query, headers, timeout)
        with self._open(response):
            try:
                body = response.read(decode_content=True) if most is None else _bounded(response, most, timeout)
            except Exception as error:
                raise self._failed(error, login) from None
            response.release_conn()
        return Response(response.status, _lower(response.headers), body)

    @contextmanager
    def stream(self, path: str, query: Mapping[str, str], idle_timeout: float) -> Iterator[Iterator[bytes]]:
        """The lines of an endless answer, until the server ends it, it falls silent, or `close` is called.

        Args:
            path: of a watch.
            query: its parameters.
            idle_timeout: seconds without a byte after which the connection is taken for dead.

        Yields:
            An iterator over lines without their end, never empty; it raises SourceError when the connection breaks.

        Raises:
            SourceError: no answer.
            StreamRefusedError: the server answered with a status other than 200.
        """
        login, response = self._authorised(path, query, None, idle_timeout)
        with self._open(response):
            if response.status != 200:
                body = response.read(decode_content=True)
                raise StreamRefusedError(Response(response.status, _lower(response.headers), body))
            yield self._read(login, response)

    def _read(self, login: Configuration, response: Any) -> Iterator[bytes]:
        try:
            yield from _lines(response.stream(_CHUNK, decode_content=True))
        except Exception as error:
            if not self._closed.is_set():
                raise self._failed(error, login) from None

    def close(self) -> None:
        """End what is being read at once and let go of connections."""
        self._closed.set()
        with self._lock:
            responses, pool = list(self._reading), self._pool
        for response in responses:
            _cut(response)
        if pool is not None:
            pool.clear()

    @contextmanager
    def _open(self, response: Any) -> Iterator[None]:
        """While a body is read, `close` can cut it off; afterwards its connection is let go of."""
        with self._lock:
            self._reading.add(response)
        try:
            if self._closed.is_set():
                raise SourceError(Trouble.UNREACHABLE, "the connection is closed")
            yield
        finally:
            with self._lock:
                self._reading.discard(response)
            response.close()

    def _authorised(
        self, path: str, query: Mapping[str, str] | None, headers: Mapping[str, str] | None, timeout: float
    ) -> tuple[Configuration, Any]:
        """Ask; with a fresh login once more when the credential has run out."""
        login, pool = self._connected()
        response = self._ask(login, pool, path, query, headers, timeout)
        if response.status != 401:
            return login, response
        try:
            again = self._renewed(login)
        except SourceError:
            response.close()
            raise
        if again is not None:
            response.read()
            response.release_conn()
            login, pool = again
            response = self._ask(login, pool, path, query, headers, timeout)
        return login, response

    def _ask(
        self,
        login: Configuration,
        pool: Any,
        path: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        timeout: float,
    ) -> Any:
        from urllib3 import Timeout
        from urllib3.exceptions import ProtocolError

        if self._closed.is_set():
            raise SourceError(Trouble.UNREACHABLE, "the connection is closed")
        url = f"{login.host}{path}" + (f"?{urlencode(query)}" if query else "")
        sent = {"Accept": "application/json", "User-Agent": "tocsin", **(headers or {}), **self._authorization(login)}
        options = {
            "headers": sent,
            "timeout": Timeout(connect=min(timeout, CONNECT_SECONDS), read=timeout),
            "retries": False,
            "redirect": False,
            "preload_content": False,
        }
        try:
            try:
                return pool.request("GET", url, **options)
            except ProtocolError:
                # A kept connection that the server had closed meanwhile: worth one fresh one.
                return pool.request("GET", url, **options)
        except Exception as error:
            raise self._failed(error, login) from None

    def _authorization(self, login: Configuration) -> dict[str, str]:
        """The Authorization header."""
        with self._lock:
            settings: Any = login.auth_settings()
        return {each["key"]: each["value"] for each in settings.values() if each["in"] == "header" and each["value"]}

    def _chosen(self) -> Place:
        with self._lock:
            if self._place is None:
                self._place = find(self._kubeconfig, self._context)
            return self._place

    def _connected(self) -> tuple[Configuration, Any]:
        with self._lock:
            if self._login is None:
                if self._refused is not None and not self._may_try():
                    raise self._refused
                self._connect()
            assert self._login is not None
            return self._login, self._pool

    def _may_try(self) -> bool:
        return time.monotonic() - self._tried >= _LOGIN_PAUSE

    def _renewed(self, used: Configuration) -> tuple[Configuration, Any] | None:
        """A login made after the one that was refused; None when nothing new came of it.

        Raises:
            SourceError: there is no new one; until the next try it is the answer to everybody.
        """
        with self._lock:
            if self._login is used:
                if not self._may_try():
                    if self._refused is not None:
                        raise self._refused
                    return None
                before = used.api_key.copy(), used.cert_file
                self._connect()
                assert self._login is not None
                if before == (self._login.api_key, self._login.cert_file):
                    return None
            assert self._login is not None
            return self._login, self._pool

    def _connect(self) -> None:
        self._tried = time.monotonic()
        try:
            self._place = find(self._kubeconfig, self._context)
            login = log_in(self._place)
            self._pool = _pool(login)
        except SourceError as error:
            self._refused = error
            raise
        self._login, self._refused = login, None

    def _failed(self, error: Exception, login: Configuration) -> SourceError:
        return error if isinstance(error, SourceError) else failure(error, str(login.host))


def _pool(login: Configuration) -> Any:
    from kubernetes.client.rest import RESTClientObject

    login.connection_pool_maxsize = _POOL_SIZE
    if not login.verify_ssl:
        # The engineer's own choice in the kubeconfig; the warning would be printed over the screen.
        import urllib3

        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    try:
        return RESTClientObject(login).pool_manager
    except (OSError, ValueError) as error:
        raise failure(error, str(login.host)) from None


class StreamRefusedError(Exception):
    """A watch that was answered with an error status."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def _bounded(response: Any, most: int, seconds: float) -> bytes:
    """A body that may be neither too large nor too slow. Raises SourceError."""
    body, deadline = bytearray(), time.monotonic() + seconds
    for chunk in response.stream(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > most:
            raise SourceError(Trouble.PROTOCOL, f"the answer has more than {most >> 20} MiB")
        if time.monotonic() > deadline:
            raise SourceError(Trouble.TIMEOUT, f"the answer takes longer than {seconds:.0f} s")
    return bytes(body)


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line


def _cut(response: Any) -> None:
    """End a stream that another thread is reading."""
    try:
        response.shutdown()
    except (OSError, ValueError, RuntimeError):
        response.close()


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
