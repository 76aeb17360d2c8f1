"""The line of keys that work here and now; those that do not are dimmed and say why to the mouse.

footer.keys = (
    FooterKey("enter", "open", priority=1),
    FooterKey("t", "true", group="label", priority=1),
    FooterKey("S", "slack", enabled=False, reason="no destination is configured", priority=3),
)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from widgets import palette
from widgets.message import WidgetMessage
from widgets.parts import Part, fit, spot_at
from widgets.text import clean, plain

if TYPE_CHECKING:
    from textual import events

    from widgets.parts import Spot


class FooterKey(Struct, frozen=True):
    """One key and what it does."""

    key: str
    """As pressed, in Textual's spelling (`ctrl+p`, `upper_s`)."""
    label: str
    enabled: bool = True
    reason: str = ""
    """Why it is not possible here."""
    group: str = ""
    """Neighbours of one group stand closer together."""
    priority: int = 5
    """The highest number gives way first on narrow screens; 0 stays."""
    display: str = ""
    """How the key is written, where that is not `key`."""


class KeyFooter(Widget):
    """One line of keys, the less important ones dropped where it is narrow."""

    DEFAULT_CSS = """
    KeyFooter { dock: bottom; height: 1; background: $panel; color: $foreground; padding: 0 1; }
    """

    keys: reactive[tuple[FooterKey, ...]] = reactive(())
    """The keys, in order."""

    class Pressed(WidgetMessage):
        """A key was clicked."""

        def __init__(self, control: KeyFooter, key: str) -> None:
            super().__init__(control)
            self.key = key

    def render(self) -> Content:
        """The keys that fit."""
        return self._laid_out()[0]

    def on_click(self, event: events.Click) -> None:
        """Press the key under the mouse."""
        offset = event.get_content_offset(self)
        key = self._key_at(offset.x) if offset else None
        if key is not None and key.enabled:
            self.post_message(self.Pressed(self, key.key))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Explain the key under the mouse, where it is not possible."""
        key = self._key_at(event.x - self.styles.padding.left)
        reason = plain(key.reason, 80) if key is not None and key.reason and not key.enabled else None
        if reason != self.tooltip:
            self.tooltip = reason

    def _key_at(self, x: int) -> FooterKey | None:
        name = spot_at(self._laid_out()[1], x)
        return next((key for key in self.keys if key.key == name), None)

    def _laid_out(self) -> tuple[Content, tuple[Spot, ...]]:
        groups = ["", *(key.group for key in self.keys)]
        return fit((_part(key, before) for key, before in zip(self.keys, groups, strict=False)), self.size.width)


def _part(key: FooterKey, group_before: str) -> Part:
    close = bool(key.group) and key.group == group_before
    sign = clean(key.display or key.key, 12)
    label = clean(key.label, 24)
    if not key.enabled:
        return Part(
            Content.styled(f"{sign} {label}", f"{palette.MUTED} strike"), key.priority, name=key.key, close=close
        )
    return Part(Content.assemble((sign, palette.ACCENT), " ", label), key.priority, name=key.key, close=close)
