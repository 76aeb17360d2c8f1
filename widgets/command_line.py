"""The `:` line: a command by name with completion while typing, and what was typed before.

line.names = ("context", "namespace", "quit", "coverage")
line.open()

@on(CommandLine.Submitted)
def _command(self, event): run(event.name, event.arguments)
"""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.reactive import reactive
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from widgets.line_input import LineInput
from widgets.message import WidgetMessage
from widgets.text import clean

LONGEST_HISTORY = 100


class CommandLine(Horizontal):
    """Hidden until `open()`; enter submits, escape leaves, tab completes, up and down go through the history."""

    DEFAULT_CSS = """
    CommandLine {
        height: 1;
        display: none;
        background: $panel;
        &.-open { display: block; }
        & > Static { width: 2; color: $text-accent; text-style: bold; }
        & > Input { width: 1fr; background: transparent; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="command.leave", show=False),
        Binding("tab", "complete", "Complete", id="command.complete", show=False, priority=True),
        Binding("up", "recall(-1)", "Earlier", id="command.earlier", show=False),
        Binding("down", "recall(1)", "Later", id="command.later", show=False),
    ]

    names: reactive[tuple[str, ...]] = reactive(())
    """What can be completed: command names, and whole commands with their arguments."""
    history: reactive[tuple[str, ...]] = reactive(())
    """Submitted commands, oldest first; the owner keeps it across sessions."""

    class Submitted(WidgetMessage):
        """A command was given."""

        def __init__(self, control: CommandLine, name: str, arguments: str) -> None:
            super().__init__(control)
            self.name = name
            """The first word, lower case."""
            self.arguments = arguments
            """Everything after it, as typed."""

    class Left(WidgetMessage):
        """The line was closed; the focus should go back."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._recalled: int | None = None

    @property
    def _line(self) -> LineInput:
        """The input; it and its sign are made when first wanted: the first paint does not wait for them."""
        if not self.children:
            line = LineInput()
            line.suggester = self._suggester
            self.mount(Static(":"), line)
        return self.query_one(LineInput)

    @property
    def _suggester(self) -> SuggestFromList:
        """Completes names, shorter ones first, so that they win over what begins like them."""
        ranked = sorted(map(clean, self.names), key=lambda name: (len(name), name))
        return SuggestFromList(ranked, case_sensitive=False)

    def open(self, text: str = "") -> None:
        """Show the line and type into it."""
        self.add_class("-open")
        self._recalled = None
        self._write(text)
        # At once: `focus` waits in the queue, behind keys that were typed already.
        self.screen.set_focus(self._line)

    def watch_names(self) -> None:
        """Complete from other names."""
        if self.children:
            self._line.suggester = self._suggester

    def action_leave(self) -> None:
        """Close the line."""
        self.remove_class("-open")
        self.post_message(self.Left(self))

    def action_complete(self) -> None:
        """Take the completion."""
        self._line.action_cursor_right()

    def action_recall(self, step: int) -> None:
        """An earlier (-1) or later (1) command."""
        count = len(self.history)
        index = (count if self._recalled is None else self._recalled) + step
        self._recalled = min(max(index, 0), count)
        self._write(self.history[self._recalled] if self._recalled < count else "")

    def _write(self, text: str) -> None:
        line = self._line
        line.value = text
        line.cursor_position = len(text)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip().removeprefix(":")
        self.action_leave()
        if text:
            self.history = (*(old for old in self.history if old != text), text)[-LONGEST_HISTORY:]
            name, _, arguments = text.partition(" ")
            self.post_message(self.Submitted(self, name.lower(), arguments.strip()))
