"""Who notices: replicas that are lost, Services without an endpoint, workloads that depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.scene import Scene


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

    def lines(self) -> Iterator[str]:
        """In words, gravest first."""
        if self.services:
            yield f"no ready endpoint: {', '.join(f'Service {name}' for name in self.services)}"
        if self.desired:
            yield f"{self.ready} of {counted(self.desired, 'replicas')} ready"
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
