"""The coverage matrix as Markdown, for a ticket or a wiki: `tocsin coverage --markdown` and the screen's clipboard."""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from app.coverage import price, status_of
from app.findings import instant
from widgets.text import NOTHING, clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from detectors.catalog import Row
    from detectors.model import Coverage
    from storage.records import CoverageRecord

HEADINGS = ("signal", "status", "live", "learning", "silent", "fed by", "last fired", "query", "why")


def matrix(cluster: str, at: float | None, records: Sequence[CoverageRecord], rows: Mapping[str, Row]) -> str:
    """One table per group of issues, in the order of the records; a group that the catalogue does not know is `Other`.

    Args:
        cluster: Its name.
        at: Unix seconds of the cycle that it tells of; None when not known.
        records: The matrix.
        rows: The catalogue's rows by id.
    """
    counts = Counter(record.status for record in records)
    lines = [f"# Coverage of {escaped(cluster)}", ""]
    lines += [f"As of {instant(at) or 'a cycle of unknown time'}: {_told(counts)}.", ""]
    for group, members in groupby(records, key=lambda record: _group(record, rows)):
        lines += [f"## {escaped(group)}", "", *table(HEADINGS, (_cells(record) for record in members)), ""]
    return "\n".join(lines)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; cells may be hostile."""
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(map(escaped, row))} |"


def escaped(text: str) -> str:
    """One line of text that Markdown neither formats nor links, and that does not end its cell."""
    return re.sub(r"([\\`*_\[\]<>|~&!])", r"\\\1", clean(text))


def _told(counts: Counter[Coverage]) -> str:
    return ", ".join(f"{number} {status}" for status, number in counts.most_common()) or "no cycle has run yet"


def _group(record: CoverageRecord, rows: Mapping[str, Row]) -> str:
    known = rows.get(record.signal)
    return known.group if known else "Other"


def _cells(record: CoverageRecord) -> tuple[str, ...]:
    why = "; ".join(filter(None, (record.detail, record.thinned and f"thinned: {record.thinned}")))
    fired, fed = instant(record.last_fired) or "never", ", ".join(record.conventions) or NOTHING
    numbers = (str(number) for number in (record.live, record.learning, record.silent))
    return record.signal, status_of(record), *numbers, fed, fired, price(record) or NOTHING, why or NOTHING
