"""Why a Service leads nowhere: what its selector matches, and which of its ports nobody serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Step
from detectors.states.paths import pairs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.investigation.model import Clue
    from app.investigation.scene import Scene
    from detectors.objects import Service


@collector(
    Step.CAUSE, "service.selects-nothing", "service.port-unknown", "service.pods-unready", needs=("pods", "services")
)
def selection(scene: Scene) -> Iterator[Clue]:
    """What the Service selects, the closest miss where that is nothing, and ports that no container names."""
    service = scene.state.services.get((scene.subject.namespace, scene.subject.name))
    if scene.subject.kind != "Service" or service is None or not service.spec.selector:
        return
    wanted = service.spec.selector
    labelled = [
        pod
        for pod in scene.state.pods.values()
        if pod.namespace == service.namespace and not pod.finished and wanted.items() <= pod.metadata.labels.items()
    ]
    if not labelled:
        near = _closest(scene, wanted)
        text = f"nothing in {service.namespace} carries {pairs(wanted)}" + (f"; {near}" if near else "")
        fills = {"selector": pairs(wanted), "near": near or "no workload comes close", "service": service.name}
        yield scene.of_field(
            "service.selects-nothing", True, service, text, "{.spec.selector}", value=pairs(wanted), fills=fills
        )
        return
    for port in _unknown_ports(
        service, {part.name for pod in labelled for c in pod.spec.containers for part in c.ports}
    ):
        text = f"Service {service.name} leads to port {port}, which no container of its pods names"
        fills = {"service": service.name, "port": port}
        yield scene.of_field("service.port-unknown", True, service, text, "{.spec.ports}", value=port, fills=fills)
    if not any(pod.ready for pod in labelled):
        text = f"none of the {len(labelled)} pods behind {service.name} is ready"
        yield scene.of_field(
            "service.pods-unready", True, service, text, "{.spec.selector}", fills={"service": service.name}
        )


def _closest(scene: Scene, wanted: Mapping[str, str]) -> str:
    """The workload whose pods carry most of the selector, and what they have instead of the rest."""
    best, most = "", 0
    for (kind, namespace, name), workload in scene.state.workloads.items():
        labels = workload.spec.template.metadata.labels
        shared = sum(labels.get(key) == value for key, value in wanted.items())
        likely = (shared, name == scene.subject.name) if kind not in ("ReplicaSet", "Job") else (0, False)
        if namespace == scene.subject.namespace and sum(likely) > most:
            instead = {key: labels.get(key, "nothing") for key, value in wanted.items() if labels.get(key) != value}
            best, most = f"{kind} {name} has {pairs(instead)}", sum(likely)
    return best


def _unknown_ports(service: Service, names: set[str]) -> list[str]:
    ports = (port.target_port for port in service.spec.ports)
    return [port for port in ports if isinstance(port, str) and port and port not in names]
