"""The scene of a case: its subject, whom that belongs to, where it runs, since when, and what may be asked about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from app.call_graph import CallGraph
from app.investigation.model import Clue, Origin
from detectors.model import EntityType
from detectors.states.report import kubectl, object_fact
from storage.records import AnomalyState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.investigation.sources import Sources
    from detectors.catalog import Row
    from detectors.cluster import ClusterState
    from detectors.model import Entity, Fact
    from detectors.objects import Event, Node, Object, Pod, ReplicaSet, Workload
    from detectors.owners import Owner
    from storage.records import AnomalyRecord, Conclusion, InvestigationRecord

BEFORE_SECONDS = 1800.0
"""How long before the onset a change may be what brought it about."""

SAME_SECONDS = 60.0
"""What ended so shortly before the onset is of the same failure: clocks differ, detectors look back."""

USED_BY_PODS = frozenset(("PersistentVolumeClaim", "Service", "HorizontalPodAutoscaler"))
"""Kinds that have no pods of their own, and for which those of somebody else speak."""


@dataclass(frozen=True)
class Scene:
    """What one investigation is about. Everything here is read from one immutable view of the cluster.

    Where nobody may read the cluster's objects `state` is empty: then nothing is known of pods, and collectors that
    need them are not called.
    """

    case: InvestigationRecord
    anomalies: tuple[AnomalyRecord, ...]
    """Of the case: living ones first, the worst of them in front."""
    rows: Mapping[str, Row]
    """The catalogue's, by id."""
    state: ClusterState
    sources: Sources
    now: float
    """Unix seconds by the cluster's clock."""
    newest: float
    """Unix seconds of the newest sample of the metrics server; `now` where there is none."""
    facts: Mapping[int, Sequence[Fact]] = field(default_factory=dict)
    """By anomaly id: what the detectors saw in this cycle."""
    related: tuple[AnomalyRecord, ...] = ()
    """Living anomalies of other cases that began around the same time."""
    silence: str = ""
    """Who asked not to hear of it, why and until when; empty where nobody did."""
    elsewhere: tuple[AnomalyRecord, ...] = ()
    """Living anomalies of all other cases, whenever they began."""
    attached: tuple[AnomalyRecord, ...] = ()
    """Of cases that are consequences of this one."""
    graph: CallGraph = field(default_factory=CallGraph)
    """Who calls whom, as far as anybody tells."""
    before: Conclusion | None = None
    """What it came to when it was last looked at."""
    evaluation_seconds: float = 300.0
    """The window in which something was judged."""

    @property
    def subject(self) -> Entity:
        """The entity that the case is about."""
        return self.case.entity

    @property
    def onset(self) -> float:
        """Unix seconds at which it began."""
        return self.case.onset

    @property
    def living(self) -> tuple[AnomalyRecord, ...]:
        """Its anomalies that are not over."""
        return tuple(a for a in self.anomalies if a.closed is None)

    @property
    def over(self) -> float:
        """Unix seconds since which nothing of it is out of band; minus infinity while something is."""
        if any(a.present or a.state is AnomalyState.HELD for a in self.living):
            return float("-inf")
        return max(a.last_seen for a in self.anomalies)

    @cached_property
    def owner(self) -> Owner:
        """The workload that answers for the subject; the only one that uses it; else the subject itself."""
        entity = self.subject
        found = self.state.owner_of(entity.kind, entity.namespace, entity.name)
        if entity.kind in USED_BY_PODS:
            users = {self.state.owner(pod).key: self.state.owner(pod) for pod in self.pods}
            return next(iter(users.values())) if len(users) == 1 else found
        return found

    @cached_property
    def workload(self) -> Workload | None:
        """The owner's object; None where it is none, or may not be read."""
        return self.state.workloads.get(self.owner.key)

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """The pods in question: the workload's, a node's, those that use a claim, those behind a Service."""
        state, entity = self.state, self.subject
        if entity.kind == "Node":
            return tuple(pod for pod in state.pods.values() if pod.spec.node_name == entity.name)
        if entity.type is EntityType.CLAIM or entity.kind == "PersistentVolumeClaim":
            return tuple(state.claim_users.get((entity.namespace, entity.name), ()))
        if entity.kind == "Service":
            owners = state.service_workloads(entity.namespace, entity.name)
            return tuple(pod for owner in owners for pod in state.workload_pods(*owner.key))
        if entity.kind == "HorizontalPodAutoscaler":
            scaled = state.autoscalers.get((entity.namespace, entity.name))
            if scaled is None:
                return ()
            target = scaled.spec.scale_target_ref
            return state.workload_pods(target.kind, entity.namespace, target.name)
        return state.workload_pods(*self.owner.key)

    @cached_property
    def unwell(self) -> tuple[Pod, ...]:
        """Those of the pods that are neither ready, nor finished, nor leaving."""
        return tuple(
            pod
            for pod in self.pods
            if not pod.ready and pod.metadata.deletion_timestamp is None and pod.status.phase != "Succeeded"
        )

    @cached_property
    def affected(self) -> tuple[Pod, ...]:
        """Those that are unwell, or were since the case began: a pod between two crashes is one of them."""

        def failed(pod: Pod) -> bool:
            ends = (status.state.terminated or status.last_state.terminated for status in pod.statuses)
            return any(end and end.exit_code and (end.finished or 0.0) >= self.onset - SAME_SECONDS for end in ends)

        return tuple(pod for pod in self.pods if pod in self.unwell or (not pod.finished and failed(pod)))

    @cached_property
    def healthy(self) -> tuple[Pod, ...]:
        """Those that are ready and stay, those of the newest revision first: what the unwell are compared with."""
        ready = [pod for pod in self.pods if pod.ready and pod.metadata.deletion_timestamp is None]
        newest = self.revisions[0].metadata.labels.get("pod-template-hash") if self.revisions else None
        return tuple(sorted(ready, key=lambda pod: self.state.owner(pod).revision != newest))

    @cached_property
    def revisions(self) -> tuple[ReplicaSet, ...]:
        """The workload's ReplicaSets, newest first."""
        return self.state.revisions(*self.owner.key)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes on which the unwell pods run; those of all pods where none is unwell; the subject itself."""
        if self.subject.kind == "Node":
            node = self.state.nodes.get(self.subject.name)
            return (node,) if node is not None else ()
        names = dict.fromkeys(pod.spec.node_name for pod in self.unwell or self.pods)
        return tuple(self.state.nodes[name] for name in names if name in self.state.nodes)

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What commands are filled with: who the case is about."""
        pod = next(iter(self.unwell or self.pods), None)
        node = next(iter(self.nodes), None)
        known = {
            "context": self.state.cluster or self.subject.cluster,
            "ns": self.subject.namespace,
            "kind": self.owner.kind.lower(),
            "name": self.owner.name,
            "subject": self.subject.name,
            "pod": pod.name if pod is not None else "",
            "node": node.name if node is not None else "",
        }
        return {name: value for name, value in known.items() if value}

    def events(self, *reasons: str, since: float = 0.0) -> tuple[Event, ...]:
        """Events about the subject, its owner or its pods, newest first, of these reasons where any are given."""
        about = {pod.metadata.uid for pod in self.pods}
        names = {(self.subject.kind, self.subject.name), (self.owner.kind, self.owner.name)}
        names |= {("ReplicaSet", each.name) for each in self.revisions}
        names |= {("Job", key[2]) for key, job in self.state.workloads.items() if self.made(key, job)}
        found = [
            event
            for event in self.state.events
            if (not reasons or event.reason in reasons)
            and event.last_seen >= since
            and (event.regarding.uid in about or (event.regarding.kind, event.regarding.name) in names)
            and (event.regarding.namespace or event.namespace) in (self.subject.namespace, event.namespace)
        ]
        return tuple(sorted(found, key=lambda event: event.last_seen, reverse=True))

    def made(self, key: tuple[str, str, str], job: Workload) -> bool:
        """Whether a workload is a Job of the owner's."""
        controller = job.metadata.controller
        named = controller is not None and (controller.kind, controller.name) == (self.owner.kind, self.owner.name)
        return key[0] == "Job" and key[1] == self.owner.namespace and named

    def kubectl(self, *words: str) -> str:
        """A command that the engineer can paste."""
        return kubectl(self.state, *words)

    def of_field(
        self,
        name: str,
        holds: bool | None,
        item: Object,
        text: str,
        path: str,
        *,
        kind: str = "",
        value: str = "",
        at: float | None = None,
        fills: Mapping[str, str] | None = None,
        change: str = "",
    ) -> Clue:
        """A clue that a field of an object holds; `path` is a kubectl JSONPath."""
        fact = object_fact(self.state, kind or type(item).__name__, item, text, path, at=at, value=value)
        return Clue(
            name=name, holds=holds, text=text, source=fact.source, value=value, at=at, field=fact.field,
            fills=fills or {}, change=change,
        )  # fmt: skip

    def of_event(
        self,
        name: str,
        holds: bool | None,
        event: Event,
        text: str = "",
        fills: Mapping[str, str] | None = None,
        change: str = "",
    ) -> Clue:
        """A clue that an event tells; what it says about itself where no text is given."""
        about = event.regarding
        chosen = f"involvedObject.name={about.name},reason={event.reason}"
        place = about.namespace or event.namespace or "default"
        return Clue(
            name=name,
            holds=holds,
            text=text or f"{about.kind} {about.name}: {event.reason}: {event.message}",
            source=self.kubectl("--namespace", place, "get", "events", "--field-selector", chosen),
            origin=Origin.EVENT,
            value=str(event.count),
            at=event.last_seen,
            fills=fills or {},
            change=change,
        )
