"""z-score, ema, seasonal, holt-winters, isolation-forest, ensemble: what streaming detectors say, as a judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.kinds.verdict import LEARNING, LIVE, NO_DATA, Test, conclude, margin, number
from detectors.statistics import divide

if TYPE_CHECKING:
    from detectors.kinds.verdict import Numbers
    from detectors.series import FloatArray, Judgement
    from detectors.windows import SignalData, Windows


def streamed(data: SignalData, params: Numbers, guards: Numbers, windows: Windows) -> Judgement:
    """The newest samples by a detector that has followed the series (`detectors.scoring.members`).

    Conditions, for each of the last `hold` samples: its score >= threshold, in the direction of the newest; and for the
    newest its floor on the level (min_level) and on its distance from what was expected (min_increase).

    The band is where the score would stay below the threshold if it grew with the distance, as those of all but
    isolation-forest nearly do, which has none.
    """
    values, followed = data.rate(), data.followed()
    threshold = number(params, "threshold", 1)
    observed = _newest(values, windows.evaluation)
    side = np.sign(followed.score[0])
    scores = np.nan_to_num(np.maximum(side * followed.score, 0.0))[: windows.hold]
    distance = np.abs(observed - followed.expected)
    reach = divide(distance * threshold, scores[0])
    conditions = [margin(scores, threshold)]
    if least := number(guards, "min_level", 0):
        conditions.append(margin(observed[None], least))
    if least := number(guards, "min_increase", 0):
        conditions.append(margin(np.where(np.isnan(followed.expected), np.inf, distance)[None], least))
    return conclude(
        data,
        windows,
        Test(
            values=values,
            low=(followed.expected - reach)[:, None],
            high=(followed.expected + reach)[:, None],
            margins=tuple(conditions),
            coverage=np.select([np.isnan(observed), ~followed.known], [NO_DATA, LEARNING], LIVE).astype(np.int8),
            observed=observed,
            history=np.ones(len(values)),
            views=followed.views,
            extra={"usual": followed.expected},
        ),
    )


def _newest(values: FloatArray, reach: int) -> FloatArray:
    """The newest of the last samples of every row of (S, T), shape (S,); NaN where all are missing."""
    recent = values[:, -reach:]
    last = recent.shape[1] - 1 - np.argmax(~np.isnan(recent[:, ::-1]), axis=1)
    found: FloatArray = np.take_along_axis(recent, last[:, None], axis=1)[:, 0]
    return found
