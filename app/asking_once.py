"""Questions that are asked once, apart from those of every cycle.

They keep within the budget, fill no cache of the cycles, and are given up when the server takes its time.
"""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.measuring import Measurer
from app.sources.prometheus.hurrying import HurriedSource
from app.sources.prometheus.sharding import divisible_by
from detectors.catalog.promql import quoted

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
    seconds: float | None = None,
) -> Iterator[tuple[Measurer, frozenset[RowSource]]]:
    """A measurer that has asked for those of some sources that the budget allows, and which these are.

    Args:
        sources: what to ask for.
        look: the server.
        discovery: what is known of its series, for their prices.
        frame: the grid and the placeholders; nothing is compared with earlier days.
        resolver: whom labels name.
        progress: told which question it is at.
        seconds: after which nothing more is asked; by default as long as nobody minds.
    """
    hurried = HurriedSource(look.metrics, PATIENCE_SECONDS if seconds is None else seconds)
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


def within(source: RowSource, namespace: str) -> RowSource | None:
    """The source about one namespace; None where its series have no one label for it, or would be cut in half by it."""
    labels = source.identity.namespace_labels
    if not namespace or len(labels) != 1 or not all(labels[0] in divisible_by(q.promql) for q in source.queries):
        return None
    return source.scoped(0, f"{labels[0]}={quoted(namespace)}")
