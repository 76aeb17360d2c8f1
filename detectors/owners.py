"""The workload that answers for a pod: found by climbing controllers, and remembered while they stay the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from detectors.objects import Pod, Workload

    Workloads = Mapping[tuple[str, str, str], Workload]
    """By kind, namespace and name."""

TEMPLATE_HASHES = {
    "pod-template-hash": "Deployment",
    "rollouts-pod-template-hash": "Rollout",
}
"""Labels that a controller puts on its ReplicaSets and pods, and the kind of that controller."""

_REVISION_LABELS = (*TEMPLATE_HASHES, "controller-revision-hash")
_MAX_CLIMB = 5


class Owner(NamedTuple):
    """The workload that answers for a pod."""

    kind: str
    namespace: str
    name: str
    revision: str = ""
    """The pod template's hash: tells the pods of one rollout from those of another."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Its key in `ClusterState.workloads`."""
        return self[:3]


def owner_of_pod(pod: Pod, workloads: Workloads) -> Owner:
    """The workload that answers for a pod; the pod itself when nothing owns it."""
    labels = pod.metadata.labels
    revision = next((labels[name] for name in _REVISION_LABELS if name in labels), "")
    controller = pod.metadata.controller
    if controller is None:
        return Owner("Pod", pod.namespace, pod.name, revision)
    if controller.kind == "Node":
        return Owner("Pod", pod.namespace, pod.name.removesuffix(f"-{controller.name}"), revision)
    first = Owner(controller.kind, pod.namespace, controller.name, revision)
    if first.kind == "ReplicaSet" and first.key not in workloads:
        return _named_by_hash(first, labels)
    return climb(first, workloads)


def climb(owner: Owner, workloads: Workloads) -> Owner:
    """The last controller above a workload that is known."""
    for _ in range(_MAX_CLIMB):
        known = workloads.get(owner.key)
        controller = known.metadata.controller if known is not None else None
        if controller is None:
            break
        owner = owner._replace(kind=controller.kind, name=controller.name)
    return owner


class OwnerMemory:
    """What one state of a cluster found out, for the states after it.

    A pod's owner depends on the pod and on which workloads have which controllers, and on nothing else.
    """

    def __init__(self) -> None:
        self._known: tuple[Mapping[str, Pod], Workloads, dict[str, Owner]] = ({}, {}, {})
        """Replaced as a whole: states of one cluster may be asked in several threads."""

    def owners(self, pods: Mapping[str, Pod], workloads: Workloads) -> Mapping[str, Owner]:
        """The owners of pods, by UID; only those are looked for that can have changed. The mappings never change."""
        before, above, known = self._known
        if not _same_controllers(above, workloads):
            before, known = {}, {}
        if pods is not before:
            known = {
                uid: known[uid] if before.get(uid) is pod else owner_of_pod(pod, workloads) for uid, pod in pods.items()
            }
        self._known = pods, workloads, known
        return known


def _same_controllers(before: Workloads, after: Workloads) -> bool:
    """Whether climbing leads to the same in both."""
    if before is after:
        return True
    return before.keys() == after.keys() and all(
        before[key] is workload or before[key].metadata.controller == workload.metadata.controller
        for key, workload in after.items()
    )


def _named_by_hash(owner: Owner, labels: Mapping[str, str]) -> Owner:
    """A Deployment's name from its ReplicaSet's, where ReplicaSets may not be read.

    Only the controllers themselves set these labels, and they name a ReplicaSet after its owner and the hash.
    """
    for label, kind in TEMPLATE_HASHES.items():
        suffix = f"-{labels.get(label, '')}"
        if suffix != "-" and owner.name.endswith(suffix):
            return owner._replace(kind=kind, name=owner.name.removesuffix(suffix))
    return owner
