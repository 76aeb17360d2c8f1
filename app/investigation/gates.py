"""Gates: reasons to believe a case, and reasons not to, that all classes share.

A noise gate that applies decides the verdict, the first of them in their order; a real gate that applies takes the
floor and the past (N8, N9) out of consideration. All rules read structured fields only. What would speak against noise
and could not be told keeps a case from being called noise: unknown is not health.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.investigation.noise import NOISE
from app.investigation.real import REAL
from storage.records import GateRecord, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.investigation.model import Clues, Noise
    from app.investigation.scene import Scene

VETOED = frozenset({"N8", "N9"})
"""Noise gates that do not count where a real gate applies."""


class Outcome(NamedTuple):
    """What the gates came to."""

    verdict: Verdict | None
    """Of the gate that decides it; None where none does."""
    reason: str
    """Its words, or those of the real gate that applies."""
    real: bool
    """Whether a real gate applies."""
    records: tuple[GateRecord, ...]

    def applied(self, gate: str) -> str:
        """The words of a gate that applied; empty where it did not."""
        return next((record.text for record in self.records if record.id == gate and record.passed), "")


def ask_gates(scene: Scene, clues: Clues, noise: Iterable[Noise], cause: str) -> Outcome:
    """Ask the real gates, then the noise gates, then the class's own reasons for noise.

    Args:
        scene: the case.
        clues: everything collected.
        noise: of its classes.
        cause: the id of its likely cause; empty where there is none.
    """
    records: list[GateRecord] = []
    real = ""
    for gate in REAL:
        ruling = gate.rule(scene, clues, cause)
        if ruling.applies is not False:
            records.append(GateRecord(gate.id, gate.title, ruling.applies, ruling.text))
        real = real or (ruling.text if ruling.applies else "")
    for gate in NOISE:
        if real and gate.id in VETOED:
            continue
        ruling = gate.rule(scene, clues, cause)
        if ruling.applies is not False:
            records.append(GateRecord(gate.id, gate.title, ruling.applies, ruling.text))
        if ruling.applies:
            return Outcome(gate.verdict, ruling.text, bool(real), tuple(records))
    for own in () if real else noise:
        if not clues.hold(*own.requires) or any(map(clues.hold, own.unless)):
            continue
        unseen = [clues.by_name[name][0].text for name in own.unless if clues.unknown(name)]
        records.append(GateRecord("class", own.title, None if unseen else True, unseen[0] if unseen else own.title))
        if not unseen:
            return Outcome(Verdict.NOISE, own.title, False, tuple(records))
    return Outcome(None, real, bool(real), tuple(records))
