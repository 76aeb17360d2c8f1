"""The keys of a screen, those that are not possible with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content

from app.actions import Group, actions_of
from app.keymap import keys_of
from app.screens.dialog import Dialog
from widgets.help_panel import HelpEntry, HelpPanel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult

    from app.actions import Situation


def entries_of(place: str, situation: Situation, keymap: Mapping[str, str]) -> tuple[HelpEntry, ...]:
    """What the help of a screen lists, groups in order; commands stand with their keys."""
    order = list(Group)
    entries = []
    for action in sorted(actions_of(place), key=lambda action: order.index(action.group)):
        words = [*keys_of(action, keymap)]
        if action.command:
            words.append(f":{action.command} {action.parameter}".rstrip())
        reason = action.refusal(situation)
        entries.append(
            HelpEntry(" ".join(words), action.tooltip, action.group, not reason, reason, action.id in keymap)
        )
    return tuple(entries)


class HelpDialog(Dialog[None]):
    """Everything that can be done on a screen."""

    def __init__(self, place: str, situation: Situation, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._entries = entries_of(place, situation, keymap)

    def compose(self) -> ComposeResult:
        """The panel."""
        with Vertical(classes="dialog -tall") as box:
            box.border_title = Content("Keys")
            box.border_subtitle = Content("esc leaves")
            yield HelpPanel()

    def on_mount(self) -> None:
        """The panel can be written to now."""
        self.query_one(HelpPanel).entries = self._entries
