"""One line made of parts that give way by priority when the screen is narrow.

content, spots = fit([Part(plain("tocsin")), Part(plain("prom ok 42 ms"), 3, short=Part(plain("prom ok"), 1))], width)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from textual.content import Content

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Part(Struct, frozen=True):
    """A piece of a line."""

    content: Content
    priority: int = 0
    """The highest number gives way first; 0 is only ever cut off at the line's end."""
    short: Part | None = None
    """What stands for it once it gave way: shorter, and usually more important."""
    name: str = ""
    """To find it again on the line, for the mouse."""
    right: bool = False
    """At the right end of the line, after all that are not."""
    close: bool = False
    """Belongs to the part before it: one cell between them."""


class Spot(NamedTuple):
    """Where a named part ended up: cells from `start` to before `end`."""

    name: str
    start: int
    end: int


def fit(parts: Iterable[Part], width: int, gap: int = 2) -> tuple[Content, tuple[Spot, ...]]:
    """The parts on one line of at most that many cells, and where the named ones are.

    The least important part is shortened, then dropped, until the line fits; of equals the last one.
    """
    shown = [part for part in parts if part.content]
    while _cells(shown, gap) > width:
        place = max(range(len(shown)), key=lambda number: (shown[number].priority, number))
        weakest = shown[place]
        if not weakest.priority:
            break
        shown[place : place + 1] = [] if weakest.short is None else [replace(weakest.short, name=weakest.name)]
    shown.sort(key=lambda part: part.right)
    return _joined(shown, width, gap)


def spot_at(spots: Iterable[Spot], x: int) -> str:
    """Name of the part in that cell, empty between parts."""
    return next((spot.name for spot in spots if spot.start <= x < spot.end), "")


def _cells(parts: Sequence[Part], gap: int) -> int:
    return sum(part.content.cell_length + _before(number, part, gap) for number, part in enumerate(parts))


def _before(number: int, part: Part, gap: int) -> int:
    """Blank cells before a part."""
    return 0 if number == 0 else 1 if part.close else gap


def _joined(parts: Sequence[Part], width: int, gap: int) -> tuple[Content, tuple[Spot, ...]]:
    """Parts beside each other, spare cells before the first of the right ones."""
    spare = max(0, width - _cells(parts, gap))
    pieces: list[Content] = []
    spots: list[Spot] = []
    x = 0
    for number, part in enumerate(parts):
        before = _before(number, part, gap)
        if part.right:
            before, spare = before + spare, 0
        x += before
        pieces += [Content(" " * before), part.content]
        spots.append(Spot(part.name, x, x + part.content.cell_length))
        x += part.content.cell_length
    line = Content("").join(pieces).truncate(max(0, width), ellipsis=True)
    return line, tuple(spot for spot in spots if spot.name)
