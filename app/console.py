"""The console: the Textual app that owns the session, the newest snapshot, and the way between screens.

Screens show, `app.actions` says what keys do, `app.lanes` runs what blocks. Nothing here waits.
"""

from __future__ import annotations

import gc
import logging
import sys
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import get_system_commands_provider

from app.actions import PLACES, actions_of
from app.clock import SystemClock
from app.connection import NoConnections
from app.dispatch import Dispatch
from app.freeze import Freeze
from app.keymap import bindings, unknown_ids
from app.link import Link, packaged_catalogue
from app.memory import Memory
from app.messages import Acted, CallFailed, SessionOpened, SessionRefused, SnapshotArrived
from app.screens.inbox import InboxScreen
from app.screens.palette import CaseProvider
from app.snapshot import Snapshot
from app.themes import THEMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from textual.screen import Screen
    from textual.types import AnimationLevel

    from app.clock import Clock
    from app.connection import Choice, Connections, SessionFactory
    from app.screens.view import View
    from app.snapshot import ActResult, Session
    from detectors.catalog import Catalogue

logger = logging.getLogger(__name__)

MEMORY = "console"
"""The key of `Session.remember` for the screens' state."""
SAVE_SECONDS = 5.0
"""A crash costs at most that much of the screens' state."""
BACK_SECONDS = 300.0
"""Whoever comes back sooner finds the screen that was left; later somebody was paged, who wants the inbox."""
SWITCH_SECONDS = 0.001
"""After which a thread that computes lets the interface run; the interpreter's own 5 ms are felt while a cycle runs."""


COLLECT_AFTER = (2_000, 10, 10)
"""New containers before the collector looks at them, and how often it looks at older ones."""


def later(module: str, name: str) -> Callable[[], Screen[Any]]:
    """A screen that is imported when it is first shown: the first paint does not wait for it."""

    def make() -> Screen[Any]:
        screen: Screen[Any] = getattr(import_module(module), name)()
        return screen

    return make


