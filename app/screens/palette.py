"""Investigations in the command palette: found by number, workload or signal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Provider
from textual.content import Content
from textual.markup import escape

from widgets.text import clean

if TYPE_CHECKING:
    from textual.command import Hits

    from app.console import Console
    from app.snapshot import InboxRow

MOST = 12
"""Investigations offered before anything is typed."""


class CaseProvider(Provider):
    """The rows of the inbox as palette entries."""

    @property
    def _console(self) -> Console:
        app: Console = self.app  # type: ignore[assignment]
        return app

    async def discover(self) -> Hits:
        """The worst ones."""
        for row in self._console.snapshot.rows[:MOST]:
            yield DiscoveryHit(Content(_text(row)), partial(self._open, row), _text(row), help=_help(row))

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for row in self._console.snapshot.rows:
            text = _text(row)
            if (score := matcher.match(text)) > 0:
                # Never through markup: names belong to whoever can write to the cluster.
                yield Hit(score, Content(text), partial(self._open, row), text, help=_help(row))

    def _open(self, row: InboxRow) -> None:
        self._console.open_case(row.investigation.id)


def _text(row: InboxRow) -> str:
    record = row.investigation
    return clean(f"#{record.id} {record.entity.title} {record.title}", 100)


def _help(row: InboxRow) -> str:
    # The palette reads its help as markup.
    return escape(clean(row.reason, 100))
