"""Who notices, by the requests that the workloads in question answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from app.call_graph import node_of
from app.consequences import SICK, trouble_of
from app.investigation import numbers
from app.investigation.collectors import collector
from app.investigation.model import Clue, Origin, Step
from app.investigation.readings import is_same
from app.sources.base import SourceError
from detectors.words import counted
from widgets.text import age, quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.investigation.readings import Track
    from app.investigation.scene import Scene

ERRORS, LATENCY = "server-error-spike", "server-latency-p90"
"""Rows that cover requests of every protocol."""
QUANTILE = 0.9
MOST_WORKLOADS = 10

LEAST_FAILED, TIMES_FAILED, SHARE_FAILED = 5.0, 3.0, 0.01
"""An effect: so many failures, so many times the share before, and so much more of all requests."""
LEAST_TIMED, TIMES_SLOW, SECONDS_SLOW = 50.0, 1.5, 0.05
"""An effect: so many requests, so many times slower, and so many seconds more."""
FEW_REQUESTS = 30.0
"""Fewer since the onset tell nothing about a share."""

OBJECTIVE = 0.999
"""Share of requests that are to succeed, for the burn of what may fail."""
BURNS = ((14.4, 3600.0, 300.0), (6.0, 6 * 3600.0, 1800.0))
"""Burn rate, and the long and the short window in which it has to be exceeded (Google's SRE workbook, chapter 5)."""


def served(scene: Scene) -> set[tuple[str, str]]:
    """The workloads in question, by namespace and name."""
    entity = scene.subject
    if entity.kind in ("Node", "PersistentVolumeClaim", "Service"):
        owners = [scene.state.owner(pod) for pod in scene.pods]
        return {(owner.namespace, owner.name) for owner in owners[:MOST_WORKLOADS]}
    return {(scene.owner.namespace, scene.owner.name)}


def tracks_of(scene: Scene, row: str, nodes: Iterable[tuple[str, str]]) -> list[Track]:
    """The numbers of a row for some workloads, and for their calls where the row is about calls.

    Raises:
        SourceError: of none of them.
    """
    wanted = set(nodes)
    found: list[Track] = []
    trouble: SourceError | None = None
    for namespace in dict.fromkeys(namespace for namespace, _ in sorted(wanted)):
        try:
            found += scene.sources.tracks(row, scene.onset, namespace)
        except SourceError as error:
            trouble = error
    if trouble is not None and not found:
        raise trouble
    told = {(track.entity.key, track.source, track.labels): track for track in found}
    return [track for track in told.values() if (track.entity.namespace, track.entity.name) in wanted]


@collector(Step.IMPACT, "impact.errors", needs=("metrics",))
def failing_requests(scene: Scene) -> Iterator[Clue]:
    """Whether more of the workloads' requests fail than before it began."""
    told = []
    for track in _distinct(tracks_of(scene, ERRORS, served(scene))):
        before = numbers.requests(track, numbers.before(track, scene.onset))
        now = numbers.requests(track, numbers.now(track, scene.over))
        if not now.total:
            continue
        usual = before.share if math.isfinite(before.share) else 0.0
        expected = usual * now.total
        worse = (
            now.failed >= LEAST_FAILED
            and now.share >= max(TIMES_FAILED * usual, usual + SHARE_FAILED)
            and now.failed > expected + 3 * math.sqrt(expected)
        )
        text = (
            f"{_share(now.share)} of {counted(round(now.total), 'requests')} to {track.entity.title} fail now, "
            f"{_share(before.share)} before"
        )
        told.append(_clue("impact.errors", worse, text, track, _share(now.share)))
    yield from _worst(told)


@collector(Step.IMPACT, "impact.below-floor", needs=("metrics",))
def few_requests(scene: Scene) -> Iterator[Clue]:
    """Whether what is out of band is a share, or a quantile, of so few requests that it says nothing."""
    place = [(scene.subject.namespace, scene.subject.name)]
    for anomaly in scene.living:
        if trouble_of(scene.rows[anomaly.signal]) not in SICK:
            continue
        known = [t for t in tracks_of(scene, anomaly.signal, place) if is_same(t.entity, anomaly.entity)]
        asked = max((numbers.requests(t, numbers.since(t, scene.onset)).total for t in known), default=None)
        if asked is not None:
            text = f"{counted(round(asked), 'requests')} of {anomaly.entity.title} since it began"
            yield _clue("impact.below-floor", asked < FEW_REQUESTS, text, known[0], f"{asked:.0f}")
            return


@collector(Step.IMPACT, "impact.latency", needs=("metrics",))
def slow_requests(scene: Scene) -> Iterator[Clue]:
    """Whether the workloads' requests take longer than before it began."""
    told = []
    for track in _distinct(tracks_of(scene, LATENCY, served(scene))):
        before, now = (
            numbers.quantile([track], QUANTILE, scene.onset, earlier=True),
            numbers.quantile([track], QUANTILE, over=scene.over),
        )
        if not math.isfinite(now):
            continue
        many = numbers.requests(track, numbers.now(track, scene.over)).total >= LEAST_TIMED
        slower = math.isfinite(before) and now >= max(TIMES_SLOW * before, before + SECONDS_SLOW)
        was = quantity(before, "seconds") if math.isfinite(before) else "unknown"
        text = f"P90 of {track.entity.title} is {quantity(now, 'seconds')} now, {was} before"
        told.append(_clue("impact.latency", many and slower, text, track, quantity(now, "seconds")))
    yield from _worst(told)


@collector(Step.IMPACT, "impact.burning", needs=("metrics",))
def burn(scene: Scene) -> Iterator[Clue]:
    """Whether what may fail in a month is being used up so fast that nobody should wait."""
    long = max(window for _, window, _ in BURNS)
    for track in _distinct(scene.sources.tracks(ERRORS, scene.newest - long, scene.owner.namespace)):
        if (track.entity.namespace, track.entity.name) not in served(scene):
            continue
        for threshold, *windows in BURNS:
            spans = [numbers.requests(track, numbers.since(track, scene.newest - seconds)) for seconds in windows]
            rates = [each.share / (1 - OBJECTIVE) for each in spans]
            if all(each.total >= FEW_REQUESTS for each in spans) and min(rates) >= threshold:
                long_, short = (_share(each.share) for each in spans)
                burnt = f"{rates[1]:.0f} and {rates[0]:.0f} times"
                text = (
                    f"{short} of {track.entity.title}'s requests failed in {age(windows[1])}, {long_} in "
                    f"{age(windows[0])}: {burnt} what {_share(OBJECTIVE)} allows (urgent from {threshold:g})"
                )
                yield _clue("impact.burning", True, text, track, burnt)
                return
        yield _clue(
            "impact.burning",
            False,
            f"{track.entity.title} fails less than an objective of {_share(OBJECTIVE)} allows",
            track,
        )


@collector(Step.IMPACT, "impact.dependents", needs=())
def dependents(scene: Scene) -> Iterator[Clue]:
    """The cases that are consequences of this one."""
    for anomaly in {node_of(a.entity): a for a in scene.attached if a.closed is None}.values():
        title = scene.rows[anomaly.signal].title if anomaly.signal in scene.rows else anomaly.signal
        yield Clue(
            name="impact.dependents",
            holds=True,
            text=f"{anomaly.entity.title} suffers from it: {title}",
            source=anomaly.source.query,
            origin=Origin.METRIC,
            value=quantity(anomaly.observed, anomaly.unit),
            at=anomaly.onset,
        )


def _distinct(tracks: Iterable[Track]) -> Iterator[Track]:
    """One track for each workload and instrument: of several conventions the preferred one speaks."""
    found: dict[tuple[str, str], Track] = {}
    for track in tracks:
        found.setdefault((track.entity.title, track.source.instrument), track)
    yield from found.values()


def _worst(told: list[Clue]) -> Iterator[Clue]:
    """What holds, if anything does; else that nothing does, once."""
    holding = [clue for clue in told if clue.holds]
    yield from holding or told[:1]


def _clue(name: str, holds: bool, text: str, track: Track, value: str = "") -> Clue:
    return Clue(name=name, holds=holds, text=text, source=track.query, origin=Origin.METRIC, value=value)


def _share(share: float) -> str:
    return quantity(share, "share of requests") if math.isfinite(share) else "nobody knows how many"
