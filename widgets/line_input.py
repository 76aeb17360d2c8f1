"""The input that every typed line uses: what is pasted or put into it is harmless text, like everything else."""

from __future__ import annotations

from textual.widgets import Input

from widgets.text import clean


class LineInput(Input):
    """One line to type into, without a border."""

    def __init__(self, placeholder: str = "") -> None:
        super().__init__(placeholder=placeholder, compact=True, select_on_focus=False)

    def validate_value(self, value: str) -> str:
        """Make control characters visible, so that a pasted escape sequence never reaches the terminal."""
        return clean(value)
