"""Columns fit every width; order, filter and holding still keep the right rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from widgets.filter import parse
from widgets.rows import GAP, Column, Rows, place


@dataclass(frozen=True)
class Item:
    id: int
    name: str = ""
    score: float | None = 0.0


COLUMNS = (
    Column[Item]("name", "NAME", lambda item, _: item.name, 8, flex=1, sort=lambda item: item.name),
    Column[Item]("score", "SCORE", lambda item, _: str(item.score), 5, right=True, sort=lambda item: item.score),
)

column = st.builds(
    lambda key, width, flex, limit, priority: Column(
        str(key), "T", lambda item, _: "", width, flex, limit, priority=priority
    ),
    st.uuids(),
    st.integers(1, 30),
    st.integers(0, 3),
    st.none() | st.integers(1, 60),
    st.integers(0, 4),
)


@given(st.lists(column, max_size=8), st.integers(-3, 200))
def test_columns_stand_beside_each_other_inside_the_line(columns, width) -> None:
    placed = place(columns, width)
    for before, after in pairwise(placed):
        assert after.x == before.x + before.width + GAP
    assert all(place.width > 0 and place.x + place.width <= max(0, width) for place in placed)


@given(st.lists(column, max_size=8), st.integers(1, 200))
def test_a_column_goes_only_after_all_less_important_ones(columns, width) -> None:
    kept = {place.column.key for place in place(columns, width)}
    gone = [column.priority for column in columns if column.key not in kept and column.priority]
    stayed = [column.priority for column in columns if column.key in kept]
    assert all(left <= lost for lost in gone for left in stayed)


def test_spare_cells_go_to_flexible_columns_up_to_their_limit() -> None:
    columns = [replace(COLUMNS[0], flex=2), replace(COLUMNS[1], flex=1, limit=7)]
    assert [(p.x, p.width) for p in place(columns, 60)] == [(0, 52), (53, 7)]


def rows(*items: Item) -> Rows[Item]:
    model = Rows(COLUMNS, lambda item: item.id)
    model.replace(items)
    return model


def test_order_is_the_one_given_until_sorted() -> None:
    model = rows(Item(3, "b"), Item(1, "c"), Item(2, "a"))
    assert model.order == [3, 1, 2]
    model.sort(model.column("name"))
    assert model.order == [2, 3, 1]
    model.sort(model.column("name"), descending=True)
    assert model.order == [1, 3, 2]
    model.sort(None)
    assert model.order == [3, 1, 2]


def test_missing_values_come_last_in_both_directions() -> None:
    model = rows(Item(1, score=math.nan), Item(2, score=2.0), Item(3, score=None), Item(4, score=1.0))
    model.sort(COLUMNS[1])
    assert model.order == [4, 2, 1, 3]
    model.sort(COLUMNS[1], descending=True)
    assert model.order == [2, 4, 1, 3]


def test_equal_rows_keep_the_order_given() -> None:
    model = rows(Item(5, "x", 1.0), Item(4, "x", 1.0), Item(6, "x", 1.0))
    for descending in (False, True):
        model.sort(COLUMNS[1], descending=descending)
        assert model.order == [5, 4, 6]


def test_filter_sees_the_cells_unless_told_otherwise() -> None:
    model = rows(Item(1, "shop/cart"), Item(2, "shop/pay"))
    model.filter(parse("cart"))
    assert model.order == [1]
    model.replace([Item(1, "shop/cart"), Item(7, "CART two")])
    assert model.order == [1, 7]
    other = Rows(COLUMNS, lambda item: item.id, lambda item: {"secret": "cart" if item.id == 2 else ""})
    other.replace([Item(1, "cart"), Item(2)])
    other.filter(parse("secret:cart"))
    assert other.order == [2]


def test_a_row_that_stays_is_read_once_for_the_filter() -> None:
    asked: list[int] = []
    model = Rows(COLUMNS, lambda item: item.id, lambda item: asked.append(item.id) or {"name": item.name})
    kept = Item(1, "cart")
    model.replace([kept, Item(2, "cart")])
    model.filter(parse("cart"))
    model.replace([kept, Item(2, "pay"), Item(3, "cart")])
    assert model.order == [1, 3]
    assert asked == [1, 2, 2, 3]


def test_while_held_new_rows_wait_and_gone_rows_go() -> None:
    model = rows(Item(1, "a"), Item(2, "b"), Item(3, "c"))
    model.sort(COLUMNS[0])
    model.replace([Item(3, "0"), Item(1, "z"), Item(9, "9"), Item(8, "8")], hold=True)
    assert model.order == [1, 3]
    assert set(model.pending) == {8, 9}
    model.arrange()
    assert model.order == [3, 8, 9, 1]
    assert model.pending == ()


def test_an_empty_list_has_nothing_to_hold() -> None:
    model = rows()
    model.replace([Item(1)], hold=True)
    assert model.order == [1]
