"""Noise gates N1 to N11: why a case may be over, expected, too small or not to be believed (playbooks, section 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.model import NOT, Gate, Ruling
from app.investigation.recovery import lasting, rolled_back
from detectors.states.report import living
from detectors.words import counted
from storage.records import Label, Lifecycle, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.model import Clues
    from app.investigation.scene import Scene
    from detectors.objects import Node, Pod, Workload
    from storage.records import InvestigationRecord

CLEAN_SECONDS = 300.0
"""How long nothing new may have happened before something is over, at least."""

LEAVING_TAINTS = (
    "ToBeDeletedByClusterAutoscaler",
    "DeletionCandidateOfClusterAutoscaler",
    "karpenter.sh/disrupted",
    "karpenter.sh/disruption",
    "aws-node-termination-handler/",
    "cloud.google.com/impending-node-termination",
    "kubernetes.azure.com/scalesetpriority-eviction",
    "node.cloudprovider.kubernetes.io/shutdown",
)
"""Beginnings of the taints that a node gets which is about to go."""

ECHO_SHARE = 0.8
"""Share of a surge's events that has to come from one node for the node to be what is wrong."""

FREQUENT, FREQUENT_SECONDS = 3, 7 * 86400.0
"""So many alike cases in so many seconds, none of them worth anything, are a habit."""

CHURN = frozenset(("pod-readiness-failing", "probe-failure-spike", "pod-stuck-pending", "service-no-endpoints"))
"""Signals that the normal start of new pods can set off."""


def _healed(scene: Scene, _: Clues, __: str) -> Ruling:
    """N1. An event speaks against health only while its own subject is unhealthy: it is re-read by the object."""
    if not scene.living:
        return Ruling(True, "all of it is back in band, and nothing new came")
    if not all(_told_by_events(scene, anomaly.signal) for anomaly in scene.living) or not scene.pods or scene.unwell:
        return NOT
    quiet = max(CLEAN_SECONDS, 2 * scene.evaluation_seconds)
    if any(event.type == "Warning" for event in scene.events(since=scene.now - quiet)):
        return NOT
    if any(scene.state.restarts_since(pod, scene.now - quiet) for pod in scene.pods):
        return NOT
    if scene.workload is not None and scene.workload.ready < scene.workload.desired:
        return NOT
    return Ruling(True, f"all {counted(len(scene.pods), 'pods')} are ready, nothing new for {quiet / 60:.0f} min")


def _told_by_events(scene: Scene, signal: str) -> bool:
    """Whether a signal counts what happened rather than what is."""
    row = scene.rows.get(signal)
    return row is not None and (row.fallback.rights[:1] == ("events",) or signal == "pod-restart-spike")


def _leaving(scene: Scene, _: Clues, __: str) -> Ruling:
    """N2. Pods that are being deleted, or belong to an older revision beside a complete new one."""
    troubled = [pod for pod in living(scene.pods) if not pod.ready]
    if not troubled or not _about_pods(scene):
        return NOT
    newest = scene.revisions[0].metadata.labels.get("pod-template-hash") if scene.revisions else None
    complete = scene.workload is not None and scene.workload.complete

    def leaves(pod: Pod) -> bool:
        old = newest is not None and complete and scene.state.owner(pod).revision != newest
        return pod.metadata.deletion_timestamp is not None or old

    text = f"{counted(len(troubled), 'pods')} that are not ready are being deleted or belong to an older revision"
    return Ruling(all(map(leaves, troubled)), text)


def _about_pods(scene: Scene) -> bool:
    """Whether all that is out of band is told by the pods' own state."""
    rows = [scene.rows.get(anomaly.signal) for anomaly in scene.living]
    return all(row is not None and "pods" in row.fallback.rights and row.fallback.state_detector for row in rows)


