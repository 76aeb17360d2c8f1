"""Which cases are consequences of others: a failing database is one case with its callers as impact, not nine.

Time alone proves nothing. A case is attached to another when calls lead from one to the other in the direction in which
its kind of trouble travels (errors and latency from callee to caller, traffic from caller to callee), when both began
together and not the wrong way round, and when it has no trouble of its own to explain.

What stands on something that was found to be unwell only later (a node that was not yet marked silent, a claim) is
attached to that: what objects say now tells it, whatever calls whom.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from app.call_graph import Node, far_ends, node_of
from app.grouping import NOTICED_SECONDS
from app.topology import Topology, subject
from detectors.catalog import DetectorKind
from detectors.model import EntityType
from storage.records import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from app.call_graph import CallGraph
    from detectors.catalog import Row
    from detectors.cluster import ClusterState
    from detectors.model import Entity
    from storage.records import AnomalyRecord, InvestigationRecord

GROUND = frozenset({"Node", "PersistentVolume", "PersistentVolumeClaim", "ResourceQuota"})
"""Kinds that workloads stand on."""
SLACK_SECONDS = 180.0
"""A consequence may be seen so much earlier than its cause: detectors need different times."""
ROLLOUT_SECONDS = 900.0
"""What rolled out this shortly before may have trouble of its own."""


class Trouble(StrEnum):
    """How an anomaly travels along calls."""

    ERRORS = "errors"
    LATENCY = "latency"
    DROP = "drop"
    SURGE = "surge"
    VOLUME = "volume"
    """Bytes that follow the traffic."""
    READINESS = "readiness"
    """Health checks that ask a dependency."""
    OWN = "own"
    """Does not travel to it: whoever has this has trouble of its own."""


SICK = frozenset({Trouble.ERRORS, Trouble.LATENCY})
TRAVELS_UP = SICK | {Trouble.DROP, Trouble.SURGE, Trouble.VOLUME, Trouble.READINESS}
"""What a caller has of a callee's fault; its retries and its falling throughput among it."""
TRAVELS_DOWN = frozenset({Trouble.DROP, Trouble.SURGE, Trouble.VOLUME})
"""What a callee has of its caller's."""

_BY_DETECTOR = {
    DetectorKind.RATIO_SPIKE: Trouble.ERRORS,
    DetectorKind.QUANTILE_SHIFT: Trouble.LATENCY,
    DetectorKind.RATE_DROP: Trouble.DROP,
    DetectorKind.RATE_SURGE: Trouble.SURGE,
}
_BY_SIGNAL = {
    "workload-network-send": Trouble.VOLUME,
    "workload-network-receive": Trouble.VOLUME,
    "pod-readiness-failing": Trouble.READINESS,
    "probe-failure-spike": Trouble.READINESS,
    "service-no-endpoints": Trouble.READINESS,
}


def trouble_of(row: Row) -> Trouble:
    """How a row's anomalies travel."""
    return _BY_SIGNAL.get(row.id) or _BY_DETECTOR.get(row.detector, Trouble.OWN)


class Member(NamedTuple):
    """An open case with what is out of band in it."""

    case: InvestigationRecord
    node: Node
    kinds: frozenset[Trouble]
    peers: frozenset[Node]
    """Far ends that its dependency and database anomalies are about."""

    @property
    def only_calls(self) -> bool:
        """Whether everything out of band in it is about one far end, in one way or another."""
        return bool(self.peers) and self.kinds <= TRAVELS_UP


