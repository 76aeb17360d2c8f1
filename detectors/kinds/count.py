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
    """Occurrences per second (`total`); for a gauge of affected objects (`level`) this is `state_transition`.

    Conditions: count >= the row's least count, and the upper tail P(X >= count) <= p_value, where X is Poisson with the
    baseline's rate (count + 0.5) / length, over-dispersed as the baseline is. A quiet baseline needs no samples of its
    own beyond the coverage guard: the first occurrences alarm at once.
    """
    if data.total is None:
        return state_transition(data, params, guards, windows)
    rate = vanished_is_zero(data.total, data.scraped())
    least = next((value_of(guards, name, 1) for name in LEAST if name in guards), 1.0)
    baseline = learn(rate, data, windows, floor=least / (windows.step * windows.evaluation), sign=1)
    trained = np.sum(~np.isnan(baseline.training), axis=1)
    before = np.where(np.isnan(baseline.training), 0.0, baseline.training).sum(axis=1) * windows.step
    rare = (before + 0.5) / np.maximum(trained, 1)
    sums, samples = windows.evaluation_sums(rate)
    count = sums * windows.step

    def log_tail(evaluation: NDArray[np.intp], series: NDArray[np.intp]) -> FloatArray:
        mu = rare[series] * samples[evaluation, series]
        return log_negative_binomial_upper(
            count[evaluation, series], mu, dispersion(baseline.training[series], windows)
        )

    gappy = samples.min(axis=0) < MINIMUM_COVERAGE * windows.evaluation
    learning = ~baseline.enough
    per_window = rare * windows.evaluation
    return conclude(
        data,
        windows,
        Test(
            values=rate * windows.step * windows.evaluation,
            low=np.zeros((len(rate), 1)),
            high=np.maximum(least - 1, 3 * per_window)[:, None],
            margins=(margin(count, least), margin(count, per_window)),
            coverage=np.select([gappy, learning], [NO_DATA, LEARNING], LIVE).astype(np.int8),
            observed=count[0],
            history=baseline.coverage,
            views=np.full(len(rate), float(Views.LOCAL)),
            alpha=value_of(params, "p_value", 1e-3),
            log_tail=log_tail,
            extra={"count": count[0], "baseline_count": before, "usual": per_window},
        ),
    )
