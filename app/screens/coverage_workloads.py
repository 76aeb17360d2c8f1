"""The coverage matrix by workload: its columns, what its filter sees and what is told of a line, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from app.coverage_markdown import escaped, table
from app.screens.coverage_rows import MEANING
from app.screens.inbox_rows import short_title
from app.workload_coverage import RANK, signals_of
from detectors.model import Coverage
from widgets import palette
from widgets.rows import Column
from widgets.text import clean, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.snapshot import Face, Snapshot, WorkloadLine
    from detectors.catalog import Row
    from storage.records import CoverageRecord

HEADS = {
    "HTTP server": "HTTP",
    "External HTTP dependencies": "HDEP",
    "Database": "DB",
    "General server (all protocols)": "SERV",
    "External dependencies (all protocols)": "DEPS",
    "Pod failures": "PODS",
    "Probes": "PROB",
    "Scheduling": "SCHD",
    "Service resource usage": "USE",
    "Kubernetes events": "EVNT",
    "Beyond the matrix": "MORE",
}
"""The heads of narrow columns; the explanation beside the matrix has the names in full."""
WIDTH = 4
"""Cells of a column that shows a glyph."""
GROUP = 23
"""Cells for a group's name beside its head."""
UNLISTED = "Named by metrics alone: a scrape job, or a service that is called like no object here"
"""What is told of a line whose workload the Kubernetes API does not list."""
EXPECTED = frozenset({Coverage.LIVE, Coverage.NO_TRAFFIC})
"""Answers that need no reason."""


def columns(groups: Sequence[str]) -> tuple[Column[WorkloadLine], ...]:
    """The workload, then a glyph for each group; on narrow screens the last groups give way."""
    return (
        Column("workload", "WORKLOAD", lambda line, _: line.title, 18, flex=1, sort=lambda line: line.title),
        *(_column(group, place) for place, group in enumerate(groups, 1)),
    )


def _column(group: str, place: int) -> Column[WorkloadLine]:
    return Column(
        group,
        _head(group),
        lambda line, _: palette.COVERAGE[line.worst[group]].sign,
        WIDTH,
        priority=place,
        sort=lambda line: RANK[line.worst[group]],
    )


def fields(line: WorkloadLine) -> dict[str, str]:
    """What a filter sees."""
    return {
        "workload": line.title,
        "namespace": line.namespace,
        "kind": line.kind,
        "status": " ".join(dict.fromkeys(line.worst.values())),
    }


def explanation(
    line: WorkloadLine, face: Face, snapshot: Snapshot, rows: Mapping[str, Row]
) -> Iterator[tuple[str, Content]]:
    """Every signal of a workload, the worst first: its answer, and whose it is with the reason.

    Signals of one group that have the same answer for the same reason are told together.
    """
    if line.excluded:
        yield _word(Coverage.DISABLED), plain(line.excluded)
        return
    records = {record.signal: record for record in snapshot.coverage}
    told: dict[tuple[Coverage, str, str], list[str]] = {}
    for signal, status in signals_of(face, line):
        known = rows.get(signal)
        why = "" if status in EXPECTED else f": {_reason(status, records.get(signal))}"
        head, title = (_head(known.group), short_title(known.title)) if known else ("", signal)
        told.setdefault((status, head, why), []).append(title)
    for (status, head, why), titles in told.items():
        text = f"{head} {', '.join(titles)}".strip()
        yield _word(status), Content.assemble(plain(text), plain(why, style=palette.MUTED))


def _reason(status: Coverage, record: CoverageRecord | None) -> str:
    """The row's own words are about the whole cluster: they hold for a workload that fares as the row does."""
    if status is Coverage.LEFT_OUT and record is not None and record.thinned:
        return record.thinned
    if record is not None and record.status is status and record.detail:
        return record.detail
    return "nothing here measures it" if status is Coverage.NO_SOURCE else MEANING[status]


def kind(line: WorkloadLine) -> Content:
    """What a line is."""
    return plain(line.kind if line.listed else UNLISTED, style=palette.MUTED)


def _word(status: Coverage) -> str:
    mark = palette.COVERAGE[status]
    return f"{mark.glyph} {mark.word}"


def legend(line: WorkloadLine) -> Content:
    """The groups with their heads, and the worst of each."""
    return Content("\n").join(
        Content.assemble(palette.COVERAGE[status].sign, f" {_head(group):<{WIDTH}} ", clean(group, GROUP, middle=False))
        for group, status in line.worst.items()
    )


def _head(group: str) -> str:
    return HEADS.get(group, group[:WIDTH].upper())


def markdown(face: Face, cluster: str) -> str:
    """The matrix as one table, its answers in words."""
    rows = ((line.title, *(line.worst[group] for group in face.groups)) for line in face.lines)
    heads = ("workload", *map(escaped, face.groups))
    return "\n".join((f"# Coverage of {escaped(cluster)} by workload", "", *table(heads, rows), ""))
