"""How a judgement is put into words: one sentence with what was seen, what was expected, and the numbers behind it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from detectors.model import Views
from widgets.text import quantity, span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from detectors.catalog import Catalogue, Row
    from storage.records import AnomalyRecord

_VIEWS = ((Views.LOCAL, "the minutes before"), (Views.DAY, "a day before"), (Views.WEEK, "a week before"))
_COUNTS = {
    "requests": "requests",
    "errors": "errors",
    "observations": "requests measured",
    "count": "occurrences",
    "expected_count": "expected",
}


def seen(row: Row, observed: float, low: float, high: float) -> str:
    """`5XX error rate: 12.3 %, expected 0-1 %`."""
    subject = row.title.split(": ", 1)[-1]
    expected = span(low, high, row.unit, like=observed)
    return f"{subject}: {quantity(observed, row.unit)}, expected {expected}"


def compared_with(views: Views) -> str:
    """`compared with the minutes before and a day before`."""
    names = [text for view, text in _VIEWS if view in views]
    return f"compared with {' and '.join(names)}" if names else ""


def numbers(extra: Mapping[str, float]) -> str:
    """`1,204 requests, 148 errors`."""
    known = ((name, value) for name, value in extra.items() if name in _COUNTS and math.isfinite(value))
    return ", ".join(f"{round(value):,} {_COUNTS[name]}" for name, value in known)


def reason(catalogue: Catalogue, anomaly: AnomalyRecord) -> str:
    """One line that says why an anomaly is one."""
    try:
        row = catalogue.row(anomaly.signal)
    except KeyError:
        # A row of the engineer's own that has been taken out of the catalogue since.
        return anomaly.signal
    if Views.STATE in Views(anomaly.views):
        return f"{row.title.split(': ', 1)[-1]}: {quantity(anomaly.observed)} {row.unit}"
    return seen(row, anomaly.observed, anomaly.low, anomaly.high)
