"""The split test: the part of a workload's requests without which the rest would be in band localises the fault."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from app.consequences import Trouble, trouble_of
from app.investigation import numbers
from app.investigation.collectors import collector
from app.investigation.collectors.changes import newest_rollout
from app.investigation.collectors.requests import tracks_of
from app.investigation.model import Clue, Origin, Step
from app.investigation.readings import is_same
from detectors.words import counted
from widgets.text import quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from app.investigation.numbers import Requests
    from app.investigation.readings import Track
    from app.investigation.scene import Scene
    from detectors.objects import Object
    from storage.records import AnomalyRecord

POD = ("pod", "exported_pod", "k8s_pod_name", "pod_name", "kubernetes_pod_name", "instance")
VERSION = ("destination_version", "version", "app_version", "service_version", "destination_canonical_revision")
ROUTE = ("http_route", "route", "handler", "uri", "path", "rpc_method", "grpc_method")
"""Labels that usually tell parts apart, best first; which of them a series has is found out by asking."""

LEAST_REST = 20.0
"""Requests that have to remain for the rest to be in band or not."""
NEWER_TIMES, NEWER_SHARE = 3.0, 0.01
"""How much worse the new revision's pods have to be than the old ones'."""
LEAST_NEWER = 20.0
"""Requests that either revision has to have had."""


class Split(NamedTuple):
    """What is out of band, and its parts by the values of a label."""

    anomaly: AnomalyRecord
    quantile: float | None
    """None: a share of errors."""
    parts: Mapping[str, Sequence[Track]]
    query: str


@collector(Step.SCOPE, "split.pod", "split.node", "split.new-revision", "split.old-revision", needs=("pods", "metrics"))
def by_pod(scene: Scene) -> Iterator[Clue]:
    """Whether one pod, the pods of one node, or those of the new revision make all of it."""
    split = _split(scene, POD)
    if split is None or len(split.parts) < 2:
        return
    guilty = localised(split, scene.onset)
    on = {name: _node(scene, name) for name in split.parts}
    one_node = {on[name] for name in guilty}
    apart = len(one_node) == 1 and "" not in one_node and any(on[name] not in one_node for name in split.parts)
    text = _told(split, guilty, "pods")
    yield _clue("split.pod", len(guilty) == 1, text, split, {"pod": guilty[0]} if len(guilty) == 1 else {})
    if len(guilty) > 1:
        node = next(iter(one_node))
        told = f"{text}; all of them on node {node}" if apart else "the pods that make it run on several nodes"
        yield _clue("split.node", apart, told, split, {"node": node} if apart else {})
    yield from _revisions(scene, split)


@collector(Step.SCOPE, "split.version", needs=("metrics",))
def by_version(scene: Scene) -> Iterator[Clue]:
    """Whether one version makes all of it."""
    yield from _one(scene, "split.version", VERSION, "versions", "version")


@collector(Step.SCOPE, "split.route", needs=("metrics",))
def by_route(scene: Scene) -> Iterator[Clue]:
    """Whether one route makes all of it."""
    yield from _one(scene, "split.route", ROUTE, "routes", "route")


def _one(scene: Scene, name: str, labels: tuple[str, ...], words: str, fill: str) -> Iterator[Clue]:
    split = _split(scene, labels)
    if split is None or len(split.parts) < 2:
        return
    guilty = localised(split, scene.onset)
    fills = {fill: guilty[0]} if len(guilty) == 1 else {}
    yield _clue(name, len(guilty) == 1, _told(split, guilty, words), split, fills)


def localised(split: Split, onset: float) -> list[str]:
    """The fewest parts without which the rest is in band, worst first; empty where no such few are."""
    high = _threshold(split, onset)
    value = _measure(split.quantile, onset)
    total = _requests(split.parts.values(), onset)
    if not value([each for tracks in split.parts.values() for each in tracks]) > high:
        return []
    worst = sorted(split.parts, key=lambda name: -_worth(split, name, onset))
    for count in range(1, len(worst) // 2 + 1):
        rest = [each for name in worst[count:] for each in split.parts[name]]
        left = _requests([rest], onset)
        if left.total >= min(LEAST_REST, total.total / 4) and value(rest) <= high:
            return worst[:count]
    return []


def _split(scene: Scene, labels: tuple[str, ...]) -> Split | None:
    """The worst of what is out of band in requests, by the values of whichever of some labels there is."""
    for anomaly in scene.living:
        row = scene.rows.get(anomaly.signal)
        trouble = trouble_of(row) if row is not None else Trouble.OWN
        if row is None or trouble not in (Trouble.ERRORS, Trouble.LATENCY):
            continue
        place = [(anomaly.entity.namespace, anomaly.entity.name)]
        known = [track for track in tracks_of(scene, row.id, place) if is_same(track.entity, anomaly.entity)]
        speaking = [track for track in known if track.source.convention == anomaly.source.convention] or known
        for track in speaking:
            parts: dict[str, list[Track]] = {}
            for part in scene.sources.parts(row.id, track, labels, scene.onset):
                value = next((part.part[name] for name in labels if part.part.get(name)), "")
                if value:
                    parts.setdefault(value, []).append(part)
            quantile = float(row.params.get("quantile", 0.95)) if trouble is Trouble.LATENCY else None
            if parts:
                return Split(anomaly, quantile, parts, next(iter(parts.values()))[0].query)
    return None


def _measure(quantile: float | None, onset: float) -> Callable[[Iterable[Track]], float]:
    """What is out of band, of some parts together, since the onset; -inf without any requests."""

    def measured(tracks: Iterable[Track]) -> float:
        value = _requests([tracks], onset).share if quantile is None else numbers.quantile(tracks, quantile, onset)
        return value if math.isfinite(value) else -math.inf

    return measured


def _threshold(split: Split, onset: float) -> float:
    """The upper end of the band; where none is known, twice what was before."""
    if math.isfinite(split.anomaly.high):
        return split.anomaly.high
    everything = [each for tracks in split.parts.values() for each in tracks]
    if split.quantile is not None:
        return 2 * numbers.quantile(everything, split.quantile, onset, earlier=True)
    return 2 * _requests([everything], onset, earlier=True).share


def _worth(split: Split, name: str, onset: float) -> float:
    """How much a part adds: its failures, or its requests times how slow they are."""
    its = _requests([split.parts[name]], onset)
    return its.failed if split.quantile is None else its.total * _measure(split.quantile, onset)(split.parts[name])


def _requests(groups: Iterable[Iterable[Track]], onset: float, *, earlier: bool = False) -> Requests:
    total = failed = 0.0
    for tracks in groups:
        for track in tracks:
            chosen = numbers.before(track, onset) if earlier else numbers.since(track, onset)
            its = numbers.requests(track, chosen)
            total, failed = total + its.total, failed + its.failed
    return numbers.Requests(total, failed)


def _revisions(scene: Scene, split: Split) -> Iterator[Clue]:
    """Whether the new revision's pods are worse than the old ones' in the same minutes."""
    if len(scene.revisions) < 2:
        return
    # What was rolled out may have been taken back since: then an older template is the newest revision.
    suspect = next((each for each in scene.revisions if each is _suspected(scene)), scene.revisions[0])
    newest = suspect.metadata.labels.get("pod-template-hash", "")
    sides: dict[bool, list[Track]] = {True: [], False: []}
    for name, tracks in split.parts.items():
        pod = scene.state.pod_named(scene.owner.namespace, name)
        if pod is not None:
            sides[scene.state.owner(pod).revision == newest] += tracks
    asked = {new: _requests([tracks], scene.onset) for new, tracks in sides.items()}
    if min(each.total for each in asked.values()) < LEAST_NEWER:
        return
    value = _measure(split.quantile, scene.onset)
    new, old = value(sides[True]), value(sides[False])
    more = NEWER_SHARE if split.quantile is None else 0.0
    times = NEWER_TIMES if split.quantile is None else 1.5
    worse = new >= max(times * old, old + more) and old <= _threshold(split, scene.onset)
    shown = _shown(split.quantile)
    text = f"pods of revision {suspect.revision}: {shown(new)}, all others: {shown(old)}"
    yield _clue("split.new-revision", worse, text, split, {"revision": str(suspect.revision)})
    alike = old > _threshold(split, scene.onset)
    if alike:
        yield _clue("split.old-revision", True, f"the old revision's pods have it as well: {text}", split, {})


def _suspected(scene: Scene) -> Object | None:
    """The revision that may have brought the case about."""
    rollout = newest_rollout(scene)
    return rollout.item if rollout is not None else None


def _node(scene: Scene, pod: str) -> str:
    found = scene.state.pod_named(scene.subject.namespace, pod)
    return found.spec.node_name if found is not None else ""


def _told(split: Split, guilty: Sequence[str], words: str) -> str:
    if not guilty:
        return f"none of {counted(len(split.parts), words)} stands out: they are alike"
    return f"without {', '.join(guilty)}, {len(guilty)} of {len(split.parts)} {words}, it would be in band"


def _shown(quantile: float | None) -> Callable[[float], str]:
    if quantile is None:
        return lambda share: f"{quantity(share, 'share of requests')} fail" if math.isfinite(share) else "no requests"
    return lambda seconds: f"P{100 * quantile:g} {quantity(seconds, 'seconds')}"


def _clue(name: str, holds: bool, text: str, split: Split, fills: Mapping[str, str]) -> Clue:
    return Clue(
        name=name, holds=holds, text=text, source=split.query, origin=Origin.METRIC, at=split.anomaly.onset, fills=fills
    )
