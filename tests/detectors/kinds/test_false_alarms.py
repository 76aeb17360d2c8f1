"""How often healthy series alarm: thousands of them, judged again and again as time goes on."""

import numpy as np
import pytest
from scipy import stats

from detectors.kinds import DETECTORS
from detectors.windows import SignalData
from tests.detectors.synthetic import BOUNDS, TIMES, WINDOWS, T

MINUTES = 150
STRIDE = 6


def evaluations():
    return [slice(end - T, end) for end in range(T, MINUTES + 1, STRIDE)]


@pytest.mark.parametrize("kind", ["ratio-spike", "rate-drop", "rate-surge"])
def test_over_dispersed_traffic_with_bursty_errors(kind):
    """One in ten thousand evaluations at most, before the bound on false discoveries."""
    random = np.random.default_rng(11)
    series = 10_000
    mean = 10 ** random.uniform(0, 4.5, (series, 1))
    excess = 10 ** random.uniform(-2, 2, (series, 1))
    size = np.broadcast_to(mean / excess, (series, MINUTES))
    total = random.negative_binomial(size, 1 / (1 + excess))
    share = 10 ** random.uniform(-4, -1.5, (series, 1))
    precision = 10 ** random.uniform(2, 4, (series, 1))
    drawn = random.beta(np.broadcast_to(share * precision, total.shape), (1 - share) * precision)
    errors = random.binomial(total, drawn)
    alarms = judged = 0
    for window in evaluations():
        data = SignalData(TIMES, total=total[:, window] / 60, errors=errors[:, window] / 60)
        score = DETECTORS[kind](data, {}, {}, WINDOWS).score
        alarms += int((score >= 1).sum())
        judged += int(np.isfinite(score).sum())
    assert judged > 80_000
    assert alarms <= judged * 1e-4


@pytest.mark.parametrize(("quantile", "multiple", "increase"), [(0.5, 1.5, 20), (0.95, 1.6, 75), (0.99, 2.0, 100)])
def test_lognormal_latency_whose_median_wanders(quantile, multiple, increase):
    random = np.random.default_rng(12)
    series = 600
    counts = random.poisson(10 ** random.uniform(1, 4, (series, 1)), (series, MINUTES))
    median = 10 ** random.uniform(-2, 0, (series, 1)) * np.exp(random.normal(0, 0.15, (series, MINUTES)))
    below = stats.lognorm.cdf(BOUNDS, random.uniform(0.1, 1.2, (series, 1, 1)), scale=median[..., None])
    parts = random.multinomial(counts, np.diff(below, axis=-1, prepend=0))
    rates = np.moveaxis(parts.cumsum(axis=-1), 1, 2) / 60
    params = {"quantile": quantile, "min_multiple": multiple, "min_increase_ms": increase}
    alarms = 0
    for window in evaluations():
        data = SignalData(TIMES, buckets=rates[:, :, window], bounds=BOUNDS)
        alarms += int((DETECTORS["quantile-shift"](data, params, {}, WINDOWS).score >= 1).sum())
    assert alarms <= 1


def test_rare_events():
    random = np.random.default_rng(13)
    counts = random.poisson(10 ** random.uniform(-4, 0.5, (5000, 1)), (5000, MINUTES))
    alarms = judged = 0
    for window in evaluations():
        data = SignalData(TIMES, total=counts[:, window] / 60)
        score = DETECTORS["count-spike"](data, {}, {"min_restarts_eval": 3}, WINDOWS).score
        alarms += int((score >= 1).sum())
        judged += len(score)
    assert alarms <= judged * 1e-3


def test_noisy_levels():
    random = np.random.default_rng(14)
    noise = random.normal(0, 1, (5000, MINUTES)) * random.uniform(0.01, 0.4, (5000, 1))
    walk = np.cumsum(random.normal(0, 0.01, (5000, MINUTES)), axis=1)
    level = 100 * np.abs(1 + noise + walk)
    alarms = sum(
        int((DETECTORS["level-shift"](SignalData(TIMES, level=level[:, window]), {}, {}, WINDOWS).score >= 1).sum())
        for window in evaluations()
    )
    assert alarms <= 2
