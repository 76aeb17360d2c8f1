"""The detector kinds that a row of the catalogue can name, by that name.

A detector judges all series of one signal at once: `detector(data, params, guards, windows) -> Judgement`.
"""

from __future__ import annotations

from dataclasses import fields
from functools import wraps
from typing import TYPE_CHECKING, Protocol

import numpy as np

from detectors.kinds.count import count_spike
from detectors.kinds.level import level_shift
from detectors.kinds.quantile import quantile_shift
from detectors.kinds.rate import rate_drop, rate_surge
from detectors.kinds.ratio import ratio_spike
from detectors.kinds.state import state_transition
from detectors.kinds.streaming import streamed
from detectors.kinds.threshold_forecast import threshold_forecast
from detectors.scoring.members import MEMBERS
from detectors.series import Judgement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from detectors.kinds.verdict import Numbers
    from detectors.series import FloatArray
    from detectors.windows import SignalData, Windows

BLOCK = 1024
"""Series judged together: enough to amortise numpy's overhead, few enough to stay in the processor's cache."""


class Detector(Protocol):
    """Judges every series of one signal."""

    def __call__(self, data: SignalData, params: Numbers, guards: Numbers, windows: Windows, /) -> Judgement:
        """Judge at the newest instant of `data`.

        Args:
            data: S series; which of its arrays are needed depends on the kind.
            params: the row's parameters.
            guards: the row's guards.
            windows: the lengths of baseline, evaluation and hold.

        Raises:
            ValueError: the arrays that this kind judges are not there.
        """
        ...


def in_blocks(detector: Detector) -> Detector:
    """The same detector, run over `BLOCK` series at a time."""

    @wraps(detector)
    def run(data: SignalData, params: Numbers, guards: Numbers, windows: Windows, /) -> Judgement:
        if data.size <= BLOCK:
            return detector(data, params, guards, windows)
        starts = range(0, data.size, BLOCK)
        return _joined([detector(data.rows(slice(s, s + BLOCK)), params, guards, windows) for s in starts])

    return run


def _joined(parts: Sequence[Judgement]) -> Judgement:
    """One judgement of all series; the parts have the same times and the same extra numbers."""
    apart = ("times", "views", "severity", "coverage", "extra")
    names = [field.name for field in fields(Judgement) if field.name not in apart]
    arrays = {name: _stacked([getattr(part, name) for part in parts]) for name in names}
    return Judgement(
        times=parts[0].times,
        views=np.concatenate([part.views for part in parts]),
        severity=np.concatenate([part.severity for part in parts]),
        coverage=tuple(coverage for part in parts for coverage in part.coverage),
        extra={name: np.concatenate([part.extra[name] for part in parts]) for name in parts[0].extra},
        **arrays,
    )


def _stacked(parts: Sequence[FloatArray]) -> FloatArray:
    """Rows below each other; an edge that is the same at every instant stays one column in memory."""
    if all(part.ndim == 2 and part.strides[1] == 0 for part in parts):
        column = np.concatenate([part[:, :1] for part in parts])
        return np.broadcast_to(column, (len(column), parts[0].shape[1]))
    return np.concatenate(parts)


DETECTORS: Mapping[str, Detector] = {
    "ratio-spike": in_blocks(ratio_spike),
    "rate-drop": in_blocks(rate_drop),
    "rate-surge": in_blocks(rate_surge),
    "quantile-shift": in_blocks(quantile_shift),
    "count-spike": in_blocks(count_spike),
    "level-shift": in_blocks(level_shift),
    "state-transition": in_blocks(state_transition),
    "threshold-forecast": in_blocks(threshold_forecast),
    **{name: in_blocks(streamed) for name in MEMBERS},
}
