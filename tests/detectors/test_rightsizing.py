"""Advice on requests and limits: given where the history carries it, withheld where something speaks against it."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.catalog import load
from detectors.model import Confidence, Sizing
from detectors.rightsizing import Advice, Container, Rule, advise, amount, rounded
from detectors.usage import ACCURACY, DAY, HOUR, History, Sketch, UsageDay

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MIB = 2.0**20
END = 1_790_000_000 // DAY * DAY
STEP = 300

RULES = {row.id.removeprefix("rightsizing-"): Rule.of(row) for row in load().rows if row.id.startswith("rightsizing-")}
DEPLOYMENT = Container(
    kind="Deployment",
    replicas=3,
    requests={"cpu": 1.0, "memory": 1024 * MIB},
    limits={"cpu": 2.0, "memory": 1024 * MIB},
    changed=END - 30 * DAY,
)


def history(use: float | Callable[[NDArray[np.float64]], NDArray[np.float64]], days: float = 8) -> History:
    """What a container used: a number, or a function of unix seconds."""
    times = np.arange(END - days * DAY, END, STEP, dtype=float)
    values = use(times) if callable(use) else np.full(len(times), use)
    parts = [
        UsageDay.of(times[chosen], values[chosen], ["web-1"] * int(chosen.sum()))
        for day in np.unique(times // DAY)
        for chosen in [times // DAY == day]
    ]
    return History.of(parts)


def said(rule: str, seen: History | None, **changes: Any) -> Advice:
    return advise(RULES[rule], seen, dataclasses.replace(DEPLOYMENT, **changes), float(END))


# ---------------------------------------------------------------------------------------------------- arithmetic


@given(
    st.lists(st.floats(1e-3, 1e12), min_size=1, max_size=300),
    st.lists(st.floats(1e-3, 1e12), max_size=300),
    st.floats(0, 1),
)
def test_quantiles_are_right_to_within_the_accuracy_also_of_merged_parts(
    left: list[float], right: list[float], q: float
) -> None:
    sketch = Sketch.of(np.array(left)).merged(Sketch.of(np.array(right)))
    values = np.array(left + right)
    exact = np.sort(values)[math.floor(q * (len(values) - 1))]
    assert sketch.quantile(q) == pytest.approx(exact, rel=ACCURACY * 1.001)
    assert sketch.total == len(values)
    again = Sketch.from_bytes(sketch.to_bytes())
    assert again.quantile(q) == sketch.quantile(q)


def test_a_sketch_is_small_and_knows_that_it_is_empty() -> None:
    day = np.random.default_rng(1).lognormal(0, 1, 1_440)
    assert len(Sketch.of(day).to_bytes()) < 1_200
    assert math.isnan(Sketch.of(np.array([np.nan])).quantile(0.5))
    assert Sketch.of(np.zeros(5)).quantile(0.95) == pytest.approx(0, abs=2e-4)


def test_parts_of_a_day_make_the_day() -> None:
    rng = np.random.default_rng(7)
    times = END + np.sort(rng.uniform(0, DAY, 500))
    values, pods = rng.gamma(2, 0.1, 500), [f"web-{n % 3}" for n in range(500)]
    whole = UsageDay.of(times, values, pods)
    halves = UsageDay.of(times[:200], values[:200], pods[:200]).merged(
        UsageDay.of(times[200:], values[200:], pods[200:])
    )
    top = int(np.argmax(values))
    assert (halves.peak, halves.peak_at, halves.peak_pod) == (values[top], times[top], pods[top])
    assert (halves.first, halves.last, halves.points) == (times[0], times[-1], 500)
    np.testing.assert_array_equal(halves.hours, whole.hours)
    oracle = [values[(times - END) // HOUR == hour].max() for hour in range(24)]
    np.testing.assert_array_equal(whole.hours, oracle)
    assert halves.sketch.to_bytes() == whole.sketch.to_bytes()


@pytest.mark.parametrize(
    ("value", "resource", "text"),
    [
        (0.0001, "cpu", "10m"),
        (0.2301, "cpu", "240m"),
        (0.25, "cpu", "250m"),
        (1.151, "cpu", "1200m"),
        (12.3, "cpu", "12500m"),
        (32 * MIB, "memory", "32Mi"),
        (300 * MIB, "memory", "304Mi"),
        (5_000 * MIB, "memory", "5120Mi"),
        (1, "memory", "1Mi"),
    ],
)
def test_suggestions_are_rounded_up_as_a_person_would(value: float, resource: str, text: str) -> None:
    assert amount(rounded(value, resource), resource) == (text if text != "5120Mi" else "5Gi")


@given(st.floats(1e-4, 1e4), st.sampled_from(["cpu", "memory"]))
def test_rounding_never_gives_less_and_hardly_more(value: float, resource: str) -> None:
    value = value * MIB if resource == "memory" else value
    result = rounded(value, resource)
    smallest, share = (0.01, 0.05) if resource == "cpu" else (MIB, 1 / 16)
    assert value * (1 - 1e-9) <= result <= value + max(smallest, value * share) * (1 + 1e-9)


# ------------------------------------------------------------------------------------- the six rows, fault and not


def test_the_rows_say_what_the_rules_read() -> None:
    high = RULES["cpu-request-high"]
    assert (high.resource, high.bound, high.lower, high.ratio, high.floor) == ("cpu", "request", True, 0.5, 0.01)
    assert (high.least, high.statistic) == (0.2, "p95")
    assert RULES["memory-limit-low"].statistic == "maximum"
    assert len(RULES) == 6


def test_too_much_cpu_is_found_with_its_saving() -> None:
    rng = np.random.default_rng(3)
    values: list[float] = []

    def use(times: NDArray[np.float64]) -> NDArray[np.float64]:
        values.extend(rng.uniform(0.05, 0.2, len(times)).tolist())
        return np.array(values)

    advice = said("cpu-request-high", history(use))
    exact = float(np.quantile(values, 0.95))
    assert advice.outcome is Sizing.LOWER
    assert advice.observed == pytest.approx(exact, rel=ACCURACY + 0.01)
    assert advice.suggestion == pytest.approx(exact * 1.15, abs=0.02)
    assert advice.saving == pytest.approx((1.0 - advice.suggestion) * 3)
    assert advice.confidence is Confidence.HIGH
    assert not advice.severe


@pytest.mark.parametrize("use", [0.55, 0.9, 1.4])
def test_cpu_that_is_used_is_not_too_much(use: float) -> None:
    assert said("cpu-request-high", history(use)).outcome is Sizing.FITS


def test_a_saving_that_is_not_worth_it_is_none() -> None:
    assert said("cpu-request-high", history(0.01), requests={"cpu": 0.05}).outcome is Sizing.FITS


@pytest.mark.parametrize(
    ("rule", "hardly", "more", "floor"),
    [("cpu-request-high", 0.001, 0.1, 0.01), ("memory-request-high", 2 * MIB, 100 * MIB, 32 * MIB)],
)
def test_no_suggestion_is_below_the_floor_and_the_floor_holds_nothing_up(
    rule: str, hardly: float, more: float, floor: float
) -> None:
    assert said(rule, history(hardly)).suggestion == pytest.approx(floor)
    assert said(rule, history(more)).suggestion == pytest.approx(more * RULES[rule].headroom, rel=0.13)


def test_too_little_cpu_is_found_and_severe_far_above() -> None:
    mild, far = (said("cpu-request-low", history(use)) for use in (1.2, 1.7))
    assert (mild.outcome, mild.severe) == (Sizing.RAISE, False)
    assert (far.outcome, far.severe) == (Sizing.RAISE, True)
    assert far.suggestion == pytest.approx(1.7 * 1.15, rel=0.06)
    assert far.saving < 0
    assert said("cpu-request-low", history(1.02)).outcome is Sizing.FITS


def test_a_missing_request_is_too_low_unless_hardly_anything_is_used() -> None:
    advice = said("cpu-request-low", history(0.3), requests={})
    assert advice.outcome is Sizing.RAISE
    assert "no request is set" in advice.reason
    assert said("cpu-request-low", history(0.004), requests={}).outcome is Sizing.FITS
    assert said("cpu-request-high", history(0.3), requests={}).outcome is Sizing.UNSET


def test_a_cpu_limit_is_too_low_when_it_is_reached_or_throttles() -> None:
    reached = said("cpu-limit-low", history(1.9))
    assert reached.outcome is Sizing.RAISE
    assert reached.suggestion == pytest.approx(1.9 * 1.5, rel=0.06)
    throttled = said("cpu-limit-low", history(0.4), throttled=0.4)
    assert throttled.outcome is Sizing.RAISE
    assert throttled.suggestion == pytest.approx(3.0)
    assert "throttled in 40%" in throttled.reason
    assert said("cpu-limit-low", history(1.0), throttled=0.1).outcome is Sizing.FITS
    assert said("cpu-limit-low", history(1.9), limits={}).outcome is Sizing.UNSET


def test_too_much_memory_is_found_and_never_cut_below_what_was_used_once() -> None:
    flat = said("memory-request-high", history(200 * MIB))
    assert flat.outcome is Sizing.LOWER
    assert flat.suggestion == pytest.approx(240 * MIB, rel=0.13)

    def spike(times: NDArray[np.float64]) -> NDArray[np.float64]:
        use = np.full(len(times), 200 * MIB)
        use[100] = 500 * MIB
        return use

    assert said("memory-request-high", history(spike)).suggestion >= 500 * MIB
    assert said("memory-request-high", history(700 * MIB)).outcome is Sizing.FITS


def test_too_little_memory_is_found() -> None:
    advice = said("memory-request-low", history(1400 * MIB))
    assert (advice.outcome, advice.severe) == (Sizing.RAISE, True)
    assert said("memory-request-low", history(1040 * MIB)).outcome is Sizing.FITS


def test_a_memory_limit_is_too_low_near_the_maximum_or_after_an_oom_kill() -> None:
    near = said("memory-limit-low", history(950 * MIB))
    assert near.outcome is Sizing.RAISE
    assert near.suggestion >= 950 * MIB * 1.25
    killed = said("memory-limit-low", history(300 * MIB), killed=END - 2.0 * DAY)
    assert killed.outcome is Sizing.RAISE
    assert killed.suggestion >= 1024 * MIB * 1.25
    assert "OOM killed" in killed.reason
    assert said("memory-limit-low", history(800 * MIB)).outcome is Sizing.FITS


# ----------------------------------------------------------------------------------- no answer beats a wrong one


def nightly(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """0.1 cores, and 0.9 from 02:00 to 02:30: two percent of the time."""
    return np.where(times % DAY // 1800 == 4, 0.9, 0.1)


def new_revision(times: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(times > END - 4 * HOUR, 0.45, 0.05)


def test_the_percentile_alone_would_have_cut_them() -> None:
    assert history(nightly).quantile(0.95) < 0.11
    assert history(new_revision).quantile(0.95) < 0.06


@pytest.mark.parametrize("days", [1, 8])
def test_peaks_that_a_percentile_passes_over_are_not_cut(days: int) -> None:
    advice = said("cpu-request-high", history(nightly, days))
    assert advice.outcome is Sizing.WITHHELD
    assert math.isnan(advice.suggestion)
    assert "peaks of up to 900m" in advice.reason


def test_one_busy_hour_in_a_week_is_a_start_and_not_a_habit() -> None:
    def start(times: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(times < times[0] + 600, 0.9, 0.1)

    assert said("cpu-request-high", history(start)).outcome is Sizing.LOWER
    assert said("cpu-request-high", history(start, 1)).outcome is Sizing.WITHHELD


def test_less_than_a_day_is_learning_and_less_than_a_week_is_a_guess() -> None:
    assert said("cpu-request-high", None).outcome is Sizing.LEARNING
    young = said("cpu-request-high", history(0.1, 0.8))
    assert young.outcome is Sizing.LEARNING
    assert "no verdict before 24 h" in young.reason
    assert said("memory-limit-low", history(1000 * MIB, 0.8)).outcome is Sizing.LEARNING
    assert said("cpu-request-high", history(0.1, 1.1)).confidence is Confidence.LOW
    assert said("cpu-request-high", history(0.1, 1.1)).outcome is Sizing.LOWER
    assert said("cpu-request-high", history(0.1, 7.5)).confidence is Confidence.HIGH


def test_few_values_are_no_history() -> None:
    few = dataclasses.replace(history(0.1), points=60)
    assert said("cpu-request-high", few).outcome is Sizing.LEARNING


def test_what_an_autoscaler_follows_is_not_touched_and_what_it_does_not_is() -> None:
    scaled = {"cpu": "HorizontalPodAutoscaler web"}
    for rule, use in (("cpu-request-high", 0.1), ("cpu-request-low", 1.5)):
        advice = said(rule, history(use), autoscalers=scaled)
        assert advice.outcome is Sizing.WITHHELD
        assert "HorizontalPodAutoscaler web scales on cpu" in advice.reason
    assert said("memory-request-high", history(100 * MIB), autoscalers=scaled).outcome is Sizing.LOWER
    assert said("cpu-limit-low", history(1.9), autoscalers=scaled).outcome is Sizing.RAISE
    unknown = said("cpu-request-high", history(0.1), autoscalers=None)
    assert (unknown.outcome, "not known" in unknown.reason) == (Sizing.WITHHELD, True)


@pytest.mark.parametrize(
    ("rule", "use", "changes", "word"),
    [
        ("memory-request-high", 100 * MIB, {"killed": END - 3.0 * DAY}, "OOM killed 3 d ago"),
        ("memory-request-high", 100 * MIB, {"restarts": 5}, "restarted 5 times"),
        ("cpu-request-high", 0.1, {"restarts": 3}, "restarted 3 times"),
        ("cpu-request-high", 0.1, {"kind": "CronJob"}, "runs to completion"),
        ("memory-request-high", 100 * MIB, {"kind": "Job"}, "runs to completion"),
        ("cpu-request-high", 0.1, {"changed": END - 2.0 * HOUR}, "rolled out 2 h ago"),
    ],
)
def test_what_speaks_against_cutting(rule: str, use: float, changes: dict[str, Any], word: str) -> None:
    assert said(rule, history(use)).outcome is Sizing.LOWER
    advice = said(rule, history(use), **changes)
    assert advice.outcome is Sizing.WITHHELD
    assert word in advice.reason


def test_an_oom_kill_says_nothing_about_cpu_and_a_restart_or_two_nothing_at_all() -> None:
    assert said("cpu-request-high", history(0.1), killed=float(END)).outcome is Sizing.LOWER
    assert said("cpu-request-high", history(0.1), restarts=2).outcome is Sizing.LOWER


def test_a_history_with_holes_is_not_cut_by() -> None:
    working_hours = history(0.1)
    hours = working_hours.hours.copy()
    hours[np.arange(len(hours)) % 24 > 12] = np.nan
    advice = said("cpu-request-high", dataclasses.replace(working_hours, hours=hours))
    assert advice.outcome is Sizing.WITHHELD
    assert "of the hours only" in advice.reason


def test_a_new_revision_that_uses_more_counts_more_than_the_week_before() -> None:
    advice = said("cpu-request-high", history(new_revision), changed=END - 8.0 * HOUR)
    assert advice.outcome is Sizing.LOWER
    assert advice.suggestion >= 0.45 * 1.15
    assert advice.confidence is Confidence.MEDIUM
    assert "older values are of its predecessors" in advice.reason


def test_equal_request_and_limit_are_warned_of() -> None:
    advice = said("cpu-request-high", history(0.1), limits={"cpu": 1.0})
    assert "Burstable" in advice.reason
