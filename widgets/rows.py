"""The rows behind a `RowList`: columns as data, and an order of keys made by filtering, sorting and holding still.

Nothing here draws. Rows are whatever the screen has (records, dataclasses); a column says how to show and compare one.

    COLUMNS = (
        Column("state", "STATE", width=6, cell=lambda row, width: row.state, sort=lambda row: row.state),
        Column("name", "WORKLOAD", width=12, flex=1, cell=lambda row, width: row.title, sort=lambda row: row.title),
        Column("now", "NOW", width=8, right=True, priority=2, cell=lambda row, width: quantity(row.value, row.unit)),
    )
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from widgets.filter import Query, fold, unmatched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from textual.content import Content

Row = TypeVar("Row")

GAP = 1
"""Cells between two columns."""


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column as data."""

    key: str
    title: str
    cell: Callable[[Row, int], str | Content]
    """Row and width in cells to what is shown. A `str` may be hostile: it is cleaned, and shortened."""
    width: int
    """Cells; with `flex`, the least."""
    flex: int = 0
    """Share of the cells that are left over."""
    limit: int | None = None
    """The most cells it can use."""
    middle: bool = True
    """What is too long loses its middle, as names should; sentences lose their end."""
    right: bool = False
    """Aligned to the right, as numbers are."""
    priority: int = 0
    """On narrow screens the column with the highest number goes first; 0 stays always."""
    sort: Callable[[Row], Any] | None = None
    """What to compare rows by; None or NaN as a value comes last in either direction. Without it: not sortable."""
    descending: bool = False
    """The direction of the first sort: largest first for scores, smallest first for names."""
    short: Column[Row] | None = None
    """What stands for it once it gave way."""
    passing: bool = False
    """Whether the cell of a row that stays the same may get another text: ages do."""


class Placed(NamedTuple, Generic[Row]):
    """A column with its place on the line."""

    column: Column[Row]
    x: int
    width: int


def place(columns: Sequence[Column[Row]], width: int) -> tuple[Placed[Row], ...]:
    """The columns that fit into a line of that many cells, flexible ones stretched to fill it."""
    kept = list(columns)
    while kept and _least(kept) > width and (last := max(kept, key=lambda column: column.priority)).priority:
        at = kept.index(last)
        kept[at : at + 1] = [] if last.short is None else [last.short]
    widths = {column.key: column.width for column in kept}
    _stretch(kept, widths, width - _least(kept))
    placed, x = [], 0
    for column in kept:
        cells = min(widths[column.key], width - x)
        if cells > 0:
            placed.append(Placed(column, x, cells))
        x += cells + GAP
    return tuple(placed)


def _least(columns: Sequence[Column[Row]]) -> int:
    """The cells that these columns need."""
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _stretch(columns: Sequence[Column[Row]], widths: dict[str, int], spare: int) -> None:
    """Deal out spare cells by flex, to nobody more than its limit."""
    while spare > 0:
        able = [c for c in columns if c.flex and (c.limit is None or widths[c.key] < c.limit)]
        shares = sum(column.flex for column in able)
        if not shares:
            return
        left = spare
        for column in able:
            room = spare if column.limit is None else column.limit - widths[column.key]
            given = min(room, left, max(1, spare * column.flex // shares))
            widths[column.key] += given
            left -= given
        spare = left


class Rows(Generic[Row]):
    """Rows by key, and the order in which they are shown."""

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        key: Callable[[Row], int],
        fields: Callable[[Row], Mapping[str, str]] | None = None,
    ) -> None:
        self.columns = tuple(columns)
        self.key = key
        self.fields = fields or self._cells
        self.items: dict[int, Row] = {}
        """All rows, in the order they were given."""
        self.order: list[int] = []
        """Keys of the rows shown, top first."""
        self.pending: tuple[int, ...] = ()
        """Keys of rows that wait until the list may move again."""
        self.query = Query()
        self.sorted_by: Column[Row] | None = None
        """None: the order given."""
        self.descending = False
        self._folded: dict[int, dict[str, str]] = {}

    @property
    def unmatched(self) -> str:
        """Why the filter leaves nothing of what there is; empty where it is not the filter's doing."""
        if self.order or not self.query or not self.items:
            return ""
        return unmatched(self.query, self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that a filter can name; empty while there is no row."""
        return next((tuple(self.fields(item)) for item in self.items.values()), ())

    def replace(self, items: Iterable[Row], *, hold: bool = False) -> None:
        """Take other rows. While held, rows keep their places and new ones are pending; those that are gone, go."""
        before, items = self.items, tuple(items)
        self.items = dict(zip(map(self.key, items), items, strict=True))
        self._folded = {key: text for key, text in self._folded.items() if self.items.get(key) is before[key]}
        if hold and self.order:
            self._hold(self._ordered())
        else:
            self.arrange()

    def arrange(self) -> None:
        """Filter and sort all rows, pending ones included."""
        self.order, self.pending = self._ordered(), ()

    def filter(self, query: Query) -> None:
        """Show the rows that match."""
        self.query = query
        self.arrange()

    def sort(self, column: Column[Row] | None, *, descending: bool = False) -> None:
        """Order by a column, or as given."""
        self.sorted_by, self.descending = column, descending
        self.arrange()

    def column(self, key: str) -> Column[Row] | None:
        """The column of that key."""
        return next((column for column in self.columns if column.key == key), None)

    def _hold(self, fresh: list[int]) -> None:
        shown, wanted = set(self.order), set(fresh)
        self.order = [key for key in self.order if key in wanted]
        self.pending = tuple(key for key in fresh if key not in shown)

    def _ordered(self) -> list[int]:
        keys = [key for key, item in self.items.items() if self._matches(key, item)] if self.query else list(self.items)
        if self.sorted_by is None or self.sorted_by.sort is None:
            return keys
        value = self.sorted_by.sort
        values = {key: value(self.items[key]) for key in keys}
        known = [key for key in keys if not _missing(values[key])]
        missing = [key for key in keys if _missing(values[key])] if len(known) < len(keys) else []
        known.sort(key=values.__getitem__, reverse=self.descending)
        return known + missing

    def _matches(self, key: int, item: Row) -> bool:
        folded = self._folded.get(key)
        if folded is None:
            folded = self._folded[key] = fold(self.fields(item))
        return self.query.matches(folded)

    def _cells(self, item: Row) -> dict[str, str]:
        """What a filter sees where the screen does not say: the text of every cell."""
        return {column.key: str(column.cell(item, column.limit or column.width)) for column in self.columns}


def _missing(value: object) -> bool:
    """Whether there is nothing to compare: None, or NaN (which alone differs from itself)."""
    return value is None or value != value
