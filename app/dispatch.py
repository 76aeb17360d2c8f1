"""From a key, a command or the palette to what it does: the actions of the registry that exist on every screen."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from textual.app import SystemCommand
from textual.widgets import Input

from app.actions import BY_ID, COMMANDS, PLACES, actions_of
from app.messages import Acted
from app.ordered_keys import OrderedKeys
from app.screens.view import View
from widgets.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from textual import events
    from textual.binding import Binding
    from textual.dom import DOMNode
    from textual.geometry import Size
    from textual.notifications import SeverityLevel
    from textual.screen import Screen

    from app.actions import Action, Situation
    from app.freeze import Freeze
    from app.link import Link
    from app.snapshot import ActResult, Session

logger = logging.getLogger(__name__)

SMALLEST = (60, 15)
"""Columns and rows below which nothing useful can be shown."""
TOAST_SECONDS = 3.0
"""A toast lies over data: long enough to be read, no longer."""
GUARD = "-guard"
"""Marks the screen that says so; its own module is imported where there is need of it."""


class Dispatch(OrderedKeys):
    """An app whose keys come from the registry of actions."""

    link: Link
    freeze: Freeze
    keys: Mapping[str, str]
    """The engineer's own keys by action id."""
    case: int | None = None
    """The investigation that is open."""
    _previous = _origin = PLACES[0].id

    @property
    def view(self) -> View:
        """The screen in front, under any dialog."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, View))

    @property
    def situation(self) -> Situation:
        """What decides which actions are possible."""
        situation = self.view.situation(self.link.session is not None)
        return replace(situation, unsendable=self.freeze.shown.unsendable)

    def show(self) -> None:
        """Hand the snapshot to the screen in front."""
        with self.batch_update():
            self.view.show(self.freeze.shown)

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """A toast of one line in the place of the one before; text of the cluster is safe here."""
        # A toast is put up by a message: only one that comes before it takes down what was said just now.
        self.call_later(self.clear_notifications)
        self.notify(clean(text), severity=severity, timeout=TOAST_SECONDS, markup=False)

    def act(self, what: str, work: Callable[[Session], ActResult], way_back: str = "z undoes") -> None:
        """Let the session act; acts run in the order of their keys, and so does their undo."""
        raise NotImplementedError

    def save(self) -> None:
        """Keep the screens' state."""
        raise NotImplementedError

    def on_resize(self, event: events.Resize) -> None:
        """Below the smallest size, say so and swallow keys."""
        self._guard(event.size)

    def _guard(self, size: Size) -> None:
        small = size.width < SMALLEST[0] or size.height < SMALLEST[1]
        guarded = self.screen.has_class(GUARD)
        if small and not guarded:
            from app.screens.too_small import TooSmall

            self.push_screen(TooSmall(*SMALLEST, classes=GUARD))
        elif guarded and not small:
            self.pop_screen()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave a key that opens a line to type into to whatever is typed into already, and to dialogs."""
        if action == "perform" and BY_ID[str(parameters[0])].typing:
            return isinstance(self.screen, View) and not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

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
        from app.screens.help import HelpDialog

        self.push_screen(HelpDialog(self.view.place, self.situation, self.keys))

    def do_command(self) -> None:
        """Type a command."""
        self.view.open_command_line()

    def do_palette(self) -> None:
        """Textual's palette."""
        self.action_command_palette()

    def do_dump(self) -> None:
        """The screen as it is now, to files."""
        from app.dump import dumped, text_of

        picture, text = self.export_screenshot(), text_of(self.screen)
        self.link.run("acts", "dump", lambda: Acted(dumped(picture, text), ""))

    def do_theme(self, name: str) -> None:
        """Other colours."""
        if name in self.available_themes:
            self.theme = name
        else:
            self.say(f"theme {name!r}: there are {', '.join(sorted(self.available_themes))}", "warning")

    def do_connect(self, trouble: str = "", message: str = "", hint: str = "") -> None:
        """Choose what to connect to; after a refusal with the reason."""
        from app.screens.connection import ConnectionScreen

        self.push_screen(ConnectionScreen(trouble, message, hint))

    def do_quit(self) -> None:
        """Out, keeping everything."""
        self.save()
        self.exit(0)

    async def action_quit(self) -> None:
        """Textual's own way out."""
        self.do_quit()
