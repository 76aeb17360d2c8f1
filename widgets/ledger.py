"""The ledger of an investigation: what was looked at, what it says about the suspected cause, and how to ask again.

ledger = Ledger(id="ledger")
ledger.show(case.evidence, zone)
ledger.border_title = tally(case.evidence)      # 'Evidence  for 3  against 2  unknown 1'

@on(Ledger.SourceAsked)                          # enter on a line
def _source(self, event): ...event.record.source...
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual.content import Content

from storage.records import EvidenceRecord, Stance
from widgets import palette
from widgets.message import WidgetMessage
from widgets.row_list import RowList
from widgets.rows import Column
from widgets.text import clock, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORDS = {Stance.SUPPORTS: "for", Stance.CONTRADICTS: "against", Stance.SILENT: "silent", Stance.UNKNOWN: "unknown"}
_ORDER = list(Stance)


def tally(evidence: Iterable[EvidenceRecord]) -> Content:
    """How much speaks for and against the cause; a missing source is counted apart, it is no evidence of health."""
    counts = Counter(record.stance for record in together(evidence))
    told = [f"{word} {counts[stance]}" for stance, word in _WORDS.items() if counts[stance]]
    return Content("  ".join(["Evidence", *told]))


def together(evidence: Iterable[EvidenceRecord]) -> list[EvidenceRecord]:
    """Each thing once: of what one question told again and again the newest, and nothing that another line says, too.

    All conventions that do not see a thing at one time are one line: of many, most see something else. Its source has a
    line for each of them.
    """
    groups: dict[tuple[object, ...], list[EvidenceRecord]] = {}
    for record in _said_once(_newest(evidence)):
        key = (record.recorded, None) if record.unseen else (None, record.id)
        groups.setdefault((record.unseen, *key), []).append(record)
    return [_joined(group) for group in groups.values()]


def _newest(evidence: Iterable[EvidenceRecord]) -> list[EvidenceRecord]:
    """One line of what detectors saw for each question that they asked: two rows may ask the same."""
    found: dict[tuple[object, ...], EvidenceRecord] = {}
    for record in evidence:
        counted = record.anomaly is not None and record.source
        key = (record.step, record.convention, record.source, record.stance) if counted else (record.id,)
        if key not in found or found[key].recorded < record.recorded:
            found[key] = record
    return list(found.values())


def _said_once(evidence: Sequence[EvidenceRecord]) -> list[EvidenceRecord]:
    """Without the clues that repeat another one, and tell less of the cause than it does."""
    said: dict[tuple[object, ...], EvidenceRecord] = {}
    for record in evidence:
        said.setdefault((record.step, record.text, record.stance, record.at) if record.clue else (record.id,), record)
    kept = list(said.values())
    spoken = [line for line in kept if line.clue]
    return [line for line in kept if not line.clue or not any(_says(other, line) for other in spoken)]


def _says(other: EvidenceRecord, line: EvidenceRecord) -> bool:
    """Whether another line says the same and more of one instant."""
    if line.stance is not Stance.SILENT or (line.step, line.at) != (other.step, other.at):
        return False
    return line.text in other.text and (line.text != other.text or other.stance is not Stance.SILENT)


def _joined(records: list[EvidenceRecord]) -> EvidenceRecord:
    first, *others = records
    if not others:
        return first
    names = list(dict.fromkeys(record.convention for record in records))
    if not names[1:]:
        return first
    text = f"{', '.join(names[:-1])} and {names[-1]} do not see it"
    source = "\n".join(record.source for record in records)
    return replace(first, text=text, source=source, convention=", ".join(names))


class Ledger(RowList[EvidenceRecord]):
    """Evidence, one line each."""

    class SourceAsked(WidgetMessage):
        """The query or command behind a line is wanted."""

        def __init__(self, control: Ledger, record: EvidenceRecord) -> None:
            super().__init__(control)
            self.record = record

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        self._zone: tzinfo = UTC
        columns: tuple[Column[EvidenceRecord], ...] = (
            Column(
                "stance",
                " ",
                lambda record, _: palette.STANCE[record.stance].sign,
                1,
                sort=lambda record: _ORDER.index(record.stance),
            ),
            Column("step", "STEP", lambda record, _: plain(record.step, style=palette.MUTED), 8, priority=3, limit=8),
            Column("text", "EVIDENCE", lambda record, _: record.text, 12, flex=1, middle=False),
            Column("value", "VALUE", lambda record, _: record.value, 10, right=True, priority=2),
            Column(
                "at", "AT", lambda record, _: clock(record.at, self._zone), 5, priority=4, sort=lambda record: record.at
            ),
        )
        super().__init__(
            columns, lambda record: record.id, empty="Nothing has been looked at yet.", id=id, classes=classes
        )

    def show(self, evidence: Iterable[EvidenceRecord], zone: tzinfo = UTC) -> None:
        """Show these lines, times in that zone."""
        self._zone = zone
        self.replace(together(evidence))

    def action_open(self) -> None:
        """Ask for the source of the line under the cursor."""
        if (record := self.highlighted) is not None:
            self.post_message(self.SourceAsked(self, record))
