"""What the kubelets tell of their nodes and pods, asked through the API server: GET nodes/{node}/proxy/...

A few at once and only so many in one round: those of a larger cluster take turns. A kubelet that does not answer is
left out for more and more rounds, and holds up nobody but the thread that waits for it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from app.sources.base import SourceError, Trouble
from app.sources.kubernetes.exposition import container_counters
from app.sources.kubernetes.resources import COUNTERS, NAME, SUMMARY
from app.sources.kubernetes.troubles import refusal
from detectors.cluster import Access, AccessStatus
from detectors.objects import Metadata, NodeCounters, NodeSummary, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from app.clock import Clock
    from app.sources.kubernetes.cache import ClusterCache
    from app.sources.kubernetes.client import KubernetesClient
    from app.sources.kubernetes.resources import Resource
    from app.sources.kubernetes.watch import Pace
    from detectors.objects import Object

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Requests under way: every one of them is a connection from the API server to a node."""
ANSWER_SECONDS = 10.0
ANSWER_BYTES = 32 << 20
"""Unpacked; the largest nodes tell a third of it."""
LONGEST_REST = 10
"""Rounds for which a kubelet that never answers is left alone."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the things that kubelets tell."""

    resource: Resource
    """What is kept of it."""
    path: str
    """Below the kubelet's root."""
    read: Callable[[bytes], tuple[Object, str]]
    """Takes an answer; gives the object, still without a name, and its version: the same numbers have the same one.

    Raises ValueError or msgspec.DecodeError for what is none.
    """
    most: int
    """Kubelets asked in one round."""


def _summary(body: bytes) -> tuple[Object, str]:
    summary = decode(NodeSummary, body)
    return summary, summary.node.cpu.time or ""


def _counters(body: bytes) -> tuple[Object, str]:
    containers = container_counters(body)
    times = [each.at for each in containers if each.at is not None]
    return NodeCounters(containers=containers), f"{max(times):.3f}" if times else ""


ENDPOINTS = (
    Endpoint(SUMMARY, "stats/summary", _summary, 100),
    # Megabytes where a summary has several hundred kilobytes; packed it is a tenth.
    Endpoint(COUNTERS, "metrics/cadvisor", _counters, 50),
)


class Kubelets:
    """Asks for everything that somebody wants to know of them, one endpoint after the other.

    Args:
        polls: one for each endpoint.
        pace: how often.
        stop: ends it.
    """

    def __init__(self, polls: Iterable[KubeletPoll], pace: Pace, stop: threading.Event) -> None:
        self._polls = tuple(polls)
        self._pace, self._stop = pace, stop

    def follow(self, wanted: Collection[str]) -> None:
        """Ask for these resources from the next turn on, and for no others; from any thread."""
        for poll in self._polls:
            poll.wanted = poll.resource in wanted

    def run(self) -> None:
        """Take turn after turn until told to stop."""
        while not self._stop.is_set():
            self.turn()
            self._stop.wait(self._pace.kubelets)

    def turn(self) -> None:
        """One turn of every poll."""
        for poll in self._polls:
            poll.turn()


