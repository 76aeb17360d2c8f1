"""Requests and limits against what containers used: advice with its numbers, or the reason why there is none.

No answer beats a wrong one: advice to give less needs a long and quiet history, a workload that runs all the time, and
nothing that a smaller request would set in motion (an autoscaler, another OOM kill). The formulas and thresholds are
those of the catalogue's rows; the guards are what users of such advisors were bitten by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from detectors.model import Confidence, Sizing
from detectors.usage import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from detectors.catalog import Row
    from detectors.usage import History

FIRST_VERDICT_SECONDS = 1.0 * DAY
"""A day has a night: less is no answer."""
FIRM_SECONDS = 7.0 * DAY
"""A week has a weekend: less is a guess."""
FEWEST_POINTS = 100
LEAST_SEEN = 0.8
"""Share of the hours that have to have values."""
_WEEK_HOURS = 168
_SETTLING_HOURS = 6
"""How long a new revision has to be seen before its predecessor's history speaks for it."""
_MANY_RESTARTS = 3
_BATCH = frozenset({"Job", "CronJob"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the catalogue, as this module reads it."""

    resource: str
    """`cpu` (cores) or `memory` (bytes)."""
    bound: str
    """`request` or `limit`."""
    lower: bool
    """Whether it looks for too much; else for too little."""
    percentile: float
    ratio: float
    """Used of the bound: below it (`lower`) or above it there is something to say."""
    severe_ratio: float
    headroom: float
    floor: float
    least: float
    """Cores or bytes below which a change is not worth it: over all replicas where it saves, of one where it costs."""
    min_hours: float
    """Less history than this, or fewer points, and confidence is low."""
    min_points: float
    throttled_ratio: float

    @classmethod
    def of(cls, row: Row) -> Rule:
        """The rule of a row that reads `cpu-of-request` or the like."""
        resource, _, bound = row.instrument.partition("-of-")
        numbers = {**row.params, **row.guards}
        unit, scale = ("millicores", 1e-3) if resource == "cpu" else ("bytes", 1.0)
        lower = "max_ratio" in row.params
        least = numbers.get(f"min_waste_{unit}_total" if lower else f"min_excess_{unit}", 0)
        return cls(
            resource=resource,
            bound=bound,
            lower=lower,
            percentile=numbers["percentile"],
            ratio=numbers["max_ratio" if lower else "min_ratio"],
            severe_ratio=numbers.get("severe_ratio", math.inf),
            headroom=numbers["headroom"],
            floor=numbers.get(f"floor_{unit}", 0) * scale,
            least=least * scale,
            min_hours=numbers["min_history_hours"],
            min_points=numbers["min_samples"],
            throttled_ratio=numbers.get("throttled_ratio", math.inf),
        )

    @property
    def statistic(self) -> str:
        """`p95`, `maximum`."""
        return "maximum" if self.percentile >= 1 else f"p{self.percentile * 100:g}"


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a workload as it is now, with what speaks for or against believing its history."""

    kind: str
    """The workload's."""
    replicas: int
    requests: Mapping[str, float] = field(default_factory=dict)
    """By resource, in cores and bytes; nothing where none is set."""
    limits: Mapping[str, float] = field(default_factory=dict)
    changed: float | None = None
    """Unix seconds at which the running revision began; None where that is not known."""
    killed: float | None = None
    """Unix seconds of the last OOM kill in the look-back, NaN where only that there was one is known."""
    restarts: int = 0
    """In the last day."""
    autoscalers: Mapping[str, str] | None = field(default_factory=dict)
    """Resource -> the autoscaler that follows its utilisation; None where that is not known."""
    throttled: float = math.nan
    """Share of CPU periods, over the look-back."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What one rule says of one container."""

    outcome: Sizing
    reason: str
    """Why it says that, or why it says nothing."""
    current: float = math.nan
    observed: float = math.nan
    suggestion: float = math.nan
    saving: float = math.nan
    """Cores or bytes over all replicas; negative where it costs more."""
    severe: bool = False
    confidence: Confidence = Confidence.LOW


def advise(rule: Rule, history: History | None, container: Container, now: float) -> Advice:
    """What a rule says of a container.

    Args:
        rule: of one row.
        history: of the rule's resource; None where there is none.
        container: as it is now.
        now: unix seconds.
    """
    bounds = container.limits if rule.bound == "limit" else container.requests
    current = bounds.get(rule.resource, math.nan)
    if math.isnan(current) and (rule.lower or rule.bound == "limit"):
        return Advice(Sizing.UNSET, f"no {rule.resource} {rule.bound} is set")
    if history is None:
        return Advice(Sizing.LEARNING, "nothing has been seen of it yet", current)
    observed = history.quantile(rule.percentile)
    if short := _too_short(history, now):
        return Advice(Sizing.LEARNING, short, current, observed)
    weight = _Weighing(rule, history, container, current, observed)
    why = weight.why_less() if rule.lower else weight.why_more()
    if not why:
        return Advice(Sizing.FITS, f"{_share(observed, current)} of the {rule.bound}", current, observed)
    against = next(weight.against(now), "")
    return Advice(
        outcome=Sizing.WITHHELD if against else Sizing.LOWER if rule.lower else Sizing.RAISE,
        reason=against or "; ".join((why, *weight.cautions(now))),
        current=current,
        observed=observed,
        suggestion=math.nan if against else weight.suggestion,
        saving=math.nan if against else weight.saving,
        severe=not rule.lower and observed > rule.severe_ratio * current,
        confidence=_confidence(rule, history, container),
    )


@dataclass(frozen=True, slots=True)
class _Weighing:
    """One rule, one container and its history, put on the scales."""

    rule: Rule
    history: History
    container: Container
    current: float
    observed: float

    @property
    def suggestion(self) -> float:
        rule, needed = self.rule, self.observed * self.rule.headroom
        if rule.lower:
            needed = max(needed, self.history.newest.quantile(rule.percentile) * rule.headroom)
            # A percentile of memory leaves out the moments that matter: never suggest less than was ever used.
            needed = max(needed, self.history.peak if rule.resource == "memory" else 0.0)
        elif self._killed or self._throttled:
            # What was seen is what the limit let through.
            needed = max(needed, self.current * rule.headroom)
        return rounded(max(needed, rule.floor), rule.resource)

    @property
    def saving(self) -> float:
        before = 0.0 if math.isnan(self.current) else self.current
        return (before - self.suggestion) * self.container.replicas

    def why_less(self) -> str:
        rule = self.rule
        used = max(self.observed, self.history.newest.quantile(rule.percentile))
        if used >= rule.ratio * self.current or self.saving < max(rule.least, 1e-9):
            return ""
        return f"{rule.statistic} is {_share(self.observed, self.current)} of the {rule.bound}"

    def why_more(self) -> str:
        rule, text = self.rule, amount(self.observed, self.rule.resource)
        if self._killed:
            return f"OOM killed at its limit of {amount(self.current, rule.resource)}"
        if self._throttled:
            return f"throttled in {self.container.throttled:.0%} of CPU periods; removing the limit would also do"
        if math.isnan(self.current):
            return f"no request is set, {rule.statistic} is {text}" if self.observed >= rule.least else ""
        if self.observed <= rule.ratio * self.current or self.observed - rule.ratio * self.current < rule.least:
            return ""
        return f"{rule.statistic} is {_share(self.observed, self.current)} of the {rule.bound}"

    @property
    def _killed(self) -> bool:
        return self.rule.bound == "limit" and self.rule.resource == "memory" and self.container.killed is not None

    @property
    def _throttled(self) -> bool:
        return self.container.throttled > self.rule.throttled_ratio

    def against(self, now: float) -> Iterator[str]:
        """Reasons to say nothing, strongest first."""
        rule, container = self.rule, self.container
        if rule.bound == "request":
            if container.autoscalers is None:
                yield "whether an autoscaler follows its requests is not known"
            elif name := container.autoscalers.get(rule.resource):
                yield f"{name} scales on {rule.resource} utilisation: another request moves its target"
        if rule.lower:
            yield from self._against_less(now)

    def _against_less(self, now: float) -> Iterator[str]:
        rule, history, container = self.rule, self.history, self.container
        if container.kind in _BATCH:
            yield "runs to completion: what it uses over time says little about one run"
        if container.killed is not None and rule.resource == "memory":
            when = "lately" if math.isnan(container.killed) else f"{_ago(now - container.killed)} ago"
            yield f"OOM killed {when}: what it used is not what it needs"
        if container.restarts >= _MANY_RESTARTS:
            yield f"restarted {container.restarts} times in a day: what it used is not what it needs"
        if history.seen < LEAST_SEEN:
            yield f"seen in {history.seen:.0%} of the hours only"
        busy = history.hours_above(rule.ratio * self.current)
        if rule.resource == "cpu" and busy > len(history.hours) // _WEEK_HOURS:
            peak, hours = amount(history.peak, "cpu"), len(history.hours)
            yield f"peaks of up to {peak} in {busy} of {hours} hours: the percentile passes over them"
        if container.changed is not None and history.hours_since(container.changed) < _SETTLING_HOURS:
            yield f"rolled out {_ago(now - container.changed)} ago: what it needs now is not known yet"

    def cautions(self, now: float) -> Iterator[str]:
        """What to know before following advice."""
        rule, container = self.rule, self.container
        if rule.lower and container.limits.get(rule.resource) == self.current:
            yield "request and limit are equal: a lower request alone makes it Burstable"
        if container.changed is not None and container.changed > self.history.first:
            yield f"rolled out {_ago(now - container.changed)} ago, older values are of its predecessors"


def _too_short(history: History, now: float) -> str:
    if now - history.last > FIRST_VERDICT_SECONDS:
        return f"nothing has been seen of it for {_ago(now - history.last)}"
    if history.span < FIRST_VERDICT_SECONDS - HOUR:
        return f"{_ago(history.span)} of history, no verdict before {_ago(FIRST_VERDICT_SECONDS)}"
    if history.points < FEWEST_POINTS:
        return f"{history.points} values, no verdict before {FEWEST_POINTS}"
    return ""


def _confidence(rule: Rule, history: History, container: Container) -> Confidence:
    span = history.span + HOUR
    if span < max(FIRM_SECONDS, rule.min_hours * HOUR) or history.points < rule.min_points:
        return Confidence.LOW
    changed = container.changed is None or container.changed > history.first
    return Confidence.MEDIUM if changed or history.seen < LEAST_SEEN else Confidence.HIGH


def rounded(value: float, resource: str) -> float:
    """Rounded up as a person would write it: CPU to 10m or 5 %, memory to 1Mi or a sixteenth, whichever is more."""
    if resource == "cpu":
        step = max(10.0, 5 * 10.0 ** (math.floor(math.log10(max(value, 1e-3) * 1000)) - 2))
        return math.ceil(round(value * 1000 / step, 6)) * step / 1000
    step = max(2.0**20, math.ldexp(1.0, math.floor(math.log2(max(value, 1.0))) - 4))
    return math.ceil(value / step) * step


def amount(value: float, resource: str) -> str:
    """Cores or bytes as one writes them in a manifest: `250m`, `304Mi`; `-` for NaN."""
    if math.isnan(value):
        return "-"
    if resource == "cpu":
        return f"{round(value * 1000)}m"
    for unit, size in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        whole = value / size
        if abs(whole) >= 1 and (unit != "Gi" or whole == int(whole)):
            return f"{round(whole)}{unit}"
    return f"{round(value)}"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole > 0 else "more than nothing"


def _ago(seconds: float) -> str:
    return f"{seconds / DAY:.0f} d" if seconds >= 2 * DAY else f"{max(seconds, 0) / HOUR:.0f} h"
