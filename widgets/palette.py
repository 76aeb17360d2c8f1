"""What severities, states and answers look like: always a glyph, a word and a theme variable, never a colour alone.

Glyphs are of the sets that every terminal font has, one or two cells wide; styles name theme variables, so that they
follow the theme, sixteen colours and NO_COLOR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content

from detectors.model import Coverage, Severity
from storage.records import Label, Priority, Stance, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

MUTED = "$foreground-muted"
FAINT = "$foreground 35%"
"""For what is as expected beside what is not; never for words."""
EMPHASIS = "bold"
ACCENT = "bold $text-accent"
GOOD = "$text-success"
BAD = "bold $text-error"
DOUBTFUL = "$text-warning"


class Mark(NamedTuple):
    """How one state is shown."""

    glyph: str
    word: str
    style: str

    @property
    def sign(self) -> Content:
        """The glyph alone: for columns whose word stands beside it or in the preview."""
        return Content.styled(self.glyph, self.style)

    @property
    def label(self) -> Content:
        """The word in its style."""
        return Content.styled(self.word, self.style)

    @property
    def full(self) -> Content:
        """Glyph and word."""
        return Content.styled(f"{self.glyph} {self.word}", self.style)


SEVERITY: Mapping[Severity, Mark] = {
    Severity.CRITICAL: Mark("!!", "critical", BAD),
    Severity.HIGH: Mark("!", "high", BAD),
    Severity.MEDIUM: Mark("~", "medium", DOUBTFUL),
    Severity.LOW: Mark("-", "low", ""),
    Severity.INFO: Mark("·", "info", MUTED),
}

COVERAGE: Mapping[Coverage, Mark] = {
    Coverage.LIVE: Mark("●", "live", GOOD),
    Coverage.LEARNING: Mark("◐", "learning", DOUBTFUL),
    Coverage.NO_TRAFFIC: Mark("◌", "no traffic", MUTED),
    Coverage.NO_DATA: Mark("○", "no data", DOUBTFUL),
    Coverage.LEFT_OUT: Mark("÷", "left out", DOUBTFUL),
    Coverage.FORBIDDEN: Mark("#", "forbidden", BAD),
    Coverage.QUERY_ERROR: Mark("×", "query error", BAD),
    Coverage.NO_SOURCE: Mark("-", "no data source", MUTED),
    Coverage.DISABLED: Mark("=", "disabled", MUTED),
    Coverage.PLANNED: Mark("·", "planned", MUTED),
}

STANCE: Mapping[Stance, Mark] = {
    Stance.SUPPORTS: Mark("+", "supports", BAD),
    Stance.CONTRADICTS: Mark("-", "contradicts", GOOD),
    Stance.SILENT: Mark("·", "silent", MUTED),
    Stance.UNKNOWN: Mark("?", "unknown", DOUBTFUL),
}

VERDICT: Mapping[Verdict, Mark] = {
    Verdict.REAL: Mark("!", "real", BAD),
    Verdict.RECOVERED: Mark("✓", "recovered", GOOD),
    Verdict.NOISE: Mark("~", "noise", MUTED),
    Verdict.INCONCLUSIVE: Mark("?", "inconclusive", DOUBTFUL),
}

PRIORITY: Mapping[Priority, str] = {
    Priority.P1: BAD,
    Priority.P2: BAD,
    Priority.P3: DOUBTFUL,
    Priority.P4: "",
    Priority.P5: MUTED,
}
"""Styles; the word is the priority itself."""

LABEL: Mapping[Label, Mark] = {
    Label.TRUE: Mark("✓", "true", BAD),
    Label.FALSE: Mark("×", "false", GOOD),
    Label.UNSURE: Mark("?", "unsure", DOUBTFUL),
}

HEALTH: Mapping[str, Mark] = {
    "ok": Mark("●", "ok", GOOD),
    "degraded": Mark("◐", "degraded", DOUBTFUL),
    "down": Mark("×", "down", BAD),
    "connecting": Mark("…", "connecting", DOUBTFUL),
    "off": Mark("○", "off", MUTED),
}
"""By the words of `app.snapshot.Health`, a string enumeration."""

STATE: Mapping[str, Mark] = {
    "new": Mark("*", "new", ACCENT),
    "open": Mark("○", "open", EMPHASIS),
    "easing": Mark("↓", "easing", GOOD),
    "ack": Mark("●", "ack", ""),
    "held": Mark("?", "held", DOUBTFUL),
    "snoozed": Mark("z", "snoozed", MUTED),
    "muted": Mark("m", "muted", MUTED),
    "recovered": Mark("✓", "recovered", GOOD),
    "closed": Mark("×", "closed", MUTED),
}
"""By the words of `InvestigationRecord.state`, and `easing` for what is on its way out."""
