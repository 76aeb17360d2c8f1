"""The streaming scorer: S series in lockstep, one sample of each at a time, constant memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.model import Views
from detectors.scoring.agreement import agreement
from detectors.scoring.alerts import Episodes, Persistence
from detectors.scoring.average import Age, present_in
from detectors.scoring.noise import NoiseFloor
from detectors.scoring.schedule import Schedule
from detectors.scoring.threshold import TailThreshold
from detectors.scoring.tuning import DAY, TUNING, WEEK, Tuning
from detectors.scoring.views import Level, Profile

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from detectors.series import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Scores:
    """What the scorer says of one sample of S series; every array has the shape (S,)."""

    score: FloatArray
    """1.0 is the threshold; 0 while learning, NaN without a sample."""
    alert: BoolArray
    """Whether an alert starts here."""
    sign: FloatArray
    """On which side of what was expected the value is: 1, -1 or 0."""
    expected: FloatArray
    """The forecast."""
    low: FloatArray
    """Lower edge of the band in which the forecast view sees nothing to alert on."""
    high: FloatArray
    """Upper edge."""
    views: FloatArray
    """The `Views` that had data of an earlier time, day or week, as numbers."""
    learning: BoolArray
    """Too few samples for a verdict."""


class Scorer:
    """Judges every new sample by what came before it, and only by that.

    Local level, same time of day, same time of week and a forecast (level plus season) must agree; the agreement is
    measured against a threshold learnt from each series, and must persist.
    """

    def __init__(self, size: int, step: float, tuning: Tuning = TUNING) -> None:
        """For `size` series, `step` seconds apart. Raises ValueError when the step is not a positive number."""
        if not 0 < step < np.inf:
            raise ValueError(f"the step is {step!r} seconds; it must be a positive number")
        self._tuning = tuning
        self._seen = np.zeros(size)
        self._floor = NoiseFloor(size, tuning)
        self._local = Level(size, tuning)
        self._forecast = Level(size, tuning)
        self._day = Profile(size, DAY, 288, step, tuning.day_gain, tuning, tolerant=True)
        self._week = Profile(size, WEEK, 336, step, tuning.week_gain, tuning, tolerant=False)
        self._persistence = Persistence(size, step, tuning)
        self._threshold = TailThreshold(size, step, tuning)
        self._schedule = Schedule(size, tuning)
        self._episodes = Episodes(size, step, tuning)
        self._days, self._weeks = Age(size, DAY), Age(size, WEEK)
        self._unfollowed = np.zeros(size, dtype=np.bool_)
        """Whose level of the last minutes is not known though their profiles are."""

    def update(
        self, times: ArrayLike, values: ArrayLike, learn: BoolArray | None = None, adopt: BoolArray | None = None
    ) -> Scores:
        """Score one sample of every series, then learn from it.

        Args:
            times: shape () or (S,), unix seconds.
            values: shape (S,); NaN and infinities are missing samples.
            learn: shape (S,): False where it is decided that a sample is none to learn from; None for nowhere.
            adopt: shape (S,): where it is decided that this is what is normal from now on; None for nowhere.
        """
        filled, present = present_in(values)
        times = np.broadcast_to(np.asarray(times, dtype=np.float64), filled.shape)
        learn = present if learn is None else present & learn
        self._seen += learn
        floor = self._floor.update(filled, learn, self._seen)

        day, season, has_day = self._day.update(times, filled, present, floor, learn)
        week, _, has_week = self._week.update(times, filled, present, floor, learn)
        self._follow(season, has_day)
        if adopt is not None and adopt.any():
            self._adopt(filled, season, has_day, adopt & present)
        local_level = self._local.centre.copy()
        local = self._local.update(filled, present, floor, learn)
        level = self._forecast.centre.copy()
        forecast = self._forecast.update(
            filled - np.where(has_day, season, 0.0), has_day, floor, has_day if learn is present else has_day & learn
        )

        alone = present & ~has_day
        sign = np.sign(np.where(has_day, forecast, local))
        raw = agreement((local, day, week, forecast), (present, has_day, has_week & has_day, has_day), sign)
        raw = np.where(alone, raw / self._tuning.alone, raw)

        evidence = self._persistence.update(raw, sign, present, self._tuning.smoothing_limit * self._threshold.far)
        usual = self._schedule.update(times, evidence, learn)
        threshold = np.maximum(self._threshold.value(self._seen), self._tuning.scheduled_excess * usual)
        self._threshold.update(raw, evidence, learn, self._seen)
        learning = self._seen < self._tuning.warmup
        above = (evidence > threshold) & ~learning
        alert = self._episodes.update(above, raw, present)

        expected = np.where(has_day, season + level, local_level)
        reach = threshold * np.where(has_day, self._forecast.width, self._tuning.alone * self._local.width)
        views = np.where(present, float(Views.LOCAL), 0.0)
        # Until then a part of the profile knows only what was a minute ago.
        views += has_day * self._days.passed(times, learn) * float(Views.DAY)
        views += (has_week & has_day) * self._weeks.passed(times, learn) * float(Views.WEEK)
        score = np.where(present, np.where(learning, 0.0, evidence / threshold), np.nan)
        return Scores(score, alert, sign, expected, expected - reach, expected + reach, views, learning)

    def resume(self) -> None:
        """Go on after a time in which nobody looked: the profiles are known, the last minutes are not."""
        self._unfollowed[:] = True

    def usual(self, times: FloatArray) -> dict[Views, FloatArray]:
        """What the profiles of day and week hold usual at some times, shape (S, T) each; NaN where nothing.

        Args:
            times: shape (T,), unix seconds, ascending; a profile speaks for itself once it has seen its whole period.
        """
        known = ((Views.DAY, self._day, self._days), (Views.WEEK, self._week, self._weeks))
        return {
            view: np.where(age.passed_at(times[-1:])[:, None], profile.levels(times), np.nan)
            for view, profile, age in known
        }

    def _follow(self, season: FloatArray, has_day: BoolArray) -> None:
        """Have levels that nobody followed start where the forecast puts them, not at what may be an anomaly."""
        begun = self._unfollowed & has_day
        if begun.any():
            np.copyto(self._local.centre, season + self._forecast.centre, where=begun)
            self._unfollowed &= ~begun

    def _adopt(self, values: FloatArray, season: FloatArray, has_day: BoolArray, adopt: BoolArray) -> None:
        np.copyto(self._local.centre, values, where=adopt)
        np.copyto(self._forecast.centre, values - season, where=adopt & has_day)
        self._persistence.forget(adopt)
