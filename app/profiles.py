"""What is usual for every series at each time of day and week, learnt as cycles pass and kept over restarts."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from app.streams import Stream, name_of
from detectors.kinds.quantity import QUANTITIES
from storage.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.measuring import Measurement
    from detectors.catalog import Row, RowSource
    from detectors.series import BoolArray
    from detectors.windows import SignalData, Windows
    from storage.database import Store

log = logging.getLogger(__name__)

MOST_SERIES = 20_000
"""Series that are followed, at 8.4 KB each; those of the rows that come last are judged by the window alone."""

SAVE_SECONDS = 1800.0
"""How much may be lost when the program is killed."""

FORGET_SECONDS = 2 * 86_400.0
"""How long a series may be gone before it no longer takes memory; the store keeps it longer."""


class Followed(NamedTuple):
    """What is followed together: the series of a row as one source tells them."""

    signal: str
    source: str

    @classmethod
    def of(cls, row: Row, source: RowSource) -> Followed:
        """Where a source's series of a row are."""
        return cls(row.id, f"{source.convention}/{source.instrument}")


class Profiles:
    """Every stream of one cluster.

    Args:
        cluster: whose series they are.
        store: where what they know is kept.
    """

    def __init__(self, cluster: str, store: Store) -> None:
        self._cluster, self._store = cluster, store
        self._streams: dict[Followed, Stream] = {}
        self._saved: dict[Followed, float] = {}
        """Unix seconds of the newest sample when each was stored, or first followed."""

    def compared(
        self,
        row: Row,
        measurement: Measurement,
        places: Sequence[int],
        data: SignalData,
        windows: Windows,
        adopted: BoolArray,
    ) -> SignalData:
        """The data with what is usual, and what the detector that follows the series says of its newest samples.

        Args:
            row: what is judged.
            measurement: by one source.
            places: of the S series among the measurement's entities.
            data: their numbers; at the instants it excludes nothing is learnt.
            windows: for how old a sample may be that is judged.
            adopted: shape (S,): for whom it is decided that what they do now is normal.
        """
        if row.detector not in QUANTITIES or not len(places):
            return data
        stream = self.stream(row, measurement.source, windows.step)
        names = [name_of(measurement, place) for place in places]
        unknown = sum(name not in stream for name in names)
        if unknown and sum(map(len, self._streams.values())) + unknown > MOST_SERIES:
            return data
        entities = [measurement.entities[place] for place in places]
        # What is new begins with this instant: the past is asked for after the cycle.
        columns = stream.places(names, entities, float(data.times[-1] - windows.step))
        new = int(np.sum(data.times > stream.until[columns].min()))
        if new:
            values = QUANTITIES[row.detector](data, row.params, new)
            excluded = None if data.excluded is None else data.excluded[:, -new:]
            stream.follow(data.times[-new:], values, columns, excluded, adopted if adopted.any() else None)
        said = stream.said(columns, float(data.times[-1]) - windows.evaluation * windows.step)
        return dataclasses.replace(data, scored=said, profiles=stream.usual(data.times, columns))

    def forget(self) -> None:
        """Go on with what is stored: somebody else may have written."""
        self._streams.clear()
        self._saved.clear()

    def follows(self, key: Followed) -> bool:
        """Whether series are followed there whose past is worth a question."""
        found = self._streams.get(key)
        return found is not None and len(found) > 0 and found.seasonal

    def stream(self, row: Row, source: RowSource, step: int) -> Stream:
        """What follows the series of a row as a source tells them; goes on with what is stored."""
        key = Followed.of(row, source)
        found = self._streams.get(key)
        if found is None or found.step != step:
            found = self._streams[key] = self._restored(row, key, step)
        return found

    def take(self, row: Row, source: RowSource, past: Stream) -> None:
        """Go on with what was learnt from the past, which reaches to the beginning of the next cycle's window."""
        stream = self._streams.get(Followed.of(row, source))
        if stream is not None:
            stream.join(past.at_step(stream.step))
            self._saved[Followed.of(row, source)] = 0.0

    def save(self, *, at_once: bool = False) -> None:
        """Store what has been learnt for a while, or all of it; what cannot be stored is tried again later.

        Series that have been gone for long are let go of, whether there is anything to store or not.
        """
        latest = max((float(stream.seen.max(initial=0.0)) for stream in self._streams.values()), default=0.0)
        for key, stream in self._streams.items():
            stream.forget(latest - FORGET_SECONDS)
            newest = float(stream.seen.max(initial=0.0))
            learnt = newest - self._saved.setdefault(key, newest)
            if not (stream.seasonal and learnt >= (1.0 if at_once else SAVE_SECONDS)):
                continue
            try:
                self._store.profiles.put(self._cluster, *key, stream.records())
            except StoreError as error:
                log.warning("profiles: %s", error)
                return
            self._saved[key] = newest

    def _restored(self, row: Row, key: Followed, step: int) -> Stream:
        records = self._store.profiles.of(self._cluster, *key)
        try:
            stream = Stream.restored(row, step, records)
        except ValueError as error:
            log.warning("profiles of %s: %s; they are learnt anew", key.signal, error)
            stream = Stream(row, step)
        if len(stream):
            self._saved[key] = float(stream.seen.max())
        return stream
