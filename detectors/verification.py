"""Whether a new revision is worse than what it replaced: effect size and significance, with a floor of requests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detectors import histograms

if TYPE_CHECKING:
    from detectors.series import FloatArray

FLOOR = 100.0
"""Requests that either side has to have had."""
SIGNIFICANT = 0.01
"""Chance below which a difference is none of chance; one-sided, since only worse is asked for."""
WORSE_SHARE, WORSE_TIMES = 0.01, 2.0
"""Failing: so much more of all requests, and so many times as many."""
SLOWER_TIMES, SLOWER_SECONDS = 1.3, 0.02
"""Failing: so many times slower, and so many seconds more."""
NOTABLE = 0.05
"""Relative change that is worth a word, and no failure."""


class Comparison(NamedTuple):
    """One number of both sides."""

    before: float
    after: float
    p_value: float
    """Of a one-sided test that after is worse; NaN where none was made."""
    failed: bool
    enough: bool
    """Whether both sides have what a verdict needs."""

    @property
    def change(self) -> float:
        """Relative; NaN from nothing."""
        return self.after / self.before - 1 if self.before else math.nan

    @property
    def notable(self) -> bool:
        """Whether the change is worth a word."""
        return self.failed or abs(self.change) >= NOTABLE


def shares(failed_before: float, before: float, failed_after: float, after: float) -> Comparison:
    """Compare shares of failed requests by a one-sided z-test of two proportions with pooled variance.

    Args:
        failed_before: of `before` requests.
        before: requests of the old side.
        failed_after: of `after` requests.
        after: requests of the new side.
    """
    enough = min(before, after) >= FLOOR
    was, now = (failed / total if total else math.nan for failed, total in
                ((failed_before, before), (failed_after, after)))  # fmt: skip
    p_value = greater(failed_before, before, failed_after, after) if enough else math.nan
    worse = enough and now - was >= WORSE_SHARE and now >= WORSE_TIMES * was and p_value < SIGNIFICANT
    return Comparison(was, now, p_value, worse, enough)


def latencies(before: FloatArray, after: FloatArray, bounds: FloatArray, q: float) -> Comparison:
    """Compare a quantile, and test whether more requests than before lie above the bucket that held it.

    Args:
        before: shape (B,), cumulative counts of the old side.
        after: shape (B,), of the new side.
        bounds: shape (B,), seconds, the last one +Inf.
        q: in (0, 1).
    """
    enough = min(before[-1], after[-1]) >= FLOOR
    was, now = (float(histograms.quantile(side, bounds, q).value) for side in (before, after))
    p_value = math.nan
    if enough:
        bound = int(np.clip(np.searchsorted(before, q * before[-1]), 0, len(bounds) - 2))
        above = [side[-1] - side[bound] for side in (before, after)]
        p_value = greater(above[0], before[-1], above[1], after[-1])
    slower = enough and now >= SLOWER_TIMES * was and now - was >= SLOWER_SECONDS and p_value < SIGNIFICANT
    return Comparison(was, now, p_value, bool(slower), enough)


def levels(before: float, after: float) -> Comparison:
    """Compare what both sides use: told, and no reason to fail."""
    return Comparison(before, after, math.nan, False, math.isfinite(before) and math.isfinite(after))


def greater(hits_before: float, before: float, hits_after: float, after: float) -> float:
    """The chance of so much larger a share on the second side if both were alike (pooled z-test); 1 without any."""
    pooled = (hits_before + hits_after) / (before + after)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / before + 1 / after)) if 0 < pooled < 1 else 0.0
    if not deviation:
        return 1.0
    return 0.5 * math.erfc((hits_after / after - hits_before / before) / deviation / math.sqrt(2))
