"""Why a run of a program ended, in the words that it wrote: the line that says why, which seldom is the last one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from app.investigation.logs.dialects import Level
from app.investigation.logs.templates import template, templates
from app.investigation.logs.topics import topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from app.investigation.logs.entries import Entry

_CONSEQUENCE = re.compile(
    r"(?:exit(?:ed|ing)?(?: status| code| with(?: exit)?(?: code| status)?)?\W*\d*\W*|shutting down\b.{0,80}|"
    r"(?:graceful )?shutdown\b.{0,40}|terminat(?:ed|ing)\W*|abort(?:ed|ing)?\W*|killed\W*|node\.js v[\d.]+|"
    r"npm err!.{0,40}(?:elifecycle|errno|complete log|debug.{0,3}\.log|exit status|this is probably).{0,200}|"
    r"error: command failed.{0,200}|command terminated.{0,200}|stopped\W*|bye\W*|giving up\W*|goroutine \d+.{0,40}|"
    r"(?:the )?database system is shut(?: |ting )down|received (?:signal|sig\w+).{0,80}|.{0,40}\(core dumped\)|"
    r"process finished.{0,80}|fatal error\W*|startup failed\W*|panic\W*|beende\b.{0,60}|wird beendet\W*)$",
    re.IGNORECASE,
)
"""Lines that say that it ends, not why."""
_ACCESS = re.compile(r'(?:.{0,120}")?(?:GET|HEAD|POST|PUT) /\S{0,200}(?: HTTP/[\d.]+)?"?\s+\d{3}\b', re.IGNORECASE)
"""A line of an access log: it tells of an answer, not of its reason."""


class Reason(NamedTuple):
    """The entry that says why."""

    entry: Entry
    sure: bool
    """Whether its level or the comparison says so; else it is merely the last thing that was written."""


def reason(run: Sequence[Entry], healthy: Sequence[Entry] = ()) -> Reason | None:
    """The entry of a failed run that says why it failed; None where it wrote nothing that could.

    The first that calls itself fatal, else the first error, that a healthy sibling does not write as well; then the
    first warning or line without a level that is about something known to fail; then the first line that the sibling
    never writes, a warning where the two logs have nothing in common; at last the last line that says more than that
    it ends.

    Args:
        run: what the failed run wrote, oldest first.
        healthy: what a sibling wrote in which all is well; empty where there is none.
    """
    telling = [entry for entry in run if not _idle(entry)]
    usual = templates(healthy)
    fresh = [entry for entry in telling if template(entry.text) not in usual]
    for candidates in (
        _of(fresh, Level.FATAL), _of(fresh, Level.ERROR), _known(fresh), _novel(telling, fresh, usual)
    ):  # fmt: skip
        found = next(iter(candidates), None)
        if found is not None:
            return Reason(found, True)
    return Reason(telling[-1], False) if telling else None


def _idle(entry: Entry) -> bool:
    return _CONSEQUENCE.match(entry.text) is not None or _ACCESS.match(entry.text) is not None


def _of(entries: Iterable[Entry], level: Level) -> Iterator[Entry]:
    return (entry for entry in entries if entry.level is level)


def _known(entries: Iterable[Entry]) -> Iterator[Entry]:
    unclear = (Level.WARN, Level.UNKNOWN)
    return (entry for entry in entries if entry.level in unclear and topic(entry.text) is not None)


def _novel(telling: Sequence[Entry], fresh: Sequence[Entry], usual: frozenset[str]) -> Iterator[Entry]:
    comparable = bool(usual) and len(fresh) < len(telling)
    yield from _of(fresh, Level.WARN)
    if comparable:
        yield from fresh
