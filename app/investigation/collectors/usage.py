"""Whether what is used, or asked, follows from something that was to be expected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from app.consequences import Trouble, trouble_of
from app.investigation import numbers
from app.investigation.collectors import collector
from app.investigation.collectors.requests import failing_requests, slow_requests, tracks_of
from app.investigation.model import Clue, Origin, Step
from app.investigation.readings import is_same
from app.sources.base import SourceError
from detectors.model import Views
from detectors.objects import quantity as parsed
from detectors.objects import unix
from detectors.words import counted
from widgets.text import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.readings import Track
    from app.investigation.scene import Scene
    from detectors.objects import Workload

ALIKE = 0.3
"""Relative difference up to which two numbers count as the same."""
EVERYWHERE = 3
"""Workloads whose traffic falls at once have lost something in front of them."""
DAYS = (("a day", 86400.0), ("a week", 7 * 86400.0))
TINY_CORES = 0.1
"""A CPU limit up to which an agent is throttled and nobody waits for it."""
START_SECONDS = 300.0
"""How long a container needs more than usual after its start."""


@collector(Step.EXPECTED, "effect.none", needs=("metrics",))
def calm(scene: Scene) -> Iterator[Clue]:
    """Whether it was looked whether anybody suffers, and nobody does."""
    told = [*failing_requests.collect(scene), *slow_requests.collect(scene)]
    if told:
        worse = [clue.text for clue in told if clue.holds]
        text = worse[0] if worse else "requests are answered as before"
        yield Clue(name="effect.none", holds=not worse, text=text, source=told[0].source, origin=Origin.METRIC)


@collector(Step.EXPECTED, "scale.zero", needs=("pods",))
def scaled(scene: Scene) -> Iterator[Clue]:
    """Whether somebody, or an autoscaler, changed the number of replicas."""
    workload = scene.workload
    if workload is None or not hasattr(workload.spec, "replicas"):
        return
    zero = workload.desired == 0
    text = f"{counted(workload.desired, 'replicas')} are wanted"
    yield scene.of_field("scale.zero", zero, workload, text, "{.spec.replicas}", value=str(workload.desired))


@collector(Step.EXPECTED, "season.usual", "drop.everywhere", needs=("metrics",))
def season(scene: Scene) -> Iterator[Clue]:
    """Whether the same minutes of another day look like it, and whether the traffic of many fell at once."""
    fell = {a.entity.key for a in scene.related if trouble_of(scene.rows[a.signal]) is Trouble.DROP}
    if any(trouble_of(scene.rows[a.signal]) is Trouble.DROP for a in scene.living):
        others = counted(len(fell), "other workloads") if fell else "no other workload"
        text = f"the traffic of {others} fell in the same minutes"
        yield Clue(
            name="drop.everywhere", holds=len(fell) + 1 >= EVERYWHERE, text=text, source=scene.living[0].source.query,
            origin=Origin.METRIC,
        )  # fmt: skip
    for anomaly in scene.living[:1]:
        if Views(anomaly.views) & (Views.DAY | Views.WEEK):
            text = "it was compared with the same minutes of other days, and is not what they were"
            yield Clue(name="season.usual", holds=False, text=text, source=anomaly.source.query, origin=Origin.METRIC)
            return
        for words, back in DAYS:
            then = _mean(scene, anomaly.source.query, scene.newest - back)
            before = _mean(scene, anomaly.source.query, scene.onset - back - numbers.NOW_SECONDS)
            now_before = _mean(scene, anomaly.source.query, scene.onset - numbers.NOW_SECONDS)
            if all(map(math.isfinite, (then, before, now_before))):
                same = _alike(then, anomaly.observed) and _alike(before, now_before)
                text = f"the same minutes {words} before: {quantity(then, anomaly.unit)}"
                yield Clue(
                    name="season.usual", holds=same, text=text, source=anomaly.source.query, origin=Origin.METRIC
                )


def _mean(scene: Scene, promql: str, end: float) -> float:
    try:
        block = scene.sources.range(promql, end - numbers.NOW_SECONDS, end, 60)
    except SourceError:
        return math.nan
    values = block.values[block.values == block.values]
    return float(values.mean()) if len(values) else math.nan


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= ALIKE * max(abs(one), abs(other))


@collector(Step.EXPECTED, "usage.follows-requests", "usage.not-requests", needs=("metrics",))
def per_request(scene: Scene) -> Iterator[Clue]:
    """Whether each request takes as much as before: then it is the traffic."""
    place = [(scene.owner.namespace, scene.owner.name)]
    for anomaly in scene.living:
        mine = [t for t in tracks_of(scene, anomaly.signal, place) if is_same(t.entity, anomaly.entity)]
        asked = tracks_of(scene, "server-error-spike", place)
        if not mine or not asked:
            continue
        used, served = (_sides(tracks[0], scene.onset) for tracks in (mine, asked))
        if min(*used, *served) > 0:
            before, after = used[0] / served[0], used[1] / served[1]
            grew = not _alike(*served)
            text = (
                f"{quantity(after, 'bytes')} for each request, {quantity(before, 'bytes')} before; "
                f"requests {quantity(served[0], 'per second')} -> {quantity(served[1], 'per second')}"
            )
            same = _alike(before, after)
            for name, holds in (("usage.follows-requests", grew and same), ("usage.not-requests", not same)):
                yield Clue(name=name, holds=holds, text=text, source=mine[0].query, origin=Origin.METRIC)
            return


def _sides(track: Track, onset: float) -> tuple[float, float]:
    return (
        numbers.rate(track, numbers.before(track, onset)),
        numbers.rate(track, numbers.now(track)),
    )


@collector(Step.EXPECTED, "usage.job", needs=("pods", "jobs"))
def jobs(scene: Scene) -> Iterator[Clue]:
    """A Job that began to run around the onset: of the workload's own, on its nodes, or of its namespace."""
    on = {pod.spec.node_name for pod in scene.pods} - {""}
    whole = scene.subject.kind == "Cluster"
    for pod in scene.state.pods.values():
        owner = scene.state.owner(pod)
        began = pod.metadata.created
        near = scene.onset - START_SECONDS <= began <= scene.onset + START_SECONDS
        concerns = whole or pod.spec.node_name in on or owner.key == scene.owner.key
        if owner.kind in ("Job", "CronJob") and near and concerns:
            text = f"{owner.kind} {owner.namespace}/{owner.name} began to run when it began"
            yield scene.of_field(
                "usage.job", True, pod, text, "{.metadata.creationTimestamp}",
                value=pod.metadata.creation_timestamp or "", at=began,
                fills={"job": f"{owner.namespace}/{owner.name}"},
            )  # fmt: skip
            return


