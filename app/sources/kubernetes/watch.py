"""One resource, listed and then watched for ever: the part of client-go's reflector that a reader needs.

What may go wrong, and what is done: a page token or a version that has expired (410), list again; an ERROR event, a
broken or silent connection, go on from the last version after a pause; 403 and 404, say so and ask again much later;
the right to list but not to watch, list again and again.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from app.sources.base import SourceError, Trouble
from app.sources.kubernetes.client import StreamRefusedError
from app.sources.kubernetes.troubles import Status, refusal
from detectors.cluster import Access, AccessStatus
from detectors.objects import decode

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
_PIECE = 50
"""Objects decoded between two moments in which other threads may run: about a millisecond's worth."""

_REFUSED = {Trouble.FORBIDDEN: AccessStatus.FORBIDDEN, Trouble.NOT_FOUND: AccessStatus.NOT_SERVED}


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how long, in seconds."""

    first_retry: float = 1.0
    longest_retry: float = 60.0
    refused: float = 600.0
    """Until a refused resource is asked for again: rights may be granted."""
    poll: float = 60.0
    """Between two lists of what cannot be watched."""
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


class _Meta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    items: list[msgspec.Raw] | None = None
    metadata: _Meta = msgspec.field(default_factory=_Meta)


class _WatchEvent(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Bookmark(msgspec.Struct):
    metadata: _Meta


_page = msgspec.json.Decoder(_Page)
_event = msgspec.json.Decoder(_WatchEvent)
_bookmark = msgspec.json.Decoder(_Bookmark)


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
            page = _decoded_page(response)
            items += self._decoded(page.items or [])
            token = page.metadata.continue_
            if not token:
                return items, page.metadata.resource_version
        raise ExpiredError

    def _told(self, response: Response) -> SourceError:
        """The refusal, after the pause that the server asks for."""
        wait = response.headers.get("retry-after", "")
        if wait.isdecimal():
            self._stop.wait(min(float(wait), self._pace.longest_retry))
        return refusal(response)

    def _decoded(self, raws: list[msgspec.Raw]) -> list[Object]:
        """Objects from JSON, in pieces; one that cannot be read is left out and logged."""
        items: list[Object] = []
        for index, raw in enumerate(raws):
            if index % _PIECE == _PIECE - 1:
                time.sleep(1e-4)
            if (item := self._object(raw)) is not None:
                items.append(item)
        return items

    def _object(self, raw: msgspec.Raw) -> Object | None:
        try:
            return decode(self._resource.kind, raw)
        except msgspec.DecodeError as error:
            log.warning("one of %s cannot be read: %s", self._resource.name, error)
            return None

    def _follow(self) -> float:
        """Watch, over as many connections as it takes.

        Returns:
            Seconds until the next list, where watching is not allowed.

        Raises:
            ExpiredError: list again at once.
        """
        while not self._stop.is_set():
            begun = self._version
            try:
                self._watch()
            except StreamRefusedError as error:
                if error.response.status == 410:
                    raise ExpiredError from None
                if error.response.status in (403, 404, 405):
                    return self._pace.poll
                self._say(AccessStatus.ERROR, self._told(error.response).message)
            except SourceError as error:
                if error.trouble is not Trouble.TIMEOUT:
                    self._say(AccessStatus.ERROR, error.message)
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
        with self._client.stream(self._path, query, self._pace.silence) as lines:
            self._say(AccessStatus.LISTED)
            for line in lines:
                self._apply(line)
                self._backoff.reset()

    def _apply(self, line: bytes) -> None:
        """One line of a watch into the cache."""
        try:
            event = _event.decode(line)
            if event.type == "BOOKMARK":
                self._version = _bookmark.decode(event.object).metadata.resource_version
                return
            if event.type == "ERROR":
                raise _complaint(msgspec.json.decode(event.object, type=Status))
        except msgspec.DecodeError:
            raise SourceError(Trouble.PROTOCOL, f"a line of the watch of {self._resource.name} is no event") from None
        item = self._object(event.object)
        if item is not None:
            self._cache.apply_change(self._resource.name, event.type, item, self._clock.now())
            self._version = item.metadata.resource_version


def _decoded_page(response: Response) -> _Page:
    try:
        return _page.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SourceError(
            Trouble.PROTOCOL,
            "the answer is no list of the Kubernetes API",
            "Check the server's address in the kubeconfig: something else answers there.",
        ) from None


def _complaint(status: Status) -> Exception:
    if status.code == 410:
        return ExpiredError()
    return SourceError(Trouble.UNAVAILABLE, f"the Kubernetes API ended a watch: {status.message}")
