"""The border for hostile text, and how values, ages and times are written.

Names, messages and labels come from whoever can write to the cluster. `clean` turns them into one harmless line of
text, `plain` and `multi` into Textual content that is never parsed as markup; no other module shows such text raw.

    Static(plain(event.message))                 # one line, whole
    panel.border_title = plain(entity.title, 40)  # Textual parses a bare str as markup
    quantity(2.41, "seconds")                    # '2.41 s'
    span(0.30, 0.42, "seconds")                  # '0.30-0.42 s'
    age(now - onset)                             # '4m'
"""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len, set_cell_size
from textual.content import Content

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

ELLIPSIS = "…"
NOTHING = "-"
"""Shown for a value that does not exist; never an empty cell, never a zero."""
LONGEST = 4096
"""Characters of one text that are looked at: a screen shows fewer, a log line may have millions."""


def _visible(character: str) -> str:
    """One harmless character for one character, so that positions in a text stay what they were."""
    if character.isprintable():
        return character
    code = ord(character)
    if character == "\n":
        return "↵"
    if character == "\t" or unicodedata.category(character) == "Zs":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"


def clean(text: str, width: int | None = None, *, middle: bool = True) -> str:
    """One line without control characters, escapes, bidirectional overrides or invisible characters.

    They are made visible (`ESC` as `␛`, a newline as `↵`, all others as `�`), not dropped: an attempt should be seen.
    Accepts lone surrogates. With a width in cells, longer text loses its middle (names differ at both ends) or its end.
    """
    shown = text[:LONGEST].rstrip("\r\n")
    if not shown.isprintable():
        shown = "".join(map(_visible, shown))
    return shown if width is None else shorten(shown, width, middle=middle)