class Console(Dispatch):
    """Everything the engineer sees."""

    TITLE = "Tocsin"
    CSS_PATH = ["console.tcss", "screens/inbox.tcss"]
    """The first screen's rules too: parsed with the app's they cost one pass, read with the screen a second one."""
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "inbox": InboxScreen,
        "investigation": later("app.screens.investigation", "InvestigationScreen"),
        "coverage": later("app.screens.coverage", "CoverageScreen"),
        "settings": later("app.screens.settings", "SettingsScreen"),
        "advisor": later("app.screens.advisor", "AdvisorScreen"),
        "quality": later("app.screens.quality", "QualityScreen"),
        "outbox": later("app.screens.outbox", "OutboxScreen"),
        "workloads": later("app.screens.workloads", "WorkloadsScreen"),
    }
    DEFAULT_MODE = PLACES[0].id
    BINDINGS = bindings(action for action in actions_of("") if not action.places)
    COMMANDS = {get_system_commands_provider, CaseProvider}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def __init__(
        self,
        session_factory: SessionFactory,
        *,
        connections: Connections | None = None,
        catalogue: Callable[[], Catalogue] = packaged_catalogue,
        theme: str = "",
        keymap: Mapping[str, str] | None = None,
        zone: tzinfo | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        self.clock = clock or SystemClock()
        self.connections = connections or NoConnections()
        self.catalogue = catalogue
        self.keys = keymap or {}
        self.zone = zone or datetime.now(UTC).astimezone().tzinfo or UTC
        """The zone that times are shown in."""
        self.link = Link(session_factory, lambda message, receiver: (receiver or self).post_message(message))
        self.freeze = Freeze(Snapshot(cycle=0, now=0.0, cluster="", mode="live"))
        self.memory = Memory()
        self.commands: tuple[str, ...] = ()
        """What was typed after `:`."""
        self.since: float | None = None
        """When this console saw its first cycle."""
        self._saved = ""
        for own in THEMES:
            self.register_theme(own)
        self.theme = theme if theme in self.available_themes else THEMES[0].name
        # The style sheet was made in the colours of Textual's own theme.
        self._coloured = self.theme
        self.stylesheet.set_variables(self.get_css_variables())

    @property
    def snapshot(self) -> Snapshot:
        """What the screens show: the newest, or the frozen one."""
        return self.freeze.shown

    def on_mount(self) -> None:
        """Paint first, then connect."""
        if self.keys:
            self.set_keymap(self.keys)
            if unknown := unknown_ids(self.keys):
                self.say(f"keymap: no action is called {', '.join(unknown)}; docs/keys.md lists them", "warning")
        self.set_interval(SAVE_SECONDS, self.save)
        self.call_after_refresh(self.begin)

    def refresh_css(self, animate: bool = True) -> None:
        """Read the style sheets anew where colours have changed: at the start Textual asks twice for what it has."""
        if self._coloured != self.theme:
            self._coloured = self.theme
            super().refresh_css(animate)
        else:
            self.update_styles(self)

    # The session

    def begin(self) -> None:
        """After the first paint: connect, and collect garbage in small pieces, since each holds up the interface."""
        gc.freeze()
        gc.set_threshold(*COLLECT_AFTER)
        self.connect(None)

    def connect(self, choice: Choice | None) -> None:
        """Open a session; the answer is a message."""
        self.link.open(choice, MEMORY)

    def act(
        self,
        what: str,
        work: Callable[[Session], ActResult],
        way_back: str = "z undoes",
        marks: frozenset[int] = frozenset(),
    ) -> None:
        """Let the session act; acts run in the order of their keys, and so does their undo."""
        self.link.ask("acts", what, lambda session: Acted(work(session), way_back, marks))

    @on(SessionOpened)
    def _opened(self, message: SessionOpened) -> None:
        if message.number != self.link.number:
            return
        self.link.session = message.session
        self.freeze = Freeze(message.restored)
        self._saved, self.memory = message.memory, Memory.read(message.memory)
        self.case = self.memory.case
        self.view.resume(self.memory.views.get(self.view.place, {}))
        if self.memory.place in self.MODES and 0 <= self.clock.now() - self.memory.left < BACK_SECONDS:
            self.do_go(self.memory.place)
        self.show()

    @on(SessionRefused)
    def _refused(self, message: SessionRefused) -> None:
        if message.number == self.link.number:
            self.link.refused, self.link.session = True, None
            self.do_connect(message.trouble, message.message, message.hint)

    @on(SnapshotArrived)
    def _arrived(self, message: SnapshotArrived) -> None:
        if message.number != self.link.number:
            return
        self.freeze.arrive(message.snapshot)
        if self.since is None and message.snapshot.cycle:
            self.since = message.snapshot.now
            # What the first cycle brought mostly stays: a full collection that walks it holds up keys for 40 ms.
            gc.freeze()
        self.show()

    @on(Acted)
    def _acted(self, message: Acted) -> None:
        result = message.result
        self.freeze.touch(result.ids)
        if result.ok:
            self.say(f"{result.message}   {message.way_back}")
            self.view.acted(message.marks)
        else:
            self.say(result.message, "warning")
        self.show()

    @on(CallFailed)
    def _failed(self, message: CallFailed) -> None:
        self.say(f"{message.what}: {message.reason}", "error")

    # What is remembered

    def save(self) -> None:
        """Keep the screens' state where it has changed, and at the latest when it would count as left long ago."""
        if self.link.session is None:
            return
        self.keep(self.view)
        self.memory.place, self.memory.case = self.current_mode, self.case
        text, now = self.memory.write(), self.clock.now()
        if text != self._saved or now - self.memory.left > BACK_SECONDS / 10:
            self.memory.left = now
            self._saved = text = self.memory.write()
            self.link.ask("acts", "remember", lambda session: session.remember(MEMORY, text))

    def keep(self, view: View) -> None:
        """Take over a screen's state."""
        if view.is_mounted and view.place in self.MODES:
            self.memory.views[view.place] = view.state()


def run_console(
    session_factory: SessionFactory,
    *,
    connections: Connections | None = None,
    catalogue: Callable[[], Catalogue] = packaged_catalogue,
    theme: str = "",
    keymap: Mapping[str, str] | None = None,
    mouse: bool = True,
    zone: tzinfo | None = None,
    motion: AnimationLevel = "none",
) -> int:
    """Run the console until the engineer leaves it.

    Args:
        session_factory: Called on a worker thread after the first paint, with what was chosen on the connection screen
            (None at the start). What it raises leads to the connection screen.
        connections: What the connection screen can find out.
        catalogue: Reads titles and groups of the signals; called on a worker thread.
        theme: A theme's name; empty or unknown for our own.
        keymap: Keys by action id, as Textual writes them.
        mouse: Take the mouse.
        zone: Of the times on screen; None for this machine's.
        motion: How much is animated.

    Returns:
        The exit code.
    """
    console = Console(
        session_factory, connections=connections, catalogue=catalogue, theme=theme, keymap=keymap, zone=zone
    )
    console.animation_level = motion
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        console.run(mouse=mouse)
    finally:
        console.link.close()
    return console.return_value if console.return_value is not None else console.return_code or 0
