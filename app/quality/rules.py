"""Which findings a rule hides: a case is muted while rules cover all that is out of band in it."""

from __future__ import annotations

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from app.quality.matching import workload_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from detectors.model import Entity
    from storage.records import AnomalyRecord, Pattern, RuleRecord


def names(pattern: Pattern, entity: Entity) -> bool:
    """Whether a pattern is about an entity: its workload, in any namespace where it names none, and environment."""
    workload = workload_of(entity)
    whole = fnmatchcase(workload, pattern.workload) or fnmatchcase(workload.rpartition("/")[2], pattern.workload)
    return whole and fnmatchcase(entity.environment, pattern.environment or "*")


def covers(pattern: Pattern, anomaly: AnomalyRecord) -> bool:
    """Whether a pattern is about an anomaly."""
    return (
        pattern.signal in ("", anomaly.signal)
        and names(pattern, anomaly.entity)
        and (pattern.below is None or anomaly.peak_score < pattern.below)
        and (pattern.hours is None or _within(datetime.fromtimestamp(anomaly.onset, UTC).hour, pattern.hours))
    )


def _within(hour: int, hours: tuple[int, int]) -> bool:
    first, last = hours
    return first <= hour < last if first < last else hour >= first or hour < last


def hides(patterns: Sequence[Pattern], members: Iterable[AnomalyRecord]) -> bool:
    """Whether patterns cover every one of a case's anomalies: what nobody muted is told."""
    found = list(members)
    return bool(found) and all(any(covers(pattern, anomaly) for pattern in patterns) for anomaly in found)


def muting(rules: Sequence[RuleRecord], members: Iterable[AnomalyRecord]) -> int | None:
    """The rule that hides a case, the first where several do so together; None where it is told."""
    found = list(members)
    if not rules or not hides([rule.pattern for rule in rules], found):
        return None
    return next((rule.id for rule in rules if any(covers(rule.pattern, anomaly) for anomaly in found)), None)


def told(pattern: Pattern) -> str:
    """A pattern in words: `http-server-5xx-spike of jobs/*, scores below 2.4, from 02 to 04 h UTC`."""
    parts = [f"{pattern.signal or 'everything'} of {'all workloads' if pattern.workload == '*' else pattern.workload}"]
    if pattern.environment:
        parts.append(f"environment {pattern.environment}")
    if pattern.below is not None:
        parts.append(f"scores below {pattern.below:.3g}")
    if pattern.hours is not None:
        parts.append(f"from {pattern.hours[0]:02} to {pattern.hours[1]:02} h UTC")
    return ", ".join(parts)
