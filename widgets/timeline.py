"""What happened around an investigation, in the order it happened, whatever told of it.

timeline.show(case.timeline, now=snapshot.now, zone=zone, onset=case.investigation.onset)
"""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from storage.records import TimelineEntry
from widgets import palette
from widgets.row_list import RowList
from widgets.rows import Column
from widgets.text import plain, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual.content import Content

ONSET = TimelineEntry(0.0, "onset", "the first value out of band")

STYLES = {"onset": palette.BAD, "anomaly": palette.BAD, "warning": palette.DOUBTFUL, "rollout": palette.ACCENT}
SHORTEST = len("12:41")
"""Cells of a time of today."""


class Timeline(RowList[TimelineEntry]):
    """Dated entries, oldest first, with a line where it began."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        self._zone: tzinfo = UTC
        self._now = 0.0
        self._titles: Mapping[str, str] = {}
        columns: tuple[Column[TimelineEntry], ...] = (
            Column(
                "at",
                "WHEN",
                lambda entry, _: stamp(entry.at, self._now, self._zone),
                SHORTEST,
                sort=lambda entry: entry.at,
                passing=True,
            ),
            Column("kind", "WHAT", self._kind, 8, priority=2, limit=8, sort=lambda entry: entry.kind),
            Column("text", "", lambda entry, _: self.told(entry), 12, flex=1, middle=False, passing=True),
        )
        super().__init__(columns, key=hash, empty="Nothing happened around it.", id=id, classes=classes)

    def show(
        self,
        entries: Iterable[TimelineEntry],
        *,
        now: float,
        zone: tzinfo = UTC,
        onset: float | None = None,
        titles: Mapping[str, str] | None = None,
    ) -> None:
        """Show these entries; dates are told where they are not today's, and signals by their titles."""
        self._zone, self._now, self._titles = zone, now, titles or {}
        begun = [] if onset is None else [TimelineEntry(onset, ONSET.kind, ONSET.text)]
        # Signals that see the same share a title: what befalls them is told once.
        said: dict[tuple[int, str, str], TimelineEntry] = {}
        for entry in sorted((*entries, *begun), key=lambda entry: entry.at):
            said.setdefault((int(entry.at // 60), entry.kind, self.told(entry)), entry)
        shown = list(said.values())
        self.fit_column("at", max((len(stamp(entry.at, now, zone)) for entry in shown), default=SHORTEST))
        self.replace(shown)

    def told(self, entry: TimelineEntry) -> str:
        """An entry in words, without its kind."""
        text = entry.text.removeprefix(f"{entry.kind} ")
        signal, space, rest = text.partition(" ")
        return f"{self._titles.get(signal, signal)}{space}{rest}"

    @staticmethod
    def _kind(entry: TimelineEntry, width: int) -> Content:
        return plain(entry.kind, width, STYLES.get(entry.kind, palette.MUTED))
