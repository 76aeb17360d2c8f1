"""What can go wrong, and what only looks like it, as data.

A fault acts on the pods' lives (`life`), on the traffic (`errors`, `latency`, `rate`), on a node (`condition`) or on
the scrapes; metrics and objects are both derived from the result, so they always tell the same story.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of fault does, and what should be said about it."""

    size: float = 1.0
    """The default: a share for errors, a factor for latency and rate, a number of replicas for `scale`."""
    errors: bool = False
    latency: bool = False
    rate: bool = False
    life: str = ""
    """What happens to the workload's pods: `crash-loop`, `oom`, `init`, `image`, `pending`; empty is nothing."""
    rollout: bool = False
    """A new version is rolled out at the start; the fault is confined to its pods, and its end is the rollback."""
    settles: float = math.inf
    """Of rollouts: seconds after which a pod that has become ready is well."""
    scale: bool = False
    condition: str = ""
    """Of a node: `NotReady`, `MemoryPressure`, `DiskPressure`, `Cordoned`, `Drained`."""
    scrape: bool = False
    """The workload's targets, or the node's, do not answer."""
    events: str = ""
    """Reason of Warning events that storm over the namespace."""
    signals: tuple[str, ...] = ()
    """What must be found on the target."""
    allowed: tuple[str, ...] = ()
    """What may be found besides, on the target or on the cluster: true consequences."""
    log: tuple[str, ...] = ()
    """Lines that the affected containers write."""

    @property
    def lookalike(self) -> bool:
        """Nothing must be found."""
        return not self.signals


LATENCIES = tuple(f"http-server-latency-p{q}" for q in (50, 90, 95, 99))
WORKLOAD = ("rollout-stuck", "statefulset-degraded")
RESTARTS = ("pod-restart-spike", "events-backoff", "events-warning-cluster", "probe-failure-spike", *WORKLOAD)
TRAFFIC = ("http-server-request-rate-drop", "http-server-5xx-spike", *LATENCIES)
SCHEDULING = ("pod-unschedulable-spike", "events-failedscheduling", "events-warning-cluster", *WORKLOAD)

