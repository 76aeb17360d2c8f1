"""Gates: reasons to believe a case, and reasons not to, that all classes share.

A noise gate that applies decides the verdict, the first of them in this order; a real gate that applies takes the floor
and the past (N8, N9) out of consideration. All rules read structured fields only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from app.investigation.impact import impact_of
from detectors.words import counted
from storage.records import GateRecord, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.investigation.model import Clues, Noise
    from app.investigation.scene import Scene

READY_SHARE = 0.75
"""Below this share of ready replicas a workload is in trouble whatever its traffic says."""
READY_SECONDS = 120.0
"""How long that has to last."""


class Ruling(NamedTuple):
    """What a gate says of a case."""

    applies: bool | None
    """None: what it needs could not be seen."""
    text: str


@dataclass(frozen=True, slots=True)
class Gate:
    """One shared reason to call a case something."""

    id: str
    title: str
    verdict: Verdict
    rule: Callable[[Scene, Clues], Ruling]


class Outcome(NamedTuple):
    """What the gates came to."""

    verdict: Verdict | None
    """Of the gate that decides it; None where none does."""
    reason: str
    """Its words, or those of the real gate that applies."""
    real: bool
    """Whether a real gate applies."""
    records: tuple[GateRecord, ...]


def ask_gates(scene: Scene, clues: Clues, noise: Iterable[Noise]) -> Outcome:
    """Ask the real gates, then the noise gates, then the class's own reasons for noise."""
    records: list[GateRecord] = []
    real = ""
    for gate in REAL:
        ruling = gate.rule(scene, clues)
        if ruling.applies is not False:
            records.append(GateRecord(gate.id, gate.title, ruling.applies, ruling.text))
        if ruling.applies and not real:
            real = ruling.text
    for gate in NOISE:
        if real and gate.id in VETOED:
            continue
        ruling = gate.rule(scene, clues)
        if ruling.applies is not False:
            records.append(GateRecord(gate.id, gate.title, ruling.applies, ruling.text))
        if ruling.applies:
            return Outcome(gate.verdict, ruling.text, bool(real), tuple(records))
    if not real:
        for own in noise:
            if clues.hold(*own.requires) and not any(map(clues.hold, own.unless)):
                records.append(GateRecord("class", own.title, True, own.title))
                return Outcome(Verdict.NOISE, own.title, False, tuple(records))
    return Outcome(None, real, bool(real), tuple(records))


def _no_replica(scene: Scene, _: Clues) -> Ruling:
    impact = impact_of(scene)
    if impact is None:
        return Ruling(None if scene.workload is None and scene.pods else False, "the replicas could not be counted")
    return Ruling(impact.desired > 0 and not impact.available, f"none of {impact.desired} replicas is available")


def _few_replicas(scene: Scene, _: Clues) -> Ruling:
    impact = impact_of(scene)
    if impact is None:
        return Ruling(False, "")
    lasting = scene.now - scene.onset >= READY_SECONDS
    few = impact.desired > 0 and impact.ready < READY_SHARE * impact.desired
    text = (
        f"{impact.ready} of {impact.desired} replicas ready for {counted(int((scene.now - scene.onset) // 60), 'min')}"
    )
    return Ruling(few and lasting, text)


def _api_failing(scene: Scene, _: Clues) -> Ruling:
    readiness = scene.state.readyz
    if readiness is None:
        return Ruling(False, "")
    return Ruling(readiness.ok is False and readiness.times >= 2, f"/readyz failed {readiness.times} times in a row")


def _recovered(scene: Scene, _: Clues) -> Ruling:
    """N1: the condition is false now and has stayed so."""
    over = not scene.living
    return Ruling(over, "every anomaly of it is over, after passes without any")


REAL: tuple[Gate, ...] = (
    Gate("R1", "no replica is available", Verdict.REAL, _no_replica),
    Gate("R2", "too few replicas are ready", Verdict.REAL, _few_replicas),
    Gate("R4", "the API server is not ready", Verdict.REAL, _api_failing),
)

NOISE: tuple[Gate, ...] = (Gate("N1", "it is over", Verdict.RECOVERED, _recovered),)

VETOED = frozenset({"N8", "N9"})
"""Noise gates that do not count where a real gate applies."""
