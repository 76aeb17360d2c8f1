"""Talking to a server inside of the cluster through the Kubernetes API server.

Nothing is opened and nothing is forwarded: the API server's service proxy takes GET requests of everybody who may
`get services/proxy` in the server's namespace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import httpx
import msgspec

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.client import PrometheusClient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.sources.prometheus.connection import PrometheusConnection
    from app.sources.prometheus.locate import Location

_BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})
"""What describes the body as it came over the wire; the client has unpacked it."""
_KEPT_HEADERS = ("x-",)
"""Which of a request's own headers go through: the tenant, but never a credential meant for another place."""


class Reply(Protocol):
    """An answer of the Kubernetes client."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the answer."""
        ...

    @property
    def body(self) -> bytes:
        """Whole, and no longer compressed."""
        ...


class ServiceProxyTransport(httpx.BaseTransport):
    """Sends an httpx client's requests through the Kubernetes API server; GET only.

    Args:
        get: `KubernetesClient.get`: a path with its query, and `headers` and `timeout` (seconds) by keyword.
        timeout: seconds.
    """

    def __init__(self, get: Callable[..., Reply], timeout: float = 30.0) -> None:
        self._get = get
        self._timeout = timeout

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One GET; raises SourceError for any other method, which would need more than the right to read."""
        if request.method != "GET":
            raise SourceError(Trouble.CONFIGURATION, f"{request.method} is not sent through the service proxy")
        headers = {name: value for name, value in request.headers.items() if name.startswith(_KEPT_HEADERS)}
        reply = self._get(request.url.raw_path.decode("ascii"), headers=headers, timeout=self._timeout)
        shown = [(name, value) for name, value in reply.headers.items() if name.lower() not in _BODY_HEADERS]
        return httpx.Response(reply.status, headers=shown, content=reply.body, request=request)


def proxied(location: Location, connection: PrometheusConnection, get: Callable[..., Reply]) -> PrometheusClient:
    """A client of a server that was found in the cluster; of the connection only headers and limits count."""
    reached = msgspec.structs.replace(connection, url=f"https://kubernetes{location.proxy_path}")
    transport = ServiceProxyTransport(get, connection.timeout)
    return PrometheusClient(reached, transport=transport, get_only=True)
