"""Is the data good? Whether what measures broke when the trouble began."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Clue, Origin, Step
from detectors.objects import unix
from detectors.states.paths import container_path
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.scene import Scene
    from detectors.objects import ContainerStatus, Pod

MEASURES = re.compile(
    r"prometheus|kube-state-metrics|victoria-?metrics|vm(agent|single|storage|select)|thanos|mimir|otel"
)
"""In the name of a workload that measures others."""
NEAR_SECONDS = 120.0
"""How near to the onset something that measures has to have started to be what was seen."""
AT_ONCE_SHARE, AT_ONCE_LEAST = 0.8, 5
"""So many workloads with one signal at one time are what measures them, or what they all stand on."""
KUBERNETES = "kubernetes-api"
MISSING = frozenset(("target-missing", "metrics-missing"))


@collector(Step.TRUST, "trust.unreliable", needs=())
def measured(scene: Scene) -> Iterator[Clue]:
    """Where only metrics tell of it: whether a target, a server or an exporter stopped or started at that time."""
    if not scene.living or any(a.source.convention == KUBERNETES or a.signal in MISSING for a in scene.living):
        return
    for lost in scene.related:
        if lost.signal in MISSING and lost.entity.namespace == scene.subject.namespace:
            text = f"{scene.rows[lost.signal].title} of {lost.entity.title} began at the same time"
            yield Clue(
                name="trust.unreliable", holds=lost.entity.name == scene.subject.name, text=text,
                source=lost.source.query, origin=Origin.METRIC, at=lost.onset,
            )  # fmt: skip
    for pod, status in _started(scene):
        yield scene.of_field(
            "trust.unreliable",
            True,
            pod,
            f"{pod.name}, which measures, started when it began",
            container_path(pod, status, "state.running.startedAt"),
            value=status.state.running.started_at or "" if status.state.running else "",
            at=unix(status.state.running.started_at) if status.state.running else None,
        )
    yield from _at_once(scene)


def _started(scene: Scene) -> Iterator[tuple[Pod, ContainerStatus]]:
    """Containers of what measures that started near the onset; one for each pod."""
    for pod in scene.state.pods.values():
        if MEASURES.search(scene.state.owner(pod).name) and scene.state.owner(pod).key != scene.owner.key:
            for status in pod.status.container_statuses:
                began = unix(status.state.running.started_at) if status.state.running is not None else None
                if began is not None and abs(began - scene.onset) <= NEAR_SECONDS:
                    yield pod, status
                    break


def _at_once(scene: Scene) -> Iterator[Clue]:
    signals = {anomaly.signal for anomaly in scene.living}
    same = {a.entity.key for a in scene.related if a.signal in signals and abs(a.onset - scene.onset) <= NEAR_SECONDS}
    known = sum(key[0] in ("Deployment", "StatefulSet", "DaemonSet", "Rollout") for key in scene.state.workloads)
    if known >= AT_ONCE_LEAST and len(same) + 1 >= AT_ONCE_SHARE * known:
        text = f"{counted(len(same) + 1, 'workloads')} of {known} began at once: rather what measures them"
        yield Clue(
            name="trust.unreliable", holds=True, text=text, source=scene.living[0].source.query, origin=Origin.METRIC
        )
