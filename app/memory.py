"""What is remembered of the screens: which one, which investigation, and each one's filter, order and row."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field, json


class Memory(Struct):
    """The screens' state, as the store keeps it."""

    place: str = ""
    case: int | None = None
    left: float = 0.0
    """When it was left, unix seconds; 0 where that is not known."""
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By place."""

    @classmethod
    def read(cls, text: str) -> Memory:
        """From JSON; what is odd in it counts as not remembered."""
        try:
            found = json.decode(text or "{}")
        except ValueError:
            return cls()
        memory = cls()
        match found:
            case {"place": str(place)}:
                memory.place = place
        match found:
            case {"case": int(case)}:
                memory.case = case
        match found:
            case {"left": int(left) | float(left)}:
                memory.left = left
        match found:
            case {"views": dict(views)}:
                memory.views = {name: state for name, state in views.items() if isinstance(state, dict)}
        return memory

    def write(self) -> str:
        """As JSON."""
        return json.encode(self, order="sorted").decode()
