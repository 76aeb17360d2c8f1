"""The server's past, read once: a week of each seasonal row, day by day, in the time after a cycle.

A day of a source is one question for each of its queries, at five-minute steps, asked as long as the budget takes it
for a small one. What profiles know from the store is not asked for again; only what has come since.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from app.asking_once import asked_once
from app.frame import HISTORY_STEP
from app.profiles import Followed
from app.sources.base import SourceError
from app.streams import Stream, name_of
from detectors.kinds.quantity import QUANTITIES
from detectors.series import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.looking import MetricsLook
    from app.measuring import Measurement
    from app.profiles import Profiles
    from app.sources.prometheus.discovery import Discovery
    from detectors.catalog import Row, RowSource
    from detectors.entities import Resolver

log = logging.getLogger(__name__)

DAY = 86_400
LOOK_BACK_DAYS = 7
SECONDS = 2.0
"""How long is asked and learnt after one cycle; a question that has begun is waited for."""
AGAIN_SECONDS = 3600.0
"""How long until what could not be asked is asked again."""
SHORT_SECONDS = 7200
"""A gap in what is known that is not worth a question."""
COMPLETE = 0.9
"""Share of the day's parts that a profile must know to be gone on with, rather than learnt anew from the past."""


class Past:
    """Has the series of a metrics server followed from a week ago on.

    Args:
        profiles: what is learnt goes there.
        clock: seconds that only go forward.
    """

    def __init__(self, profiles: Profiles, clock: Callable[[], float] = time.monotonic) -> None:
        self._profiles, self._clock = profiles, clock
        self._due: dict[Followed, float] = {}
        """When to ask, unix seconds of the engine's clock; infinity for what has been asked."""
        self._waiting: deque[_Reading] = deque()
        self.wanted = False
        """Whether anything is asked at all: a recording neither holds a past nor should."""

    @property
    def left(self) -> int:
        """How many sources of rows are still to be read."""
        return len(self._waiting)

    def consider(self, sources: Mapping[str, Sequence[RowSource]], rows: Mapping[str, Row], now: float) -> None:
        """Note which sources of rows are to be read."""
        if not self.wanted:
            return
        for row_id, found in sources.items():
            row = rows[row_id]
            for source in found if row.detector in QUANTITIES else ():
                key = Followed.of(row, source)
                if now >= self._due.get(key, 0.0) and self._profiles.follows(key):
                    self._due[key] = np.inf
                    self._waiting.append(_Reading(row, source))

    def learn(self, look: MetricsLook, resolver: Resolver, progress: Callable[[str], None]) -> None:
        """Read on for a while, and keep what has been learnt."""
        if self._waiting:
            self._read(look, resolver, progress)
            progress("")

    def _read(self, look: MetricsLook, resolver: Resolver, progress: Callable[[str], None]) -> None:
        until = self._clock() + SECONDS
        while self._waiting and look.discovery is not None and self._clock() < until:
            reading = self._waiting[0]
            progress(f"reading the past of {reading.row.id}")
            try:
                over = reading.step(look, look.discovery, resolver, self._profiles)
            except SourceError as error:
                log.info("past of %s: %s", reading.row.id, error.message)
                self._due[Followed.of(reading.row, reading.source)] = look.frame.grid.end + AGAIN_SECONDS
                over = True
            if over:
                self._waiting.popleft()


class _Reading:
    """One source of a row, read day by day."""

    def __init__(self, row: Row, source: RowSource) -> None:
        self.row, self.source = row, source
        self._stream: Stream | None = None
        self._reached = 0
        """Unix seconds up to which the past has been read."""

    def step(self, look: MetricsLook, discovery: Discovery, resolver: Resolver, profiles: Profiles) -> bool:
        """Read one more day; returns whether there is nothing left to read. Raises SourceError."""
        now, followed = look.frame.grid.end, profiles.stream(self.row, self.source, look.frame.grid.step)
        if self._stream is None:
            known = followed.completeness() >= COMPLETE
            since = now - (LOOK_BACK_DAYS if discovery.week or discovery.day else 1) * DAY
            since = max(since, int(followed.resumed)) if known else since
            if now - since < SHORT_SECONDS:
                return True
            self._stream = followed.at_step(HISTORY_STEP) if known else Stream(self.row, HISTORY_STEP)
            self._reached = since - since % HISTORY_STEP
        end = min(self._reached + DAY, now - now % HISTORY_STEP)
        points = (end - self._reached) // HISTORY_STEP
        if points > 0:
            frame = dataclasses.replace(look.frame, grid=Grid(end, HISTORY_STEP, points))
            with asked_once([self.source], look, discovery, frame, resolver) as (measurer, affordable):
                if self.source not in affordable:
                    log.info("past of %s: a day of it is more than one question may touch", self.row.id)
                    return True
                self._learn(self._stream, measurer.measure(self.source, self.row.entity), followed)
        self._reached = end
        if now - end < HISTORY_STEP:
            profiles.take(self.row, self.source, self._stream)
            return True
        return False

    def _learn(self, stream: Stream, measurement: Measurement, followed: Stream) -> None:
        for part in measurement.parts:
            names = [name_of(measurement, place) for place in part.entities.tolist()]
            rows = np.array([row for row, name in enumerate(names) if name in followed], dtype=np.intp)
            data, entities = part.data.rows(rows), part.entities[rows].tolist()
            places = stream.places([names[row] for row in rows], [measurement.entities[e] for e in entities], 0.0)
            values = QUANTITIES[self.row.detector](data, self.row.params, len(data.times))
            stream.follow(data.times, values, places)
