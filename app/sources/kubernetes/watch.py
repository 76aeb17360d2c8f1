"""One resource, listed and then watched for ever: the part of client-go's reflector that a reader needs.

What may go wrong, and what is done: a page token or a version that has expired (410), list again; an ERROR event, a
broken or silent connection, go on from the last version after a pause; 403 and 404, say so and ask again much later;
the right to list but not to watch, list again and again.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.sources.base import SourceError, Trouble
from app.sources.kubernetes.client import StreamRefusedError
from app.sources.kubernetes.decode import Decoder
from app.sources.kubernetes.troubles import Status, refusal
from detectors.cluster import Access, AccessStatus

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from app.clock import Clock
    from app.sources.kubernetes.cache import ClusterCache
    from app.sources.kubernetes.client import KubernetesClient, Response
    from app.sources.kubernetes.resources import Resource
    from detectors.objects import Object

log = logging.getLogger(__name__)

PAGE = 500
_REFUSED = {Trouble.FORBIDDEN: AccessStatus.FORBIDDEN, Trouble.NOT_FOUND: AccessStatus.NOT_SERVED}


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how long, in seconds."""

    first_retry: float = 1.0
    longest_retry: float = 60.0
    refused: float = 60.0
    """Until a refused resource is asked for again: rights may be granted."""
    poll: float = 60.0
    """Between two lists of what cannot be watched."""
    kubelets: float = 60.0
    """Between two rounds of questions to the kubelets."""
    health: float = 15.0
    """Between two questions for `/readyz`."""
    watch: float = 300.0
    """After which the server ends a watch; up to twice that, so that not all end at once."""
    silence: float = 90.0
    """Without a byte, after which a watch is taken for dead: bookmarks come every minute."""
    request: float = 60.0


class Backoff:
    """Pauses that double, with jitter, so that many clients do not come back at once."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        longest = min(self._pace.longest_retry, self._pace.first_retry * 2.0**self._failures)
        self._failures = min(self._failures + 1, 30)
        return longest * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It works again."""
        self._failures = 0


class ExpiredError(Exception):
    """The version to go on from is too old: list again."""


class ResourceWatch:
    """Keeps one resource of the cache current, in the whole cluster or in one namespace.

    Args:
        forbidden: called when the list is refused with 403.
    """

    def __init__(
        self,
        client: KubernetesClient,
        cache: ClusterCache,
        resource: Resource,
        clock: Clock,
        pace: Pace,
        stop: threading.Event,
        namespace: str = "",
        forbidden: Callable[[Resource], None] | None = None,
    ) -> None:
        self._client = client
        self._cache = cache
        self._resource = resource
        self._clock = clock
        self._pace = pace
        self._stop = stop
        self._namespace = namespace
        self._forbidden = forbidden
        self._path = ""
        self._version = ""
        """Where a watch goes on."""
        self._opened = False
        """The newest watch was answered."""
        self._decoder = Decoder(resource.kind)
        self._backoff = Backoff(pace)
        self._say(AccessStatus.LOADING)

    def run(self) -> None:
        """List and watch until told to stop."""
        while not self._stop.is_set():
            try:
                self._list()
                self._backoff.reset()
                pause = self._follow() if self._resource.watched else self._pace.poll
            except ExpiredError:
                pause = 0.0
            except SourceError as error:
                pause = self._refused(error)
            except Exception:
                # A watch that dies unseen would leave a state that looks current.
                log.exception("watching %s failed", self._resource.name)
                self._say(AccessStatus.ERROR, "an internal error; see the log file")
                pause = self._backoff.next()
            self._stop.wait(pause)

    def _refused(self, error: SourceError) -> float:
        """Say what is the matter; the seconds until the next try."""
        status = _REFUSED.get(error.trouble, AccessStatus.ERROR)
        if status is AccessStatus.FORBIDDEN and self._forbidden is not None:
            self._forbidden(self._resource)
        unserved = f"this cluster does not serve {self._resource.name}"
        self._say(status, unserved if status is AccessStatus.NOT_SERVED else error.message)
        return self._backoff.next() if status is AccessStatus.ERROR else self._pace.refused

    def _say(self, status: AccessStatus, detail: str = "") -> None:
        self._cache.apply_access(self._resource.name, Access(status, detail, self._clock.now()), self._namespace)

    def _list(self) -> None:
        """List everything into the cache."""
        refused: SourceError | None = None
        for root in self._resource.roots:
            path = self._resource.path(root, self._namespace)
            try:
                items, version = self._pages(path)
            except SourceError as error:
                if error.trouble not in _REFUSED:
                    raise
                refused = refused or error
                continue
            self._path, self._version = path, version
            self._cache.apply_list(self._resource.name, items, self._clock.now(), self._namespace)
            self._say(AccessStatus.LISTED)
            return
        assert refused is not None
        raise refused

    def _pages(self, path: str) -> tuple[list[Object], str]:
        items: list[Object] = []
        token = ""
        while not self._stop.is_set():
            query = {"limit": str(PAGE)} | ({"continue": token} if token else {})
            response = self._client.get(path, query, timeout=self._pace.request)
            if response.status == 410 and token:
                raise ExpiredError
            if response.status != 200:
                raise self._told(response)
            page = self._decoder.page(response.body)
            items += page.items
            token = page.token
            if not token:
                return items, page.version
        raise ExpiredError

    def _told(self, response: Response) -> SourceError:
        """The refusal, after the pause that the server asks for."""
        wait = response.headers.get("retry-after", "")
        if wait.isdecimal():
            self._stop.wait(min(float(wait), self._pace.longest_retry))
        return refusal(response)

    def _follow(self) -> float:
        """Watch, over as many connections as it takes.

        Returns:
            Seconds until the next list, where watching is not allowed.

        Raises:
            ExpiredError: list again at once.
        """
        again = False
        while not self._stop.is_set():
            begun = self._version
            try:
                self._watch()
            except StreamRefusedError as error:
                if error.response.status == 410:
                    raise ExpiredError from None
                if error.response.status in (403, 404, 405):
                    if again:
                        # It was allowed before: the list tells at once what is still allowed.
                        raise ExpiredError from None
                    return self._pace.poll
                self._say(AccessStatus.ERROR, self._told(error.response).message)
            except SourceError as error:
                # Silence of an open watch is nothing new; of one that could not be opened, what is known gets old.
                if error.trouble is not Trouble.TIMEOUT or not self._opened:
                    self._say(AccessStatus.ERROR, error.message)
            again = True
            if self._version == begun:
                self._stop.wait(self._backoff.next())
        return 0.0

    def _watch(self) -> None:
        """One connection's worth of changes."""
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(int(self._pace.watch * random.uniform(1.0, 2.0))),
        }
        self._opened = False
        with self._client.stream(self._path, query, self._pace.silence) as lines:
            self._opened = True
            self._say(AccessStatus.LISTED)
            for line in lines:
                self._apply(line)
                self._backoff.reset()

    def _apply(self, line: bytes) -> None:
        """One line of a watch into the cache."""
        change, item = self._decoder.event(line)
        if isinstance(item, Status):
            raise _complaint(item)
        if item is None:
            return
        if change != "BOOKMARK":
            self._cache.apply_change(self._resource.name, change, item, self._clock.now())
        self._version = item.metadata.resource_version


def _complaint(status: Status) -> Exception:
    if status.code == 410:
        return ExpiredError()
    return SourceError(Trouble.UNAVAILABLE, f"the Kubernetes API ended a watch: {status.message}")
