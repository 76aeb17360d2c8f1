"""The filter of every list: a grammar that needs no manual, and the bar it is typed into.

    checkout                rows with `checkout` in any field
    !kafka                  rows without it
    namespace:shop          rows whose field `namespace` contains `shop`; `namespace:` alone: has any
    !state:closed           rows whose field does not
    "no data" shop          quoted spaces; several terms must all hold; case never matters

What is no field of the list is plain text, so `nginx:1.27` and `host:8080` mean themselves.

    query = parse("shop !state:closed")
    query.matches(fold({"workload": "shop/cart", "state": "open"}))   # True
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.reactive import reactive
from textual.widgets import Input, Static

from widgets.line_input import LineInput
from widgets.message import WidgetMessage
from widgets.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import ClassVar

    from textual.content import Content
    from textual.message import Message

_TERM = re.compile(r'(!?)(?:([\w.-]+):)?(?:"([^"]*)"?|(\S*))')


class Term(Struct, frozen=True):
    """One condition of a query."""

    needle: str
    """Folded text to find."""
    field: str = ""
    """Folded name of the field to look in; empty for all."""
    negated: bool = False

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Whether folded fields fulfil it."""
        value = fields.get(self.field) if self.field else None
        if value is not None:
            found = self.needle in value if self.needle else bool(value)
        else:
            literal = f"{self.field}:{self.needle}" if self.field else self.needle
            # Joined with what no needle can hold, so that a match never spans two fields.
            found = literal in "\n".join(fields.values())
        return found is not self.negated


class Query(Struct, frozen=True):
    """A parsed filter; without terms it matches everything."""

    text: str = ""
    """As typed."""
    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    def matches(self, fields: Mapping[str, str]) -> bool:
        """Whether a row with these folded fields (see `fold`) is shown."""
        return all(term.matches(fields) for term in self.terms)


def parse(text: str) -> Query:
    """A filter as typed; every text is a valid one, and half-typed terms (`!`, `""`) are ignored."""
    terms = []
    for match in _TERM.finditer(text):
        bang, field, quoted, word = match.groups()
        needle = (quoted if quoted is not None else word).casefold()
        if needle or field:
            terms.append(Term(needle, (field or "").casefold(), bool(bang)))
    return Query(text, tuple(terms))


def unmatched(query: Query, names: Iterable[str]) -> str:
    """Why a filter leaves no row of a list whose fields have these names: a misspelt name is plain text to it."""
    known = tuple(names)
    missing = dict.fromkeys(term.field for term in query.terms if term.field and term.field not in known)
    lines = [f"No field is called '{name}'." for name in missing]
    if missing:
        lines.append(f"There are: {', '.join(known)}")
    return "\n".join(["No row matches the filter.", *lines, "esc clears it"])


def fold(fields: Mapping[str, str]) -> dict[str, str]:
    """Fields in the form that queries compare with; their names are lower case."""
    return {name: value.casefold() for name, value in fields.items()}


class FilterBar(Horizontal):
    """The line a filter is typed into, with the number of rows it leaves.

    Hidden until `open()`; stays visible while it holds text. Enter goes back to the list and keeps the filter, escape
    clears it first and then closes the bar.

        yield FilterBar(id="filter")
        @on(FilterBar.Changed)
        def _filter(self, event): self.query_one(RowList).filter(event.query)
    """

    DEFAULT_CSS = """
    FilterBar {
        height: 1;
        display: none;
        background: $panel;
        &.-open { display: block; }
        & > #filter-sign { width: 2; color: $text-accent; text-style: bold; }
        & > Input { width: 1fr; background: transparent; }
        & > #filter-count { width: auto; min-width: 8; padding: 0 1; color: $text-muted; text-align: right; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Clear filter", id="filter.clear", show=False),
        Binding("down", "leave", "To the list", id="filter.leave", show=False),
    ]

    shown: reactive[tuple[int, int] | None] = reactive(None)
    """How many rows match, of how many; set by the screen after filtering."""

    names: reactive[tuple[str, ...]] = reactive(())
    """The fields that a row of the list has."""

    class Changed(WidgetMessage):
        """The filter is another one."""

        def __init__(self, control: FilterBar, query: Query) -> None:
            super().__init__(control)
            self.query = query

        def can_replace(self, message: Message) -> bool:
            """While typing fast only the newest filter counts."""
            return isinstance(message, FilterBar.Changed)

    class Left(WidgetMessage):
        """The engineer is done typing: the list should have the focus."""

    @property
    def query_text(self) -> str:
        """The filter as typed."""
        return self._line.value if self.children else ""

    @property
    def _line(self) -> LineInput:
        """The input; sign, input and count are made when first wanted: the first paint does not wait for them."""
        if not self.children:
            self.mount(
                Static("/", id="filter-sign"),
                LineInput(self._grammar),
                Static(self._told, id="filter-count"),
            )
        return self.query_one(LineInput)

    @property
    def _grammar(self) -> str:
        """What can be typed, with the names there are."""
        names = f"   fields: {', '.join(self.names)}" if self.names else ""
        return f"text  !not  field:value{names}"

    @property
    def _told(self) -> Content:
        """The count in words."""
        return plain("" if self.shown is None else f"{self.shown[0]} of {self.shown[1]}")

    def open(self) -> None:
        """Show the bar and type into it."""
        self.add_class("-open")
        # At once: `focus` waits in the queue, behind keys that were typed already.
        self.screen.set_focus(self._line)

    def set_text(self, text: str) -> None:
        """Put a filter in place, as when a session is restored; `Changed` follows."""
        if text != self.query_text:
            self._line.value = text
        self.set_class(bool(text), "-open")

    def action_clear(self) -> None:
        """Clear the filter; an empty one is closed."""
        if self.query_text:
            self._line.value = ""
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Give the focus back; the bar stays while it filters."""
        self.set_class(bool(self.query_text), "-open")
        self.post_message(self.Left(self))

    def watch_shown(self) -> None:
        """Write the count."""
        if self.children:
            self.query_one("#filter-count", Static).update(self._told)

    def watch_names(self) -> None:
        """Name them in the empty line."""
        if self.children:
            self._line.placeholder = self._grammar

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self, parse(event.value)))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_leave()
