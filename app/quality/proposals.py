"""Rules that labels ask for: each replayed on what is stored, with all that it would have hidden, before it is shown.

A rule is proposed where it would have hidden several findings labelled false, and next to none labelled true.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from app.quality.matching import workload_of
from app.quality.rules import covers, hides, names
from detectors.quality.shares import Share, wilson
from storage.records import Label, Pattern, Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from storage.records import AnomalyRecord, InvestigationRecord

FEWEST = 3
"""Findings labelled false that a rule must hide to be worth a word."""
COST_OF_TRUE = 5
"""False ones that one lost true one outweighs."""
MOST = 5
"""Proposals at once: the best."""
MUTE_SECONDS = 30 * 86_400.0
"""How long a mute lasts: what flaps now may tell something next month."""
WINDOW_HOURS = 4
"""Of the day, that a mute by the clock spans."""
MOST_THRESHOLDS = 8
"""Tried for one signal of one workload."""
HOPELESS = 10
"""Findings labelled false without a single true one from which on a row is better off here."""
THRESHOLD, MUTE, DISABLE = "raise the threshold", "mute", "disable here"
HIGHEST = 3.0
"""Threshold that is proposed: what lies far beyond it is muted, or it is not."""
ABOVE = 1.05
"""How far over the highest false score a threshold is raised."""


class Effect(Struct, frozen=True):
    """What a pattern would have hidden."""

    cases: tuple[int, ...]
    """The investigations."""
    false: int
    true: int
    """The true ones that would have been lost."""
    lost: tuple[int, ...]
    """Their numbers."""
    unsure: int
    unlabelled: int
    precision_before: Share
    """Of all labelled cases in which its signal, or workload, took part."""
    precision_after: Share


class Proposal(Struct, frozen=True):
    """A rule, and what it would have done."""

    pattern: Pattern
    kind: str
    """`raise the threshold`, `mute`, `disable here`."""
    reason: str
    """Why, for the rule's record."""
    lasting: float | None
    """Seconds until it ends by itself; None: it lasts."""
    effect: Effect
    stays: tuple[str, ...] = ()
    """Signals with their workloads that keep the case told which it was asked for: the pattern is not about these."""


class Stored:
    """The past that rules are replayed on.

    Args:
        cases: by number.
        members: the anomalies of each.
    """

    def __init__(
        self, cases: Mapping[int, InvestigationRecord], members: Mapping[int, Sequence[AnomalyRecord]]
    ) -> None:
        self.cases = cases
        self.members = {number: members.get(number, ()) for number in cases}
        self._with: dict[str, list[int]] = defaultdict(list)
        """Cases by the signals that took part in them."""
        for number, anomalies in self.members.items():
            for signal in {anomaly.signal for anomaly in anomalies}:
                self._with[signal].append(number)

    def about(self, pattern: Pattern) -> Iterable[int]:
        """The cases in which a pattern's signal took part; all where it names none."""
        return self._with.get(pattern.signal, ()) if pattern.signal else self.cases


def replay(pattern: Pattern, stored: Stored) -> Effect:
    """What a pattern would have hidden of the past."""
    about = [
        number for number in stored.about(pattern) if pattern.signal or names(pattern, stored.cases[number].entity)
    ]
    hidden = [number for number in about if hides([pattern], stored.members[number])]
    labels = Counter(stored.cases[number].label for number in hidden)
    before = Counter(stored.cases[number].label for number in about)
    true, false = before[Label.TRUE], before[Label.FALSE]
    return Effect(
        cases=tuple(sorted(hidden)),
        false=labels[Label.FALSE],
        true=labels[Label.TRUE],
        lost=tuple(sorted(number for number in hidden if stored.cases[number].label is Label.TRUE)),
        unsure=labels[Label.UNSURE],
        unlabelled=labels[None],
        precision_before=wilson(true, true + false),
        precision_after=wilson(true - labels[Label.TRUE], true - labels[Label.TRUE] + false - labels[Label.FALSE]),
    )


def proposals(stored: Stored) -> tuple[Proposal, ...]:
    """The rules that the labels ask for, the best first; none for what a better one hides already."""
    replayed = [_proposal(*candidate, stored) for candidate in _candidates(stored)]
    left = [each for each in replayed if _worth(each.effect, stored) > 0]
    found: list[Proposal] = []
    taken: set[int] = set()
    while left and len(found) < MOST:
        best = max(left, key=lambda each: (_worth(each.effect, stored, taken), -each.effect.unlabelled))
        if _worth(best.effect, stored, taken) < FEWEST:
            break
        found.append(best)
        taken |= set(best.effect.cases)
    return tuple(found)