def _rolling(scene: Scene, _: Clues, __: str) -> Ruling:
    """N3. A young rollout that proceeds and keeps enough pods available, with nothing that failed in its new pods."""
    workload = scene.workload
    if workload is None or len(scene.revisions) < 2 or not scene.living:
        return NOT
    age = scene.now - scene.revisions[0].metadata.created
    newest = scene.revisions[0].metadata.labels.get("pod-template-hash")
    fresh = [pod for pod in scene.pods if scene.state.owner(pod).revision == newest]
    young = 0 <= age < workload.spec.progress_deadline_seconds
    starting = {anomaly.signal for anomaly in scene.living} <= CHURN and not any(map(_failed, fresh))
    enough = workload.available >= workload.desired - _may_lack(workload)
    text = (
        f"a rollout of {age / 60:.0f} min proceeds, {workload.available} of {workload.desired} replicas are available"
    )
    return Ruling(young and starting and enough and bool(fresh), text)


def _failed(pod: Pod) -> bool:
    """Whether something in a pod went wrong that is no normal part of starting."""
    waits = {status.state.waiting.reason for status in pod.statuses if status.state.waiting is not None}
    return bool(waits - {"", "ContainerCreating", "PodInitializing"}) or any(s.restart_count for s in pod.statuses)


def _may_lack(workload: Workload) -> int:
    """How many replicas a rollout may take away at a time."""
    rolling = workload.spec.strategy.rolling_update
    allowed = rolling.max_unavailable if rolling is not None else "25%"
    if isinstance(allowed, int):
        return allowed
    share = allowed.removesuffix("%")
    return int(workload.desired * float(share) / 100) if share.isdecimal() else 0


def _rolled_back(scene: Scene, clues: Clues, _: str) -> Ruling:
    """N4. An older pod template is back and complete, and what was out of band is in band again."""
    back = rolled_back(scene)
    return Ruling(True, back.text) if back is not None and not lasting(scene, clues) else NOT


def _job_lives(scene: Scene, _: Clues, __: str) -> Ruling:
    """N5. A Job that is complete, or may still try again."""
    job = scene.workload
    if scene.subject.kind == "CronJob":
        jobs = [w for key, w in scene.state.workloads.items() if key[0] == "Job" and scene.made(key, w)]
        job = max(jobs, key=lambda each: each.metadata.created, default=None)
    if job is None or type(job).__name__ != "Job" or not _about_pods(scene):
        return NOT
    for kind in ("Complete", "SuccessCriteriaMet"):
        condition = job.status.condition(kind)
        if condition is not None and condition.status == "True":
            return Ruling(True, f"Job {job.name} is complete, after {counted(job.status.failed, 'failed pods')}")
    trying = bool(job.status.active) and job.status.failed < job.spec.backoff_limit
    text = f"Job {job.name} may still try: {job.status.failed} of {job.spec.backoff_limit} allowed failures"
    return Ruling(trying, text)


def _node_leaves(scene: Scene, _: Clues, __: str) -> Ruling:
    """N6. A node that is cordoned, about to be taken away, or gone."""
    if scene.subject.kind != "Node":
        return NOT
    node = scene.state.nodes.get(scene.subject.name)
    if node is None:
        gone = scene.state.readable("nodes")
        return Ruling(True, f"node {scene.subject.name} is gone") if gone else Ruling(None, "nodes may not be read")
    if node.metadata.deletion_timestamp is not None:
        return Ruling(True, f"node {node.name} is being deleted")
    taint = next(_leaving_taints(node), "")
    why = f"has the taint {taint}" if taint else "is cordoned"
    return Ruling(bool(taint) or node.spec.unschedulable, f"node {node.name} {why}")


def _leaving_taints(node: Node) -> Iterator[str]:
    return (taint.key for taint in node.spec.taints if taint.key.startswith(LEAVING_TAINTS))


