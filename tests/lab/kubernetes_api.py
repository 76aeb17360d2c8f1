"""A Kubernetes API over HTTP, played from objects in memory: read-only, with the errors that real ones give.

    with KubernetesApi() as api:
        api.load(folder)
        config = api.kubeconfig(tmp_path / "kubeconfig")

Lists with paging, watches with bookmarks, logs, health, rights by resource, the service proxy, the kubelets behind it.
The texts of refusals are those of a recorded API server (1.36).
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tests.lab.kubernetes_http import ApiServer
from tests.lab.kubernetes_store import BY_KIND, BY_PATH, Json, Store, read_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

USER = "system:serviceaccount:ops:console-readonly"
CONTEXT = "lab"
TOKEN = "lab-token"

LogKey = tuple[str, str, str, bool]
"""Namespace, pod, container, and whether it is the log of the previous run."""


class KubernetesApi:
    """A running API server on loopback; use it as a context manager, or `start` and `stop` it.

    Args:
        token: the only bearer token that is accepted.
        certificate: PEM file with key and certificate, to serve HTTPS.
        bookmark_seconds: between two bookmarks of a watch.
    """

    def __init__(self, token: str = TOKEN, certificate: Path | None = None, bookmark_seconds: float = 60.0) -> None:
        self.store = Store()
        self.token = token
        self.bookmark_seconds = bookmark_seconds
        self.requests: list[tuple[str, str]] = []
        """Method and path with query of everything that was asked."""
        self.readyz: tuple[int, str] = (200, "[+]ping ok\n[+]etcd ok\nreadyz check passed\n")
        self.version: Json = {"major": "1", "minor": "36", "gitVersion": "v1.36.2"}
        self.connections = 0
        """How many were made."""
        self.not_served = {"rollouts"}
        self.failures: dict[str, list[tuple[int, Json | str, dict[str, str]]]] = defaultdict(list)
        """By resource: statuses, bodies and headers that the next requests get, each once."""
        self.streams: dict[str, list[list[Json]]] = defaultdict(list)
        """By resource: watch events that the next watches consist of, each once."""
        self.accept_continue = True
        self._forbidden: dict[tuple[str, str], tuple[str, ...]] = {}
        self.logs: dict[LogKey, str] = {}
        self.refused_logs: dict[LogKey, str] = {}
        self.routes: dict[tuple[str, str, str], str] = {}
        self.kubelets: dict[str, Callable[[], Json]] = {}
        """By node: what its kubelet answers to `/stats/summary`; no other kubelet can be reached."""
        self.cadvisor: dict[str, Callable[[], str]] = {}
        """By node: what its kubelet answers to `/metrics/cadvisor`; others have no such page."""
        self.epoch = 0
        """Counts up when watches are broken off."""
        self._server = ApiServer(("127.0.0.1", 0), self, certificate)

    @property
    def url(self) -> str:
        """Where it answers."""
        scheme = "https" if self._server.secure else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> KubernetesApi:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Break off every connection and close."""
        self._server.shutdown()
        self.disconnect()
        self._server.cut()
        self._server.server_close()

    def kubeconfig(self, path: Path, *, token: str | None = None, namespace: str = "", **cluster: Any) -> Path:
        """Write a kubeconfig for this server, with more keys for its cluster entry; returns its path."""
        context = {"cluster": CONTEXT, "user": CONTEXT} | ({"namespace": namespace} if namespace else {})
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "clusters": [{"name": CONTEXT, "cluster": {"server": self.url, **cluster}}],
            "users": [{"name": CONTEXT, "user": {"token": token or self.token}}],
            "contexts": [{"name": CONTEXT, "context": context}],
        }
        path.write_text(json.dumps(config))
        return path

    def put(self, item: Json) -> Json:
        """Add or replace an object; returns it as stored."""
        return self.store.put(item)

    def delete(self, item: Json) -> None:
        """Remove an object."""
        meta = item["metadata"]
        name = BY_KIND[item["apiVersion"], item["kind"]].name
        self.store.delete(name, (meta.get("namespace", ""), meta["name"]))

    def load(self, folder: Path, *, earlier: bool = False) -> None:
        """Hold a recorded scenario; with `earlier`, as it was about halfway. A second load comes as changes."""
        self.store.load(folder)
        if earlier:
            self.store.load(folder / "earlier")
        for file in (folder / "logs").glob("*"):
            self._load_log(file)
        if (folder / "readyz.txt").exists():
            self.readyz = (200, (folder / "readyz.txt").read_text())
        if (folder / "version.json").exists():
            self.version = read_json(folder / "version.json")

    def set_log(self, namespace: str, pod: str, container: str, text: str, *, previous: bool = False) -> None:
        """Give a container a log, one line per line."""
        self.logs[namespace, pod, container, previous] = text

    def refuse_log(self, namespace: str, pod: str, container: str, message: str, *, previous: bool = False) -> None:
        """Answer 400 for a log, with this message."""
        self.refused_logs[namespace, pod, container, previous] = message

    def forbid(
        self, *names: str, verbs: tuple[str, ...] = ("get", "list", "watch"), but_in: tuple[str, ...] = ()
    ) -> None:
        """Answer 403 for resources (`nodes`, `pods/log`) and paths (`/readyz`), except inside some namespaces."""
        for name in names:
            for verb in verbs:
                self._forbidden[name, verb] = but_in

    def allow(self, *names: str) -> None:
        """Take back what was forbidden."""
        for name, verb in [key for key in self._forbidden if key[0] in names]:
            del self._forbidden[name, verb]

    def route(self, namespace: str, service: str, port: str | int, url: str) -> None:
        """Lead the service proxy of a port to a server."""
        self.routes[namespace, service, str(port)] = url.rstrip("/")

    def disconnect(self) -> None:
        """Break off every running watch."""
        with self.store.changed:
            self.epoch += 1
            self.store.changed.notify_all()

    def refusal(self, verb: str, name: str, namespace: str = "") -> str | None:
        """The message of a 403; None when it is allowed."""
        rule = self._forbidden.get((name, verb))
        if rule is None or (namespace and namespace in rule):
            return None
        if name.startswith("/"):
            return f'forbidden: User "{USER}" cannot get path "{name}"'
        plural, _, sub = name.partition("/")
        served = next((each for each in BY_PATH.values() if each.name == plural), None)
        group = served.version.rpartition("/")[0] if served else ""
        shown = f"{served.plural if served else plural}{'/' + sub if sub else ''}"
        head = f"{shown}.{group}" if group and not sub else shown
        scope = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        return f'{head} is forbidden: User "{USER}" cannot {verb} resource "{shown}" in API group "{group}" {scope}'

    def _load_log(self, file: Path) -> None:
        stem = file.name.removesuffix(".txt").removesuffix(".400.json")
        previous = stem.endswith(".previous")
        namespace, pod, container = stem.removesuffix(".previous").split("__")
        if file.name.endswith(".400.json"):
            body = read_json(file)
            self.refused_logs[namespace, pod, container, previous] = body.get("body", body)["message"]
        else:
            self.logs[namespace, pod, container, previous] = file.read_text()
