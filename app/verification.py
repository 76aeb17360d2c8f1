"""Every rollout is followed: is the new revision worse than what it replaced?

It is judged from ten minutes after it began for twenty minutes, by its own pods against the old revision's where both
serve in the same minutes, else by what was before. What cannot start fails at once. All of it happens after a cycle has
been stored.
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec.structs import replace

from app.investigation import numbers
from app.investigation.collectors.splits import POD
from app.investigation.readings import is_same
from app.redaction import redact
from app.sources.base import SourceError
from detectors import verification
from detectors.entities import workload_entity
from detectors.revisions import between, differences
from detectors.words import counted
from storage.records import Outcome, TimelineEntry, VerificationRecord, VerifiedMetric
from widgets.text import quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from app.investigation.readings import Readings, Track
    from detectors.cluster import ClusterState
    from detectors.model import Entity
    from detectors.objects import Pod
    from detectors.revisions import Change
    from detectors.series import BoolArray, FloatArray
    from detectors.verification import Comparison
    from storage.database import Store

log = logging.getLogger(__name__)

FROM_SECONDS, UNTIL_SECONDS = 600.0, 1800.0
"""From when after its begin a rollout is judged, and until when."""
KNOWN_SECONDS = 3600.0
"""A rollout that began longer ago is none that could still be judged."""
SETTLE_SECONDS = 120.0
"""What new pods do in their first minutes is not compared."""
BESIDE_SHARE = 0.1
"""Share of the requests since then that old pods have to have served for both to have been there side by side."""
MOST_AT_ONCE = 4
"""Rollouts whose metrics are asked after one cycle, those that are looked at longest ago first."""
ASK_SECONDS = 5.0
BY_PODS = frozenset(("StatefulSet", "DaemonSet"))
"""Kinds that have no ReplicaSets: their pods tell of their revisions."""
CRASHES = 2
"""Restarts of one container that are no start-up trouble any more."""
BROKEN = frozenset(
    ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError",
     "CreateContainerError", "RunContainerError", "ErrImageNeverPull")
)  # fmt: skip
"""Reasons to wait that do not go by themselves."""

REQUESTS, LATENCY = "server-error-spike", "server-latency-p90"
QUANTILES = (0.5, 0.95)
USAGE = (("cpu-usage", "CPU for each pod", "cores"), ("memory-usage", "memory for each pod", "bytes"))


class Rollout(NamedTuple):
    """A workload's newest revision, after another one."""

    entity: Entity
    revision: str
    """Its number; of StatefulSets and DaemonSets its hash."""
    hash: str
    """What its pods are labelled with."""
    began: float
    """Unix seconds."""
    changes: tuple[Change, ...]
    """Against the revision before it; empty where none of its pods is left to compare with."""
    new: tuple[Pod, ...]
    """Pods of the newest revision."""


class Sides(NamedTuple):
    """The numbers of both sides, each with the instants that count."""

    old: Sequence[tuple[Track, BoolArray]]
    new: Sequence[tuple[Track, BoolArray]]


