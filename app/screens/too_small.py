"""Below the smallest size: say so, and swallow every key, since nobody should act on what cannot be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult


class TooSmall(ModalScreen[None]):
    """A notice that goes when the terminal grows."""

    DEFAULT_CSS = """
    TooSmall { align: center middle; background: $background; }
    TooSmall Static { width: auto; text-align: center; color: $text-warning; }
    """

    def __init__(self, columns: int, rows: int, *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self._least = (columns, rows)

    def compose(self) -> ComposeResult:
        """How large it has to be."""
        yield Static(Content(f"Too small\nTocsin needs {self._least[0]}x{self._least[1]}\nctrl+q quits"))

    def on_key(self, event: events.Key) -> None:
        """Swallow it."""
        event.stop()
        event.prevent_default()
