"""How a judgement is put into words: one sentence with what was seen, what was expected, and the numbers behind it."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from detectors.model import Views
from detectors.words import noun
from widgets.text import age, quantity, span

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


def seen(row: Row, observed: float, low: float, high: float, unit: str = "") -> str:
    """`5XX error rate: 12.3 %, expected 0-1 %`; the unit is the row's unless another is given."""
    subject, unit = row.title.split(": ", 1)[-1], unit or row.unit
    return f"{subject}: {quantity(observed, unit)}, expected {span(low, high, unit, like=observed)}"


def compared_with(views: Views) -> str:
    """`compared with the minutes before and a day before`."""
    names = [text for view, text in _VIEWS if view in views]
    return f"compared with {' and '.join(names)}" if names else ""


def numbers(extra: Mapping[str, float]) -> str:
    """`1,204 requests, 148 errors`."""
    known = ((name, value) for name, value in extra.items() if name in _COUNTS and math.isfinite(value))
    texts = [f"{round(value):,} {_COUNTS[name]}" for name, value in known]
    if math.isfinite(left := extra.get("seconds_to_full", math.nan)):
        texts.append(f"full in {age(left)} at this pace")
    return ", ".join(texts)


def reason(catalogue: Catalogue, anomaly: AnomalyRecord) -> str:
    """One line that says why an anomaly is one."""
    try:
        row = catalogue.row(anomaly.signal)
    except KeyError:
        # A row of the engineer's own that has been taken out of the catalogue since.
        return anomaly.signal
    if Views.STATE in Views(anomaly.views) and row.detector != "threshold-forecast":
        return f"{row.title.split(': ', 1)[-1]}: {quantity(anomaly.observed)} {noun(anomaly.observed, row.unit)}"
    return seen(row, anomaly.observed, anomaly.low, anomaly.high, anomaly.unit)


def pasted(query: str, kubeconfig: str) -> str:
    """A query as it is to be pasted: kubectl is told which file, where it would not find it by itself."""
    if not kubeconfig or not query.startswith("kubectl ") or query.startswith("kubectl --kubeconfig"):
        return query
    return f"kubectl --kubeconfig {shlex.quote(kubeconfig)} {query.removeprefix('kubectl ')}"
