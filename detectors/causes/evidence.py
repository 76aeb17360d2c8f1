"""Four kinds of evidence, each a number of points for every node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.causes.calls import explained
from detectors.causes.model import Evidence, Signal, Why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.causes.change import Changes
    from detectors.causes.model import Failing, Observed
    from detectors.series import BoolArray, FloatArray

FAR = 2.0
"""Spreads that count for nothing: with hundreds of metrics some always lie this far out."""
PRIOR_REQUESTS = 100.0
"""Requests just before the onset that weigh as much on the expected errors as the usual share."""
UNKNOWN_REQUESTS = 100.0
"""Requests per sample of every node when nobody counts any."""


@dataclass(frozen=True, slots=True)
class Case:
    """What all kinds of evidence look at."""

    observed: Observed
    changes: Changes
    failing: Failing
    nodes: Sequence[str]
    calls: BoolArray
    """Shape (N, N), row calls column."""

    def columns(self, signal: Signal) -> dict[str, list[int]]:
        """Columns of a signal that have samples on both sides, by node."""
        found: dict[str, list[int]] = {}
        for column, metric in enumerate(self.observed.metrics):
            if metric.signal is signal and np.isfinite(self.changes.spreads[column]):
                found.setdefault(metric.node, []).append(column)
        return found

    def requests(self, rows: FloatArray) -> FloatArray:
        """Requests per sample at each node, shape (T, N), by its busiest traffic metric; NaN without one.

        There are no negative requests.
        """
        of_node = np.full((len(rows), len(self.nodes)), np.nan)
        columns = self.columns(Signal.TRAFFIC)
        for position, node in enumerate(self.nodes):
            if node in columns:
                busiest = max(columns[node], key=lambda column: (self.changes.before[column], -column))
                of_node[:, position] = np.maximum(rows[:, busiest], 0.0)
        return of_node

    def weights(self, rows: FloatArray) -> FloatArray:
        """The same; nodes without a traffic metric are taken to be as busy as the median node."""
        of_node = self.requests(rows)
        typical = np.nanmedian(of_node) if np.isfinite(of_node).any() else UNKNOWN_REQUESTS
        return np.where(np.isfinite(of_node).any(axis=0), of_node, typical)


def points(spreads: float) -> float:
    """log(1 + spreads beyond FAR): ten times as far is one step more, not ten."""
    return float(np.log1p(max(0.0, spreads - FAR)))


def resources(case: Case) -> dict[str, Evidence]:
    """The resource of each node that rose most. Nobody else's fault raises it, so nothing is taken off."""
    found = {}
    for node, columns in case.columns(Signal.RESOURCE).items():
        column = max(columns, key=lambda column: (case.changes.spreads[column], case.observed.metrics[column].name))
        found[node] = _evidence(case, Why.RESOURCE, column, points(case.changes.spreads[column]))
    return found