def _proposal(pattern: Pattern, kind: str, lasting: float | None, stored: Stored) -> Proposal:
    effect = replay(pattern, stored)
    reason = f"hides {effect.false} labelled false and {effect.true} labelled true of the time it was replayed on"
    return Proposal(pattern, kind, reason, lasting, effect)


def _worth(effect: Effect, stored: Stored, taken: Collection[int] = ()) -> float:
    """False findings hidden that no other rule hides, less the price of the true ones lost."""
    labels = Counter(stored.cases[number].label for number in effect.cases if number not in taken)
    return labels[Label.FALSE] - COST_OF_TRUE * labels[Label.TRUE]


def mutes(case: InvestigationRecord, stored: Stored) -> tuple[Proposal, ...]:
    """The ways to mute one case's pattern, the narrowest first, each with what it would have hidden."""
    workload, signal = workload_of(case.entity), case.signals[0] if case.signals else ""
    namespace, _, name = workload.rpartition("/")
    patterns = [Pattern(signal, workload)]
    if namespace and name:
        patterns.append(Pattern(signal, f"{namespace}/*"))
    patterns += [Pattern("", workload), Pattern(signal)]
    reason, members = f"muted from investigation {case.id}", stored.members.get(case.id, ())
    return tuple(
        Proposal(pattern, MUTE, reason, MUTE_SECONDS, replay(pattern, stored), _uncovered(pattern, members))
        for pattern in patterns
    )


def _uncovered(pattern: Pattern, members: Iterable[AnomalyRecord]) -> tuple[str, ...]:
    """What else is out of band in a case: a case is hidden as a whole, or not."""
    others = (anomaly for anomaly in members if not covers(pattern, anomaly))
    return tuple(dict.fromkeys(f"{anomaly.signal} of {workload_of(anomaly.entity)}" for anomaly in others))


def _candidates(stored: Stored) -> Iterator[tuple[Pattern, str, float | None]]:
    """Patterns around what was labelled false; a duplicate is not the detector's fault."""
    false: dict[tuple[str, str], list[AnomalyRecord]] = defaultdict(list)
    for number, case in stored.cases.items():
        if case.label is Label.FALSE and case.label_reason != Reason.DUPLICATE:
            for anomaly in stored.members.get(number, ()):
                workload = workload_of(anomaly.entity)
                namespace = f"{workload.rpartition('/')[0]}/*" if "/" in workload else ""
                for signal, where in ((anomaly.signal, workload), (anomaly.signal, namespace), (anomaly.signal, "*")):
                    false[signal, where].append(anomaly)
    for (signal, where), anomalies in false.items():
        if not where or len(anomalies) < FEWEST:
            continue
        scores = sorted({anomaly.peak_score for anomaly in anomalies if anomaly.peak_score * ABOVE <= HIGHEST})
        for score in scores[:: max(1, len(scores) // MOST_THRESHOLDS)] + scores[-1:]:
            yield Pattern(signal, where, below=round(score * ABOVE, 3)), THRESHOLD, None
        if (hours := _hours(anomalies)) is not None:
            yield Pattern(signal, where, hours=hours), MUTE, MUTE_SECONDS
        if len(anomalies) >= HOPELESS and not any(_is_true(stored, n) for n in stored.about(Pattern(signal))):
            yield Pattern(signal, where), DISABLE, None
        elif where != "*":
            yield Pattern(signal, where), MUTE, MUTE_SECONDS


def _is_true(stored: Stored, number: int) -> bool:
    return stored.cases[number].label is Label.TRUE


def _hours(anomalies: Sequence[AnomalyRecord]) -> tuple[int, int] | None:
    """The hours of the day in which nearly all of them began; None where they began at all hours."""
    begun = Counter(datetime.fromtimestamp(anomaly.onset, UTC).hour for anomaly in anomalies)

    def within(first: int) -> int:
        return sum(begun[(first + place) % 24] for place in range(WINDOW_HOURS))

    first = max(range(24), key=within)
    return (first, (first + WINDOW_HOURS) % 24) if within(first) >= 0.8 * len(anomalies) else None
