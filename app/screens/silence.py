"""What nobody wants to hear of for a while, with what it would hide as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs
from textual import on
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from app.messages import SilenceForeseen
from app.quality.silence import Wish
from app.screens.dialog import Dialog
from widgets import palette
from widgets.line_input import LineInput
from widgets.text import plain

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.timer import Timer

REST_SECONDS = 0.2
"""Replaying the past on every letter would be a waste."""
FIELDS = {
    "namespace": ("namespace", "any; shop, team-*"),
    "workload": ("workload", "any; checkout, pay*"),
    "signal": ("signal", "any; http-server-5xx-spike"),
    "environment": ("environ.", "any; prod"),
    "reason": ("reason", "needed: why nobody has to hear of it"),
    "owner": ("owner", "who can be asked"),
    "lasting": ("for", "2h, 30m, 7d; at most 90d"),
    "begin": ("from", "now; in 30m, or 2026-03-14T22:00Z for a maintenance window"),
}
"""By the field of a wish: its name, and what can be typed."""


class SilenceDialog(Dialog[Wish]):
    """Answers with what was typed, once it is a silence."""

    def __init__(self, wish: Wish) -> None:
        super().__init__()
        self._wish = wish
        self._resting: Timer | None = None
        self._wanted = False
        """Enter was pressed: it answers as soon as it is known to be right."""

    def compose(self) -> ComposeResult:
        """A line for each field, and what would come of it."""
        with Vertical(classes="dialog -large") as box:
            box.border_title = Content("Silence")
            box.border_subtitle = Content("tab next field   enter silences   esc leaves")
            for name, (title, hint) in FIELDS.items():
                with Horizontal(classes="field"):
                    yield Static(Content(title), classes="name", markup=False)
                    line = LineInput(hint)
                    line.id, line.value = name, getattr(self._wish, name)
                    yield line
            yield Static(id="foreseen", markup=False)

    def on_mount(self) -> None:
        """The reason is what is missing."""
        self.query_one("#reason").focus()
        self._ask()

    @property
    def wish(self) -> Wish:
        """As typed."""
        return structs.replace(self._wish, **{name: self.query_one(f"#{name}", Input).value for name in FIELDS})

    @on(Input.Changed)
    def _changed(self) -> None:
        self._wanted = False
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST_SECONDS, self._ask)

    def _ask(self) -> None:
        wish = self.wish
        self.app.link.ask(  # type: ignore[attr-defined]
            "reads", "silence", lambda session: SilenceForeseen(wish, session.foresee(wish)), self
        )

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self._wanted = True
        self._ask()

    @on(SilenceForeseen)
    def _foreseen(self, message: SilenceForeseen) -> None:
        if message.wish != self.wish:
            return
        if message.foreseen.ok and self._wanted:
            self.dismiss(message.wish)
            return
        style = "" if message.foreseen.ok else palette.DOUBTFUL
        self.query_one("#foreseen", Static).update(plain(message.foreseen.text, style=style))
