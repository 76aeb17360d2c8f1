"""What is asked once is counted once: many investigations ask for the same numbers in one look at a server."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from app.budget import Budget
from app.frame import Frame
from app.settings.schema import BudgetSettings
from app.sources.base import SourceError, Trouble
from detectors.catalog import evidence
from detectors.series import Grid, SeriesBlock
from tests.detectors.states.objects import CATALOGUE, NOW

SOURCES = evidence(CATALOGUE).sources("memory-usage")


class Counting:
    """A server that counts three series of everything, and how often it was asked."""

    def __init__(self, trouble: Trouble | None = None) -> None:
        self.asked: list[str] = []
        self.trouble = trouble

    def range(self, promql: str, grid: Grid) -> SeriesBlock:
        self.asked.append(promql)
        if self.trouble is not None:
            raise SourceError(self.trouble, "no answer")
        return SeriesBlock(grid.times, np.full((1, grid.points), 3.0), ((),))

    def label_values(self, *_: object) -> tuple[str, ...]:
        return ()


def look():
    return SimpleNamespace(targets={}, conventions={}, interval=15.0)


def frame(points: int = 40) -> Frame:
    return Frame(Grid(int(NOW), 15, points), 120.0)


def test_series_are_counted_once_in_a_look_and_anew_in_the_next_one() -> None:
    budget, server, later = Budget(Counting(), BudgetSettings(), ()), Counting(), Counting()
    seen = look()
    assert budget.small(SOURCES, server, seen, frame()) == frozenset(SOURCES)
    counted = len(server.asked)
    assert counted
    assert budget.small(SOURCES, later, seen, frame(80)) == frozenset(SOURCES)
    assert not later.asked
    budget.small(SOURCES, later, look(), frame())
    assert len(later.asked) == counted


def test_what_was_not_answered_in_time_is_asked_again_by_the_next() -> None:
    budget, late, server, seen = Budget(Counting(), BudgetSettings(), ()), Counting(Trouble.TIMEOUT), Counting(), look()
    assert not budget.small(SOURCES, late, seen, frame())
    assert budget.small(SOURCES, server, seen, frame()) == frozenset(SOURCES)
    assert server.asked
