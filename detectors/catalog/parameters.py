"""What each detector can be told: names, ranges and defaults of parameters and guards.

A row states what differs; everything else is the default here. The defaults are the starting values of the coverage
matrix: 5 minutes judged against 30, two evaluations in a row.
"""

from __future__ import annotations

from typing import NamedTuple

from detectors.catalog.schema import DetectorKind


class Range(NamedTuple):
    """The values a number may have."""

    low: float
    high: float
    default: float | bool | None = None
    """None: only where a row states it."""


_SHARE = Range(0.0, 1.0)
_COUNT = Range(0, 1e9)
_AMOUNT = Range(0, 1e18)
_SECONDS = Range(0, 30 * 86400)
_FLAG = Range(0, 1)
_SKIPPED = Range(0, 1, True)


def _hold(evaluations: int) -> Range:
    return Range(1, 10, evaluations)


STREAMING = (
    DetectorKind.Z_SCORE,
    DetectorKind.EMA,
    DetectorKind.SEASONAL,
    DetectorKind.HOLT_WINTERS,
    DetectorKind.ISOLATION_FOREST,
    DetectorKind.ENSEMBLE,
)
"""Detectors that follow each series sample by sample; they all have the same parameters and guards."""

PARAMETERS: dict[DetectorKind, dict[str, Range]] = {
    **{kind: {"threshold": Range(0.1, 100, 1), "hold_evaluations": _hold(2)} for kind in STREAMING},
    DetectorKind.RATIO_SPIKE: {
        "min_ratio": Range(0, 1, 0.01),
        "min_multiple": Range(1, 1000, 3),
        "p_value": Range(1e-15, 0.5, 1e-6),
        "hold_evaluations": _hold(2),
    },
    DetectorKind.RATE_DROP: {
        "max_fraction": Range(0, 1, 0.5),
        "p_value": Range(1e-15, 0.5, 1e-6),
        "hold_evaluations": _hold(2),
    },
    DetectorKind.RATE_SURGE: {
        "min_multiple": Range(1, 1000, 2),
        "z_min": Range(0, 100, 4),
        "hold_evaluations": _hold(2),
    },
    DetectorKind.QUANTILE_SHIFT: {
        "quantile": Range(0.01, 0.999, 0.95),
        "min_multiple": Range(1, 1000, 1.5),
        "min_increase_ms": Range(0, 1e6, 50),
        "hold_evaluations": _hold(2),
    },
    DetectorKind.COUNT_SPIKE: {
        "p_value": Range(1e-15, 0.5, 0.001),
        "hold_evaluations": _hold(1),
    },
    DetectorKind.LEVEL_SHIFT: {
        "z_min": Range(0, 100, 5),
        "min_ratio": Range(1, 1000, 2),
        "hold_evaluations": _hold(2),
        "absolute_ratio": Range(0, 1),
        "max_fraction": Range(0, 1),
        "per_replica": _FLAG,
    },
    DetectorKind.STATE_TRANSITION: {
        "hold_seconds": Range(0, 86400, 60),
        "escalate_share": _SHARE,
        "consecutive_failures": Range(1, 100),
    },
    DetectorKind.THRESHOLD_FORECAST: {
        "warn_ratio": Range(0, 1, 0.85),
        "critical_ratio": Range(0, 1, 0.95),
        "min_ratio_for_forecast": _SHARE,
        "horizon_warn_seconds": _SECONDS,
        "horizon_critical_seconds": _SECONDS,
        "trend_seconds": Range(600, 30 * 86400, 21600),
        "min_r2": Range(0, 1, 0.7),
        "history_seconds": Range(3600, 30 * 86400, 86400),
        "z_min": Range(0, 100, 5),
        "min_ratio": Range(1, 1000, 2),
        "per_replica": _FLAG,
    },
    DetectorKind.RIGHT_SIZING_PERCENTILE: {
        "percentile": Range(0, 1, 0.95),
        "min_ratio": Range(0, 100),
        "max_ratio": Range(0, 100),
        "severe_ratio": Range(0, 100),
        "throttled_ratio": _SHARE,
        "headroom": Range(1, 10, 1.2),
        "floor_millicores": _AMOUNT,
        "floor_bytes": _AMOUNT,
    },
}
"""Per detector: its parameters."""

