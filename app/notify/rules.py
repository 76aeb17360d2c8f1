"""Which destinations a case goes to, and why: every rule's answer in words."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from app.notify.hours import within
from app.notify.settings import Rule
from storage.records import Label, Lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.notify.settings import NotifySettings
    from storage.records import Conclusion, InvestigationRecord

DEFAULT = "default"


class Reading(NamedTuple):
    """What one rule says of a case."""

    rule: str
    takes: bool
    why: str
    to: tuple[str, ...]
    """Where it sends what it takes; empty where another rule decides."""


def readings(settings: NotifySettings, case: InvestigationRecord, found: Conclusion, now: float) -> tuple[Reading, ...]:
    """Every rule's answer, in their order."""
    return tuple(_readings(settings, case, found, now))


def chosen(
    settings: NotifySettings, case: InvestigationRecord, found: Conclusion, now: float
) -> tuple[tuple[str, str], ...]:
    """Destinations, each once, with the rule that chose it."""
    if withheld(case, now):
        return ()
    pairs = [(name, reading.rule) for reading in readings(settings, case, found, now) for name in reading.to]
    return tuple({name: (name, rule) for name, rule in reversed(pairs)}.values())[::-1]


def withheld(case: InvestigationRecord, now: float) -> str:
    """Why a case is told nowhere whatever the rules say; empty where it may be."""
    if case.part_of:
        return f"it is a consequence of #{case.part_of} and is told there"
    if case.label is Label.FALSE:
        return "it is labelled false"
    if case.lifecycle is Lifecycle.CLOSED:
        return "it is closed"
    if case.muted is not None:
        return f"rule {case.muted} of `tocsin rules` mutes it"
    if case.snoozed_until is not None and case.snoozed_until > now:
        return "it is snoozed"
    return ""


def _readings(settings: NotifySettings, case: InvestigationRecord, found: Conclusion, now: float) -> Iterator[Reading]:
    decided = False
    rules = settings.rules or (Rule(name=DEFAULT, to=tuple(settings.destinations)),)
    for number, rule in enumerate(rules, 1):
        name = rule.name or f"rule {number}"
        missed = next(_misses(rule, case, found, now, settings.time_zone), "")
        if missed:
            yield Reading(name, False, missed, ())
        elif decided:
            yield Reading(name, True, "fits, but an earlier rule decided (notify.match is first)", ())
        else:
            decided = settings.match == "first"
            yield Reading(name, True, _fit(rule, case, found), rule.to)


_VALUES: tuple[tuple[str, str, Callable[[InvestigationRecord, Conclusion], tuple[str, ...]]], ...] = (
    ("verdicts", "verdict", lambda _, found: (found.verdict.value,)),
    ("priorities", "priority", lambda _, found: (found.priority.value,)),
    ("classes", "class", lambda _, found: (found.playbook,)),
    ("environments", "environment", lambda case, _: (case.entity.environment,)),
    ("namespaces", "namespace", lambda case, _: (case.entity.namespace,)),
    ("services", "service", lambda case, _: (case.entity.name, f"{case.entity.namespace}/{case.entity.name}")),
)
"""Of each list of a rule: its setting, what it is about, and what a case has of it; one that fits is enough."""


def _misses(rule: Rule, case: InvestigationRecord, found: Conclusion, now: float, zone: str) -> Iterator[str]:
    for setting, what, values in _VALUES:
        patterns: tuple[str, ...] = getattr(rule, setting)
        has = values(case, found)
        if patterns and not any(fnmatchcase(value, pattern) for value in has for pattern in patterns):
            yield f"{what} {has[-1] or 'none'} is not among {', '.join(patterns)}"
    if rule.minutes is not None and not within(rule.minutes, now, zone):
        yield f"{datetime.fromtimestamp(now, ZoneInfo(zone)):%H:%M} {zone} is not within {rule.hours}"


def _fit(rule: Rule, case: InvestigationRecord, found: Conclusion) -> str:
    fits = [f"{what} {values(case, found)[-1]}" for setting, what, values in _VALUES if getattr(rule, setting)]
    return ", ".join(fits) or "it takes every case"
