"""The simulated cluster as a timeline of changes to Kubernetes objects, and the logs of its pods."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab import events, manifests, nodes
from tests.lab.history import TERMINATING, UNREACHABLE
from tests.lab.manifests import SERVING, Manifest, stamp_micro
from tests.lab.shop import keyed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tests.lab.faults import Fault
    from tests.lab.history import History, Pod

HEARTBEAT = 300
"""Seconds between a kubelet's reports when nothing changes."""
REMEMBERED = 3600.0
"""Events older than this at the beginning have expired."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write to the API."""

    at: float
    manifest: Manifest
    deleted: bool = False


def timeline(history: History, faults: Sequence[Fault], start: float) -> list[Change]:
    """Every change after `start`, in order of time; what exists at `start` comes first, with that time."""
    changes: list[Change] = []
    for moments, render in _objects(history):
        changes += _followed(moments, render, start, history.horizon)
    changes += _events(history, faults, start)
    return sorted(changes, key=lambda change: change.at)


def _objects(history: History) -> Iterator[tuple[Iterable[float], Callable[[float], Manifest | None]]]:
    """When each object may change, and what it is at a moment (None: it does not exist)."""
    for name in history.shop.namespaces:
        yield (), lambda _, name=name: nodes.namespace(history, name)  # type: ignore[misc]
    turns = [at for spell in history.spells for at in (spell.start, spell.start + UNREACHABLE, spell.end)]
    beats = range(int(history.start), int(history.horizon), HEARTBEAT)
    for name in history.shop.nodes:
        yield [*turns, *beats], lambda at, name=name: nodes.node(history, name, at)  # type: ignore[misc]
    for workload in history.shop.workloads:
        mine = history.of(workload.key)
        moments = sorted({moment for pod in mine for moment in _moments(pod)} | set(turns))
        if workload.kind == "CronJob":
            yield moments, lambda at, workload=workload: manifests.cron_job(history, workload, at)  # type: ignore[misc]
        else:
            yield from _controlled(history, workload.key, moments)
        for pod in mine:
            alive = [*_moments(pod), *(at for at in turns if pod.exists(at))]
            yield alive, lambda at, pod=pod: manifests.pod(history, pod, at) if pod.exists(at) else None  # type: ignore[misc]
            if workload.kind == "CronJob":
                yield _moments(pod), lambda at, pod=pod: manifests.job(pod, at) if pod.exists(at) else None  # type: ignore[misc]


def _controlled(
    history: History, key: str, moments: Sequence[float]
) -> Iterator[tuple[Iterable[float], Callable[[float], Manifest | None]]]:
    """A long-running workload, its ReplicaSets, its Service and who is behind it."""
    workload = history.shop.workload(key)
    revisions = [revision for revision in history.revisions if revision.workload is workload]
    # A rollout that has not moved for ten minutes has passed its deadline.
    turns = [at for revision in revisions for at in (revision.at, revision.at + 601)]
    moments = sorted({*moments, *turns, *(at for at, _ in history.desired[key])})
    yield moments, lambda at: manifests.workload(history, workload, at)
    if workload.kind == "Deployment":
        for revision in {revision.template: revision for revision in reversed(revisions)}.values():
            yield (
                moments,
                lambda at, revision=revision: (  # type: ignore[misc]
                    manifests.replica_set(history, revision, at) if at >= revision.at else None
                ),
            )
    if workload.kind in SERVING:
        yield (), lambda _: manifests.service(history, workload)
        yield moments, lambda at: manifests.endpoint_slice(history, workload, at)


def _moments(pod: Pod) -> list[float]:
    """When a pod changes."""
    ends = [pod.deleted - TERMINATING, pod.deleted]
    return [pod.created, *(stage.at for stage in pod.stages if stage.at < pod.deleted), *ends]


def _followed(
    moments: Iterable[float], render: Callable[[float], Manifest | None], start: float, horizon: float
) -> Iterator[Change]:
    """The changes of one object: only what differs from before."""
    before: Manifest | None = None
    for at in [start, *sorted({moment for moment in moments if start < moment <= horizon})]:
        now = render(at)
        if now is None and before is not None:
            yield Change(at, before, deleted=True)
        elif now is not None and now != before:
            yield Change(at, now)
        before = now


def _events(history: History, faults: Sequence[Fault], start: float) -> Iterator[Change]:
    """Events with their counts; an hour after its last occurrence, an event expires."""
    first: dict[tuple[str, str, str], events.Said] = {}
    last: dict[tuple[str, str, str], tuple[events.Said, int]] = {}
    for said in events.occurrences(history, faults):
        if said.at < start - REMEMBERED:
            continue
        key = (said.uid, said.reason, said.message)
        begun = first.setdefault(key, said)
        count = last[key][1] + 1 if key in last else 1
        last[key] = (said, count)
        yield Change(max(said.at, start), events.manifest(begun, said, count))
    for key, (said, count) in last.items():
        if said.at + events.LIFETIME <= history.horizon:
            yield Change(max(said.at, start) + events.LIFETIME, events.manifest(first[key], said, count), deleted=True)


def log(history: History, faults: Sequence[Fault], pod: Pod, at: float, *, previous: bool = False) -> list[str]:
    """The last lines of a pod's container, oldest first, each with its time as kubelets write it.

    Empty when that container has not run (or, for `previous`, has not ended) by then.
    """
    stages = [stage for stage in pod.stages if stage.at <= at]
    if not stages:
        return []
    now = stages[-1]
    started, ended = now.started, at
    if previous:
        before = now.last
        if before is None:
            return []
        started, ended = before.started, before.finished
    if math.isnan(started):
        return []
    lines = [(ended - 7.0 * back, text) for back, text in enumerate(_calm(pod)) if ended - 7.0 * back >= started]
    for fault in faults:
        touched = fault.target == pod.workload.key and (not fault.spec.rollout or pod.fault == fault.id)
        if touched and fault.start <= ended and started < fault.end:
            last = min(ended, fault.end)
            lines += [(last - 0.4 * back, text) for back, text in enumerate(reversed(fault.spec.log))]
    return [f"{stamp_micro(moment)} {text}" for moment, text in sorted(lines)]


def _calm(pod: Pod) -> list[str]:
    choice = keyed("log", pod.uid).integers(0, len(pod.workload.log), 20)
    return [pod.workload.log[i] for i in choice]
