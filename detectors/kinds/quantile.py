"""quantile-shift: a latency quantile that moved further than its buckets are wide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.histograms import count_above, quantile, value_at
from detectors.kinds.ratio import precision_of, traffic_coverage
from detectors.kinds.verdict import Test, conclude, margin, number
from detectors.model import Views
from detectors.tails import log_beta_binomial_upper
from detectors.windows import MINIMUM_COVERAGE, learn, season

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.kinds.verdict import Numbers
    from detectors.series import BoolArray, FloatArray, Judgement
    from detectors.windows import SignalData, Windows

_EDGE = 1.05
"""A true shift of nothing can move the estimate by exactly one bucket, when all values lie beside a bound."""


def quantile_shift(data: SignalData, params: Numbers, guards: Numbers, windows: Windows) -> Judgement:
    """Cumulative bucket rates, in the unit of their bounds (seconds).

    Conditions, for the quantile of the pooled bucket increases: value >= min_multiple * usual; value - usual >=
    min_increase_ms; a shift of more than min_bucket_steps buckets; and, as confirmation, the observations above the
    usual quantile are improbably many (beta-binomial upper tail <= p_value).
    """
    if data.buckets is None or data.bounds is None:
        raise ValueError("quantile-shift needs buckets")
    bounds, q = data.bounds, number(params, "quantile", 0.95)
    rates = np.moveaxis(data.buckets, 1, 2)
    instants = quantile(rates, bounds, q)
    increase = number(params, "min_increase_ms", 50) / 1000
    baseline = learn(instants.value, data, windows, floor=increase, sign=1)
    trained = ~np.isnan(baseline.training)
    training = np.moveaxis(windows.baseline_of(np.moveaxis(rates, 2, 1)), 1, 2) * windows.step
    pooled = np.einsum("stb,st->sb", np.where(trained[:, :, None], training, 0.0), trained.astype(np.float64))
    usual = quantile(pooled, bounds, q)

    judged, samples = _evaluations(rates, windows)
    now = quantile(judged, bounds, q)
    seen = season(data, windows, usual.value, lambda reference: _reference_quantiles(reference, windows, q))
    expected = np.fmax(usual.value, seen.expected)
    limit = np.maximum(number(params, "min_multiple", 1.5) * expected, expected + increase)
    steps = number(guards, "min_bucket_steps", 1) * _EDGE
    enough = _covered(data, windows) & (pooled[:, -1] >= number(guards, "min_observations_baseline", 200))
    enough &= judged[..., -1].min(axis=0) >= number(guards, "min_observations_eval", 100)

    def log_tail(evaluation: NDArray[np.intp], series: NDArray[np.intp]) -> FloatArray:
        place = usual.position[series]
        above = np.where(trained[series], count_above(training[series], place[:, None]), 0.0)
        requests = np.where(trained[series], training[series][..., -1], 0.0)
        share = (above.sum(axis=1) + 0.5) / (requests.sum(axis=1) + 1)
        precision = precision_of(above, requests, share)
        counted = judged[evaluation, series]
        a, b = share * precision, (1 - share) * precision
        return log_beta_binomial_upper(count_above(counted, place), counted[..., -1], a, b)

    top = np.fmax(limit[0], value_at(usual.position + steps, bounds))
    return conclude(
        data,
        windows,
        Test(
            values=instants.value,
            low=np.zeros((len(top), 1)),
            high=top[:, None],
            margins=(margin(now.value, limit), margin(now.position - usual.position, steps)),
            coverage=traffic_coverage(samples, judged[..., -1], enough, data.scraped(), windows),
            observed=now.value[0],
            history=_history(data, windows),
            views=Views.LOCAL + seen.views,
            alpha=number(params, "p_value", 1e-6),
            log_tail=log_tail,
            extra={
                "observations": judged[0, :, -1],
                "usual": usual.value,
                "resolution": np.fmax(usual.resolution, now.resolution[0]),
                "clamped": now.clamped[0].astype(np.float64),
            },
        ),
    )


def _evaluations(rates: FloatArray, windows: Windows) -> tuple[FloatArray, FloatArray]:
    """Bucket increases (H, S, B) and samples (H, S) of each evaluation."""
    sums, counts = windows.evaluation_sums(np.moveaxis(rates, 2, 1))
    return sums * windows.step, counts[..., -1]


def _history(data: SignalData, windows: Windows) -> FloatArray:
    assert data.buckets is not None
    present: FloatArray = np.sum(~np.isnan(windows.baseline_of(data.buckets[:, -1])), axis=1) / windows.baseline
    return present


def _covered(data: SignalData, windows: Windows) -> BoolArray:
    covered: BoolArray = _history(data, windows) >= MINIMUM_COVERAGE
    return covered


def _reference_quantiles(reference: SignalData, windows: Windows, q: float) -> tuple[FloatArray, FloatArray]:
    assert reference.buckets is not None
    assert reference.bounds is not None
    rates = np.moveaxis(reference.buckets, 1, 2)
    whole = np.where(np.isnan(rates), 0.0, rates).sum(axis=1)
    judged, samples = _evaluations(rates, windows)
    values = quantile(judged, reference.bounds, q).value
    return quantile(whole, reference.bounds, q).value, np.where(
        samples >= MINIMUM_COVERAGE * windows.evaluation, values, np.nan
    )
