"""What all screens have in common: header, tabs, footer, a place in the registry, and state that is remembered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on
from textual.screen import Screen

from app.actions import BY_ID, Situation, commands_of
from app.screens.chrome import footer_of, status_of, tabs_of
from app.screens.conditions import notice
from widgets.key_footer import KeyFooter
from widgets.status_header import StatusHeader, TabLine

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

    from app.console import Console
    from app.snapshot import Snapshot
    from widgets.command_line import CommandLine
    from widgets.notice import Notice


class View(Screen[None]):
    """A full screen of the console."""

    place: ClassVar[str] = ""
    """Its name in the registry of actions."""

    _before_command: Widget | None = None
    """What had the focus before the command line."""
    _notice: Notice | None = None
    _command_line: CommandLine | None = None
    """Made when first wanted, as the notice is: the first paint does not wait for them."""

    @property
    def console(self) -> Console:
        """The app."""
        return cast("Console", self.app)

    def compose(self) -> ComposeResult:
        """Header and tabs, the screen's own body, the keys."""
        # The first resize would do it, and find the styles of all that is on the screen once more.
        breakpoints = (self.app.HORIZONTAL_BREAKPOINTS, self.app.VERTICAL_BREAKPOINTS)
        for cells, steps in zip(self.app.size, breakpoints, strict=True):
            self.add_class(*self._get_breakpoint_classes(cells, steps or []), update=False)
        yield StatusHeader()
        yield TabLine()
        yield from self.body()
        yield KeyFooter()

    def body(self) -> ComposeResult:
        """What is between tabs and footer."""
        yield from ()

    def _compositor_refresh(self) -> None:
        """Paint, unless the app is gathering changes: Textual would then compose all lines and throw them away."""
        if self.app._batch_count:
            self.refresh()
        else:
            super()._compositor_refresh()

    def on_mount(self) -> None:
        """Be as remembered, where there is a memory yet."""
        self.resume(self.console.memory.views.get(self.place, {}))

    def on_screen_resume(self) -> None:
        """In front again: show what is newest."""
        self.console.show()

    def on_screen_suspend(self) -> None:
        """Behind another: the state at this moment is what is remembered."""
        self.console.keep(self)

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        if not self.is_mounted:
            return
        self.fill(snapshot)
        self.refresh_chrome()

    def fill(self, snapshot: Snapshot) -> None:
        """Show a snapshot in the body."""

    def refresh_chrome(self) -> None:
        """Header, tabs and footer as things are now."""
        console, snapshot = self.console, self.console.snapshot
        status = status_of(console.freeze, console.link, console.zone, time.time())
        self.query_one(StatusHeader).status = status
        tabs = self.query_one(TabLine)
        tabs.tabs, tabs.active = tabs_of(status, snapshot.stuck), self.place
        self._notify(notice(snapshot, console.zone))
        self.refresh_keys()

    def _notify(self, text: str) -> None:
        """What is the matter, below the tabs; nothing if nothing is."""
        if self._notice is None and text:
            from widgets.notice import Notice

            self._notice = Notice()
            self.mount(self._notice, after=self.query_one(TabLine))
        if self._notice is not None:
            self._notice.show(text)

    def refresh_keys(self) -> None:
        """The footer, after what is selected has changed."""
        self.query_one(KeyFooter).keys = footer_of(self.place, self.console.situation, self.console.keys)

    def situation(self, connected: bool) -> Situation:
        """What decides which actions are possible."""
        return Situation(connected)

    def acted(self, marks: frozenset[int]) -> None:
        """What was marked for an act has been dealt with."""

    def state(self) -> dict[str, Any]:
        """What to remember of it, as JSON values."""
        return {}

    def resume(self, state: dict[str, Any]) -> None:
        """Be again as remembered; unknown or odd values are ignored."""

    def open_command_line(self) -> None:
        """Type a command; the focus comes back afterwards."""
        if self._command_line is None:
            from widgets.command_line import CommandLine

            self._command_line = CommandLine()
            self.mount(self._command_line, before=self.query_one(KeyFooter))
        line = self._command_line
        line.names, line.history = commands_of(self.place), self.console.commands
        self._before_command = self.focused
        line.open()

    def on_command_line_left(self) -> None:
        """Back to what had the focus before."""
        if self._before_command is not None:
            self._before_command.focus()

    def on_command_line_submitted(self, event: CommandLine.Submitted) -> None:
        """Do what was typed."""
        assert self._command_line is not None
        self.console.commands = self._command_line.history
        self.console.run_command(event.name, event.arguments)

    @on(TabLine.Selected)
    def _tab_clicked(self, event: TabLine.Selected) -> None:
        self.console.do_go(event.id)

    @on(KeyFooter.Pressed)
    def _key_clicked(self, event: KeyFooter.Pressed) -> None:
        self.console.perform(BY_ID[event.key])
