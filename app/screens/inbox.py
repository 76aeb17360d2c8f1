"""The inbox: one row per investigation, the worst first, with a preview of the one under the cursor."""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from textual import on
from textual.content import Content

from app.actions import Situation, actions_of
from app.keymap import bindings
from app.screens.cases import CaseView
from app.screens.conditions import empty_inbox
from app.screens.inbox_rows import HIDDEN_STATES, columns, fields
from app.screens.listed import ListedView
from app.screens.preview import Preview
from detectors.words import counted
from widgets.filter import FilterBar
from widgets.row_list import RowList
from widgets.text import clock

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.timer import Timer

    from app.snapshot import InboxRow, Snapshot


REST_SECONDS = 0.06
"""A key held down repeats faster than this."""


class InboxScreen(ListedView, CaseView):
    """Rank, filter, label, go on."""

    place = "inbox"
    CSS_PATH = "inbox.tcss"
    BINDINGS = bindings(action for action in actions_of(place) if action.places)

    def __init__(self) -> None:
        super().__init__()
        self._all = False
        """Snoozed and closed ones are shown too."""
        self._hidden = 0
        self._title = ""
        self._resting: Timer | None = None
        """Ends when the cursor has rested on a row."""

    def body(self) -> ComposeResult:
        """The list above the preview."""
        yield FilterBar()
        yield RowList(
            columns(lambda: self.console.snapshot.now),
            key=attrgetter("investigation.id"),
            fields=fields,
            id="cases",
        )
        yield Preview()

    @property
    def current(self) -> InboxRow | None:
        """The row under the cursor."""
        row: InboxRow | None = self.rows.highlighted
        return row

    def fill(self, snapshot: Snapshot) -> None:
        """The rows that belong here now."""
        everything = self._all or "state:" in self.bar.query_text
        shown = snapshot.rows if everything else [row for row in snapshot.rows if row.state not in HIDDEN_STATES]
        self._hidden = len(snapshot.rows) - len(shown)
        self.replace(shown)
        self._retitle()
        begun = "" if self.console.since is None else clock(self.console.since, self.console.zone)
        self.rows.say_empty(empty_inbox(snapshot, begun, self._hidden))
        self._preview()

    @on(RowList.PendingChanged)
    @on(RowList.MarksChanged)
    def _retitle(self) -> None:
        """How many there are, how many of them are marked, and how many are not shown."""
        parts = [counted(len(self.rows.rows.items), "investigations")]
        if self.marks:
            parts.append(f"{len(self.marks)} marked")
        if self.rows.pending:
            parts.append(f"{self.rows.pending} new waiting")
        if self._hidden:
            parts.append(f"hidden (h): {', '.join(self._counted_hidden())}")
        if self._all:
            parts.append("with snoozed, muted and closed ones (h hides them)")
        title = "  ".join(parts)
        if title != self._title:
            # Setting it draws the whole list anew.
            self._title, self.rows.border_title = title, Content(title)

    def _counted_hidden(self) -> list[str]:
        """`2 muted`, `1 snoozed`: why, and how many each."""
        states = Counter(row.state for row in self.console.snapshot.rows if row.state in HIDDEN_STATES)
        return [f"{states[state]} {state}" for state in sorted(states)]

    def filtered(self, event: FilterBar.Changed) -> None:
        """A filter on states looks at all of them."""
        self.rows.rows.query = event.query
        self._fill_at_once()

    def selected(self) -> None:
        """Show the row under the cursor in the preview, once the cursor rests: its chart costs as much as the list."""
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST_SECONDS, self._preview)

    def _preview(self) -> None:
        self.query_one(Preview).show(self.current, self.console.snapshot.now, self.console.zone)

    def situation(self, connected: bool) -> Situation:
        """What the keys would act on."""
        row = self.current
        return Situation(
            connected,
            tuple(chosen.investigation.id for chosen in self.rows.selection()),
            row.investigation.entity.title if row else "",
            row.worst.source.query if row else "",
        )

    @property
    def marks(self) -> frozenset[int]:
        """The marked ones."""
        return self.rows.marks

    def acted(self, marks: frozenset[int]) -> None:
        """Marks have done their work; those of an act that was refused stay."""
        self.rows.unmark(marks)

    def advance(self) -> None:
        """The next row, unless the act was about marked ones."""
        if not self.marks:
            self.rows.action_move(1)

    def do_hidden(self) -> None:
        """Show or hide what was dealt with."""
        self._all = not self._all
        self._fill_at_once()

    def _fill_at_once(self) -> None:
        """Other rows because the engineer asked for them: they do not wait, moving or frozen."""
        self.fill(self.console.snapshot)
        self.rows.filter(self.rows.rows.query)
        self.count()

    def do_namespace(self, name: str) -> None:
        """Show one namespace."""
        self.bar.set_text("" if name == "*" else f"namespace:{name}")

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        self.console.open_case(event.key)

    def state(self) -> dict[str, Any]:
        """The list's state, and whether everything is shown."""
        return super().state() | {"all": self._all}

    def resume(self, state: dict[str, Any]) -> None:
        """As remembered."""
        self._all = state.get("all") is True
        super().resume(state)