def latency(case: Case) -> dict[str, Evidence]:
    """How much slower each node became than its callees account for.

    A view is what the node measures of itself or what its callers measure of it; of a view's metrics the median one
    counts, of the views the worse one (a slow network is seen by callers alone). Work is the latency beyond FAR spreads
    times requests. Points are damped by the square root of the node's own share of the largest own work: a few
    slow requests somewhere do not explain many.
    """
    busy = np.nan_to_num(_mean(case.weights(case.observed.after)))
    columns = case.columns(Signal.LATENCY)
    beyond = np.maximum(case.changes.after - case.changes.before - FAR * case.changes.spread, 0.0)
    work = np.zeros(len(case.nodes))
    telling: dict[str, int] = {}
    spreads: dict[str, float] = {}
    for position, node in enumerate(case.nodes):
        for view in _views(case, columns.get(node, [])):
            middle = sorted(view, key=lambda column: case.changes.spreads[column])[len(view) // 2]
            far = float(np.median(case.changes.spreads[view]))
            if far > spreads.get(node, -np.inf):
                telling[node], spreads[node] = middle, far
            work[position] = max(work[position], float(np.median(beyond[view])))
    work *= busy
    taken = explained(work, case.calls)
    damping = _damping(work * (1 - taken))
    return {
        node: _evidence(
            case, Why.LATENCY, telling[node], points(spreads[node]) * (1 - taken[at]) * damping[at], float(taken[at])
        )
        for at, node in enumerate(case.nodes)
        if node in telling
    }


def _views(case: Case, columns: list[int]) -> list[list[int]]:
    views = []
    for by_callers in (False, True):
        view = [column for column in columns if case.observed.metrics[column].by_callers is by_callers]
        same = [column for column in view if case.observed.metrics[column].name == case.failing.name]
        if view:
            views.append(same or view)
    return views


def errors(case: Case) -> dict[str, Evidence]:
    """How many more requests failed at each node than its callees account for.

    Expected errors are requests times the share that failed before, shrunk toward the usual share by PRIOR_REQUESTS;
    spreads are the excess over the standard deviation of a binomial count, one error added so that the first is no
    wonder.
    """
    after, before = case.weights(case.observed.after), case.weights(case.observed.before)
    usual = None if case.observed.usual is None else case.weights(case.observed.usual)
    extra = np.zeros(len(case.nodes))
    telling: dict[str, int] = {}
    spreads: dict[str, float] = {}
    columns = case.columns(Signal.ERRORS)
    for position, node in enumerate(case.nodes):
        for column in columns.get(node, []):
            failed, requests = _failed(case.observed.after[:, column], after[:, position])
            failed_before, requests_before = _failed(case.observed.before[:, column], before[:, position])
            if case.observed.usual is not None and usual is not None:
                failed_usual, requests_usual = _failed(case.observed.usual[:, column], usual[:, position])
                failed_before += PRIOR_REQUESTS * failed_usual / max(requests_usual, 1.0)
                requests_before += PRIOR_REQUESTS
            expected = min(failed_before / max(requests_before, 1.0), 1.0)
            excess = failed - requests * expected
            far = excess / np.sqrt(requests * expected * (1 - expected) + 1)
            if far > spreads.get(node, -np.inf):
                telling[node], spreads[node] = column, float(far)
                extra[position] = max(excess, 0.0) if far > 1 else 0.0
    taken = explained(extra, case.calls)
    damping = _damping(extra * (1 - taken))
    return {
        # Counts have the tails that their deviation says: one of them is enough to be taken off.
        node: _evidence(
            case,
            Why.ERRORS,
            telling[node],
            points(spreads[node] + FAR - 1) * (1 - taken[at]) * damping[at],
            float(taken[at]),
            spreads[node],
        )
        for at, node in enumerate(case.nodes)
        if node in telling
    }


def _failed(share: FloatArray, requests: FloatArray) -> tuple[float, float]:
    """Failed requests and all requests of samples, each shape (T,), that have a share."""
    count = np.where(np.isfinite(share), np.nan_to_num(requests), 0.0)
    return float(np.sum(count * np.clip(np.nan_to_num(share), 0.0, 1.0))), float(np.sum(count))


def lost(case: Case) -> dict[str, Evidence]:
    """Requests that a node still gets and no longer sends on: it fails before its call, or calls somebody else."""
    before, after = _mean(case.requests(case.observed.before)), _mean(case.requests(case.observed.after))
    columns = case.columns(Signal.TRAFFIC)
    found: dict[str, Evidence] = {}
    for caller, callee in zip(*np.nonzero(case.calls), strict=True):
        if not (before[caller] > 0 and before[callee] > 0 and after[caller] > 0 and after[callee] >= 0):
            continue
        kept = after[callee] / before[callee] * before[caller] / after[caller]
        column = columns[case.nodes[callee]][0]
        # Requests are counted: they wander by their square root at least.
        its = float((1 - kept) * before[callee] / max(case.changes.spread[column], before[callee] ** 0.5))
        node = case.nodes[caller]
        if node not in found or points(its) > found[node].points:
            found[node] = _evidence(case, Why.LOST, column, points(its), 0.0, its)
    return found


def _mean(rows: FloatArray) -> FloatArray:
    """Mean of every column of (T, N), shape (N,); NaN without samples."""
    count = np.sum(np.isfinite(rows), axis=0)
    mean: FloatArray = np.where(count > 0, np.nansum(rows, axis=0) / np.maximum(count, 1), np.nan)
    return mean


def _damping(own: FloatArray) -> FloatArray:
    """Square root of each node's share of the largest own work, shape (N,); 0 when nobody has any."""
    most = float(np.max(own, initial=0.0))
    damping: FloatArray = np.sqrt(own / most) if most > 0 else np.zeros(len(own))
    return damping


def _evidence(
    case: Case, why: Why, column: int, worth: float, taken: float = 0.0, spreads: float | None = None
) -> Evidence:
    changes = case.changes
    return Evidence(
        why,
        float(worth),
        case.observed.metrics[column].name,
        float(changes.before[column]),
        float(changes.after[column]),
        float(changes.spreads[column]) if spreads is None else spreads,
        taken,
    )
