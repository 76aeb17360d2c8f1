"""What is behind a line: the text whole, and the query that anyone can ask again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.screens.dialog import Dialog
from widgets.text import multi, plain

if TYPE_CHECKING:
    from textual.app import ComposeResult


class QueryDialog(Dialog[str]):
    """Answers `copy` or `browse` when one of them is wanted."""

    BINDINGS = [
        Binding("c", "answer('copy')", "Copy", show=False),
        Binding("o", "answer('browse')", "Browse", show=False),
        Binding("enter", "leave", "Leave", show=False),
    ]

    def __init__(self, title: str, text: str, query: str) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._query = query

    def compose(self) -> ComposeResult:
        """The text above the query."""
        with Vertical(classes="dialog -large") as box:
            box.border_title = plain(self._title, 80)
            browse = "" if self._query.startswith("kubectl") else "o opens it in the browser   "
            box.border_subtitle = Content(f"c copies it   {browse}esc leaves" if self._query else "esc leaves")
            with VerticalScroll():
                yield Static(multi(self._text), classes="text", markup=False)
                if self._query:
                    yield Static(multi(self._query), classes="query", markup=False)

    def action_answer(self, answer: str) -> None:
        """Something is wanted of the query."""
        self.dismiss(answer)
