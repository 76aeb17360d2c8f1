"""Which of several measurements of one entity speaks for it: a workload seen by several conventions is counted once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from detectors.catalog import DetectorKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.measuring import Measurement
    from detectors.catalog import Row, RowSource

ONE_TRUTH = frozenset({DetectorKind.STATE_TRANSITION, DetectorKind.COUNT_SPIKE})
"""Kinds of rows whose instruments tell the same thing in several ways."""

PARTIAL_SHARE = 0.8
"""A preferred source that sees less than this share of the next one's volume is partial instrumentation."""


def quantity_of(row: Row, source: RowSource) -> str:
    """What a source measures of a row: sources with the same answer are alternatives.

    A state or an event is the same whichever instrument tells it. Traffic and levels of different instruments (HTTP and
    gRPC, bytes and inodes) are different numbers: each is judged, and none is added to another.
    """
    return "" if row.detector in ONE_TRUTH else source.instrument


def alternatives(row: Row, measured: Sequence[Measurement]) -> list[list[Measurement]]:
    """Measurements of which one speaks for an entity, in order of preference."""
    groups: dict[str, list[Measurement]] = {}
    for measurement in measured:
        groups.setdefault(quantity_of(row, measurement.source), []).append(measurement)
    return list(groups.values())


def choose(measured: Sequence[Measurement]) -> dict[str, int]:
    """Which of several measurements speaks for each entity, by key: the first, unless the next sees much more.

    One that has fallen silent (-inf) gives way to any that has not.
    """
    chosen: dict[str, int] = {}
    volumes: dict[str, float] = {}
    for number, measurement in enumerate(measured):
        for key, volume in zip(measurement.keys, measurement.volume.tolist(), strict=True):
            if key not in chosen or volumes[key] < PARTIAL_SHARE * volume or volumes[key] == -math.inf != volume:
                chosen[key], volumes[key] = number, volume
    return chosen
