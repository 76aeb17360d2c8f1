"""The single questions that discovery is made of, each with one small answer."""

from __future__ import annotations

import re
from statistics import median, median_high
from typing import TYPE_CHECKING, NamedTuple

from app.sources.prometheus.sharding import restricted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.sources.base import MetricsSource

LOOKBACK = 300.0
"""Seconds for which servers go on showing a series' last sample."""
DEFAULT_INTERVAL = 60.0
"""Seconds between samples where nothing tells."""

_COMMON_INTERVALS = (1, 5, 10, 15, 20, 30, 60, 120, 300)
_NAME = re.compile(r"\s*([A-Za-z_:][A-Za-z0-9_:]*)?")


class Target(NamedTuple):
    """One scrape job."""

    up: int
    total: int
    interval: float
    """Seconds between scrapes."""


def metric_name(selector: str) -> str:
    """The name that a selector begins with; empty when it has none."""
    found = _NAME.match(selector)
    return (found and found[1]) or ""


def by_job(source: MetricsSource, expression: str, at: float) -> dict[str, float]:
    """The values of an expression that is aggregated by job."""
    return by_label(source, "job", expression, at)


def by_label(source: MetricsSource, label: str, expression: str, at: float) -> dict[str, float]:
    """The values of an expression that is aggregated by one label."""
    block = source.instant(expression, at)
    values = zip(block.labels, block.values[:, 0].tolist(), strict=True)
    return {dict(labels).get(label, ""): value for labels, value in values if value == value}


def newest_sample(source: MetricsSource, at: float, match: str = "") -> float | None:
    """Unix seconds of the newest scrape not after `at`, looking back an hour; None when there was none."""
    stamps = f"timestamp({restricted('up', match)})"
    for expression in (f"max({stamps})", f"max(max_over_time({stamps}[1h:1m]))"):
        for newest in by_job(source, expression, at).values():
            return newest
    return None


def targets(source: MetricsSource, at: float, match: str = "") -> dict[str, Target]:
    """All scrape jobs with how many of their targets are up, and how often they are scraped."""
    up = restricted("up", match)
    total = by_job(source, f"count by (job) ({up})", at)
    alive = by_job(source, f"sum by (job) ({up})", at)
    intervals = _intervals(source, up, at)
    return {
        job: Target(int(alive.get(job, 0)), int(count), intervals.get(job, DEFAULT_INTERVAL))
        for job, count in total.items()
    }


def scraped(source: MetricsSource, at: float, match: str = "") -> float:
    """The series that all targets together have, by what each scrape brought; 0 where that is not told."""
    told = restricted("scrape_samples_post_metric_relabeling", match)
    return sum(by_job(source, f"sum({told})", at).values())


def usual_interval(jobs: Mapping[str, Target]) -> float:
    """The scrape interval of the median target."""
    intervals = [target.interval for target in jobs.values() for _ in range(min(target.total, 1000))]
    return median(intervals) if intervals else DEFAULT_INTERVAL


def own_interval(source: MetricsSource, selector: str, at: float) -> float:
    """The interval between a family's samples of the median job, where no scrape tells (pushed metrics)."""
    found = _intervals(source, selector, at).values()
    return median_high(found) if found else DEFAULT_INTERVAL


def has_samples(source: MetricsSource, selector: str, at: float) -> bool:
    """Whether there were series at an instant."""
    return bool(by_job(source, f"count({selector})", at))


def _intervals(source: MetricsSource, selector: str, at: float) -> dict[str, float]:
    """Seconds between samples by job: of the median series, for those that began lately have fewer."""
    spacing = f"quantile by (job) (0.5, {LOOKBACK:.0f} / count_over_time({selector}[{LOOKBACK:.0f}s]))"
    return {job: _common(seconds) for job, seconds in by_job(source, spacing, at).items()}


def _common(seconds: float) -> float:
    """The usual interval that a count over five minutes, which may hold one sample more, points to."""
    return float(next((usual for usual in _COMMON_INTERVALS if usual >= seconds * 0.99), LOOKBACK))
