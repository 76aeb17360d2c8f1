"""What a screen says when there is nothing to show, or when what it shows cannot be trusted: pure text.

Silence has to be explainable: every empty list says what was looked at, and every missing source what to do about it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from app.snapshot import DEMO, ENDED, FAILED, REPLAY, Health
from detectors.model import Coverage
from detectors.words import counted
from widgets.text import clock

if TYPE_CHECKING:
    from datetime import tzinfo

    from app.snapshot import Snapshot, SourceStatus

BLIND = (Coverage.NO_DATA, Coverage.LEFT_OUT, Coverage.NO_SOURCE, Coverage.FORBIDDEN, Coverage.QUERY_ERROR)


REPLAYED = "This is a recorded hour, replayed: incidents unfold within a minute."
"""Of the demo, until its first finding."""


def troubled(snapshot: Snapshot) -> tuple[SourceStatus, ...]:
    """The sources that do not answer as they should, the worst first."""
    down = [source for source in snapshot.sources if source.health is Health.DOWN]
    degraded = [source for source in snapshot.sources if source.health is Health.DEGRADED]
    return (*down, *degraded)


def notice(snapshot: Snapshot, zone: tzinfo) -> str:
    """One line about the worst that is the matter with the sources or the cycle; empty when all is well."""
    if snapshot.mode == FAILED:
        why = next((f": {source.detail} - {source.hint}" for source in snapshot.sources if source.name == REPLAY), "")
        return f"The replay failed{why}"
    for source in troubled(snapshot):
        hint = f" - {source.hint}" if source.hint else ""
        return f"{source.name} {_standing(source, bool(snapshot.rows), zone)}. {source.detail}{hint}"
    if snapshot.mode == ENDED:
        return "The recording has ended. What you do here is forgotten when you leave."
    if snapshot.warnings:
        more = f" (and {len(snapshot.warnings) - 1} more)" if len(snapshot.warnings) > 1 else ""
        return snapshot.warnings[0] + more
    return ""


def _standing(source: SourceStatus, known: bool, zone: tzinfo) -> str:
    """Since when it is how it is, and what that means for its rows; a time of day stays true between two cycles.

    Args:
        source: What is the matter with it.
        known: There are rows, of now or from before.
        zone: Of the time.
    """
    since = "" if source.since is None else f" since {clock(source.since, zone)}"
    if source.health is not Health.DOWN:
        return f"{source.health}{since}"
    if source.answered:
        return f"{source.health}{since}: its rows are held, not resolved"
    before = "; what was found before is held" if known else ""
    return f"not reachable{since}: nothing is known{before}"


def coverage_counts(snapshot: Snapshot) -> dict[Coverage, int]:
    """How many rows of the coverage matrix are in each state: what is seen, what should be seen, the rest."""
    counts = Counter(record.status for record in snapshot.coverage)
    order = sorted(Coverage, key=lambda status: 0 if status is Coverage.LIVE else 1 if status in BLIND else 2)
    return {status: counts[status] for status in order if counts[status]}


def empty_inbox(snapshot: Snapshot, begun: str, hidden: int) -> str:
    """Why there is no row in the inbox.

    Args:
        snapshot: What is known.
        begun: The time of day of the first cycle; empty when not known.
        hidden: How many rows are not shown.
    """
    if hidden:
        return f"Nothing is left.\n{hidden} snoozed, muted or closed not shown: h shows them"
    if down := [source for source in troubled(snapshot) if source.health is Health.DOWN]:
        lines = [f"{source.name} is down: {source.detail}\n{source.hint}".rstrip() for source in down]
        return "\n".join(["Nothing is known at the moment.", "", *lines])
    if snapshot.cycle == 0:
        doing = snapshot.progress or "Connecting, then the first cycle"
        return f"{doing} ...\nfindings appear here as soon as there are any"
    replayed = ["", REPLAYED] if snapshot.mode == DEMO else []
    return "\n".join(["Nothing is wrong.", "", *watched(snapshot, begun), *replayed])


def watched(snapshot: Snapshot, begun: str) -> list[str]:
    """What the silence rests on."""
    counts = coverage_counts(snapshot)
    blind = sum(counts.get(status, 0) for status in BLIND)
    learning = counts.get(Coverage.LEARNING, 0)
    planned = f", {counts[Coverage.PLANNED]} not built yet" if Coverage.PLANNED in counts else ""
    since = f" since {begun}" if begun else ""
    return [
        f"{counted(snapshot.workloads, 'workloads')} and {snapshot.series} series are watched{since}, "
        f"every {snapshot.interval:g} s",
        f"{counts.get(Coverage.LIVE, 0)} of {sum(counts.values())} signals are live, {learning} learning, "
        f"{blind} cannot be seen{planned}: :coverage says why",
    ]
