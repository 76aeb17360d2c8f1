"""Real gates: what is a problem whatever its size and its past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.impact import impact_of
from app.investigation.model import NOT, Gate, Ruling
from detectors.words import counted
from storage.records import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.investigation.model import Clues
    from app.investigation.scene import Scene

READY_SHARE = 0.75
"""Below this share of ready replicas a workload is in trouble whatever its traffic says."""
READY_SECONDS = 120.0
"""How long that has to last."""
FAILED_PROBES = 2
"""Answers of the API server in a row."""


def _no_replica(scene: Scene, _: Clues, __: str) -> Ruling:
    impact = impact_of(scene)
    if impact is None or not scene.living:
        return NOT
    return Ruling(not impact.available, f"none of {counted(impact.desired, 'replicas')} is available")


def _few_replicas(scene: Scene, _: Clues, __: str) -> Ruling:
    impact = impact_of(scene)
    lasting = scene.now - scene.onset
    if impact is None or not scene.living or lasting < READY_SECONDS:
        return NOT
    since = f" for {counted(lasting // 60, 'minutes')}" if not impact.unsteady else impact.unrest
    text = f"{impact.ready} of {counted(impact.desired, 'replicas')} ready{since}"
    return Ruling(impact.steady < READY_SHARE * impact.desired, text)


def _clue(name: str) -> Callable[[Scene, Clues, str], Ruling]:
    """A gate that applies where a clue holds; unknown where that could not be told."""

    def rule(_: Scene, clues: Clues, __: str) -> Ruling:
        if held := clues.holding(name):
            return Ruling(True, held[0].text)
        return Ruling(None, clues.by_name[name][0].text) if clues.unknown(name) else NOT

    return rule


def _api_failing(scene: Scene, _: Clues, __: str) -> Ruling:
    readiness = scene.state.readyz
    if readiness is None or readiness.ok is not False:
        return NOT
    return Ruling(readiness.times >= FAILED_PROBES, f"/readyz failed {readiness.times} times in a row")


REAL: tuple[Gate, ...] = (
    Gate("R1", "no replica is available", Verdict.REAL, _no_replica),
    Gate("R2", "too few replicas are ready", Verdict.REAL, _few_replicas),
    Gate("R3", "the error budget burns", Verdict.REAL, _clue("impact.burning")),
    Gate("R4", "the API server is not ready", Verdict.REAL, _api_failing),
    Gate("R5", "data is at risk", Verdict.REAL, _clue("impact.data-at-risk")),
)