def _echo(scene: Scene, _: Clues, __: str) -> Ruling:
    """N7. A surge of events that come from one node which is not ready."""
    if not scene.living or not all(_told_by_events(scene, anomaly.signal) for anomaly in scene.living):
        return NOT
    state, since = scene.state, scene.onset - scene.evaluation_seconds
    whole = scene.subject.kind == "Cluster"
    events = [e for e in (state.events if whole else scene.events(since=since)) if e.type == "Warning"]
    counts: dict[str, float] = {}
    for event in events:
        about = event.regarding
        pod = state.pods.get(about.uid) or state.pod_named(about.namespace, about.name) if about.kind == "Pod" else None
        place = about.name if about.kind == "Node" else pod.spec.node_name if pod is not None else ""
        counts[place] = counts.get(place, 0.0) + event.between(since, scene.now)
    total, loudest = sum(counts.values()), max(counts, key=lambda place: counts[place], default="")
    ready = state.nodes[loudest].status.condition("Ready") if loudest in state.nodes else None
    if not total or ready is None or ready.status == "True":
        return NOT
    text = f"{counts[loudest] / total:.0%} of the events come from node {loudest}, which is not ready"
    return Ruling(counts[loudest] >= ECHO_SHARE * total, text)


def _too_small(_: Scene, clues: Clues, __: str) -> Ruling:
    """N8. Below an absolute floor, whatever the ratio."""
    held = clues.holding("impact.below-floor")
    return Ruling(True, held[0].text) if held else NOT


def _habit(scene: Scene, _: Clues, cause: str) -> Ruling:
    """N9. The same befell it often lately, at least as badly, and each time it was false or went by itself."""
    lasting = scene.now - scene.onset

    def alike(case: InvestigationRecord) -> bool:
        if case.id == scene.case.id or case.signals[:1] != scene.case.signals[:1]:
            return False
        known = scene.sources.cause_of(case.id)
        return scene.now - case.onset <= FREQUENT_SECONDS and known == cause

    def harmless(case: InvestigationRecord) -> bool:
        went = case.label is None and case.lifecycle is Lifecycle.RECOVERED and case.acknowledged_at is None
        as_bad = case.severity.rank >= scene.case.severity.rank and (case.ended or scene.now) - case.onset >= lasting
        return (went or case.label is Label.FALSE) and as_bad

    past = [case for case in scene.sources.cases_of(scene.subject) if alike(case)]
    if any(case.label is Label.TRUE for case in past):
        return NOT
    often = sum(map(harmless, past))
    text = f"the {counted(often, 'same cases')} of the last week were labelled false or went by themselves, as bad"
    return Ruling(often >= FREQUENT, text)


def _silenced(scene: Scene, _: Clues, __: str) -> Ruling:
    """N10. Somebody asked not to hear of it."""
    return Ruling(bool(scene.silence), scene.silence)


def _artefact(_: Scene, clues: Clues, __: str) -> Ruling:
    """N11. What measures it stopped or started when it began."""
    held = clues.holding("trust.unreliable")
    return Ruling(True, held[0].text) if held else NOT


NOISE: tuple[Gate, ...] = (
    Gate("N1", "well again", Verdict.RECOVERED, _healed),
    Gate("N2", "its pods are leaving", Verdict.NOISE, _leaving),
    Gate("N3", "a rollout is under way", Verdict.INCONCLUSIVE, _rolling),
    Gate("N4", "it was rolled back", Verdict.RECOVERED, _rolled_back),
    Gate("N5", "a Job's life", Verdict.NOISE, _job_lives),
    Gate("N6", "the node is leaving", Verdict.NOISE, _node_leaves),
    Gate("N7", "the echo of one node", Verdict.NOISE, _echo),
    Gate("N8", "too small", Verdict.NOISE, _too_small),
    Gate("N9", "a habit", Verdict.NOISE, _habit),
    Gate("N10", "silenced", Verdict.NOISE, _silenced),
    Gate("N11", "what measures it", Verdict.INCONCLUSIVE, _artefact),
)
