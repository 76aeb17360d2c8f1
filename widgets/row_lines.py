"""How one line of a `RowList` is put together from the text of its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from widgets.text import clean, harmless, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.content import Content
    from textual.style import Style

    from widgets.rows import Placed, Row

GUTTER = 2
"""Cells before the columns: the cursor and the mark."""


def line(gutter: Segment, cells: Iterable[tuple[Placed[Row], str | Content, Style]], width: int, base: Style) -> Strip:
    """A strip of exactly that many cells: the gutter, then every cell at its place."""
    segments = [gutter]
    for placed, value, style in cells:
        if placed.x:
            segments.append(Segment(" ", base.rich_style))
        segments += cell(value, placed.width, placed.column.right, style)
    return Strip(segments).adjust_cell_length(width, base.rich_style)


def cell(value: str | Content, width: int, right: bool, base: Style) -> list[Segment]:
    """A cell's text in exactly that many cells, made harmless."""
    if isinstance(value, str):
        text = clean(value, width)
        padding = " " * (width - cell_len(text))
        return [Segment(padding + text if right else text + padding, base.rich_style)]
    content = harmless(value).truncate(width, ellipsis=True)
    segments = content.render_segments(base)
    blank = Segment(" " * (width - content.cell_length), base.rich_style)
    return [blank, *segments] if right else [*segments, blank]


def titled(placed: Placed[Row], arrow: str) -> str:
    """A column's title, with the arrow of its sort."""
    return clean(placed.column.title, placed.width - len(arrow), middle=False) + arrow


def centred(text: str, width: int, style: Style) -> Strip:
    """Text in the middle of a line."""
    content = plain(text, max(0, width - GUTTER)).center(max(0, width))
    return Strip(content.render_segments(style)).adjust_cell_length(width, style.rich_style)
