"""A share of few trials with the interval that its number of trials allows."""

from __future__ import annotations

import math

import msgspec

LEVEL = 0.95
"""Of intervals."""


class Share(msgspec.Struct, frozen=True):
    """So many successes of so many trials."""

    successes: int
    trials: int
    low: float
    """Lower end of the interval; NaN without trials."""
    high: float

    @property
    def value(self) -> float:
        """The share itself; NaN without trials."""
        return self.successes / self.trials if self.trials else math.nan


def wilson(successes: int, trials: int, level: float = LEVEL) -> Share:
    """A share with its score interval.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). It has the level it
    claims on average also for few trials and for shares near 0 and 1, where the textbook's interval is empty.

    Args:
        successes: 0 to `trials`.
        trials: 0 or more; no trials say nothing: NaN.
        level: of the two-sided interval.
    """
    # Takes long to import, for who only reads a share.
    from statistics import NormalDist

    if not trials:
        return Share(0, 0, math.nan, math.nan)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, squared = successes / trials, z * z
    middle = (share + squared / (2 * trials)) / (1 + squared / trials)
    reach = z / (1 + squared / trials) * math.sqrt(share * (1 - share) / trials + squared / (4 * trials * trials))
    # At both ends the formula gives 0 and 1 but for rounding.
    low = 0.0 if successes == 0 else middle - reach
    high = 1.0 if successes == trials else middle + reach
    return Share(successes, trials, low, high)