@collector(Step.EXPECTED, "usage.starting", needs=("pods",))
def starting(scene: Scene) -> Iterator[Clue]:
    """Containers that had just started when it began."""
    for pod in scene.pods:
        for status in pod.statuses:
            running = status.state.running
            began = unix(running.started_at) if running is not None else None
            if began is not None and 0 <= scene.onset - began <= START_SECONDS:
                text = f"{pod.name} had just started when it began"
                yield scene.of_field("usage.starting", True, pod, text, "{.status.startTime}", at=began)
                return


@collector(Step.CAUSE, "limit.tiny", "limit.cpu", needs=("pods",))
def cpu_limits(scene: Scene) -> Iterator[Clue]:
    """The CPU limits of the workload's containers: the one that is throttled, if it is told."""
    workload = scene.workload
    if workload is None:
        return
    limits = dict(_limits(workload))
    query = next((a.source.query for a in scene.living if a.signal == "workload-cpu-throttling"), "")
    named = {name for name in limits if f'"{name}"' in query} or set(limits)
    main = max(limits, key=lambda name: limits[name], default="")
    for name in sorted(named):
        cores = limits[name]
        tiny = cores <= TINY_CORES and name != main
        text = f"container {name} may use {quantity(cores, 'cores')}"
        fills = {"container": name, "limit": quantity(cores, "cores")}
        path = f"{{.spec.template.spec.containers[?(@.name=='{name}')].resources.limits.cpu}}"
        yield scene.of_field("limit.cpu", True, workload, text, path, value=quantity(cores, "cores"), fills=fills)
        yield scene.of_field("limit.tiny", tiny, workload, f"{text}: a tiny limit beside others", path)


def _limits(workload: Workload) -> Iterator[tuple[str, float]]:
    for container in workload.spec.template.spec.containers:
        limit = container.resources.limits.get("cpu")
        if limit is not None:
            yield container.name, parsed(limit)
