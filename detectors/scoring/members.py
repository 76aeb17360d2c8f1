"""The detectors that people know, by the names a custom row may use.

Each judges S series in lockstep, in constant memory for each of them. Formulas, sources, best use and failures are told
beside them and written to `docs/detectors.md` from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from detectors.model import Views
from detectors.scoring.average import Age, gain, present_in, retained
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


class Opinion(NamedTuple):
    """What a detector says of one sample of S series; every array has the shape (S,)."""

    score: FloatArray
    """1.0 is the threshold; 0 where there is too little to compare with, NaN where there is no sample."""
    sign: FloatArray
    """On which side of what was expected the value is: 1, -1 or 0; 1 where the detector has no value in mind."""
    expected: FloatArray
    """The value that would score 0; NaN where the detector has none in mind."""
    known: BoolArray
    """Whether there was enough to compare with."""
    views: FloatArray
    """The `Views` it was compared with, as numbers."""


class Member(Protocol):
    """A streaming detector."""

    def update(
        self, times: ArrayLike, values: ArrayLike, learn: BoolArray | None = None, adopt: BoolArray | None = None, /
    ) -> Opinion:
        """Score one sample of every series by those before it, then learn from it.

        Args:
            times: shape () or (S,), unix seconds.
            values: shape (S,); NaN and infinities are missing samples.
            learn: shape (S,): False where it is decided that a sample is none to learn from; None for nowhere.
            adopt: shape (S,): where it is decided that this is what is normal from now on; None for nowhere. Those that
                have no way to begin anew at once go on learning.
        """
        ...


class ZScore:
    """Distance from the mean of the last samples in standard deviations, over three."""

    def __init__(self, size: int, step: float, seconds: float = 60 * MINUTE) -> None:
        self._ring = np.full((int(max(30, seconds // step)), size), np.nan)
        self._next = np.zeros(size, dtype=np.intp)
        self._series = np.arange(size)

    def update(
        self, times: ArrayLike, values: ArrayLike, learn: BoolArray | None = None, adopt: BoolArray | None = None, /
    ) -> Opinion:
        """See `Member.update`."""
        del times, adopt
        filled, present = present_in(values)
        there = np.isfinite(self._ring)
        count = there.sum(axis=0)
        mean = np.where(there, self._ring, 0.0).sum(axis=0) / np.maximum(count, 1)
        variance = np.where(there, self._ring - mean, 0.0) ** 2
        spread = np.sqrt(variance.sum(axis=0) / np.maximum(count - 1, 1))
        score = np.abs(filled - mean) / np.maximum(spread, _TINY + 1e-9 * np.abs(mean)) / SIGMAS
        kept = present if learn is None else present & learn
        at = self._next, self._series
        # A sample that is not learnt from takes no place; a missing one does, or an hour would become longer.
        self._ring[at] = np.where(kept, filled, np.where(present, self._ring[at], np.nan))
        self._next = np.where(present & ~kept, self._next, (self._next + 1) % len(self._ring))
        return _opinion(score, filled - mean, mean, present, count >= _LEAST_SAMPLES)


class MovingAverage:
    """Distance from an exponential moving average, in its exponential standard deviations, over three."""

    def __init__(self, size: int, step: float, half_life: float = 30 * MINUTE) -> None:
        self._gain = gain(max(half_life / step, 5))
        self._mean = np.zeros(size)
        self._variance = np.zeros(size)
        self._seen = np.zeros(size)

    def update(
        self, times: ArrayLike, values: ArrayLike, learn: BoolArray | None = None, adopt: BoolArray | None = None, /
    ) -> Opinion:
        """See `Member.update`."""
        del times, adopt
        filled, present = present_in(values)
        mean, deviation = self._mean.copy(), filled - self._mean
        spread = np.sqrt(self._variance)
        score = np.abs(deviation) / np.maximum(spread, _TINY + 1e-9 * np.abs(mean)) / SIGMAS
        said = _opinion(score, deviation, mean, present, self._seen >= _LEAST_SAMPLES)
        learn = present if learn is None else present & learn
        self._seen += learn
        pull = retained(self._gain, self._seen, learn)
        self._mean += pull * deviation
        self._variance = (1 - pull) * (self._variance + pull * deviation**2)
        return said


class Seasonal:
    """Distance from the profile of the same time of day, in its winsorised spreads, over three."""

    def __init__(self, size: int, step: float) -> None:
        self._floor = NoiseFloor(size, TUNING)
        self._seen = np.zeros(size)
        self._days = Age(size, DAY)
        self._profile = Profile(size, DAY, 288, step, TUNING.day_gain, TUNING, tolerant=True)

    def update(
        self, times: ArrayLike, values: ArrayLike, learn: BoolArray | None = None, adopt: BoolArray | None = None, /
    ) -> Opinion:
        """See `Member.update`."""
        del adopt
        filled, present = present_in(values)
        learn = present if learn is None else present & learn
        self._seen += learn
        floor = self._floor.update(filled, learn, self._seen)
        when = np.broadcast_to(np.asarray(times, dtype=np.float64), filled.shape)
        deviation, season, known = self._profile.update(when, filled, present, floor, learn)
        known &= self._days.passed(when, learn)
        return _opinion(np.abs(deviation) / SIGMAS, deviation, season, present, known, Views.DAY)


class HoltWinters:
    """Distance from the winsorised forecast, level plus daily season, in its spreads, over three."""

    def __init__(self, size: int, step: float) -> None:
        self._floor = NoiseFloor(size, TUNING)
        self._seen = np.zeros(size)
        self._days = Age(size, DAY)
        self._profile = Profile(size, DAY, 288, step, TUNING.day_gain, TUNING, tolerant=True)
        self._level = Level(size, TUNING)

    def update(
        self, times: ArrayLike, values: ArrayLike, learn: BoolArray | None = None, adopt: BoolArray | None = None, /
    ) -> Opinion:
        """See `Member.update`."""
        del adopt
        filled, present = present_in(values)
        learn = present if learn is None else present & learn
        self._seen += learn
        floor = self._floor.update(filled, learn, self._seen)
        when = np.broadcast_to(np.asarray(times, dtype=np.float64), filled.shape)
        _, season, known = self._profile.update(when, filled, present, floor, learn)
        level = self._level.centre.copy()
        deviation = self._level.update(filled - np.where(known, season, 0.0), known, floor, known & learn)
        known = known & self._days.passed(when, learn)
        expected = season + level
        return _opinion(np.abs(deviation) / SIGMAS, deviation, expected, present, known, Views.LOCAL | Views.DAY)


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
        self._memory = np.full((self.MEMORY, self.LAGS, size), np.nan, dtype=np.float32)
        self._stored = 0
        self._forest = IsolationForest.unborn(size)
        self._grown = np.zeros(size, dtype=np.bool_)

    def update(
        self, times: ArrayLike, values: ArrayLike, learn: BoolArray | None = None, adopt: BoolArray | None = None, /
    ) -> Opinion:
        """See `Member.update`."""
        del times, adopt
        filled, present = present_in(values)
        self._recent = np.concatenate([self._recent[1:], np.where(present, filled, np.nan)[None]])
        whole = np.isfinite(self._recent).all(axis=0)
        score = self._forest.score(np.where(whole, self._recent, 0.0).T) / self.THRESHOLD
        said = _opinion(score, np.ones(len(filled)), np.full(len(filled), np.nan), present, whole & self._grown)
        kept = whole if learn is None else whole & learn
        self._memory[self._stored % self.MEMORY] = np.where(kept, self._recent, np.nan)
        self._stored += 1
        if self._stored % self.MEMORY == 0:
            points = np.moveaxis(self._memory, 2, 0).astype(np.float64)
            self._forest = IsolationForest.fit(points, self._random)
            self._grown = np.isfinite(points).all(axis=2).sum(axis=1) >= _LEAST_SAMPLES
        return said


class Ensemble:
    """The scorer itself: four views that must agree, against each series' own threshold."""

    def __init__(self, size: int, step: float) -> None:
        self._scorer = Scorer(size, step)

    def update(
        self, times: ArrayLike, values: ArrayLike, learn: BoolArray | None = None, adopt: BoolArray | None = None, /
    ) -> Opinion:
        """See `Member.update`."""
        said = self._scorer.update(times, values, learn, adopt)
        known = ~said.learning & np.isfinite(said.score)
        return Opinion(said.score, said.sign, said.expected, known, said.views)

    def usual(self, times: FloatArray) -> Mapping[Views, FloatArray]:
        """See `Scorer.usual`."""
        return self._scorer.usual(times)


