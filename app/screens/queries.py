"""The query behind a line: shown, copied, opened in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from textual import on

from app.messages import AddressFound
from app.screens.view import View
from app.wording import pasted
from detectors.words import counted
from widgets.text import clean

if TYPE_CHECKING:
    from app.snapshot import Session

RANGE = "2h"
"""What the browser shows."""


def graph_address(server: str, query: str) -> str:
    """Where a Prometheus server draws an expression; empty when the server is no web address."""
    parts = urlsplit(server)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    fields = urlencode({"g0.expr": query, "g0.tab": "0", "g0.range_input": RANGE})
    # Without user and password: the address goes to another program.
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}/graph?{fields}"


def find_address(session: Session, query: str) -> AddressFound:
    """Where to look at a query; reads the settings."""
    if query.startswith("kubectl"):
        return AddressFound("", "this is a kubectl command: c copies it")
    server = next((value.value for value in session.settings() if value.key == "prometheus.url"), "")
    address = graph_address(server, query)
    return AddressFound(address, "" if address else "Prometheus is not reached by a web address: c copies the query")


class QueryView(View):
    """A screen whose selected line has a query."""

    def explain(self, title: str, text: str, query: str) -> None:
        """Show what is behind a line."""
        from app.screens.query import QueryDialog

        query = pasted(query, self.console.snapshot.kubeconfig)

        def answered(answer: str | None) -> None:
            if answer == "copy":
                self.copy(query)
            elif answer == "browse":
                self.browse(query)

        self.app.push_screen(QueryDialog(title, text, query), answered)

    def copy(self, text: str, kind: str = "") -> None:
        """To the terminal's clipboard; the toast says what kind of text, not the text, which may be long."""
        kind = kind or ("command" if text.startswith("kubectl ") else "query")
        text = pasted(text, self.console.snapshot.kubeconfig)
        self.app.copy_to_clipboard(text)
        self.console.say(f"copied the {kind} ({counted(len(text), 'characters')}) through the terminal (OSC 52)")

    def browse(self, query: str) -> None:
        """To the browser."""
        self.console.link.ask("reads", "browse", lambda session: find_address(session, query), self)

    def do_copy_query(self) -> None:
        """Copy the selected line's query."""
        self.copy(self.console.situation.query)

    def do_copy_name(self) -> None:
        """Copy the selected line's name: the cluster's text, and it may end up in a shell."""
        self.copy(clean(self.console.situation.name), "name")

    def do_browse(self) -> None:
        """Open the selected line's query."""
        self.browse(self.console.situation.query)

    @on(AddressFound)
    def _address_found(self, message: AddressFound) -> None:
        if message.url:
            self.app.open_url(message.url)
        else:
            self.console.say(message.reason, "warning")
