"""The workloads' list as data: its columns, what its filter sees, and what is told of a line."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from textual.content import Content

from app.baselines.shown import CELLS, HEADLINES, OUTSIDE, Reading
from detectors.model import Coverage
from widgets import palette
from widgets.rows import Column
from widgets.sparkline import from_levels
from widgets.text import NOTHING, plain, quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from app.baselines.shown import Headline, Line

    CaseOf = Callable[[Line], int | None]
    """The number of a workload's open case."""

SPARK = 5
"""The fewest cells of a sparkline."""
FOUND = "!"
"""Before a value that is out of band, so that it is told apart without colours too."""


def columns(case: CaseOf) -> tuple[Column[Line], ...]:
    """The workload, its headline signals, the worst score, the open case; the last signals give way first."""
    return (
        Column("workload", "WORKLOAD", lambda line, _: line.title, 18, flex=3, limit=44, sort=lambda line: line.title),
        Column("env", "ENV", lambda line, _: line.environment, 7, flex=1, limit=12, priority=4,
               sort=lambda line: line.environment),
        *(_column(headline, place) for place, headline in enumerate(HEADLINES)),
        Column("score", "SCORE", lambda line, _: score_cell(line.worst), 5, right=True, descending=True,
               sort=lambda line: line.worst.score if line.worst else None),
        Column("case", "CASE", lambda line, _: _number(case(line)), 5, right=True, priority=1, passing=True,
               sort=case, descending=True),
    )  # fmt: skip


def _column(headline: Headline, place: int) -> Column[Line]:
    return Column(
        headline.id,
        headline.title.upper(),
        lambda line, width: reading_cell(line.readings[place], width, headline.width),
        SPARK + 1 + headline.width,
        flex=2,
        limit=CELLS + 1 + headline.width,
        priority=place + 2,
        sort=lambda line: line.readings[place].score,
        descending=True,
    )


def _number(case: int | None) -> str:
    return "" if case is None else f"#{case}"


def reading_cell(reading: Reading, width: int, value: int) -> Content:
    """Sparkline and value, or why there is neither; `value` cells are the value's."""
    if reading.status is Coverage.NO_SOURCE:
        return palette.COVERAGE[reading.status].sign
    if reading.status is not Coverage.LIVE:
        return palette.COVERAGE[reading.status].full
    mark, style = (FOUND, palette.BAD) if reading.out else (" ", _style(reading))
    text = quantity(reading.value, reading.unit).rjust(value)
    return Content.assemble(spark(reading.levels, width - value - 1), (f"{mark}{text}", style))


@lru_cache(maxsize=4096)
def spark(levels: bytes, width: int) -> Content:
    """Made once: every cycle draws all lines on the screen anew, and most are as they were."""
    return from_levels([level & ~OUTSIDE for level in levels], [level >= OUTSIDE for level in levels], max(0, width))


def score_cell(reading: Reading | None) -> Content:
    """How far it is from its band."""
    if reading is None or reading.score != reading.score:
        return Content.styled(NOTHING, palette.MUTED)
    return Content.styled(f"{reading.score:.1f}", _style(reading))


def _style(reading: Reading) -> str:
    """A score past the threshold that is no finding is doubtful: it did not last, or no test bears it out."""
    return palette.BAD if reading.out else palette.DOUBTFUL if reading.score >= 1 else ""


def fields(line: Line) -> dict[str, str]:
    """What a filter sees."""
    out = [headline.id for headline, reading in zip(HEADLINES, line.readings, strict=True) if reading.out]
    return {
        "workload": line.title,
        "namespace": line.namespace,
        "env": line.environment,
        "kind": line.kind,
        "status": " ".join(dict.fromkeys(reading.status for reading in line.readings)),
        "out": " ".join(out),
    }


def explanation(line: Line, names: int) -> Iterator[Content]:
    """Each headline signal in a line, of which the first cells are its name's."""
    if line.excluded:
        yield plain(line.excluded, style=palette.MUTED)
        return
    for headline, reading in zip(HEADLINES, line.readings, strict=True):
        name = plain(headline.title.ljust(names), style=palette.MUTED)
        shown = quantity(reading.value, reading.unit) if reading.levels else ""
        yield Content.assemble(name, " ", spark(reading.levels, CELLS) if reading.levels else " " * CELLS,
                               f" {shown:>10}  ", verdict(reading))  # fmt: skip


def verdict(reading: Reading) -> Content:
    """How it is against its band, in words."""
    if reading.status is not Coverage.LIVE:
        return palette.COVERAGE[reading.status].full
    score = "" if reading.score != reading.score else f"  {reading.score:.1f}"
    if reading.out:
        return Content.styled(f"{FOUND} out of band{score}", palette.BAD)
    if reading.score >= 1:
        return Content.styled(f"~ past its threshold, not found{score}", palette.DOUBTFUL)
    return Content.assemble(("● in band", palette.GOOD), score)


def summary(lines: Sequence[Line]) -> str:
    """How many there are, and how many of them are not well or not judged."""
    counts: Counter[str] = Counter()
    for line in lines:
        worst = line.worst
        counts["out of band"] += worst is not None and worst.out
        counts["not judged"] += worst is None
    more = [f"{number} {word}" for word, number in counts.items() if number]
    return "  ".join([f"{len(lines)} workloads", *more])
