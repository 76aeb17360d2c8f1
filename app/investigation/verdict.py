"""The verdict: real, recovered, noise or inconclusive, how sure, and how soon somebody has to look."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.investigation.impact import impact_of
from app.investigation.recovery import lasting, recovering
from detectors.model import Confidence, Views
from detectors.states.report import LESSER_ENVIRONMENTS
from storage.records import AnomalyState, Priority, Verdict

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


def priority_of(scene: Scene, book: Playbook, clues: Clues, finding: Finding, outcome: Outcome) -> tuple[Priority, str]:
    """How soon somebody has to look, and why (section 6 of the playbooks)."""
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
        return Priority.P1, f"nobody can be served: {' and '.join(impact.lines())}"
    if impact is not None and impact.old_revision_serves:
        return Priority.P3, "the new revision fails, the old one still serves"
    if why := outcome.applied("R5") or outcome.applied("R2") or outcome.applied("R3"):
        return Priority.P2, why
    if lost := clues.holding("impact.lost-requests"):
        return Priority.P2, lost[0].text
    return book.priority, ", ".join(impact.lines()) if impact is not None else book.title
