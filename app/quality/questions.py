"""What to label next: whose label would teach most."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from app.quality.matching import workload_of
from app.quality.report import Question
from storage.records import Label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from storage.records import AnomalyRecord, InvestigationRecord

MOST = 20
PRIOR = 2.0
"""Labels' worth of weight that a wider group's precision has for a narrower one."""
NEAR = 1.25
"""Score below which a finding is near its threshold."""


def questions(
    cases: Sequence[InvestigationRecord],
    members: Mapping[int, Sequence[AnomalyRecord]],
    titles: Mapping[str, str],
    contradicted: Mapping[int, int],
    learnt: Mapping[int, float],
) -> tuple[Question, ...]:
    """The unlabelled investigations, those first whose label would teach most.

    A label teaches most where it cannot be guessed: the probability by the labels so far is near one half, another
    convention sees it in band, or there is no label of its signal yet.

    Args:
        cases: all of a time.
        members: the anomalies of each.
        titles: by signal.
        contradicted: how many conventions see a case's anomalies in band.
        learnt: how likely cases are true by the member that labels have trained; empty while it is off.
    """
    labels = {label: Counter(_subjects(cases, label)) for label in (Label.TRUE, Label.FALSE)}
    asked = [
        _question(case, members.get(case.id, ()), labels, titles, contradicted.get(case.id, 0), learnt)
        for case in cases
        if case.label is None
    ]
    return tuple(sorted(asked, key=lambda question: (-question.weight, -question.investigation))[:MOST])


def _subjects(cases: Sequence[InvestigationRecord], label: Label) -> list[tuple[str, ...]]:
    """What labelled cases are labels of: everything, their signals, these on their workload."""
    named = []
    for case in cases:
        if case.label is label:
            named += [subject for signal in case.signals for subject in _ladder(case, signal)[1:]] + [()]
    return named


def _ladder(case: InvestigationRecord, signal: str) -> tuple[tuple[str, ...], ...]:
    """From everything to one signal of one workload."""
    return ((), (signal,), (signal, workload_of(case.entity)))


def _question(
    case: InvestigationRecord,
    members: Sequence[AnomalyRecord],
    labels: Mapping[Label, Counter[tuple[str, ...]]],
    titles: Mapping[str, str],
    contradicted: int,
    learnt: Mapping[int, float],
) -> Question:
    signal = case.signals[0] if case.signals else ""
    likely, known = 0.5, 0
    for subject in _ladder(case, signal):
        true, known = labels[Label.TRUE][subject], labels[Label.TRUE][subject] + labels[Label.FALSE][subject]
        likely = (true + PRIOR * likely) / (known + PRIOR)
    if case.id in learnt:
        likely = _averaged(likely, learnt[case.id])
    peak = max((anomaly.peak_score for anomaly in members), default=case.score)
    of_signal = labels[Label.TRUE][(signal,)] + labels[Label.FALSE][(signal,)]
    reasons = {
        "another convention sees it in band": 0.5 * bool(contradicted),
        f"no label of {titles.get(signal, signal)} yet": 0.4 * (not of_signal),
        f"its score of {peak:.1f} is near the threshold": 0.2 * (peak < NEAR),
        f"as likely true as false ({likely:.0%})": 1 - abs(2 * likely - 1),
    }
    told = [text for text, weight in reasons.items() if weight >= 0.2]
    return Question(
        investigation=case.id,
        title=case.title,
        workload=workload_of(case.entity),
        signal=signal,
        likely=likely,
        weight=sum(reasons.values()),
        why="; ".join(told[:2]) or f"probably {'true' if likely > 0.5 else 'false'} ({likely:.0%})",
    )


def _averaged(one: float, other: float) -> float:
    """The probability whose log-odds are the mean of both."""
    odds = math.sqrt(one / (1 - one) * other / (1 - other))
    return odds / (1 + odds)
