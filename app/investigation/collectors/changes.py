"""What changed before the onset: rollouts and what they changed, scaling, nodes, quotas, Jobs; each dated.

A change stands on the case's timeline. It is a cause only where a class's table weighs it against onset, scope and what
contradicts it: a revision whose predecessors fail as well did not bring the failure about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from app.investigation.collectors import collector
from app.investigation.model import Clue, Step
from app.investigation.scene import BEFORE_SECONDS
from app.sources.base import SourceError, Trouble
from detectors.objects import Job, Object, unix
from detectors.revisions import RESTARTED, between, differences, is_back, told
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from app.investigation.scene import Scene
    from detectors.objects import Pod, ReplicaSet
    from detectors.revisions import Change

Made = TypeVar("Made", bound=Object)

AFTER_SECONDS = 120.0
"""A change this long after the onset may still be what was seen: clocks differ, detectors look back."""
TOLD = frozenset(("change.rollout", "change.taken-back"))
"""Clues about a rollout that stand on the timeline."""
MOST_TOLD = 3
"""Changes of one kind that are told."""

_FIELDS = {
    "image": "change.image",
    "memory limit": "change.memory-limit",
    "cpu limit": "change.cpu-limit",
    "liveness probe": "change.probe",
    "readiness probe": "change.probe",
    "startup probe": "change.probe",
    "ports": "change.probe",
    "variable": "change.settings",
    "reference": "change.settings",
    "container": "change.settings",
    "service account": "change.settings",
}
"""By field of a pod template: the clue that it changed."""


class Rollout(NamedTuple):
    """The newest revision of a workload, and what it changed."""

    item: Object
    """The object that tells its age: the ReplicaSet, or the first pod of the revision."""
    revision: str
    """Its number; of StatefulSets and DaemonSets its hash."""
    at: float
    """Unix seconds at which it was rolled out."""
    back: bool
    """Whether it is an older pod template again."""
    text: str
    changes: tuple[Change, ...]


@collector(
    Step.CAUSE,
    *("change.rollout", "change.no-rollout", "change.rollback", *dict.fromkeys(_FIELDS.values())),
    *("change.old-pods-fail", "change.only-new-pods-fail", "change.none-left", "change.suspect", "change.taken-back"),
    "change.pods-unseen",
    needs=("replicasets",),
)
def rollouts(scene: Scene) -> Iterator[Clue]:
    """Whether a new revision came shortly before the onset, what it changed, and whose pods fail since.

    Raises:
        SourceError: pods may not be read, and nothing else tells of revisions.
    """
    if not scene.revisions and not scene.state.readable("pods"):
        raise SourceError(Trouble.FORBIDDEN, "not permitted to read pods, and no ReplicaSet tells of revisions")
    if any(scene.state.owner(pod).key != scene.owner.key for pod in scene.pods):
        # Of the pods of several workloads, as a node has them, no two are revisions of one thing.
        return
    rollout = newest_rollout(scene)
    if rollout is None:
        if scene.pods:
            item = scene.revisions[0] if scene.revisions else scene.pods[0]
            text, path = "no other revision of it is known", "{.metadata.creationTimestamp}"
            made = item.metadata.creation_timestamp or ""
            yield scene.of_field("change.rollout", False, item, text, path, value=made, at=item.metadata.created)
            yield _no_rollout(scene, item)
        return
    yield from _taken_back(scene, rollout)
    newest, older = _sides(scene)
    if not (_around(scene, rollout.at) or (newest.failing and older.serving)):
        yield _told_of(scene, "change.rollout", False, rollout)
        yield _no_rollout(scene, rollout.item)
        return
    yield _told_of(scene, "change.rollout", True, rollout)
    if not scene.state.readable("pods"):
        text = "pods may not be read: how they fail is not known, their ReplicaSets count those that are ready"
        yield scene.of_field("change.pods-unseen", True, rollout.item, text, "{.status.readyReplicas}")
    if rollout.back:
        yield _told_of(scene, "change.rollback", True, rollout)
    for change in rollout.changes:
        if change.field in _FIELDS:
            yield _changed_field(scene, rollout, change)
    if scene.revisions and rollout.item is not scene.revisions[0]:
        # Its pods are gone: there is nothing left to compare.
        return
    yield from _whose_pods_fail(scene, newest, older)


def _taken_back(scene: Scene, rollout: Rollout) -> Iterator[Clue]:
    """That what was rolled out is no longer the newest revision: the remedy, not the cause."""
    newest = next(_rollouts(scene), rollout)
    if newest.back and newest.at > rollout.at:
        yield _told_of(scene, "change.taken-back", True, newest)


class _Side(NamedTuple):
    """The pods of the newest revision, or of all before it: by themselves, or as their ReplicaSets count them."""

    failing: Object | None
    """One that is unwell, or the ReplicaSet that lacks it; None where none is."""
    serving: int
    """How many are ready."""


def _sides(scene: Scene) -> tuple[_Side, _Side]:
    """The newest revision, and the others."""
    if scene.state.readable("pods"):
        new, old = _by_revision(scene)
        return _of_pods(scene, new), _of_pods(scene, old)
    return _of_sets(scene.revisions[:1]), _of_sets(scene.revisions[1:])


def _of_pods(scene: Scene, pods: list[Pod]) -> _Side:
    unwell = next((pod for pod in scene.unwell if pod in pods), None)
    return _Side(unwell, sum(pod.ready for pod in pods))


def _of_sets(sets: Sequence[ReplicaSet]) -> _Side:
    lacking = next((each for each in sets if each.ready < each.desired), None)
    return _Side(lacking, sum(each.ready for each in sets))


def _whose_pods_fail(scene: Scene, newest: _Side, older: _Side) -> Iterator[Clue]:
    """Whether only the pods of the newest revision fail, older ones as well, or none are left to compare with."""
    path = "{.metadata.labels}" if scene.state.readable("pods") else "{.status.readyReplicas}"
    if older.failing is not None:
        text = f"a pod of an older revision fails as well: {older.failing.name}"
        yield scene.of_field("change.old-pods-fail", True, older.failing, text, path)
        for name in ("change.only-new-pods-fail", "change.none-left"):
            yield scene.of_field(name, False, older.failing, text, path)
    elif newest.failing is not None:
        left = f"{counted(older.serving, 'older pods')} are ready" if older.serving else "no older ones are left"
        text = f"only pods of the newest revision fail; {left}"
        known = "change.only-new-pods-fail" if older.serving else "change.none-left"
        for name in ("change.suspect", known):
            yield scene.of_field(name, True, newest.failing, text, path)


def newest_rollout(scene: Scene) -> Rollout | None:
    """The newest rollout that can have brought the case about, else the newest; None where one revision is known.

    What was rolled out later is more likely the remedy than the cause.
    """
    if len(scene.revisions) < 2:
        return None if scene.revisions else _by_pods(scene)
    found = list(_rollouts(scene))
    return next((each for each in found if each.at <= scene.onset + AFTER_SECONDS), found[0])


def _rollouts(scene: Scene) -> Iterator[Rollout]:
    """All that the ReplicaSets tell of, newest first."""
    for newer, older in zip(scene.revisions, scene.revisions[1:], strict=False):
        back = is_back(older, newer)
        at = back_since(scene, newer, older) if back else newer.metadata.created
        if at is not None:
            yield _rollout(newer, older, at, back)
        if back:
            # The template that is back is also the one from which the other had been rolled out.
            what = differences(newer.spec.template, older.spec.template)
            text = f"rollout revision {older.revision}: {', '.join(change.text for change in what)}"
            yield Rollout(older, str(older.revision), older.metadata.created, False, text, what)


def _rollout(newer: ReplicaSet, older: ReplicaSet, at: float, back: bool) -> Rollout:
    what = differences(older.spec.template, newer.spec.template)
    return Rollout(newer, str(newer.revision), at, back, told(older, newer), what)


def back_since(scene: Scene, newer: ReplicaSet, older: ReplicaSet) -> float | None:
    """When an older pod template came back: its ReplicaSet is older than that, what befell it then is not.

    None where no pod, event or condition is left that tells.
    """
    pods = _of_hash(scene, newer.metadata.labels.get("pod-template-hash", ""))
    scaled = (event for event in scene.events("ScalingReplicaSet") if newer.name in event.message)
    proceeding = scene.workload.status.condition("Progressing") if scene.workload is not None else None
    dates = [
        *(pod.metadata.created for pod in pods),
        *(event.first_seen for event in scaled),
        unix(proceeding.last_update_time) if proceeding is not None else None,
    ]
    return min((at for at in dates if at is not None and at > older.metadata.created), default=None)


def _by_pods(scene: Scene) -> Rollout | None:
    """The rollout of a StatefulSet or DaemonSet, as the pods of two revisions tell it."""
    new, old = _by_revision(scene)
    if not new or not old:
        return None
    first = min(new, key=lambda pod: pod.metadata.created)
    before = max(old, key=lambda pod: pod.metadata.created)
    what = between(before, first)
    revision = scene.state.owner(first).revision
    named = " -> ".join(filter(None, (scene.state.owner(before).revision, revision)))
    text = f"rollout revision {named}: {', '.join(change.text for change in what)}"
    return Rollout(first, revision, first.metadata.created, False, text, what)


def _by_revision(scene: Scene) -> tuple[list[Pod], list[Pod]]:
    """The pods of the newest revision, and the others."""
    if scene.revisions:
        newest = scene.revisions[0].metadata.labels.get("pod-template-hash", "")
    else:
        update = scene.workload.status.update_revision if scene.workload is not None else ""
        # A StatefulSet names its revision after itself and the hash, which its pods carry with it.
        youngest = max(scene.pods, key=lambda pod: pod.metadata.created, default=None)
        newest = update or (scene.state.owner(youngest).revision if youngest is not None else "")
    new = _of_hash(scene, newest)
    return new, [pod for pod in scene.pods if pod not in new]


def _of_hash(scene: Scene, revision: str) -> list[Pod]:
    return [pod for pod in scene.pods if scene.state.owner(pod).revision == revision]


def _around(scene: Scene, at: float) -> bool:
    """Whether something happened when it may have brought the case about."""
    deadline = scene.workload.spec.progress_deadline_seconds if scene.workload is not None else 0
    return scene.onset - max(BEFORE_SECONDS, 1.5 * deadline) <= at <= scene.onset + AFTER_SECONDS


def _told_of(scene: Scene, name: str, holds: bool, rollout: Rollout) -> Clue:
    fills = {"revision": rollout.revision, "change": ", ".join(change.text for change in rollout.changes)}
    path, made = "{.metadata.creationTimestamp}", rollout.item.metadata.creation_timestamp or ""
    return scene.of_field(
        name, holds, rollout.item, rollout.text, path, value=made, at=rollout.at, fills=fills,
        # One that has been taken back was told when it came.
        change="rollout" if name in TOLD and holds and rollout.item in (scene.revisions[:1] or scene.pods) else "",
    )  # fmt: skip


def _changed_field(scene: Scene, rollout: Rollout, change: Change) -> Clue:
    """The clue that the rollout changed one field of the pod template."""
    fills = {"revision": rollout.revision, "change": change.text, "container": change.container, "field": change.field}
    fills |= {"before": change.before or "none", "after": change.after or "none"}
    path = "{.spec.template.spec}" if scene.revisions else "{.spec}"
    return scene.of_field(
        _FIELDS[change.field], True, rollout.item, change.text, path, value=change.after, at=rollout.at, fills=fills
    )


def _no_rollout(scene: Scene, item: Object) -> Clue:
    return scene.of_field(
        "change.no-rollout", True, item, f"no rollout in the {BEFORE_SECONDS / 60:.0f} min before it began",
        "{.metadata.creationTimestamp}", value=item.metadata.creation_timestamp or "",
    )  # fmt: skip


@collector(Step.CAUSE, "change.restarted", needs=())
def restarts_by_hand(scene: Scene) -> Iterator[Clue]:
    """Whether somebody restarted the workload: `kubectl rollout restart` writes the time into the pod template."""
    workload = scene.workload
    text = workload.spec.template.metadata.annotations.get(RESTARTED) if workload is not None else None
    at = unix(text)
    if workload is not None and at is not None and _around(scene, at):
        path = "{.spec.template.metadata.annotations}"
        yield scene.of_field(
            "change.restarted", True, workload, "restarted by hand", path, value=text or "", at=at, change="change"
        )


@collector(Step.CAUSE, "change.scaled", needs=("pods",))
def scalings(scene: Scene) -> Iterator[Clue]:
    """Whether the workload was scaled, by its autoscaler or by hand."""
    for scaler in scene.state.autoscalers.values():
        target = scaler.spec.scale_target_ref
        if (target.kind, scaler.namespace, target.name) != scene.owner.key:
            continue
        at = unix(scaler.status.last_scale_time)
        if at is not None and _around(scene, at):
            text = f"autoscaler {scaler.name} scaled it; {counted(scaler.status.desired_replicas, 'replicas')} wanted"
            yield scene.of_field(
                "change.scaled", True, scaler, text, "{.status.lastScaleTime}", change="hpa",
                value=scaler.status.last_scale_time or "", at=at,
            )  # fmt: skip
    rolled = {each.name for each in scene.revisions if _around(scene, each.metadata.created)}
    for event in scene.events("ScalingReplicaSet", since=scene.onset - BEFORE_SECONDS)[:MOST_TOLD]:
        if _around(scene, event.last_seen) and not any(name in event.message for name in rolled):
            yield scene.of_event("change.scaled", True, event, change="scale")


@collector(Step.CAUSE, "change.node-joined", "change.node-left", "change.node-cordoned", needs=("pods", "nodes"))
def node_changes(scene: Scene) -> Iterator[Clue]:
    """Nodes that came, left or were closed to pods."""
    path = "{.metadata.creationTimestamp}"
    for node in _nearest(scene, scene.state.nodes.values()):
        made = node.metadata.creation_timestamp or ""
        text, at = f"node {node.name} joined", node.metadata.created
        yield scene.of_field("change.node-joined", True, node, text, path, value=made, at=at, change="node")
    lost = {each.pod.spec.node_name: each for each in scene.state.gone.values() if each.pod.spec.node_name}
    left = {name: each for name, each in lost.items() if name not in scene.state.nodes and _around(scene, each.at)}
    for name, each in list(left.items())[:MOST_TOLD]:
        text = f"node {name} left, and with it {each.pod.name}"
        source = scene.kubectl("get", "nodes")
        yield Clue(name="change.node-left", holds=True, text=text, source=source, at=each.at, change="node",
                   fills={"node": name})  # fmt: skip
    for node in scene.state.nodes.values():
        taint = next((each for each in node.spec.taints if each.key == "node.kubernetes.io/unschedulable"), None)
        since = unix(taint.time_added) if taint is not None else None
        if since is not None and _around(scene, since):
            text = f"node {node.name} was cordoned"
            yield scene.of_field("change.node-cordoned", True, node, text, "{.spec.taints}", at=since, change="node")


@collector(Step.CAUSE, "change.quota", "change.job-started", needs=("pods",))
def new_neighbours(scene: Scene) -> Iterator[Clue]:
    """Quotas that were made, and Jobs that began, in the workload's namespace."""
    state, namespace, path = scene.state, scene.subject.namespace, "{.metadata.creationTimestamp}"
    quotas = (each for key, each in state.quotas.items() if key[0] == namespace)
    for quota in _nearest(scene, quotas):
        text, at = f"quota {quota.name} was made", quota.metadata.created
        yield scene.of_field("change.quota", True, quota, text, path, at=at, change="change")
    jobs = (
        job
        for key, job in state.workloads.items()
        if isinstance(job, Job)
        and job.namespace == namespace
        and key != scene.owner.key
        # What a CronJob starts comes again and again: that is no change.
        and job.metadata.controller is None
    )
    for job in _nearest(scene, jobs):
        text, at = f"Job {job.name} began", job.metadata.created
        yield scene.of_field("change.job-started", True, job, text, path, at=at, change="change")


def _nearest(scene: Scene, items: Iterable[Made]) -> list[Made]:
    """Those that were made around the onset and after the workload, the nearest to the onset first."""
    born = scene.workload.metadata.created if scene.workload is not None else 0.0
    near = [each for each in items if _around(scene, each.metadata.created) and each.metadata.created > born]
    return sorted(near, key=lambda each: abs(each.metadata.created - scene.onset))[:MOST_TOLD]


CHANGES = (rollouts, restarts_by_hand, scalings, node_changes, new_neighbours)
"""All of them, for every class."""
