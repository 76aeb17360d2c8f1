"""ratio-spike: a share of failures far above the usual share, judged as counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.kinds.verdict import LEARNING, LIVE, NO_DATA, NO_TRAFFIC, Test, conclude, margin, number
from detectors.model import Views
from detectors.statistics import divide
from detectors.tails import log_beta_binomial_upper
from detectors.windows import MINIMUM_COVERAGE, learn, season

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.kinds.verdict import Numbers
    from detectors.series import BoolArray, FloatArray, Judgement
    from detectors.windows import SignalData, Windows


def ratio_spike(data: SignalData, params: Numbers, guards: Numbers, windows: Windows) -> Judgement:
    """Errors against requests, each as a rate per second.

    Conditions: share >= max(min_ratio, min_multiple * p0); errors >= min_errors_eval; and the beta-binomial upper tail
    P(X >= errors | requests, p0) <= p_value. p0 = (errors + 0.5) / (requests + 1) over the baseline, or the seasonal
    share where that is higher.
    """
    total, errors = _required(data)
    share = divide(errors, total)
    min_ratio = number(params, "min_ratio", 0.01)
    baseline = learn(share, data, windows, floor=min_ratio, sign=1)
    trained = ~np.isnan(baseline.training)
    requests = np.where(trained, windows.baseline_of(total), 0.0) * windows.step
    failures = np.where(trained, windows.baseline_of(errors), 0.0) * windows.step
    usual = (failures.sum(axis=1) + 0.5) / (requests.sum(axis=1) + 1)
    seen = season(data, windows, usual, lambda reference: _reference_shares(reference, windows))
    expected = np.fmax(usual, seen.expected)

    judged, samples = windows.evaluation_sums(total * windows.step)
    failed, _ = windows.evaluation_sums(errors * windows.step)
    observed = divide(failed, judged)
    limit = np.maximum(min_ratio, number(params, "min_multiple", 3) * expected)
    covered = windows.baseline_of(total)
    history = np.sum(~np.isnan(covered), axis=1) / windows.baseline
    enough = (history >= number(guards, "min_baseline_coverage", MINIMUM_COVERAGE)) & (
        requests.sum(axis=1) >= number(guards, "min_requests_baseline", 100)
    )
    enough &= judged.min(axis=0) >= number(guards, "min_requests_eval", 50)

    def log_tail(evaluation: NDArray[np.intp], series: NDArray[np.intp]) -> FloatArray:
        precision = precision_of(failures[series], requests[series], usual[series])
        p = np.clip(expected[evaluation, series], 1e-12, 0.5)
        return log_beta_binomial_upper(
            failed[evaluation, series], judged[evaluation, series], p * precision, (1 - p) * precision
        )

    return conclude(
        data,
        windows,
        Test(
            values=share,
            low=np.zeros((len(share), 1)),
            high=np.where(history > 0, limit[0], np.nan)[:, None],
            margins=(margin(observed, limit), margin(failed, number(guards, "min_errors_eval", 10))),
            coverage=traffic_coverage(samples, judged, enough, data.scraped(), windows),
            observed=observed[0],
            history=history,
            views=Views.LOCAL + seen.views,
            alpha=number(params, "p_value", 1e-6),
            log_tail=log_tail,
            extra={
                "requests": judged[0],
                "errors": failed[0],
                "baseline_requests": requests.sum(axis=1),
                "baseline_share": usual,
            },
        ),
    )


def precision_of(failures: FloatArray, requests: FloatArray, share: FloatArray) -> FloatArray:
    """The sum a + b of the Beta law from which a window's failure probability is drawn, shape (S,).

    Two things make it uncertain: the baseline's finite size (the posterior's precision is requests + 1), and that
    failures come in bursts. The latter's correlation rho is estimated by moments: Pearson's chi-squared per degree of
    freedom over the baseline's instants is 1 + (n - 1) * rho (Williams 1982). Both shares of variance add.

    Args:
        failures: shape (S, N), counts per instant; 0 where untrained.
        requests: shape (S, N).
        share: shape (S,).
    """
    p = np.clip(share, 1e-9, 1 - 1e-9)[:, None]
    used = requests > 0
    chi = np.divide((failures - requests * p) ** 2, requests * p * (1 - p), out=np.zeros_like(requests), where=used)
    instants = used.sum(axis=1)
    dispersion = chi.sum(axis=1) / np.maximum(instants - 1, 1)
    size = requests.sum(axis=1) / np.maximum(instants, 1)
    rho = np.clip((dispersion - 1) / np.maximum(size - 1, 1), 0.0, 0.5)
    precision: FloatArray = 1 / (1 / (requests.sum(axis=1) + 1) + rho / (1 - rho))
    return precision


def traffic_coverage(
    samples: FloatArray, judged: FloatArray, enough: BoolArray, up: FloatArray, windows: Windows
) -> NDArray[np.int8]:
    """Why a series that counts requests can or cannot be judged.

    Args:
        samples: shape (H, S): samples in each evaluation.
        judged: shape (H, S): requests in each evaluation.
        enough: shape (S,): guards on volume and history are met.
        up: shape (S,), see `SignalData.up`.
        windows: for the expected number of samples.
    """
    absent = samples.max(axis=0) == 0
    gappy = samples.min(axis=0) < MINIMUM_COVERAGE * windows.evaluation
    idle = ~gappy & (judged.max(axis=0) == 0)
    conditions = [absent & (up == 1), absent | gappy, idle, ~enough]
    return np.select(conditions, [NO_TRAFFIC, NO_DATA, NO_TRAFFIC, LEARNING], LIVE).astype(np.int8)


def _reference_shares(reference: SignalData, windows: Windows) -> tuple[FloatArray, FloatArray]:
    total, errors = _required(reference)
    requests, samples = windows.evaluation_sums(total)
    failed, _ = windows.evaluation_sums(errors)
    whole = np.where(np.isnan(total), 0.0, total).sum(axis=1)
    usual = divide(np.where(np.isnan(errors), 0.0, errors).sum(axis=1), whole)
    return usual, np.where(samples >= MINIMUM_COVERAGE * windows.evaluation, divide(failed, requests), np.nan)


def _required(data: SignalData) -> tuple[FloatArray, FloatArray]:
    if data.total is None or data.errors is None:
        raise ValueError("ratio-spike needs totals and errors")
    return data.total, data.errors
