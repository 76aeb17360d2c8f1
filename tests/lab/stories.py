"""What happens to the subject of a case: a fault, something that only looks like it, or nothing.

A story is a handful of numbers over time; which number it is (requests per second, a level, occurrences per minute,
objects in a bad state) depends on the test that judges it. They are derived from a row's own parameters and guards, so
that a row with other thresholds is told a story of another size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from detectors.catalog import DetectorKind, Returns
from detectors.kinds.count import AFFECTED, LEAST
from detectors.kinds.level import FLOORS, INCREASES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from detectors.catalog import Row

    Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]

HISTORY = 46 * 60
"""Seconds of samples before a case is judged."""
RECENT = 480.0
"""Seconds before the judgement at which most faults begin."""
NEVER = float("nan")


def flat(value: float) -> Curve:
    """Always the same."""
    return lambda ago: np.full(ago.shape, value)


def step(usual: float, then: float, since: float = RECENT, until: float = -1.0) -> Curve:
    """Another value from `since` to `until` seconds before the judgement."""
    return lambda ago: np.where((ago <= since) & (ago > until), then, usual)


def swinging(curve: Curve, by: float = 0.35) -> Curve:
    """The same over the hours of a day, more and less by that share."""
    return lambda ago: curve(ago) * (1 + by * np.sin(ago * (2 * np.pi / 86400)))


_FEW_ERRORS, _USUAL_LATENCY = flat(0.002), flat(0.05)


@dataclass(frozen=True, slots=True)
class Story:
    """What happens to one subject; the name is part of the case's."""

    name: str
    kind: str
    """`fault`, `lookalike` or `quiet`."""
    value: Curve
    """Requests per second, level, occurrences per minute, or 1 while the state is bad."""
    errors: Curve = _FEW_ERRORS
    """Of traffic: the share that fails."""
    latency: Curve = _USUAL_LATENCY
    """Of traffic: the median, seconds."""
    spread: float = 0.6
    """Of traffic: sigma of the lognormal latency."""
    restarted: float = NEVER
    """Seconds before the judgement at which counters begin anew."""
    missing: tuple[float, float] = (NEVER, NEVER)
    """From and to, seconds before the judgement: no samples."""
    yesterday: bool = False
    """The day before went the same way."""
    noise: float = 0.0
    """Relative standard deviation of a level."""
    objects: int = 1
    """How many pods, or other objects of the subject, it happens to."""
    excused: bool = False
    """Something else explains it, as the instrument's filter knows."""


def _quiet(value: float) -> Story:
    return Story("quiet", "quiet", flat(value), yesterday=True)


TRAFFIC_RATE = 20.0
TRAFFIC = {
    story.name: story
    for story in (
        Story("errors", "fault", flat(TRAFFIC_RATE), errors=step(0.002, 0.2)),
        Story("drop", "fault", step(TRAFFIC_RATE, 1.0)),
        Story("surge", "fault", step(TRAFFIC_RATE, 5 * TRAFFIC_RATE)),
        Story("slow", "fault", flat(TRAFFIC_RATE), latency=step(0.05, 1.0)),
        Story("rare", "lookalike", flat(0.02), errors=step(0.0, 1.0), latency=step(0.05, 1.0)),
        Story("rollout", "lookalike", flat(TRAFFIC_RATE), restarted=200.0),
        Story("scrape-gap", "lookalike", flat(TRAFFIC_RATE), missing=(310.0, 170.0)),
        Story("daily-peak", "lookalike", step(TRAFFIC_RATE, 4 * TRAFFIC_RATE), yesterday=True),
        Story("new-workload", "lookalike", flat(5 * TRAFFIC_RATE), missing=(2 * HISTORY, 400.0)),
        Story("batch", "lookalike", lambda ago: TRAFFIC_RATE * np.where(ago % 600 < 120, 4.0, 1.0)),
        Story("daily-low", "lookalike", step(TRAFFIC_RATE, 0.25 * TRAFFIC_RATE), yesterday=True),
        Story("bucket-edge", "lookalike", flat(TRAFFIC_RATE), latency=step(0.245, 0.255), spread=0.01),
        _quiet(TRAFFIC_RATE),
    )
}
"""One set of subjects per instrument serves every row that reads it."""

_TOLD_OF_TRAFFIC = {
    DetectorKind.RATIO_SPIKE: ("errors", "rare", "rollout", "scrape-gap", "quiet"),
    DetectorKind.RATE_DROP: ("drop", "daily-low", "batch", "rollout", "scrape-gap", "quiet"),
    DetectorKind.RATE_SURGE: ("surge", "daily-peak", "batch", "new-workload", "rollout", "rare", "quiet"),
    DetectorKind.QUANTILE_SHIFT: ("slow", "bucket-edge", "rare", "rollout", "quiet"),
}


def stories_of(row: Row, returns: Returns, *, counter: bool, filtered: bool) -> tuple[Story, ...]:
    """The stories that a row has to tell apart.

    Args:
        row: for its test and its numbers.
        returns: what its source's query returns.
        counter: whether counters carry the number, which begin anew with their process.
        filtered: whether the instrument leaves out what something else explains.
    """
    if row.detector in _TOLD_OF_TRAFFIC:
        return tuple(TRAFFIC[name] for name in _TOLD_OF_TRAFFIC[row.detector])
    if row.detector is DetectorKind.COUNT_SPIKE and returns is Returns.COUNTS:
        found = _occurrences(row)
    elif row.detector is DetectorKind.COUNT_SPIKE and not any(name in row.guards for name in AFFECTED):
        found = _arrivals(row)
    elif row.detector in (DetectorKind.COUNT_SPIKE, DetectorKind.STATE_TRANSITION):
        found = _states(row)
    elif row.detector is DetectorKind.LEVEL_SHIFT:
        found = _levels(row, counter=counter)
    elif row.detector is DetectorKind.THRESHOLD_FORECAST:
        found = _capacities(row)
    else:
        found = _sizes(row)
    fault = found[0]
    excused = Story("excused", "lookalike", fault.value, objects=fault.objects, excused=True)
    return (*found, excused) if filtered else found


