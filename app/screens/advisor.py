"""The advisor: requests and limits that do not fit what containers use, apart from what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.actions import Situation, actions_of
from app.keymap import bindings
from app.screens.advisor_rows import SIZING, AdviceRow, columns, explanation, fields, ranked, summary, why_empty
from app.screens.listed import ListedView
from app.screens.queries import QueryView
from widgets.facts import Facts
from widgets.filter import FilterBar
from widgets.palette import ACCENT
from widgets.row_list import RowList
from widgets.text import plain

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from app.snapshot import Snapshot


class AdvisorScreen(ListedView, QueryView):
    """The list beside an explanation of the line under the cursor."""

    place = "advisor"
    CSS_PATH = "advisor.tcss"
    BINDINGS = bindings(action for action in actions_of(place) if action.places)

    def body(self) -> ComposeResult:
        """The list, the explanation."""
        yield FilterBar()
        with Container(id="advisor-body"):
            yield RowList(columns(), key=lambda row: row.number, fields=fields)
            with VerticalScroll(id="advisor-detail", can_focus=False):
                yield Static(id="advisor-outcome", markup=False)
                yield Facts()
                yield Static(id="advisor-query", markup=False)

    def fill(self, snapshot: Snapshot) -> None:
        """The advice as of a snapshot."""
        self.replace(ranked(snapshot.advice))
        self.rows.border_title = Content(f"{len(snapshot.advice)} listed  {summary(snapshot)}")
        self.rows.say_empty(why_empty(snapshot))
        self.selected()

    @property
    def current(self) -> AdviceRow | None:
        """The line under the cursor."""
        row: AdviceRow | None = self.rows.highlighted
        return row

    def selected(self) -> None:
        """Explain the line under the cursor."""
        row, detail = self.current, self.query_one("#advisor-detail")
        detail.display = row is not None
        if row is None:
            return
        detail.border_title = plain(f"{row.record.entity.title}  {row.record.container}", 60)
        self.query_one("#advisor-outcome", Static).update(SIZING[row.record.outcome].full)
        self.query_one(Facts).facts = tuple(explanation(row, self.console.snapshot.now, self.console.zone))
        self.query_one("#advisor-query", Static).update(plain(row.record.source.query, style=ACCENT))

    def situation(self, connected: bool) -> Situation:
        """What the keys would act on."""
        row = self.current
        if row is None:
            return Situation(connected)
        return Situation(connected, name=row.record.entity.title, query=row.record.source.query)

    def do_look(self) -> None:
        """Compare anew."""
        self.console.act("advise", lambda session: session.advise(), "")

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        row: AdviceRow = event.row
        facts = explanation(row, self.console.snapshot.now, self.console.zone)
        text = "\n".join(f"{name:<16}{value}" for name, value in facts)
        self.explain(f"{row.record.entity.title} {row.record.container}", text, row.record.source.query)
