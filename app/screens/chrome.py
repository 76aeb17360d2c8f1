"""Header, tabs and footer of every screen, from the snapshot and the registry: pure functions."""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING

from app.actions import PLACES, Action, Group, actions_of
from app.keymap import keys_of
from app.snapshot import ENDED, FAILED, Health
from widgets.key_footer import FooterKey
from widgets.status_header import Source, Status, Tab
from widgets.text import age, clock, zone_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from app.actions import Situation
    from app.freeze import Freeze
    from app.link import Link
    from app.snapshot import Snapshot, SourceStatus

SHORT = {"prometheus": "prom", "kubernetes": "k8s"}
_STATE = attrgetter("state")
COUNTED = ("new", "open", "snoozed")
"""States that the header counts; `open` includes what was acknowledged or is held."""


def status_of(freeze: Freeze, link: Link, zone: tzinfo, wall: float) -> Status:
    """The header.

    Args:
        freeze: What is shown, and how far behind the newest it is.
        link: Whether there is a session.
        zone: For the clock.
        wall: The machine's clock, for the age of what the store remembered.
    """
    snapshot = freeze.shown
    mode, freshness = snapshot.mode, f"every {snapshot.interval:g}s"
    if snapshot.mode in {ENDED, FAILED}:
        freshness = ""
    if freeze.frozen:
        mode, freshness = "paused", f"{age(freeze.age)} old"
    elif link.refused:
        mode, freshness = "offline", ""
    elif link.session is None or snapshot.cycle == 0:
        mode, freshness = "connecting", f"as of {age(wall - snapshot.now)} ago" if snapshot.rows else ""
    elif _blind(snapshot):
        mode = "offline"
    return Status(
        context=snapshot.cluster,
        mode=mode,
        freshness=freshness,
        sources=sources_of(snapshot),
        counts=counts_of(snapshot),
        clock=f"{clock(snapshot.now, zone, seconds=True)} {zone_name(snapshot.now, zone)}" if snapshot.now else "",
        notice=snapshot.progress,
    )


def _blind(snapshot: Snapshot) -> bool:
    """Whether nothing that was configured answers."""
    asked = [source for source in snapshot.sources if source.name in SHORT and source.health is not Health.OFF]
    return bool(asked) and all(source.health is Health.DOWN for source in asked)


def sources_of(snapshot: Snapshot) -> tuple[Source, ...]:
    """The servers, and the store where it is not well: that it works is no news."""
    return tuple(
        Source(SHORT.get(source.name, source.name), source.health, said(source))
        for source in snapshot.sources
        if source.name != "store" or source.health is not Health.OK
    )


def said(source: SourceStatus) -> str:
    """A source's detail, where it says more than its health does."""
    return "" if source.detail == source.health else source.detail


def counts_of(snapshot: Snapshot) -> tuple[tuple[str, int], ...]:
    """What waits for the engineer."""
    states = Counter(map(_STATE, snapshot.rows))
    states["open"] += states["ack"] + states["held"]
    return tuple((word, states[word]) for word in COUNTED)


def tabs_of(status: Status, stuck: int) -> tuple[Tab, ...]:
    """The top-level screens, with what waits there: new cases, and messages that somebody has to look after."""
    waiting = {"inbox": dict(status.counts).get("new", 0), "outbox": stuck}
    return tuple(
        Tab(place.id, place.title, str(number), waiting.get(place.id, 0)) for number, place in enumerate(PLACES, 1)
    )


def footer_of(place: str, situation: Situation, keymap: Mapping[str, str]) -> tuple[FooterKey, ...]:
    """The keys worth showing here; those that are not possible say why."""
    shown = sorted((action for action in actions_of(place) if action.footer), key=lambda action: action.footer)
    return tuple(_footer_key(action, action.refusal(situation), keymap) for action in shown)


def _footer_key(action: Action, reason: str, keymap: Mapping[str, str]) -> FooterKey:
    key = next(iter(keys_of(action, keymap)), "")
    group = action.group if action.group is Group.TRIAGE else ""
    return FooterKey(action.id, action.title.lower(), not reason, reason, group, action.footer, display=key)
