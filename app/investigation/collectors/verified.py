"""What became of the workload's last rollout, by its verification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Clue, Origin, Step
from app.investigation.scene import BEFORE_SECONDS
from app.verification import summary
from storage.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.scene import Scene


@collector(Step.CAUSE, "verify.failed", "verify.passed", needs=())
def verified(scene: Scene) -> Iterator[Clue]:
    """Whether the rollout before the onset was found worse, or no worse, than what it replaced."""
    for known in scene.sources.verifications_of(scene.subject):
        if not scene.onset - BEFORE_SECONDS <= known.began <= scene.now or known.outcome is Outcome.UNDECIDED:
            continue
        source = next((metric.source for metric in known.metrics if metric.failed or metric.p_value is not None), "")
        for name, outcome in (("verify.failed", Outcome.FAIL), ("verify.passed", Outcome.PASS)):
            yield Clue(
                name=name, holds=known.outcome is outcome, text=summary(known), source=source,
                origin=Origin.METRIC, at=known.began, fills={"revision": known.revision},
            )  # fmt: skip
        return
