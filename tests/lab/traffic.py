"""How many requests each pod answered, how, and how fast: numpy only, one chunk of the time grid at a time.

Shapes: S streams, P pods, T instants, B bucket bounds. An instant stands for the interval that ends there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from tests.lab.history import TERMINATING
from tests.lab.shop import keyed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tests.lab.faults import Fault
    from tests.lab.history import History, Pod
    from tests.lab.samples import Floats, Times
    from tests.lab.shop import Route, Workload

STATUSES = (200, 404, 500, 503)
NOT_FOUND = 0.008
WAVES = ((1400.0, 2.1), (3100.0, 3.7), (660.0, 1.9), (5200.0, 5.3), (290.0, 0.7))
"""Periods (seconds) of the slow waves in traffic, and what spreads their phases."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Requests that share every label."""

    route: Route
    status: int
    source: str


@dataclass(frozen=True, slots=True)
class View:
    """What one observer (a pod, or an edge) saw of a workload's requests."""

    counts: NDArray[np.int64]
    """Shape (S, T)."""
    latency: Floats
    """Shape (T,): the median in seconds."""


def streams(workload: Workload) -> tuple[Stream, ...]:
    """Every kind of request that a workload can answer."""
    source = workload.callers[0] if workload.callers else ""
    return tuple(Stream(route, status, source) for route in workload.routes for status in STATUSES)


def flags(pod: Pod, times: Times, history: History) -> tuple[NDArray[np.bool_], Floats]:
    """Whether the pod serves, and when its container last started (NaN while none runs); both (T,)."""
    at = np.array([stage.at for stage in pod.stages])
    index = np.searchsorted(at, times, side="right") - 1
    running = np.array([stage.state == "running" and not stage.init for stage in pod.stages])
    ready = np.array([stage.ready for stage in pod.stages]) & running
    started = np.where(running, np.array([stage.started for stage in pod.stages]), np.nan)
    exists = (index >= 0) & (times < pod.deleted)
    for spell in history.silent(pod.node):
        ready_now = (times < spell.start) | (times >= spell.end)
        exists &= ready_now
    serving = exists & ready[index] & (times < pod.deleted - TERMINATING)
    return serving, np.where(exists, started[index], np.nan)


