"""Samples on their way from the simulation to a text format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Target:
    """One scraped endpoint."""

    job: str
    instance: str
    labels: tuple[tuple[str, str], ...] = ()
    honor_labels: bool = False

    def merged(self, labels: dict[str, str]) -> dict[str, str]:
        """The labels that a Prometheus stores for a series of this target."""
        own = {"job": self.job, "instance": self.instance, **dict(self.labels)}
        if self.honor_labels:
            return own | labels
        return own | {f"exported_{name}" if name in own else name: value for name, value in labels.items()}


@dataclass(slots=True)
class Block:
    """Samples of one metric family from one target."""

    target: Target
    family: str
    kind: str
    """`counter`, `gauge` or `histogram`."""
    series: list[tuple[str, dict[str, str]]]
    """Sample name and the exposed labels, length S."""
    values: Floats
    """Shape (S, T); NaN is no sample."""


@dataclass(slots=True)
class Table:
    """Series collected by family; values (T,) with NaN where there is no sample."""

    kinds: dict[str, str] = field(default_factory=dict)
    rows: dict[str, list[tuple[dict[str, str], Floats]]] = field(default_factory=dict)

    def add(self, family: str, labels: dict[str, str], values: Floats, kind: str = "gauge") -> None:
        """One series; all-NaN ones are left out."""
        if not np.isnan(values).all():
            self.kinds[family] = kind
            self.rows.setdefault(family, []).append((labels, values))

    def blocks(self, target: Target) -> Iterator[Block]:
        """One block for each family."""
        for family, rows in self.rows.items():
            series = [(family, labels) for labels, _ in rows]
            yield Block(target, family, self.kinds[family], series, np.stack([values for _, values in rows]))


def only(mask: object, value: float = 1.0) -> Floats:
    """The value where the mask holds, no sample elsewhere."""
    return np.where(np.asarray(mask), value, np.nan)
