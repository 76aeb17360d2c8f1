"""Weighing causes: a visible sum of points for each candidate, and what was ruled out.

Points follow section 6 of the playbooks: a decisive structured field, a second kind of source that agrees, an onset
that is not later than the symptom's, a scope that matches, an earlier label; against it contradictions, sources that
could not be read, and a competitor that is as likely.
"""

from __future__ import annotations

from collections import defaultdict
from string import Formatter
from typing import TYPE_CHECKING

from msgspec.structs import replace as changed

from detectors.model import Confidence
from storage.records import CauseRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from app.investigation.model import Cause, Clue, Clues, Scope

SECOND_SOURCE, IN_TIME, IN_SCOPE, LABELLED = 15, 10, 10, 5
CONTRADICTION, UNSEEN, COMPETITOR = -30, -15, -10
HIGH, MEDIUM, LEAST = 75, 50, 40
"""Points from which a cause is given with that confidence; below the least one it is not given at all."""
COMPETING = 10
"""Two candidates within so many points compete."""
SLACK_SECONDS = 60.0
"""A cause may seem to begin this much later than its symptom: they are seen by different clocks and scrapes."""


def weigh(
    causes: Iterable[Cause], clues: Clues, scope: Scope, onset: float, labelled: frozenset[str] = frozenset()
) -> tuple[tuple[CauseRecord, ...], tuple[CauseRecord, ...]]:
    """The likely causes, best first, and those that were considered and do not hold.

    Args:
        causes: the tables of the classes in question; of two with one id the first counts.
        clues: everything collected.
        scope: how wide the problem is.
        onset: unix seconds at which it began.
        labelled: ids of causes that an engineer confirmed here before.
    """
    table = {cause.id: cause for cause in reversed(list(causes))}
    candidates = sorted(
        (
            _scored(cause, clues, scope, onset, cause.id in labelled)
            for cause in table.values()
            if _made_out(cause, clues)
        ),
        key=lambda record: -record.points,
    )
    likely = [record for record in _competing(candidates) if record.points >= LEAST]
    out = [record for record in candidates if record.points < LEAST]
    out += [_ruled_out(cause, clues) for cause in table.values() if _considered(cause, clues)]
    return tuple(likely), tuple(out)


def _made_out(cause: Cause, clues: Clues) -> bool:
    return clues.hold(*cause.requires) and (not cause.any_of or any(map(clues.hold, cause.any_of)))


def _considered(cause: Cause, clues: Clues) -> bool:
    """Whether something was looked for that this cause needs, and is known not to be so."""
    if _made_out(cause, clues):
        return False
    missing = [name for name in (*cause.requires, *cause.any_of) if not clues.hold(name)]
    return any(clue.holds is False for name in missing for clue in clues.by_name.get(name, ()))


def _scored(cause: Cause, clues: Clues, scope: Scope, onset: float, labelled: bool) -> CauseRecord:
    core = [clue for name in (*cause.requires, *cause.any_of) for clue in clues.holding(name)]
    agreeing = [clue for name in cause.supports for clue in clues.holding(name)]
    against = [clue for name in cause.contradicts for clue in clues.holding(name)]
    missed = [clues.by_name[name][0] for name in (*cause.supports, *cause.contradicts) if clues.unknown(name)]
    unseen = list({clue.unseen or clue.name: clue for clue in missed}.values())
    total = [("what decides it", cause.points)]
    if len({clue.origin for clue in (*core, *agreeing)}) > 1:
        total.append(("a second kind of source agrees", SECOND_SOURCE))
    began = [clue.at for clue in core if clue.at is not None]
    if began and min(began) <= onset + SLACK_SECONDS:
        total.append(("not later than the problem", IN_TIME))
    if scope in cause.scopes:
        total.append(("as wide as the problem", IN_SCOPE))
    if labelled:
        total.append(("confirmed here before", LABELLED))
    total += [(f"against it: {name}", CONTRADICTION) for name in dict.fromkeys(clue.name for clue in against)]
    total += [(f"not seen: {clue.unseen or clue.name}", UNSEEN) for clue in unseen]
    points = sum(worth for _, worth in total)
    return CauseRecord(
        id=cause.id,
        title=filled(cause.title, (*core, *agreeing)),
        points=points,
        confidence=confidence(points),
        sum=tuple(total),
        supports=tuple(dict.fromkeys(clue.text for clue in (*core, *agreeing))),
        contradicts=tuple(dict.fromkeys(clue.text for clue in against)),
        unknown=tuple(clue.text for clue in missed),
    )


def _competing(candidates: Sequence[CauseRecord]) -> Iterator[CauseRecord]:
    """Two in front that are as likely cost each other points: neither is sure then."""
    first, second = (*candidates, None, None)[:2]
    if first is None or second is None or first.points - second.points >= COMPETING:
        yield from candidates
        return
    for record, rival in ((first, second), (second, first)):
        points = record.points + COMPETITOR
        total = (*record.sum, (f"as likely: {rival.id}", COMPETITOR))
        yield changed(record, points=points, confidence=confidence(points), sum=total)
    yield from candidates[2:]


def _ruled_out(cause: Cause, clues: Clues) -> CauseRecord:
    named = (*cause.requires, *cause.any_of)
    against = [clue for name in named for clue in clues.by_name.get(name, ()) if clue.holds is False]
    return CauseRecord(
        id=cause.id,
        title=_general(cause, against),
        points=0,
        confidence=Confidence.LOW,
        sum=(),
        supports=(),
        contradicts=tuple(dict.fromkeys(clue.text for clue in against)),
    )


def _general(cause: Cause, clues: Sequence[Clue]) -> str:
    """The title of what is ruled out; by its id where there is nobody to name."""
    named = {name for clue in clues for name, value in clue.fills.items() if value}
    wanted = {name for _, name, _, _ in Formatter().parse(cause.title) if name}
    return filled(cause.title, clues) if wanted <= named else cause.id.replace("-", " ")


def confidence(points: int) -> Confidence:
    """How sure so many points are."""
    return Confidence.HIGH if points >= HIGH else Confidence.MEDIUM if points >= MEDIUM else Confidence.LOW


def filled(template: str, clues: Iterable[Clue]) -> str:
    """A title or command with what the clues put into it; of two that fill the same name the first does."""
    values: defaultdict[str, str] = defaultdict(lambda: "?")
    for clue in clues:
        for name, value in clue.fills.items():
            values.setdefault(name, value)
    return template.format_map(values)
