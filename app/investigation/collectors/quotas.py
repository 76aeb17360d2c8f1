"""Quotas that are used up, and workloads whose pods they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Step
from detectors.objects import quantity
from detectors.placement import requests
from detectors.states.paths import condition_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.model import Clue
    from app.investigation.scene import Scene
    from detectors.objects import ResourceQuota, Workload

PREFIX = "requests."


@collector(Step.CAUSE, "quota.used-up", "quota.has-room", needs=("resourcequotas",))
def refusals(scene: Scene) -> Iterator[Clue]:
    """Which quota of the namespace has no room for one more pod of the workload, and of what."""
    wish = _wish(scene)
    for (namespace, name), quota in scene.state.quotas.items():
        if namespace != scene.subject.namespace:
            continue
        short = _short(quota, wish)
        if not short:
            yield scene.of_field("quota.has-room", True, quota, f"ResourceQuota {name} has room", "{.status.used}")
        for resource in short:
            used, hard = str(quota.status.used.get(resource, 0)), str(quota.status.hard[resource])
            text = f"ResourceQuota {name} allows {hard} {resource} in namespace {namespace}, {used} are used"
            fills = {"quota": name, "resource": resource, "used": used, "hard": hard, "ns": namespace}
            yield scene.of_field("quota.used-up", True, quota, text, "{.status.used}", value=used, fills=fills)


def _wish(scene: Scene) -> dict[str, float]:
    """What one more pod of the workload takes of a quota; one claim more where the subject is a claim."""
    pod = next(iter(scene.pods), None)
    wish = requests(pod) if pod is not None else {"pods": 1.0}
    wish |= {f"{PREFIX}{name}": amount for name, amount in wish.items() if name in ("cpu", "memory")}
    if scene.subject.kind == "PersistentVolumeClaim":
        wish["persistentvolumeclaims"] = 1.0
    return wish


def _short(quota: ResourceQuota, wish: dict[str, float]) -> list[str]:
    """The resources of which a quota has less left than is wanted."""
    return [
        name
        for name, hard in quota.status.hard.items()
        if wish.get(name, 0.0) > quantity(hard) - quantity(quota.status.used.get(name, 0))
    ]


@collector(Step.CAUSE, "quota.refuses", "create.refused", needs=("events",))
def creation(scene: Scene) -> Iterator[Clue]:
    """What the API says when a controller creates a pod."""
    for event in scene.events("FailedCreate")[:1]:
        over = "exceeded quota" in event.message
        fills = {"message": event.message or "it gives no reason"}
        yield scene.of_event("quota.refuses" if over else "create.refused", True, event, fills=fills)


@collector(Step.CAUSE, "workload.lacks-pods", needs=("pods",))
def lacking(scene: Scene) -> Iterator[Clue]:
    """Whether the workload's controller says that it cannot create pods."""
    workload = scene.workload
    for item in (workload, *scene.revisions[:1]) if workload is not None else ():
        failure = item.status.condition("ReplicaFailure")
        if failure is not None and failure.status == "True":
            text = f"{item.kind} {item.name} cannot create its pods ({failure.reason})"
            path = condition_path("ReplicaFailure", "reason")
            yield scene.of_field(
                "workload.lacks-pods",
                True,
                item,
                text,
                path,
                value=failure.reason,
                at=failure.since,
                fills=_fills(item),
            )
            return


def _fills(item: Workload) -> dict[str, str]:
    return {"workload": item.name}
