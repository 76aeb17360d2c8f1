"""How fast a key is painted, and how the list grows with its rows: `python -m benchmarks.widgets`.

Goal (G9): opening, sorting, filtering and paging 10,000 rows takes at most 3 times as long as 1,000. Ratios compare
medians within one run.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measure import Goal, goals_table
from benchmarks.painting import Paints, moved, told
from detectors.series import Band
from widgets.chart_picture import ChartMark, Picture, draw
from widgets.filter import parse
from widgets.row_list import RowList
from widgets.rows import Column
from widgets.sparkline import sparkline
from widgets.text import quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from textual.app import ComposeResult
    from textual.content import Content

SIZE = (140, 45)
ROUNDS = 7
KEYS = 60
COUNTS = (1_000, 10_000, 50_000)


@dataclass(frozen=True, slots=True)
class Item:
    """A row like the inbox's."""

    id: int
    name: str
    score: float
    band: Band


def items(count: int) -> list[Item]:
    """Rows that share a few bands, as their arrays are not what is measured."""
    random = np.random.default_rng(1)
    times = np.arange(35, dtype=np.int64) * 60
    flat = np.ones(35)
    bands = [Band(times, random.uniform(0.5, 3.0, 35), flat * 0.5, flat * 2.0) for _ in range(50)]
    scores = random.uniform(0, 10, count)
    return [Item(n, f"shop/service-{n * 7919 % count:06}", float(scores[n]), bands[n % 50]) for n in range(count)]


def _recent(item: Item, width: int) -> Content:
    return sparkline(item.band.values, item.band.low, item.band.high, width)


COLUMNS: tuple[Column[Item], ...] = (
    Column("name", "WORKLOAD", lambda item, _: item.name, 20, flex=1, sort=lambda item: item.name),
    Column("signal", "SIGNAL", lambda _item, _: "latency p99", 14),
    Column("recent", "RECENT", _recent, 24),
    Column("now", "NOW", lambda item, _: quantity(item.score, "seconds"), 9, right=True),
    Column("score", "RANK", lambda item, _: f"{item.score:.1f}", 5, right=True, sort=lambda item: item.score),
    Column("age", "AGE", lambda _item, _: "4m", 4, right=True),
)


class Bench(Paints):
    """One list on the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.animation_level = "none"

    def compose(self) -> ComposeResult:
        """The list."""
        yield RowList(COLUMNS, lambda item: item.id, fields=lambda item: {"name": item.name}, clock=lambda: 0.0)


def working(stop: threading.Event) -> None:
    """What a cycle does to the UI thread: numpy over 1,024 series at a time."""
    block = np.random.default_rng(2).standard_normal((1024, 35))
    while not stop.is_set():
        middle = np.median(block, axis=1, keepdims=True)
        np.median(np.abs(block - middle), axis=1)


def busy() -> Iterator[str]:
    """Once idle, once while a thread works."""
    yield "idle"
    stop = threading.Event()
    thread = threading.Thread(target=working, args=(stop,), daemon=True)
    thread.start()
    yield "busy"
    stop.set()
    thread.join()


async def grow(app: Bench, rows: RowList[Item], data: dict[int, list[Item]]) -> dict[tuple[str, int], float]:
    """Medians of acts by number of rows, interleaved."""
    spent: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for count in COUNTS:
            acts: dict[str, Callable[[], object]] = {
                "fill": partial(rows.replace, data[count]),
                "sort": partial(rows.sort_by, "score", descending=True),
                "unsort": partial(rows.sort_by, None),
                "top": rows.action_top,
                "page": partial(rows.action_page, 1),
                "filter": partial(rows.filter, parse("name:service-0007")),
                "unfilter": partial(rows.filter, parse("")),
            }
            for name, act in acts.items():
                spent.setdefault((name, count), []).append(await app.painted(act))
    return {what: median(found) for what, found in spent.items()}


async def lists() -> dict[tuple[str, int], float]:
    """Prints the table of the list; returns the medians that the ratios are made of."""
    data = {count: items(count) for count in COUNTS}
    app = Bench()
    async with app.run_test(size=SIZE):
        rows = app.query_one(RowList)
        rows.focus()
        medians = await grow(app, rows, data)
        print(f"{'key to paint, ms':24} {'down p50':>8} {'p99':>7} {'page p50':>9} {'p99':>7}")
        for count in COUNTS:
            rows.replace(data[count])
            await app.painted(rows.action_top)
            for state in busy():
                down = [press.wall for press in await moved(app, rows, "j", KEYS)]
                page = [press.wall for press in await moved(app, rows, "pagedown", KEYS)]
                print(f"{count:>12,} rows {state:6} {told(down):>16} {told(page):>17}")
                medians[f"down {state}", count] = median(down)
    return medians


def each(act: Callable[[], object], number: int) -> float:
    """Seconds of one act, the best of the rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(number):
            act()
        best = min(best, time.perf_counter() - began)
    return best / number


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    medians = asyncio.run(lists())
    found = []
    print(f"\n{'act, ms to paint':18}" + "".join(f"{count:>10,}" for count in COUNTS) + "   ratios to 1,000 rows")
    for name in ("fill", "sort", "page", "filter"):
        took = [medians[name, count] for count in COUNTS]
        ratios = "  ".join(f"{each / took[0]:.1f}x" for each in took[1:])
        print(f"{name:18}" + "".join(f"{each:>10.1f}" for each in took) + f"   {ratios}")
        found.append(Goal("G9", f"{name} {COUNTS[1]:,} rows / {COUNTS[0]:,}", took[1] / took[0], 3))
    for count in COUNTS:
        print(f"down busy / idle at {count:,}: {medians['down busy', count] / medians['down idle', count]:.2f}x")
    item = items(1)[0]
    print(f"\nsparkline, 35 points in 24 cells: {each(lambda: _recent(item, 24), 500) * 1e6:.1f} us a row")
    times = np.arange(1440, dtype=np.int64) * 60
    noise = np.random.default_rng(3).uniform(0.3, 0.5, 1440)
    picture = Picture(
        Band(times, noise, noise * 0 + 0.3, noise * 0 + 0.42), "seconds", onset=6e4, marks=(ChartMark(5e4, "x"),)
    )
    print(f"chart, 1,440 points at 92x15: {each(lambda: draw(picture, 92, 15), 5) * 1e3:.1f} ms\n")
    print(goals_table(found))
    return found


if __name__ == "__main__":
    main()
