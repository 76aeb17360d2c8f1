"""Fault, look-alike and quiet cases for rows and conventions, from a compact description, in one backfill.

Every case has a workload (or node) of its own, so hundreds of them share one server and one API:

    cases = build_cases(folder)
    with Prometheus(cases.openmetrics, flags=NO_STALENESS) as server: ...
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.conventions import CONVENTIONS
from tests.lab.exporter import EDGE
from tests.lab.faults import KINDS, LATENCIES, Fault
from tests.lab.objects import Change, timeline
from tests.lab.shop import SHOP, Route, Shop, Workload
from tests.lab.simulation import Simulation
from tests.lab.truth import CLUSTER, Place, Truth, truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NO_STALENESS = ("--query.lookback-delta=45s",)
"""Flags for a Prometheus with samples every 30 s from text, which has no stale markers: what vanished would live on."""

AT = 1_763_475_600
"""When the cases are judged: unix seconds, on the minute."""
MINUTES = 45
INTERVAL = 30

HTTP_ROWS = ("http-server-5xx-spike", "http-server-request-rate-drop", "http-server-request-rate-surge", *LATENCIES)


@dataclass(frozen=True, slots=True)
class Shape:
    """What happens to a workload, and what each row should say about it."""

    id: str
    fault: str
    """A key of `faults.KINDS`."""
    lasts: float = 480.0
    """Seconds before `AT` at which it starts; it is still going on then."""
    size: float = float("nan")
    rate: float = 20.0
    rows: tuple[str, ...] = ()
    """Rows that must fire; for look-alikes, the rows that must not."""

    @property
    def kind(self) -> str:
        """`fault`, `lookalike` or `quiet`."""
        if self.fault == "quiet":
            return "quiet"
        return "lookalike" if KINDS[self.fault].lookalike else "fault"


HTTP_SHAPES = (
    Shape("errors", "errors", size=0.15, rows=HTTP_ROWS[:1]),
    Shape("drop", "drop", rows=HTTP_ROWS[1:2]),
    Shape("surge", "surge", rows=HTTP_ROWS[2:3]),
    Shape("slow", "latency", rows=LATENCIES),
    Shape("rollout", "clean-rollout", lasts=240, rows=HTTP_ROWS),
    Shape("rare", "blip", rate=0.05, rows=HTTP_ROWS),
    Shape("scaled", "scale-up", size=5, rows=HTTP_ROWS),
    Shape("gap", "scrape-gap", lasts=150, rows=HTTP_ROWS),
    Shape("quiet", "quiet", rows=HTTP_ROWS),
)
POD_ROWS = (
    "pod-crashloopbackoff",
    "pod-imagepullbackoff",
    "pod-errimagepull",
    "pod-oomkilled",
    "pod-init-error",
    "pod-restart-spike",
    "pod-stuck-pending",
)
POD_SHAPES = (
    Shape("crash", "crash-loop", lasts=240, rows=("pod-crashloopbackoff", "pod-restart-spike")),
    Shape("oom", "oom", rows=("pod-oomkilled",)),
    Shape("image", "bad-image", lasts=280, rows=("pod-imagepullbackoff",)),
    # At that age the kubelet has just tried to pull again.
    Shape("pull", "bad-image", lasts=206, rows=("pod-errimagepull",)),
    Shape("init", "init", lasts=280, rows=("pod-init-error",)),
    Shape("pending", "pending", lasts=1080, rows=("pod-stuck-pending",)),
    Shape("rolled", "clean-rollout", lasts=240, rows=POD_ROWS),
    Shape("grown", "scale-up", size=5, lasts=60, rows=POD_ROWS),
    Shape("calm", "quiet", rows=POD_ROWS),
)
NODE_ROWS = ("node-not-ready", "node-memory-pressure", "node-disk-pressure")
NODE_SHAPES = (
    Shape("lost", "node-not-ready", lasts=280, rows=NODE_ROWS[:1]),
    Shape("memory", "node-memory", rows=NODE_ROWS[1:2]),
    Shape("disk", "node-disk", rows=NODE_ROWS[2:]),
    Shape("cordoned", "cordon", rows=NODE_ROWS),
    Shape("drained", "drain", rows=NODE_ROWS),
    Shape("calm", "quiet", rows=NODE_ROWS),
)
SOURCES = ("kubernetes-api", "kube-state-metrics")
"""Both tell the state of pods and nodes; the same case serves both."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to be judged at `at`."""

    id: str
    row: str
    convention: str
    kind: str
    """`fault`: the row fires on the place; `lookalike`, `quiet`: it does not."""
    place: Place
    watched: bool = False
    """Only seen by whoever has watched the objects change over the last minutes; one look is not enough."""
    at: int = AT


@dataclass(frozen=True, slots=True)
class CaseSet:
    """All cases and their common input."""

    openmetrics: Path
    """Ready for `Prometheus(path, flags=NO_STALENESS)`."""
    changes: tuple[Change, ...]
    """Every change of the objects from `start` to `at`, in order of time."""
    cases: tuple[Case, ...]
    simulation: Simulation
    truth: Truth
    """Besides the cases: consequences that may be found too."""
    start: int
    at: int = AT


