"""The list: its cursor, its marks, its messages, and that rows never move under the cursor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from textual.events import MouseScrollDown
from textual.geometry import Region

from tests.widgets.host import Stage, staged
from widgets.filter import parse
from widgets.row_canvas import KEPT
from widgets.row_list import CURSOR, HOLD_SECONDS, RowList
from widgets.rows import Column


@dataclass(frozen=True)
class Item:
    id: int
    name: str
    score: float = 0.0


COLUMNS = (
    Column[Item]("name", "NAME", lambda item, _: item.name, 10, flex=1, sort=lambda item: item.name),
    Column[Item]("plain", "PLAIN", lambda item, _: "x", 5, priority=1),
    Column[Item](
        "score",
        "SCORE",
        lambda item, _: f"{item.score:.1f}",
        6,
        right=True,
        sort=lambda item: item.score,
        descending=True,
    ),
)


class Time:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def items(count: int, start: int = 1) -> list[Item]:
    return [Item(number, f"row-{number:05}", float(number % 7)) for number in range(start, start + count)]


def a_list(count: int = 100) -> tuple[RowList[Item], Time]:
    time = Time()
    rows = RowList(COLUMNS, lambda item: item.id, clock=time, empty="Nothing is wrong.\nsince 12:00")
    rows.rows.replace(items(count))
    return rows, time


def cursor_line(stage: Stage) -> int:
    """The line of the screen with the cursor on it."""
    return next(y for y, line in enumerate(stage.lines()) if line.startswith(CURSOR))


async def ready(stage: Stage, rows: RowList[Item], time: Time) -> None:
    rows.replace(rows.rows.items.values())
    rows.focus()
    await stage.pilot.pause()
    stage.take(RowList.Highlighted)
    time.now += HOLD_SECONDS


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ("j", 2),
        ("down", 2),
        ("jjk", 2),
        ("k", 1),
        ("G", 100),
        ("Gk", 99),
        (["end"], 100),
        ("Gg", 1),
        (["G", "home"], 1),
        (["pagedown"], 10),
        (["pagedown", "pageup"], 1),
        (["ctrl+d"], 5),
        (["ctrl+d", "ctrl+d", "ctrl+u"], 5),
    ],
)
async def test_movement(keys, key: int) -> None:
    rows, time = a_list()
    async with staged(rows, size=(60, 10)) as stage:
        await ready(stage, rows, time)
        await stage.press(*(["down"] if keys == "down" else keys))
        assert rows.cursor == key
        assert rows.highlighted == rows.rows.items[key]
        assert f"row-{key:05}" in stage.lines()[cursor_line(stage)]
        told = stage.take(RowList.Highlighted)
        assert key == 1 or told[-1].key == key


async def test_only_changes_of_the_row_are_told() -> None:
    rows, time = a_list()
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        await stage.press("k")
        assert not stage.take(RowList.Highlighted)
        rows.replace([Item(0, "new first"), *items(100)])
        await stage.pilot.pause()
        assert not stage.take(RowList.Highlighted)
        assert rows.cursor == 1


async def test_enter_and_double_click_open_the_row() -> None:
    rows, time = a_list()
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        await stage.press("j", "enter")
        assert [(event.key, event.row.name) for event in stage.take(RowList.Opened)] == [(2, "row-00002")]
        await stage.pilot.click(rows, offset=(5, 4))
        assert rows.cursor == 4
        assert not stage.take(RowList.Opened)
        await stage.pilot.double_click(rows, offset=(5, 6))
        assert [event.key for event in stage.take(RowList.Opened)] == [6]
        await stage.pilot.click(rows, offset=(5, 20))
        assert rows.cursor == 20


async def test_marks_and_ranges() -> None:
    rows, time = a_list()
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        assert [item.id for item in rows.selection()] == [1]
        await stage.press("space", "j", "j", "v")
        assert rows.marks == {1, 2, 3, 4}
        assert stage.take(RowList.MarksChanged)[-1].keys == {1, 2, 3, 4}
        assert [item.id for item in rows.selection()] == [1, 2, 3, 4]
        rows.replace(items(100, start=3))
        assert rows.marks == {3, 4}
        await stage.press("ctrl+backslash")
        assert not rows.marks


async def test_bulk_selection_is_in_the_order_shown() -> None:
    rows, time = a_list(5)
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        rows.sort_by("name", descending=True)
        await stage.press("g", "space", "space")
        assert [item.id for item in rows.selection()] == [5, 4]
        rows.filter(parse("00004"))
        assert [item.id for item in rows.selection()] == [4]


async def test_sorting_by_key_goes_down_up_and_back() -> None:
    rows, time = a_list(5)
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        await stage.press("shift+left", "O")
        assert rows.rows.order == [5, 4, 3, 2, 1]
        assert "SCORE▼" in stage.lines()[0]
        await stage.press("O")
        assert rows.rows.order == [1, 2, 3, 4, 5]
        await stage.press("O")
        assert rows.rows.sorted_by is None
        told = [(event.column, event.descending) for event in stage.take(RowList.Sorted)]
        assert told == [("score", True), ("score", False), (None, False)]
        await stage.press("shift+left", "O")
        assert not stage.take(RowList.Sorted)


async def test_a_click_on_the_header_sorts() -> None:
    rows, time = a_list(5)
    async with staged(rows, size=(60, 10)) as stage:
        await ready(stage, rows, time)
        await stage.pilot.click(rows, offset=(57, 0))
        assert [(event.column, event.descending) for event in stage.take(RowList.Sorted)] == [("score", True)]
        assert rows.cursor == 1


async def test_while_the_cursor_moves_nothing_moves_and_new_rows_wait() -> None:
    rows, time = a_list()
    async with staged(rows, size=(60, 12)) as stage:
        await ready(stage, rows, time)
        await stage.press("j", "j")
        before = stage.lines()
        rows.replace([*items(3, start=500), *items(100)])
        await stage.pilot.pause()
        assert stage.lines() == before
        assert rows.pending == 3
        assert [event.count for event in stage.take(RowList.PendingChanged)] == [3]
        time.now += HOLD_SECONDS
        rows.settle()
        await stage.pilot.pause()
        assert rows.rows.order[:3] == [500, 501, 502]
        assert rows.cursor == 3
        assert rows.pending == 0


async def test_an_idle_list_takes_new_rows_at_once() -> None:
    rows, time = a_list()
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        rows.replace([*items(3, start=500), *items(100)])
        assert rows.rows.order[:3] == [500, 501, 502]
        assert rows.pending == 0
        assert rows.cursor == 1


async def test_frozen_holds_until_thawed() -> None:
    rows, time = a_list()
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        rows.frozen = True
        rows.replace([*items(3, start=500), *items(100)])
        time.now += 10 * HOLD_SECONDS
        rows.settle()
        assert rows.pending == 3
        rows.frozen = False
        await stage.pilot.pause()
        assert rows.pending == 0


async def test_the_cursor_row_keeps_its_line_when_rows_arrive_above() -> None:
    rows, time = a_list()
    async with staged(rows, size=(60, 12)) as stage:
        await ready(stage, rows, time)
        await stage.press("G", "k", "k", "k")
        line = cursor_line(stage)
        time.now += HOLD_SECONDS
        rows.replace([*items(7, start=500), *items(100)])
        await stage.pilot.pause()
        assert rows.cursor == 97
        assert cursor_line(stage) == line


async def test_a_gone_row_leaves_the_cursor_in_its_place() -> None:
    rows, time = a_list()
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        await stage.press("j")
        rows.replace([item for item in items(100) if item.id != 2])
        await stage.pilot.pause()
        assert rows.cursor == 3
        assert stage.take(RowList.Highlighted)[-1].key == 3


async def test_an_empty_list_says_so_and_takes_every_key() -> None:
    rows, time = a_list(3)
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        rows.filter(parse("nothing like it"))
        await stage.press("j", "k", "G", "g", "pagedown", "enter", "space", "v", "O", "shift+right", "ctrl+u")
        assert rows.cursor is None
        assert rows.highlighted is None
        assert rows.selection() == []
        assert not stage.take(RowList.Opened)
        assert any("No row matches the filter." in line for line in stage.lines())
        items = list(rows.rows.items.values())
        rows.replace([])
        await stage.pilot.pause()
        assert any("Nothing is wrong." in line for line in stage.lines())
        rows.say_empty("Nothing of [/x].")
        await stage.pilot.pause()
        assert any("Nothing of [/x]." in line for line in stage.lines())
        rows.replace(items)
        rows.filter(parse(""))
        assert rows.cursor == 1


async def test_narrow_screens_drop_the_less_important_columns() -> None:
    rows, time = a_list()
    async with staged(rows, size=(24, 6)) as stage:
        await ready(stage, rows, time)
        header = stage.lines()[0]
        assert "NAME" in header
        assert "SCORE" in header
        assert "PLAIN" not in header


async def test_move_to_finds_rows_shown_only() -> None:
    rows, time = a_list()
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        assert rows.move_to(77)
        await stage.pilot.pause()
        assert "row-00077" in stage.lines()[cursor_line(stage)]
        rows.filter(parse("row-00077"))
        assert not rows.move_to(5)
        assert rows.cursor == 77


async def test_reading_with_the_wheel_is_not_disturbed() -> None:
    rows, time = a_list()
    async with staged(rows, size=(60, 12)) as stage:
        await ready(stage, rows, time)
        for _ in range(12):
            await stage.pilot._post_mouse_events([MouseScrollDown], rows, offset=(5, 5), button=0)
        await stage.pilot.pause()
        before = stage.lines()
        assert not any(line.startswith(CURSOR) for line in before)
        rows.replace([*items(3, start=500), *items(100)])
        await stage.pilot.pause()
        assert stage.lines() == before
        assert rows.pending == 3
        rows.filter(parse("row-0000"))
        await stage.pilot.pause()
        assert rows.cursor == 1
        assert cursor_line(stage) == 1
        assert "row-00009" in stage.lines()[9]


async def test_another_theme_redraws_every_line() -> None:
    rows, time = a_list()
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        dark = rows.render_line(3)
        stage.app.theme = "textual-light"
        await stage.pilot.pause()
        assert rows.render_line(3).text == dark.text
        assert rows.render_line(3) != dark


async def test_of_other_rows_only_the_lines_that_look_different_are_drawn(monkeypatch) -> None:
    rows, time = a_list()
    age = 0
    passing = Column[Item]("age", "AGE", lambda item, _: f"{age if item.id == 4 else 0}m", 4, passing=True)
    rows.rows.columns += (passing,)
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        drawn: list[int] = []
        refresh = rows.refresh

        def noted(*regions: Region) -> object:
            drawn.extend(region.y for region in regions or [Region(0, -1, 0, 0)])
            return refresh(*regions)

        monkeypatch.setattr(rows, "refresh", noted)

        async def told(found: list[Item]) -> list[int]:
            drawn.clear()
            rows.replace(found)
            await stage.pilot.pause()
            return drawn

        assert await told(items(100)) == [], "equal rows look the same"
        changed = [replace(item, name="other") if item.id == 3 else item for item in items(100)]
        assert await told(changed) == [3]
        assert "other" in stage.lines()[3]
        age = 1
        assert await told(changed) == [4]
        assert "1m" in stage.lines()[4]
        assert await told([replace(item, name="far") if item.id == 90 else item for item in changed]) == []
        rows.move_to(90)
        await stage.pilot.pause()
        assert "far" in stage.lines()[cursor_line(stage)]


async def test_few_drawn_lines_are_kept() -> None:
    rows, time = a_list(5000)
    async with staged(rows) as stage:
        await ready(stage, rows, time)
        for _ in range(60):
            rows.action_page(1)
            await stage.pilot.pause()
        assert rows.position > 1000
        assert len(rows._strips) <= KEPT