@dataclass
class Verifier:
    """Follows the rollouts of one cluster.

    Args:
        cluster: its name.
        store: where verifications go.
        owner: names this process's lease on the cluster; empty for a store of one's own.
    """

    cluster: str
    store: Store
    owner: str = ""
    _known: dict[tuple[str, float], VerificationRecord] = field(default_factory=dict)
    """By entity key and begin."""
    _read: bool = False
    """Whether what the store knows has been read."""

    def follow(self, state: ClusterState | None, readings: Readings | None, now: float) -> None:
        """Look at every rollout that is young enough, and store what has changed.

        Raises:
            StoreError: what was found is not stored, and is looked for again.
        """
        if state is None:
            return
        if not self._read:
            recent = self.store.verifications.recent(self.cluster, now - KNOWN_SECONDS)
            self._known, self._read = {(record.entity.key, record.began): record for record in recent}, True
        self._known = {key: record for key, record in self._known.items() if now - record.began <= KNOWN_SECONDS}
        found = (*rollouts_of(state, now - KNOWN_SECONDS), *self._going_on(state))
        # What is followed already keeps its begin, though the first pod of its revision may have been replaced.
        rollouts = {(each.entity.key, each.revision): each for each in found if each.began <= now}.values()
        waiting = sorted(filter(self._undecided, rollouts), key=self._looked_at)
        asked = 0
        for each in waiting:
            due = now - each.began >= FROM_SECONDS and asked < MOST_AT_ONCE
            asked += due
            self._keep(self._looked(each, state, readings, now, due=due))

    def _going_on(self, state: ClusterState) -> Iterator[Rollout]:
        """Rollouts that are told by pods and still followed, whether or not the revision before has any pods left."""
        for record in self._known.values():
            if record.outcome is Outcome.UNDECIDED and record.entity.kind in BY_PODS:
                pods = state.workload_pods(record.entity.kind, record.entity.namespace, record.entity.name)
                new = tuple(pod for pod in pods if state.owner(pod).revision == record.revision)
                if new:
                    yield Rollout(record.entity, record.revision, record.revision, record.began, (), new)

    def _undecided(self, rollout: Rollout) -> bool:
        known = self._known.get((rollout.entity.key, rollout.began))
        return known is None or known.outcome is Outcome.UNDECIDED

    def _looked_at(self, rollout: Rollout) -> float:
        known = self._known.get((rollout.entity.key, rollout.began))
        return known.at if known is not None else 0.0

    def _looked(
        self, rollout: Rollout, state: ClusterState, readings: Readings | None, now: float, *, due: bool
    ) -> VerificationRecord:
        known = self._known.get((rollout.entity.key, rollout.began))
        change = redact("; ".join(change.text for change in rollout.changes))
        record = VerificationRecord(
            cluster=self.cluster,
            entity=rollout.entity,
            revision=rollout.revision,
            change=change or (known.change if known is not None else ""),
            began=rollout.began,
            at=now,
            outcome=Outcome.UNDECIDED,
            reason="too early to say",
            compared="",
        )
        if broken := hard_failure(rollout):
            return replace(record, outcome=Outcome.FAIL, reason=redact(broken))
        over = now - rollout.began >= UNTIL_SECONDS
        if not due:
            return known or record
        if readings is None:
            unread = replace(record, reason="its metrics cannot be read")
            return replace(unread, outcome=Outcome.INSUFFICIENT) if over else unread
        compared, metrics = compared_metrics(rollout, state, readings)
        judged = [metric for metric in metrics if metric.p_value is not None]
        failed = [metric.name for metric in metrics if metric.failed]
        record = replace(record, compared=compared, metrics=tuple(metrics), reason="no worse so far")
        if failed:
            return replace(record, outcome=Outcome.FAIL, reason=f"worse: {', '.join(failed)}")
        if over and judged:
            return replace(record, outcome=Outcome.PASS, reason="no worse than before")
        if over:
            return replace(record, outcome=Outcome.INSUFFICIENT, reason=_too_little(metrics))
        return record if judged else replace(record, reason=_too_little(metrics))

    def _keep(self, record: VerificationRecord) -> None:
        key = (record.entity.key, record.began)
        known = self._known.get(key)
        if known is not None and replace(known, at=record.at) == record:
            return
        entries = []
        if record.outcome is not Outcome.UNDECIDED:
            entry = TimelineEntry(record.at, "verify", summary(record))
            cases = self.store.investigations.about(record.entity)
            entries = [(case.id, entry) for case in cases if case.ended is None or case.ended >= record.began]
        self.store.verifications.write(record, entries, self.owner)
        self._known[key] = record


