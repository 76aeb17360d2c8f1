"""What an investigation came to: the likely causes, what was ruled out, and what to run next.

causes = CauseList(id="causes")
causes.show(case.conclusion)

@on(RowList.Opened, "#causes")                   # enter on a line
def _opened(self, event): ...event.row.detail, event.row.command...
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content

from detectors.model import Confidence
from widgets import palette
from widgets.row_list import RowList
from widgets.rows import Column
from widgets.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from storage.records import CauseRecord, Conclusion

RULED_OUT, NEXT = "not", "$"
STYLES = {Confidence.HIGH: palette.BAD, Confidence.MEDIUM: palette.DOUBTFUL, Confidence.LOW: ""}


_PLACE = re.compile(r"^kubectl ((?:--context \S+ )?(?:--namespace \S+ )?)(.*)", re.DOTALL)
"""What all commands of a case begin with, and the rest: what tells them apart comes first where room may end."""


class Line(NamedTuple):
    """One cause or one command."""

    mark: str
    """`high`, `medium`, `low`; `not` for what was ruled out; `$` for a command."""
    style: str
    text: str
    detail: str
    """What speaks for and against it, and how its points add up."""
    command: str


class CauseList(RowList[Line]):
    """Causes, best first; then what was ruled out; then commands."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        columns: tuple[Column[Line], ...] = (
            Column("sure", "SURE", lambda line, _: Content.styled(line.mark, line.style), 6),
            Column("cause", "CAUSE", self._text, 12, flex=1, middle=False),
        )
        super().__init__(columns, key=hash, empty="Not investigated yet.", id=id, classes=classes)

    def show(self, conclusion: Conclusion | None) -> None:
        """Show what a case came to; None: nothing yet."""
        self.replace(() if conclusion is None else tuple(lines(conclusion)))

    @staticmethod
    def _text(line: Line, width: int) -> Content:
        text = _PLACE.sub(r"kubectl \2 \1", line.text).rstrip() if line.command else line.text
        return Content.styled(clean(text, width, middle=False), palette.MUTED if line.mark == RULED_OUT else "")


def lines(conclusion: Conclusion) -> Iterator[Line]:
    """Its causes and commands, as lines."""
    for cause in conclusion.causes:
        yield Line(cause.confidence.value, STYLES[cause.confidence], cause.title, reasons(cause), "")
    if not conclusion.causes:
        yield Line("-", palette.MUTED, "No cause stands out in what could be seen.", "\n".join(conclusion.unknown), "")
    for command in conclusion.commands:
        yield Line(NEXT, palette.ACCENT, command, "What to run next.", command)
    for titles, causes in ruled_out(conclusion):
        yield Line(RULED_OUT, palette.MUTED, titles, "\n\n".join(map(reasons, causes)), "")


def ruled_out(conclusion: Conclusion) -> Iterator[tuple[str, Sequence[CauseRecord]]]:
    """What was considered and does not hold, in a line for each reason; with the causes that it is about."""
    groups: dict[tuple[str, ...], list[CauseRecord]] = {}
    for cause in conclusion.ruled_out:
        groups.setdefault(cause.contradicts, []).append(cause)
    for why, causes in groups.items():
        yield f"{', '.join(cause.title for cause in causes)}: {'; '.join(why)}".removesuffix(": "), causes


def reasons(cause: CauseRecord) -> str:
    """What speaks for and against a cause, and its sum of points."""
    told = [f"+ {text}" for text in cause.supports] + [f"- {text}" for text in cause.contradicts]
    told += [f"? {text}" for text in cause.unknown]
    if cause.sum:
        told += ["", f"{cause.points} points: " + ", ".join(f"{why} {worth:+d}" for why, worth in cause.sum)]
    return "\n".join(told)
