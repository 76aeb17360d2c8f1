"""Questions that are asked once, apart from those of every cycle.

They keep within the budget, fill no cache of the cycles, and are given up when the server takes its time.
"""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.measuring import Measurer
from app.sources.prometheus.hurrying import HurriedSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from app.frame import Frame
    from app.looking import MetricsLook
    from app.sources.prometheus.discovery import Discovery
    from detectors.catalog import RowSource
    from detectors.entities import Resolver

PATIENCE_SECONDS = 15.0
"""After which nothing more is asked; what is under way then ends by its own timeout."""


@contextmanager
def asked_once(
    sources: Iterable[RowSource],
    look: MetricsLook,
    discovery: Discovery,
    frame: Frame,
    resolver: Resolver,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[Measurer, frozenset[RowSource]]]:
    """A measurer that has asked for those of some sources that the budget allows, and which these are.

    Args:
        sources: what to ask for.
        look: the server.
        discovery: what is known of its series, for their prices.
        frame: the grid and the placeholders; nothing is compared with earlier days.
        resolver: whom labels name.
        progress: told which question it is at.
    """
    hurried = HurriedSource(look.metrics, PATIENCE_SECONDS)
    affordable = look.budget.small(sources, hurried, discovery, frame)
    measurer = Measurer(hurried, hurried)
    try:
        measurer.begin(dataclasses.replace(frame, references=()), resolver)
        if affordable:
            measurer.ask(affordable, progress)
        yield measurer, affordable
    finally:
        measurer.settle()
        measurer.close()
