"""Autoscalers: what limits them, how far the load is above their target, and what their metrics say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Clue, Step
from detectors.states.autoscalers import TOLERANCE, ratios
from detectors.states.paths import condition_path
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.scene import Scene
    from detectors.objects import HorizontalPodAutoscaler


def autoscaler_of(scene: Scene) -> HorizontalPodAutoscaler | None:
    """The subject, or the autoscaler that scales it."""
    state, subject = scene.state, scene.subject
    if subject.kind == "HorizontalPodAutoscaler":
        return state.autoscalers.get((subject.namespace, subject.name))
    return next(
        (
            each
            for (namespace, _), each in state.autoscalers.items()
            if namespace == subject.namespace
            and (each.spec.scale_target_ref.kind, each.spec.scale_target_ref.name) == scene.owner.key[::2]
        ),
        None,
    )


@collector(Step.CAUSE, "autoscaler.at-maximum", "autoscaler.load", needs=("horizontalpodautoscalers",))
def limits(scene: Scene) -> Iterator[Clue]:
    """Whether the autoscaler may add no more replicas, and by how much the load exceeds its target."""
    scaler = autoscaler_of(scene)
    if scaler is None:
        return
    limited, most = scaler.status.condition("ScalingLimited"), scaler.spec.max_replicas
    target = scaler.spec.scale_target_ref
    at_most = limited is not None and limited.status == "True" and limited.reason == "TooManyReplicas"
    text = (
        f"{target.kind} {target.name} has {counted(scaler.status.current_replicas, 'replicas')}, maxReplicas is {most}"
    )
    fills = {"most": str(most), "target": f"{target.kind} {target.name}", "autoscaler": scaler.name}
    since = limited.since if limited is not None else None
    path = condition_path("ScalingLimited", "reason")
    reason = limited.reason if limited is not None else ""
    yield scene.of_field("autoscaler.at-maximum", at_most, scaler, text, path, value=reason, at=since, fills=fills)
    for name, ratio in sorted(ratios(scaler), key=lambda each: -each[1])[:1]:
        shown = "CPU" if name == "cpu" else name
        text = f"{shown} demand is {'above target: ' if ratio > TOLERANCE else ''}{ratio:.0%} of the target"
        fills = {"metric": shown, "ratio": f"{ratio:.0%}"}
        yield scene.of_field(
            "autoscaler.load", ratio > TOLERANCE, scaler, text, "{.status.currentMetrics}", value=f"{ratio:.2f}",
            fills=fills,
        )  # fmt: skip


@collector(Step.TRUST, "autoscaler.blind", needs=("horizontalpodautoscalers",))
def measurements(scene: Scene) -> Iterator[Clue]:
    """Whether the autoscaler gets the numbers that it scales by."""
    scaler = autoscaler_of(scene)
    active = scaler.status.condition("ScalingActive") if scaler is not None else None
    if scaler is not None and active is not None:
        gets = "gets" if active.status == "True" else "does not get"
        text = f"autoscaler {scaler.name} {gets} its metrics: {active.reason}"
        path = condition_path("ScalingActive", "reason")
        yield scene.of_field(
            "autoscaler.blind", active.status == "False", scaler, text, path, value=active.reason, at=active.since,
            fills={"reason": active.reason},
        )  # fmt: skip
