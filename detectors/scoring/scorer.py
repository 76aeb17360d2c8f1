"""The streaming scorer: S series in lockstep, one sample of each at a time, constant memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.model import Views
from detectors.scoring.agreement import agreement
from detectors.scoring.alerts import Episodes, Persistence
from detectors.scoring.average import present_in
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
    expected: FloatArray
    """The forecast."""
    low: FloatArray
    """Lower edge of the band in which the forecast view sees nothing to alert on."""
    high: FloatArray
    """Upper edge."""
    views: FloatArray
    """The `Views` that had data, as numbers."""
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

    def update(self, times: ArrayLike, values: ArrayLike) -> Scores:
        """Score one sample of every series, then learn from it.

        Args:
            times: shape () or (S,), unix seconds.
            values: shape (S,); NaN and infinities are missing samples.
        """
        filled, present = present_in(values)
        times = np.broadcast_to(np.asarray(times, dtype=np.float64), filled.shape)
        self._seen += present
        floor = self._floor.update(filled, present, self._seen)

        local_level = self._local.centre.copy()
        local = self._local.update(filled, present, floor)
        day, season, has_day = self._day.update(times, filled, present, floor)
        week, _, has_week = self._week.update(times, filled, present, floor)
        level = self._forecast.centre.copy()
        forecast = self._forecast.update(filled - np.where(has_day, season, 0.0), has_day, floor)

        alone = present & ~has_day
        sign = np.sign(np.where(has_day, forecast, local))
        raw = agreement((local, day, week, forecast), (present, has_day, has_week & has_day, has_day), sign)
        raw = np.where(alone, raw / self._tuning.alone, raw)

        evidence = self._persistence.update(raw, sign, present, self._tuning.smoothing_limit * self._threshold.far)
        usual = self._schedule.update(times, evidence)
        threshold = np.maximum(self._threshold.value(self._seen), self._tuning.scheduled_excess * usual)
        self._threshold.update(raw, evidence, present, self._seen)
        learning = self._seen < self._tuning.warmup
        above = (evidence > threshold) & ~learning
        alert = self._episodes.update(above, raw, present)

        expected = np.where(has_day, season + level, local_level)
        reach = threshold * np.where(has_day, self._forecast.width, self._tuning.alone * self._local.width)
        views = present * float(Views.LOCAL) + has_day * float(Views.DAY) + (has_week & has_day) * float(Views.WEEK)
        score = np.where(present, np.where(learning, 0.0, evidence / threshold), np.nan)
        return Scores(score, alert, expected, expected - reach, expected + reach, views, learning)
