"""The headline signals as data, and what is told of them: to the screen, which may be in another process."""

from __future__ import annotations

import math

from msgspec import Struct

from detectors.model import Coverage


class Headline(Struct, frozen=True):
    """One thing that is told of every workload, whichever row of the catalogue can tell it."""

    id: str
    title: str
    width: int
    """Cells that its values need."""
    rows: tuple[str, ...]
    """Of these the one that is out of band speaks, else the first that sees the workload."""


HEADLINES = (
    Headline("rate", "Requests", 8, ("http-server-request-rate-drop", "http-server-request-rate-surge")),
    Headline("errors", "Errors", 7, ("http-server-5xx-spike", "server-error-spike")),
    Headline("latency", "Latency", 7, ("http-server-latency-p95", "server-latency-p90")),
    Headline("cpu", "Throttled", 7, ("workload-cpu-throttling",)),
    Headline("network", "Received", 10, ("workload-network-receive",)),
)
"""What an engineer asks of a service first. The catalogue judges no memory of a workload, but how it ends."""
SIGNALS = tuple(row for headline in HEADLINES for row in headline.rows)
CELLS = 24
"""Of a sparkline as it travels; shown in as many or fewer."""
OUTSIDE = 0x80
"""Marks the level of a cell as outside of the band."""


class Reading(Struct, frozen=True, array_like=True, gc=False):
    """One headline signal of one workload at the newest instant."""

    status: Coverage
    """Everything else is of use where it is live, or learning."""
    signal: str = ""
    """The row that speaks; empty where none does."""
    unit: str = ""
    value: float = math.nan
    """The value judged, in that unit."""
    score: float = math.nan
    """1.0 is the threshold; NaN where there is no verdict."""
    out: bool = False
    """Found to be out of band: past the threshold, and borne out by what findings have to pass."""
    levels: bytes = b""
    """One byte for each of `CELLS`: a level of `widgets.levels`, and `OUTSIDE`; empty without values."""


class Line(Struct, frozen=True, array_like=True):
    """One workload."""

    number: int
    """Follows from its name, so that it is the same in every cycle."""
    kind: str
    namespace: str
    name: str
    environment: str
    readings: tuple[Reading, ...]
    """One for each of `HEADLINES`."""
    excluded: str = ""
    """Why it is not watched, by whom; empty when it is."""

    @property
    def title(self) -> str:
        """What a list shows."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def worst(self) -> Reading | None:
        """What is farthest from its band, findings first; None where nothing was judged."""
        judged = [reading for reading in self.readings if reading.score == reading.score]
        return max(judged, key=lambda reading: (reading.out, reading.score), default=None)


class Baselines(Struct, frozen=True):
    """Every workload, the worst first; empty before the first cycle of this process."""

    lines: tuple[Line, ...] = ()


class Chart(Struct, frozen=True):
    """One headline signal of one workload, to look at closely."""

    headline: str
    """The id."""
    reading: Reading
    low: float
    """Of the band at the newest instant; NaN or infinite where it has no such end."""
    high: float
    band: bytes
    """`detectors.series.Band.from_bytes` reads it."""
    query: str
    """The PromQL of the values."""
