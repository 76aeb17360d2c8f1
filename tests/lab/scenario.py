"""The hour of the demo: a calm quarter, then six faults of different kinds among healthy noise."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.lab.faults import Fault

START = int(datetime(2025, 11, 18, 13, 0, tzinfo=UTC).timestamp())
"""A Tuesday afternoon."""
MINUTES = 62
END = START + 60 * MINUTES


def _at(minute: float, name: str, kind: str, target: str, minutes: float, **more: object) -> Fault:
    return Fault(name, kind, target, START + 60 * minute, 60 * minutes, **more)  # type: ignore[arg-type]


DEMO: tuple[Fault, ...] = (
    # Healthy noise.
    _at(5, "catalog-rollout", "clean-rollout", "prod/catalog", 3, version="1.4.3"),
    _at(9, "admin-blip", "blip", "prod/admin", 3),
    _at(12, "redis-scrape-gap", "scrape-gap", "prod/reviews", 2),
    _at(21, "recommender-scale-up", "scale-up", "prod/recommender", 60, size=4.0),
    _at(53, "worker-1-cordon", "cordon", "worker-1", 6),
    # Faults.
    _at(17, "checkout-bad-release", "bad-release", "prod/checkout", 13, version="2.8.0"),
    _at(24, "staging-image", "bad-image", "staging/web-frontend", 28, version="3.15.0-rc1"),
    _at(29, "search-oom", "oom", "prod/search", 13),
    _at(35, "payments-latency", "latency", "prod/payments", 12, size=5.0),
    _at(40, "worker-3-down", "node-not-ready", "worker-3", 4.5),
    _at(47, "storefront-drop", "drop", "prod/storefront", 10),
)
