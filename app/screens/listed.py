"""A screen with one list and its filter, both remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import on

from app.screens.view import View
from widgets.filter import FilterBar, parse
from widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Iterable


class ListedView(View):
    """The list has the focus; the filter bar appears above it and stays while it filters."""

    AUTO_FOCUS = "RowList"

    def __init__(self) -> None:
        super().__init__()
        self._wanted: int | None = None
        """The remembered row, until it is there."""

    @property
    def rows(self) -> RowList[Any]:
        """The list."""
        return self.query_one(RowList)

    @property
    def bar(self) -> FilterBar:
        """Its filter."""
        return self.query_one(FilterBar)

    def replace(self, items: Iterable[Any]) -> None:
        """Other rows."""
        rows = self.rows
        rows.frozen = self.console.freeze.frozen
        rows.replace(items)
        if self._wanted is not None and rows.move_to(self._wanted):
            self._wanted = None
        self.count()

    def count(self) -> None:
        """How many rows the filter leaves."""
        self.bar.shown = (len(self.rows.rows.order), len(self.rows.rows.items))

    def do_filter(self, text: str = "") -> None:
        """Type a filter, or set one."""
        self.bar.names = self.rows.rows.names
        if text:
            self.bar.set_text(text)
        else:
            self.bar.open()

    def do_escape(self) -> None:
        """Clear marks, then the filter."""
        if self.rows.marks:
            self.rows.action_unmark()
        elif self.bar.query_text:
            self.bar.set_text("")

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        self.filtered(event)

    def filtered(self, event: FilterBar.Changed) -> None:
        """Show what matches."""
        self.rows.filter(event.query)
        self.count()

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self.rows.focus()

    @on(RowList.Highlighted)
    @on(RowList.MarksChanged)
    def _selection_changed(self) -> None:
        self.selected()
        self.refresh_keys()

    def selected(self) -> None:
        """Another row is under the cursor."""

    def state(self) -> dict[str, Any]:
        """Filter, order and row."""
        rows = self.rows.rows
        order = [rows.sorted_by.key, rows.descending] if rows.sorted_by else []
        return {"filter": self.bar.query_text, "order": order, "row": self.rows.cursor}

    def resume(self, state: dict[str, Any]) -> None:
        """Filter, order and row as remembered."""
        match state:
            case {"filter": str(text)} if text:
                self.bar.set_text(text)
                self.rows.filter(parse(text))
        match state:
            case {"order": [str(column), bool(descending)]}:
                self.rows.sort_by(column, descending=descending)
        match state:
            case {"row": int(key)} if not self.rows.move_to(key):
                self._wanted = key
