"""rate-drop and rate-surge: traffic far below or above both the last half hour and the same time of day."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt
from typing import TYPE_CHECKING

import numpy as np

from detectors.kinds.ratio import traffic_coverage
from detectors.kinds.verdict import LIVE, LOCAL_ONLY, NO_DATA, Test, conclude, margin, number
from detectors.model import Views
from detectors.statistics import divide, mean_and_variance, median
from detectors.tails import log_negative_binomial_lower, log_negative_binomial_upper
from detectors.windows import MINIMUM_COVERAGE, Season, learn, moving_means, season

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.kinds.verdict import Numbers
    from detectors.series import BoolArray, FloatArray, Judgement
    from detectors.windows import SignalData, Windows


def rate_drop(data: SignalData, params: Numbers, guards: Numbers, windows: Windows) -> Judgement:
    """Requests per second against the usual: that of the baseline or, with a profile of the day, of the forecast.

    Conditions: count <= max_fraction * min(local, seasonal expectation), and the negative-binomial lower tail
    P(X <= count) <= p_value. A series that vanished while its target is scraped counts as zero; one that vanished with
    its target is no data.
    """
    traffic = _Traffic.of(data, windows, sign=-1)
    expected = np.fmin(traffic.usual, traffic.season.expected)
    limit = number(params, "max_fraction", 0.5) * expected
    volume = traffic.usual * windows.evaluation * windows.step
    enough = traffic.enough & (volume >= number(guards, "min_requests_baseline_per_eval", 200))
    enough &= traffic.usual >= number(guards, "min_requests_per_second", 0.5)
    # A count of zero is as good as one half: the margin stays finite and grows with the expectation.
    margins = (margin(limit * traffic.exposure, np.maximum(traffic.count, 0.5)),)

    def log_tail(evaluation: NDArray[np.intp], series: NDArray[np.intp]) -> FloatArray:
        pair = evaluation, series
        mu = expected[pair] * traffic.exposure[pair]
        return log_negative_binomial_lower(traffic.count[pair], mu, traffic.dispersion(series))

    low = limit[0] / traffic.strictness
    alpha = number(params, "p_value", 1e-6)
    high = np.full((len(low), 1), np.inf)
    return traffic.conclude(data, margins, enough, low=low[:, None], high=high, alpha=alpha, log_tail=log_tail)


def rate_surge(data: SignalData, params: Numbers, guards: Numbers, windows: Windows) -> Judgement:
    """Requests per second against the usual, as `rate_drop`.

    Conditions: count >= min_multiple * max(local, seasonal expectation); an increase of at least
    min_absolute_increase_per_second; count >= min_requests_eval; and the negative-binomial upper tail P(X >= count)
    at most that of a normal deviate of z_min.
    """
    traffic = _Traffic.of(data, windows, sign=1)
    expected = np.fmax(traffic.usual, traffic.season.expected)
    limit = number(params, "min_multiple", 2) * expected
    least = number(guards, "min_absolute_increase_per_second", 1)
    rate = divide(traffic.count, traffic.exposure)
    margins = (
        margin(rate, limit),
        margin(rate - expected, least),
        margin(traffic.count, number(guards, "min_requests_eval", 300)),
    )

    def log_tail(evaluation: NDArray[np.intp], series: NDArray[np.intp]) -> FloatArray:
        pair = evaluation, series
        mu = np.maximum(expected[pair] * traffic.exposure[pair], 0.5)
        return log_negative_binomial_upper(traffic.count[pair], mu, traffic.dispersion(series))

    alpha = erfc(number(params, "z_min", 4) / sqrt(2)) / 2
    high = traffic.strictness * np.maximum(limit[0], expected[0] + least)
    low = np.zeros((len(high), 1))
    return traffic.conclude(data, margins, traffic.enough, low=low, high=high[:, None], alpha=alpha, log_tail=log_tail)


@dataclass(frozen=True, slots=True)
class _Traffic:
    """A rate's baseline and evaluations, whichever side is abnormal."""

    windows: Windows
    rate: FloatArray
    training: FloatArray
    usual: FloatArray
    """Shape (S,): per second: the median over every stretch of the baseline as long as the evaluation, or the forecast
    where that is known and less moved."""
    enough: BoolArray
    history: FloatArray
    count: FloatArray
    """Shape (H, S): requests seen."""
    exposure: FloatArray
    """Shape (H, S): seconds in which they could be seen."""
    season: Season

    @classmethod
    def of(cls, data: SignalData, windows: Windows, sign: int) -> _Traffic:
        rate = vanished_is_zero(data.rate(), data.scraped())
        baseline = learn(rate, data, windows, floor=0.0, sign=sign)
        followed = data.followed()
        by_window = median(moving_means(baseline.training, windows.evaluation))
        usual = np.maximum(followed.usual(by_window, sign), 0.0)
        sums, samples = windows.evaluation_sums(rate)
        seen = season(data, windows, usual, lambda reference: _reference_rates(reference, windows))
        return cls(
            windows=windows,
            rate=rate,
            training=baseline.training,
            usual=usual,
            enough=(baseline.enough | followed.known) & np.isfinite(usual),
            history=np.where(followed.known, 1.0, baseline.coverage),
            count=sums * windows.step,
            exposure=samples * windows.step,
            season=seen,
        )

    @property
    def strictness(self) -> FloatArray:
        return np.where(self.season.views > 0, 1.0, LOCAL_ONLY)

    def dispersion(self, series: NDArray[np.intp]) -> FloatArray:
        return dispersion(self.training[series], self.windows)

    def conclude(
        self,
        data: SignalData,
        margins: tuple[FloatArray, ...],
        enough: BoolArray,
        *,
        low: FloatArray,
        high: FloatArray,
        alpha: float,
        log_tail: object,
    ) -> Judgement:
        observed = divide(self.count, self.exposure)
        samples = self.exposure / self.windows.step
        coverage = traffic_coverage(samples, self.count, enough, data.scraped(), self.windows)
        # Silence where there usually is traffic is what a drop is about.
        silent = (
            enough & (self.count.max(axis=0) == 0) & (samples.min(axis=0) >= MINIMUM_COVERAGE * self.windows.evaluation)
        )
        coverage[silent] = LIVE
        coverage[np.isnan(observed).all(axis=0)] = NO_DATA
        test = Test(
            values=self.rate,
            low=low,
            high=high,
            margins=margins,
            coverage=coverage,
            observed=observed[0],
            history=self.history,
            views=Views.LOCAL + self.season.views,
            alpha=alpha,
            log_tail=log_tail,  # type: ignore[arg-type]
            strictness=self.strictness,
            extra={"requests": self.count[0], "usual": self.usual, "seasonal": self.season.expected[0]},
        )
        return conclude(data, self.windows, test)


