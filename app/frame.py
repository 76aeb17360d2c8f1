"""What all queries of one cycle have in common: their grid, and what their templates' placeholders stand for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from detectors.catalog import render
from detectors.series import Grid

if TYPE_CHECKING:
    from detectors.model import Views

HISTORY_STEP = 300
"""Seconds between the samples of rows that look back for hours: what they judge moves slowly."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What all queries of one cycle have in common."""

    grid: Grid
    window_seconds: float
    """Range of rates: at least four scrape intervals."""
    match: str = ""
    by: str = ""
    references: tuple[tuple[Views, int], ...] = ()
    """Earlier times to compare with, as (view, seconds back)."""

    def rendered(self, template: str) -> str:
        """A template with this cycle's placeholders filled in."""
        return render(template, self.window_seconds, self.match, self.by)

    def back_over(self, seconds: int) -> Frame:
        """The coarser grid of what looks back that far; the cycle's own for 0.

        It moves on with its own, longer step, and is compared with times that it does not reach itself.
        """
        if not seconds:
            return self
        step = max(self.grid.step, HISTORY_STEP)
        grid = Grid(self.grid.end - self.grid.end % step, step, seconds // step + 1)
        return replace(self, grid=grid, references=tuple(r for r in self.references if r[1] > seconds))
