"""Whether something happens more or less often than before."""

from __future__ import annotations

import math


def rate_change(count: int, days: float, before: int, days_before: float) -> float:
    """How improbable two counts are if the rate did not change: the two-sided p-value, 1.0 where nothing can be said.

    Given their sum, the first count is binomial with the share of its time (Przyborowski and Wilenski, "Homogeneity
    of results in testing samples from Poisson series", Biometrika 31, 1940). Two-sided as the total probability of all
    counts that are no more probable.

    Args:
        count: of the recent time.
        days: how long that was watched.
        before: count of the time before.
        days_before: how long that was watched.
    """
    total = count + before
    if not total or days <= 0 or days_before <= 0:
        return 1.0
    share = days / (days + days_before)
    logs = [_log_binomial(k, total, share) for k in range(total + 1)]
    # Counts that are equally probable differ by rounding only.
    limit = logs[count] + 1e-7
    return min(1.0, math.fsum(math.exp(each) for each in logs if each <= limit))


def _log_binomial(k: int, n: int, share: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return ways + k * math.log(share) + (n - k) * math.log1p(-share)