@dataclass
class Consequences:
    """Decides which case belongs to which.

    Args:
        rows: the catalogue's, by id.
        seconds: onsets that are further apart have different causes.
    """

    rows: Mapping[str, Row]
    seconds: float

    def attached(
        self,
        cases: Iterable[InvestigationRecord],
        anomalies: Iterable[AnomalyRecord],
        graph: CallGraph,
        state: ClusterState | None,
        rollout_of: Callable[[Entity], float | None],
        now: float,
    ) -> dict[int, int]:
        """The cases whose attachment changes, each with the case that it now belongs to, 0 for none.

        Args:
            cases: the open ones of a cluster, and those that ended a short while ago.
            anomalies: everything that is out of band.
            graph: who calls whom.
            state: tells the workloads behind Services, and who stands on what.
            rollout_of: when a workload's newest revision appeared.
            now: unix seconds.
        """
        known = {case.id: case for case in cases}
        members = self._members(known, anomalies, state)
        parents = {number: case.part_of for number, case in known.items() if case.part_of}
        for number in [n for n in parents if not self._holds(known[n], known.get(parents[n]), now)]:
            del parents[number]
        by_node = defaultdict(list)
        for member in members.values():
            by_node[member.node].append(member)
        ground = self._ground(known.values(), state)
        for member in sorted(members.values(), key=lambda each: (each.case.onset, each.case.id)):
            if member.case.id not in parents:
                own = self._rolled_out(member, rollout_of)
                base = ground(member.case) if not own else 0
                root = self._root(member, members, by_node, graph, own)
                above = base or (root.case.id if root is not None else 0)
                if above and _top(above, parents) != member.case.id:
                    parents[member.case.id] = above
        found = {number: _top(parents[number], parents) for number in parents}
        before = {number: case.part_of for number, case in known.items()}
        return {n: found.get(n, 0) for n in before if found.get(n, 0) != before[n]}

    def _members(
        self, cases: Mapping[int, InvestigationRecord], anomalies: Iterable[AnomalyRecord], state: ClusterState | None
    ) -> dict[int, Member]:
        living: dict[int, list[AnomalyRecord]] = {}
        for anomaly in anomalies:
            if anomaly.investigation in cases and anomaly.signal in self.rows:
                living.setdefault(anomaly.investigation, []).append(anomaly)
        return {
            number: Member(
                cases[number],
                node_of(cases[number].entity),
                frozenset(trouble_of(self.rows[a.signal]) for a in found),
                frozenset(far for a in found for far in far_ends(a.entity, state)),
            )
            for number, found in living.items()
            if cases[number].lifecycle is Lifecycle.OPEN and _calls_or_is_called(cases[number].entity)
        }

    def _holds(self, case: InvestigationRecord, root: InvestigationRecord | None, now: float) -> bool:
        """Whether what was attached stays so: until its cause has been over for a while, and it is not."""
        if root is None:
            return False
        if root.lifecycle is Lifecycle.OPEN or case.lifecycle is not Lifecycle.OPEN:
            return True
        return now - (root.ended or root.updated) < self.seconds

    def _ground(
        self, cases: Iterable[InvestigationRecord], state: ClusterState | None
    ) -> Callable[[InvestigationRecord], int]:
        """Finds, of a case, the open one of what its workload stands on; 0 for none."""
        bases = {subject(c.entity): c for c in cases if c.entity.kind in GROUND and c.lifecycle is Lifecycle.OPEN}
        topology = Topology(state) if bases and state is not None else None

        def found(case: InvestigationRecord) -> int:
            related = topology.related(case.entity) if topology is not None else ()
            under = (bases[place] for place in related if place in bases)
            return next((base.id for base in under if self._undermined(case, base)), 0)

        return found

    def _undermined(self, case: InvestigationRecord, base: InvestigationRecord) -> bool:
        """Whether a case began with what it stands on: that is noticed a little later than what it brings about."""
        return case.id != base.id and -NOTICED_SECONDS <= case.onset - base.onset <= self.seconds

    def _root(
        self,
        member: Member,
        members: Mapping[int, Member],
        by_node: Mapping[Node, Sequence[Member]],
        graph: CallGraph,
        own: bool,
    ) -> Member | None:
        """The case that explains another best: one that its own calls name, then the earliest."""
        downstream = self._reached(member, by_node, graph)
        candidates = [each for each in downstream if self._in_time(member, each) and self._suffers(member, each, own)]
        if member.kinds <= TRAVELS_DOWN and not candidates:
            callers = [each for node in graph.callers.get(member.node, ()) for each in by_node.get(node, ())]
            candidates = [each for each in callers if self._in_time(member, each) and _drives(each, member)]
        if member.only_calls and not candidates:
            candidates = [
                each
                for each in members.values()
                if each.peers & member.peers
                and (each.case.onset, each.case.id) < (member.case.onset, member.case.id)
                and member.case.onset - each.case.onset <= self.seconds
            ]
        return min(candidates, key=lambda r: (r.node not in member.peers, r.case.onset, r.case.id), default=None)

    def _reached(self, member: Member, by_node: Mapping[Node, Sequence[Member]], graph: CallGraph) -> list[Member]:
        """The cases of what a workload calls, directly or through others that are out of band as well."""
        seen, level, found = {member.node}, {member.node}, []
        while level:
            level = {far for node in level for far in graph.callees.get(node, ())} | (
                member.peers if member.node in level else set()
            )
            level = {node for node in level - seen if node in by_node}
            seen |= level
            found += [each for node in level for each in by_node[node]]
        return found

    def _in_time(self, member: Member, root: Member) -> bool:
        late = member.case.onset - root.case.onset
        return -SLACK_SECONDS <= late <= self.seconds

    def _suffers(self, member: Member, root: Member, rolled_out: bool) -> bool:
        """Whether a caller's trouble is what a callee's trouble would make of it."""
        if not member.kinds <= TRAVELS_UP or root.case.id == member.case.id:
            return False
        named = root.node in member.peers
        if (member.peers or rolled_out) and not named:
            return False
        return named or Trouble.OWN in root.kinds or bool(member.kinds & root.kinds & SICK)

    def _rolled_out(self, member: Member, rollout_of: Callable[[Entity], float | None]) -> bool:
        began = rollout_of(member.case.entity)
        return began is not None and 0 <= member.case.onset - began <= ROLLOUT_SECONDS


def _drives(caller: Member, callee: Member) -> bool:
    """Whether a callee's traffic is what its caller's trouble would make of it."""
    return bool(caller.kinds & callee.kinds) or Trouble.OWN in caller.kinds or bool(caller.kinds & SICK)


def _calls_or_is_called(entity: Entity) -> bool:
    return entity.type in (EntityType.WORKLOAD, EntityType.DEPENDENCY, EntityType.DATABASE, EntityType.POD)


def _top(number: int, parents: Mapping[int, int]) -> int:
    """The case at the end of a chain."""
    seen = {number}
    while (above := parents.get(number, 0)) and above not in seen:
        number = above
        seen.add(number)
    return number
