"""Templates: what stays the same of a message when numbers, identifiers and addresses change.

Whether a message is news shows against a log in which all is well: a template that this one lacks is new, one that
takes a far larger share of the lines is surging.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from app.investigation.logs.dialects import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.investigation.logs.entries import Entry

SURGE = 4.0
"""A template surges when its share of the entries is this many times that in the log it is compared with."""
LEAST_SURGING = 5
"""Entries below which nothing surges."""
_LEAST_IDENTIFIER = 6
"""Letters and digits from which a mixed word is an identifier, not a name like `v2` or `utf8`."""

_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_RUN = re.compile(r"[0-9A-Za-z]++")
_NUMBER = re.compile(r"\d++")
_MASKS = re.compile(r"#(?:[.:,/_+%-]?#)+")
_AMOUNT = re.compile(r"\d++[A-Za-z]{1,3}$")


class Group(NamedTuple):
    """The entries of one template."""

    template: str
    example: Entry
    """The first of them."""
    entries: int
    new: bool
    """Whether the log that it was compared with has none of them."""


def template(text: str) -> str:
    """The text with numbers, hexadecimal and mixed identifiers, addresses and times masked; linear in its length."""
    text = _RUN.sub(_mask, _UUID.sub("#", text))
    return _MASKS.sub("#", text)


def news(entries: Sequence[Entry], usual: Sequence[Entry]) -> tuple[Group, ...]:
    """The templates that are new or surging against a log in which all is well: the gravest and most frequent first.

    Where there is no such log nothing is known to be new.
    """
    if not usual:
        return ()
    before = Counter(template(entry.text) for entry in usual)
    now: dict[str, list[Entry]] = {}
    for entry in entries:
        now.setdefault(template(entry.text), []).append(entry)
    found = [Group(key, members[0], len(members), key not in before) for key, members in now.items()]
    surging = [group for group in found if group.new or _surges(group, before, len(entries), len(usual))]
    return tuple(sorted(surging, key=lambda group: (-_grave(group.example.level), -group.entries)))


def templates(entries: Iterable[Entry]) -> frozenset[str]:
    """The templates of some entries."""
    return frozenset(template(entry.text) for entry in entries)


def _surges(group: Group, before: Counter[str], entries: int, usual: int) -> bool:
    share, share_before = group.entries / entries, before[group.template] / usual
    return group.entries >= LEAST_SURGING and share >= SURGE * share_before


def _grave(level: Level) -> int:
    """Below a warning levels say nothing of gravity."""
    return max(level, Level.INFO)


def _mask(found: re.Match[str]) -> str:
    word = found[0]
    if word.isalpha():
        return word
    if word.isdigit():
        return "#"
    digits = sum(letter.isdigit() for letter in word)
    if len(word) >= _LEAST_IDENTIFIER and digits >= 2 and not _AMOUNT.match(word):
        return "#"
    return _NUMBER.sub("#", word)
