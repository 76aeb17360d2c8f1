"""What is said when there is trouble, or nothing to show: what is the matter, and what to do about it.

notice.show("prometheus down for 4m: connection refused - is the port-forward still running?")   # "" hides it
panel.tell(Condition.DOWN, "prometheus", "connection refused", "tocsin doctor shows each step")
"""

from __future__ import annotations

from enum import Enum

from textual.content import Content
from textual.widgets import Static

from widgets import palette
from widgets.text import multi, plain


class Notice(Static):
    """A line below the tabs while something is the matter."""

    DEFAULT_CSS = """
    Notice { height: auto; max-height: 3; padding: 0 1; display: none; color: $text-warning; background: $panel; }
    Notice.-shown { display: block; }
    """

    _text = ""
    """What it says."""

    def show(self, text: str) -> None:
        """Say it, or nothing."""
        # Every update lays the whole screen out anew.
        if text != self._text:
            self._text = text
            self.set_class(bool(text), "-shown")
            self.update(plain(text))


class Condition(Enum):
    """Why there is nothing to show."""

    EMPTY = palette.Mark("○", "nothing here", palette.MUTED)
    LOADING = palette.Mark("…", "loading", palette.DOUBTFUL)
    ERROR = palette.Mark("×", "error", palette.BAD)
    DOWN = palette.Mark("×", "down", palette.BAD)
    FORBIDDEN = palette.Mark("#", "forbidden", palette.BAD)


class ConditionPanel(Static):
    """In the place of a list or chart that cannot be shown."""

    DEFAULT_CSS = """
    ConditionPanel { height: 1fr; width: 1fr; content-align: center middle; text-align: center; padding: 0 2; }
    """

    def tell(self, condition: Condition, what: str, detail: str = "", hint: str = "") -> None:
        """Say what it is, what is known of it, and what to do.

        Args:
            condition: Gives glyph, word and colour.
            what: The source or view it is about.
            detail: The error as it came; hostile, may have several lines.
            hint: What to do about it.
        """
        head = Content.assemble(plain(what, 60), " ", condition.value.full) if what else condition.value.full
        parts = [head, multi(detail, 8), Content.styled(multi(hint, 4).plain, palette.ACCENT)]
        self.update(Content("\n\n").join([part for part in parts if part]))
