"""The one setting of the scorer: the same numbers for every series, step and domain.

What they were chosen on is told in `benchmarks/RESULTS.md`. Lengths are in samples where noise is what counts, and in
seconds where the calendar or the engineer does.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60
HOUR = 3600
DAY = 86_400
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Tuning:
    """Constants of views, calibration and alerts."""

    level_half_life: float = 10
    """Samples after which a level has forgotten half of what it knew."""
    spread_half_life: float = 6000
    """The same of a spread: four days of minutes."""
    winsor: float = 3
    """Deviations train as if they were at most this many spreads: an anomaly must not teach its own baseline."""
    share: float = 0.03
    """Least spread as a share of the usual level."""
    day_gain: float = 0.1
    """How much of a day's deviation its profile takes over."""
    week_gain: float = 0.3
    """How much of a week's deviation its profile takes over."""
    alone: float = 1.5
    """How much further the local view must deviate when there is no other day to agree with it."""
    prior: float = 4
    """Threshold of a series about which nothing is known, in spreads."""
    least: float = 2.5
    """No series gets a lower threshold."""
    prior_weight: float = 600
    """Samples after which a series' own tail counts as much as the prior."""
    tail_near: float = 0.1
    """Share of the scores above the nearer of the two tracked quantiles."""
    tail_far: float = 0.02
    """Share of the scores above the farther one. More than a series' anomalies take, or they would set it."""
    tail_reach: float = 2
    """Threshold = far * (far / near) ** reach: how many times the distance between both lies beyond the far one."""
    tail_memory: float = 10000
    """Samples that the quantiles remember."""
    abnormal_gain: float = 0.01
    """How much a score above the threshold moves the quantiles, relative to one below: an anomaly must not raise the
    bar for the next one, yet a series that is always above it must get out of there."""
    youth: float = 5
    """The threshold is 1 + youth / sqrt(samples) times as high: estimates from few samples are worse."""
    step_exponent: float = 0.15
    """How the threshold falls with the step: by (step / 60 s) ** -step_exponent."""
    single: float = 2
    """How many times the threshold a single sample must reach to be believed."""
    single_seconds: float = 1200
    """A sample that stands for more time than this needs less of that: single ** (single_seconds / step)."""
    sustained: float = 0.6
    """Share of the threshold that is enough when the smoothed score stays there."""
    smoothing: float = 0.1
    """Gain of that smoothing."""
    smoothing_limit: float = 6
    """Scores enter it as at most this many times the far quantile."""
    silence: float = 15
    """Samples after an alert in which only something clearly worse alerts again."""
    worse: float = 1.5
    """How many times the last alert's score is clearly worse."""
    scheduled_days: int = 4
    """Of the last six, so many days with a peak at this hour make it a scheduled one."""
    scheduled_excess: float = 1.2
    """How many times a scheduled peak the evidence must reach."""
    episode_seconds: float = 600
    episode_samples: float = 3
    """An episode is over when nothing was above the threshold for the longer of the two."""
    warmup: int = 10
    """Samples before which a series is learning and nothing is said."""


TUNING = Tuning()
