"""The anomalies of an investigation: each signal with its recent past, what it is and what was expected.

anomalies.show(case.anomalies, now=snapshot.now, titles={"http-server-5xx-spike": "Server errors"})
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from storage.records import AnomalyRecord
from widgets import palette
from widgets.row_list import RowList
from widgets.rows import Column
from widgets.sparkline import sparkline
from widgets.text import age, quantity, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def recent(anomaly: AnomalyRecord, width: int) -> Content:
    """Its sparkline; object states have none, and a band that cannot be read is no reason to fail."""
    if not anomaly.band:
        return Content("")
    from detectors.series import Band

    try:
        band = Band.from_bytes(anomaly.band)
    except ValueError:
        return Content("")
    return sparkline(band.values, band.low, band.high, width)


class AnomalyList(RowList[AnomalyRecord]):
    """One line per anomaly, the worst first."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        self._now = 0.0
        self._titles: Mapping[str, str] = {}
        columns: tuple[Column[AnomalyRecord], ...] = (
            Column(
                "severity",
                "S",
                lambda row, _: palette.SEVERITY[row.severity].sign,
                2,
                sort=lambda row: row.severity.rank,
                descending=True,
            ),
            Column("signal", "SIGNAL", self._title, 16, flex=2, limit=32, sort=lambda row: row.signal, passing=True),
            Column(
                "entity", "WHERE", lambda row, _: row.entity.title, 14, flex=1, priority=3, sort=lambda row: row.entity
            ),
            Column("recent", "RECENT", recent, 12, flex=1, limit=24, priority=2),
            Column("observed", "NOW", self._observed, 9, right=True),
            Column("expected", "EXPECTED", self._expected, 14, right=True, priority=4),
            Column("age", "AGE", self._age, 4, right=True, priority=1, sort=lambda row: row.onset, passing=True),
            Column("state", "STATE", self._state, 6, priority=5, sort=lambda row: row.state),
        )
        super().__init__(columns, lambda row: row.id, empty="No anomalies.", id=id, classes=classes)

    def show(self, anomalies: Iterable[AnomalyRecord], *, now: float, titles: Mapping[str, str] | None = None) -> None:
        """Show these anomalies; signals without a title go by their id. Two that ask and see the same are one line."""
        self._now, self._titles = now, titles or {}
        seen: dict[tuple[object, ...], AnomalyRecord] = {}
        for each in anomalies:
            asked = each.source.query or each.id
            seen.setdefault((each.entity, asked, each.observed, each.low, each.high), each)
        self.replace(seen.values())

    def _title(self, row: AnomalyRecord, _width: int) -> str:
        return self._titles.get(row.signal, row.signal)

    @staticmethod
    def _observed(row: AnomalyRecord, width: int) -> str:
        """Of what is not seen any more, what it was."""
        seen = quantity(row.observed, row.unit)
        was = f"was {seen}"
        return seen if row.present or len(was) > width else was

    @staticmethod
    def _expected(row: AnomalyRecord, _width: int) -> str:
        return span(row.low, row.high, row.unit, row.observed)

    @staticmethod
    def _state(row: AnomalyRecord, _width: int) -> str:
        return "easing" if row.easing else row.state.value

    def _age(self, row: AnomalyRecord, _width: int) -> str:
        """How long it has been so, or was."""
        return age((self._now if row.closed is None else row.last_seen) - row.onset)