class KubeletPoll:
    """Keeps what the kubelets tell by one endpoint current in the cache.

    Args:
        client: the connection.
        cache: knows the nodes, and gets what they tell.
        clock: dates what is seen.
        pace: how often.
        stop: ends it.
        endpoint: what they are asked for.
    """

    def __init__(
        self,
        client: KubernetesClient,
        cache: ClusterCache,
        clock: Clock,
        pace: Pace,
        stop: threading.Event,
        endpoint: Endpoint = ENDPOINTS[0],
    ) -> None:
        self._client, self._cache, self._clock = client, cache, clock
        self._pace, self._stop, self._endpoint = pace, stop, endpoint
        self._turns: dict[str, None] = {}
        """All nodes, those first whose turn it is."""
        self._failed: dict[str, int] = {}
        """How often in a row a node did not answer."""
        self._rests: dict[str, int] = {}
        """Rounds for which a node is left alone."""
        self._troubles: dict[str, SourceError] = {}
        """What was the matter with the nodes that did not answer."""
        self._refused = False
        self.wanted = True
        """Whether anybody lacks what the kubelets could tell; may be changed from any thread."""
        self._say(AccessStatus.LOADING)

    @property
    def resource(self) -> str:
        """What is kept current."""
        return self._endpoint.resource.name

    def turn(self) -> None:
        """A round where somebody wants it; else nobody is asked, and nothing kept that would look current."""
        try:
            if self.wanted:
                self.round()
            else:
                self._forget(self._cache.keys(self.resource))
                self._say(AccessStatus.LOADING, "not asked: metrics tell all that kubelets could")
        except Exception:
            # A poll that dies unseen would leave numbers that look current.
            log.exception("asking the kubelets for %s failed", self._endpoint.path)
            self._say(AccessStatus.ERROR, "an internal error; see the log file")

    def round(self) -> None:
        """Ask those whose turn it is, and say what came of it."""
        self._know_nodes()
        chosen = self._chosen()
        waiting, answered = deque(chosen), list[str]()
        threads = [
            threading.Thread(target=self._work, args=(waiting, answered), name="kubernetes kubelet", daemon=True)
            for _ in range(min(AT_ONCE, len(chosen)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not self._stop.is_set():
            self._conclude(any_answered=bool(answered))

    def _know_nodes(self) -> None:
        nodes = [name for name in self._cache.keys("nodes") if NAME.fullmatch(name)]
        there = set(nodes)
        # New ones first: nothing is known of them yet.
        new = [name for name in nodes if name not in self._turns]
        self._turns = dict.fromkeys([*new, *(name for name in self._turns if name in there)])
        self._failed = {name: times for name, times in self._failed.items() if name in there}
        self._rests = {name: rounds for name, rounds in self._rests.items() if name in there}
        self._troubles = {name: error for name, error in self._troubles.items() if name in there}
        self._forget(set(self._cache.keys(self.resource)) - there)

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            gone = self._endpoint.resource.kind(metadata=Metadata(name=name))
            self._cache.apply_change(self.resource, "DELETED", gone, self._clock.now())

    def _chosen(self) -> list[str]:
        """Whose turn it is; of those who have refused, one is enough to see whether they still do."""
        rested = []
        for name in self._turns:
            if self._rests.get(name, 0) > 0:
                self._rests[name] -= 1
            else:
                rested.append(name)
        chosen = rested[: 1 if self._refused else self._endpoint.most]
        for name in chosen:
            del self._turns[name]
            self._turns[name] = None
        return chosen

    def _work(self, waiting: deque[str], answered: list[str]) -> None:
        """Ask one after the other, until there is none left or the right is missing."""
        while not self._stop.is_set():
            try:
                name = waiting.popleft()
            except IndexError:
                return
            try:
                self._ask(name)
            except SourceError as error:
                self._troubles[name] = error
                self._failed[name] = self._failed.get(name, 0) + 1
                if error.trouble is not Trouble.FORBIDDEN:
                    self._rests[name] = min(2 ** (self._failed[name] - 1) - 1, LONGEST_REST)
                elif not answered:
                    waiting.clear()
            else:
                answered.append(name)
                self._failed.pop(name, None)
                self._troubles.pop(name, None)

    def _ask(self, name: str) -> None:
        response = self._client.get(
            f"/api/v1/nodes/{name}/proxy/{self._endpoint.path}",
            headers={"Accept": "*/*", "Accept-Encoding": "gzip"},
            timeout=ANSWER_SECONDS,
            most=ANSWER_BYTES,
        )
        if response.status != 200:
            raise refusal(response)
        try:
            told, version = self._endpoint.read(response.body)
        except (ValueError, msgspec.DecodeError):
            raise SourceError(Trouble.PROTOCOL, f"the answer is no {self._endpoint.path} of a kubelet") from None
        at = self._clock.now()
        # A kubelet takes its numbers every ten seconds or so: the same ones again are nothing new.
        metadata = Metadata(name=name, resource_version=version or f"{at:.0f}")
        self._cache.apply_change(self.resource, "MODIFIED", msgspec.structs.replace(told, metadata=metadata), at)

    def _conclude(self, *, any_answered: bool) -> None:
        """Say how much of the cluster is seen."""
        troubles = sorted(self._troubles.items())
        forbidden = next((error for _, error in troubles if error.trouble is Trouble.FORBIDDEN), None)
        answering = len(set(self._cache.keys(self.resource)) - self._troubles.keys())
        self._refused = forbidden is not None and not any_answered
        if forbidden is not None and self._refused:
            self._say(AccessStatus.FORBIDDEN, forbidden.message)
        elif answering:
            parts = [f"{answering} of {len(self._turns)} kubelets answer"]
            parts += [f"{name}: {error.message}" for name, error in troubles[:1]]
            if len(self._turns) > self._endpoint.most:
                parts.append(f"{self._endpoint.most} are asked every {self._pace.kubelets:.0f} s, in turns")
            self._say(AccessStatus.LISTED, "; ".join(parts))
        else:
            none = "no node is known: which there are may not be listed, or there are none"
            self._say(AccessStatus.ERROR, troubles[0][1].message if troubles else none)

    def _say(self, status: AccessStatus, detail: str = "") -> None:
        self._cache.apply_access(self.resource, Access(status, detail, self._clock.now()))
