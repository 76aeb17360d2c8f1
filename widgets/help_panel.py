"""All keys that work here, by group, filtered by typing.

panel.entries = (HelpEntry("a", "acknowledge", "Inbox"), HelpEntry("S", "send", "Inbox", False, "no destination"))
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Input, Static

from widgets import palette
from widgets.line_input import LineInput
from widgets.text import clean, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.app import ComposeResult


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """One action with its keys."""

    keys: str
    """As written: `j k`, `ctrl+p`."""
    what: str
    group: str = ""
    """`Inbox`, `Everywhere`, `Moving`; entries of one group stand together."""
    enabled: bool = True
    reason: str = ""
    """Why it is not possible here."""
    custom: bool = False
    """The key comes from the engineer's own keymap."""

    def says(self, text: str) -> bool:
        """Whether folded text occurs in what it does, or in its group."""
        return text in self.what.casefold() or text in self.group.casefold()


def matching(entries: Sequence[HelpEntry], text: str) -> list[HelpEntry]:
    """The entries of the key that was typed, or else those whose words contain it."""
    wanted = text.strip()
    by_key = [entry for entry in entries if wanted in entry.keys.split()]
    return by_key or [entry for entry in entries if entry.says(wanted.casefold())]


class HelpPanel(Vertical):
    """Help with a filter; up and down scroll while typing."""

    DEFAULT_CSS = """
    HelpPanel {
        background: $surface;
        & > Input { background: $panel; height: 1; }
        & > VerticalScroll { height: 1fr; padding: 0 1; }
        & Static { height: auto; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "scroll(1)", "Down", id="help.down", show=False),
        Binding("up", "scroll(-1)", "Up", id="help.up", show=False),
        Binding("pagedown", "scroll(10)", "Page down", id="help.page-down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", id="help.page-up", show=False),
    ]

    entries: reactive[tuple[HelpEntry, ...]] = reactive(())
    """What there is to know, groups in order."""
    filter_text: reactive[str] = reactive("")
    """What was typed."""

    def compose(self) -> ComposeResult:
        """The filter above the keys."""
        yield LineInput("type a key or a word")
        with VerticalScroll(can_focus=False):
            yield Static()

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(LineInput).focus()
        self._write()

    def watch_entries(self) -> None:
        """Other keys."""
        self._write()

    def watch_filter_text(self) -> None:
        """Other matches."""
        self._write()

    def action_scroll(self, lines: int) -> None:
        """Scroll the keys."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.filter_text = event.value

    def _write(self) -> None:
        if self.is_mounted:
            self.query_one(Static).update(Content("\n").join(self.lines()))

    def lines(self) -> Iterator[Content]:
        """What is shown, line by line."""
        shown = matching(self.entries, self.filter_text)
        if not shown:
            yield plain("no key and no action of that name", style=palette.MUTED)
        left = min(20, max((len(entry.keys) for entry in shown), default=0))
        for number, (group, entries) in enumerate(groupby(shown, key=lambda entry: entry.group)):
            if number:
                yield Content("")
            yield plain(group, 40, palette.EMPHASIS)
            for entry in entries:
                yield _line(entry, left)


def _line(entry: HelpEntry, left: int) -> Content:
    keys = clean(entry.keys, 20).ljust(left)
    own = "*" if entry.custom else " "
    if not entry.enabled:
        why = f" ({entry.reason})" if entry.reason else ""
        return plain(f"  {keys}{own} {entry.what}{why}", style=palette.MUTED)
    return Content.assemble("  ", (keys, palette.ACCENT), own, " ", plain(entry.what))
