"""The coverage matrix: what is watched in this cluster, and what cannot be seen, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.actions import Situation, actions_of
from app.keymap import bindings
from app.messages import CatalogueLoaded
from app.screens.conditions import coverage_counts
from app.screens.coverage_rows import CoverageRow, columns, explanation, fields, heading, merged
from app.screens.listed import ListedView
from app.screens.queries import QueryView
from widgets import palette
from widgets.facts import Facts
from widgets.filter import FilterBar
from widgets.parts import Part, fit
from widgets.row_list import RowList
from widgets.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult

    from app.snapshot import Snapshot
    from detectors.catalog import Row


HINT = "/ status:live, status:blind"
"""Filters worth knowing."""


class CoverageScreen(ListedView, QueryView):
    """The matrix beside an explanation of the row under the cursor."""

    place = "coverage"
    CSS_PATH = "coverage.tcss"
    BINDINGS = bindings(action for action in actions_of(place) if action.places)

    def __init__(self) -> None:
        super().__init__()
        self._catalogue: Mapping[str, Row] = {}

    def body(self) -> ComposeResult:
        """Counts, the matrix, the explanation."""
        yield Static(id="coverage-counts", markup=False)
        yield FilterBar()
        with Container(id="coverage-body"):
            yield RowList(
                columns(self._heading, lambda: self.console.snapshot.now),
                key=lambda row: row.number,
                fields=fields,
                empty="No coverage yet: the first cycle finds out what this cluster has.",
            )
            with VerticalScroll(id="coverage-detail", can_focus=False):
                yield Static(id="coverage-status", markup=False)
                yield Facts()
                yield Static(id="coverage-query", markup=False)

    def on_mount(self) -> None:
        """Titles and groups come from the catalogue's files."""
        self.console.link.load_catalogue(self.console.catalogue, self)

    @on(CatalogueLoaded)
    def _catalogue_loaded(self, message: CatalogueLoaded) -> None:
        self._catalogue = {row.id: row for row in message.catalogue.rows}
        self.show(self.console.snapshot)

    def fill(self, snapshot: Snapshot) -> None:
        """The matrix as of a snapshot."""
        self.replace(merged(snapshot.coverage, self._catalogue))
        self._draw_counts()
        self.selected()

    def on_resize(self) -> None:
        """More or less room for the counts."""
        self._draw_counts()

    def _draw_counts(self) -> None:
        """How many rows are in each state; what matters least gives way on narrow screens."""
        counts = coverage_counts(self.console.snapshot)
        parts = [
            Part(Content.assemble(palette.COVERAGE[status].sign, f" {number} {status}"), priority)
            for priority, (status, number) in enumerate(counts.items())
        ]
        parts.append(Part(plain(HINT, style=palette.MUTED), len(parts), right=True))
        self.query_one("#coverage-counts", Static).update(fit(parts, max(0, self.size.width - 2))[0])

    @property
    def current(self) -> CoverageRow | None:
        """The row under the cursor."""
        row: CoverageRow | None = self.rows.highlighted
        return row

    def _heading(self, row: CoverageRow, width: int) -> str:
        """What a row shows of its group's name: that depends on its neighbours."""
        order, items = self.rows.rows.order, self.rows.rows.items
        place = first = last = order.index(row.number)
        while first > 0 and items[order[first - 1]].group == row.group:
            first -= 1
        while last + 1 < len(order) and items[order[last + 1]].group == row.group:
            last += 1
        return heading(row.group, place - first, last - first + 1, width)

    def selected(self) -> None:
        """Explain the row under the cursor."""
        row, detail = self.current, self.query_one("#coverage-detail")
        detail.display = row is not None
        if row is None:
            return
        detail.border_title = plain(row.title, 60)
        self.query_one("#coverage-status", Static).update(palette.COVERAGE[row.record.status].full)
        self.query_one(Facts).facts = tuple(explanation(row, self.console.snapshot.now))
        self.query_one("#coverage-query", Static).update(plain(row.record.query, style=palette.ACCENT))

    def situation(self, connected: bool) -> Situation:
        """What the keys would act on."""
        row = self.current
        return Situation(connected, name=row.record.signal if row else "", query=row.record.query if row else "")

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        row: CoverageRow = event.row
        facts = explanation(row, self.console.snapshot.now)
        self.explain(row.title, "\n".join(f"{name:<10}{text}" for name, text in facts), row.record.query)
