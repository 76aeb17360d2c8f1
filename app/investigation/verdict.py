"""The verdict: real, recovered, noise or inconclusive, how sure, and how soon somebody has to look."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.investigation.impact import impact_of
from app.investigation.recovery import lasting, recovering
from app.redaction import redact
from detectors.model import Confidence, Views
from detectors.states.report import LESSER_ENVIRONMENTS
from detectors.words import counted
from storage.records import AnomalyState, Priority, Urgency, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.investigation.gates import Outcome
    from app.investigation.model import Clues, Playbook
    from app.investigation.scene import Scene
    from storage.records import CauseRecord

EFFECT = (
    "impact.errors", "impact.latency", "impact.not-ready", "impact.no-endpoints", "impact.dependents",
    "impact.lost-requests",
)  # fmt: skip
"""Clues that somebody notices."""


KEPT_SECONDS = 900.0
"""How long a priority outlasts its reason: three of the kubelet's longest pauses between two starts."""


class Finding(NamedTuple):
    """What it is, and why."""

    verdict: Verdict
    reason: str
    confidence: Confidence


def verdict_of(
    scene: Scene, book: Playbook, clues: Clues, outcome: Outcome, causes: Sequence[CauseRecord], unknown: Sequence[str]
) -> Finding:
    """What a case is, after its gates have been asked and its causes weighed."""
    sure = causes[0].confidence if causes else Confidence.LOW
    if outcome.verdict is not None:
        return Finding(outcome.verdict, outcome.reason, Confidence.MEDIUM if unknown else Confidence.HIGH)
    if scene.living and all(a.state is AnomalyState.HELD for a in scene.living):
        return Finding(Verdict.INCONCLUSIVE, "what it was seen by cannot be seen at the moment", Confidence.LOW)
    if back := recovering(scene, clues):
        return Finding(Verdict.REAL, back[0], sure)
    if outcome.real:
        return Finding(Verdict.REAL, outcome.reason, sure)
    if scene.living and not any(a.present for a in scene.living):
        known = scene.before is not None and scene.before.verdict is Verdict.REAL
        return Finding(Verdict.REAL if known else Verdict.INCONCLUSIVE, "in band again, not for long enough yet", sure)
    worst = scene.living[0] if scene.living else scene.anomalies[0]
    if book.decisive and Views.STATE in Views(worst.views):
        seen = next((fact.text for fact in scene.facts.get(worst.id, ())), scene.rows[worst.signal].title)
        return Finding(Verdict.REAL, seen, sure)
    if any(map(clues.hold, EFFECT)):
        effect = next(name for name in EFFECT if clues.hold(name))
        return Finding(Verdict.REAL, clues.holding(effect)[0].text, sure)
    if causes and causes[0].confidence is not Confidence.LOW:
        return Finding(Verdict.REAL, f"a cause stands out: {causes[0].title}", sure)
    return Finding(Verdict.INCONCLUSIVE, "out of band, but no effect and no cause can be seen", Confidence.LOW)


def urgency_of(
    scene: Scene, book: Playbook, clues: Clues, finding: Finding, outcome: Outcome
) -> tuple[Priority, str, tuple[Urgency, ...]]:
    """How soon somebody has to look, why, and what the looks of the last minutes found.

    It rises at once, and falls only when nothing was as urgent for a while: containers that run for a moment between
    two crashes are no relief. What is known to be over, nothing, or recovering falls at once.
    """
    found, why = _priority(scene, book, clues, finding, outcome)
    here = Urgency(scene.now, found, redact(why))
    if finding.verdict in (Verdict.NOISE, Verdict.RECOVERED) or recovering(scene, clues):
        return found, why, (here,)
    before = scene.before.urgency if scene.before is not None else ()
    recent = (*(each for each in before if scene.now - each.at < KEPT_SECONDS), here)
    worst = min(reversed(recent), key=lambda each: each.priority)
    if worst.priority < found:
        ago = counted(max(scene.now - worst.at, 60.0) // 60, "minutes")
        why = f"{worst.reason}, {ago} ago; now {why}"
    return worst.priority, why, recent


def _priority(scene: Scene, book: Playbook, clues: Clues, finding: Finding, outcome: Outcome) -> tuple[Priority, str]:
    """How soon somebody has to look by what is so now, and why (section 6 of the playbooks)."""
    if finding.verdict is Verdict.NOISE:
        return Priority.P5, "nothing to do"
    if finding.verdict is Verdict.RECOVERED:
        return Priority.P4, lasting(scene, clues) or "it is over"
    found, why = _by_impact(scene, book, clues, outcome)
    back = recovering(scene, clues)
    if back is not None and back[1]:
        found, why = found.lowered(), f"{why}; one step less while it recovers"
    if scene.subject.environment.lower() in LESSER_ENVIRONMENTS:
        data_at_risk = clues.hold("impact.data-at-risk")
        lowered = min(found.lowered(), Priority.P2) if data_at_risk else found.lowered()
        return lowered, f"{why}; one step less in {scene.subject.environment}"
    return found, why


def _by_impact(scene: Scene, book: Playbook, clues: Clues, outcome: Outcome) -> tuple[Priority, str]:
    impact = impact_of(scene)
    if why := outcome.applied("R4"):
        return Priority.P1, why
    if impact is not None and (not impact.ready or impact.services):
        left = " and ".join(impact.lines())
        measured = next((clue.text for clue in clues.by_name.get("impact.errors", ()) if clue.holds is not None), "")
        return Priority.P1, f"{left}; {measured}" if measured else f"nobody can be served: {left}"
    # Before the old revision's good word: part of the requests go to the new one.
    lost = next((clue.text for clue in clues.holding("impact.lost-requests")), "")
    if why := outcome.applied("R5") or outcome.applied("R3") or lost:
        return Priority.P2, why
    if impact is not None and impact.old_revision_serves:
        return Priority.P3, "the new revision fails, the old one still serves"
    if why := outcome.applied("R2"):
        return Priority.P2, why
    return book.priority, ", ".join(impact.lines()) if impact is not None else book.title
