"""count-spike: more occurrences of something rare than its baseline explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.kinds.rate import dispersion, vanished_is_zero
from detectors.kinds.state import state_transition
from detectors.kinds.verdict import LEARNING, LIVE, NO_DATA, Test, conclude, margin
from detectors.kinds.verdict import number as value_of
from detectors.model import Views
from detectors.tails import log_negative_binomial_upper
from detectors.windows import MINIMUM_COVERAGE, learn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.kinds.verdict import Numbers
    from detectors.series import FloatArray, Judgement
    from detectors.windows import SignalData, Windows

AFFECTED = ("min_affected_containers", "min_pods")
"""Guards of rows that count objects in a bad state."""
LEAST = (
    "min_restarts_eval",
    "min_failures_eval",
    "min_events_eval",
    "min_errors_eval",
    "min_kills",
    "min_affected_containers",
    "min_pods",
)
"""Guards that name the least count; a row has one of them."""


def count_spike(data: SignalData, params: Numbers, guards: Numbers, windows: Windows) -> Judgement:
    """Occurrences per second (`total`), or how many there are (`level`), whose increases then are the occurrences.

    Conditions: count >= the row's least count, and the upper tail P(X >= count) <= p_value, where X is Poisson with the
    baseline's rate (count + 0.5) / length, over-dispersed as the baseline is. After a quiet baseline the first
    occurrences are news whatever their number: the least count alone decides. Where it is known what they happen among
    (packets), they must be the row's least share of it.

    A level of affected objects is a state that lasts, not a number of occurrences: `state_transition` judges it.
    """
    if data.total is None and any(name in guards for name in AFFECTED):
        return state_transition(data, params, guards, windows)
    rate = vanished_is_zero(occurrences(data, windows), data.scraped())
    least = next((value_of(guards, name, 1) for name in LEAST if name in guards), 1.0)
    baseline = learn(rate, data, windows, floor=least / (windows.step * windows.evaluation), sign=1)
    trained = np.sum(~np.isnan(baseline.training), axis=1)
    before = np.where(np.isnan(baseline.training), 0.0, baseline.training).sum(axis=1) * windows.step
    rare = (before + 0.5) / np.maximum(trained, 1)
    sums, samples = windows.evaluation_sums(rate)
    # Extrapolated rates of whole occurrences are almost whole.
    count = np.rint(sums * windows.step)

    def log_tail(evaluation: NDArray[np.intp], series: NDArray[np.intp]) -> FloatArray:
        mu = rare[series] * samples[evaluation, series]
        spread = dispersion(baseline.training[series], windows)
        log_p = log_negative_binomial_upper(count[evaluation, series], mu, spread)
        return np.where(np.rint(before[series]) == 0, -np.inf, log_p)

    gappy = samples.min(axis=0) < MINIMUM_COVERAGE * windows.evaluation
    learning = ~baseline.enough
    per_window = rare * windows.evaluation
    among = number_among(data, windows) * value_of(guards, "min_error_share_of_packets", 0)
    return conclude(
        data,
        windows,
        Test(
            values=windows.counts_at(rate),
            low=np.zeros((len(rate), 1)),
            high=np.maximum(least - 1, 3 * per_window)[:, None],
            margins=(margin(count, least), margin(count, per_window), margin(count, among)),
            coverage=np.select([gappy, learning], [NO_DATA, LEARNING], LIVE).astype(np.int8),
            observed=count[0],
            history=baseline.coverage,
            views=np.full(len(rate), float(Views.LOCAL)),
            alpha=value_of(params, "p_value", 1e-3),
            log_tail=log_tail,
            extra={"count": count[0], "baseline_count": before, "usual": per_window},
        ),
    )


def number_among(data: SignalData, windows: Windows) -> FloatArray:
    """What the occurrences of each evaluation happened among (packets), shape (H, S); 0 where that is not told."""
    if data.per is None:
        return np.zeros((windows.hold, data.size))
    sums, _ = windows.evaluation_sums(data.per)
    return sums * windows.step


def occurrences(data: SignalData, windows: Windows) -> FloatArray:
    """Occurrences per second, (S, T): the totals, or the increases of a level; a level begins at its first sample."""
    if data.total is not None:
        return data.total
    level = data.rate()
    increase = np.maximum(np.diff(level, axis=1, prepend=level[:, :1]), 0.0)
    return increase / windows.step
