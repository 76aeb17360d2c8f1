"""How long something took, over several times that it happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class Delay(msgspec.Struct, frozen=True):
    """Seconds until something happened."""

    count: int
    median: float
    p90: float
    """Nearest rank: a delay that was measured."""


def delay(seconds: Iterable[float]) -> Delay | None:
    """Of several delays; None where there is none."""
    # Takes long to import, for who only reads a delay.
    from statistics import median

    ordered = sorted(seconds)
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * 9 // 10))
    return Delay(len(ordered), median(ordered), ordered[rank - 1])
