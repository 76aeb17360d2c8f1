"""The inbox's columns and what its filter sees of a row, as data."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from textual.content import Content

from detectors.model import Views
from detectors.words import noun
from storage.records import Lifecycle
from widgets import palette
from widgets.rows import Column
from widgets.sparkline import sparkline
from widgets.text import NOTHING, age, clean, plain, quantity, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from app.snapshot import InboxRow
    from storage.records import AnomalyRecord, InvestigationRecord

HIDDEN_STATES = frozenset({"snoozed", "muted", "closed"})
"""Not in the inbox unless asked for: they were dealt with."""
EASING = "easing"
"""The state of a case that is back in band, but not yet for long enough to be over."""
SHORT_UNITS = {"containers": "ctrs", "instances": "inst"}
"""Of counts, for a column of eight cells."""


def short_title(title: str) -> str:
    """A signal's title without its group: the list has little room."""
    return title.rpartition(": ")[2]


def signal_cell(row: InboxRow, width: int) -> str:
    """What is wrong, and how many other signals say so too."""
    others = row.investigation.anomalies - 1
    more = f" +{others}" if others > 0 else ""
    return clean(short_title(row.investigation.title), width - len(more), middle=False) + more


def workload_cell(row: InboxRow, width: int) -> str:
    """Where it is, and how many other cases are consequences of it."""
    more = f" +{row.consequences}" if row.consequences else ""
    return clean(row.investigation.entity.title, width - len(more)) + more


def spark_cell(row: InboxRow, width: int) -> Content:
    """The last values against their band; object states have none."""
    return _spark(row.worst.band, width, is_over(row)) if row.worst.band else Content.styled(NOTHING, palette.MUTED)


@lru_cache(maxsize=1024)
def _spark(band: bytes, width: int, over: bool) -> Content:
    """Made once for each band: every snapshot draws all lines on the screen anew, and most bands are the same."""
    from detectors.series import Band

    shown = Band.from_bytes(band)
    return sparkline(shown.values, shown.low, shown.high, width, over=over)


def label_cell(row: InboxRow) -> Content:
    """The label, once there is one."""
    label = row.investigation.label
    return palette.LABEL[label].sign if label else Content("")


def priority_cell(row: InboxRow) -> Content:
    """How soon somebody has to look, once that is known."""
    priority = row.investigation.priority
    if priority is None:
        return Content.styled(NOTHING, palette.MUTED)
    return Content.styled(priority.value, palette.MUTED if is_over(row) else palette.PRIORITY[priority])


def verdict_cell(row: InboxRow) -> Content:
    """What the investigation came to, once it has."""
    verdict = row.investigation.verdict
    return palette.VERDICT[verdict].label if verdict else Content.styled(NOTHING, palette.MUTED)


def verdict_sign(row: InboxRow) -> Content:
    """The same where there is room for a glyph only."""
    verdict = row.investigation.verdict
    return palette.VERDICT[verdict].sign if verdict else Content.styled(NOTHING, palette.MUTED)


def is_over(row: InboxRow) -> bool:
    """Whether it has ended: shown, but quietly."""
    return row.investigation.lifecycle is not Lifecycle.OPEN


def state_of(word: str, anomalies: Iterable[AnomalyRecord]) -> str:
    """The one word shown of a case in a state: where nobody has taken it, `easing` says more than new or open."""
    living = [anomaly for anomaly in anomalies if anomaly.closed is None]
    return EASING if word in {"new", "open"} and living and all(each.easing for each in living) else word


def shown_state(row: InboxRow) -> str:
    """The word for a row."""
    return state_of(row.state, (row.worst,))


def ending(record: InvestigationRecord, last_seen: float) -> float | None:
    """When it was last out of band; it counts as over only some evaluations later. None while it lasts."""
    return None if record.ended is None else min(record.ended, last_seen)


def lasting(record: InvestigationRecord, last_seen: float, now: float) -> float:
    """Seconds from its onset to the last value out of band, or to now."""
    end = ending(record, last_seen)
    return (now if end is None else end) - record.onset


def severity_cell(row: InboxRow) -> Content:
    """How much it matters, or did."""
    sign = palette.SEVERITY[row.investigation.severity].sign
    return Content.styled(sign.plain, palette.MUTED) if is_over(row) else sign


