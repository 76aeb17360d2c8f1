"""Everything a key, a command or the palette can do, declared once.

Bindings, help, command line, palette, footer and `docs/keys.md` are all read from `ACTIONS`. An action names a handler:
the method `do_<handler>` of the screen in front, or else of the console.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable


class Group(StrEnum):
    """The columns of the help page."""

    TRIAGE = "Triage"
    HERE = "On this screen"
    CHART = "The chart, once tab has chosen it"
    MOVE = "Moving"
    SCREENS = "Screens"
    EVERYWHERE = "Everywhere"


class Place(Struct, frozen=True):
    """A top-level screen: its number key is its position in `PLACES`."""

    id: str
    title: str
    tooltip: str


PLACES = (
    Place("inbox", "Inbox", "What may be wrong, the worst first"),
    Place("investigation", "Investigation", "The investigation opened last, with all its evidence"),
    Place("coverage", "Coverage", "What is watched here, and what cannot be seen"),
    Place("settings", "Settings", "Every setting with its origin, and the connections"),
    Place("advisor", "Advisor", "Requests and limits that do not fit what containers use"),
    Place("quality", "Quality", "How good findings are by your labels, and what to label next"),
    Place("outbox", "Outbox", "What was sent, what was not, and what to do about it"),
    Place("workloads", "Workloads", "Every workload against what is usual for it, the worst first"),
)

INBOX, INVESTIGATION, COVERAGE, SETTINGS, ADVISOR, QUALITY, OUTBOX, WORKLOADS = (
    frozenset({place.id}) for place in PLACES
)
CASES = INBOX | INVESTIGATION
LABELLED = CASES | QUALITY
LISTED = CASES | COVERAGE | SETTINGS | ADVISOR | QUALITY | OUTBOX | WORKLOADS
CONNECTION = frozenset({"connection"})
EVERY_PLACE: frozenset[str] = frozenset()
"""No names: the action applies on every screen."""


class Situation(Struct, frozen=True):
    """What decides whether an action makes sense at this moment."""

    connected: bool
    """There is a session to ask."""
    cases: tuple[int, ...] = ()
    """Investigations an act would apply to: the marked ones, or the one under the cursor."""
    name: str = ""
    """What `copy` would copy."""
    query: str = ""
    """The PromQL or kubectl command behind the selected line."""
    messages: tuple[int, ...] = ()
    """Messages of the outbox that an act would apply to."""
    unsendable: str = ""
    """Why no case can be sent anywhere; empty where one can."""


def allowed(_: Situation) -> str:
    """No reason against it, ever."""
    return ""


def with_session(situation: Situation) -> str:
    """Needs a session."""
    return "" if situation.connected else "still starting: there is nothing to ask yet"


def with_case(situation: Situation) -> str:
    """Needs an investigation to apply to."""
    return with_session(situation) or ("" if situation.cases else "no investigation is selected")


def with_destination(situation: Situation) -> str:
    """Needs an investigation, and somewhere to send it."""
    return with_case(situation) or situation.unsendable


def with_message(situation: Situation) -> str:
    """Needs a message of the outbox."""
    return with_session(situation) or ("" if situation.messages else "no message is selected")


def with_name(situation: Situation) -> str:
    """Needs something to copy."""
    return "" if situation.name else "nothing is selected that could be copied"


def with_row(situation: Situation) -> str:
    """Needs a line of the matrix."""
    return with_session(situation) or ("" if situation.name else "no line is selected")


def with_query(situation: Situation) -> str:
    """Needs a line with a query."""
    return with_session(situation) or ("" if situation.query else "the selected line has no query")


class Action(Struct, frozen=True):
    """One thing the engineer can do."""

    id: str
    """Also the id of its binding: what a keymap in the settings names."""
    keys: str
    """Textual key names, comma separated; empty for what only the command line and the palette offer."""
    title: str
    tooltip: str
    group: Group
    handler: str = ""
    """`do_<handler>`; empty where a widget binds the key itself."""
    arguments: tuple[str, ...] = ()
    places: frozenset[str] = EVERY_PLACE
    footer: int = 0
    """Its place in the footer, 1 first; 0 for not there."""
    command: str = ""
    """Its word on the `:` line."""
    parameter: str = ""
    """What the command takes after its word, as help shows it."""
    typing: bool = False
    """It opens a line to type into: done before the next key is looked at, so that a burst of keys goes there whole."""
    refusal: Callable[[Situation], str] = field(default=allowed)
    """Why it is not possible now; empty when it is."""

    def applies(self, place: str) -> bool:
        """Whether it exists on that screen."""
        return not self.places or place in self.places


def _places() -> tuple[Action, ...]:
    return tuple(
        Action(
            f"go.{place.id}",
            str(number),
            place.title,
            place.tooltip,
            Group.SCREENS,
            "go",
            (place.id,),
            command=place.id,
        )
        for number, place in enumerate(PLACES, 1)
    )


def _lists() -> tuple[Action, ...]:
    """The keys of lists and panes: widgets bind them, here they are only described; a test compares the two."""
    rows = (
        ("move.down", "j,down", "Down", "One line down"),
        ("move.up", "k,up", "Up", "One line up"),
        ("move.top", "g,home", "Top", "To the first line"),
        ("move.bottom", "G,end", "End", "To the last line"),
        ("move.half-down", "ctrl+d", "Half a page down", "Half a page down"),
        ("move.half-up", "ctrl+u", "Half a page up", "Half a page up"),
        ("move.page-down", "pagedown,ctrl+f", "Page down", "A page down"),
        ("move.page-up", "pageup,ctrl+b", "Page up", "A page up"),
        ("list.open", "enter", "Open", "Open the line: its investigation, query or value"),
        ("list.mark", "space", "Mark", "Mark or unmark the line; acts go to all that are marked"),
        ("list.mark-range", "v", "Mark range", "Mark up to the line under the cursor"),
        ("list.unmark", "ctrl+backslash", "Clear marks", "Unmark all"),
        ("list.sort", "O", "Sort", "Sort by the chosen column; again reverses, a third time ranks"),
        ("list.column-left", "shift+left", "Column left", "Choose the column to the left for sorting"),
        ("list.column-right", "shift+right", "Column right", "Choose the column to the right for sorting"),
    )
    places = dict.fromkeys(("list.mark", "list.mark-range", "list.unmark"), INBOX | OUTBOX | WORKLOADS)
    footer = {"list.open": 1, "list.mark": 11}
    return tuple(
        Action(name, keys, title, tooltip, Group.MOVE, places=places.get(name, LISTED), footer=footer.get(name, 0))
        for name, keys, title, tooltip in rows
    )


def _chart() -> tuple[Action, ...]:
    """The keys of the chart, described like those of lists."""
    rows = (
        ("chart.earlier", "left", "Earlier", "Inspect the sample before"),
        ("chart.later", "right", "Later", "Inspect the sample after"),
        ("chart.inspect", "v", "Inspect", "Read values off the chart, or stop"),
        ("chart.zoom-in", "plus,equals_sign", "Zoom in", "Half the time, around the inspected sample or up to now"),
        ("chart.zoom-out", "underscore", "Zoom out", "Twice the time"),
        ("chart.pan-left", "H", "Pan left", "A quarter back in time"),
        ("chart.pan-right", "L", "Pan right", "A quarter forward in time"),
        ("chart.live", "0", "Whole", "All of it again, up to now"),
    )
    return tuple(Action(name, keys, title, tip, Group.CHART, places=INVESTIGATION) for name, keys, title, tip in rows)


def _triage() -> tuple[Action, ...]:
    def act(name: str, keys: str, title: str, tooltip: str, footer: int, *call: str, command: str = "") -> Action:
        handler, *arguments = call
        places = LABELLED if handler.startswith("label") else CASES
        return Action(
            f"case.{name}", keys, title, tooltip, Group.TRIAGE, handler, tuple(arguments), places, footer, command,
            refusal=with_case,
        )  # fmt: skip

    return (
        act("acknowledge", "a", "Ack", "Take it; once more gives it back", 2, "acknowledge", command="ack"),
        act("true", "t", "True", "Label as a real problem, go to the next", 3, "label", "true", command="true"),
        act("false", "f", "False", "Label as noise, go to the next", 4, "label", "false", command="false"),
        act("unsure", "u", "Unsure", "Label as unsure, go to the next", 7, "label", "unsure", command="unsure"),
        act("true-because", "T", "True, why", "Label as a real problem, and say why", 0, "label_because", "true"),
        act("false-because", "F", "False, why", "Label as noise, and say why", 0, "label_because", "false"),
        act("unsure-because", "U", "Unsure, why", "Label as unsure, and say why", 0, "label_because", "unsure"),
        act("snooze", "s", "Snooze", "Hide it for 15 minutes, 1 hour, 4 hours, or until the next rollout", 5, "snooze"),
        act("mute", "m", "Mute", "Mute its pattern; says what that would have hidden", 0, "mute", command="mute"),
        Action(
            "case.silence",
            "M",
            "Silence",
            "Hide a namespace, workload, signal or environment for a while, or in a "
            "maintenance window; says what that hides",
            Group.TRIAGE,
            "silence",
            places=CASES,
            command="silence",
            refusal=with_session,
        ),
        act("close", "x", "Close", "Close it", 8, "close", command="close"),
        act("pin", "p", "Pin", "Keep it at the top; once more lets it go", 9, "pin", command="pin"),
    )


def _here() -> tuple[Action, ...]:
    here = Group.HERE
    return (
        Action("pane.next", "tab", "Next pane", "To the next pane", here, "pane", ("1",), INVESTIGATION, footer=1),
        Action("pane.previous", "shift+tab", "Previous pane", "To the one before", here, "pane", ("-1",),
               INVESTIGATION),
        Action("snooze.for", "", "Snooze for", "Hide it for a time such as 15m, 1h or 4h", Group.TRIAGE, "snooze",
               places=CASES, command="snooze", parameter="TIME", refusal=with_case),
        Action("case.send", "S", "Send", "Show the message of it, and send it by hand", Group.TRIAGE, "send",
               places=CASES, footer=6, command="send", refusal=with_destination),
        Action("inbox.hidden", "h", "Hidden", "Show or hide what is snoozed, muted or closed", here, "hidden",
               places=INBOX),
        Action("settings.test", "T", "Test", "Test the connections and the rights", here, "test", places=SETTINGS,
               footer=2, command="test", refusal=with_session),
        Action("settings.file", "e", "File", "Open the settings file in $EDITOR", here, "edit_file", places=SETTINGS,
               footer=3, command="edit", refusal=with_session),
        Action("advisor.look", "A", "Look", "Compare requests and limits with what was used now", here, "look",
               places=ADVISOR, footer=2, command="advise", refusal=with_session),
        Action("quality.face", "w,right_square_bracket", "Lists", "Detectors, signals, workloads, what to label next, "
               "incidents", here, "face", ("1",), QUALITY, footer=2),
        Action("quality.face-before", "left_square_bracket", "List before", "The list before this one", here, "face",
               ("-1",), QUALITY),
        Action("quality.accept", "A", "Accept", "Put the proposal in force; a rule out of it, or in it again", here,
               "accept", places=QUALITY, footer=5, command="accept", refusal=with_session),
        Action("outbox.retry", "R", "Retry", "Send it again, at once", here, "retry", places=OUTBOX, footer=2,
               command="retry", refusal=with_message),
        Action("outbox.drop", "D", "Drop", "Take it out, unless it was sent", here, "drop", places=OUTBOX, footer=3,
               command="drop", refusal=with_message),
        Action("coverage.switch", "d", "Off/on", "Switch it off, or on again, in the settings file", here,
               "switch", places=COVERAGE, footer=2, command="switch", refusal=with_row),
        Action("coverage.switch-group", "D", "Group off/on", "Switch all rows of the group off, or on again", here,
               "switch_group", places=COVERAGE, refusal=with_row),
        Action("coverage.face", "w", "Workloads", "The matrix by workload; once more by issue type", here, "face",
               places=COVERAGE, footer=3, command="by-workload"),
        Action("coverage.markdown", "C", "Copy all", "Copy the matrix as Markdown", here, "copy_markdown",
               places=COVERAGE, footer=7, command="markdown"),
        Action("case.narrate", "N", "Narrate", "Let the model of the settings put the evidence into words", here,
               "narrate", places=INVESTIGATION, command="narrate", refusal=with_case),
        Action("case.export", "E", "Export", "Write it to a file as Markdown, and say where", here, "export",
               places=INVESTIGATION, command="export", refusal=with_case),
        Action("copy.query", "c", "Copy query", "Copy the query of the selected line", here, "copy_query",
               places=INVESTIGATION | COVERAGE | ADVISOR, footer=6, refusal=with_query),
        Action("copy.name", "c", "Copy", "Copy the name", here, "copy_name",
               places=INBOX | SETTINGS | OUTBOX | WORKLOADS,
               refusal=with_name),
        Action("browse", "o", "Browse", "Open the query in Prometheus, in the browser", here, "browse",
               places=INBOX | INVESTIGATION | COVERAGE | ADVISOR, refusal=with_query),
        Action("connection.test", "ctrl+t", "Test", "Try these values", here, "test", places=CONNECTION, footer=1),
        Action("connection.use", "ctrl+s", "Use", "Use these values now, until you quit", here, "use",
               places=CONNECTION, footer=2),
        Action("connection.keep", "ctrl+y", "Keep", "Use these values, and write them to the settings file", here,
               "keep", places=CONNECTION, footer=3),
        Action("connection.demo", "ctrl+o", "Demo", "Replay a recorded incident instead", here, "demo",
               places=CONNECTION, footer=4),
    )  # fmt: skip


def _everywhere() -> tuple[Action, ...]:
    everywhere = Group.EVERYWHERE
    lists = LISTED - INVESTIGATION
    return (
        Action("undo", "z", "Undo", "Take back the last act", everywhere, "undo", (), LISTED, 6, "undo",
               refusal=with_session),
        Action("redo", "Z", "Redo", "Do it again", everywhere, "redo", (), LISTED, 0, "redo",
               refusal=with_session),
        Action("pause", "P", "Pause", "Freeze the screen; once more follows again", everywhere, "pause", (), LISTED, 10,
               "pause"),
        Action("refresh", "ctrl+r", "Refresh", "Run a cycle now", everywhere, "refresh", command="refresh",
               refusal=with_session),
        Action("filter", "/", "Filter", "Filter the list: text, !not, key:value", everywhere, "filter", places=lists,
               footer=2, typing=True),
        Action("filter.namespace", "", "Namespace", "Show one namespace; `*` shows all", everywhere, "namespace",
               places=INBOX, command="ns", parameter="NAME"),
        Action("case", "", "Case", "Open an investigation by its number", everywhere, "case", command="case",
               parameter="NUMBER", refusal=with_session),
        Action("connect", "", "Connect", "Choose Prometheus and the cluster", everywhere, "connect", command="connect"),
        Action("theme", "", "Theme", "Change the colours", everywhere, "theme", command="theme", parameter="NAME"),
        Action("dump", "ctrl+s", "Dump", "Write the screen to files: SVG and text", everywhere, "dump", (), LISTED,
               command="dump"),
        Action("command", ":", "Command", "Type a command", everywhere, "command", footer=2, typing=True),
        Action("palette", "ctrl+p", "Palette", "Find an action or an investigation", everywhere, "palette"),
        Action("help", "?", "Help", "The keys of this screen", everywhere, "help", footer=1, command="help",
               typing=True),
        Action("last", "-", "Last view", "The screen before this one", everywhere, "last"),
        Action("escape", "escape", "Back", "Clear the filter, or go back", everywhere, "escape"),
        Action("back", "q", "Back", "Go back; on a top-level screen quit, keeping everything", everywhere, "back"),
        Action("quit", "ctrl+q", "Quit", "Quit, keeping everything", everywhere, "quit", command="quit"),
    )  # fmt: skip


ACTIONS: tuple[Action, ...] = (*_triage(), *_here(), *_chart(), *_lists(), *_places(), *_everywhere())
BY_ID = {action.id: action for action in ACTIONS}
ALIASES = {"q": "quit", "q!": "quit", "i": "inbox", "s": "settings", "cov": "coverage", "h": "help"}
"""Short forms of commands that fingers already know."""
COMMANDS = {action.command: action for action in ACTIONS if action.command} | {
    alias: next(action for action in ACTIONS if action.command == word) for alias, word in ALIASES.items()
}


def actions_of(place: str) -> tuple[Action, ...]:
    """What exists on a screen, in the registry's order."""
    return tuple(action for action in ACTIONS if action.applies(place))


def commands_of(place: str) -> tuple[str, ...]:
    """The words of the `:` line on a screen, for completion."""
    return tuple(word for word, action in COMMANDS.items() if action.applies(place))
