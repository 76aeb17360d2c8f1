"""A streaming detector and the series it follows, which come and go while it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from app.frame import HISTORY_STEP
from detectors.catalog.promql import matchers
from detectors.model import Direction, Views
from detectors.scoring.compact import packed, unpacked
from detectors.scoring.members import MEMBERS, Ensemble
from detectors.scoring.state import carry, rearranged
from detectors.scoring.tuning import DAY
from detectors.windows import Scored
from storage.records import ProfileRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from app.measuring import Measurement
    from detectors.catalog import Row
    from detectors.model import Entity
    from detectors.scoring.members import Member, Opinion
    from detectors.series import BoolArray, FloatArray, TimeArray

Name = tuple[str, str]
"""Entity key and part: what a series is known by from one cycle, and one start of the program, to the next."""

BY_DEFAULT = "ensemble"
"""What follows the series of rows that name no streaming detector themselves."""


def name_of(measurement: Measurement, place: int) -> Name:
    """What the series at one place of a measurement is known by."""
    source = measurement.source
    part = matchers(dict(measurement.labels[place]), source.parts) if source.parts else ""
    return measurement.keys[place], part


class Stream:
    """Follows the series of one row as one source tells them.

    Args:
        row: what is judged.
        step: seconds from one sample to the next.
    """

    def __init__(self, row: Row, step: float) -> None:
        self.row, self.step = row, step
        self._seed = MEMBERS[row.detector if row.detector in MEMBERS else BY_DEFAULT]
        self._hold = int(row.params.get("hold_evaluations", 1))
        self._places: dict[Name, int] = {}
        self.entities: list[Entity] = []
        self.detector: Member = self._made(0)
        self.until = np.zeros(0)
        """Shape (S,): unix seconds of the newest instant at which each series was looked at."""
        self.seen = np.zeros(0)
        """Shape (S,): unix seconds of its newest sample."""
        self.resumed = 0.0
        """Unix seconds of the newest sample when it was restored; 0 where it began by itself."""
        self._known = np.zeros(0, dtype=np.bool_)
        self._expected, self._views = np.zeros(0), np.zeros(0)
        self._scores = np.zeros((self._hold, 0))

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    @property
    def seasonal(self) -> bool:
        """Whether its detector has a profile of the day."""
        return self._seed.seasonal

    def places(self, names: Sequence[Name], entities: Sequence[Entity], since: float) -> NDArray[np.intp]:
        """Where some series are; those that are new begin with the first sample after `since`."""
        unknown = [place for place, name in enumerate(names) if name not in self._places]
        if unknown:
            before = len(self)
            self.entities += [entities[place] for place in unknown]
            self._places |= {names[place]: before + number for number, place in enumerate(unknown)}
            self._arrange(np.concatenate([np.arange(before), np.full(len(unknown), -1, dtype=np.intp)]), since)
        return np.fromiter((self._places[name] for name in names), dtype=np.intp, count=len(names))

    def follow(
        self,
        times: TimeArray,
        values: FloatArray,
        places: NDArray[np.intp],
        excluded: BoolArray | None = None,
        adopted: BoolArray | None = None,
    ) -> None:
        """Judge the samples of some series that are newer than what they were judged by, and learn from them.

        Args:
            times: shape (T,), unix seconds, ascending.
            values: shape (S, T).
            places: shape (S,).
            excluded: shape (S, T): known to be anomalous, and so not to be learnt from.
            adopted: shape (S,): what is decided to be normal from now on.
        """
        size = len(self)
        adopt = None if adopted is None else _spread(adopted, places, size)
        for instant, at in enumerate(times):
            fresh = self.until[places] < at
            if not fresh.any():
                continue
            sample = np.full(size, np.nan)
            sample[places] = np.where(fresh, values[:, instant], np.nan)
            learn = None if excluded is None else _spread(~excluded[:, instant], places, size)
            self._note(self.detector.update(float(at), sample, learn, adopt), float(at))
            self.until[places[fresh]] = at

    def said(self, places: NDArray[np.intp], since: float) -> Scored:
        """What was said last of some series; nothing is known of those without a sample since."""
        known = self._known[places] & (self.seen[places] >= since) & np.isfinite(self._scores[0, places])
        return Scored(self._scores[:, places], self._expected[places], known, self._views[places])

    def usual(self, times: TimeArray, places: NDArray[np.intp]) -> tuple[tuple[Views, FloatArray], ...]:
        """What profiles hold usual at some times, (S, T) each; none where nothing is known."""
        if not isinstance(self.detector, Ensemble):
            return ()
        found = self.detector.usual(times.astype(np.float64))
        return tuple((view, levels[places]) for view, levels in found.items() if np.isfinite(levels[:, -1]).any())

    def completeness(self) -> float:
        """Share of the parts of a day that a profile of most series knows."""
        if not isinstance(self.detector, Ensemble) or not len(self):
            return 0.0
        newest = float(self.seen.max())
        levels = self.detector.usual(newest + np.arange(-DAY, 0.0, HISTORY_STEP))[Views.DAY]
        return float(np.median(np.isfinite(levels).mean(axis=1)))

    def at_step(self, step: float) -> Stream:
        """The same knowledge for samples that come at another step."""
        other = Stream(self.row, step)
        other._places, other.entities = dict(self._places), list(self.entities)
        other._arrange(np.full(len(self), -1, dtype=np.intp), 0.0)
        other.until, other.seen = self.until.copy(), self.seen.copy()
        if len(self):
            other.detector = unpacked(packed(self.detector), other._made)
        return other

    def join(self, other: Stream) -> None:
        """Take over what another stream of the same row and step knows; of series that both know, its word counts."""
        names = list(other._places)
        self.places(names, other.entities, 0.0)
        of_other = np.full(len(self), -1, dtype=np.intp)
        for name, place in self._places.items():
            of_other[place] = other._places.get(name, -1)
        taken = of_other >= 0
        carry(other.detector, self.detector, of_other)
        self.until[taken], self.seen[taken] = other.until[of_other[taken]], other.seen[of_other[taken]]

    def forget(self, before: float) -> None:
        """Let go of series without a sample since."""
        kept = np.flatnonzero(self.seen >= before)
        if len(kept) < len(self):
            new = {int(old): place for place, old in enumerate(kept)}
            self.entities = [self.entities[place] for place in kept]
            self._places = {name: new[place] for name, place in self._places.items() if place in new}
            self._arrange(kept, 0.0)

    def records(self) -> list[ProfileRecord]:
        """What is to be stored of it."""
        rows = packed(self.detector) if len(self) else []
        return [
            ProfileRecord(self.entities[place], part, float(self.seen[place]), rows[place])
            for (_, part), place in self._places.items()
            if self.seen[place] > 0
        ]

    @classmethod
    def restored(cls, row: Row, step: float, records: Sequence[ProfileRecord]) -> Stream:
        """A stream that goes on with what was stored. Raises ValueError when that is of another make."""
        stream = cls(row, step)
        if records:
            stream.places([(each.entity.key, each.part) for each in records], [each.entity for each in records], 0.0)
            stream.detector = unpacked([each.learnt for each in records], stream._made)
            stream.until = np.array([each.until for each in records])
            stream.seen = stream.until.copy()
            stream.resumed = float(stream.seen.max())
        return stream

    def _made(self, size: int) -> Member:
        return self._seed.make(size, self.step)

    def _arrange(self, old: NDArray[np.intp], since: float) -> None:
        """Move everything to other places; `old` has -1 for series that begin."""
        self.detector = rearranged(self.detector, self._made, old)
        begun = old < 0

        def moved(values: FloatArray, blank: float) -> FloatArray:
            if not values.shape[-1]:
                return np.full((*values.shape[:-1], len(old)), blank)
            return np.where(begun, blank, values[..., np.maximum(old, 0)])

        self.until, self.seen = moved(self.until, since), moved(self.seen, 0.0)
        self._known = moved(self._known.astype(np.float64), 0.0) > 0
        self._expected, self._views = moved(self._expected, np.nan), moved(self._views, 0.0)
        self._scores = moved(self._scores, np.nan)

    def _note(self, opinion: Opinion, at: float) -> None:
        """Keep what was said at some time of those series that had a sample."""
        seen = np.isfinite(opinion.score)
        self.seen[seen] = at
        score = opinion.score * self._side(opinion)
        self._scores[1:, seen] = self._scores[:-1, seen]
        self._scores[0, seen] = score[seen]
        self._expected[seen], self._views[seen] = opinion.expected[seen], opinion.views[seen]
        known = opinion.known if self.row.detector in MEMBERS else opinion.views.astype(np.int64) & Views.DAY > 0
        self._known[seen] = known[seen]

    def _side(self, opinion: Opinion) -> FloatArray:
        """Which way a score counts: not at all on the side that the row does not ask about."""
        if self.row.detector not in MEMBERS or self.row.direction is Direction.BOTH:
            return opinion.sign
        blind = np.isnan(opinion.expected)
        wanted = -1.0 if self.row.direction is Direction.DOWN else 1.0
        return np.where(blind | (opinion.sign == wanted), opinion.sign, 0.0)


def _spread(mask: BoolArray, places: NDArray[np.intp], size: int) -> BoolArray:
    """A mask of some series as one of all of them."""
    whole = np.zeros(size, dtype=np.bool_)
    whole[places] = mask
    return whole