def build_cases(
    folder: Path, conventions: Sequence[str] = tuple(CONVENTIONS), *, days: int = 0, seed: int = 11
) -> CaseSet:
    """Write the samples into the folder and return the cases of the HTTP-server, pod and node rows.

    Args:
        folder: for `cases.om`.
        conventions: ids of `conventions.CONVENTIONS` for the HTTP-server rows.
        days: history before: the same minutes of that many days back, for seasonal references.
        seed: other noise.
    """
    described = [*_http(conventions), *_pods(), *_nodes()]
    shop = _shop([workload for workload, _, _ in described if workload])
    faults = [fault for _, fault, _ in described]
    return _written(folder, shop, faults, [case for _, _, group in described for case in group], days, seed)


EVENT_STORIES = {"storm": "fault", "rollouts": "lookalike", "quiet": "quiet"}
"""What the whole cluster's events tell: name of the case to its kind."""


def build_event_cases(folder: Path, story: str, seed: int = 11) -> CaseSet:
    """The one case of the cluster-wide row, as a set of its own: a cluster is either calm or not.

    Args:
        folder: for `cases.om`.
        story: a key of `EVENT_STORIES`. During rollouts, new pods fail their readiness probes at first.
        seed: other noise.
    """
    rolled = ("prod/catalog", "prod/cart", "prod/search") if story != "quiet" else ()
    faults = [Fault(f"rollout:{key}", "clean-rollout", key, AT - 270.0) for key in rolled]
    if story == "storm":
        faults.append(Fault("storm", "event-storm", "prod", AT - 280.0))
    case = Case(f"events-warning-cluster/{story}", "events-warning-cluster", SOURCES[0], EVENT_STORIES[story], CLUSTER)
    return _written(folder, SHOP, faults, [case], 0, seed)


def _written(folder: Path, shop: Shop, faults: Sequence[Fault], cases: Sequence[Case], days: int, seed: int) -> CaseSet:
    start = AT - 60 * MINUTES
    simulation = Simulation(start - 86400 * days, AT + 60, faults, shop, seed)
    path = folder / "cases.om"
    simulation.backfill(path, [(start - 86400 * day, AT - 86400 * day, INTERVAL) for day in range(days, -1, -1)])
    changes = tuple(change for change in timeline(simulation.history, faults, start) if change.at <= AT)
    return CaseSet(path, changes, tuple(cases), simulation, truth(faults, shop), start)


def _http(conventions: Sequence[str]) -> Iterator[tuple[Workload | None, Fault, list[Case]]]:
    for convention in conventions:
        for shape in HTTP_SHAPES:
            workload = Workload(
                f"cases-{shape.id}",
                f"{shape.id}-{convention}",
                2,
                rate=shape.rate,
                conventions=(convention,),
                routes=(Route("/api/items"),),
                startup=8.0,
            )
            yield workload, _fault(shape, workload.key), _cases(shape, (convention,), _place(workload))


def _pods() -> Iterator[tuple[Workload | None, Fault, list[Case]]]:
    for kind in ("Deployment", "StatefulSet"):
        for shape in POD_SHAPES:
            # A rollout that gets stuck is a Deployment's.
            if kind == "StatefulSet" and KINDS[shape.fault].rollout:
                continue
            workload = Workload(f"cases-{kind.lower()}", f"pod-{shape.id}", 2, kind, startup=8.0)
            yield workload, _fault(shape, workload.key), _cases(shape, SOURCES, _place(workload))


def _nodes() -> Iterator[tuple[Workload | None, Fault, list[Case]]]:
    for shape in NODE_SHAPES:
        name = f"node-{shape.id}"
        yield None, _fault(shape, name), _cases(shape, SOURCES, Place("Node", "", name))


def _shop(workloads: Sequence[Workload]) -> Shop:
    nodes = tuple(f"node-{shape.id}" for shape in NODE_SHAPES)
    namespace, _, name = EDGE.partition("/")
    return Shop(
        (*workloads, Workload(namespace, name, 2)),
        nodes=("cp-1", "worker-1", "worker-2", "worker-3", *nodes),
        reserved=nodes,
        daily=0.0,
    )


def _place(workload: Workload) -> Place:
    return Place(workload.kind, workload.namespace, workload.name)


def _fault(shape: Shape, target: str) -> Fault:
    # A gap is over when it is judged: what is missing now has no verdict at all.
    duration = 120.0 if KINDS[shape.fault].scrape else 1e9
    return Fault(f"{shape.id}:{target}", shape.fault, target, AT - shape.lasts, duration, shape.size)


def _cases(shape: Shape, conventions: Sequence[str], place: Place) -> list[Case]:
    return [
        Case(
            f"{row}/{convention}/{place.kind}/{shape.id}", row, convention, shape.kind, place, _watched(row, convention)
        )
        for row in shape.rows
        for convention in conventions
    ]


def _watched(row: str, convention: str) -> bool:
    """Restarts are a difference: the objects alone say how many there were in all."""
    return row == "pod-restart-spike" and convention == "kubernetes-api"
