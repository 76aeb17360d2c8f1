"""A made-up shop: front calls cart and search, both call store; every fault can be planted."""

from __future__ import annotations

import numpy as np

from detectors.causes import Metric, Observed, Signal

NODES = ("front", "cart", "search", "store")
CALLS = frozenset({("front", "cart"), ("front", "search"), ("cart", "store"), ("search", "store")})
PARTS = (("p50", Signal.LATENCY), ("errors", Signal.ERRORS), ("requests", Signal.TRAFFIC), ("cpu", Signal.RESOURCE))
METRICS = tuple(Metric(node, name, signal) for node in NODES for name, signal in PARTS)
BEFORE = 30


class Shop:
    """Healthy samples of every metric, 30 before and 5 after, to be changed and then observed."""

    def __init__(self, seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        level = np.tile([0.1, 0.0, 500.0, 0.2], len(NODES))
        self.rows = level * random.normal(1, 0.08, (BEFORE + 5, len(METRICS)))

    def column(self, node: str, name: str) -> int:
        return NODES.index(node) * len(PARTS) + [part for part, _ in PARTS].index(name)

    def add(self, node: str, name: str, size: float) -> Shop:
        self.rows[BEFORE:, self.column(node, name)] += size
        return self

    def slow(self, *nodes: str) -> Shop:
        """Slow by the same time: the callers of a slow node wait for it."""
        for node in nodes:
            self.add(node, "p50", 0.4)
        return self

    def observed(self, calls: frozenset[tuple[str, str]] = CALLS) -> Observed:
        return Observed(METRICS, self.rows[:BEFORE], self.rows[BEFORE:], calls)
