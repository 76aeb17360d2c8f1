"""How often healthy series alarm: thousands of them, judged again and again as time goes on."""

import numpy as np
import pytest
from scipy import stats

from detectors.kinds import DETECTORS
from detectors.windows import SignalData, Windows
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


def test_replicas_that_come_and_go_with_the_load():
    """Autoscaling by the daily swing, and rollouts that double the pods for some minutes, without another day."""
    random = np.random.default_rng(15)
    series = 5000
    demand = 1 + 0.4 * np.sin(2 * np.pi * (np.arange(MINUTES) / 1440 + random.uniform(0, 1, (series, 1))))
    pods = np.ceil(random.uniform(1, 20, (series, 1)) * demand)
    rollout = random.integers(0, MINUTES, (series, 1)) <= np.arange(MINUTES)
    pods += pods * (rollout & ~np.roll(rollout, 5, axis=1))
    level = 1e6 * demand * pods.mean(axis=1)[:, None] * random.normal(1, 0.15, (series, MINUTES))
    guards = {"min_absolute_increase_bytes_per_second": 1e6}
    params = {"per_replica": True, "max_fraction": 0.2}
    alarms = 0
    for window in evaluations():
        data = SignalData(TIMES, level=level[:, window], members=pods[:, window])
        alarms += int((DETECTORS["level-shift"](data, params, guards, WINDOWS).score >= 1).sum())
    assert alarms <= 2


DAY = Windows(step=300, evaluation=1, baseline=288, hold=1)
HOURS = np.arange(DAY.points) / 12 - 24
FORECAST = {"min_ratio_for_forecast": 0.6, "horizon_warn_seconds": 345_600, "horizon_critical_seconds": 14_400}


def volumes(kind, random, series=10_000):
    """Shares of capacity over a day that stay below the warning, and are not going to fill it."""
    shape, column = (series, DAY.points), (series, 1)
    level = random.uniform(0.2, 0.8, column)
    match kind:
        case "still":
            return level + random.normal(0, 0.5, shape) * 10 ** random.uniform(-4, -2, column)
        case "wandering":
            return level + np.cumsum(random.normal(0, 1, shape) * 10 ** random.uniform(-4.5, -3, column), axis=1)
        case "saw-tooth":
            cycle = ((HOURS + 24) / random.uniform(1, 24, column) + random.uniform(0, 1, column)) % 1
            return level - random.uniform(0.02, 0.4, column) * (1 - cycle) + random.normal(0, 0.002, shape)
        case "slow":
            return level + random.uniform(0, 0.0012, column) * HOURS + random.normal(0, 0.002, shape)
        case _:
            phase = random.uniform(0, 1, column)
            return level + random.uniform(0, 0.05, column) * np.sin(2 * np.pi * (HOURS / 24 + phase))


@pytest.mark.parametrize("kind", ["still", "wandering", "saw-tooth", "slow", "daily"])
def test_volumes_that_do_not_fill(kind):
    share = np.clip(volumes(kind, np.random.default_rng(16)), 0, 0.849)
    data = SignalData(TIMES[0] + 300 * np.arange(DAY.points), level=share, per=np.full(share.shape, 1e10))
    score = DETECTORS["threshold-forecast"](data, FORECAST, {}, DAY).score
    assert np.isfinite(score).all()
    assert (score >= 1).sum() <= (20 if kind == "wandering" else 0)