def is_state(anomaly: AnomalyRecord) -> bool:
    """Whether it is an object's state: counted, not measured."""
    return bool(anomaly.views & Views.STATE)


def observed_cell(anomaly: AnomalyRecord) -> str:
    """What was seen: a value with its unit, or how many of what an object's state affects."""
    if not is_state(anomaly):
        return quantity(anomaly.observed, anomaly.unit)
    word = anomaly.unit.rpartition(" ")[2]
    if not word.endswith("s"):
        return NOTHING
    word = SHORT_UNITS.get(word, word)
    return f"{quantity(anomaly.observed)} {noun(anomaly.observed, word)}"


def now_cell(row: InboxRow, width: int) -> str:
    """What is seen now; of what is not seen any more what it was, where there is room for saying so."""
    seen = observed_cell(row.worst)
    if seen == NOTHING or (row.worst.present and not is_over(row)):
        return seen
    return next((text for text in (f"was {seen}", f"({seen})") if len(text) <= width), NOTHING)


def expected_cell(anomaly: AnomalyRecord) -> str:
    """What was expected, in the scale of what was seen; of a bad state none."""
    return "none" if is_state(anomaly) else span(anomaly.low, anomaly.high, anomaly.unit, anomaly.observed)


def quiet(text: Callable[[InboxRow, int], str]) -> Callable[[InboxRow, int], str | Content]:
    """A cell that steps back once the investigation is over."""

    def cell(row: InboxRow, width: int) -> str | Content:
        return plain(text(row, width), width, palette.MUTED) if is_over(row) else text(row, width)

    return cell


def columns(now: Callable[[], float]) -> Sequence[Column[InboxRow]]:
    """The columns; ages are told as of the snapshot shown."""
    return (
        Column("severity", "S", lambda row, _: severity_cell(row), 2,
               sort=lambda row: row.investigation.severity.rank, descending=True),
        Column("priority", "PR", lambda row, _: priority_cell(row), 2,
               sort=lambda row: row.investigation.priority),
        Column("pin", "P", lambda row, _: "^" if row.investigation.pinned else "", 1, priority=6),
        Column("workload", "WORKLOAD", quiet(workload_cell), 14, flex=5, limit=44,
               sort=lambda row: row.investigation.entity.title),
        Column("signal", "SIGNAL", quiet(signal_cell), 17, flex=4, limit=30, sort=lambda row: row.investigation.title),
        Column("verdict", "VERDICT", lambda row, _: verdict_cell(row), 12, priority=4,
               sort=lambda row: row.investigation.verdict,
               short=Column("verdict", "V", lambda row, _: verdict_sign(row), 1,
                            sort=lambda row: row.investigation.verdict)),
        Column("past", "RECENT", spark_cell, 11, flex=3, limit=24, priority=3),
        Column("now", "NOW", quiet(now_cell), 8, flex=1, limit=11, right=True, priority=2),
        Column("expected", "EXPECTED", quiet(lambda row, _: expected_cell(row.worst)), 14, priority=5),
        Column("score", "SCORE", quiet(lambda row, _: f"{row.investigation.score:.1f}"), 5, right=True, priority=7,
               sort=lambda row: row.investigation.score, descending=True),
        Column("age", "AGE", quiet(lambda row, _: age(lasting(row.investigation, row.last_seen, now()))), 4, right=True,
               passing=True, sort=lambda row: lasting(row.investigation, row.last_seen, now())),
        Column("label", "L", lambda row, _: label_cell(row), 1, sort=lambda row: row.investigation.label or "~"),
        Column("state", "STATE", lambda row, _: palette.STATE[shown_state(row)].label, 9, sort=shown_state),
    )  # fmt: skip


def fields(row: InboxRow) -> dict[str, str]:
    """What a filter sees."""
    record = row.investigation
    return {
        "namespace": record.entity.namespace,
        "env": record.entity.environment,
        "workload": record.entity.title,
        "kind": record.entity.kind,
        "signal": " ".join(record.signals),
        "title": record.title,
        "severity": record.severity,
        "state": " ".join(dict.fromkeys((row.state, shown_state(row)))),
        "label": record.label or "",
        "verdict": record.verdict or "",
        "priority": record.priority or "",
        "cause": record.cause,
        "id": str(record.id),
    }
