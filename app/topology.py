"""What may share one cause: whom a workload stands on that is unwell itself.

A node that falls silent takes its pods along; a claim that is not bound holds back who waits for it; a quota that is
used up refuses everybody in its namespace. An anomaly of such a workload belongs to the node, the claim or the quota as
much as to the workload, and what belongs to the same thing at the same time is one case. Only what objects say now
counts: a workload that also fails elsewhere fails for a reason of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from detectors.placement import exhausted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from detectors.cluster import ClusterState
    from detectors.model import Entity
    from detectors.objects import Pod

Subject = tuple[str, str, str, str]
"""Cluster, namespace, kind and name of what a case is about."""
Key = tuple[str, str, str]
"""Kind, namespace and name, as `ClusterState.workloads` has them."""

LEADING = {"Node": 2, "PersistentVolume": 1, "PersistentVolumeClaim": 1}
"""Kinds after which a case with several subjects is named: who stands on something is the impact of its failure."""


def subject(entity: Entity) -> Subject:
    """Whom a case is about: the workload itself also for its dependencies, databases and pods."""
    return entity.cluster, entity.namespace, entity.kind, entity.name


@dataclass(frozen=True)
class Topology:
    """Who stands on what in one view of a cluster; in an empty one everybody stands alone."""

    state: ClusterState

    def related(self, entity: Entity) -> tuple[Subject, ...]:
        """The entity itself, and whatever it stands on that is unwell; what shares one of these may share its cause."""
        own = (entity.kind, entity.namespace, entity.name)
        keys = (own, self.state.owner_of(*own).key, *self._behind(entity))
        bases = (base for key in keys for base in self._stands_on.get(key, ()))
        others = ((entity.cluster, namespace, kind, name) for kind, namespace, name in (*keys[1:], *bases))
        return tuple(dict.fromkeys((subject(entity), *others)))

    def began(self, place: Subject) -> float:
        """Since when a node is as it is, unix seconds; minus infinity for everything else."""
        _, _, kind, name = place
        node = self.state.nodes.get(name) if kind == "Node" else None
        ready = node.status.condition("Ready") if node is not None else None
        return ready.since or -math.inf if ready is not None else -math.inf

    def _behind(self, entity: Entity) -> Iterable[Key]:
        """Whose pods an object without pods of its own speaks of; the claim of a volume."""
        if entity.kind == "HorizontalPodAutoscaler":
            scaler = self.state.autoscalers.get((entity.namespace, entity.name))
            target = scaler.spec.scale_target_ref if scaler is not None else None
            return [(target.kind, entity.namespace, target.name)] if target is not None else []
        if entity.kind == "Service":
            return [owner.key for owner in self.state.service_workloads(entity.namespace, entity.name)]
        if entity.kind == "PersistentVolume":
            volume = self.state.volumes.get(entity.name)
            claim = volume.spec.claim_ref if volume is not None else None
            return [("PersistentVolumeClaim", claim.namespace, claim.name)] if claim is not None else []
        return []

    @cached_property
    def _stands_on(self) -> Mapping[Key, tuple[Key, ...]]:
        """By workload: the silent nodes or unbound claims to which all its unwell pods go back; used-up quotas."""
        silent = self.state.silent_nodes
        bases: dict[Key, list[set[Key]]] = {}
        for pod in self.state.pods.values():
            lost = pod.spec.node_name in silent
            if not pod.finished and pod.metadata.deletion_timestamp is None and (lost or not pod.ready):
                base = {("Node", "", pod.spec.node_name)} if lost else self._claims(pod)
                bases.setdefault(self.state.owner(pod).key, []).append(base)
        found = {key: tuple(sorted(set().union(*each))) for key, each in bases.items() if all(each)}
        return {**found, **self._refused}

    def _claims(self, pod: Pod) -> set[Key]:
        sources = (volume.persistent_volume_claim for volume in pod.spec.volumes)
        keys = ((pod.namespace, source.claim_name) for source in sources if source is not None)
        claims = (self.state.claims.get(key) for key in keys)
        unbound = (claim for claim in claims if claim is not None and claim.status.phase != "Bound")
        return {(claim.kind, claim.namespace, claim.name) for claim in unbound}

    @cached_property
    def _refused(self) -> Mapping[Key, tuple[Key, ...]]:
        """By workload that cannot create its pods: the quotas of its namespace that have no room for one more."""
        found: dict[Key, tuple[Key, ...]] = {}
        for key, workload in self.state.workloads.items():
            failure = workload.status.condition("ReplicaFailure")
            if failure is not None and failure.status == "True":
                quotas = [each for each in self.state.quotas.values() if each.namespace == workload.namespace]
                pod = next(iter(self.state.workload_pods(*key)), None)
                full = [each for each in quotas if exhausted(each, pod)]
                if full:
                    found[key] = tuple((each.kind, each.namespace, each.name) for each in full)
        return found
