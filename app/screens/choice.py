"""A dialog with a few numbered answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import on
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList

from app.screens.dialog import Dialog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

Answer = TypeVar("Answer")

MOST = 9
"""Answers: each has a digit."""


class ChoiceDialog(Dialog[Answer]):
    """Answers to choose from by digit, or with the cursor.

    Args:
        title: of the box.
        choices: texts with what they answer, at most nine.
        note: what else can be done, under the box.
    """

    BINDINGS = [
        *(Binding(str(number), f"choose({number - 1})", show=False) for number in range(1, MOST + 1)),
        Binding("j", "move(1)", "Down", show=False),
        Binding("k", "move(-1)", "Up", show=False),
    ]

    BREADTH: ClassVar[str] = ""
    """A class of `dialog.tcss` for another width."""

    def __init__(self, title: str, choices: Sequence[tuple[str, Answer]], note: str = "") -> None:
        super().__init__()
        self._title, self._choices, self._note = title, choices, note

    def compose(self) -> ComposeResult:
        """The answers, numbered."""
        with Vertical(classes=f"dialog {self.BREADTH}".rstrip()) as box:
            box.border_title = Content(self._title)
            digits = " ".join(str(number) for number, _ in enumerate(self._choices, 1))
            box.border_subtitle = Content("   ".join(filter(None, (f"{digits} or enter", "esc leaves", self._note))))
            yield OptionList(*(Content(f"{number}  {text}") for number, (text, _) in enumerate(self._choices, 1)))

    def action_choose(self, index: int) -> None:
        """Take an answer."""
        if index < len(self._choices):
            self.dismiss(self._choices[index][1])

    def action_move(self, lines: int) -> None:
        """Move among the answers."""
        options = self.query_one(OptionList)
        options.highlighted = min(max((options.highlighted or 0) + lines, 0), len(self._choices) - 1)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.action_choose(event.option_index)
