"""The outbox: what was sent and what was not, with what is the matter and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.actions import Situation, actions_of
from app.keymap import bindings
from app.messages import OutboxTold
from app.notify.shown import Outbox
from app.screens.listed import ListedView
from app.screens.outbox_rows import columns, explanation, fields, summary, why_empty
from app.screens.queries import QueryView
from widgets.facts import Facts
from widgets.filter import FilterBar
from widgets.row_list import RowList
from widgets.text import multi, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from app.notify.shown import Posted
    from app.snapshot import ActResult, Session, Snapshot

LOOK_SECONDS = 2.0
"""Messages are delivered between two cycles."""


class OutboxScreen(ListedView, QueryView):
    """The list beside the message under the cursor."""

    place = "outbox"
    CSS_PATH = "outbox.tcss"
    BINDINGS = bindings(action for action in actions_of(place) if action.places)

    def __init__(self) -> None:
        super().__init__()
        self._outbox = Outbox(0.0)

    def body(self) -> ComposeResult:
        """The list, the message."""
        yield FilterBar()
        with Container(id="outbox-body"):
            yield RowList(columns(lambda: self._outbox.now), key=lambda row: row.record.id, fields=fields)
            with VerticalScroll(id="outbox-detail", can_focus=False):
                yield Facts()
                yield Static(id="outbox-text", markup=False)

    def on_mount(self) -> None:
        """Look again and again while it is in front."""
        self.set_interval(LOOK_SECONDS, self._look)

    def fill(self, snapshot: Snapshot) -> None:  # noqa: ARG002
        """Ask anew: an act may have changed something."""
        self._ask()

    def _look(self) -> None:
        if self.is_current and not self.console.freeze.frozen:
            self._ask()

    def _ask(self) -> None:
        self.console.link.ask("reads", "outbox", lambda session: OutboxTold(session.outbox()), self)

    @on(OutboxTold)
    def _told(self, message: OutboxTold) -> None:
        self._outbox = message.outbox
        self.replace(message.outbox.messages)
        self.rows.border_title = Content(summary(message.outbox))
        self.rows.say_empty(why_empty(message.outbox, self.console.snapshot.unsendable))
        self.selected()
        self.refresh_keys()

    @property
    def current(self) -> Posted | None:
        """The message under the cursor."""
        row: Posted | None = self.rows.highlighted
        return row

    def selected(self) -> None:
        """Show the message under the cursor."""
        row, detail = self.current, self.query_one("#outbox-detail")
        detail.display = row is not None
        if row is None:
            return
        detail.border_title = plain(f"{row.subject}  to {row.record.destination}", 60)
        self.query_one(Facts).facts = tuple(explanation(row, self._outbox.now, self.console.zone))
        self.query_one("#outbox-text", Static).update(multi(row.text))

    def situation(self, connected: bool) -> Situation:
        """What the keys would act on."""
        row = self.current
        messages = tuple(chosen.record.id for chosen in self.rows.selection())
        return Situation(connected, name=row.record.headline if row else "", messages=messages)

    def acted(self, marks: frozenset[int]) -> None:
        """Marks have done their work."""
        self.rows.unmark(marks)

    def do_retry(self) -> None:
        """Send again."""
        self._act("retry", lambda session, messages: session.retry_messages(messages), "")

    def do_drop(self) -> None:
        """Take out."""
        self._act("drop", lambda session, messages: session.drop_messages(messages), "z undoes")

    def _act(self, what: str, work: Callable[[Session, tuple[int, ...]], ActResult], way_back: str) -> None:
        messages = self.console.situation.messages
        self.console.act(what, lambda session: work(session, messages), way_back, self.rows.marks)

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        row: Posted = event.row
        if row.record.investigation is not None:
            self.console.open_case(row.record.investigation)
