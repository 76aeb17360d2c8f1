"""What the simulated shop consists of: nodes, workloads, and how each is instrumented. Data only.

Rates are requests per second at the daily mean, times are seconds, shares are 0 to 1.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace

import numpy as np

SAFE = "bcdfghjklmnpqrstvwxz2456789"
"""The alphabet of Kubernetes' generated names: no vowels, no look-alikes."""


def keyed(*parts: object) -> np.random.Generator:
    """A generator of its own for every key, so that one thing's randomness never depends on another's."""
    return np.random.default_rng(zlib.crc32("|".join(map(str, parts)).encode()))


def suffix(length: int, *parts: object) -> str:
    """A generated name's tail, the same for the same key."""
    return "".join(SAFE[i] for i in keyed(*parts).integers(0, len(SAFE), length))


def identifier(*parts: object) -> str:
    """A UID, the same for the same key."""
    digits = keyed("uid", *parts).bytes(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of request."""

    path: str
    method: str = "GET"
    share: float = 1.0


ROUTES = (Route("/api/items", share=0.7), Route("/api/items/{id}", share=0.2), Route("/api/items", "POST", 0.1))


@dataclass(frozen=True, slots=True)
class Workload:
    """One Deployment, StatefulSet, DaemonSet or CronJob."""

    namespace: str
    name: str
    replicas: int = 2
    kind: str = "Deployment"
    rate: float = 0.0
    """Requests per second over all replicas; 0 serves no HTTP."""
    latency: float = 0.04
    """Median, seconds."""
    spread: float = 0.7
    """Sigma of the lognormal latency."""
    errors: float = 0.001
    """Natural share of 500."""
    conventions: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ROUTES
    version: str = "1.4.2"
    startup: float = 12.0
    """From container start to ready."""
    per_replica: float = 0.0
    """Requests per second that an autoscaler aims at for one replica; 0 has no autoscaler."""
    every: float = 0.0
    """Of a CronJob: seconds between runs."""
    runs: float = 20.0
    """Of a CronJob: how long one run takes."""
    memory: int = 256
    """Limit and request, MiB."""
    cpu: int = 200
    """Request, millicores."""
    port: int = 8080
    callers: tuple[str, ...] = ("api-gateway",)
    """Workloads of the same namespace that call this one (what a mesh names as source)."""
    annotations: tuple[tuple[str, str], ...] = ()
    log: tuple[str, ...] = ("INFO request handled", "INFO cache refreshed", "DEBUG pool size 12/40")

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    @property
    def image(self) -> str:
        """Without tag."""
        return f"registry.example.com/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Shop:
    """A cluster and everything in it."""

    workloads: tuple[Workload, ...]
    nodes: tuple[str, ...] = ("cp-1", "worker-1", "worker-2", "worker-3", "worker-4")
    """The first is a tainted control plane: only DaemonSets run there."""
    reserved: tuple[str, ...] = ()
    """Nodes that take DaemonSets only, besides the control plane."""
    environments: tuple[tuple[str, str], ...] = ()
    """Namespace to the value of its `environment` label."""
    daily: float = 0.35
    """Amplitude of the daily traffic shape, as a share of the mean."""
    noise: float = 0.05
    """Relative standard deviation of the slow waves in traffic; the fast one is the same size."""

    def workload(self, key: str) -> Workload:
        """By `namespace/name`; raises KeyError."""
        return self._index[key]

    _index: dict[str, Workload] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._index.update({workload.key: workload for workload in self.workloads})

    def address(self, node: str) -> str:
        """A node's internal address; empty for no node."""
        return f"10.20.0.{11 + self.nodes.index(node)}" if node else ""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """All, in order of appearance, with those every cluster has."""
        return tuple(dict.fromkeys(["default", "kube-system", *(workload.namespace for workload in self.workloads)]))


def _prod(name: str, **options: object) -> Workload:
    return replace(Workload("prod", name), **options)  # type: ignore[arg-type]


SHOP = Shop(
    workloads=(
        _prod(
            "api-gateway", replicas=3, rate=120, latency=0.03, conventions=("client-lib", "nginx-ingress"), callers=()
        ),
        _prod("storefront", replicas=3, rate=60, latency=0.08, conventions=("otel-http",)),
        _prod("checkout", replicas=4, rate=24, latency=0.12, conventions=("otel-http", "istio"), version="2.7.3"),
        _prod("cart", replicas=3, rate=40, latency=0.02, conventions=("client-lib",), per_replica=14),
        _prod("payments", replicas=3, rate=14, latency=0.09, conventions=("otel-http", "istio"), callers=("checkout",)),
        _prod("search", replicas=3, rate=32, latency=0.06, conventions=("micrometer",), memory=512, startup=25),
        _prod("catalog", replicas=3, rate=50, latency=0.025, conventions=("client-lib",)),
        _prod("recommender", rate=16, latency=0.05, conventions=("linkerd",)),
        _prod("reviews", rate=10, latency=0.035, conventions=("beyla-obi",)),
        _prod("shipping", rate=4, latency=0.15, conventions=("otel-http",), callers=("checkout",)),
        _prod("admin", replicas=1, rate=0.03, latency=0.2, conventions=("client-lib",)),
        _prod("order-sync", kind="CronJob", every=300, runs=25, log=("INFO 312 orders synchronised",)),
        Workload("data", "postgres", 1, "StatefulSet", port=5432, memory=1024, log=("LOG:  checkpoint complete",)),
        Workload("data", "redis", 3, "StatefulSet", port=6379, memory=512, log=("* Background saving terminated",)),
        Workload("data", "nightly-report", kind="CronJob", every=21600, runs=240),
        Workload("staging", "web-frontend", 2, rate=1.5, conventions=("otel-http",), version="3.14.0"),
        Workload("staging", "checkout", 1, rate=0.4, conventions=("client-lib",), version="2.8.0"),
        Workload("platform", "ingress-nginx-controller", 2, rate=0, port=10254),
        Workload("platform", "kube-state-metrics", 1),
        Workload("platform", "fluent-bit", kind="DaemonSet", memory=64, cpu=50),
        Workload("platform", "node-exporter", kind="DaemonSet", memory=64, cpu=50, port=9100),
    ),
    environments=(("prod", "production"), ("staging", "staging")),
)
"""The shop of `make lab` and of the demo."""
