"""Quotas that are used up, and workloads whose pods they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Step
from detectors.placement import exhausted
from detectors.states.paths import condition_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.model import Clue
    from app.investigation.scene import Scene
    from detectors.objects import Workload


@collector(Step.CAUSE, "quota.used-up", "quota.has-room", needs=("resourcequotas",))
def refusals(scene: Scene) -> Iterator[Clue]:
    """Which quota of the namespace has no room for one more pod of the workload, and of what."""
    pod = next(iter(scene.pods), None)
    claims = float(scene.subject.kind == "PersistentVolumeClaim")
    for (namespace, name), quota in scene.state.quotas.items():
        if namespace != scene.subject.namespace:
            continue
        short = exhausted(quota, pod, claims=claims)
        if not short:
            yield scene.of_field("quota.has-room", True, quota, f"ResourceQuota {name} has room", "{.status.used}")
        for resource in short:
            used, hard = str(quota.status.used.get(resource, 0)), str(quota.status.hard[resource])
            text = f"ResourceQuota {name} allows {hard} {resource} in namespace {namespace}, {used} are used"
            fills = {"quota": name, "resource": resource, "used": used, "hard": hard, "ns": namespace}
            yield scene.of_field("quota.used-up", True, quota, text, "{.status.used}", value=used, fills=fills)


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
