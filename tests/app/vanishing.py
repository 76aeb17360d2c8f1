"""A shop some of whose metrics disappear while everything goes on: dropped, migrated, or away for a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.cases import AT
from tests.lab.faults import Fault
from tests.lab.shop import Route, Shop, Workload
from tests.lab.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOK = 600
"""Seconds between two looks at what the server has."""
SEEN = AT - 7 * LOOK
"""The first look; by the last before `GONE` everything has been there for more than an hour."""
GONE = AT + 120
MISSED = AT + 2 * LOOK
"""The second look without it."""
END = MISSED + 3 * LOOK
BACK = MISSED + LOOK + 120
"""When what was dropped is there again."""
BLINK = GONE + LOOK
"""When the blinking convention is there again: one look has missed it."""

DROPPED, MIGRATED, SUCCESSOR, BLINKING, STEADY = "micrometer", "istio", "linkerd", "client-lib", "otel-http"
_STEMS = {DROPPED: "http_server_requests_", MIGRATED: "istio_", BLINKING: ("http_requests_", "http_request_")} | {
    "spanmetrics": "traces_spanmetrics_"
}
SPAN = {DROPPED: (GONE, BACK), MIGRATED: (GONE, END), BLINKING: (GONE, BLINK), "spanmetrics": (GONE, END)}
"""When each convention has no series."""


def _workload(name: str, *conventions: str) -> Workload:
    return Workload("shop", name, 2, rate=10.0, conventions=conventions, routes=(Route("/api/items"),), startup=8.0)


SHOP = Shop(
    (
        _workload("metered", DROPPED),
        _workload("moved", MIGRATED, SUCCESSOR),
        _workload("blinked", BLINKING),
        _workload("steady", STEADY),
    ),
    daily=0.0,
)


def backfill(path: Path) -> None:
    """Write all samples from an hour before the first look to the end."""
    begin = SEEN - 3600
    _write(path, Simulation(begin, END + 60, (), SHOP), begin)


COLLECTED, IDLE = "spanmetrics", "otelcol-spanmetrics"
"""Conventions that a collector tells, which goes on when its workloads do not."""
COLLECTOR_SHOP = Shop((_workload("losing", COLLECTED), _workload("resting", IDLE)), daily=0.0)
SHORT = AT - 3600
"""The first of the two looks that make it an hour."""


def backfill_collected(path: Path) -> Simulation:
    """The same with collectors: of one workload they tell nothing any more, the other is scaled to zero."""
    begin = SHORT - 3600
    simulation = Simulation(
        begin, MISSED + 60, (Fault("rest", "scale-down", "shop/resting", GONE, size=0),), COLLECTOR_SHOP
    )
    _write(path, simulation, begin)
    return simulation


def _write(path: Path, simulation: Simulation, begin: int) -> None:
    simulation.backfill(path, [(begin, int(simulation.horizon) - 60, 30)])
    with path.open() as whole:
        kept = [line for line in whole if not any(_lost(line, name) for name in SPAN)]
    path.write_text("".join(kept))


def _lost(line: str, convention: str) -> bool:
    if not line.startswith(_STEMS[convention]):
        return False
    begin, end = SPAN[convention]
    return begin <= float(line.rpartition(" ")[2]) < end


def looks(first: int, last: int) -> Iterator[int]:
    """The instants of looks, both ends included."""
    yield from range(first, last + 1, LOOK)
