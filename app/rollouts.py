"""What a finding must show in the first minutes of a rollout: new pods do badly at first, a bad release stays so."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from detectors.catalog import DetectorKind

if TYPE_CHECKING:
    from detectors.catalog import Row
    from detectors.cluster import ClusterState
    from detectors.model import Entity
    from detectors.series import Judgement

NEWEST = 2
"""Instants that must still be out of band: what start-up left behind in the evaluation is over by then."""


class Rollout(NamedTuple):
    """A workload's newest revision, and what became of its pods."""

    began: float
    """When the revision appeared, unix seconds."""
    ready: tuple[float | None, ...]
    """Of each living pod since when it has been ready, unix seconds; None while it is not."""

    def starting(self, begin: float, end: float, settling: float) -> float:
        """The share of pods' time between two instants in which they were starting: until so long after ready."""
        spans = [1.0 if ready is None else (ready + settling - begin) / (end - begin) for ready in self.ready]
        return sum(min(1.0, max(0.0, span)) for span in spans) / len(spans) if spans else 1.0


class Demand(NamedTuple):
    """What a kind of detector asks for while a rollout is young."""

    settling_seconds: float
    """For how long a pod that has become ready may still do badly."""
    points: float = 0.0
    """How far beyond the band's edge the newest values must be in the first instant, less with every minute."""
    multiple: float = 0.0
    """The same as a share of the edge."""


DEMANDS = {
    DetectorKind.RATIO_SPIKE: Demand(60, points=0.2),
    DetectorKind.QUANTILE_SHIFT: Demand(90, multiple=1.0),
    DetectorKind.LEVEL_SHIFT: Demand(90, multiple=1.0),
}
"""Caches, pools and compilers warm up for longer than connections are refused."""


def newest_rollout(state: ClusterState | None, entity: Entity) -> Rollout | None:
    """What is known of the newest revision of a Deployment or Rollout; None of everything else."""
    name = entity.kind, entity.namespace, entity.name
    sets = state.revisions(*name) if state is not None else ()
    if state is None or not sets:
        return None
    conditions = [pod.status.condition("Ready") for pod in state.workload_pods(*name) if not pod.finished]
    ready = (each.since if each is not None and each.status == "True" else None for each in conditions)
    return Rollout(sets[0].metadata.created, tuple(ready))


def convincing(
    row: Row, judgement: Judgement, index: int, rollout: Rollout, now: float, window: float, evaluation: float
) -> bool:
    """Whether what is out of band can be no matter of starting pods.

    Until `strict_after_rollout_minutes` are over, the newest values must be clearly out of band and more than the pods
    that were starting when they were measured could cause. From then on, as long as the evaluation reaches back into
    that time, it is enough that they still are out of band.

    Args:
        row: what is judged.
        judgement: all judgements of which this is one.
        index: its place.
        rollout: the workload's newest.
        now: unix seconds.
        window: seconds that each value is measured over, more than 0.
        evaluation: seconds of the evaluation.
    """
    if row.guards.get("suppress_after_rollout_minutes"):
        return not 0 <= now - rollout.began < 60 * row.guards["suppress_after_rollout_minutes"]
    strict = 60 * float(row.guards.get("strict_after_rollout_minutes", 0))
    demand, age = DEMANDS.get(row.detector), now - rollout.began
    if demand is None or not strict or not 0 <= age < strict + evaluation:
        return True
    left = max(0.0, 1 - age / strict)
    values, edge = judgement.values[index, -NEWEST:], judgement.high[index, -NEWEST:]
    if not (values >= edge * (1 + demand.multiple * left) + demand.points * left).all():
        return False
    end = float(judgement.times[-1])
    return not left or not _explained(
        row, float(values[-1]), rollout.starting(end - window, end, demand.settling_seconds)
    )


def _explained(row: Row, value: float, starting: float) -> bool:
    """Whether it can come about by no more than a share of the requests going wrong."""
    if row.detector is DetectorKind.RATIO_SPIKE:
        return value <= starting
    return starting > 1 - float(row.params.get("quantile", 1.0))
