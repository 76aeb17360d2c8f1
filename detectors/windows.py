"""What a detector is given, and where in it the baseline ends and the evaluation begins.

    |<------- baseline ------->|<-- hold - 1 -->|<- evaluation ->|
    times[0]                                                times[-1]

The evaluation window ends at each of the last `hold` instants in turn, always against the same baseline: a finding
must hold at all of them. So one call tells what a live run would have said after `hold` cycles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.statistics import Ordered, divide, robust_spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from detectors.model import Views
    from detectors.series import BoolArray, FloatArray, TimeArray

MINIMUM_COVERAGE = 0.6
"""Share of its expected samples that a window must have."""
_RUN_SPREADS = 3.0
"""How many robust spreads from the median a baseline sample adjoining the evaluation counts as already anomalous."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Lengths in points of the grid, `step` in seconds."""

    step: int = 60
    evaluation: int = 5
    baseline: int = 30
    hold: int = 2

    def __post_init__(self) -> None:
        if min(self.step, self.evaluation, self.baseline, self.hold) < 1:
            raise ValueError(f"window lengths must be at least 1: {self}")

    @property
    def points(self) -> int:
        """How many instants a detector needs."""
        return self.baseline + self.evaluation + self.hold - 1

    def baseline_of(self, values: FloatArray) -> FloatArray:
        """The baseline's part of (..., T), as a view; shorter where there is less data."""
        end = values.shape[-1] - (self.evaluation + self.hold - 1)
        return values[..., max(0, end - self.baseline) : max(0, end)]

    def evaluation_sums(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sum and number of samples of the last `hold` evaluation windows of (..., T): each (hold, ...), newest first.

        The sum over no sample is 0.
        """
        recent = values[..., max(0, values.shape[-1] - self.evaluation - self.hold + 1) :]
        present = ~np.isnan(recent)
        complete = bool(present.all())
        # In the same order of memory: sums depend on it in their last digit.
        filled = recent.copy(order="K") if complete else np.where(present, recent, 0.0)
        ends = [recent.shape[-1] - back for back in range(self.hold)]
        parts = [slice(max(0, end - self.evaluation), end) for end in ends]
        sums = np.stack([filled[..., part].sum(axis=-1) for part in parts])
        if complete:
            lengths = np.array([float(part.stop - part.start) for part in parts])
            return sums, np.ones_like(sums) * lengths.reshape(-1, *[1] * (sums.ndim - 1))
        return sums, np.stack([present[..., part].sum(axis=-1).astype(np.float64) for part in parts])

    def evaluation_means(self, values: FloatArray) -> FloatArray:
        """Mean of the last `hold` evaluation windows, (hold, ...); NaN where too few samples."""
        sums, counts = self.evaluation_sums(values)
        return np.where(counts >= MINIMUM_COVERAGE * self.evaluation, divide(sums, counts), np.nan)

    def counts_at(self, rate: FloatArray) -> FloatArray:
        """Whole occurrences in the evaluation that ends at each instant of (S, T); NaN where a sample is missing."""
        counts = np.cumsum(np.rint(np.nan_to_num(rate, nan=0.0) * self.step), axis=1)
        counts[:, self.evaluation :] -= counts[:, : -self.evaluation].copy()
        return np.where(np.isnan(rate), np.nan, counts)


@dataclass(frozen=True, slots=True)
class Scored:
    """What a streaming detector, which has followed the series for longer than the window, says of them."""

    score: FloatArray
    """Shape (H, S): of the last `hold` samples, newest first; above 0 where they are too high, below where too low,
    and 1 away from it at the threshold."""
    expected: FloatArray
    """Shape (S,): in the row's unit, for the newest instant; NaN where it has no value in mind."""
    known: BoolArray
    """Shape (S,): whether it knows enough of a series to be asked."""
    views: FloatArray
    """Shape (S,): the `Views` that it had data for, as numbers."""

    def usual(self, by_window: FloatArray, sign: int) -> FloatArray:
        """What was usual before now, shape (S,): the window's own or the forecast, whichever an anomaly has moved less.

        A window is full of what has lasted for half an hour; a forecast follows what has just begun. Whether it is the
        season that has moved both is for the profile to say.

        Args:
            by_window: shape (S,): what the window alone holds usual; NaN where it is too short.
            sign: +1 where high values are abnormal, -1 where low ones are.
        """
        less = np.fmin if sign > 0 else np.fmax
        return np.where(self.known, less(by_window, self.expected), by_window)

    def rows(self, rows: slice | NDArray[np.intp]) -> Scored:
        """The same of some series."""
        return Scored(self.score[:, rows], self.expected[rows], self.known[rows], self.views[rows])


_BY_ENTITY = ("total", "errors", "buckets", "level", "per", "members", "up")
"""The arrays of signal data that have a row for each entity."""


@dataclass(frozen=True, slots=True)
class SignalData:
    """One signal of S entities on one time grid; rates are per second, a count is rate x step.

    What is filled in depends on the signal: `total` (and `errors`), `buckets` with `bounds`, or `level`.
    """

    times: TimeArray
    """Shape (T,)."""
    total: FloatArray | None = None
    """Shape (S, T)."""
    errors: FloatArray | None = None
    """Shape (S, T)."""
    buckets: FloatArray | None = None
    """Shape (S, B, T): cumulative rates."""
    bounds: FloatArray | None = None
    """Shape (B,), ascending, ending with +Inf, in the row's unit."""
    level: FloatArray | None = None
    """Shape (S, T), in the row's unit."""
    per: FloatArray | None = None
    """Shape (S, T): what `level` is a share of, or occurrences happen among: periods, packets or segments per second,
    or a capacity."""
    members: FloatArray | None = None
    """Shape (S, T): how many pods or nodes the values are made of."""
    up: FloatArray | None = None
    """Shape (S,): 1 where the entity's targets are scraped, 0 where not, NaN where unknown."""
    references: tuple[tuple[Views, SignalData], ...] = ()
    """The same quantities of the same entities a day and a week earlier, on the same grid."""
    excluded: BoolArray | None = None
    """Shape (S, T): instants known to be anomalous, which must not train the baseline."""
    profiles: tuple[tuple[Views, FloatArray], ...] = ()
    """Shape (S, T) each, in the row's unit: what profiles of day and week hold usual at these times, or NaN."""
    scored: Scored | None = None
    """What the detector says that made those profiles."""

    @property
    def size(self) -> int:
        """S."""
        for values in (self.total, self.level, self.buckets):
            if values is not None:
                return len(values)
        raise ValueError("signal data without values")

    def rows(self, rows: slice | NDArray[np.intp]) -> SignalData:
        """The data of some entities: views of a slice, copies of chosen rows."""
        return replace(
            self.changed(lambda values: values[rows]),
            references=tuple((view, reference.rows(rows)) for view, reference in self.references),
            excluded=None if self.excluded is None else self.excluded[rows],
            profiles=tuple((view, usual[rows]) for view, usual in self.profiles),
            scored=None if self.scored is None else self.scored.rows(rows),
        )

    def changed(self, change: Callable[[FloatArray], FloatArray]) -> SignalData:
        """The same with another array in the place of each that has a row per entity; earlier days stay as they are."""
        arrays = {name: getattr(self, name) for name in _BY_ENTITY}
        changes: dict[str, Any] = {name: change(values) for name, values in arrays.items() if values is not None}
        return replace(self, **changes)

    def rate(self) -> FloatArray:
        """Events per second, shape (S, T): the totals, or a level that is a rate already.

        Raises:
            ValueError: there is neither.
        """
        rate = self.level if self.total is None else self.total
        if rate is None:
            raise ValueError("a rate needs totals or levels")
        return rate

    def followed(self) -> Scored:
        """What a streaming detector says; that it knows nothing where there is none."""
        if self.scored is not None:
            return self.scored
        unknown = np.full(self.size, np.nan)
        return Scored(unknown[None], unknown, np.zeros(self.size, dtype=np.bool_), np.zeros(self.size))

    def scraped(self) -> FloatArray:
        """`up` with unknown for what was not given, shape (S,)."""
        return np.full(self.size, np.nan) if self.up is None else self.up


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is normal for every series, as learned from the minutes before the evaluation."""

    training: FloatArray
    """Shape (S, N): the baseline's values, NaN where missing, excluded, or already out of band."""
    median: FloatArray
    spread: FloatArray
    """Robust, with its scale floors."""
    coverage: FloatArray
    """Share of the expected samples that exist, trained on or not."""

    @property
    def enough(self) -> BoolArray:
        """Whether a verdict may rest on it, shape (S,)."""
        trained = np.sum(~np.isnan(self.training), axis=-1)
        enough: BoolArray = (self.coverage >= MINIMUM_COVERAGE) & (trained >= self.training.shape[-1] / 3)
        return enough


def learn(values: FloatArray, data: SignalData, windows: Windows, *, floor: float, sign: int) -> Baseline:
    """Learn a baseline that no anomaly has trained.

    Left out are the instants that the engine knows to be anomalous (`data.excluded`) and the run of samples right
    before the evaluation that already are on the abnormal side, so that an incident some minutes old does not pass for
    normal. A burst in the middle of the baseline stays: it is how this series behaves.

    Args:
        values: shape (S, T).
        data: for its `excluded`.
        windows: for the baseline's place.
        floor: least spread.
        sign: +1 where high values are abnormal, -1 where low ones are.
    """
    window = windows.baseline_of(values)
    present = ~np.isnan(window)
    if data.excluded is not None:
        window = np.where(windows.baseline_of(data.excluded.astype(np.float64)) > 0, np.nan, window)
    median = Ordered.of(window).median()
    spread = np.maximum(robust_spread(window, median, share=0.05), floor)
    reach = (_RUN_SPREADS * spread)[:, None]
    # Most series are in band right before the evaluation: only the others can end in a run.
    rows = np.flatnonzero(~(np.abs(window[:, -2:] - median[:, None]) <= reach).all(axis=1))
    training = window.copy()
    out = sign * (window[rows] - median[rows, None]) > reach[rows]
    training[rows] = np.where(trailing_run(out, np.isnan(window[rows])), np.nan, window[rows])
    median[rows] = Ordered.of(training[rows]).median()
    spread[rows] = np.maximum(robust_spread(training[rows], median[rows], share=0.05), floor)
    return Baseline(training, median, spread, present.sum(axis=-1) / windows.baseline)


def trailing_run(out: BoolArray, missing: BoolArray) -> BoolArray:
    """The mask, from its first to its last sample, of the run of True in which each row of (S, N) ends.

    What is missing neither makes nor breaks a run, and a single False inside it does not either.
    """
    through = out | missing
    through[:, 1:] |= through[:, :-1]
    run = np.logical_and.accumulate(through[:, ::-1], axis=1)[:, ::-1]
    first = np.argmax(run & out, axis=1)
    begun = np.arange(out.shape[1]) >= first[:, None]
    trailing: BoolArray = run & begun & (run & out).any(axis=1, keepdims=True)
    return trailing


def moving_means(rows: FloatArray, length: int) -> FloatArray:
    """Means over every stretch of `length` points of (S, N): shape (S, N - length + 1), at least one column.

    NaN where fewer than `MINIMUM_COVERAGE` of a stretch are present.
    """
    length = max(1, min(length, rows.shape[-1]))
    present = ~np.isnan(rows)
    zero = np.zeros((len(rows), 1))
    sums = np.concatenate([zero, np.cumsum(np.where(present, rows, 0.0), axis=1)], axis=1)
    counts = np.concatenate([zero, np.cumsum(present, axis=1)], axis=1)
    sums, counts = sums[:, length:] - sums[:, :-length], counts[:, length:] - counts[:, :-length]
    return np.where(counts >= MINIMUM_COVERAGE * length, divide(np.maximum(sums, 0.0), counts), np.nan)


@dataclass(frozen=True, slots=True)
class Season:
    """What the same minutes of earlier days and weeks would lead one to expect."""

    expected: FloatArray
    """Shape (hold, S); NaN where there is no usable reference."""
    views: FloatArray
    """Shape (S,): the `Views` flags of the references that had data, as numbers."""


def season(
    data: SignalData,
    windows: Windows,
    local: FloatArray,
    quantity: Callable[[SignalData], tuple[FloatArray, FloatArray]],
) -> Season:
    """The seasonal expectation: the value of the evaluation's own minutes on an earlier day, or usually.

    Of several references, the one whose baseline resembles today's most speaks, so that Monday is compared with last
    Monday rather than with Sunday. A profile is one more: the usual day, the usual week.

    Args:
        data: for its references and profiles.
        windows: for the number of evaluations.
        local: shape (S,): today's baseline.
        quantity: gives a reference's own baseline (S,) and evaluations (hold, S), NaN without data.
    """
    expected = np.full((windows.hold, len(local)), np.nan)
    views = np.zeros(len(local), dtype=np.int64)
    nearest = np.full(len(local), np.inf)
    references = [(view, *quantity(reference)) for view, reference in data.references]
    references += [
        (view, Ordered.of(windows.baseline_of(usual)).median(), windows.evaluation_means(usual))
        for view, usual in data.profiles
    ]
    for view, base, evaluations in references:
        usable = np.isfinite(base) & np.isfinite(evaluations).all(axis=0)
        tiny = 1e-12 + 1e-3 * np.abs(local)
        distance = np.abs(np.log((np.abs(base) + tiny) / (np.abs(local) + tiny)))
        closer = usable & ~(distance >= nearest)
        expected[:, closer], nearest[closer] = evaluations[:, closer], distance[closer]
        views |= np.where(usable, int(view), 0)
    return Season(expected, views.astype(np.float64))
