"""Who notices: replicas that are lost, Services without an endpoint, workloads that depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.scene import Scene


STEADY_SECONDS, REPEATED = 600.0, 2
"""A pod that was restarted so often in so many seconds will not stay ready."""


@dataclass(frozen=True, slots=True)
class Impact:
    """What a workload has left."""

    desired: int
    ready: int
    available: int
    services: tuple[str, ...]
    """Services that lead to it and have no ready endpoint."""
    old_revision_serves: bool
    """An older revision has as many ready pods as it takes."""
    unsteady: int = 0
    """Of the ready replicas: those that were restarted again and again lately, and are ready for a moment."""

    @property
    def steady(self) -> int:
        """The ready replicas that have stayed up."""
        return max(self.ready - self.unsteady, 0)

    @property
    def unrest(self) -> str:
        """The words that belong behind the count of ready replicas, where that is not to be relied on."""
        return f", {self.unsteady} of them between two restarts" if self.unsteady else ""

    def lines(self) -> Iterator[str]:
        """In words, gravest first."""
        if self.services:
            yield f"no ready endpoint: {', '.join(f'Service {name}' for name in self.services)}"
        if self.desired:
            yield f"{self.ready} of {counted(self.desired, 'replicas')} ready{self.unrest}"
        if self.old_revision_serves:
            yield "the old revision still serves"


def impact_of(scene: Scene) -> Impact | None:
    """The impact on a workload; None where the subject is none, or its object may not be read."""
    workload = scene.workload
    if workload is None or workload.desired == 0:
        return None
    failing = {scene.state.owner(pod).revision for pod in scene.unwell}
    serving = [pod for pod in scene.pods if pod.ready and scene.state.owner(pod).revision not in failing]
    return Impact(
        desired=workload.desired,
        ready=workload.ready,
        available=workload.available,
        services=tuple(_empty_services(scene)),
        old_revision_serves=bool(failing) and 2 * len(serving) >= workload.desired and len(scene.revisions) > 1,
        unsteady=sum(
            pod.ready and scene.state.restarts_since(pod, scene.now - STEADY_SECONDS) >= REPEATED for pod in scene.pods
        ),
    )


def _empty_services(scene: Scene) -> Iterator[str]:
    state, owner = scene.state, scene.owner
    if not state.readable("services", "endpointslices"):
        return
    ready = {
        (piece.namespace, piece.service)
        for piece in state.endpoint_slices.values()
        if any(endpoint.ready for endpoint in piece.endpoints or ())
    }
    for (namespace, name), service in state.services.items():
        leads = namespace == owner.namespace and service.spec.selector and (namespace, name) not in ready
        if leads and owner in [
            found._replace(revision=owner.revision) for found in state.service_workloads(namespace, name)
        ]:
            yield name
