"""The detectors that people know, by the names a custom row may use.

Each judges S series in lockstep: `member.update(times, values)` returns scores of shape (S,), 1.0 is the threshold, NaN
where there is no sample, 0 where there is too little to compare with. Formulas, sources, best use and failures are in
`docs/detectors.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from detectors.scoring.average import gain, present_in, retained
from detectors.scoring.forest import IsolationForest
from detectors.scoring.noise import NoiseFloor
from detectors.scoring.scorer import Scorer
from detectors.scoring.tuning import DAY, MINUTE, TUNING
from detectors.scoring.views import Level, Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike

    from detectors.series import BoolArray, FloatArray

SIGMAS = 3.0
"""The textbook's threshold, in standard deviations."""
_LEAST_SAMPLES = 10
_TINY = 1e-12


class Member(Protocol):
    """A streaming detector."""

    def update(self, times: ArrayLike, values: ArrayLike, /) -> FloatArray:
        """Score one sample of every series by those before it, then learn from it.

        Args:
            times: shape () or (S,), unix seconds.
            values: shape (S,); NaN and infinities are missing samples.
        """
        ...


class ZScore:
    """Distance from the mean of the last samples in standard deviations, over three."""

    def __init__(self, size: int, step: float, seconds: float = 60 * MINUTE) -> None:
        self._ring = np.full((int(max(30, seconds // step)), size), np.nan)
        self._next = 0

    def update(self, times: ArrayLike, values: ArrayLike, /) -> FloatArray:
        """See `Member.update`."""
        del times
        filled, present = present_in(values)
        there = np.isfinite(self._ring)
        count = there.sum(axis=0)
        mean = np.where(there, self._ring, 0.0).sum(axis=0) / np.maximum(count, 1)
        variance = np.where(there, self._ring - mean, 0.0) ** 2
        spread = np.sqrt(variance.sum(axis=0) / np.maximum(count - 1, 1))
        score = np.abs(filled - mean) / np.maximum(spread, _TINY + 1e-9 * np.abs(mean)) / SIGMAS
        self._ring[self._next] = np.where(present, filled, np.nan)
        self._next = (self._next + 1) % len(self._ring)
        return _judged(score, present, count >= _LEAST_SAMPLES)


class MovingAverage:
    """Distance from an exponential moving average, in its exponential standard deviations, over three."""

    def __init__(self, size: int, step: float, half_life: float = 30 * MINUTE) -> None:
        self._gain = gain(max(half_life / step, 5))
        self._mean = np.zeros(size)
        self._variance = np.zeros(size)
        self._seen = np.zeros(size)

    def update(self, times: ArrayLike, values: ArrayLike, /) -> FloatArray:
        """See `Member.update`."""
        del times
        filled, present = present_in(values)
        deviation = filled - self._mean
        spread = np.sqrt(self._variance)
        score = np.abs(deviation) / np.maximum(spread, _TINY + 1e-9 * np.abs(self._mean)) / SIGMAS
        judged = _judged(score, present, self._seen >= _LEAST_SAMPLES)
        self._seen += present
        pull = retained(self._gain, self._seen, present)
        self._mean += pull * deviation
        self._variance = (1 - pull) * (self._variance + pull * deviation**2)
        return judged


class Seasonal:
    """Distance from the profile of the same time of day, in its winsorised spreads, over three."""

    def __init__(self, size: int, step: float) -> None:
        self._floor = NoiseFloor(size, TUNING)
        self._seen = np.zeros(size)
        self._profile = Profile(size, DAY, 288, step, TUNING.day_gain, TUNING, tolerant=True)

    def update(self, times: ArrayLike, values: ArrayLike, /) -> FloatArray:
        """See `Member.update`."""
        filled, present = present_in(values)
        self._seen += present
        floor = self._floor.update(filled, present, self._seen)
        when = np.broadcast_to(np.asarray(times, dtype=np.float64), filled.shape)
        deviation, _, known = self._profile.update(when, filled, present, floor)
        return _judged(np.abs(deviation) / SIGMAS, present, known)


class HoltWinters:
    """Distance from the winsorised forecast, level plus daily season, in its spreads, over three."""

    def __init__(self, size: int, step: float) -> None:
        self._floor = NoiseFloor(size, TUNING)
        self._seen = np.zeros(size)
        self._profile = Profile(size, DAY, 288, step, TUNING.day_gain, TUNING, tolerant=True)
        self._level = Level(size, TUNING)

    def update(self, times: ArrayLike, values: ArrayLike, /) -> FloatArray:
        """See `Member.update`."""
        filled, present = present_in(values)
        self._seen += present
        floor = self._floor.update(filled, present, self._seen)
        when = np.broadcast_to(np.asarray(times, dtype=np.float64), filled.shape)
        _, season, known = self._profile.update(when, filled, present, floor)
        deviation = self._level.update(filled - np.where(known, season, 0.0), known, floor)
        return _judged(np.abs(deviation) / SIGMAS, present, known)


class Isolation:
    """How easily the last three values are told from those of the last hours by random cuts."""

    LAGS = 3
    MEMORY = 256
    THRESHOLD = 0.65
    """Anomaly score of Liu, Ting and Zhou: 0.5 is average, 1 is cut off at once."""

    def __init__(self, size: int, step: float, seed: int = 1) -> None:
        del step
        self._random = np.random.default_rng(seed)
        self._recent = np.full((self.LAGS, size), np.nan)
        self._memory = np.full((self.MEMORY, size, self.LAGS), np.nan)
        self._stored = 0
        self._forest: IsolationForest | None = None

    def update(self, times: ArrayLike, values: ArrayLike, /) -> FloatArray:
        """See `Member.update`."""
        del times
        filled, present = present_in(values)
        self._recent = np.concatenate([self._recent[1:], np.where(present, filled, np.nan)[None]])
        vectors = self._recent.T.copy()
        whole = np.isfinite(vectors).all(axis=1)
        if self._forest is None:
            score = np.zeros(len(filled))
        else:
            score = self._forest.score(np.where(whole[:, None], vectors, 0.0)) / self.THRESHOLD
        self._memory[self._stored % self.MEMORY] = vectors
        self._stored += 1
        if self._stored % self.MEMORY == 0:
            self._forest = IsolationForest.fit(np.moveaxis(self._memory, 1, 0), self._random)
        return _judged(score, present, whole)


class Ensemble:
    """The scorer itself: four views that must agree, against each series' own threshold."""

    def __init__(self, size: int, step: float) -> None:
        self._scorer = Scorer(size, step)

    def update(self, times: ArrayLike, values: ArrayLike, /) -> FloatArray:
        """See `Member.update`."""
        return self._scorer.update(times, values).score


MEMBERS: Mapping[str, Callable[[int, float], Member]] = {
    "z-score": ZScore,
    "ema": MovingAverage,
    "seasonal": Seasonal,
    "holt-winters": HoltWinters,
    "isolation-forest": Isolation,
    "ensemble": Ensemble,
}
"""Name -> what makes one for a number of series and a step in seconds."""


def member(name: str, size: int, step: float) -> Member:
    """The member of that name. Raises ValueError with the names there are."""
    try:
        make = MEMBERS[name]
    except KeyError:
        raise ValueError(f"no detector is called {name!r}; there are {', '.join(MEMBERS)}") from None
    return make(size, step)


def _judged(score: FloatArray, present: BoolArray, known: BoolArray) -> FloatArray:
    return np.where(present, np.where(known, score, 0.0), np.nan)