KINDS: dict[str, Kind] = {
    "errors": Kind(
        0.2,
        errors=True,
        signals=("http-server-5xx-spike",),
        allowed=("server-error-spike",),
        log=("ERROR upstream answered 500: connection reset by peer", "ERROR request failed after 3 attempts"),
    ),
    "latency": Kind(
        4.0,
        latency=True,
        signals=LATENCIES,
        allowed=("server-latency-p50", "server-latency-p90"),
        log=("WARN slow query 1840 ms: SELECT * FROM orders WHERE status = $1", "WARN connection pool exhausted"),
    ),
    "drop": Kind(0.1, rate=True, signals=("http-server-request-rate-drop",)),
    "surge": Kind(4.0, rate=True, signals=("http-server-request-rate-surge",), allowed=LATENCIES),
    "crash-loop": Kind(
        life="crash-loop",
        signals=("pod-crashloopbackoff",),
        allowed=(*RESTARTS, *TRAFFIC),
        log=("FATAL cannot load configuration: unexpected end of file", "exit status 1"),
    ),
    "oom": Kind(
        life="oom",
        signals=("pod-oomkilled",),
        allowed=("pod-crashloopbackoff", *RESTARTS, *TRAFFIC),
        log=("INFO loading index segment 41 of 64", "INFO heap 97 % of limit"),
    ),
    "init": Kind(
        life="init",
        rollout=True,
        signals=("pod-init-error",),
        allowed=("pod-crashloopbackoff", "pod-stuck-pending", *RESTARTS),
        log=('ERROR migration 0042 failed: relation "orders" does not exist',),
    ),
    "bad-image": Kind(
        life="image",
        rollout=True,
        signals=("pod-imagepullbackoff",),
        allowed=("pod-errimagepull", "pod-stuck-pending", *RESTARTS),
    ),
    "bad-release": Kind(
        0.25,
        errors=True,
        rollout=True,
        signals=("http-server-5xx-spike",),
        allowed=("server-error-spike",),
        log=("ERROR NullPointerException: discount is null", "ERROR POST /api/items 500"),
    ),
    "slow-release": Kind(4.0, latency=True, rollout=True, signals=LATENCIES),
    "pending": Kind(life="pending", rollout=True, signals=("pod-stuck-pending",), allowed=SCHEDULING),
    "node-not-ready": Kind(
        condition="NotReady", signals=("node-not-ready",), allowed=("events-warning-cluster", *TRAFFIC)
    ),
    "node-memory": Kind(
        condition="MemoryPressure", signals=("node-memory-pressure",), allowed=("events-warning-cluster",)
    ),
    "node-disk": Kind(condition="DiskPressure", signals=("node-disk-pressure",), allowed=("events-warning-cluster",)),
    "event-storm": Kind(
        30.0, events="Unhealthy", signals=("events-warning-cluster",), allowed=("probe-failure-spike",)
    ),
    # Look-alikes.
    "clean-rollout": Kind(rollout=True),
    "shaky-rollout": Kind(0.4, errors=True, rollout=True, settles=45.0),
    "cold-rollout": Kind(5.0, latency=True, rollout=True, settles=90.0),
    "scale-up": Kind(6.0, scale=True),
    "scale-down": Kind(1.0, scale=True),
    "blip": Kind(0.5, errors=True),
    "scrape-gap": Kind(scrape=True),
    "cordon": Kind(condition="Cordoned"),
    "drain": Kind(condition="Drained"),
    "quiet": Kind(),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in one place."""

    id: str
    kind: str
    target: str
    """`namespace/workload`, a node's name, or a namespace for an event storm."""
    start: float = 0.0
    """Unix seconds."""
    duration: float = math.inf
    size: float = math.nan
    """NaN takes the kind's own."""
    version: str = ""
    """Of rollouts; empty derives one."""

    @property
    def end(self) -> float:
        """Unix seconds."""
        return self.start + self.duration

    @property
    def spec(self) -> Kind:
        """What the kind does."""
        return KINDS[self.kind]

    @property
    def amount(self) -> float:
        """The size in effect."""
        return self.spec.size if math.isnan(self.size) else self.size

    def active(self, at: float) -> bool:
        """Whether it acts at that moment."""
        return self.start <= at < self.end

    def ended(self, at: float) -> Fault:
        """The same fault, over at that moment."""
        return replace(self, duration=at - self.start)


SWITCHES: dict[str, Fault] = {
    fault.id: fault
    for fault in (
        Fault("checkout-errors", "errors", "prod/checkout"),
        Fault("checkout-bad-release", "bad-release", "prod/checkout", version="2.8.0"),
        Fault("cart-errors", "errors", "prod/cart", size=0.1),
        Fault("payments-latency", "latency", "prod/payments", size=5),
        Fault("catalog-latency", "latency", "prod/catalog", size=3),
        Fault("storefront-drop", "drop", "prod/storefront"),
        Fault("gateway-surge", "surge", "prod/api-gateway"),
        Fault("cart-crash", "crash-loop", "prod/cart"),
        Fault("search-oom", "oom", "prod/search"),
        Fault("staging-image", "bad-image", "staging/web-frontend", version="3.15.0-rc1"),
        Fault("shipping-init", "init", "prod/shipping"),
        Fault("reviews-pending", "pending", "prod/reviews"),
        Fault("worker-3-down", "node-not-ready", "worker-3"),
        Fault("worker-2-memory", "node-memory", "worker-2"),
        Fault("worker-4-disk", "node-disk", "worker-4"),
        Fault("prod-events", "event-storm", "prod"),
        Fault("catalog-rollout", "clean-rollout", "prod/catalog"),
        Fault("recommender-scale-up", "scale-up", "prod/recommender"),
        Fault("admin-blip", "blip", "prod/admin"),
        Fault("catalog-scrape-gap", "scrape-gap", "prod/catalog"),
        Fault("worker-1-cordon", "cordon", "worker-1"),
        Fault("worker-1-drain", "drain", "worker-1"),
    )
}
"""What can be switched on and off in the running lab."""
