"""What every detector kind ends with: from margins to a judgement.

A kind states conditions that must all hold. Each becomes a *margin*: value / limit for what must be high, limit / value
for what must be low, log p / log alpha for a tail probability; 1.0 is where the condition begins to hold. The score is
the smallest margin, so it is 1.0 exactly where the last condition gives way, and it grows with every one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from detectors.model import Coverage, Views
from detectors.series import Judgement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from detectors.series import BoolArray, FloatArray, TimeArray
    from detectors.windows import SignalData, Windows

    Numbers = Mapping[str, float | bool]

HIGHEST = 100.0
"""Margins and scores end here: beyond it, more is not worse."""
LOCAL_ONLY = 1.25
"""Without a seasonal reference a limit is this much further away."""
_NEARLY = 0.75
"""Tail probabilities are computed where the other conditions hold at least to this extent."""

_CODES = (Coverage.LIVE, Coverage.LEARNING, Coverage.NO_TRAFFIC, Coverage.NO_DATA)
LIVE, LEARNING, NO_TRAFFIC, NO_DATA = range(len(_CODES))
_COVERAGES = np.array(_CODES, dtype=object)


@dataclass(frozen=True, slots=True)
class Test:
    """What a kind found out, before it is packed; S series, H = `hold` evaluations, newest first."""

    values: FloatArray
    """Shape (S, T), in the row's unit."""
    low: FloatArray
    """Lower edge of the band, broadcastable to (S, T)."""
    high: FloatArray
    margins: tuple[FloatArray, ...]
    """Each (H, S): the conditions that cost little to compute."""
    coverage: NDArray[np.int8]
    """Shape (S,): LIVE, LEARNING, NO_TRAFFIC or NO_DATA."""
    observed: FloatArray
    """Shape (S,)."""
    history: FloatArray
    """Shape (S,): share of the expected baseline samples that exist."""
    views: FloatArray
    """Shape (S,): `Views` flags as numbers."""
    alpha: float = 0.0
    """The largest tail probability that alarms; 0 for a kind without such a test."""
    log_tail: Callable[[NDArray[np.intp], NDArray[np.intp]], FloatArray] | None = None
    """Log p-values of chosen (evaluation, series) pairs."""
    strictness: FloatArray | float = 1.0
    """All margins are divided by it."""
    severity: NDArray[np.intp] | None = None
    """Shape (S,): steps away from the row's severity; None for none."""
    extra: Mapping[str, FloatArray] = field(default_factory=dict)


def margin(value: FloatArray, limit: FloatArray | float) -> FloatArray:
    """The quotient value / limit, in [0, HIGHEST]; a limit of zero holds for anything positive."""
    shape = np.broadcast_shapes(np.shape(value), np.shape(limit))
    zero = np.where(np.broadcast_to(value, shape) > 0, HIGHEST, 0.0)
    quotient = np.divide(value, limit, out=zero, where=np.broadcast_to(np.greater(limit, 0), shape))
    known = np.isfinite(value) & np.isfinite(limit)
    return np.where(known, np.clip(quotient, 0.0, HIGHEST), np.nan)


def conclude(data: SignalData, windows: Windows, test: Test) -> Judgement:
    """Score, date and pack a test's result."""
    margins = np.minimum.reduce([np.broadcast_to(each, test.margins[0].shape) for each in test.margins])
    margins = margins / test.strictness
    live = test.coverage == LIVE
    margins, p_value = _with_tails(test, margins, live)
    score = np.where(live, margins.min(axis=0), np.nan)
    low, high = (np.broadcast_to(edge, test.values.shape) for edge in (test.low, test.high))
    return Judgement(
        times=data.times,
        values=test.values,
        low=low,
        high=high,
        score=score,
        observed=test.observed,
        expected_low=low[:, -1],
        expected_high=high[:, -1],
        confidence=_confidence(score, test),
        onset=_onsets(data.times, test.values, low, high, score >= 1, windows),
        p_value=p_value,
        coverage=tuple(_COVERAGES[test.coverage].tolist()),
        views=test.views.astype(np.int8),
        severity=np.zeros(len(live), dtype=np.intp) if test.severity is None else test.severity,
        extra=test.extra,
    )


def _with_tails(test: Test, margins: FloatArray, live: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Add the tail's margin, and the p-value of the whole conjunction.

    A conjunction is refuted by its weakest part, so its p-value is the largest: 1 where a condition without a
    probability is far from holding. There the tail is not computed, and almost all series are there.
    """
    if test.log_tail is None:
        return margins, np.full(len(live), np.nan)
    near = live & (margins >= _NEARLY).all(axis=0)
    log_p = np.zeros_like(margins)
    evaluation, series = np.nonzero(np.broadcast_to(near, margins.shape))
    if len(series):
        log_p[evaluation, series] = test.log_tail(evaluation, series)
        by_tail = np.clip(log_p / np.log(test.alpha), 0.0, HIGHEST) / test.strictness
        margins = np.where(near, np.minimum(margins, by_tail), margins)
    return margins, np.where(live, np.exp(log_p.max(axis=0)), np.nan)


def _confidence(score: FloatArray, test: Test) -> FloatArray:
    """How sure: strength of the evidence, times completeness of the baseline, times breadth of the views.

    1 - 2 ** -score is one half at the threshold. A judgement that could ask no other day counts three quarters, one
    that asked both counts in full.
    """
    flags = test.views.astype(np.int8)
    seasons = ((flags & Views.DAY) > 0).astype(np.float64) + ((flags & Views.WEEK) > 0)
    breadth = np.where((flags & Views.STATE) > 0, 1.0, np.array([0.75, 0.9, 1.0])[seasons.astype(np.intp)])
    return (1 - np.exp2(-score)) * np.clip(test.history, 0.0, 1.0) * breadth


def _onsets(
    times: TimeArray, values: FloatArray, low: FloatArray, high: FloatArray, fired: BoolArray, windows: Windows
) -> FloatArray:
    """The first instant of the run out of band that reaches into the evaluation, (S,); NaN where nothing fired.

    Missing samples and a single sample in band do not end the run. Where no sample by itself is out of band, the
    evaluation's first instant it is.
    """
    onset = np.full(len(values), np.nan)
    rows = np.flatnonzero(fired)
    if not len(rows):
        return onset
    values, low, high = values[rows], low[rows], high[rows]
    missing = np.isnan(values)
    out = ~missing & ((values < low) | (values > high))
    first = np.full(len(rows), max(0, len(times) - windows.evaluation))
    found = np.zeros(len(rows), dtype=np.bool_)
    calm = np.zeros(len(rows))
    for instant in range(len(times) - 1, -1, -1):
        patience = np.where(found, 1, windows.evaluation + windows.hold)
        calm = np.where(out[:, instant], 0, calm + ~missing[:, instant])
        alive = calm <= patience
        here = out[:, instant] & alive
        first[here], found[here] = instant, True
        # What has ended stays ended.
        out[~alive] = False
    onset[rows] = times[first]
    return onset


def number(numbers: Numbers, name: str, default: float) -> float:
    """A parameter or guard by name."""
    return float(numbers.get(name, default))
