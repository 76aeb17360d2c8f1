"""hpa-at-maximum: an autoscaler that may not add what the load asks for."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from detectors.model import Coverage
from detectors.objects import quantity
from detectors.states.paths import condition_path
from detectors.states.report import (
    StateResult,
    guard,
    object_entity,
    object_fact,
    object_observation,
    partial,
    unreadable,
)
from detectors.words import counted

if TYPE_CHECKING:
    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.objects import HorizontalPodAutoscaler, MetricValue

TOLERANCE = 1.1
"""The controller's own: up to a tenth above its target it leaves the replicas as they are."""
OVERWHELMED = 1.5
"""A load that asks for this many times the maximum does not have to last."""
_SYNC_SECONDS = 15.0
"""The controller's period: what it said once in a row may be one sample."""


def at_maximum(state: ClusterState, row: Row, now: float) -> StateResult:
    """Autoscalers limited by maxReplicas while the load stays above their target, for hold_seconds.

    At the maximum and at the target is where an autoscaler may well be; one whose minimum is its maximum is pinned.
    """
    if (refused := unreadable(state, "horizontalpodautoscalers")) is not None:
        return refused
    observations = []
    for autoscaler in state.autoscalers.values():
        limited = autoscaler.status.condition("ScalingLimited")
        most = autoscaler.spec.max_replicas
        capped = limited is not None and limited.status == "True" and limited.reason == "TooManyReplicas"
        pinned = autoscaler.spec.min_replicas >= most
        if limited is None or not capped or pinned or autoscaler.status.current_replicas < most:
            continue
        onset = limited.since if limited.since is not None else now
        excess = _excess(autoscaler)
        hold = _SYNC_SECONDS if excess >= OVERWHELMED else guard(row, "hold_seconds", 300)
        if excess < TOLERANCE or now - onset < hold:
            continue
        target = autoscaler.spec.scale_target_ref
        load = _loads(autoscaler)
        text = (
            f"{target.kind} {target.name} has its maximum of {counted(most, 'replicas')} and {load}: {limited.message}"
        )
        path = condition_path("ScalingLimited", "reason")
        kind = "HorizontalPodAutoscaler"
        fact = object_fact(state, kind, autoscaler, text, path, at=onset, value=limited.reason)
        entity = object_entity(state, kind, autoscaler.namespace, autoscaler.name)
        observations.append(object_observation(row, state, entity, [fact], onset=onset))
    detail = partial(state, "horizontalpodautoscalers")
    return StateResult(tuple(observations), Coverage.LIVE, len(state.autoscalers), detail)


def _excess(autoscaler: HorizontalPodAutoscaler) -> float:
    """How many times its target the load is, by the metric that is furthest above; infinite where none can be read.

    Only metrics on CPU and memory are compared: of the others the controller's own word that it is limited counts.
    """
    known = [ratio for _, ratio in ratios(autoscaler)]
    others = any(metric.resource is None for metric in autoscaler.spec.metrics)
    return max(known, default=TOLERANCE) if not others else max([*known, TOLERANCE])


def ratios(autoscaler: HorizontalPodAutoscaler) -> list[tuple[str, float]]:
    """How many times its target each resource metric is that the autoscaler reads, by the resource's name."""
    targets = {
        each.resource.name: each.resource.target for each in autoscaler.spec.metrics if each.resource is not None
    }
    found = []
    for metric in autoscaler.status.current_metrics or ():
        target = targets.get(metric.resource.name) if metric.resource is not None else None
        if metric.resource is None or metric.resource.current is None or target is None:
            continue
        ratio = _quotient(metric.resource.current, target)
        if isfinite(ratio):
            found.append((metric.resource.name, ratio))
    return found


def _quotient(current: MetricValue, target: MetricValue) -> float:
    if target.average_utilization and current.average_utilization is not None:
        return current.average_utilization / target.average_utilization
    if target.average_value and current.average_value is not None and quantity(target.average_value):
        return quantity(current.average_value) / quantity(target.average_value)
    return float("nan")


def _loads(autoscaler: HorizontalPodAutoscaler) -> str:
    return (
        ", ".join(f"{100 * ratio:.0f} % of the target for {name}" for name, ratio in ratios(autoscaler)) or "more load"
    )
