"""Changing one setting: the value is checked by the session, and what is wrong with it stands under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from app.messages import SettingChanged
from app.screens.dialog import Dialog
from widgets.text import plain

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from app.snapshot import SettingValue


class EditDialog(Dialog[bool]):
    """Answers True when the setting was changed."""

    def __init__(self, setting: SettingValue) -> None:
        super().__init__()
        self._setting = setting

    def compose(self) -> ComposeResult:
        """The value, what is allowed, what was wrong."""
        setting = self._setting
        with Vertical(classes="dialog") as box:
            box.border_title = plain(setting.key, 50)
            box.border_subtitle = Content("enter saves   esc leaves")
            yield Static(plain(setting.doc), markup=False)
            yield Static(plain(f"allowed: {setting.allowed}" if setting.allowed else ""), classes="hint", markup=False)
            yield Input(setting.value)
            yield Static(classes="error", markup=False)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        key, value = self._setting.key, event.value
        app = self.app
        app.link.ask(  # type: ignore[attr-defined]
            "acts", key, lambda session: SettingChanged(key, session.change_setting(key, value)), self
        )

    @on(SettingChanged)
    def _changed(self, message: SettingChanged) -> None:
        if message.result.ok:
            self.app.say(message.result.message)  # type: ignore[attr-defined]
            self.dismiss(True)
        else:
            self.query_one(".error", Static).update(plain(message.result.message))
