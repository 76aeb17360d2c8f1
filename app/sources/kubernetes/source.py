"""The cluster as the engine sees it: one thread per resource keeps the cache, everything else reads it."""

from __future__ import annotations

import threading
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import msgspec

from app.clock import SystemClock
from app.sources.base import LogTail, SourceError, Trouble
from app.sources.kubernetes.cache import ClusterCache
from app.sources.kubernetes.kubelets import ENDPOINTS, KubeletPoll, Kubelets
from app.sources.kubernetes.resources import NAME, RESOURCES
from app.sources.kubernetes.troubles import refusal, status_of
from app.sources.kubernetes.watch import Pace, ResourceWatch
from detectors.cluster import Access, AccessStatus, Readiness

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from app.clock import Clock
    from app.sources.kubernetes.cache import Observer
    from app.sources.kubernetes.client import KubernetesClient, Response
    from app.sources.kubernetes.resources import Resource
    from detectors.cluster import ClusterState

READYZ = "/readyz"
"""The key of `ClusterState.access` for the API server's own health."""

_LOG_BYTES = 1 << 20
SKEW_SECONDS = 2.0
_CLOSE_SECONDS = 1.0


class _Version(msgspec.Struct, rename="camel"):
    git_version: str = ""


class KubernetesSource:
    """A live cluster (`app.sources.base.ClusterSource`).

    Args:
        client: the connection; closed with this source.
        namespaces: listed one by one where the cluster-wide list is forbidden; empty: the context's own namespace.
        clock: dates what is seen.
        observer: gets every input of the cache in order, for recording.
        pace: how often and how long.

    Raises:
        SourceError: there is no such context.
    """

    def __init__(
        self,
        client: KubernetesClient,
        namespaces: Sequence[str] = (),
        clock: Clock | None = None,
        observer: Observer | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.cache = ClusterCache(client.cluster, observer)
        self._client = client
        self._namespaces = tuple(namespaces) or tuple(filter(None, (client.namespace,)))
        self._clock = clock or SystemClock()
        self._pace = pace or Pace()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._spread_out: set[str] = set()
        self.kubelets: Kubelets | None = None
        """Once somebody wants to know what they tell."""

    @property
    def cluster(self) -> str:
        """The context's name."""
        return self.cache.cluster

    def start(self) -> None:
        """Begin to list and watch; returns at once."""
        for resource in RESOURCES:
            self._watch(resource)
        self._run("health", self._watch_health)

    def wait_ready(self, timeout: float) -> bool:
        """Wait until every resource was listed once or refused; False on timeout, and when nothing answers at all."""
        kinds = {READYZ, *(resource.name for resource in RESOURCES)}

        def settled(access: dict[str, Access]) -> bool:
            return kinds <= access.keys() and all(each.status is not AccessStatus.LOADING for each in access.values())

        if not self.cache.wait_for(settled, timeout):
            return False
        return self.cache.wait_for(
            lambda access: any(each.status is not AccessStatus.ERROR for each in access.values()), 0.0
        )

    def state(self, now: float) -> ClusterState:
        """An immutable view of everything known."""
        return self.cache.state(now)

    def follow_kubelets(self, wanted: Collection[str], timeout: float = 0.0) -> None:
        """Ask the kubelets for these and nothing else; waits so long for their first answers.

        What is wanted no more is gone with the next round, for nobody renews it.
        """
        if self.kubelets is not None:
            self.kubelets.follow(wanted)
        elif wanted:
            polls = [
                KubeletPoll(self._client, self.cache, self._clock, self._pace, self._stop, each) for each in ENDPOINTS
            ]
            self.kubelets = Kubelets(polls, self._pace, self._stop)
            self.kubelets.follow(wanted)
            self._run("kubelets", self.kubelets.run)
        self.cache.wait_for(
            lambda access: all(access[name].status is not AccessStatus.LOADING for name in wanted), timeout
        )

    def log(self, namespace: str, pod: str, container: str, *, previous: bool = False, lines: int = 100) -> LogTail:
        """The tail of a container's log, each line after its RFC 3339 time. Raises SourceError."""
        if not (NAME.fullmatch(namespace) and NAME.fullmatch(pod)):
            return LogTail((), f"{namespace}/{pod} is no name of a pod")
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        query = {"container": container, "tailLines": str(lines), "timestamps": "true", "limitBytes": str(_LOG_BYTES)}
        if previous:
            query["previous"] = "true"
        response = self._client.get(path, query, timeout=self._pace.request)
        if response.status == 200:
            return LogTail(tuple(response.body.decode(errors="replace").splitlines()))
        status = status_of(response.body)
        if response.status in (400, 404) and status is not None:
            return LogTail((), status.message)
        raise refusal(response)

    def close(self) -> None:
        """Stop watching; running requests end soon."""
        self._stop.set()
        self._client.close()
        with self._lock:
            threads = list(self._threads)
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _watch(self, resource: Resource, namespace: str = "") -> None:
        watch = ResourceWatch(
            self._client, self.cache, resource, self._clock, self._pace, self._stop, namespace,
            forbidden=None if namespace else self._spread,
        )  # fmt: skip
        self._run(f"{resource.name} {namespace}".strip(), watch.run)

    def _spread(self, resource: Resource) -> None:
        """Watch namespace by namespace what may not be watched as a whole."""
        if not resource.namespaced or resource.name in self._spread_out:
            return
        self._spread_out.add(resource.name)
        for namespace in self._namespaces:
            self._watch(resource, namespace)

    def _run(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=f"kubernetes {name}", daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _watch_health(self) -> None:
        while not self._stop.is_set():
            try:
                self._ask_version()
                self._ask_readyz()
            except SourceError as error:
                self._say_health(AccessStatus.ERROR, error.message)
            self._stop.wait(self._pace.health)

    def _ask_readyz(self) -> None:
        response = self._client.get(READYZ, {"verbose": ""}, timeout=self._pace.request)
        if response.status in (401, 403, 404):
            error = refusal(response)
            refused = AccessStatus.FORBIDDEN if error.trouble is Trouble.FORBIDDEN else AccessStatus.ERROR
            self._say_health(refused, error.message)
            return
        self.cache.apply_readiness(readiness_of(response, self._clock.now()))
        self._say_access(AccessStatus.LISTED)

    def _ask_version(self) -> None:
        response = self._client.get("/version", timeout=self._pace.request)
        if response.status == 200:
            try:
                self.cache.apply_version(msgspec.json.decode(response.body, type=_Version).git_version)
            except msgspec.DecodeError:
                raise SourceError(Trouble.PROTOCOL, "/version is not what the Kubernetes API says there") from None

    def _say_health(self, status: AccessStatus, detail: str) -> None:
        self.cache.apply_readiness(Readiness(self._clock.now(), None, (), detail))
        self._say_access(status, detail)

    def _say_access(self, status: AccessStatus, detail: str = "") -> None:
        self.cache.apply_access(READYZ, Access(status, detail, self._clock.now()))


def readiness_of(response: Response, at: float) -> Readiness:
    """What `/readyz?verbose` says: one line per check, `[+]` or `[-]`."""
    lines = response.body.decode(errors="replace").splitlines()
    failed = tuple(line[3:].split(" ", 1)[0] for line in lines if line.startswith("[-]"))
    detail = "" if response.status == 200 else f"HTTP {response.status}"
    skew = _skew(response.headers.get("date", ""), at)
    return Readiness(at, response.status == 200, failed, detail, skew=skew)


def _skew(date: str, at: float) -> float:
    """Seconds by which an HTTP date is ahead; the header is in whole seconds, and less than two mean nothing."""
    try:
        skew = parsedate_to_datetime(date).timestamp() - at
    except (TypeError, ValueError):
        return 0.0
    return skew if abs(skew) >= SKEW_SECONDS else 0.0
