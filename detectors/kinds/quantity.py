"""What number a kind judges at each instant: what profiles of the day and week are learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.histograms import quantile
from detectors.kinds.rate import vanished_is_zero
from detectors.kinds.verdict import number
from detectors.scoring.members import MEMBERS
from detectors.statistics import divide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from detectors.kinds.verdict import Numbers
    from detectors.series import FloatArray
    from detectors.windows import SignalData


def _rate(data: SignalData, params: Numbers, instants: int) -> FloatArray:
    del params
    return vanished_is_zero(data.rate(), data.scraped())[:, -instants:]


def _level(data: SignalData, params: Numbers, instants: int) -> FloatArray:
    del params
    return data.rate()[:, -instants:]


def _share(data: SignalData, params: Numbers, instants: int) -> FloatArray:
    del params
    if data.total is None or data.errors is None:
        raise ValueError("a share of errors needs totals and errors")
    return divide(data.errors[:, -instants:], data.total[:, -instants:])


def _quantile(data: SignalData, params: Numbers, instants: int) -> FloatArray:
    if data.buckets is None or data.bounds is None:
        raise ValueError("a quantile needs buckets")
    rates = np.moveaxis(data.buckets[..., -instants:], 1, 2)
    found: FloatArray = quantile(rates, data.bounds, number(params, "quantile", 0.95)).value
    return found


QUANTITIES: Mapping[str, Callable[[SignalData, Numbers, int], FloatArray]] = {
    "ratio-spike": _share,
    "rate-drop": _rate,
    "rate-surge": _rate,
    "quantile-shift": _quantile,
    "level-shift": _level,
    **dict.fromkeys(MEMBERS, _level),
}
"""Kind -> its quantity of every series at each of the newest so many instants (one at least), shape (S, N), in the
row's unit; of the kinds that follow series or ask for their season."""
