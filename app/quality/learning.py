"""What the label-trained member is told of a finding, and what it makes of the engineer's labels."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.quality.matching import workload_of
from detectors.model import Views
from detectors.quality.training import probability, train
from storage.records import Label, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from detectors.quality.member import Member
    from detectors.series import FloatArray
    from storage.database import Store
    from storage.records import AnomalyRecord, LabelRecord

HOUR = 3600.0
DAY = 24 * HOUR

FEATURES = (
    "score", "compared with a day before", "compared with a week before", "object state", "duration", "signals",
    "came back", "time of day (sine)", "time of day (cosine)", "rollout just before",
)  # fmt: skip
"""In the order of `Finding.features`."""


class Finding(NamedTuple):
    """A case's worst anomaly as it was judged, or is now, and what was around it."""

    worst: AnomalyRecord | LabelRecord
    signals: int
    """Anomalies of its case."""
    rollout: bool
    """Whether a rollout of its workload began in the half hour before."""

    @property
    def features(self) -> tuple[float, ...]:
        """As numbers; NaN where unknown."""
        worst, angle = self.worst, 2 * math.pi * (self.worst.onset % DAY) / DAY
        return (
            math.log2(worst.peak_score) if worst.peak_score > 0 else math.nan,
            float(bool(worst.views & Views.DAY)),
            float(bool(worst.views & Views.WEEK)),
            float(bool(worst.views & Views.STATE)),
            math.log1p(max(0.0, worst.last_seen - worst.onset) / 60),
            math.log2(max(1, self.signals)),
            math.log1p(worst.reopened),
            math.sin(angle),
            math.cos(angle),
            float(self.rollout),
        )


def trained(store: Store, cluster: str) -> Member:
    """The member trained on all labels of a cluster; a duplicate says nothing about its finding."""
    by_case: dict[int, list[LabelRecord]] = defaultdict(list)
    for label in store.labels.valid(cluster):
        if label.label is not Label.UNSURE and label.reason != Reason.DUPLICATE:
            by_case[label.investigation].append(label)
    rollouts = store.timeline.after_rollout(cluster)
    worst = [max(labels, key=lambda each: (each.severity.rank, each.peak_score)) for labels in by_case.values()]
    findings = [Finding(each, len(by_case[each.investigation]), each.investigation in rollouts) for each in worst]
    workloads = [workload_of(each.entity) for each in worst]
    groups = {name: number for number, name in enumerate(dict.fromkeys(workloads))}
    return train(
        FEATURES,
        _matrix(findings),
        np.array([each.confidence for each in worst]),
        np.array([each.label is Label.TRUE for each in worst], dtype=bool),
        np.array([groups[name] for name in workloads], dtype=np.intp),
    )


def likely(member: Member, store: Store, cluster: str, worst: Iterable[tuple[AnomalyRecord, int]]) -> dict[int, float]:
    """How likely each case is true, by its number; empty while the member is off.

    Args:
        member: see `trained`.
        store: for rollouts.
        cluster: whose cases.
        worst: the worst anomaly of each case, and how many it has.
    """
    found = list(worst) if member.on else []
    if not found:
        return {}
    rollouts = store.timeline.after_rollout(cluster)
    findings = [Finding(anomaly, count, anomaly.investigation in rollouts) for anomaly, count in found]
    told = probability(member, _matrix(findings), np.array([anomaly.confidence for anomaly, _ in found]))
    return dict(zip((anomaly.investigation for anomaly, _ in found), told.tolist(), strict=True))


def _matrix(findings: Sequence[Finding]) -> FloatArray:
    return np.array([finding.features for finding in findings], dtype=np.float64).reshape(-1, len(FEATURES))
