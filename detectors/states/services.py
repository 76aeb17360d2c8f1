"""service-no-endpoints: Services that lead nowhere although something that they could lead to is there or was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.model import Coverage
from detectors.states.paths import pairs
from detectors.states.report import (
    StateResult,
    guard,
    lowered,
    object_entity,
    object_fact,
    object_observation,
    partial,
    unreadable,
)

if TYPE_CHECKING:
    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.objects import EndpointSlice, Pod, Service, Workload


def no_endpoints(state: ClusterState, row: Row, now: float) -> StateResult:
    """Services with a selector and without a ready endpoint, whose reason is the Service itself.

    That is: the selector matches no workload (a label was misspelt or renamed), or it matches pods that are ready and
    yet no endpoint. Where a workload behind it is scaled to zero, or has no ready pod, that is the finding, if it is
    one. Headless and external Services need no endpoints to be of use.
    """
    if (refused := unreadable(state, "services", "endpointslices", "pods", "deployments")) is not None:
        return refused
    slices: dict[tuple[str, str], list[EndpointSlice]] = {}
    for each in state.endpoint_slices.values():
        slices.setdefault((each.namespace, each.service), []).append(each)
    labelled = _Labelled(state)
    observations, judged = [], 0
    for key, service in state.services.items():
        if not _needs_endpoints(service):
            continue
        judged += 1
        ready = any(endpoint.ready for each in slices.get(key, ()) for endpoint in each.endpoints or ())
        old = now - service.metadata.created >= guard(row, "hold_seconds", 60)
        why = labelled.own_fault(service, now) if old and not ready else ""
        if why:
            text = f"{service.name} has no ready endpoint: {why}"
            fact = object_fact(state, "Service", service, text, "{.spec.selector}", value=pairs(service.spec.selector))
            entity = object_entity(state, "Service", service.namespace, service.name)
            severity = lowered(row.severity, state, service.namespace)
            if not labelled.meant(service):
                severity = severity.shifted(-2)
            observations.append(object_observation(row, state, entity, [fact], onset=now, severity=severity))
    return StateResult(tuple(observations), Coverage.LIVE, judged, partial(state, "services"))


def _needs_endpoints(service: Service) -> bool:
    leads = service.spec.type != "ExternalName" and service.spec.cluster_ip not in ("", "None")
    return leads and bool(service.spec.selector) and service.metadata.deletion_timestamp is None


class _Labelled:
    """The pods and workloads of a cluster by namespace and label."""

    def __init__(self, state: ClusterState) -> None:
        self._pods: dict[tuple[str, str, str], list[Pod]] = {}
        self._workloads: dict[tuple[str, str, str], list[Workload]] = {}
        self._names = set()
        for pod in state.pods.values():
            for label in pod.metadata.labels.items() if not pod.finished else ():
                self._pods.setdefault((pod.namespace, *label), []).append(pod)
        for (kind, namespace, name), workload in state.workloads.items():
            if kind in ("ReplicaSet", "Job", "CronJob"):
                continue
            self._names.add((namespace, name))
            for label in workload.spec.template.metadata.labels.items():
                self._workloads.setdefault((namespace, *label), []).append(workload)

    def own_fault(self, service: Service, now: float) -> str:
        """What is wrong with the Service; empty when its workloads are to blame, or nobody is."""
        wanted = service.spec.selector.items()
        place = (service.namespace, *next(iter(wanted)))
        pods = [pod for pod in self._pods.get(place, ()) if wanted <= pod.metadata.labels.items()]
        if any(_settled(pod, now) for pod in pods):
            return "its pods are ready, but none serves a port that it names"
        behind = (wanted <= each.spec.template.metadata.labels.items() for each in self._workloads.get(place, ()))
        return "" if pods or any(behind) else f"nothing in {service.namespace} carries {pairs(service.spec.selector)}"

    def meant(self, service: Service) -> bool:
        """Somebody expects it to work: a workload has its name, or carries part of its selector."""
        part = any((service.namespace, *label) in self._workloads for label in service.spec.selector.items())
        return part or (service.namespace, service.name) in self._names


def _settled(pod: Pod, now: float) -> bool:
    """Ready for a while: endpoints follow a little later."""
    ready = pod.status.condition("Ready")
    since = ready.since if ready is not None else None
    return pod.ready and pod.metadata.deletion_timestamp is None and since is not None and now - since >= 60