def rollouts_of(state: ClusterState, since: float) -> Iterator[Rollout]:
    """Workloads whose newest revision appeared at `since`, unix seconds, or later, and had others before it."""
    for key, each in state.workloads.items():
        controller = each.metadata.controller
        if key[0] != "ReplicaSet" or controller is None or each.metadata.created < since:
            continue
        sets = state.revisions(controller.kind, each.namespace, controller.name)
        pods = state.workload_pods(controller.kind, each.namespace, controller.name)
        if len(sets) > 1 and sets[0] is each and pods:
            newest = each.metadata.labels.get("pod-template-hash", "")
            new = tuple(pod for pod in pods if state.owner(pod).revision == newest)
            changes = differences(sets[1].spec.template, each.spec.template)
            about = workload_entity(state, pods[0])
            yield Rollout(about, str(each.revision), newest, each.metadata.created, changes, new)
    yield from _by_pods(state, since)


def _by_pods(state: ClusterState, since: float) -> Iterator[Rollout]:
    """Of StatefulSets and DaemonSets, whose pods are replaced one by one: where two revisions have pods."""
    for key, each in state.workloads.items():
        pods = state.workload_pods(*key) if key[0] in BY_PODS else ()
        if len({state.owner(pod).revision for pod in pods}) < 2:
            continue
        youngest = max(pods, key=lambda pod: pod.metadata.created)
        newest = each.status.update_revision or state.owner(youngest).revision
        new = sorted((p for p in pods if state.owner(p).revision == newest), key=lambda pod: pod.metadata.created)
        before = max((p for p in pods if p not in new), key=lambda pod: pod.metadata.created)
        if new and new[0].metadata.created >= since:
            changes = between(before, new[0])
            about = workload_entity(state, new[0])
            yield Rollout(about, newest, newest, new[0].metadata.created, changes, tuple(new))


def hard_failure(rollout: Rollout) -> str:
    """Why a rollout has failed whatever its metrics say; empty where it has not."""
    for pod in rollout.new:
        for status in pod.statuses:
            waits = status.state.waiting.reason if status.state.waiting is not None else ""
            if waits in BROKEN:
                return f"container {status.name} of {pod.name} waits: {waits}"
            if status.restart_count >= CRASHES:
                return f"container {status.name} of {pod.name} restarted {counted(status.restart_count, 'times')}"
    return ""


def compared_metrics(rollout: Rollout, state: ClusterState, readings: Readings) -> tuple[str, list[VerifiedMetric]]:
    """What was compared with what, and every metric of it."""
    words = ""
    found: list[VerifiedMetric] = []
    for name, unit, track in _whole(rollout, readings):
        sides, said = _sides(rollout, state, readings, name, track)
        words = words or said
        found += _metrics(name, unit, sides, track)
    return words, found


def _whole(rollout: Rollout, readings: Readings) -> Iterator[tuple[str, str, Track]]:
    """The workload's own numbers by row; a row that nobody feeds here is left out."""
    rows = ((REQUESTS, "share of requests"), (LATENCY, "seconds"), *((row, unit) for row, _, unit in USAGE))
    for row, unit in rows:
        try:
            tracks = readings.of(row, rollout.began, rollout.entity.namespace, ASK_SECONDS)
        except SourceError as error:
            log.info("verifying %s: %s", rollout.entity.key, error.message)
            continue
        told = next((track for track in tracks if is_same(track.entity, rollout.entity)), None)
        if told is not None:
            yield row, unit, told


def _sides(rollout: Rollout, state: ClusterState, readings: Readings, row: str, track: Track) -> tuple[Sides, str]:
    """The new pods beside the old ones where both had enough requests, else after beside before."""
    since = rollout.began + SETTLE_SECONDS
    try:
        parts = readings.split(row, track, POD, rollout.began, ASK_SECONDS)
    except SourceError:
        parts = ()
    old: list[tuple[Track, BoolArray]] = []
    new: list[tuple[Track, BoolArray]] = []
    for part in parts:
        name = next((part.part[label] for label in POD if part.part.get(label)), "")
        pod = state.pod_named(rollout.entity.namespace, name)
        if pod is not None:
            side = new if state.owner(pod).revision == rollout.hash else old
            # A StatefulSet's new pod has the name of the old one: what that did before is not its own.
            side.append((part, numbers.since(part, max(since, pod.metadata.created))))
    served = [sum(numbers.requests(*each).total for each in side) for side in (old, new)]
    if min(served) >= verification.FLOOR and served[0] >= BESIDE_SHARE * sum(served):
        return Sides(old, new), "the new revision's pods with the old one's, in the same minutes"
    before = (track, numbers.before(track, rollout.began))
    return Sides([before], [(track, numbers.since(track, since))]), "the minutes since with the half hour before"


