"""state-transition: something has been in a bad state for longer than it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from detectors.kinds.verdict import LIVE, NO_DATA, Test, conclude, margin, number
from detectors.model import Views
from detectors.windows import trailing_run

if TYPE_CHECKING:
    from detectors.kinds.verdict import Numbers
    from detectors.series import Judgement
    from detectors.windows import SignalData, Windows

_HOLDS = ("hold_seconds", "min_duration_seconds")
_LEAST = ("min_affected_containers", "min_pods", "min_kills")


def state_transition(data: SignalData, params: Numbers, guards: Numbers, windows: Windows) -> Judgement:
    """A level that is positive while the state is bad: 1, or how many objects are in it.

    Conditions: the level has been at least 1 (or the row's least number) without a break for hold_seconds. No
    statistics: the state is the anomaly. A state series that vanished while its exporter is scraped is over; what
    vanished with its exporter is no data. States that blink, as a container's waiting reason does between two crashes,
    are asked as a maximum over the window. Where there are only events that announce the state (`total`), each of them
    keeps it for one evaluation.
    """
    level = windows.counts_at(data.rate()) if data.level is None else data.level
    level = np.where(np.isnan(level) & (data.scraped() == 1)[:, None], 0.0, level)
    hold = max([number(numbers, name, 0) for name in _HOLDS for numbers in (params, guards)] + [windows.step])
    least = next((number(guards, name, 1) for name in _LEAST if name in guards), 1.0)
    missing = np.isnan(level)
    bad = ~missing & (level >= least)
    run = trailing_run(bad, missing)
    first = np.where(run.any(axis=1), np.argmax(run, axis=1), level.shape[1])
    # A state seen at n instants has lasted at least n - 1 steps; half a step more is the best guess.
    lasted = np.maximum(level.shape[1] - first - 0.5, 0.0) * windows.step
    newest = np.where(
        run.any(axis=1), np.nanmax(np.where(missing, -np.inf, level)[:, -windows.evaluation :], axis=1), 0.0
    )
    unseen = missing[:, -windows.evaluation :].all(axis=1)
    gap = np.where(missing, 0, np.arange(1, level.shape[1] + 1)).max(axis=1)
    now = np.where(gap > 0, level[np.arange(len(level)), np.maximum(gap - 1, 0)], np.nan)
    return conclude(
        data,
        windows,
        Test(
            values=level,
            low=np.zeros((len(level), 1)),
            high=np.full((len(level), 1), least - 0.5),
            margins=(margin(lasted, hold)[None], margin(newest, least)[None]),
            coverage=np.where(unseen, NO_DATA, LIVE).astype(np.int8),
            observed=now,
            history=np.ones(len(level)),
            views=np.full(len(level), float(Views.STATE)),
            extra={"seconds": lasted},
        ),
    )