def vanished_is_zero(rate: FloatArray, up: FloatArray) -> FloatArray:
    """Zero for the samples missing at a row's end where its target is scraped (`up` is 1).

    Gaps inside the series stay unknown: the scrape failed, not the traffic.
    """
    rows = np.flatnonzero(np.isnan(rate[:, -1]) & (up == 1))
    if not len(rows):
        return rate
    missing = np.isnan(rate[rows])
    ended = np.logical_and.accumulate(missing[:, ::-1], axis=1)[:, ::-1] & ~missing.all(axis=1, keepdims=True)
    filled = rate.copy()
    filled[rows] = np.where(ended, 0.0, rate[rows])
    return filled


def dispersion(training: FloatArray, windows: Windows) -> FloatArray:
    """Variance over mean of a window's count, at least 1 (Poisson); shape (S,).

    Traffic varies more than Poisson's law lets it, and more so over minutes than between them: the larger of the
    ratios over single instants and over stretches as long as the evaluation counts. Neighbouring stretches share
    samples, hence the correction by the number of separate ones. The expectation itself is an estimate, which adds
    the share evaluation / baseline.
    """
    mean, variance = mean_and_variance(training)
    single = windows.step * divide(variance, mean)
    mean, variance = mean_and_variance(moving_means(training, windows.evaluation))
    separate = max(2.0, windows.baseline / windows.evaluation)
    stretch = windows.step * windows.evaluation * divide(variance, mean) * separate / (separate - 1)
    ratio = np.fmax(np.fmax(single, stretch), 1.0)
    return ratio * (1 + windows.evaluation / windows.baseline)


def _reference_rates(reference: SignalData, windows: Windows) -> tuple[FloatArray, FloatArray]:
    rate = reference.rate()
    base = windows.baseline_of(rate)
    covered = np.sum(~np.isnan(base), axis=1) >= MINIMUM_COVERAGE * windows.baseline
    return np.where(covered, median(base), np.nan), windows.evaluation_means(rate)