def shorten(text: str, width: int, *, middle: bool = True) -> str:
    """Printable text in at most that many cells, an ellipsis standing for what was left out."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    if not middle or width < 5:
        return set_cell_size(text, width - 1).rstrip() + ELLIPSIS
    tail = (width - 1) // 2
    return set_cell_size(text, width - 1 - tail).rstrip() + ELLIPSIS + _last_cells(text, tail)


def _last_cells(text: str, width: int) -> str:
    """The end of a text, in at most that many cells."""
    end = text[-width:]
    while cell_len(end) > width:
        end = end[1:]
    return end


def plain(text: str, width: int | None = None, style: str = "") -> Content:
    """Hostile text as one line of content: never markup, optionally shortened and in one style (`$text-error bold`)."""
    return Content.styled(clean(text, width), style)


def harmless(content: Content) -> Content:
    """Content that somebody else made, as one line without control characters; its styles stay where they were."""
    text = content.plain
    if text.isprintable():
        return content
    return Content("".join(map(_visible, text)), list(content.spans))


def multi(text: str, lines: int = 500) -> Content:
    """Hostile text of several lines as content; at most that many lines, the rest is counted."""
    found = text.splitlines()
    shown = [clean(line) for line in found[:lines]]
    if len(found) > lines:
        shown.append(f"{ELLIPSIS} {len(found) - lines} more lines")
    return Content("\n".join(shown))


class Scale(NamedTuple):
    """How numbers of one size are written: divided, with a suffix."""

    divisor: float
    suffix: str


_SECONDS = (
    Scale(86400.0, "d"),
    Scale(3600.0, "h"),
    Scale(60.0, "min"),
    Scale(1.0, "s"),
    Scale(1e-3, "ms"),
    Scale(1e-6, "µs"),
)
_BYTES = (Scale(2.0**40, "TiB"), Scale(2.0**30, "GiB"), Scale(2.0**20, "MiB"), Scale(2.0**10, "KiB"), Scale(1.0, "B"))
_COUNTS = (Scale(1e9, "G"), Scale(1e6, "M"), Scale(1e3, "k"), Scale(1.0, ""))
_MINUTES_FROM = 120.0
"""Seconds above which a duration is told in minutes or more: 90 s is easier to compare with 60 s than 1.5 min."""


def _pick(scales: tuple[Scale, ...], size: float) -> Scale:
    """The largest scale that leaves the number at 1 or more, else the smallest."""
    return next((scale for scale in scales if size >= scale.divisor), scales[-1])


def _scale(size: float, unit: str) -> Scale:
    """How a number of that size is written in a unit of the catalogue (`seconds`, `ratio (0..1) of requests`, ...)."""
    if unit.startswith("second"):
        if size == 0:
            return Scale(1.0, "s")
        return _pick(_SECONDS if size >= _MINUTES_FROM else _SECONDS[3:], size)
    if unit.startswith(("ratio", "share")):
        return Scale(0.01, "%")
    rate = "/s" if unit.endswith("per second") else ""
    if unit.startswith("byte"):
        scale = _pick(_BYTES, size)
        return Scale(scale.divisor, scale.suffix + rate)
    scale = _pick(_COUNTS, size)
    return Scale(scale.divisor, scale.suffix + rate)


def _written(value: float, scale: Scale) -> str:
    """A finite number in a scale: three significant digits, percentages with one decimal, whole numbers stay whole."""
    number = value / scale.divisor
    size = abs(number)
    if size < 1e-3 or size >= 1e6:
        return "0" if number == 0 else f"{number:.2g}"
    if scale.suffix == "%" and size >= 0.1:
        return f"{number:.1f}".removesuffix(".0")
    if number == int(number):
        return str(int(number))
    decimals = max(0, 2 - math.floor(math.log10(size))) if size >= 1 else 2 if size >= 0.1 else 3
    return f"{number:.{decimals}f}"


def quantity(value: float, unit: str = "") -> str:
    """A value with its unit in a form for people: `1.23 s`, `310 ms`, `4.1 %`, `182 k/s`, `1.5 GiB`.

    Args:
        value: In the unit's base: seconds, bytes, a ratio as 0..1. NaN is `-`, infinity `∞`.
        unit: A unit of the catalogue; only its beginning and a trailing `per second` matter.
    """
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    scale = _scale(abs(value), unit)
    return f"{_written(value, scale)} {scale.suffix}".rstrip()


def alike(values: Sequence[float], unit: str = "") -> list[str]:
    """Finite values in one scale, that of the largest, as an axis needs them: `['0.5 s', '1 s', '1.5 s']`."""
    scale = _scale(max((abs(value) for value in values), default=0.0), unit)
    return [f"{_written(value, scale)} {scale.suffix}".rstrip() for value in values]


def span(low: float, high: float, unit: str = "", like: float = math.nan) -> str:
    """An expected range with its unit once: `0.30-0.42 s`; one-sided as `>= 2 s` or `<= 2 s`; unknown as `-`.

    Args:
        low: Lower end in the unit's base, minus infinity or NaN where there is none.
        high: Upper end.
        unit: As in `quantity`.
        like: A value shown beside it: where it is larger the range is told in its scale, so that the two compare.
    """
    ends = [end for end in (low, high) if math.isfinite(end)]
    if not ends:
        return NOTHING
    scale = _scale(max(abs(number) for number in (*ends, like) if math.isfinite(number)), unit)
    written = [_written(end, scale) for end in ends]
    if len(ends) == 2:
        joint = " to " if any(end.startswith("-") for end in written) else "-"
        sign = joint.join(dict.fromkeys(written))
    else:
        sign = f">= {written[0]}" if math.isfinite(low) else f"<= {written[0]}"
    return f"{sign} {scale.suffix}".rstrip()


_AGES = (Scale(86400.0, "d"), Scale(3600.0, "h"), Scale(60.0, "m"), Scale(1.0, "s"))


def age(seconds: float | None) -> str:
    """How long ago, in at most four cells for anything up to 999 days: `30s`, `4m`, `1h`, `2d`; the future is `0s`."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    size = max(0.0, seconds)
    scale = _pick(_AGES, size)
    return f"{int(size // scale.divisor)}{scale.suffix}"


def clock(at: float | None, zone: tzinfo = UTC, *, seconds: bool = False) -> str:
    """The time of day of a unix time in a zone: `12:41`, or `12:41:07`."""
    return _local(at, zone, lambda when: when.strftime("%H:%M:%S" if seconds else "%H:%M"))


def stamp(at: float | None, now: float, zone: tzinfo = UTC) -> str:
    """The time of day, with the date where it is not today's: `12:41`, `03-14 12:41`, `2023-03-14 12:41`."""

    def written(when: datetime) -> str:
        today = datetime.fromtimestamp(now, zone)
        if when.date() == today.date():
            return when.strftime("%H:%M")
        return when.strftime("%m-%d %H:%M" if when.year == today.year else "%Y-%m-%d %H:%M")

    return _local(at, zone, written)


def zone_name(at: float, zone: tzinfo = UTC) -> str:
    """The zone's short name at that time: `UTC`, `CEST`."""
    return _local(at, zone, lambda when: clean(when.tzname() or ""))


def _local(at: float | None, zone: tzinfo, write: Callable[[datetime], str]) -> str:
    """A written local time; `-` for what is not an instant in the years 1 to 9999."""
    if at is None:
        return NOTHING
    try:
        return write(datetime.fromtimestamp(at, zone))
    except (OverflowError, ValueError, OSError):
        return NOTHING
