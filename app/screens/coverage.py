"""The coverage matrix: what is watched in this cluster, and what cannot be seen, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.actions import BY_ID, Situation, actions_of
from app.coverage_markdown import matrix
from app.keymap import bindings, keys_of
from app.messages import CatalogueLoaded, WorkloadsSeen
from app.screens import coverage_workloads
from app.screens.conditions import coverage_counts
from app.screens.coverage_rows import CoverageRow, columns, explanation, fields, heading, mark_of, merged
from app.screens.listed import ListedView
from app.screens.queries import QueryView
from app.snapshot import Face, WorkloadLine
from app.switching import switch_signals, switch_workload
from widgets import palette
from widgets.facts import Facts
from widgets.filter import FilterBar, parse
from widgets.parts import Part, fit
from widgets.row_list import RowList
from widgets.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from textual.app import ComposeResult

    from app.snapshot import Snapshot
    from detectors.catalog import Row


HINT = "/ status:live, status:blind"
"""Filters worth knowing."""


NO_WORKLOADS = "No workloads yet: the next cycle of this process finds out what it sees of each."


class CoverageScreen(ListedView, QueryView):
    """The matrix, by issue type or by workload, beside an explanation of the line under the cursor."""

    place = "coverage"
    CSS_PATH = "coverage.tcss"
    BINDINGS = bindings(action for action in actions_of(place) if action.places)

    def __init__(self) -> None:
        super().__init__()
        self._catalogue: Mapping[str, Row] = {}
        self._face = Face()
        self._looked: int | None = None
        """The cycle whose matrix by workload is shown, or was asked for."""

    @property
    def rows(self) -> RowList[Any]:
        """The list of the face that is shown."""
        return self.query_one("#by-workload" if self.by_workload else "#by-issue", RowList)

    @property
    def by_workload(self) -> bool:
        """Which face is shown."""
        return self.has_class("-by-workload")

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
                id="by-issue",
            )
            yield RowList(
                coverage_workloads.columns(()),
                key=lambda line: line.number,
                fields=coverage_workloads.fields,
                empty=NO_WORKLOADS,
                id="by-workload",
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
        if self.by_workload:
            self._look(snapshot)
        else:
            self.replace(merged(snapshot.coverage, self._catalogue))
        self._draw_counts()
        self.selected()

    def _look(self, snapshot: Snapshot) -> None:
        """Ask for the matrix by workload once in a cycle: it is made where the cycle ran."""
        if snapshot.cycle == self._looked:
            return
        self._looked = snapshot.cycle
        self.console.link.ask("reads", "workloads", lambda session: WorkloadsSeen(session.workloads()), self)

    @on(WorkloadsSeen)
    def _workloads_seen(self, message: WorkloadsSeen) -> None:
        self._face = message.face
        self.query_one("#by-workload", RowList).take_columns(coverage_workloads.columns(message.face.groups))
        if self.by_workload:
            self.replace(message.face.lines)
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
    def current(self) -> CoverageRow | WorkloadLine | None:
        """The line under the cursor."""
        row: CoverageRow | WorkloadLine | None = self.rows.highlighted
        return row

    def _heading(self, row: CoverageRow, width: int) -> str:
        """What a row shows of its group's name: that depends on its neighbours."""
        rows = self.query_one("#by-issue", RowList).rows
        order, items = rows.order, rows.items
        place = first = last = order.index(row.number)
        while first > 0 and items[order[first - 1]].group == row.group:
            first -= 1
        while last + 1 < len(order) and items[order[last + 1]].group == row.group:
            last += 1
        return heading(row.group, place - first, last - first + 1, width)

    def selected(self) -> None:
        """Explain the line under the cursor."""
        row, detail = self.current, self.query_one("#coverage-detail")
        detail.display = row is not None
        if row is None:
            return
        detail.border_title = plain(row.title, 60)
        status, query = self.query_one("#coverage-status", Static), ""
        if isinstance(row, CoverageRow):
            query = row.record.query
            status.update(mark_of(row.record).full)
            self.query_one(Facts).facts = tuple(explanation(row, self.console.snapshot.now))
        else:
            kind, legend = coverage_workloads.kind(row), coverage_workloads.legend(row)
            status.update(kind if self.has_class("-narrow") else Content("\n").join((kind, legend)))
            self.query_one(Facts).facts = self._told(row)
        self.query_one("#coverage-query", Static).update(plain(query, style=palette.ACCENT))

    def _told(self, line: WorkloadLine) -> tuple[tuple[str, Content], ...]:
        """Every signal of a workload with its answer."""
        return tuple(coverage_workloads.explanation(line, self._face, self.console.snapshot, self._catalogue))

    def situation(self, connected: bool) -> Situation:
        """What the keys would act on."""
        row = self.current
        if isinstance(row, CoverageRow):
            return Situation(connected, name=row.record.signal, query=row.record.query)
        return Situation(connected, name=row.title if row else "")

    def state(self) -> dict[str, Any]:
        """Which face, too."""
        return super().state() | {"by_workload": self.by_workload}

    def resume(self, state: dict[str, Any]) -> None:
        """The face first: filter, order and row are of its list."""
        self.set_class(state.get("by_workload") is True, "-by-workload")
        super().resume(state)

    def do_face(self) -> None:
        """By workload, or by issue type again; the filter stays."""
        self.toggle_class("-by-workload")
        self.rows.focus()
        self.fill(self.console.snapshot)
        self.rows.filter(parse(self.bar.query_text))
        self.count()
        self.refresh_keys()

    def do_switch(self) -> None:
        """Switch what is under the cursor off, or on again."""
        row = self.current
        if isinstance(row, CoverageRow):
            self._switch([row.record.signal], row.record.signal)
        elif row is not None:
            namespace, name = row.namespace, row.name
            self.console.act(
                "switch", lambda session: switch_workload(session, namespace, name), self._way_back("coverage.switch")
            )

    def do_switch_group(self) -> None:
        """Switch the rows of the group under the cursor off, or on again."""
        row = self.current
        if isinstance(row, CoverageRow) and row.group:
            members = [each.id for each in self._catalogue.values() if each.group == row.group]
            self._switch(members, f"{row.group}, {len(members)} rows", "coverage.switch-group")
        else:
            self.console.say("groups are switched in the matrix by issue type: w shows it", "warning")

    def _switch(self, signals: list[str], what: str, action: str = "coverage.switch") -> None:
        self.console.act("switch", lambda session: switch_signals(session, signals, what), self._way_back(action))

    def _way_back(self, action: str) -> str:
        """Which key takes it back."""
        return f"{' '.join(keys_of(BY_ID[action], self.console.keys))} takes it back"

    def do_copy_markdown(self) -> None:
        """The face that is shown, to the terminal's clipboard."""
        snapshot = self.console.snapshot
        if self.by_workload:
            text, lines = coverage_workloads.markdown(self._face, snapshot.cluster), len(self._face.lines)
        else:
            records = [row.record for row in merged(snapshot.coverage, self._catalogue)]
            text, lines = matrix(snapshot.cluster, snapshot.now, records, self._catalogue), len(records)
        self.app.copy_to_clipboard(text)
        self.console.say(f"copied through the terminal (OSC 52): {lines} lines of the matrix as Markdown")

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        row: CoverageRow | WorkloadLine = event.row
        if isinstance(row, CoverageRow):
            facts = explanation(row, self.console.snapshot.now)
            self.explain(row.title, "\n".join(f"{name:<10}{text}" for name, text in facts), row.record.query)
        else:
            self.explain(row.title, "\n".join(f"{name:<18}{text.plain}" for name, text in self._told(row)), "")
