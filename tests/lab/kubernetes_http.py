"""How the lab's Kubernetes API speaks HTTP."""

from __future__ import annotations

import base64
import gzip
import json
import re
import socket
import ssl
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, unquote, urlsplit

from tests.lab.kubernetes_store import BY_PATH, Json, Served

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.kubernetes_api import KubernetesApi

_LIST = re.compile(r"(?P<root>/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)")
_LOG = re.compile(r"/api/v1/namespaces/([^/]+)/pods/([^/]+)/log")
_PROXY = re.compile(r"/api/v1/namespaces/([^/]+)/services/(?:https?:)?([^/:]+)(?::([^/]*))?/proxy(/.*)?")
_KUBELET = re.compile(r"/api/v1/nodes/([^/]+)/proxy/(stats/summary|metrics/cadvisor)")


class ApiServer(ThreadingHTTPServer):
    """A server thread per connection; `cut` breaks them off."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], api: KubernetesApi, certificate: Path | None) -> None:
        super().__init__(address, Handler)
        self.api = api
        self.secure = certificate is not None
        self._connections: set[socket.socket] = set()
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        self.api.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are none of the lab's business."""

    def cut(self) -> None:
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    """Head and body are two writes: the second must not wait for the first one's acknowledgement."""
    server: ApiServer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        api = self.server.api
        split = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(split.query, keep_blank_values=True).items()}
        api.requests.append(("GET", self.path))
        if self.headers.get("Authorization", "").lower() != f"bearer {api.token}".lower():
            self._status(401, "Unauthorized", "Unauthorized")
        elif split.path in ("/readyz", "/livez", "/version", "/api", "/apis"):
            self._health(split.path)
        elif match := _LOG.fullmatch(split.path):
            self._log(*(unquote(part) for part in match.groups()), query)
        elif match := _PROXY.fullmatch(split.path):
            self._proxy(match, split.query)
        elif match := _KUBELET.fullmatch(split.path):
            self._kubelet(unquote(match[1]), match[2])
        elif (match := _LIST.fullmatch(split.path)) and (served := BY_PATH.get((match["root"], match["plural"]))):
            self._resource(served, match["namespace"] or "", query)
        else:
            self._send(404, b"404 page not found\n", "text/plain; charset=utf-8")

    def _refuse_verb(self) -> None:
        self.server.api.requests.append((self.command, self.path))
        self._status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        self.close_connection = True

    do_POST = do_PUT = do_PATCH = do_DELETE = _refuse_verb  # noqa: N815

    def _health(self, path: str) -> None:
        api = self.server.api
        if message := api.refusal("get", path):
            self._status(403, "Forbidden", message)
        elif path in ("/readyz", "/livez"):
            self._send(api.readyz[0], api.readyz[1].encode(), "text/plain; charset=utf-8")
        elif path == "/version":
            self._json(200, api.version)
        else:
            self._json(200, {"kind": "APIVersions", "versions": ["v1"]})

    def _resource(self, served: Served, namespace: str, query: dict[str, str]) -> None:
        api = self.server.api
        watching = query.get("watch") in ("1", "true")
        if served.name in api.not_served:
            self._send(404, b"404 page not found\n", "text/plain; charset=utf-8")
        elif message := api.refusal("watch" if watching else "list", served.name, namespace):
            self._status(403, "Forbidden", message)
        elif api.failures[served.name]:
            status, body, headers = api.failures[served.name].pop(0)
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self._send(status, data, "text/html" if isinstance(body, str) else "application/json", headers)
        elif watching:
            self._watch(served, namespace, query)
        else:
            self._list(served, namespace, query)

    def _list(self, served: Served, namespace: str, query: dict[str, str]) -> None:
        api = self.server.api
        after, version = None, str(api.store.version)
        if token := query.get("continue"):
            if not api.accept_continue:
                api.accept_continue = True
                self._status(410, "Expired", "The provided continue parameter is too old to display a consistent list.")
                return
            after, version = json.loads(base64.urlsafe_b64decode(token))
        first = tuple(after) if after else None
        items, last = api.store.page(served.name, namespace, first, int(query.get("limit", "0")))
        meta = {"resourceVersion": version}
        if last is not None:
            meta["continue"] = base64.urlsafe_b64encode(json.dumps([last, version]).encode()).decode()
        head = json.dumps({"kind": f"{served.kind}List", "apiVersion": served.version, "metadata": meta})
        self._send(200, head[:-1].encode() + b', "items": [' + b",".join(items) + b"]}")

    def _watch(self, served: Served, namespace: str, query: dict[str, str]) -> None:
        api, store = self.server.api, self.server.api.store
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        version = int(query.get("resourceVersion") or store.version)
        if api.streams[served.name]:
            self._stream(api.streams[served.name].pop(0))
        elif version < store.oldest:
            message = f"too old resource version: {version} ({store.oldest})"
            status = {"kind": "Status", "status": "Failure", "message": message, "reason": "Expired", "code": 410}
            self._stream([{"type": "ERROR", "object": status}])
        else:
            self._follow(served, namespace, version, float(query.get("timeoutSeconds", "600")))

    def _stream(self, events: list[Json]) -> None:
        for event in events:
            self._chunk(json.dumps(event).encode() + b"\n")
        self._chunk(b"")

    def _follow(self, served: Served, namespace: str, version: int, seconds: float) -> None:
        api, store = self.server.api, self.server.api.store
        epoch, left = api.epoch, seconds
        while left > 0:
            pause = min(left, api.bookmark_seconds)
            with store.changed:
                changes = store.since(served.name, namespace, version)
                if not changes and api.epoch == epoch and not store.changed.wait(pause):
                    left -= pause
                    self._bookmark(served, store.version)
                newest = store.version
            if api.epoch != epoch:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if changes:
                self._chunk(b"".join(change.line for change in changes))
                version = newest
        self._chunk(b"")

    def _bookmark(self, served: Served, version: int) -> None:
        item = {"kind": served.kind, "apiVersion": served.version, "metadata": {"resourceVersion": str(version)}}
        self._chunk(json.dumps({"type": "BOOKMARK", "object": item}).encode() + b"\n")

    def _log(self, namespace: str, pod: str, query: dict[str, str]) -> None:
        api = self.server.api
        container, previous = query.get("container", ""), query.get("previous") == "true"
        key = (namespace, pod, container, previous)
        known = api.store.tables.get("pods", {}).get((namespace, pod))
        if message := api.refusal("get", "pods/log", namespace):
            self._status(403, "Forbidden", message)
        elif key in api.refused_logs:
            self._status(400, "BadRequest", api.refused_logs[key])
        elif key in api.logs:
            lines = api.logs[key].splitlines(keepends=True)[-int(query.get("tailLines", "1000000")) :]
            self._send(200, "".join(lines).encode(), "text/plain")
        elif known is None:
            self._status(404, "NotFound", f'pods "{pod}" not found')
        elif container not in {each["name"] for each in json.loads(known)["spec"]["containers"]}:
            self._status(400, "BadRequest", f"container {container} is not valid for pod {pod}")
        elif previous:
            message = f'previous terminated container "{container}" in pod "{pod}" not found'
            self._status(400, "BadRequest", message)
        else:
            self._send(200, b"", "text/plain")

    def _proxy(self, match: re.Match[str], query: str) -> None:
        namespace, service, port, path = match.groups()
        target = self.server.api.routes.get((namespace, service, port or ""))
        if message := self.server.api.refusal("get", "services/proxy", namespace):
            self._status(403, "Forbidden", message)
        elif target is None:
            self._status(503, "ServiceUnavailable", f'no endpoints available for service "{service}"')
        else:
            try:
                with urllib.request.urlopen(f"{target}{path or '/'}{'?' + query if query else ''}") as answer:
                    self._send(answer.status, answer.read(), answer.headers["Content-Type"])
            except HTTPError as error:
                self._send(error.code, error.read(), error.headers["Content-Type"])

    def _kubelet(self, node: str, path: str) -> None:
        api = self.server.api
        if message := api.refusal("get", "nodes/proxy"):
            self._status(403, "Forbidden", message.replace("nodes/proxy", f'nodes "{node}"', 1))
        elif ("", node) not in api.store.tables.get("nodes", {}):
            self._status(404, "NotFound", f'nodes "{node}" not found')
        elif node not in api.kubelets:
            message = "error trying to reach service: dial tcp 10.0.0.9:10250: connect: connection refused"
            self._status(503, "ServiceUnavailable", message)
        elif path == "stats/summary":
            self._json(200, api.kubelets[node]())
        elif node in api.cadvisor:
            self._packed(api.cadvisor[node]().encode(), "text/plain; version=0.0.4; charset=utf-8")
        else:
            self._send(404, b"404 page not found\n", "text/plain; charset=utf-8")

    def _packed(self, body: bytes, kind: str) -> None:
        """As a kubelet sends its metrics to whoever can unpack them."""
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            self._send(200, gzip.compress(body, 1), kind, {"Content-Encoding": "gzip"})
        else:
            self._send(200, body, kind)

    def _status(self, code: int, reason: str, message: str) -> None:
        head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        self._json(code, {**head, "message": message, "reason": reason, "code": code})

    def _json(self, code: int, body: Json) -> None:
        self._send(code, json.dumps(body).encode())

    def _send(
        self, code: int, body: bytes, kind: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(code)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()