class Seed(NamedTuple):
    """A member, and what there is to know of it before it is chosen."""

    make: Callable[[int, float], Member]
    """For a number of series and a step in seconds."""
    formula: str
    source: str
    best: str
    fails: str
    seasonal: bool = False
    """Whether it has a profile of the day: worth a look into the past, and a place in the store."""


MEMBERS: Mapping[str, Seed] = {
    "z-score": Seed(
        ZScore,
        "abs(x - mean) / (3 s), mean and s of the last 60 minutes (30 samples at least)",
        "Shewhart 1931",
        "noise around a level that stays",
        "a season; a spike in the hour before widens s; skewed or bursty values pass three deviations all day",
    ),
    "ema": Seed(
        MovingAverage,
        "abs(x - m) / (3 s), m and s^2 exponential averages with a half-life of 30 minutes",
        "Roberts 1959; variance by West 1979",
        "a level that wanders slowly",
        "steep daily slopes; an anomaly pulls m and widens s while it lasts",
    ),
    "seasonal": Seed(
        Seasonal,
        "abs(x - p) / (3 s), p the winsorised average of the same five minutes on the days before",
        "seasonal naive forecast, Hyndman and Athanasopoulos 2021; winsorised as Gelper, Fried and Croux 2010",
        "a season that repeats by the clock",
        "a level that changes from day to day; weekends; the first day",
        seasonal=True,
    ),
    "holt-winters": Seed(
        HoltWinters,
        "abs(x - l - p) / (3 s), l a winsorised exponential average of x - p with a half-life of 10 samples",
        "Winters 1960 without trend; winsorised as Gelper, Fried and Croux 2010",
        "a season on a level that moves",
        "drifts, which l follows; weekends; the first day",
        seasonal=True,
    ),
    "isolation-forest": Seed(
        Isolation,
        "2^(-mean path / c(64)) / 0.65 of the last three values among the 256 before; 50 trees, anew after as many",
        "Liu, Ting and Zhou 2008",
        "odd shapes whose size is not: a value that is rare, a jump between usual values",
        "a new level is odd only until the next trees; 20 times the cost of the ensemble, 60 KB for each series",
    ),
    "ensemble": Seed(
        Ensemble,
        "exp(mean log z) of local level, time of day, time of week and forecast, over a threshold from the tail of the "
        "series' own scores shrunk to a prior, with persistence",
        "Genest and Zidek 1986; Weissman 1978; the constants in `detectors/scoring/tuning.py`",
        "anything; what rows of levels use by default",
        "slow drifts, which the local level follows; less than a day of history, when only the minutes before speak",
        seasonal=True,
    ),
}
"""Name -> the member."""


def member(name: str, size: int, step: float) -> Member:
    """The member of that name. Raises ValueError with the names there are."""
    try:
        seed = MEMBERS[name]
    except KeyError:
        raise ValueError(f"no detector is called {name!r}; there are {', '.join(MEMBERS)}") from None
    return seed.make(size, step)


def _opinion(
    score: FloatArray,
    deviation: FloatArray,
    expected: FloatArray,
    present: BoolArray,
    known: BoolArray,
    views: Views = Views.LOCAL,
) -> Opinion:
    known = known & present
    return Opinion(
        score=np.where(present, np.where(known, score, 0.0), np.nan),
        sign=np.sign(deviation),
        expected=np.where(known, expected, np.nan),
        known=known,
        views=np.where(known, float(views), 0.0),
    )
