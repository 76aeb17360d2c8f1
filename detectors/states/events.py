"""events-warning-cluster: more Warning events than the last half hour explains."""

from __future__ import annotations

from collections import Counter
from math import log
from typing import TYPE_CHECKING

import numpy as np

from detectors.model import Coverage, Entity, EntityType, Fact, Observation, SourceRef, Views
from detectors.states.report import StateResult, guard, kubectl, lowered, partial, unreadable
from detectors.tails import log_negative_binomial_upper

if TYPE_CHECKING:
    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState
    from detectors.objects import Event

EVALUATION_SECONDS = 300.0
BASELINE_SECONDS = 1800.0
_TOP = 5
"""How many reasons the facts name."""


def warning_events(state: ClusterState, row: Row, now: float) -> StateResult:
    """Occurrences of Warning events in the whole cluster, last five minutes against the half hour before.

    Conditions: at least min_events_eval occurrences about min_distinct_objects objects, and the negative-binomial upper
    tail <= p_value under the rate before, over-dispersed as its own five-minute slices are: events come in lumps.
    """
    if (refused := unreadable(state, "events")) is not None:
        return refused
    warnings = [event for event in state.events if event.type == "Warning"]
    start = now - EVALUATION_SECONDS
    fresh = [(event, occurrences) for event in warnings if (occurrences := event.between(start, now)) > 0]
    count = sum(occurrences for _, occurrences in fresh)
    objects = {_subject(event) for event, _ in fresh}
    least, kinds = guard(row, "min_events_eval", 20), guard(row, "min_distinct_objects", 3)
    slices = _slices(warnings, start)
    usual = (sum(slices) + 0.5) / len(slices)
    log_p = _log_tail(count, usual, slices)
    alpha = log(guard(row, "p_value", 1e-3))
    score = min(count / max(least, 1), len(objects) / max(kinds, 1), log_p / alpha, 100.0)
    detail = partial(state, "events")
    if score < 1:
        return StateResult((), Coverage.LIVE, 1, detail)
    command = kubectl(
        state, "get", "events", "--all-namespaces", "--field-selector", "type=Warning", "--sort-by=.lastTimestamp"
    )
    observation = Observation(
        signal=row.id,
        entity=Entity(EntityType.CLUSTER, state.cluster, "", "Cluster", state.cluster),
        score=score,
        observed=count,
        low=0.0,
        high=max(least, 3 * usual),
        onset=min(max(event.first_seen, start) for event, _ in fresh),
        confidence=(1 - 2.0**-score) * 0.75,
        severity=lowered(row.severity, state, ""),
        views=Views.LOCAL,
        source=SourceRef("kubernetes-api", command),
        facts=_facts(fresh, command),
    )
    return StateResult((observation,), Coverage.LIVE, 1, detail)


def _slices(warnings: list[Event], end: float) -> list[float]:
    """Occurrences in each stretch of the baseline that is as long as the evaluation, newest first."""
    number = int(BASELINE_SECONDS // EVALUATION_SECONDS)
    ends = [end - i * EVALUATION_SECONDS for i in range(number)]
    return [sum(event.between(at - EVALUATION_SECONDS, at) for event in warnings) for at in ends]


def _log_tail(count: float, usual: float, slices: list[float]) -> float:
    dispersion = max(1.0, float(np.var(slices, ddof=1)) / usual)
    return float(log_negative_binomial_upper(np.array([count]), np.array([usual]), np.array([dispersion]))[0])


def _facts(fresh: list[tuple[Event, float]], command: str) -> tuple[Fact, ...]:
    reasons: Counter[str] = Counter()
    for event, occurrences in fresh:
        reasons[event.reason] += occurrences  # type: ignore[assignment]
    facts = []
    for reason, occurrences in reasons.most_common(_TOP):
        members = [event for event, _ in fresh if event.reason == reason]
        newest = max(members, key=lambda event: event.last_seen)
        subjects = len({_subject(event) for event in members})
        text = f"{reason}: {occurrences:.0f} about {subjects} objects, last: {newest.message}"
        facts.append(Fact("event", text, command, newest.last_seen, f"{occurrences:.0f}"))
    return tuple(facts)


def _subject(event: Event) -> str:
    about = event.regarding
    return about.uid or f"{about.kind}/{about.namespace}/{about.name}"
