"""Movement of everything that has a cursor: vim's keys and the arrows, the same everywhere, rebindable by id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding

if TYPE_CHECKING:
    from textual.binding import BindingType

MOVEMENT: list[BindingType] = [
    Binding("j,down", "move(1)", "Down", id="move.down", show=False),
    Binding("k,up", "move(-1)", "Up", id="move.up", show=False),
    Binding("g,home", "top", "Top", id="move.top", show=False),
    Binding("G,end", "bottom", "End", id="move.bottom", show=False),
    Binding("ctrl+d", "half_page(1)", "Half a page down", id="move.half-down", show=False),
    Binding("ctrl+u", "half_page(-1)", "Half a page up", id="move.half-up", show=False),
    Binding("pagedown,ctrl+f", "page(1)", "Page down", id="move.page-down", show=False),
    Binding("pageup,ctrl+b", "page(-1)", "Page up", id="move.page-up", show=False),
]
"""For the `BINDINGS` of a widget with the actions of `Movement` (Textual collects bindings from widgets only)."""


class Movement:
    """The actions behind `MOVEMENT`, for a widget that says where its cursor is and puts it elsewhere."""

    @property
    def position(self) -> int:
        """Index of the line under the cursor."""
        raise NotImplementedError

    @property
    def page_size(self) -> int:
        """Lines on the screen, at least 1."""
        raise NotImplementedError

    def go_to(self, index: int) -> None:
        """Put the cursor on that line, or on the nearest there is."""
        raise NotImplementedError

    def action_move(self, lines: int) -> None:
        """Move the cursor by that many lines."""
        self.go_to(self.position + lines)

    def action_top(self) -> None:
        """To the first line."""
        self.go_to(0)

    def action_bottom(self) -> None:
        """To the last line."""
        self.go_to(2**31)

    def action_half_page(self, direction: int) -> None:
        """Half a screen down (1) or up (-1)."""
        self.go_to(self.position + direction * max(1, self.page_size // 2))

    def action_page(self, direction: int) -> None:
        """A screen down (1) or up (-1)."""
        self.go_to(self.position + direction * self.page_size)
