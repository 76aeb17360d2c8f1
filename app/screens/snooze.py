"""For how long to snooze."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList

from app.screens.dialog import Dialog

if TYPE_CHECKING:
    from textual.app import ComposeResult

CHOICES = (("15 minutes", 900.0), ("1 hour", 3600.0), ("4 hours", 14400.0))


class SnoozeDialog(Dialog[float]):
    """Three times to choose from; answers with seconds."""

    BINDINGS = [
        *(
            Binding(str(number), f"choose({number - 1})", text, show=False)
            for number, (text, _) in enumerate(CHOICES, 1)
        ),
        Binding("j", "move(1)", "Down", show=False),
        Binding("k", "move(-1)", "Up", show=False),
    ]

    def __init__(self, cases: int) -> None:
        super().__init__()
        self._cases = cases

    def compose(self) -> ComposeResult:
        """The times, numbered."""
        title = "Snooze" if self._cases == 1 else f"Snooze {self._cases} investigations"
        with Vertical(classes="dialog") as box:
            box.border_title = Content(title)
            box.border_subtitle = Content("1 2 3 or enter   esc leaves   :snooze 2h for other times")
            yield OptionList(*(Content(f"{number}  {text}") for number, (text, _) in enumerate(CHOICES, 1)))

    def action_choose(self, index: int) -> None:
        """Take a time."""
        self.dismiss(CHOICES[index][1])

    def action_move(self, lines: int) -> None:
        """Move among the times."""
        options = self.query_one(OptionList)
        options.highlighted = min(max((options.highlighted or 0) + lines, 0), len(CHOICES) - 1)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.action_choose(event.option_index)