class Traffic:
    """The requests of the whole shop."""

    def __init__(self, history: History, faults: Sequence[Fault], seed: int) -> None:
        self.history = history
        self.faults = tuple(faults)
        self.seed = seed

    def demand(self, workload: Workload, times: Times) -> Floats:
        """Requests per second that clients want, shape (T,): daily shape, slow waves, faults; no sampling noise."""
        shop = self.history.shop
        phases = keyed(self.seed, "waves", workload.key).uniform(0, 2 * math.pi, len(WAVES))
        slow = sum(
            np.sin(2 * math.pi * times / period + phase) for (period, _), phase in zip(WAVES, phases, strict=True)
        )
        shape = 1.0 - shop.daily * np.cos(2 * math.pi * (times / 86400 - 3 / 24))
        rate = workload.rate * shape * (1.0 + shop.noise * math.sqrt(2 / len(WAVES)) * slow)
        for fault, active in self._active(workload, times, None):
            if fault.spec.rate:
                rate = np.where(active, rate * fault.amount, rate)
        return np.asarray(rate, dtype=np.float64)

    def error_share(self, workload: Workload, times: Times, pod: Pod | None = None) -> Floats:
        """Share of 500 that a pod (None: the whole workload outside rollouts) answers, shape (T,)."""
        share = np.full(len(times), workload.errors)
        for fault, active in self._active(workload, times, pod):
            if fault.spec.errors:
                share = np.where(active, np.maximum(share, fault.amount), share)
        return share

    def median(self, workload: Workload, times: Times, pod: Pod | None = None) -> Floats:
        """Median latency in seconds, shape (T,)."""
        phase = float(keyed(self.seed, "latency", workload.key).uniform(0, 2 * math.pi))
        level = workload.latency * (1.0 + 0.04 * np.sin(2 * math.pi * times / 1900 + phase))
        for fault, active in self._active(workload, times, pod):
            if fault.spec.latency:
                level = np.where(active, level * fault.amount, level)
        return np.asarray(level, dtype=np.float64)

    def _active(self, workload: Workload, times: Times, pod: Pod | None) -> Iterator[tuple[Fault, NDArray[np.bool_]]]:
        """What acts on a pod (None: on the workload as a whole), and when; a rollout's faults on its own pods only."""
        for fault in self.faults:
            mine = fault.target == workload.key
            if mine and (not fault.spec.rollout or (pod is not None and pod.fault == fault.id)):
                ready = min((stage.at for stage in pod.stages if stage.ready), default=math.inf) if pod else math.inf
                yield fault, (times > fault.start) & (times <= min(fault.end, ready + fault.spec.settles))

    def pods(self, workload: Workload, times: Times, step: float) -> list[tuple[Pod, View, Floats]]:
        """What each pod of a workload answered, and its container starts (T,); only pods that ran at all."""
        mine = [(pod, *flags(pod, times, self.history)) for pod in self._near(workload, times)]
        if not mine:
            return []
        serving = np.array([flag for _, flag, _ in mine], dtype=np.float64)
        weights = np.array([keyed(self.seed, "weight", pod.name).uniform(0.94, 1.06) for pod, _, _ in mine])
        share = serving * weights[:, None]
        share /= np.maximum(share.sum(axis=0), 1e-9)
        wanted = self._wanted(workload, times, step)
        seen = []
        for (pod, _, started), part in zip(mine, share, strict=True):
            rng = keyed(self.seed, "requests", pod.uid, int(times[0]))
            counts = self._answers(workload, wanted * part, self.error_share(workload, times, pod), 0.0, rng)
            seen.append((pod, View(counts, self.median(workload, times, pod)), started))
        return seen

    def edge(self, workload: Workload, observer: Pod, observers: int, times: Times, step: float) -> View:
        """What one of several ingress controllers saw of a workload: without endpoints, it answers 503 itself."""
        mine = [(pod, flags(pod, times, self.history)[0].astype(float)) for pod in self._near(workload, times)]
        total = np.sum([flag for _, flag in mine], axis=0) if mine else np.zeros(len(times))
        errors = self.error_share(workload, times)
        median = self.median(workload, times)
        if mine:
            weight = np.maximum(total, 1.0)
            errors = np.sum([flag * self.error_share(workload, times, pod) for pod, flag in mine], axis=0) / weight
            median = np.sum([flag * self.median(workload, times, pod) for pod, flag in mine], axis=0) / weight
        rng = keyed(self.seed, "edge", workload.key, observer.uid, int(times[0]))
        wanted = self._wanted(workload, times, step) / observers
        counts = self._answers(workload, wanted, np.where(total > 0, errors, 0.0), np.where(total > 0, 0.0, 1.0), rng)
        return View(counts, np.maximum(median, 0.001))

    def _near(self, workload: Workload, times: Times) -> list[Pod]:
        return [pod for pod in self.history.of(workload.key) if pod.created <= times[-1] and pod.deleted > times[0]]

    def _wanted(self, workload: Workload, times: Times, step: float) -> Floats:
        """Expected requests per interval, with the fast noise that all observers share."""
        rng = keyed(self.seed, "arrivals", workload.key, int(times[0]))
        shape = 1.0 / max(self.history.shop.noise, 1e-6) ** 2
        return self.demand(workload, times) * step * rng.gamma(shape, 1.0 / shape, len(times))

    @staticmethod
    def _answers(
        workload: Workload, wanted: Floats, errors: Floats, unavailable: Floats | float, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Poisson counts by stream, shape (S, T)."""
        served = (1.0 - errors) * (1.0 - np.asarray(unavailable))
        by_status = {
            200: served * (1.0 - NOT_FOUND),
            404: served * NOT_FOUND,
            500: errors,
            503: np.broadcast_to(unavailable, wanted.shape),
        }
        total = sum(route.share for route in workload.routes)
        means = [wanted * by_status[stream.status] * stream.route.share / total for stream in streams(workload)]
        return rng.poisson(np.array(means))


def bucketed(
    counts: NDArray[np.int64], median: Floats, spread: float, bounds: Floats, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Lognormal latencies of that many requests, shape (T, B + 1), not cumulative; the last is above all bounds."""
    below = ndtr((np.log(bounds)[None, :] - np.log(median)[:, None]) / spread)
    edges = np.concatenate([np.zeros((len(median), 1)), below, np.ones((len(median), 1))], axis=1)
    shares = np.diff(edges, axis=1)
    return rng.multinomial(counts, shares / shares.sum(axis=1, keepdims=True))
