"""What the kubelets tell of their nodes and pods, asked through the API server: GET nodes/{node}/proxy/stats/summary.

A few at once and at most `MOST` in one round: those of a larger cluster take turns. A kubelet that does not answer is
left out for more and more rounds, and holds up nobody but the thread that waits for it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from app.sources.base import SourceError, Trouble
from app.sources.kubernetes.resources import NAME, SUMMARY
from app.sources.kubernetes.troubles import refusal
from detectors.cluster import Access, AccessStatus
from detectors.objects import Metadata, NodeSummary, decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.clock import Clock
    from app.sources.kubernetes.cache import ClusterCache
    from app.sources.kubernetes.client import KubernetesClient
    from app.sources.kubernetes.watch import Pace

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Requests under way: every one of them is a connection from the API server to a node."""
MOST = 100
"""Kubelets asked in one round: a summary may have several hundred kilobytes."""
ANSWER_SECONDS = 10.0
LONGEST_REST = 10
"""Rounds for which a kubelet that never answers is left alone."""


class KubeletPoll:
    """Keeps the kubelets' summaries in the cache current.

    Args:
        client: the connection.
        cache: knows the nodes, and gets what they tell.
        clock: dates what is seen.
        pace: how often.
        stop: ends it.
        most: kubelets in one round.
    """

    def __init__(
        self,
        client: KubernetesClient,
        cache: ClusterCache,
        clock: Clock,
        pace: Pace,
        stop: threading.Event,
        most: int = MOST,
    ) -> None:
        self._client, self._cache, self._clock = client, cache, clock
        self._pace, self._stop, self._most = pace, stop, most
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

    def run(self) -> None:
        """Take turn after turn until told to stop."""
        while not self._stop.is_set():
            try:
                self.turn()
            except Exception:
                # A poll that dies unseen would leave numbers that look current.
                log.exception("asking the kubelets failed")
                self._say(AccessStatus.ERROR, "an internal error; see the log file")
            self._stop.wait(self._pace.kubelets)

    def turn(self) -> None:
        """A round where somebody wants it; else nobody is asked, and nothing kept that would look current."""
        if self.wanted:
            self.round()
        else:
            self._forget(self._cache.keys(SUMMARY.name))
            self._say(AccessStatus.LOADING, "not asked: metrics tell all that kubelets could")

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
        self._forget(set(self._cache.keys(SUMMARY.name)) - there)

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            gone = NodeSummary(metadata=Metadata(name=name))
            self._cache.apply_change(SUMMARY.name, "DELETED", gone, self._clock.now())

    def _chosen(self) -> list[str]:
        """Whose turn it is; of those who have refused, one is enough to see whether they still do."""
        rested = []
        for name in self._turns:
            if self._rests.get(name, 0) > 0:
                self._rests[name] -= 1
            else:
                rested.append(name)
        chosen = rested[: 1 if self._refused else self._most]
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
        response = self._client.get(f"/api/v1/nodes/{name}/proxy/stats/summary", timeout=ANSWER_SECONDS)
        if response.status != 200:
            raise refusal(response)
        try:
            summary = decode(NodeSummary, response.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise SourceError(Trouble.PROTOCOL, "the answer is no summary of a kubelet") from None
        at = self._clock.now()
        # A kubelet takes its numbers every ten seconds or so: the same ones again are nothing new.
        version = summary.node.cpu.time or f"{at:.0f}"
        summary = msgspec.structs.replace(summary, metadata=Metadata(name=name, resource_version=version))
        self._cache.apply_change(SUMMARY.name, "MODIFIED", summary, at)

    def _conclude(self, *, any_answered: bool) -> None:
        """Say how much of the cluster is seen."""
        troubles = sorted(self._troubles.items())
        forbidden = next((error for _, error in troubles if error.trouble is Trouble.FORBIDDEN), None)
        answering = len(set(self._cache.keys(SUMMARY.name)) - self._troubles.keys())
        self._refused = forbidden is not None and not any_answered
        if forbidden is not None and self._refused:
            self._say(AccessStatus.FORBIDDEN, forbidden.message)
        elif answering:
            parts = [f"{answering} of {len(self._turns)} kubelets answer"]
            parts += [f"{name}: {error.message}" for name, error in troubles[:1]]
            if len(self._turns) > self._most:
                parts.append(f"{self._most} are asked every {self._pace.kubelets:.0f} s, in turns")
            self._say(AccessStatus.LISTED, "; ".join(parts))
        else:
            none = "no node is known: which there are may not be listed, or there are none"
            self._say(AccessStatus.ERROR, troubles[0][1].message if troubles else none)

    def _say(self, status: AccessStatus, detail: str = "") -> None:
        self._cache.apply_access(SUMMARY.name, Access(status, detail, self._clock.now()))
