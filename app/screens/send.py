"""What would be sent, and where to: the last look before anything leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.redaction import MASK
from app.screens.choice import MOST
from app.screens.dialog import Dialog
from detectors.words import counted
from widgets import palette
from widgets.text import multi, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.app import ComposeResult

    from app.notify.shown import Draft


class SendDialog(Dialog[tuple[str, ...]]):
    """Answers with the destinations that were chosen.

    Args:
        drafts: of each investigation; those with nothing to tell are named, and not sent.
    """

    BINDINGS = [
        *(Binding(str(number), f"turn({number - 1})", show=False) for number in range(1, MOST + 1)),
        Binding("y", "send", "Send", show=False),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, drafts: Sequence[Draft]) -> None:
        super().__init__()
        self._told = [draft for draft in drafts if not draft.refusal]
        self._silent = [draft for draft in drafts if draft.refusal]
        self._targets = self._told[0].targets[:MOST]
        self._chosen = {target.name for draft in self._told for target in draft.targets if target.chosen}
        if not self._chosen and len(self._targets) == 1:
            self._chosen = {self._targets[0].name}

    def compose(self) -> ComposeResult:
        """Destinations above the text."""
        with Vertical(classes="dialog -tall") as box:
            box.border_title = Content("Send" if len(self._told) == 1 else f"Send {len(self._told)} investigations")
            yield Static(id="targets", markup=False)
            yield Static(self._notes(), classes="hint", markup=False)
            with VerticalScroll(can_focus=False):
                yield Static(id="message", markup=False)

    def on_mount(self) -> None:
        """The destinations as they are chosen."""
        self._draw()

    def _draw(self) -> None:
        self.query_one("#targets", Static).update(Content("\n").join(self._lines()))
        self.query_one("#message", Static).update(self._text())
        several = len(self._targets) > 1
        keys = [f"1-{len(self._targets)} choose" if several else "", "y sends" if self._chosen else "", "esc leaves"]
        self.query_one(".dialog").border_subtitle = Content("   ".join(filter(None, keys)))

    def _lines(self) -> Iterator[Content]:
        for number, target in enumerate(self._targets, 1):
            chosen = target.name in self._chosen
            box, style = ("[x]", palette.ACCENT) if chosen else ("[ ]", palette.MUTED)
            head = Content.styled(f"{number} {box} ", style)
            yield Content.assemble(head, plain(target.name, 24, palette.EMPHASIS), "  ", plain(target.where, 40))
            why = target.why if len(self._told) == 1 else ""
            if why:
                yield Content.assemble("      ", plain(why, style=palette.MUTED))

    def _text(self) -> Content:
        """What the first of the chosen destinations gets."""
        texts = [draft.text_for(self._chosen) for draft in self._told]
        if len(texts) == 1:
            return multi(texts[0])
        heads = (f"#{draft.case}  {draft.title}" for draft in self._told)
        return multi("\n\n".join(f"{head}\n{text}" for head, text in zip(heads, texts, strict=True)))

    def _notes(self) -> Content:
        masked = sum(draft.text_for(self._chosen).count(MASK) for draft in self._told)
        notes = [f"{counted(masked, 'passages')} masked" if masked else "nothing had to be masked"]
        notes += [f"not sent: #{draft.case}, {draft.refusal}" for draft in self._silent]
        return Content("\n").join(plain(note) for note in notes)

    def action_turn(self, index: int) -> None:
        """Choose a destination, or leave it out."""
        if index < len(self._targets):
            self._chosen ^= {self._targets[index].name}
            self._draw()

    def action_scroll(self, lines: int) -> None:
        """Read on."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_send(self) -> None:
        """Into the outbox, where a destination is chosen."""
        if self._chosen:
            self.dismiss(tuple(target.name for target in self._targets if target.name in self._chosen))
