"""The lines above every screen: what is watched, how fresh it is, how the sources are; and the screens to choose from.

header.status = Status(
    context="prod-eu-1", scope="all namespaces", mode="live", freshness="every 15s",
    sources=(Source("prom", "ok", "42 ms"), Source("k8s", "degraded", "events: forbidden")),
    counts=(("new", 3), ("open", 7), ("snoozed", 2)), clock="12:41:07Z",
)
tabs.tabs = (Tab("inbox", "Inbox", "1", 3), Tab("coverage", "Coverage", "3"))
tabs.active = "inbox"
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
    from collections.abc import Iterator

    from textual import events

    from widgets.parts import Spot


class Source(Struct, frozen=True):
    """One source of data and how it is doing."""

    name: str
    """As short as `prom`, `k8s`, `store`."""
    health: str
    """A key of `palette.HEALTH`."""
    detail: str = ""
    """Latency, or what is the matter; hostile text is possible."""


class Status(Struct, frozen=True):
    """What the header tells."""

    context: str = ""
    """The cluster in use, from the client that uses it."""
    scope: str = "all namespaces"
    mode: str = "live"
    """`live`, `replay`, `demo`, `paused`, `connecting`, `offline`, `ended`, `failed`."""
    freshness: str = ""
    """How fresh: `every 15s`, `4m old`, `12:41 at 10x`."""
    sources: tuple[Source, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    """What waits for the engineer, the first two kept longest: `(("new", 3), ("open", 7), ("snoozed", 2))`."""
    clock: str = ""
    notice: str = ""
    """What a long first cycle is doing, or a warning that belongs on every screen."""


_MODES = {
    "live": palette.GOOD,
    "paused": palette.DOUBTFUL,
    "replay": palette.ACCENT,
    "demo": palette.ACCENT,
    "failed": palette.BAD,
}


class StatusHeader(Widget):
    """One line; on narrow screens the least important parts are shortened, then dropped."""

    DEFAULT_CSS = """
    StatusHeader { height: 1; background: $panel; color: $foreground; padding: 0 1; }
    """

    status: reactive[Status] = reactive(Status())
    """What to tell."""

    def render(self) -> Content:
        """The parts that fit."""
        return fit(self._parts(self.status), self.size.width)[0]

    def _parts(self, status: Status) -> Iterator[Part]:
        yield Part(Content.styled("tocsin", palette.ACCENT), 9)
        context, scope = plain(status.context, 40, palette.EMPHASIS), plain(status.scope, 30)
        narrow = Part(plain(status.context, 24, palette.EMPHASIS), 1)
        yield Part(Content.assemble(context, " / ", scope) if context and scope else context, 7, narrow)
        mode = Content.styled(clean(status.mode, 12).upper(), _MODES.get(status.mode, palette.DOUBTFUL))
        yield Part(Content.assemble(mode, " ", plain(status.freshness, 24)), 6, Part(mode, 2))
        for source in status.sources:
            yield _source_part(source)
        yield Part(plain(status.notice, 48, palette.DOUBTFUL), 6)
        for number, (word, count) in enumerate(status.counts):
            style = palette.EMPHASIS if count else palette.MUTED
            yield Part(Content.styled(f"{clean(word, 12)} {count}", style), 4 if number < 2 else 7, right=True)
        yield Part(plain(status.clock, 16), 5, right=True)


def _source_part(source: Source) -> Part:
    """Name, glyph, word and detail; trouble stays longer than good news."""
    mark = palette.HEALTH.get(source.health, palette.Mark("?", clean(source.health, 12), palette.DOUBTFUL))
    name = plain(source.name, 12)
    fine = source.health in {"ok", "off"}
    sign = Part(Content.assemble(name, " ", mark.sign), 5 if fine else 2)
    head = Part(Content.assemble(name, " ", mark.full), 7 if fine else 5, sign)
    if not source.detail:
        return head
    return Part(Content.assemble(head.content, " ", plain(source.detail, 24, palette.MUTED)), 8 if fine else 6, head)


class Tab(Struct, frozen=True):
    """One screen to choose."""

    id: str
    title: str
    key: str = ""
    """The key that leads there."""
    count: int = 0
    """What waits there; 0 is not shown."""


TITLES = ((" ", 16), ("", 16), ("", 4))
"""What is beside a tab, and how many letters its title has; the first that all tabs fit with."""
GAP = 2
"""Cells between two tabs."""


class TabLine(Widget):
    """The screens by name and key, the active one emphasised; a click chooses."""

    DEFAULT_CSS = """
    TabLine { height: 1; background: $surface; color: $foreground; padding: 0 1; }
    """

    tabs: reactive[tuple[Tab, ...]] = reactive(())
    """All screens, in order."""
    active: reactive[str] = reactive("")
    """Id of the one shown."""
    hint: reactive[str] = reactive("/ filter  : command  ? help")
    """At the right end, where there is room."""

    class Selected(WidgetMessage):
        """Another screen was clicked."""

        def __init__(self, control: TabLine, id: str) -> None:  # noqa: A002
            super().__init__(control)
            self.id = id

    def render(self) -> Content:
        """The tabs that fit: all in full, or all shortened; only then the last ones are cut."""
        return self._laid_out()[0]

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the mouse."""
        offset = event.get_content_offset(self)
        if offset is not None and (name := spot_at(self._laid_out()[1], offset.x)):
            self.post_message(self.Selected(self, name))

    def _laid_out(self) -> tuple[Content, tuple[Spot, ...]]:
        hint = Part(plain(self.hint, style=palette.MUTED), 9, right=True)
        for pad, letters in TITLES:
            parts = [self._part(tab, pad, letters) for tab in self.tabs]
            if sum(part.content.cell_length + GAP for part in parts) - GAP <= self.size.width:
                break
        return fit([*parts, hint], self.size.width, GAP)

    def _part(self, tab: Tab, pad: str, letters: int) -> Part:
        key, count = clean(tab.key, 4), f" {tab.count}" if tab.count else ""
        if tab.id == self.active:
            text = f"{key} {clean(tab.title, TITLES[0][1])}{count}".strip()
            return Part(Content.styled(f"[{text}]", palette.ACCENT), 1, name=tab.id)
        text = f"{key} {clean(tab.title)[:letters]}{count}".strip()
        return Part(plain(f"{pad}{text}{pad}"), 2, Part(plain(key), 2), name=tab.id)
