"""What a widget tells its screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from textual.widget import Widget


class WidgetMessage(Message):
    """A message that knows its widget, so that `@on(Message, "#id")` can tell several of a kind apart.

    No dataclass: the first paint would wait for a dozen to be made, and for each as long as for a style sheet.
    """

    def __init__(self, control: Widget) -> None:
        super().__init__()
        self._control = control

    @property
    def control(self) -> Widget:
        """The widget that it comes from."""
        return self._control
