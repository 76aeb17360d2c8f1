"""The coverage matrix by issue type: its columns, what its words mean, and what its filter sees, as data."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.coverage import partly, status_of
from app.screens.conditions import BLIND
from app.screens.inbox_rows import short_title
from detectors.model import Coverage
from widgets import palette
from widgets.rows import Column
from widgets.text import age, clean, quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from detectors.catalog import Row
    from storage.records import CoverageRecord

MEANING: dict[Coverage, str] = {
    Coverage.LIVE: "Judged in every cycle.",
    Coverage.LEARNING: "There is data, but too little of it yet for a verdict.",
    Coverage.NO_TRAFFIC: "The targets are up and nothing happens: there is nothing to judge.",
    Coverage.NO_DATA: "The metric exists, but it has no samples; this is no proof of health.",
    Coverage.LEFT_OUT: "Not asked about: it would cost more than the budget allows.",
    Coverage.FORBIDDEN: "The source refuses us: what happens here is invisible.",
    Coverage.QUERY_ERROR: "The query fails: what happens here is invisible.",
    Coverage.NO_SOURCE: "No convention present in this cluster feeds it.",
    Coverage.DISABLED: "Switched off in the settings.",
    Coverage.PLANNED: "Declared; its detector is not built yet.",
}


DETAIL = {
    Coverage.NO_SOURCE: "to see it",
    Coverage.FORBIDDEN: "missing",
    Coverage.QUERY_ERROR: "error",
}
"""What the detail of a status is; of the others just that."""
PARTLY = palette.Mark("#", "partly", palette.DOUBTFUL)
"""What is judged, though a right is missing to see all of it."""
PARTLY_MEANING = "Judged, but not by all that could tell of it: a right is missing."
NEGLIGIBLE = 0.05
"""Seconds below which a query's cost is nobody's concern."""


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One row of the matrix with the catalogue's words for it."""

    number: int
    """Its place in the matrix."""
    record: CoverageRecord
    title: str
    group: str


def merged(records: Sequence[CoverageRecord], catalogue: Mapping[str, Row]) -> list[CoverageRow]:
    """Records with titles and groups, in the catalogue's order; what it does not know comes last, told by its id."""
    places = {signal: place for place, signal in enumerate(catalogue)}
    ordered = sorted(records, key=lambda record: places.get(record.signal, len(places)))
    rows = []
    for number, record in enumerate(ordered):
        known = catalogue.get(record.signal)
        title, group = (known.title, known.group) if known else (record.signal, "")
        rows.append(CoverageRow(number, record, title, group))
    return rows


def heading(group: str, place: int, count: int, width: int) -> str:
    """What a row shows of its group's name, which runs down the group's rows: no name has to be cut for want of cells.

    Args:
        group: The name.
        place: The row's place among the rows of its group that stand together, from 0.
        count: How many these are.
        width: Cells.
    """
    lines = textwrap.wrap(group, width)
    if len(lines) > count:
        lines[count - 1] = clean(" ".join(lines[count - 1 :]), width, middle=False)
    return lines[place] if place < min(count, len(lines)) else ""


def columns(group: Callable[[CoverageRow, int], str], now: Callable[[], float]) -> Sequence[Column[CoverageRow]]:
    """The columns; `group` tells what a row shows of its group's name in that many cells."""
    order = list(Coverage)
    return (
        Column("group", "GROUP", group, 16, flex=2, limit=28, priority=2, passing=True,
               sort=lambda row: row.group),
        Column("signal", "SIGNAL",
               lambda row, width: clean(short_title(row.title), width, middle=False), 20, flex=4, limit=36,
               sort=lambda row: row.title),
        Column("status", "STATUS", lambda row, _: mark_of(row.record).full, 16,
               sort=lambda row: order.index(row.record.status)),
        Column("live", "LIVE", lambda row, _: count(row.record.live), 5, right=True, sort=lambda row: row.record.live,
               descending=True),
        Column("learning", "LEARN", lambda row, _: count(row.record.learning), 5, right=True, priority=4,
               sort=lambda row: row.record.learning, descending=True),
        Column("silent", "SILENT", lambda row, _: count(row.record.silent), 6, right=True, priority=3,
               sort=lambda row: row.record.silent, descending=True),
        Column("fed", "FED BY", lambda row, _: ", ".join(row.record.conventions) or "-", 10, flex=3, limit=30,
               priority=5),
        Column("fired", "FIRED", lambda row, _: fired(row, now()), 5, right=True, priority=1, passing=True,
               sort=lambda row: row.record.last_fired, descending=True),
    )  # fmt: skip


def mark_of(record: CoverageRecord) -> palette.Mark:
    """Sign and word of a row's status."""
    return PARTLY if partly(record) else palette.COVERAGE[record.status]


def count(number: int) -> str:
    """A number of entities; none is a dash, so that the eye finds the others."""
    return str(number) if number else "-"


def fired(row: CoverageRow, now: float) -> str:
    """How long ago it last fired."""
    return "-" if row.record.last_fired is None else age(now - row.record.last_fired)


def fields(row: CoverageRow) -> dict[str, str]:
    """What a filter sees."""
    record = row.record
    marks = {"blind": record.status in BLIND, "thinned": bool(record.thinned)}
    return {
        "group": row.group,
        "signal": f"{record.signal} {row.title}",
        "status": " ".join(dict.fromkeys((record.status, status_of(record), *filter(marks.get, marks)))),
        "fed": " ".join(record.conventions),
        "detail": record.detail,
    }


def cost(record: CoverageRecord) -> str:
    """What asking takes in every cycle, and touches."""
    facts = []
    if (seconds := record.query_seconds) is not None:
        facts.append(f"{quantity(seconds, 'seconds') if seconds >= NEGLIGIBLE else 'under 50 ms'} per cycle")
    if record.query_series is not None:
        facts.append(f"{record.query_series:,} series")
    if record.query_samples is not None:
        facts.append(f"{record.query_samples:,} samples at first")
    return ", ".join(facts)


def explanation(row: CoverageRow, now: float) -> list[tuple[str, str]]:
    """Everything known of a row, as names and texts."""
    record = row.record
    means, detail = MEANING[record.status], DETAIL.get(record.status, "detail")
    if partly(record):
        means, detail = PARTLY_MEANING, DETAIL[Coverage.FORBIDDEN]
    facts = [
        ("means", means),
        (detail, record.detail),
        ("entities", f"{record.live} live, {record.learning} learning, {record.silent} without data or traffic"),
        ("fed by", ", then ".join(record.conventions) or "nothing here"),
        ("fired", "never" if record.last_fired is None else f"{age(now - record.last_fired)} ago"),
        ("cost", cost(record)),
        ("thinned", record.thinned),
        ("id", record.signal),
    ]
    return [(name, text) for name, text in facts if text]
