"""How a `RowList` is drawn: only the lines on the screen, each once until something about it changes."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from textual.cache import LRUCache
from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets.rows import Row, Rows, place
from widgets.text import clean, harmless, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import ClassVar

    from textual.content import Span
    from textual.style import Style

    from widgets.rows import Column, Placed

GUTTER = 2
"""Cells before the columns: the cursor and the mark."""
CURSOR = "▌"
MARK = "*"
KEPT = 256
"""Drawn lines that are kept: some screens of them."""


class _Drawn(NamedTuple):
    """A line as it was drawn, and what it was drawn of."""

    item: Any
    under_cursor: bool
    passing: tuple[str | Content, ...]
    """Of the cells that change with time."""
    strip: Strip


class RowCanvas(ScrollView, Generic[Row]):
    """Draws a header and the rows; what its keys do is `RowList`'s."""

    ALLOW_SELECT = False

    DEFAULT_CSS = """
    RowCanvas {
        height: 1fr;
        background: $surface;
        color: $foreground;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & > .row-list--header { color: $foreground-muted; text-style: bold; }
        & > .row-list--chosen { color: $text-accent; text-style: bold underline; }
        & > .row-list--cursor { background: $block-cursor-blurred-background; }
        & > .row-list--marked { text-style: bold; }
        & > .row-list--sign { color: $text-accent; text-style: bold; }
        & > .row-list--empty { color: $foreground-muted; }
        &:focus > .row-list--cursor { background: $block-cursor-blurred-background; text-style: bold; }
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row-list--header",
        "row-list--chosen",
        "row-list--cursor",
        "row-list--marked",
        "row-list--sign",
        "row-list--empty",
    }

    def __init__(self, rows: Rows[Row], empty: str, *, name: str | None, id: str | None, classes: str | None) -> None:  # noqa: A002
        super().__init__(name=name, id=id, classes=classes)
        self.rows = rows
        self.marks: frozenset[int] = frozenset()
        """Keys of the marked rows."""
        self._index = 0
        """Of the row under the cursor."""
        self._chosen = 0
        """Of the column that a sort would use."""
        self._empty = empty
        self._width = 0
        self._placed: tuple[Placed[Row], ...] = ()
        self._strips: LRUCache[int, _Drawn] = LRUCache(KEPT)
        self._lines: dict[int, Strip] = {}
        """What is on the screen, by line."""

    def redraw(self) -> None:
        """Draw every line anew."""
        self._strips.clear()
        self.virtual_size = Size(0, len(self.rows.order) + 1)
        self.refresh()

    def redraw_changed(self) -> None:
        """Draw those lines anew that look different now: after a snapshot that is mostly the one before, few."""
        self.virtual_size = Size(0, len(self.rows.order) + 1)
        shown = [line for line in self._lines.items() if line[0] < self.size.height]
        changed = [y for y, strip in shown if self.render_line(y) != strip]
        if not shown or 2 * len(changed) > len(shown) or not self.rows.order:
            self.refresh()
        elif changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def fit_column(self, key: str, width: int) -> None:
        """Another width for a column: what stands in it became shorter or longer."""
        columns = tuple(replace(each, width=width) if each.key == key else each for each in self.rows.columns)
        if columns != self.rows.columns:
            self.rows.columns, self._width = columns, 0
            if self.rows.sorted_by is not None:
                self.rows.sorted_by = self.rows.column(self.rows.sorted_by.key)

    def take_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Other columns; an order by one that is gone becomes the order given."""
        if [each.key for each in columns] == [each.key for each in self.rows.columns]:
            return
        self.rows.columns, self._width, self._chosen = tuple(columns), 0, 0
        if self.rows.sorted_by is not None:
            self.rows.sorted_by = self.rows.column(self.rows.sorted_by.key)
        self.redraw()

    def redraw_row(self, index: int) -> None:
        """Draw one row anew."""
        if index < len(self.rows.order):
            self._strips.discard(self.rows.order[index])
            self.refresh(Region(0, index - self.scroll_offset.y + 1, self.size.width, 1))

    def redraw_header(self) -> None:
        """Draw the titles anew."""
        self.refresh(Region(0, 0, self.size.width, 1))

    def notify_style_update(self) -> None:
        """Another theme, or focus came or went: every line looks different."""
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """The header, a row, or nothing."""
        strip = self._lines[y] = self._rendered(y)
        return strip

    def _rendered(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if width != self._width:
            self._width, self._placed = width, place(self.rows.columns, width - GUTTER)
            self._strips.clear()
        if y == 0:
            return self._header(width)
        if not self.rows.order:
            return self._empty_line(y, width)
        index = self.scroll_offset.y + y - 1
        if index >= len(self.rows.order):
            return Strip.blank(width, self.get_visual_style().rich_style)
        key, under_cursor = self.rows.order[index], index == self._index
        item = self.rows.items[key]
        passing = tuple(each.column.cell(item, each.width) for each in self._placed if each.column.passing)
        drawn = self._strips.get(key)
        if drawn is None or drawn[:3] != (item, under_cursor, passing):
            drawn = self._strips[key] = _Drawn(item, under_cursor, passing, self._line(key, under_cursor, width))
        return drawn.strip

    def _line(self, key: int, under_cursor: bool, width: int) -> Strip:
        """One row as it looks."""
        marked = key in self.marks
        states = (("row-list--marked", marked), ("row-list--cursor", under_cursor))
        classes = [name for name, on in states if on]
        base = self.get_visual_style(*classes)
        sign = self.get_visual_style(*classes, "row-list--sign").rich_style
        gutter = Segment((CURSOR if under_cursor else " ") + (MARK if marked else " "), sign)
        item = self.rows.items[key]
        cells = [(placed, placed.column.cell(item, placed.width), base) for placed in self._placed]
        return line(gutter, cells, width, base)

    def _header(self, width: int) -> Strip:
        """The line of titles, with the direction of the sort."""
        base = self.get_visual_style("row-list--header")
        chosen = self._chosen if self.has_focus else None
        arrow = "▼" if self.rows.descending else "▲"
        cells = []
        for number, placed in enumerate(self._placed):
            style = self.get_visual_style("row-list--chosen") if number == chosen else base
            cells.append((placed, titled(placed, arrow if placed.column is self.rows.sorted_by else ""), style))
        return line(Segment(" " * GUTTER, base.rich_style), cells, width, base)

    def _empty_line(self, y: int, width: int) -> Strip:
        """A line of the explanation, in the upper third."""
        style = self.get_visual_style("row-list--empty")
        lines = (self.rows.unmatched or self._empty).splitlines()
        number = y - max(1, (self.size.height - len(lines)) // 3)
        text = lines[number] if 0 <= number < len(lines) else ""
        return centred(text, width, style)


def line(gutter: Segment, cells: Iterable[tuple[Placed[Row], str | Content, Style]], width: int, base: Style) -> Strip:
    """A strip of exactly that many cells: the gutter, then every cell at its place."""
    segments = [gutter]
    for placed, value, style in cells:
        if placed.x:
            segments.append(Segment(" ", base.rich_style))
        segments += cell(value, placed, style)
    return Strip(segments).adjust_cell_length(width, base.rich_style)


def cell(value: str | Content, placed: Placed[Row], base: Style) -> list[Segment]:
    """A cell's text in exactly its cells, made harmless."""
    column, width = placed.column, placed.width
    if isinstance(value, str):
        text = clean(value, width, middle=column.middle)
        padding = " " * (width - cell_len(text))
        return [Segment(padding + text if column.right else text + padding, base.rich_style)]
    drawn = _drawn(value.plain, tuple(value.spans), width, base)
    blank = Segment(" " * (width - drawn.cells), base.rich_style)
    return [blank, *drawn.segments] if column.right else [*drawn.segments, blank]


class _DrawnCell(NamedTuple):
    """Styled text as segments, and how many cells they take."""

    segments: list[Segment]
    cells: int


@lru_cache(4096)
def _drawn(text: str, spans: tuple[Span, ...], width: int, base: Style) -> _DrawnCell:
    """Styled text in at most that many cells; signs and words of severity, state and label come again in every row."""
    content = harmless(Content(text, list(spans))).truncate(width, ellipsis=True)
    return _DrawnCell(content.render_segments(base), content.cell_length)


def titled(placed: Placed[Row], arrow: str) -> str:
    """A column's title, with the arrow of its sort."""
    return clean(placed.column.title, placed.width - len(arrow), middle=False) + arrow


def centred(text: str, width: int, style: Style) -> Strip:
    """Text in the middle of a line."""
    content = plain(text, max(0, width - GUTTER)).center(max(0, width))
    return Strip(content.render_segments(style)).adjust_cell_length(width, style.rich_style)
