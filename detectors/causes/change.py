"""How far each metric moved, in the metric's own direction and in spreads of its own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.causes.model import Signal
from detectors.statistics import median, robust_spread

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from detectors.causes.model import Observed
    from detectors.series import FloatArray

FLOOR = 0.05
"""Less than this share of the level, or of what the other nodes use of a resource, is no change."""
FROM_NOTHING = 0.01
"""A rise from nothing counts as one from this share of what it reached."""
UNKNOWN_SPREAD = 0.3
"""Share of the level that a metric wanders when neither it nor its like have a past."""
PRIOR_SAMPLES = 10.0
"""How many samples of its own weigh as much as the spread of the other metrics of its signal."""
FEW_SAMPLES = 5
"""Fewer do not count for the spread of others."""


@dataclass(frozen=True, slots=True)
class Changes:
    """All of shape (M,); NaN without samples on either side."""

    before: FloatArray
    after: FloatArray
    share: FloatArray
    """Usual spread as a share of the level."""
    spread: FloatArray
    """The same in the metric's unit, with floors; positive."""

    @property
    def spreads(self) -> FloatArray:
        """Signed: after - before in spreads."""
        return (self.after - self.before) / self.spread


def changes(observed: Observed) -> Changes:
    """Compare the medians of both sides.

    The spread is 1.4826 * MAD as a share of the level, shrunk toward the median of its signal's metrics by the number
    of samples (n and PRIOR_SAMPLES as weights of the variances): two samples before the onset know no spread.
    """
    before, after = median(observed.before.T), median(observed.after.T)
    share = _shrunk(observed)
    level = np.maximum(np.abs(before), FROM_NOTHING * np.abs(after))
    spread = np.fmax(np.maximum(share, FLOOR) * level, FLOOR * _used_elsewhere(observed, level))
    return Changes(before, after, share, np.where(spread > 0, spread, np.finfo(np.float64).tiny))


def _shrunk(observed: Observed) -> FloatArray:
    """Each metric's usual spread as a share of its level, shape (M,)."""
    past = (observed.before if observed.usual is None else observed.usual).T
    centre = median(past)
    # Two samples lie equally far from their median whatever their spread.
    count = np.maximum(np.sum(np.isfinite(past), axis=1) - 2.0, 0.0)
    with np.errstate(all="ignore"):
        variance = (robust_spread(past, centre) / np.abs(centre)) ** 2
    known = np.isfinite(variance)
    count = np.where(known, count, 0.0)
    prior = np.full(len(count), UNKNOWN_SPREAD**2)
    for members in _groups([metric.signal for metric in observed.metrics]):
        enough = members[count[members] >= FEW_SAMPLES]
        if len(enough):
            prior[members] = np.median(variance[enough])
    own = np.where(known, variance, 0.0)
    shrunk: FloatArray = np.sqrt((count * own + PRIOR_SAMPLES * prior) / (count + PRIOR_SAMPLES))
    return shrunk


def _used_elsewhere(observed: Observed, level: FloatArray) -> FloatArray:
    """The median level of all resource metrics of the same name, shape (M,); NaN for other signals.

    A latency has no such floor: a fast node that is called often matters, and its work is weighed by its requests.
    """
    typical = np.full(len(level), np.nan)
    keys = [metric.name if metric.signal is Signal.RESOURCE else None for metric in observed.metrics]
    for members in _groups(keys):
        if keys[members[0]] is not None:
            typical[members] = median(level[None, members])[0]
    return typical


def _groups(keys: Sequence[Hashable]) -> list[np.ndarray]:
    """Positions of equal keys."""
    groups = defaultdict(list)
    for position, key in enumerate(keys):
        groups[key].append(position)
    return [np.array(members) for members in groups.values()]
