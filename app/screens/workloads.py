"""Every workload against what is usual for it, the healthy ones too: sparklines, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.content import Content
from textual.widgets import Static

from app.actions import Situation, actions_of
from app.baselines.shown import HEADLINES
from app.keymap import bindings
from app.messages import BaselinesTold, ChartsTold
from app.screens.charts import ChartsDialog
from app.screens.listed import ListedView
from app.screens.queries import QueryView
from app.screens.workloads_rows import columns, explanation, fields, summary
from storage.records import Lifecycle
from widgets.filter import FilterBar
from widgets.row_list import RowList
from widgets.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult

    from app.baselines.shown import Line
    from app.screens.charts import Wanted
    from app.snapshot import Snapshot

NOT_YET = "No workloads yet.\nHow each is doing is known after this process's first cycle"
NOBODY = "No workloads: neither the Kubernetes API nor the headline signals name one."
NAMES = max(len(headline.title) for headline in HEADLINES)


class WorkloadsScreen(ListedView, QueryView):
    """The list above the signals of the workload under the cursor."""

    place = "workloads"
    CSS_PATH = "workloads.tcss"
    BINDINGS = bindings(action for action in actions_of(place) if action.places)

    def __init__(self) -> None:
        super().__init__()
        self._looked: tuple[str, int] | None = None
        """The cluster and the cycle whose lines are shown, or were asked for."""
        self._cases: Mapping[tuple[str, str, str], int] = {}
        """Open cases by kind, namespace and name of the workload."""

    def body(self) -> ComposeResult:
        """The list, the signals."""
        yield FilterBar()
        yield RowList(columns(self._case), key=lambda line: line.number, fields=fields, empty=NOT_YET)
        yield Static(id="signals", markup=False)

    def _case(self, line: Line) -> int | None:
        return self._cases.get((line.kind, line.namespace, line.name))

    def fill(self, snapshot: Snapshot) -> None:
        """Ask for the lines of a new cycle: they are made where it ran."""
        lasting = (row.investigation for row in snapshot.rows if row.investigation.lifecycle is Lifecycle.OPEN)
        # The first of several is the one that matters most.
        self._cases = {
            (case.entity.kind, case.entity.namespace, case.entity.name): case.id for case in reversed(tuple(lasting))
        }
        newest = (snapshot.cluster, snapshot.cycle)
        if snapshot.cycle and newest != self._looked and not self._kept:
            self._looked = newest
            self.console.link.ask("reads", "baselines", lambda session: BaselinesTold(session.baselines()), self)
        self.selected()

    @property
    def _kept(self) -> bool:
        """Whether what is shown stays: the engineer reads it in peace."""
        return self.console.freeze.frozen and bool(self.rows.rows.items)

    @on(BaselinesTold)
    def _told(self, message: BaselinesTold) -> None:
        if self._kept:
            self._looked = None
            return
        lines = message.baselines.lines
        self.replace(lines)
        self.rows.border_title = Content(summary(lines))
        self.rows.say_empty(NOBODY)
        self.selected()
        self.refresh_keys()

    @property
    def current(self) -> Line | None:
        """The workload under the cursor."""
        line: Line | None = self.rows.highlighted
        return line

    def selected(self) -> None:
        """Show the signals of the workload under the cursor."""
        line, pane = self.current, self.query_one("#signals", Static)
        pane.display = line is not None
        if line is None:
            return
        case = self._case(line)
        pane.border_title = plain(f"{line.kind} {line.title}", 60)
        pane.border_subtitle = Content("enter shows its charts" if case is None else f"enter, enter opens case #{case}")
        pane.update(Content("\n").join(explanation(line, NAMES)))

    def situation(self, connected: bool) -> Situation:
        """What the keys would act on."""
        return Situation(connected, name=" ".join(line.title for line in self.rows.selection()))

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        line: Line = event.row
        self.console.link.ask("reads", "charts", lambda session: ChartsTold(line, session.charts(line.number)), self)

    @on(ChartsTold)
    def _show_charts(self, message: ChartsTold) -> None:
        if not self.is_current:
            return
        case = self._case(message.line)

        def answered(wanted: Wanted | None) -> None:
            match wanted:
                case ("case", _) if case is not None:
                    self.console.open_case(case)
                case ("copy", query):
                    self.copy(query)
                case ("browse", query):
                    self.browse(query)

        self.app.push_screen(ChartsDialog(message.line, message.charts, case, self.console.zone), answered)
