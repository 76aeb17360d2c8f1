"""What another run says of what the engineer has labelled: true ones should be found again, false ones should not."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from app.quality.matching import workload_of
from detectors.model import KUBERNETES
from storage.records import Label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.records import AnomalyRecord, LabelRecord

NEAR_SECONDS = 600.0
"""Two runs may tell of the same thing so much earlier or later."""


class Echo(msgspec.Struct, frozen=True):
    """How many labelled anomalies a run told of again."""

    true_again: int
    true: int
    false_again: int
    false: int


def echoes(labels: Sequence[LabelRecord], anomalies: Sequence[AnomalyRecord], since: float, until: float) -> Echo:
    """Compare a run with the labels of its time.

    Args:
        labels: what of them objects told is left out: a run over metrics cannot see it.
        anomalies: of the run.
        since: unix seconds of the run's begin.
        until: of its end.
    """
    told: dict[tuple[str, str], list[AnomalyRecord]] = defaultdict(list)
    for anomaly in anomalies:
        told[anomaly.signal, workload_of(anomaly.entity)].append(anomaly)
    counts = {label: [0, 0] for label in Label}
    for each in labels:
        if each.convention == KUBERNETES or not since <= each.onset <= until:
            continue
        near = told[each.signal, workload_of(each.entity)]
        again = any(_together(each, anomaly) for anomaly in near)
        counts[each.label][0] += again
        counts[each.label][1] += 1
    return Echo(*counts[Label.TRUE], *counts[Label.FALSE])


def _together(label: LabelRecord, anomaly: AnomalyRecord) -> bool:
    end = anomaly.last_seen if anomaly.closed is None else anomaly.closed
    return label.onset <= end + NEAR_SECONDS and anomaly.onset <= label.last_seen + NEAR_SECONDS
