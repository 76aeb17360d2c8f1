"""Asking for a while only: what nobody waits for must not keep a slow server, and the next cycle, busy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.forwarding import ForwardingSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.sources.base import MetricsSource
    from detectors.series import Grid, SeriesBlock


class HurriedSource(ForwardingSource):
    """A `MetricsSource` of which no range is asked any more after some time; thread-safe.

    Args:
        source: who is asked.
        seconds: how long from now on.
        clock: seconds that only go forward.
    """

    def __init__(self, source: MetricsSource, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(source)
        self._clock, self._until = clock, clock() + seconds

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """As the source; raises SourceError (timeout) once the time is over."""
        if self._clock() > self._until:
            raise SourceError(Trouble.TIMEOUT, "not asked: the questions before it took too long")
        return self._source.range(promql, grid)
