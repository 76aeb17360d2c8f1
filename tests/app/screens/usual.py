"""How workloads are doing against what is usual, as lines and charts: of every state, one with a hostile name."""

from __future__ import annotations

import numpy as np

from app.baselines.shown import CELLS, HEADLINES, OUTSIDE, Baselines, Chart, Line, Reading
from detectors.model import Coverage
from detectors.series import Band
from tests.app.screens.night import HOSTILE, NOW
from widgets.levels import levels_of

POINTS = 36
UNITS = ("requests per second", "share of requests", "seconds", "share of periods", "bytes per second")
USUAL = (812.0, 0.002, 0.31, 0.08, 226_000.0)


def band(value: float, usual: float) -> Band:
    """Around the usual value for half an hour, then at this one."""
    values = usual * (1 + 0.05 * np.sin(np.arange(POINTS)))
    values[-5:] = value
    edges = np.full(POINTS, 0.8 * usual), np.full(POINTS, 1.2 * usual)
    return Band(np.arange(POINTS) * 60 + int(NOW) - 60 * POINTS, values, *edges)


def reading(place: int, times: float = 1.0, status: Coverage = Coverage.LIVE, score: float | None = None) -> Reading:
    """Of the headline at that place, so many times as large as usual."""
    signal, unit, usual = HEADLINES[place].rows[0], UNITS[place], USUAL[place]
    if status not in {Coverage.LIVE, Coverage.LEARNING}:
        return Reading(status, signal)
    shown = band(times * usual, usual)
    levels, outside = levels_of(shown.values, shown.low, shown.high, CELLS)
    known = abs(times - 1) * 5 if score is None else score
    score = known if status is Coverage.LIVE else float("nan")
    cells = (levels + OUTSIDE * outside).astype(np.uint8).tobytes()
    return Reading(status, signal, unit, times * usual, score, score >= 1 and times != 1, cells)


def line(number: int, title: str, *readings: Reading, environment: str = "prod", excluded: str = "") -> Line:
    """Those readings, then healthy ones."""
    namespace, _, name = title.partition("/")
    rest = (reading(place) for place in range(len(readings), len(HEADLINES)))
    return Line(number, "Deployment", namespace, name, environment, (*readings, *rest), excluded)


BLIND = tuple(reading(place, status=Coverage.NO_SOURCE) for place in range(3))
LINES = (
    line(1, "shop/checkout", reading(0), reading(1, 12.0), reading(2, 7.0)),
    line(2, "shop/cart", reading(0), reading(1, 3.0)),
    line(3, "shop/search", reading(0, 0.5)),
    line(4, "shop/payments", reading(0), reading(1), reading(2), reading(3, 1.0, score=1.3)),
    line(5, "infra/coredns", *BLIND, environment=""),
    line(6, "ml/ranker", *(reading(place, status=Coverage.LEARNING) for place in range(3)), environment="staging"),
    line(7, "shop/" + HOSTILE[:28]),
    line(8, "shop/returns", *(reading(place, status=Coverage.NO_TRAFFIC) for place in range(3))),
    line(9, "shop/web"),
    line(10, "jobs/nightly-etl", *(reading(place, status=Coverage.FORBIDDEN) for place in range(5))),
    line(11, "jobs/reports", *(reading(place, status=Coverage.NO_DATA) for place in range(5))),
    line(12, "ml/old", *(reading(place, status=Coverage.DISABLED) for place in range(5)),
         excluded="switched off by scope.exclude_services = ml/old (config.toml:7)"),
)  # fmt: skip
"""In the order of `app.baselines.lines.baselines`."""
BASELINES = Baselines(LINES)


def charts(workload: int) -> tuple[Chart, ...]:
    """Those of its headlines that have values."""
    found = next((each for each in LINES if each.number == workload), None)
    return tuple(
        Chart(headline.id, each, 0.8 * usual, 1.2 * usual, band(each.value, usual).to_bytes(),
              f'sum(rate({headline.id}_total{{namespace="{found.namespace}"}}[2m]))')
        for headline, each, usual in zip(HEADLINES, found.readings if found else (), USUAL, strict=False)
        if each.levels
    )  # fmt: skip
