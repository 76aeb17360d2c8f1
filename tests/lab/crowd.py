"""Many workloads behind one mesh, as cheaply as samples can be written: what costs a server much."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tests.lab.cases import AT
from tests.lab.stories import HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from detectors.series import FloatArray

INTERVAL = 120
"""Seconds between samples."""
ONSET = AT - 480
"""Unix seconds from which on those that are ill are."""
TIMES = AT - np.arange(HISTORY, -INTERVAL, -INTERVAL)


@dataclass(frozen=True)
class Crowded:
    """One workload, as the proxy before it counts its requests."""

    namespace: str
    name: str
    rate: float = 20.0
    """Requests per second."""
    failing: bool = False
    """Every fifth request fails from the onset on."""
    slow: bool = False
    """Requests take a second instead of 50 ms from the onset on."""
    bounds: tuple[float, ...] = ()
    """Of its histogram, in milliseconds; without any it has none."""


def write_crowd(path: Path, crowd: Iterable[Crowded]) -> None:
    """OpenMetrics of everybody's counters, and of one scrape target."""
    everybody = tuple(crowd)
    with path.open("w") as out:
        out.writelines(f'up{{job="mesh",instance="mesh"}} 1 {at}\n' for at in TIMES.tolist())
        for metric, told in (("requests_total", _requests), ("request_duration_milliseconds_bucket", _buckets)):
            for each in everybody:
                head = f'istio_{metric}{{job="mesh",reporter="destination",request_protocol="http"'
                head += f',destination_workload_namespace="{each.namespace}",destination_workload="{each.name}"'
                out.writelines(f"{head},{line}" for line in told(each))
        out.write("# EOF\n")


def _requests(each: Crowded) -> Iterator[str]:
    for code, samples in _codes(each.rate, each.failing):
        for sample in samples:
            yield f'response_code="{code}"}} {sample}\n'


@lru_cache
def _codes(rate: float, failing: bool) -> tuple[tuple[str, tuple[str, ...]], ...]:
    total = np.arange(len(TIMES)) * rate * INTERVAL
    if not failing:
        return (("200", _samples(total)),)
    failed = np.cumsum(np.where(TIMES >= ONSET, 0.2, 0.002) * rate * INTERVAL)
    return ("200", _samples(total - failed)), ("503", _samples(failed))


def _buckets(each: Crowded) -> Iterator[str]:
    for bound in (*each.bounds, np.inf) if each.bounds else ():
        le = "+Inf" if np.isinf(bound) else f"{bound:.6g}"
        took = np.where((TIMES >= ONSET) & each.slow, 1000.0, 50.0)
        below = np.cumsum((took <= float(le)) * each.rate * INTERVAL)
        for sample in _samples(below):
            yield f'le="{le}"}} {sample}\n'


def _samples(values: FloatArray) -> tuple[str, ...]:
    return tuple(f"{value:.0f} {at}" for value, at in zip(values.tolist(), TIMES.tolist(), strict=True))