def is_traffic(row: Row) -> bool:
    """Whether the row is told of traffic, whose subjects it shares with other rows."""
    return row.detector in _TOLD_OF_TRAFFIC


def _least(row: Row) -> float:
    return next((float(row.guards[name]) for name in LEAST if name in row.guards), 1.0)


def _occurrences(row: Row) -> tuple[Story, ...]:
    """Occurrences per minute."""
    least = _least(row)
    objects = int(max(row.guards.get("min_distinct_objects", 1), row.guards.get("min_distinct_pods", 1))) + 1
    often = max(2.0, least / objects)
    return (
        Story("burst", "fault", step(0.0, often), objects=objects),
        # A standard deviation more than usual, which is nothing.
        Story("usual", "lookalike", step(often, often + (often / 5) ** 0.5, since=300.0), objects=objects),
        Story("born-above-zero", "lookalike", flat(0.0), missing=(2 * HISTORY, 150.0), objects=objects),
        Story("restarted", "lookalike", flat(0.0), restarted=200.0, objects=objects),
        _quiet(0.0),
    )


def _arrivals(row: Row) -> tuple[Story, ...]:
    """Objects that come to be in a state that stays."""
    objects = int(_least(row)) + 1
    return (
        Story("new", "fault", step(0.0, 1.0, since=150.0), objects=objects),
        Story("old", "lookalike", flat(1.0), objects=objects),
        _quiet(0.0),
    )


def _states(row: Row) -> tuple[Story, ...]:
    """1 while an object is in the state."""
    numbers = row.params | row.guards
    hold = max(60.0, *(float(numbers.get(name, 0)) for name in ("hold_seconds", "min_duration_seconds")))
    objects = int(_least(row)) + (1 if _least(row) > 1 else 0)
    found = [
        Story("lasting", "fault", step(0.0, 1.0, since=max(RECENT, 1.5 * hold + 180)), objects=objects),
        Story("over", "lookalike", step(0.0, 1.0, since=max(1500.0, 2 * hold + 600), until=600.0), objects=objects),
        _quiet(0.0),
    ]
    if hold >= 300:
        found.insert(1, Story("not-yet", "lookalike", step(0.0, 1.0, since=0.5 * hold), objects=objects))
    if objects > 2:
        found.insert(1, Story("only-one", "lookalike", found[0].value))
    return tuple(found)


def _levels(row: Row, *, counter: bool) -> tuple[Story, ...]:
    """A level in the row's unit."""
    numbers = row.params | row.guards
    floor = max((float(numbers.get(name, 0)) for name in FLOORS), default=0.0)
    least = max((float(numbers.get(name, 0)) for name in INCREASES), default=0.0)
    if row.unit.startswith("share"):
        usual, high = (min(0.2, floor / 5), min(0.9, 5 * floor)) if floor else (0.2, 0.85)
    else:
        usual, high = 2 * max(floor, least), 20 * max(floor, least)
    small = max(floor, least) / 100
    found = [
        Story("jump", "fault", step(usual, high)),
        Story("one-minute", "lookalike", step(usual, 2 * usual, since=150.0, until=90.0)),
        Story("daily-peak", "lookalike", step(usual, high), yesterday=True),
        _quiet(usual),
    ]
    if small:
        found.insert(1, Story("too-small", "lookalike", step(small / 10, small)))
    if counter:
        found.insert(1, Story("restarted", "lookalike", flat(usual), restarted=200.0))
    return tuple(replace(story, noise=0.02) for story in found)


def _capacities(row: Row) -> tuple[Story, ...]:
    """A share of a capacity, or bytes where there is none, which are too many when they are far more than usual."""
    if not row.unit.startswith("share"):
        return _amounts(5 * float(row.guards.get("min_used_bytes", 1e8)))

    def sawtooth(ago: NDArray[np.float64]) -> NDArray[np.float64]:
        return 0.5 + 0.2 * ((HISTORY - ago) % 900) / 900

    return (
        Story("full", "fault", lambda ago: np.clip(0.97 - ago / HISTORY * 0.2, 0, 1)),
        Story("saw-tooth", "lookalike", sawtooth),
        _quiet(0.5),
    )


def _amounts(usual: float) -> tuple[Story, ...]:
    """Bytes in use that have no limit."""
    return (
        Story("filling", "fault", lambda ago: usual * np.where(ago <= 2 * RECENT, 4 - ago / RECENT, 1.0)),
        Story("rotated", "lookalike", lambda ago: usual * (0.5 + ((HISTORY - ago) % 900) / 900)),
        Story("little", "lookalike", step(usual / 100, usual / 20)),
        _quiet(usual),
    )


def _sizes(row: Row) -> tuple[Story, ...]:
    """Used of what was asked for, over days."""
    fault = 0.5 * float(row.params["max_ratio"]) if "max_ratio" in row.params else 1.4 * float(row.params["min_ratio"])
    return (
        Story("misfit", "fault", flat(fault)),
        Story("too-young", "lookalike", flat(fault), missing=(1e9, 6 * 3600.0)),
        _quiet(0.75),
    )
