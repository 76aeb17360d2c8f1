"""What ought to be said about a simulation: derived from its faults, so that it cannot drift from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.faults import Fault
    from tests.lab.shop import Shop


@dataclass(frozen=True, slots=True)
class Place:
    """An entity, without its cluster."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """One finding that must come."""

    signal: str
    place: Place
    since: float
    """When the fault starts, unix seconds; the finding comes some minutes later."""
    until: float
    fault: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What must, may and must not be found; everything that is in neither of the first two must not."""

    expected: tuple[Expectation, ...]
    allowed: tuple[tuple[str, Place], ...]
    """True consequences: signal and entity."""
    silent: tuple[Place, ...]
    """Look-alikes: nothing about these."""

    def accepts(self, signal: str, place: Place) -> bool:
        """Whether such a finding is right."""
        return (signal, place) in self.allowed or any(
            (each.signal, each.place) == (signal, place) for each in self.expected
        )


CLUSTER = Place("Cluster", "", "")


def place(fault: Fault, shop: Shop) -> Place:
    """Where a fault is found."""
    if fault.target in shop.nodes:
        return Place("Node", "", fault.target)
    if fault.spec.events:
        return CLUSTER
    workload = shop.workload(fault.target)
    return Place(workload.kind, workload.namespace, workload.name)


def truth(faults: Sequence[Fault], shop: Shop) -> Truth:
    """The truth about these faults."""
    expected, allowed, silent = [], [], []
    for fault in faults:
        where = place(fault, shop)
        if fault.spec.lookalike:
            silent.append(where)
        expected += [Expectation(signal, where, fault.start, fault.end, fault.id) for signal in fault.spec.signals]
        # A cluster-wide count, or a lost node, shows in more places than its own.
        places = [where, CLUSTER]
        if fault.spec.condition == "NotReady":
            places += [Place(workload.kind, workload.namespace, workload.name) for workload in shop.workloads]
        allowed += [(signal, each) for signal in fault.spec.allowed for each in places]
    troubled = {each.place for each in expected}
    return Truth(tuple(expected), tuple(allowed), tuple(each for each in silent if each not in troubled))
