"""Whom a source has stopped telling of although it told steadily, by the numbers that a cycle has measured anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detectors import assemble

if TYPE_CHECKING:
    from app.measuring import Measurement, Part
    from detectors.series import BoolArray, FloatArray

SILENT_SECONDS = 600.0
"""For how long there must be no sample; before, there must have been samples for as long."""
FRESH_SECONDS = 300.0
"""How old the newest sample may be of what is told of now."""
STEADY_SHARE = 0.5
"""Share of the instants between the first and the last sample that have one."""
THROUGHOUT_SHARE = 0.8
"""Share of that time's instants that have a sample of what is there all the time."""
LEAST_EVENTS = 100.0
"""How many requests were to be expected in that time: of less, none may have come."""
IDLE_SHARE = 0.25
"""What comes to rest before it disappears is idle: collectors drop series of which nothing comes."""
LAST = 3
"""Samples whose mean is the rate with which it disappeared."""


class Silences(NamedTuple):
    """By place among a measurement's entities."""

    last: FloatArray
    """Unix seconds of the newest sample, NaN without any."""
    fresh: BoolArray
    """Told of now."""
    silent: BoolArray
    """Told of steadily before, and for long no more."""
    rate: FloatArray
    """What it usually was of those that are silent, NaN for what counts nothing."""
    throughout: BoolArray
    """Told of all the time for which others have been silent."""


def silences(measurement: Measurement) -> Silences:
    """Who is told of, and who no more; all arrays of shape (S,)."""
    size = len(measurement.entities)
    found = Silences(
        np.full(size, np.nan),
        np.zeros(size, dtype=bool),
        np.zeros(size, dtype=bool),
        np.full(size, np.nan),
        np.zeros(size, dtype=bool),
    )
    for part in measurement.parts:
        for array, values in zip(found, _of_part(part, measurement.frame.grid.step), strict=True):
            array[part.entities] = values
    return found


def _of_part(part: Part, step: int) -> Silences:
    data = part.data if part.data.buckets is None else assemble.observations(part.data)
    values = data.level if data.total is None else data.total
    if values is None or not values.size:
        nothing = np.zeros(part.data.size, dtype=bool)
        return Silences(np.full(len(nothing), np.nan), nothing, nothing, np.full(len(nothing), np.nan), nothing)
    told = ~np.isnan(values)
    count = told.sum(axis=1)
    first = np.argmax(told, axis=1)
    newest = told.shape[1] - 1 - np.argmax(told[:, ::-1], axis=1)
    last = np.where(count > 0, data.times[newest], np.nan)
    age = data.times[-1] - last
    silent = (age >= SILENT_SECONDS) & (count * step >= SILENT_SECONDS) & (count >= STEADY_SHARE * (newest - first + 1))
    rate = np.full(len(values), np.nan)
    if data.total is not None and (rows := np.flatnonzero(silent)).size:
        values, before = values[rows], told[rows]
        late = before & (np.cumsum(before[:, ::-1], axis=1)[:, ::-1] <= LAST)
        rate[rows] = _mean(values, before)
        silent[rows] = (rate[rows] * SILENT_SECONDS >= LEAST_EVENTS) & (_mean(values, late) >= IDLE_SHARE * rate[rows])
    lately = told[:, -max(1, int(SILENT_SECONDS // step)) :].mean(axis=1)
    return Silences(last, age < FRESH_SECONDS, silent, rate, lately >= THROUGHOUT_SHARE)


def _mean(values: FloatArray, chosen: BoolArray) -> FloatArray:
    mean: FloatArray = np.where(chosen, values, 0.0).sum(axis=1) / np.maximum(chosen.sum(axis=1), 1)
    return mean
