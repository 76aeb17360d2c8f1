"""The simulated shop: one object that knows history, metrics and objects at any time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.lab.exporter import Exporter
from tests.lab.history import History, build
from tests.lab.openmetrics import write
from tests.lab.shop import SHOP, Shop

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.lab.faults import Fault


@dataclass(slots=True)
class Simulation:
    """A shop from `start` to `horizon`, the same for the same seed and faults."""

    start: float
    horizon: float
    faults: Sequence[Fault] = ()
    shop: Shop = SHOP
    seed: int = 7
    history: History = field(init=False)
    exporter: Exporter = field(init=False)

    def __post_init__(self) -> None:
        self.history = build(self.shop, self.seed, self.start, self.horizon, self.faults)
        self.exporter = Exporter(self.history, self.faults, self.seed)

    def change(self, faults: Sequence[Fault], horizon: float) -> None:
        """Other faults from now on, or a later horizon; what already happened must be unchanged."""
        self.faults, self.horizon = faults, horizon
        self.history = build(self.shop, self.seed, self.start, horizon, faults)
        self.exporter.follow(self.history, faults)

    def backfill(self, path: Path, spans: Iterable[tuple[int, int, int]]) -> int:
        """Write OpenMetrics for the spans (start, end, interval; ascending); returns the number of samples."""
        with path.open("w", encoding="utf-8") as out:
            return write(self.exporter, spans, out)
