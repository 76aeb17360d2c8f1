"""Whether what was rolled out has been taken back, and whether that has helped."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.investigation.collectors.changes import back_since
from detectors.model import Views
from detectors.revisions import is_back
from detectors.words import counted
from widgets.text import quantity, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.model import Clues
    from app.investigation.scene import Scene

RECOVERING_SECONDS = 900.0
"""How long after a rollback its effect may take: windows empty, queues drain, callers come back."""
FELT = ("impact.errors", "impact.latency", "impact.lost-requests")
"""Clues that users still notice."""


class Rollback(NamedTuple):
    """A pod template of before that is in place again, with all of its pods."""

    text: str
    at: float
    """Unix seconds at which it began."""


def rolled_back(scene: Scene) -> Rollback | None:
    """The rollback since the case began; None where there was none, or it is not complete.

    Where nothing is left that dates it, it counts as young: old pods that never had to go were not made anew.
    """
    if len(scene.revisions) < 2 or scene.workload is None or scene.unwell:
        return None
    now, bad = scene.revisions[:2]
    around = scene.onset - scene.workload.spec.progress_deadline_seconds <= bad.metadata.created <= scene.now
    if not (is_back(bad, now) and around and scene.workload.complete):
        return None
    at = back_since(scene, now, bad) or scene.now
    if at < scene.onset:
        return None
    text = f"revision {bad.revision} was rolled back; the one before it is complete and available"
    return Rollback(text, at)


def lasting(scene: Scene, clues: Clues) -> str:
    """What is still out of band or felt, in words; empty where nothing is that numbers tell.

    Signals of objects are no part of it: that the objects are well is seen in themselves, before their windows end.
    """
    return next(_lasting(scene, clues), "")


def _lasting(scene: Scene, clues: Clues) -> Iterator[str]:
    for name in FELT:
        yield from (clue.text for clue in clues.holding(name))
    for anomaly in scene.living:
        if anomaly.easing or Views.STATE in Views(anomaly.views):
            continue
        title = scene.rows[anomaly.signal].title if anomaly.signal in scene.rows else anomaly.signal
        if not anomaly.present:
            yield f"{title} cannot be seen at the moment"
            continue
        expected = span(anomaly.low, anomaly.high, anomaly.unit, like=anomaly.observed)
        yield f"{title}: {quantity(anomaly.observed, anomaly.unit)}, expected {expected}"


def recovering(scene: Scene, clues: Clues) -> tuple[str, bool] | None:
    """Where a rollback has not helped yet: that in words, and whether it may still take its time; else None."""
    back, still = rolled_back(scene), lasting(scene, clues)
    if back is None or not still:
        return None
    young = scene.now - back.at < RECOVERING_SECONDS
    minutes = counted((scene.now - back.at) // 60, "minutes")
    how = "recovering" if young else f"not recovered after {minutes}"
    return f"{back.text.partition(';')[0]}, {how}: {still}", young


def has_way_back(scene: Scene, clues: Clues) -> bool:
    """Whether to undo the newest rollout leads away from what is wrong; after a rollback it leads there again.

    A rollback that came before the case may be what brought it about.
    """
    if len(scene.revisions) < 2 or not is_back(scene.revisions[1], scene.revisions[0]):
        return True
    return any(clue.at is not None and clue.at <= scene.onset for clue in clues.holding("change.rollback"))
