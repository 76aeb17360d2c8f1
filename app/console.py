"""The console: the Textual app that owns the session, the newest snapshot, and the way between screens.

Screens show, `app.actions` says what keys do, `app.lanes` runs what blocks. Nothing here waits.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App, SystemCommand, get_system_commands_provider

from app.actions import BY_ID, COMMANDS, PLACES, actions_of
from app.connection import NoConnections
from app.freeze import Freeze
from app.keymap import bindings, unknown_ids
from app.link import Link, packaged_catalogue
from app.memory import Memory
from app.messages import Acted, CallFailed, SessionOpened, SessionRefused, SnapshotArrived
from app.screens.connection import ConnectionScreen
from app.screens.coverage import CoverageScreen
from app.screens.help import HelpDialog
from app.screens.inbox import InboxScreen
from app.screens.investigation import InvestigationScreen
from app.screens.palette import CaseProvider
from app.screens.settings import SettingsScreen
from app.screens.too_small import TooSmall
from app.screens.view import View
from app.snapshot import Snapshot
from app.themes import THEMES
from widgets.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import tzinfo

    from textual import events
    from textual.binding import Binding
    from textual.dom import DOMNode
    from textual.geometry import Size
    from textual.notifications import SeverityLevel
    from textual.screen import Screen

    from app.actions import Action, Situation
    from app.connection import Choice, Connections, SessionFactory
    from app.snapshot import ActResult, Session
    from detectors.catalog import Catalogue

logger = logging.getLogger(__name__)

MEMORY = "console"
"""The key of `Session.remember` for the screens' state."""
SMALLEST = (60, 15)
"""Columns and rows below which nothing useful can be shown."""
SAVE_SECONDS = 5.0
"""A crash costs at most that much of the screens' state."""


