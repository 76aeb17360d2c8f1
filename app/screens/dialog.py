"""What all dialogs have in common: they swallow every key but their own, and `esc` leaves without doing anything."""

from __future__ import annotations

from typing import TypeVar

from textual.binding import Binding
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer]):
    """A question or a page above the screen."""

    CSS_PATH = "dialog.tcss"
    BINDINGS = [Binding("escape,q", "leave", "Leave", id="dialog.leave", show=False)]

    def action_leave(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)
