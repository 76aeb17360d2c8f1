"""What every state detector shares: what may be read, what counts for how much, and how a finding is told."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from detectors.cluster import AccessStatus
from detectors.entities import environment_of, workload_entity
from detectors.model import (
    PARTLY,
    Coverage,
    Entity,
    EntityType,
    Fact,
    FieldRef,
    Observation,
    Severity,
    SourceRef,
    Views,
)
from detectors.states.paths import readable
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.objects import ContainerStatus, Event, Object, Pod
    from detectors.owners import Owner

CONFIDENCE = 0.95
"""Objects say what they are; what remains is that they may have changed since they were read."""
LESSER_ENVIRONMENTS = frozenset(
    ("dev", "development", "test", "testing", "stage", "staging", "preprod", "qa", "sandbox", "preview")
)
"""Where the same failure costs less."""
MOST_FACTS = 20
"""Per finding; the rest is counted in the last one."""

_COVERAGE = {
    AccessStatus.LISTED: Coverage.LIVE,
    AccessStatus.LOADING: Coverage.NO_DATA,
    AccessStatus.FORBIDDEN: Coverage.FORBIDDEN,
    AccessStatus.NOT_SERVED: Coverage.NO_SOURCE,
    AccessStatus.ERROR: Coverage.QUERY_ERROR,
}


@dataclass(frozen=True, slots=True)
class StateResult:
    """What a state detector found."""

    observations: tuple[Observation, ...]
    coverage: Coverage
    """Anything but LIVE means that nothing is known, not that all is well."""
    live: int
    """How many entities were judged."""
    detail: str = ""
    """The missing right, or the error."""


@dataclass(frozen=True, slots=True)
class Affected:
    """One pod, or one container of it, that is in a bad state."""

    pod: Pod
    text: str
    path: str
    """The field that proves it, as a kubectl JSONPath; empty where events do."""
    value: str
    """What that field holds; of events, their reason."""
    onset: float
    """Unix seconds."""
    at: float | None = None
    """Unix seconds of what was seen last."""
    count: float = 1.0


def unreadable(state: ClusterState, *resources: str) -> StateResult | None:
    """The result when one of these resources cannot be read; None when all can."""
    for resource in resources:
        access = state.access.get(resource)
        if access is None:
            return StateResult((), Coverage.NO_DATA, 0, f"{resource} have not been asked for yet")
        if not access.readable:
            need = f"needs list and watch on {resource}" if access.status is AccessStatus.FORBIDDEN else access.status
            detail = f"{need}: {access.detail}" if access.detail else f"{need}: {resource}"
            return StateResult((), _COVERAGE[access.status], 0, detail)
    return None


def partial(state: ClusterState, resource: str) -> str:
    """The note that a resource is readable in some namespaces only; empty when it is everywhere."""
    namespaces = state.access[resource].namespaces
    return f"{PARTLY}: {resource} readable only in {', '.join(namespaces)}" if namespaces else ""


def guard(row: Row, name: str, default: float) -> float:
    """A number of the row, from its guards or else its parameters."""
    return float(row.guards.get(name, row.params.get(name, default)))


def living(pods: Iterable[Pod]) -> list[Pod]:
    """Those that have not run to their end."""
    return [pod for pod in pods if not pod.finished]


def is_sidecar(pod: Pod, status: ContainerStatus) -> bool:
    """An init container that keeps running beside the others."""
    return any(each.name == status.name and each.restart_policy == "Always" for each in pod.spec.init_containers)


def kubectl(state: ClusterState, *words: str) -> str:
    """A kubectl command that an engineer can paste; every word is quoted for the shell."""
    return shlex.join(["kubectl", "--context", state.cluster, *words])


def workload_observations(
    row: Row, state: ClusterState, affected: Sequence[Affected], *, least: float = 1.0, per_pod: bool = False
) -> tuple[Observation, ...]:
    """One observation for each workload with enough affected pods, worst evidence first.

    The score is the affected count over the least one that counts where the row counts occurrences; for states it is 1
    plus the affected share of the desired replicas.

    Args:
        row: the signal.
        state: the cluster.
        affected: containers or pods in the bad state.
        least: affected count from which the workload is reported.
        per_pod: the row counts pods, not containers or occurrences.
    """
    groups: dict[tuple[str, str, str], list[Affected]] = {}
    for each in affected:
        groups.setdefault(state.owner(each.pod).key, []).append(each)
    observations = []
    for members in groups.values():
        pods = {each.pod.metadata.uid: each.pod for each in members}
        count = float(len(pods)) if per_pod else sum(each.count for each in members)
        if count < least:
            continue
        owner = state.owner(members[0].pod)
        share = len(pods) / max(_desired(state, owner), 1)
        observations.append(
            Observation(
                signal=row.id,
                entity=workload_entity(state, members[0].pod),
                score=count / least if least > 1 else 1.0 + min(share, 1.0),
                observed=count,
                low=0.0,
                high=max(0.0, least - 1),
                onset=min(each.onset for each in members),
                confidence=CONFIDENCE,
                severity=_severity(row, state, owner, list(pods.values()), share),
                views=Views.STATE,
                source=SourceRef("kubernetes-api", kubectl(state, "--namespace", owner.namespace, "get", "pods")),
                facts=_facts(state, members),
            )
        )
    return tuple(observations)


def object_observation(
    row: Row,
    state: ClusterState,
    entity: Entity,
    facts: Sequence[Fact],
    *,
    onset: float,
    severity: Severity | None = None,
    observed: float = 1.0,
    score: float = 2.0,
    confidence: float = CONFIDENCE,
) -> Observation:
    """What the state of one object says about it: there is no band, the state is the finding.

    Args:
        row: the signal.
        state: the cluster.
        entity: who is unwell.
        facts: at least one; the first one's command is how to ask again.
        onset: unix seconds; the state's own time where the object does not tell.
        severity: the row's, one step less in lesser environments, unless it is given.
        observed: how many, where the row counts.
        score: see `Observation.score`.
        confidence: how sure.
    """
    return Observation(
        signal=row.id,
        entity=entity,
        score=score,
        observed=observed,
        low=0.0,
        high=0.0,
        onset=onset if isfinite(onset) else state.at,
        confidence=confidence,
        severity=lowered(row.severity, state, entity.namespace) if severity is None else severity,
        views=Views.STATE,
        source=SourceRef("kubernetes-api", facts[0].source),
        facts=tuple(facts[:MOST_FACTS]),
    )


def object_entity(
    state: ClusterState, kind: str, namespace: str, name: str, entity_type: EntityType = EntityType.WORKLOAD
) -> Entity:
    """An object as an entity, with the environment of its namespace."""
    environment = environment_of(namespace, state, state.environments, cluster=state.cluster) if namespace else ""
    return Entity(entity_type, state.cluster, namespace, kind, name, environment=environment)


def object_fact(
    state: ClusterState, kind: str, item: Object, text: str, path: str, *, at: float | None = None, value: str = ""
) -> Fact:
    """One field of one object, what it holds, and the command that shows it."""
    where = ("--namespace", item.namespace) if item.namespace else ()
    command = kubectl(state, *where, "get", kind.lower(), item.name, "--output", f"jsonpath={path}")
    return Fact("object", text, command, at, value, FieldRef(kind, item.namespace, item.name, readable(path)))


def event_fact(state: ClusterState, event: Event) -> Fact:
    """What the cluster said about an object, and how often."""
    about = event.regarding
    command = _events_command(state, event.namespace or "default", about.name, event.reason)
    text = f"{about.kind} {about.name}: {event.reason} ({counted(event.count, 'times')}): {event.message}"
    return Fact("event", text, command, event.last_seen, str(event.count))


def _events_command(state: ClusterState, namespace: str, name: str, reason: str) -> str:
    chosen = f"involvedObject.name={name},reason={reason}"
    return kubectl(state, "--namespace", namespace, "get", "events", "--field-selector", chosen)


def lowered(severity: Severity, state: ClusterState, namespace: str) -> Severity:
    """One step less where the environment matters less."""
    environment = environment_of(namespace, state, state.environments, cluster=state.cluster)
    return severity.shifted(-1) if environment.lower() in LESSER_ENVIRONMENTS else severity


def _severity(row: Row, state: ClusterState, owner: Owner, pods: Sequence[Pod], share: float) -> Severity:
    """The row's severity, one step up when most replicas are affected, down in lesser environments.

    A failing new revision beside an old one that serves is a failed rollout, not an outage: one step down, and no
    further one for the environment.
    """
    if _old_revision_serves(state, owner, pods):
        return row.severity.shifted(-1)
    severity = lowered(row.severity, state, owner.namespace)
    return severity.shifted(1) if share > guard(row, "escalate_share", 0.5) and _desired(state, owner) else severity


def _old_revision_serves(state: ClusterState, owner: Owner, affected: Sequence[Pod]) -> bool:
    """At least half of the desired replicas are ready, all of a revision that is not affected."""
    failing = {state.owner(pod).revision for pod in affected}
    ready = [
        pod
        for pod in state.workload_pods(*owner.key)
        if pod.ready and pod.metadata.deletion_timestamp is None and state.owner(pod).revision not in failing
    ]
    return bool(ready) and "" not in failing and 2 * len(ready) >= _desired(state, owner)


def _desired(state: ClusterState, owner: Owner) -> int:
    """How many pods should be ready; as many as there are where the workload cannot be read."""
    workload = state.workloads.get(owner.key)
    return workload.desired if workload is not None else len(living(state.workload_pods(*owner.key)))


def _facts(state: ClusterState, members: Sequence[Affected]) -> tuple[Fact, ...]:
    facts = [_fact(state, each) for each in members[:MOST_FACTS]]
    if len(members) > MOST_FACTS:
        listing = kubectl(state, "--namespace", members[0].pod.namespace, "get", "pods")
        facts.append(Fact("object", f"and {len(members) - MOST_FACTS} more", listing))
    return tuple(facts)


def _fact(state: ClusterState, each: Affected) -> Fact:
    at = each.onset if each.at is None else each.at
    if each.path:
        return object_fact(state, "Pod", each.pod, each.text, each.path, at=at, value=each.value)
    command = _events_command(state, each.pod.namespace, each.pod.name, each.value)
    return Fact("event", each.text, command, at, f"{each.count:.0f}")
