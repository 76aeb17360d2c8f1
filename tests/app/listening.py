"""A metrics server in front of which somebody listens, and holds back what the test says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.sources.base import SourceError, Trouble
from app.sources.prometheus.forwarding import ForwardingSource

if TYPE_CHECKING:
    from app.sources.base import MetricsSource
    from detectors.series import Grid, SeriesBlock
    from tests.app.rig import Rig


class Listening(ForwardingSource):
    """Keeps what is asked over time; fails what `failing` matches."""

    def __init__(self, source: MetricsSource) -> None:
        super().__init__(source)
        self.asked: set[str] = set()
        """Since somebody took it last."""
        self.failing = ""
        """A regular expression; empty fails nothing."""

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        """As the source, unless it is to fail."""
        self.asked.add(promql)
        if self.failing and re.search(self.failing, promql):
            raise SourceError(Trouble.TIMEOUT, "held back by the test")
        return self._source.range(promql, grid)

    def taken(self) -> set[str]:
        """What was asked since the last time."""
        asked, self.asked = self.asked, set()
        return asked


def listen(rig: Rig) -> Listening:
    """Listen to a rig that has not begun."""
    sources = rig.run.sources
    assert sources.metrics is not None
    sources.metrics = listening = Listening(sources.metrics)
    return listening