class Console(App[int]):
    """Everything the engineer sees."""

    TITLE = "Tocsin"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "inbox": InboxScreen,
        "investigation": InvestigationScreen,
        "coverage": CoverageScreen,
        "settings": SettingsScreen,
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
    ) -> None:
        super().__init__()
        self.connections = connections or NoConnections()
        self.catalogue = catalogue
        self.keys: Mapping[str, str] = keymap or {}
        """The engineer's own keys by action id."""
        self.zone = zone or datetime.now(UTC).astimezone().tzinfo or UTC
        """The zone that times are shown in."""
        self.link = Link(session_factory, lambda message, receiver: (receiver or self).post_message(message))
        self.freeze = Freeze(Snapshot(cycle=0, now=0.0, cluster="", mode="live"))
        self.memory = Memory()
        self.case: int | None = None
        """The investigation that is open."""
        self.commands: tuple[str, ...] = ()
        """What was typed after `:`."""
        self.since: float | None = None
        """When this console saw its first cycle."""
        self._saved = ""
        self._previous = self._origin = PLACES[0].id
        for own in THEMES:
            self.register_theme(own)
        self.theme = theme if theme in self.available_themes else THEMES[0].name

    @property
    def snapshot(self) -> Snapshot:
        """What the screens show: the newest, or the frozen one."""
        return self.freeze.shown

    @property
    def view(self) -> View:
        """The screen in front, under any dialog."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, View))

    @property
    def situation(self) -> Situation:
        """What decides which actions are possible."""
        return self.view.situation(self.link.session is not None)

    def on_mount(self) -> None:
        """Paint first, then connect."""
        if self.keys:
            self.set_keymap(self.keys)
            if unknown := unknown_ids(self.keys):
                self.say(f"keymap: no action is called {', '.join(unknown)}; docs/keys.md lists them", "warning")
        self.set_interval(SAVE_SECONDS, self.save)
        self.call_after_refresh(self.connect, None)

    # The session

    def connect(self, choice: Choice | None) -> None:
        """Open a session; the answer is a message."""
        self.link.open(choice, MEMORY)

    def act(self, what: str, work: Callable[[Session], ActResult], way_back: str = "z undoes") -> None:
        """Let the session act; acts run in the order of their keys, and so does their undo."""
        self.link.ask("acts", what, lambda session: Acted(work(session), way_back))

    @on(SessionOpened)
    def _opened(self, message: SessionOpened) -> None:
        if message.number != self.link.number:
            return
        self.link.session = message.session
        self.freeze = Freeze(message.restored)
        self._saved, self.memory = message.memory, Memory.read(message.memory)
        self.case = self.memory.case
        self.view.resume(self.memory.views.get(self.view.place, {}))
        if self.memory.place in self.MODES:
            self.do_go(self.memory.place)
        self.show()

    @on(SessionRefused)
    def _refused(self, message: SessionRefused) -> None:
        if message.number == self.link.number:
            self.link.refused, self.link.session = True, None
            self.push_screen(ConnectionScreen(message.trouble, message.message, message.hint))

    @on(SnapshotArrived)
    def _arrived(self, message: SnapshotArrived) -> None:
        if message.number != self.link.number:
            return
        self.freeze.arrive(message.snapshot)
        if self.since is None and message.snapshot.cycle:
            self.since = message.snapshot.now
        self.show()

    @on(Acted)
    def _acted(self, message: Acted) -> None:
        result = message.result
        self.freeze.touch(result.ids)
        if result.ok:
            self.say(f"{result.message}   {message.way_back}")
        else:
            self.say(result.message, "warning")
        self.show()

    @on(CallFailed)
    def _failed(self, message: CallFailed) -> None:
        self.say(f"{message.what}: {message.reason}", "error")

    # What is shown

    def show(self) -> None:
        """Hand the snapshot to the screen in front."""
        with self.batch_update():
            self.view.show(self.snapshot)

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """A toast; text of the cluster is safe here."""
        self.notify(clean(text), severity=severity, markup=False)

    def on_resize(self, event: events.Resize) -> None:
        """Below the smallest size, say so and swallow keys."""
        self._guard(event.size)

    def _guard(self, size: Size) -> None:
        small = size.width < SMALLEST[0] or size.height < SMALLEST[1]
        guarded = isinstance(self.screen, TooSmall)
        if small and not guarded:
            self.push_screen(TooSmall(*SMALLEST))
        elif guarded and not small:
            self.pop_screen()

    # Keys, commands, palette

    def action_perform(self, name: str) -> None:
        """What every key of the registry is bound to."""
        self.perform(BY_ID[name])

    def perform(self, action: Action, *typed: str) -> None:
        """Do it, or say why not."""
        if reason := action.refusal(self.situation):
            self.say(f"{action.title}: {reason}", "warning")
        elif action.handler:
            name = f"do_{action.handler}"
            handler = getattr(self.view, name, None) or getattr(self, name)
            handler(*action.arguments, *typed)
        else:
            self.simulate_key(action.keys.split(",")[0])

    def run_command(self, word: str, argument: str) -> None:
        """What was typed after `:`."""
        action = COMMANDS.get(word)
        if action is None:
            self.say(f"no command is called {word!r}: ? lists them", "warning")
        elif not action.applies(self.view.place):
            self.say(f":{word} does nothing on this screen", "warning")
        elif action.parameter and not argument:
            self.say(f"usage: :{word} {action.parameter}", "warning")
        else:
            self.perform(action, *([argument] if action.parameter else []))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:  # noqa: ARG002
        """The palette's fixed part: all actions of the screen in front."""
        for action in actions_of(self.view.place):
            if action.handler and not action.parameter:
                yield SystemCommand(action.title, action.tooltip, partial(self.perform, action))

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        """Two actions on one key, by the engineer's keymap: the one that the keymap names wins."""
        names = ", ".join(sorted(binding.id or binding.action for binding in clashed_bindings))
        logger.warning("keymap: a key of %s was given to another action on %s", names, node)

    # What keys do on every screen

    def do_go(self, place: str) -> None:
        """To a top-level screen."""
        if place == "investigation" and self.current_mode != place:
            self._origin = self.current_mode
        if place != self.current_mode:
            self._previous = self.current_mode
            self.switch_mode(place)
            self._guard(self.size)

    def open_case(self, number: int) -> None:
        """An investigation on its screen."""
        self.case = number
        self.do_go("investigation")
        self.show()

    def do_case(self, number: str) -> None:
        """An investigation by its number."""
        if number.lstrip("#").isdecimal():
            self.open_case(int(number.lstrip("#")))
        else:
            self.say(f"case {number!r}: a number is needed", "warning")

    def do_last(self) -> None:
        """To the screen before this one."""
        self.do_go(self._previous)

    def do_back(self) -> None:
        """Back; from a top-level screen out."""
        if len(self.screen_stack) > 1:
            self.pop_screen()
        elif self.current_mode == "investigation":
            self.do_go(self._origin)
        else:
            self.do_quit()

    def do_escape(self) -> None:
        """Back; a top-level screen stays."""
        if len(self.screen_stack) > 1 or self.current_mode == "investigation":
            self.do_back()

    def do_pause(self) -> None:
        """Freeze, or follow again."""
        self.say("frozen: P follows again" if self.freeze.toggle() else "following again")
        self.show()

    def do_refresh(self) -> None:
        """A cycle now."""
        self.say("running a cycle now")
        self.link.ask("checks", "refresh", lambda session: session.refresh())

    def do_undo(self) -> None:
        """Take back the last act."""
        self.act("undo", lambda session: session.undo(), "Z does it again")

    def do_redo(self) -> None:
        """Do it again."""
        self.act("redo", lambda session: session.redo())

    def do_help(self) -> None:
        """The keys of this screen."""
        self.push_screen(HelpDialog(self.view.place, self.situation, self.keys))

    def do_command(self) -> None:
        """Type a command."""
        self.view.open_command_line()

    def do_palette(self) -> None:
        """Textual's palette."""
        self.action_command_palette()

    def do_theme(self, name: str) -> None:
        """Other colours."""
        if name in self.available_themes:
            self.theme = name
        else:
            self.say(f"theme {name!r}: there are {', '.join(sorted(self.available_themes))}", "warning")

    def do_connect(self) -> None:
        """Choose what to connect to."""
        self.push_screen(ConnectionScreen())

    def do_quit(self) -> None:
        """Out, keeping everything."""
        self.save()
        self.exit(0)

    async def action_quit(self) -> None:
        """Textual's own way out."""
        self.do_quit()

    # What is remembered

    def save(self) -> None:
        """Keep the screens' state where it has changed."""
        if self.link.session is None:
            return
        self.keep(self.view)
        self.memory.place, self.memory.case = self.current_mode, self.case
        text = self.memory.write()
        if text != self._saved:
            self._saved = text
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

    Returns:
        The exit code.
    """
    console = Console(session_factory, connections=connections, catalogue=catalogue, theme=theme, keymap=keymap)
    try:
        console.run(mouse=mouse)
    finally:
        console.link.close()
    return console.return_value if console.return_value is not None else console.return_code or 0
