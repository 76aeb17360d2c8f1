"""The console: the Textual app that owns the session, the newest snapshot, and the way between screens.

Screens show, `app.actions` says what keys do, `app.lanes` runs what blocks. Nothing here waits.
"""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App, SystemCommand, get_system_commands_provider

from app.actions import BY_ID, COMMANDS, PLACES, Action, Situation, actions_of
from app.connection import Choice, NoConnections
from app.freeze import Freeze
from app.keymap import bindings, unknown_ids
from app.lanes import Lanes
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

    from textual import events
    from textual.binding import Binding
    from textual.dom import DOMNode
    from textual.message import Message
    from textual.message_pump import MessagePump
    from textual.screen import Screen

    from app.connection import Connections, SessionFactory
    from app.snapshot import ActResult, Session

logger = logging.getLogger(__name__)

MEMORY = "console"
"""The key of `Session.remember` for the screen's state."""
SMALLEST = (60, 15)
"""Columns and rows below which nothing useful can be shown."""
FAREWELL = 0.8
"""Seconds that quitting waits for calls that are under way."""


class Console(App[int]):
    """Everything the engineer sees."""

    TITLE = "Tocsin"
    MODES: ClassVar[dict[str, Callable[[], Screen[Any]]]] = {
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
        connections: Connections | None = None,
        theme: str = "tocsin",
        keymap: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.connections = connections or NoConnections()
        self.session: Session | None = None
        self.keys: Mapping[str, str] = keymap or {}
        """The engineer's own keys by action id."""
        self.memory: dict[str, Any] = {}
        """Each screen's state, by place."""
        self.freeze = Freeze(Snapshot(cycle=0, now=0.0, cluster="", mode="live"))
        self.lanes = Lanes()
        self._factory = session_factory
        self._remembered = ""
        self._previous = PLACES[0].id
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
        return self.view.situation(self.session is not None)

    def on_mount(self) -> None:
        """Paint first, then connect."""
        if self.keys:
            self.set_keymap(self.keys)
            if unknown := unknown_ids(self.keys):
                self.say(f"keymap: no action is called {', '.join(unknown)}; see docs/keys.md", "warning")
        self.set_interval(5.0, self.save)
        self.call_after_refresh(self.connect, None)

    # The session

    def connect(self, choice: Choice | None) -> None:
        """Open a session on its own lane; the answer arrives as a message."""
        old, self.session = self.session, None

        def open_session() -> None:
            if old is not None:
                old.stop()
            try:
                session = self._factory(choice)
                self.tell(SessionOpened(session, session.restored(), session.recall(MEMORY)))
                session.start(lambda snapshot: self.tell(SnapshotArrived(snapshot)))
            except Exception as error:
                logger.exception("no session")
                self.tell(refusal_of(error))

        self.lanes.submit("session", open_session)

    def tell(self, message: Message, receiver: MessagePump | None = None) -> None:
        """Post a message from any thread; after the console has closed, nothing happens."""
        try:
            (receiver or self).post_message(message)
        except RuntimeError:
            logger.debug("the console has closed: %r is dropped", message)

    def ask(self, lane: str, what: str, work: Callable[[Session], Message], receiver: MessagePump | None = None) -> None:
        """Let the session do something on a lane; its message comes back to the receiver."""
        session = self.session
        if session is None:
            return

        def call() -> None:
            try:
                message = work(session)
            except Exception as error:
                logger.exception("%s failed", what)
                self.tell(CallFailed(what, reason_of(error)))
            else:
                self.tell(message, receiver)

        self.lanes.submit(lane, call)

    def act(self, what: str, work: Callable[[Session], ActResult], way_back: str = "z undoes") -> None:
        """Let the session act; acts run in the order of their keys, and so does their undo."""
        self.ask("acts", what, lambda session: Acted(work(session), way_back))

    @on(SessionOpened)
    def _opened(self, message: SessionOpened) -> None:
        self.session = message.session
        self.freeze.arrive(message.restored)
        state = decoded(message.memory)
        self.memory = state.get("views", {})
        self._remembered = message.memory
        self.view.resume(self.memory.get(self.view.place, {}))
        if state.get("place") in self.MODES:
            self.do_go(state["place"])
        self.show()

    @on(SessionRefused)
    def _refused(self, message: SessionRefused) -> None:
        self.push_screen(ConnectionScreen(message.trouble, message.message, message.hint))

    @on(SnapshotArrived)
    def _arrived(self, message: SnapshotArrived) -> None:
        self.freeze.arrive(message.snapshot)
        self.show()

    @on(Acted)
    def _acted(self, message: Acted) -> None:
        result = message.result
        self.freeze.touch(result.ids)
        self.say(f"{result.message}   {message.way_back}" if result.ok else result.message, "information" if result.ok else "warning")
        self.show()

    @on(CallFailed)
    def _failed(self, message: CallFailed) -> None:
        self.say(f"{message.what}: {message.reason}", "error")

    # What is shown

    def show(self) -> None:
        """Hand the snapshot to the screen in front."""
        with self.batch_update():
            self.view.show(self.snapshot)

    def say(self, text: str, severity: str = "information") -> None:
        """A toast; text of the cluster is safe here."""
        self.notify(clean(text), severity=severity, markup=False)  # type: ignore[arg-type]

    def on_resize(self, event: events.Resize) -> None:
        """Below the smallest size, say so and swallow keys: nobody should act on what cannot be seen."""
        self._guard_size(event.size.width < SMALLEST[0] or event.size.height < SMALLEST[1])

    def _guard_size(self, small: bool) -> None:
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
            return
        name = f"do_{action.handler}"
        handler = getattr(self.view, name, None) or getattr(self, name)
        handler(*action.arguments, *typed)

    def run_command(self, line: str) -> None:
        """What was typed after `:`."""
        word, _, rest = line.strip().partition(" ")
        action = COMMANDS.get(word)
        if action is None:
            self.say(f"no command is called {word!r}: ? lists them", "warning")
        elif not action.applies(self.view.place):
            self.say(f"{word}: not on this screen", "warning")
        elif action.parameter and not rest.strip():
            self.say(f"usage: :{word} {action.parameter}", "warning")
        else:
            self.perform(action, *([rest.strip()] if rest.strip() and action.parameter else []))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette's fixed part: all actions of this screen."""
        for action in actions_of(self.view.place):
            if action.handler and not action.parameter:
                yield SystemCommand(action.title, action.tooltip, lambda action=action: self.perform(action))

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:  # noqa: ARG002
        """Two actions on one key, by the engineer's keymap."""
        names = ", ".join(sorted(binding.id or binding.action for binding in clashed_bindings))
        logger.warning("keymap: the same key is given to another action than %s", names)

    def do_go(self, place: str) -> None:
        """To a top-level screen."""
        if place != self.current_mode:
            self._previous = self.current_mode
            self.switch_mode(place)

    def do_last(self) -> None:
        """To the screen before this one."""
        self.do_go(self._previous)

    def do_back(self) -> None:
        """Back, or out."""
        self.exit_console()

    def do_escape(self) -> None:
        """Nothing to leave on a top-level screen."""

    def do_quit(self) -> None:
        """Out."""
        self.exit_console()
