"""pod-restart-spike: more container restarts than a workload usually has."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np

from detectors.model import Coverage
from detectors.states.paths import container_path
from detectors.states.report import (
    Affected,
    StateResult,
    guard,
    living,
    partial,
    unreadable,
    workload_observations,
)
from detectors.tails import log_poisson_upper
from detectors.words import counted

if TYPE_CHECKING:
    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.objects import Pod

EVALUATION_SECONDS = 300.0
BASELINE_SECONDS = 1800.0


def restart_spike(state: ClusterState, row: Row, now: float) -> StateResult:
    """Restarts of the last five minutes against those of the half hour before.

    Conditions: at least min_restarts_eval restarts in min_distinct_pods pods, improbable (Poisson) under the rate
    before. Jobs restart by design, and a rollout's first minutes have their own rows.
    """
    if (refused := unreadable(state, "pods")) is not None:
        return refused
    pods = living(state.judged_pods)
    start = now - EVALUATION_SECONDS
    by_owner: dict[tuple[str, str, str], list[Pod]] = {}
    for pod in pods:
        restarted = any(status.restart_count for status in pod.statuses)
        if restarted and not _ignored(state, row, pod, now):
            by_owner.setdefault(state.owner(pod).key, []).append(pod)
    affected = []
    for members in by_owner.values():
        recent = [(pod, state.restarts_since(pod, start)) for pod in members]
        before = sum(state.restarts_since(pod, start - BASELINE_SECONDS) for pod in members) - sum(n for _, n in recent)
        hit = [(pod, count) for pod, count in recent if count]
        if len(hit) >= guard(row, "min_distinct_pods", 1) and _improbable(row, sum(n for _, n in hit), max(before, 0)):
            affected += [_restarted(state, pod, count, start) for pod, count in hit]
    observations = workload_observations(row, state, affected, least=guard(row, "min_restarts_eval", 3))
    return StateResult(observations, Coverage.LIVE, state.workload_count(pods), partial(state, "pods"))


def _improbable(row: Row, count: int, before: int) -> bool:
    usual = (before + 0.5) * EVALUATION_SECONDS / BASELINE_SECONDS
    log_p = float(log_poisson_upper(np.array([float(count)]), np.array([usual]))[0])
    return log_p <= log(guard(row, "p_value", 1e-3))


def _ignored(state: ClusterState, row: Row, pod: Pod, now: float) -> bool:
    owner = state.owner(pod)
    if owner.kind in ("Job", "CronJob") and guard(row, "ignore_jobs", 1):
        return True
    newest = next(iter(state.revisions(*owner.key)), None)
    age = now - newest.metadata.created if newest is not None else float("inf")
    rolling_out = newest is not None and newest.name.endswith(f"-{owner.revision}") and bool(owner.revision)
    return rolling_out and age < 60 * guard(row, "suppress_after_rollout_minutes", 5)


def _restarted(state: ClusterState, pod: Pod, count: int, start: float) -> Affected:
    seen = [each.at for each in state.restarts if each.pod == pod.metadata.uid and each.at > start]
    ends = [status.last_state.terminated for status in pod.statuses if status.last_state.terminated is not None]
    times = seen + [end.finished for end in ends if end.finished is not None and end.finished > start]
    total = sum(status.restart_count for status in pod.statuses)
    text = f"{pod.name} restarted {counted(count, 'times')} in {EVALUATION_SECONDS / 60:.0f} minutes ({total} in all)"
    worst = max(pod.statuses, key=lambda status: status.restart_count)
    path = container_path(pod, worst, "restartCount")
    onset = min(times, default=max(start, pod.metadata.created))
    return Affected(pod, text, path, str(worst.restart_count), onset, at=max(times, default=None), count=count)