_ROLLOUT = {"strict_after_rollout_minutes": Range(0, 120, 5)}
_LEVEL = {
    "min_periods_eval": _COUNT,
    "min_duration_seconds": _SECONDS,
    "min_bytes_per_second": _AMOUNT,
    "min_absolute_increase_bytes_per_second": _AMOUNT,
    "min_level": _AMOUNT,
    "min_increase": _AMOUNT,
    "min_segments_per_second": _AMOUNT,
    "min_nodes_reporting_share": _SHARE,
    "ignore_jobs": _SKIPPED,
    "strict_after_rollout_minutes": Range(0, 120),
}

_STREAMED = {
    name: _LEVEL[name] for name in ("min_level", "min_increase", "ignore_jobs", "strict_after_rollout_minutes")
}

GUARDS: dict[DetectorKind, dict[str, Range]] = {
    **dict.fromkeys(STREAMING, _STREAMED),
    DetectorKind.RATIO_SPIKE: {
        "min_requests_eval": Range(0, 1e9, 50),
        "min_errors_eval": Range(0, 1e9, 10),
        "min_requests_baseline": Range(0, 1e9, 100),
        "min_baseline_coverage": Range(0, 1, 0.6),
        **_ROLLOUT,
    },
    DetectorKind.RATE_DROP: {
        "min_requests_baseline_per_eval": Range(0, 1e9, 200),
        "min_requests_per_second": Range(0, 1e9, 0.5),
        "ignore_when_desired_replicas_zero": _SKIPPED,
        "ignore_when_workload_deleted": _SKIPPED,
        "ignore_jobs": _SKIPPED,
    },
    DetectorKind.RATE_SURGE: {
        "min_requests_eval": Range(0, 1e9, 300),
        "min_absolute_increase_per_second": Range(0, 1e9, 1),
        "ignore_jobs": _SKIPPED,
    },
    DetectorKind.QUANTILE_SHIFT: {
        "min_observations_eval": Range(0, 1e9, 100),
        "min_observations_baseline": Range(0, 1e9, 200),
        "min_bucket_steps": Range(0, 100, 1),
        **_ROLLOUT,
    },
    DetectorKind.COUNT_SPIKE: {
        "min_affected_containers": _COUNT,
        "min_kills": _COUNT,
        "min_restarts_eval": _COUNT,
        "min_distinct_pods": _COUNT,
        "min_distinct_objects": _COUNT,
        "min_events_eval": _COUNT,
        "min_failures_eval": _COUNT,
        "min_failure_share": _SHARE,
        "min_errors_eval": _COUNT,
        "min_error_share_of_packets": _SHARE,
        "min_pods": _COUNT,
        "min_duration_seconds": _SECONDS,
        "window_minutes": Range(1, 1440),
        "hold_seconds": _SECONDS,
        "ignore_pods_younger_than_seconds": _SECONDS,
        "ignore_startup_probe": _FLAG,
        "ignore_jobs": _FLAG,
        "suppress_after_rollout_minutes": Range(0, 120),
    },
    DetectorKind.LEVEL_SHIFT: _LEVEL,
    DetectorKind.STATE_TRANSITION: {
        "min_pods": _COUNT,
        "ignore_silent_nodes": _FLAG,
        "ignore_scheduling_gates": _FLAG,
        "ignore_owner_job_suspended": _FLAG,
        "ignore_nodes_being_deleted": _FLAG,
        "ignore_cordoned_for_upgrade": _FLAG,
        "min_events": _COUNT,
    },
    DetectorKind.THRESHOLD_FORECAST: {
        "min_used_bytes": _AMOUNT,
        "min_capacity_bytes": _AMOUNT,
        "min_samples_for_trend": Range(0, 1e9, 30),
        "ignore_read_only_many": _FLAG,
    },
    DetectorKind.RIGHT_SIZING_PERCENTILE: {
        # Advice with less history than these two ask for has low confidence; with less than a day there is none.
        "min_history_hours": Range(1, 24 * 60, 72),
        "min_samples": Range(1, 1e6, 500),
        "min_waste_millicores_total": _AMOUNT,
        "min_waste_bytes_total": _AMOUNT,
        "min_excess_millicores": _AMOUNT,
        "min_excess_bytes": _AMOUNT,
    },
}
"""Per detector: the guards below which it gives no verdict."""


def with_defaults(ranges: dict[str, Range], stated: dict[str, float | bool]) -> dict[str, float | bool]:
    """What a row states, completed by the detector's defaults."""
    return {name: limit.default for name, limit in ranges.items() if limit.default is not None} | stated
