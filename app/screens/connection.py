"""Where the console starts when it cannot connect: what is the matter, what to do, and what to connect to instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, OptionList, Static

from app.actions import actions_of
from app.connection import Choice
from app.keymap import bindings
from app.messages import DATABASE, ChoiceKept, ConnectionsTested, ContextsFound
from app.screens.settings import check_lines
from app.screens.view import View
from widgets import palette
from widgets.text import multi, plain

if TYPE_CHECKING:
    from textual.app import ComposeResult

WELCOME = "Tocsin reads a Prometheus server and a Kubernetes cluster, and writes to neither."
AS_SET = "as the settings say"
HOLDS = "Connect holds until you quit; Keep also writes to the settings file."
NO_URL = "http://prometheus.example:9090   empty: as the settings say, or found in the cluster"
AS_SET_ROW = 0
"""The first of the offered contexts: the kubeconfig's own choice."""


class ConnectionScreen(View):
    """A URL, a context, a test; and the demo for those who have neither."""

    place = "connection"
    CSS_PATH = "connection.tcss"
    BINDINGS = bindings(action for action in actions_of(place) if action.places)
    AUTO_FOCUS = "#url"

    def __init__(self, trouble: str = "", message: str = "", hint: str = "") -> None:
        super().__init__()
        self._trouble = trouble
        self._message = message
        self._hint = hint
        self._contexts: tuple[str, ...] = ()
        if trouble == DATABASE:
            self.add_class("-database")

    def body(self) -> ComposeResult:
        """What is the matter above what can be chosen above what a test says."""
        with VerticalScroll(id="connection", can_focus=False):
            yield Static(self._reason(), id="reason", markup=False)
            yield Static(Content("Prometheus URL, with its path prefix if it has one"), classes="label", markup=False)
            yield Input(self._known.prometheus, placeholder=NO_URL, id="url")
            yield Static(Content("Kubernetes context"), classes="label", markup=False)
            yield OptionList(Content(AS_SET), id="contexts", markup=False)
            yield Static(Content(HOLDS), classes="label", id="holds", markup=False)
            with Horizontal(id="buttons"):
                yield Button(Content("Test  ctrl+t"), id="test", compact=True)
                yield Button(Content(self._go_on), id="use", compact=True, variant="primary")
                yield Button(Content("Keep  ctrl+y"), id="keep", compact=True)
                yield Button(Content("Demo  ctrl+o"), id="demo", compact=True)
            yield Static(id="results", markup=False)

    @property
    def _known(self) -> Choice:
        """What is in use: chosen before, or as the settings say. An address that holds a secret is not shown."""
        known = self.console.link.choice or self.console.connections.configured
        return replace(known, prometheus="") if "@" in known.prometheus else known

    @property
    def _go_on(self) -> str:
        """What the button in the middle does."""
        return "Try again  ctrl+s" if self._trouble == DATABASE else "Connect  ctrl+s"

    def _reason(self) -> Content:
        if not self._message:
            return Content(WELCOME)
        title = "The database cannot be used" if self._trouble == DATABASE else f"Not connected: {self._trouble}"
        head = Content.assemble(palette.HEALTH["down"].sign, " ", plain(title, style=palette.BAD))
        parts = [head, multi(self._message)]
        if self._hint:
            parts.append(Content.styled(multi(self._hint).plain, palette.DOUBTFUL))
        return Content("\n").join(parts)

    def on_mount(self) -> None:
        """Look which contexts there are, where one can be chosen."""
        if self._trouble == DATABASE:
            self.set_focus(self.query_one("#use"))
        connections = self.console.connections
        self.console.link.run("checks", "kubeconfig", lambda: ContextsFound(connections.contexts()), self)

    @on(ContextsFound)
    def _contexts_found(self, message: ContextsFound) -> None:
        self._contexts = message.contexts
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Content(AS_SET), *(plain(context) for context in message.contexts)])
        chosen = self._known.context
        options.highlighted = message.contexts.index(chosen) + 1 if chosen in message.contexts else AS_SET_ROW

    @property
    def choice(self) -> Choice:
        """What is chosen at the moment."""
        row = self.query_one(OptionList).highlighted or AS_SET_ROW
        context = self._contexts[row - 1] if 0 < row <= len(self._contexts) else ""
        return Choice(self.query_one(Input).value.strip(), context)

    def do_test(self) -> None:
        """Try what is chosen."""
        connections, choice = self.console.connections, self.choice
        asked = (
            f"asking Prometheus at {choice.prometheus or 'the address that is set, or where the cluster has it'} ...",
            f"asking Kubernetes in the context {choice.context or 'that the kubeconfig chooses'} ...",
        )
        self._say([plain(line, style=palette.DOUBTFUL) for line in asked])
        self.console.link.run("checks", "test", lambda: ConnectionsTested(connections.test(choice)), self)

    def do_use(self) -> None:
        """Connect to what is chosen."""
        self._connect(self.choice)

    def do_keep(self) -> None:
        """Write what is chosen to the settings file, and connect to it."""
        connections, choice = self.console.connections, self.choice
        self.console.link.run("acts", "keep", lambda: ChoiceKept(choice, connections.keep(choice)), self)

    @on(ChoiceKept)
    def _kept(self, message: ChoiceKept) -> None:
        if message.result.ok:
            self._connect(message.choice)
            self.console.say(message.result.message)
        else:
            self._say([plain(message.result.message, style=palette.BAD)])

    def do_demo(self) -> None:
        """The recorded incident."""
        self._connect(Choice(demo=True))

    def _connect(self, choice: Choice) -> None:
        self.console.connect(choice)
        self.console.pop_screen()

    @on(ConnectionsTested)
    def _tested(self, message: ConnectionsTested) -> None:
        self._say([line for check in message.results for line in check_lines(check)])

    def _say(self, lines: list[Content]) -> None:
        results = self.query_one("#results", Static)
        results.update(Content("\n").join(lines))
        self.call_after_refresh(results.scroll_visible)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        acts = {"test": self.do_test, "use": self.do_use, "keep": self.do_keep, "demo": self.do_demo}
        acts[event.button.id or "test"]()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.do_test()
