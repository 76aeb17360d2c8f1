"""What the ranking of causes is given and what it answers.

Shapes are written (T, M): T samples of M metrics. A missing sample is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from detectors.series import FloatArray


class Signal(StrEnum):
    """What a metric measures. Only these can speak for or against a node; other metrics are left out."""

    LATENCY = "latency"
    """Any unit, the same for all nodes; more is worse."""
    ERRORS = "errors"
    """Share of requests that failed, 0 to 1; an availability a is 1 - a."""
    TRAFFIC = "traffic"
    """Requests per sample."""
    RESOURCE = "resource"
    """Processor, memory, disk, throttling, in any unit; more is worse."""


class Why(StrEnum):
    """What a piece of evidence says."""

    RESOURCE = "uses more than before"
    LATENCY = "slower than its callees explain"
    ERRORS = "fails more than its callees explain"
    LOST = "sends fewer requests on than it gets"
    FAILING = "is what fails"


@dataclass(frozen=True, slots=True)
class Metric:
    """What one column of samples is."""

    node: str
    name: str
    """The same name means the same unit and statistic at every node."""
    signal: Signal
    by_callers: bool = False
    """Measured by those who call the node, the way between them included."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Samples around the onset. A sample in which it began belongs to neither side."""

    metrics: tuple[Metric, ...]
    before: FloatArray
    """Shape (Tb, M): the minutes just before the onset."""
    after: FloatArray
    """Shape (Ta, M): from the onset until now."""
    calls: frozenset[tuple[str, str]] = frozenset()
    """(caller, callee). Empty when nobody knows."""
    usual: FloatArray | None = None
    """Shape (Tu, M): a longer healthy time, perhaps of another day: taken for the spread, never for the level."""

    def __post_init__(self) -> None:
        for name in ("before", "after", "usual"):
            rows = getattr(self, name)
            if rows is not None and (rows.ndim != 2 or rows.shape[1] != len(self.metrics)):
                raise ValueError(f"{name} has shape {rows.shape}; allowed: (samples, {len(self.metrics)} metrics)")

    def finite(self) -> Observed:
        """The same with infinite samples missing."""
        usual = None if self.usual is None else _finite(self.usual)
        return replace(self, before=_finite(self.before), after=_finite(self.after), usual=usual)


def _finite(rows: FloatArray) -> FloatArray:
    return np.where(np.isfinite(rows), rows, np.nan)


@dataclass(frozen=True, slots=True)
class Failing:
    """What set off the search. Each part may be unknown."""

    node: str | None = None
    signal: Signal | None = None
    name: str | None = None
    """The metric's name: nodes that have the same one are compared by it alone."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for a suspect."""

    why: Why
    points: float
    metric: str = ""
    before: float = float("nan")
    after: float = float("nan")
    spreads: float = float("nan")
    """How many usual spreads lie between."""
    explained: float = 0.0
    """Share, 0 to 1, that the node's callees account for; it was taken off."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A node and what speaks for it."""

    node: str
    points: float
    evidence: tuple[Evidence, ...]
    """Resources first, since latency and errors are effects; then by points."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who it may have been."""

    suspects: tuple[Suspect, ...]
    """Every node, most suspected first; equal ones by name."""
    visible: bool
    """False when nothing stands out: the cause is not visible in the metrics, and the order means little."""
