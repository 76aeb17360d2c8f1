"""Who calls whom, from whatever tells: meshes, eBPF agents, service graphs, clients' own metrics.

Nodes are workloads by namespace and name, and hosts outside the cluster under an empty namespace. A call is remembered
for hours after it was last seen: what is down is no longer called, and is still what its callers depend on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from app.sources.base import SourceError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from app.investigation.readings import Readings, Track
    from detectors.cluster import ClusterState
    from detectors.model import Entity

Node = tuple[str, str]
"""Namespace and name of a workload; an empty namespace and a host."""

ROW = "calls"
KEPT_SECONDS = 6 * 3600.0
"""How long a call is remembered."""
AGAIN_SECONDS = 600.0
"""How often the calls are asked for, while anything is out of band."""
MOST_NAMESPACES = 5
"""Asked one by one where all of them at once would be too much."""
MOST_HOPS = 4


@dataclass(frozen=True)
class CallGraph:
    """An immutable view of the calls."""

    callees: Mapping[Node, frozenset[Node]] = field(default_factory=dict)
    callers: Mapping[Node, frozenset[Node]] = field(default_factory=dict)
    queries: Mapping[Node, str] = field(default_factory=dict)
    """By caller: the PromQL that gives its calls."""

    def told_by(self, node: Node) -> str:
        """The PromQL that tells of a node's calls, else of those who call it; empty where none does."""
        known = (node, *sorted(self.callers.get(node, ())))
        return next((self.queries[each] for each in known if each in self.queries), "")

    def hops(self, caller: Node, callee: Node, through: Container[Node] = ()) -> int:
        """How many calls lead from one to the other, all between them in `through`; 0 where none do."""
        seen, level = {caller}, {caller}
        for hop in range(1, MOST_HOPS + 1):
            level = {far for node in level for far in self.callees.get(node, ())} - seen
            if callee in level:
                return hop
            seen |= level
            level = {node for node in level if node in through}
        return 0

    def near(self, node: Node, hops: int = 2) -> dict[Node, int]:
        """What a node calls, and those who call it, directly or by so many hops; by distance, itself at 0."""
        found = {node: 0}
        for edges in (self.callees, self.callers):
            level = {node}
            for hop in range(1, hops + 1):
                level = {far for each in level for far in edges.get(each, ())} - found.keys()
                found |= dict.fromkeys(level, hop)
        return found


class Calls:
    """Learns the calls of one cluster."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Node, Node], float] = {}
        self._queries: dict[Node, str] = {}
        self._asked = float("-inf")
        self._graph: CallGraph | None = None

    @property
    def graph(self) -> CallGraph:
        """The calls that are remembered; the same object until something changes."""
        if self._graph is None:
            callees: dict[Node, set[Node]] = {}
            callers: dict[Node, set[Node]] = {}
            for caller, callee in self._seen:
                callees.setdefault(caller, set()).add(callee)
                callers.setdefault(callee, set()).add(caller)
            self._graph = CallGraph(_frozen(callees), _frozen(callers), dict(self._queries))
        return self._graph

    def learn(self, entities: Iterable[Entity], state: ClusterState | None, at: float) -> None:
        """Remember the calls of dependencies and databases: whose far ends they are.

        Args:
            entities: those without a far end are left out.
            state: tells the workloads behind Services.
            at: unix seconds.
        """
        for entity in entities:
            caller = node_of(entity)
            for callee in far_ends(entity, state):
                if caller != callee and entity.name:
                    self._graph = self._graph if (caller, callee) in self._seen else None
                    self._seen[caller, callee] = at
        kept = {call: seen for call, seen in self._seen.items() if at - seen <= KEPT_SECONDS}
        self._graph = self._graph if len(kept) == len(self._seen) else None
        self._seen = kept

    def ask(self, readings: Readings, around: Iterable[str], state: ClusterState | None, at: float) -> None:
        """Ask who calls whom, unless that was done a short while ago.

        Args:
            readings: of the metrics server.
            around: namespaces with something out of band, the gravest first.
            state: tells the workloads behind Services.
            at: unix seconds.
        """
        if at - self._asked < AGAIN_SECONDS:
            return
        self._asked = at
        for namespace in ("", *dict.fromkeys(filter(None, list(around)[:MOST_NAMESPACES]))):
            try:
                tracks = readings.of(ROW, at, namespace, AGAIN_SECONDS)
            except SourceError:
                continue
            told = [track for track in tracks if _calls(track)]
            self._queries |= {node_of(track.entity): track.query for track in told}
            self.learn((track.entity for track in told), state, at)
            if not namespace:
                return


def node_of(entity: Entity) -> Node:
    """The workload that an entity is, or whose call it is."""
    return entity.namespace, entity.name


def far_ends(entity: Entity, state: ClusterState | None) -> Iterator[Node]:
    """Who is behind the far end of a dependency or database: the workloads of a Service, else what it is called."""
    if not entity.peer:
        return
    namespace, slash, name = entity.peer.partition("/")
    if not slash:
        yield "", entity.peer
        return
    owners = state.service_workloads(namespace, name) if state is not None else ()
    yield from ((owner.namespace, owner.name) for owner in owners)
    if not owners:
        yield namespace, name


def _calls(track: Track) -> bool:
    values = track.data.total if track.data.total is not None else track.data.level
    return values is not None and float(np.nansum(values)) > 0


def _frozen(edges: Mapping[Node, set[Node]]) -> dict[Node, frozenset[Node]]:
    return {node: frozenset(far) for node, far in edges.items()}
