"""A list for tens of thousands of rows: only the lines on the screen are ever drawn.

Rows are known by a stable integer key. The cursor stays on its row whatever arrives, and while the engineer moves, or
the list is frozen, nothing is inserted: new rows wait in `pending`.

    inbox = RowList(COLUMNS, key=lambda row: row.investigation.id, empty="Nothing is wrong.")
    inbox.replace(snapshot.rows)                  # on every snapshot, all rows
    inbox.filter(parse("shop !state:closed"))     # widgets.filter
    inbox.sort_by("score", descending=True)       # None: the order given
    inbox.selection()                             # the marked rows, or the one under the cursor

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None: ...event.row...

Columns and their cells are described in `widgets.rows`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from textual.binding import Binding
from textual.reactive import reactive

from widgets.message import WidgetMessage
from widgets.navigation import MOVEMENT, Movement
from widgets.row_canvas import CURSOR, GUTTER, MARK, RowCanvas
from widgets.rows import Row, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import ClassVar

    from textual import events
    from textual.binding import BindingType
    from textual.message import Message

    from widgets.filter import Query
    from widgets.rows import Column

HOLD_SECONDS = 2.0
"""How long after a movement of the cursor no row is inserted or moved."""

__all__ = ["CURSOR", "HOLD_SECONDS", "MARK", "RowList"]


class RowList(Movement, RowCanvas[Row], can_focus=True):
    """Rows in columns with a cursor, marks, sorting and filtering."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *MOVEMENT,
        Binding("enter", "open", "Open", id="list.open", show=False),
        Binding("space", "mark", "Mark", id="list.mark", show=False),
        Binding("v", "mark_range", "Mark up to here", id="list.mark-range", show=False),
        Binding("ctrl+backslash", "unmark", "Clear marks", id="list.unmark", show=False),
        Binding("O", "sort", "Sort by column", id="list.sort", show=False),
        Binding("shift+left", "choose(-1)", "Column to the left", id="list.column-left", show=False),
        Binding("shift+right", "choose(1)", "Column to the right", id="list.column-right", show=False),
    ]

    frozen: reactive[bool] = reactive(False)
    """While true nothing is inserted and nothing moves."""
    pending: reactive[int] = reactive(0)
    """How many new rows wait to be inserted."""

    class Highlighted(WidgetMessage):
        """The cursor is on another row; no key and no row when the list became empty."""

        def __init__(self, control: RowList[Any], key: int | None, row: Any) -> None:
            super().__init__(control)
            self.key = key
            self.row = row

        def can_replace(self, message: Message) -> bool:
            """Of a burst of movements only the last one counts."""
            return isinstance(message, RowList.Highlighted) and message.control is self.control

    class Opened(WidgetMessage):
        """A row should be opened."""

        def __init__(self, control: RowList[Any], key: int, row: Any) -> None:
            super().__init__(control)
            self.key = key
            self.row = row

    class MarksChanged(WidgetMessage):
        """Other rows are marked."""

        def __init__(self, control: RowList[Any], keys: frozenset[int]) -> None:
            super().__init__(control)
            self.keys = keys

    class Sorted(WidgetMessage):
        """The engineer sorted the list; no column means the order given."""

        def __init__(self, control: RowList[Any], column: str | None, *, descending: bool) -> None:
            super().__init__(control)
            self.column = column
            self.descending = descending

    class PendingChanged(WidgetMessage):
        """Another number of rows waits to be inserted."""

        def __init__(self, control: RowList[Any], count: int) -> None:
            super().__init__(control)
            self.count = count

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        key: Callable[[Row], int],
        *,
        fields: Callable[[Row], Mapping[str, str]] | None = None,
        empty: str = "",
        clock: Callable[[], float] = time.monotonic,
        name: str | None = None,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        """A list without rows.

        Args:
            columns: What to show of a row.
            key: The row's identity, stable over its life.
            fields: What a filter sees of a row, by field name; by default the text of its cells. Asked once for as long
                as the row is the same object.
            empty: What to say when there is no row to show; may have several lines.
            clock: Seconds, for holding still after a movement.
            name: As for every widget.
            id: As for every widget.
            classes: As for every widget.
        """
        super().__init__(Rows(columns, key, fields), empty, name=name, id=id, classes=classes)
        self._clock = clock
        self._key: int | None = None
        self._moved = float("-inf")
        self._anchor: int | None = None

    # -- What the owner may ask and tell ---------------------------------------------------------------------------

    @property
    def cursor(self) -> int | None:
        """Key of the row under the cursor."""
        return self._key

    @property
    def highlighted(self) -> Row | None:
        """The row under the cursor."""
        return None if self._key is None else self.rows.items.get(self._key)

    def selection(self) -> list[Row]:
        """What an action is about: the marked rows that are shown, in their order, or else the one under the cursor."""
        marked = [self.rows.items[key] for key in self.rows.order if key in self.marks] if self.marks else []
        row = self.highlighted
        return marked or ([] if row is None else [row])

    def replace(self, items: Iterable[Row]) -> None:
        """Take other rows; the cursor stays on its row, at its place on the screen where that is possible."""
        self.rows.replace(items, hold=self.frozen or self._moving)
        if self.rows.pending and not self.frozen:
            self.set_timer(HOLD_SECONDS, self.settle)
        self._show()
        if kept := self.marks - self.rows.items.keys():
            self._set_marks(self.marks - kept)

    def settle(self) -> None:
        """Insert the rows that waited, unless the cursor still moves or the list is frozen."""
        if not self.rows.pending or self.frozen:
            return
        if self._moving:
            self.set_timer(HOLD_SECONDS, self.settle)
            return
        self.rows.arrange()
        self._show()

    def filter(self, query: Query) -> None:
        """Show the rows that match only."""
        self.rows.filter(query)
        self._show(follow=True)

    def sort_by(self, column: str | None, *, descending: bool = False) -> None:
        """Order by a column that can be sorted by, or as given."""
        found = None if column is None else self.rows.column(column)
        self.rows.sort(found if found and found.sort else None, descending=descending)
        self._show(follow=True)

    def move_to(self, key: int) -> bool:
        """Put the cursor on a row; False when it is not shown."""
        if key not in self.rows.items or key not in self.rows.order:
            return False
        self._go(self.rows.order.index(key))
        return True

    def unmark(self, keys: frozenset[int]) -> None:
        """Unmark these rows."""
        self._set_marks(self.marks - keys)

    def say_empty(self, text: str) -> None:
        """Another explanation of an empty list."""
        if text != self._empty:
            self._empty = text
            if not self.rows.order:
                self.refresh()

    # -- Keys and mouse --------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """Index of the row under the cursor in the order shown."""
        return self._index

    @property
    def page_size(self) -> int:
        """Rows on the screen, below the header."""
        return max(1, self.size.height - 1)

    def go_to(self, index: int) -> None:
        """Put the cursor on the row at that index, or on the nearest there is, as a key does."""
        self._moved = self._clock()
        self._go(index)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self._key is not None and (row := self.highlighted) is not None:
            self.post_message(self.Opened(self, self._key, row))

    def action_mark(self) -> None:
        """Mark or unmark the row under the cursor, and go on to the next."""
        if self._key is not None:
            self._anchor = self._key
            self._set_marks(self.marks ^ {self._key})
            self.go_to(self._index + 1)

    def action_mark_range(self) -> None:
        """Mark from the row marked last up to the cursor."""
        order = self.rows.order
        if self._key is None:
            return
        start = order.index(self._anchor) if self._anchor in order else self._index
        low, high = sorted((start, self._index))
        self._set_marks(self.marks | set(order[low : high + 1]))
        self._anchor = self._key

    def action_unmark(self) -> None:
        """Unmark all rows."""
        self._set_marks(frozenset())

    def action_choose(self, step: int) -> None:
        """Choose another column to sort by."""
        self._chosen = (self._chosen + step) % max(1, len(self._placed))
        self.redraw_header()

    def action_sort(self) -> None:
        """Sort by the chosen column; again reverses, a third time gives the order given."""
        if self._chosen < len(self._placed):
            self._sort(self._placed[self._chosen].column)

    def on_click(self, event: events.Click) -> None:
        """A click on the header sorts, on a row moves the cursor; a double click opens the row."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y == 0:
            self._click_header(offset.x - GUTTER)
        elif (index := self.scroll_offset.y + offset.y - 1) < len(self.rows.order):
            self.go_to(index)
            if event.chain == 2:
                self.action_open()

    def on_mouse_scroll_down(self) -> None:
        """Turning the wheel is moving too."""
        self._moved = self._clock()

    def on_mouse_scroll_up(self) -> None:
        """Turning the wheel is moving too."""
        self._moved = self._clock()

    def _click_header(self, x: int) -> None:
        for number, placed in enumerate(self._placed):
            if placed.x <= x < placed.x + placed.width:
                self._chosen = number
                self._sort(placed.column)

    def _sort(self, column: Column[Row]) -> None:
        if column.sort is None:
            return
        again = self.rows.sorted_by is column
        if again and self.rows.descending is not column.descending:
            self.sort_by(None)
        else:
            self.sort_by(column.key, descending=column.descending ^ again)
        sorted_by = self.rows.sorted_by
        self.post_message(self.Sorted(self, sorted_by.key if sorted_by else None, descending=self.rows.descending))

    # -- State -----------------------------------------------------------------------------------------------------

    @property
    def _moving(self) -> bool:
        return self._clock() - self._moved < HOLD_SECONDS

    def _go(self, index: int) -> None:
        """Put the cursor on the row at that index, or on the nearest, and scroll it into view."""
        if not self.rows.order:
            return
        before, self._index = self._index, min(max(index, 0), len(self.rows.order) - 1)
        self._follow()
        self.redraw_row(before)
        self.redraw_row(self._index)
        self._scroll_to_row(self.scroll_offset.y)

    def _scroll_to_row(self, top: int) -> None:
        """Scroll so that this row is the first, or the nearest to it with the cursor on the screen."""
        wanted = max(0, min(max(top, self._index - self.page_size + 1), self._index))
        if wanted != self.scroll_offset.y:
            self.scroll_to(y=wanted, animate=False, force=True)

    def _follow(self) -> None:
        """The key under the cursor, from its index; tells when it is another one."""
        key = self.rows.order[self._index] if self.rows.order else None
        if key != self._key:
            self._key = key
            self.post_message(self.Highlighted(self, key, self.highlighted))

    def _show(self, *, follow: bool = False) -> None:
        """Everything anew after the rows or their order changed; what is on the screen stays there where it can.

        Args:
            follow: Bring the cursor back when the wheel has left it behind, as an order of the engineer's should.
        """
        order, top = self.rows.order, self.scroll_offset.y
        line = self._index - top
        if self._key is not None and self._key in self.rows.items and self._key in order:
            self._index = order.index(self._key)
        else:
            self._index = min(self._index, max(0, len(order) - 1))
        self.redraw_changed()
        self._follow()
        self._report_pending()
        if follow or 0 <= line < self.page_size:
            # At the top the list stays there, so that what arrives above the cursor row is seen.
            self._scroll_to_row(self._index - line if top else 0)

    def _report_pending(self) -> None:
        if self.pending != len(self.rows.pending):
            self.pending = len(self.rows.pending)
            self.post_message(self.PendingChanged(self, self.pending))

    def _set_marks(self, keys: frozenset[int]) -> None:
        if keys != self.marks:
            self.marks = keys
            self.redraw()
            self.post_message(self.MarksChanged(self, keys))

    def watch_frozen(self, frozen: bool) -> None:
        """Thawed, the list takes in what waited."""
        if not frozen:
            self.settle()