def _metrics(row: str, unit: str, sides: Sides, track: Track) -> Iterator[VerifiedMetric]:
    if row == REQUESTS:
        old, new = (_requests(side) for side in sides)
        told = verification.shares(old.failed, old.total, new.failed, new.total)
        yield _metric("failed requests", unit, told, (old.total, new.total), track.query)
    elif row == LATENCY:
        bounds = track.data.bounds
        counts = [_buckets(side, bounds) for side in sides] if bounds is not None else []
        if bounds is not None and all(each is not None for each in counts):
            before, after = counts
            assert before is not None
            assert after is not None
            for q in QUANTILES:
                told = verification.latencies(before, after, bounds, q)
                query = re.sub(r"histogram_quantile\([\d.]+", f"histogram_quantile({q:g}", track.query)
                yield _metric(f"P{100 * q:g} latency", unit, told, (before[-1], after[-1]), query)
    else:
        name = next(name for known, name, _ in USAGE if known == row)
        before_after = [float(np.nanmean([_per_pod(*each) for each in side] or [math.nan])) for side in sides]
        told = verification.levels(*before_after)
        if told.enough:
            yield _metric(name, unit, told, (0.0, 0.0), track.query)


def _requests(side: Iterable[tuple[Track, BoolArray]]) -> numbers.Requests:
    told = [numbers.requests(*each) for each in side]
    return numbers.Requests(sum(each.total for each in told), sum(each.failed for each in told))


def _buckets(side: Iterable[tuple[Track, BoolArray]], bounds: FloatArray) -> FloatArray | None:
    total: FloatArray | None = None
    for track, chosen in side:
        data = track.data
        if data.buckets is None or not np.array_equal(data.bounds if data.bounds is not None else (), bounds):
            continue
        part = np.nansum(np.where(chosen, data.buckets[0], np.nan), axis=1) * numbers.step_of(track)
        total = part if total is None else total + part
    return total


def _per_pod(track: Track, chosen: BoolArray) -> float:
    """Mean of a level for each pod that reports."""
    data = track.data
    if data.level is None:
        return math.nan
    pods = np.ones_like(data.level) if data.members is None else data.members
    with np.errstate(all="ignore"):
        return numbers.mean((data.level / pods)[0], chosen)


def _metric(name: str, unit: str, told: Comparison, samples: tuple[float, float], source: str) -> VerifiedMetric:
    before, after, change, p_value = (
        float(value) if math.isfinite(value) else None for value in (told.before, told.after, told.change, told.p_value)
    )
    return VerifiedMetric(
        name, unit, before, after, change, p_value, told.failed, told.notable,
        (round(samples[0]), round(samples[1])), source,
    )  # fmt: skip


def _too_little(metrics: Sequence[VerifiedMetric]) -> str:
    counts = [min(metric.samples) for metric in metrics if metric.name == "failed requests"]
    if not counts:
        return "nobody measures its requests"
    return f"{counted(round(max(counts)), 'requests')} on one side, {verification.FLOOR:.0f} are needed"


def summary(record: VerificationRecord) -> str:
    """A verification in one line: `rollout of revision 5 verified: fail; worse: P95 latency, 120 ms -> 480 ms`."""
    told = next((metric for metric in record.metrics if metric.failed), None)
    head = f"rollout of revision {record.revision} verified: {record.outcome}; {record.reason}"
    return f"{head}, {shown(told)}" if told is not None else head


def shown(metric: VerifiedMetric) -> str:
    """Both numbers of a metric: `120 ms -> 480 ms`."""
    return " -> ".join(
        quantity(value, metric.unit) if value is not None else "nothing" for value in (metric.before, metric.after)
    )
