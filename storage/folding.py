"""Events told in few lines: the same thing happening to several pods, or again and again, is one line with a count."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from storage.records import TimelineEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from storage.records import EventRecord

_PAUSE = 600.0
"""Seconds of quiet after which the same thing counts as happening anew: once at a rollout, once at its rollback."""

_SPECIFIC = re.compile(r"\S*\d\S*")
"""Words with digits are what differs between two pods' messages: names, addresses, uids."""


def fold(events: Iterable[EventRecord], subject: str) -> Iterator[TimelineEntry]:
    """One entry, at its first time, for each thing that happened: the reason first, the name of an object last.

    Args:
        events: about the objects of one investigation, in any order.
        subject: name of the object that the investigation is about; it goes without saying.
    """
    open_groups: dict[tuple[str, ...], list[EventRecord]] = {}
    for event in sorted(events, key=lambda event: (event.first_seen, event.last_seen, event.uid)):
        key = (event.kind, event.type, event.reason, _sense(event))
        group = open_groups.get(key)
        if group is not None and event.first_seen - max(each.last_seen for each in group) > _PAUSE:
            yield _told(open_groups.pop(key), subject)
        open_groups.setdefault(key, []).append(event)
    for group in open_groups.values():
        yield _told(group, subject)


def _sense(event: EventRecord) -> str:
    """What a message says whichever object it is about."""
    general = event.message.replace(event.name, "") if event.name else event.message
    return " ".join(_SPECIFIC.sub("", general).split())


def _told(group: list[EventRecord], subject: str) -> TimelineEntry:
    """`BackOff x34, 3 pods: Back-off restarting failed container`."""
    first = group[0]
    names = {event.name for event in group}
    count = sum(max(1, event.count) for event in group)
    times = f" x{count}" if count > 1 else ""
    objects = f", {len(names)} {first.kind.lower()}s" if len(names) > 1 else ""
    about = f" ({_short(first)})" if not objects and first.name != subject else ""
    kind = "event" if first.type == "Normal" else "warning"
    return TimelineEntry(first.first_seen, kind, f"{first.reason}{times}{objects}: {first.message}{about}")


def _short(event: EventRecord) -> str:
    """An object's name without that of its owner: `...-6n2rv`."""
    owned = event.owner_name and event.name.startswith(f"{event.owner_name}-")
    return f"...-{event.name.rpartition('-')[2]}" if owned else event.name
