"""One investigation, from a scene to a conclusion: collect, ask the gates, weigh the causes, give a verdict."""

from __future__ import annotations

import contextlib
import logging
import shlex
import time
from concurrent.futures import Executor, as_completed
from typing import TYPE_CHECKING, NamedTuple

from app.investigation.causes import weigh
from app.investigation.common import COMMON
from app.investigation.container_causes import UNDO
from app.investigation.gates import ask_gates
from app.investigation.model import Clue, Clues, Step
from app.investigation.playbooks import GENERAL, playbooks_for
from app.investigation.recovery import has_way_back
from app.investigation.scope import scope_of
from app.investigation.verdict import urgency_of, verdict_of
from app.redaction import redact
from app.sources.base import SourceError
from storage.records import CauseRecord, Conclusion, EvidenceRecord, Stance, TimelineEntry, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from app.investigation.model import Collector, Playbook
    from app.investigation.scene import Scene

log = logging.getLogger(__name__)

MOST_COMMANDS = 8


class Investigation(NamedTuple):
    """What came of one."""

    conclusion: Conclusion
    lines: tuple[EvidenceRecord, ...]
    """The ledger, in the order of the steps."""
    changes: tuple[TimelineEntry, ...] = ()
    """What changed around it, for its timeline."""


def investigate(
    scene: Scene,
    pool: Executor,
    told: Callable[[tuple[EvidenceRecord, ...]], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> Investigation:
    """Investigate a case.

    Args:
        scene: what it is about.
        pool: where collectors wait for answers side by side.
        told: hears the lines of each collector as soon as it is done; on this thread.
        clock: a monotonic one, for how long it took.
    """
    began = clock()
    books = playbooks_for(scene.living or scene.anomalies) or (GENERAL,)
    collectors = tuple(dict.fromkeys((*COMMON, *(each for book in books for each in book.collectors))))
    found: dict[str, tuple[Clue, ...]] = {}
    asked = {pool.submit(_collected, scene, each): each for each in collectors}
    for done in as_completed(asked):
        each = asked[done]
        found[each.name] = done.result()
        told(tuple(_lines(scene, each, found[each.name], {})))
    ordered = sorted(collectors, key=lambda each: list(Step).index(each.step))
    return _concluded(scene, books, {each: found[each.name] for each in ordered}, clock() - began)


def _collected(scene: Scene, each: Collector) -> tuple[Clue, ...]:
    """What a collector tells; where it cannot be asked or is refused, that everything it could tell is unknown."""
    missing = [need for need in each.needs if not _readable(scene, need)]
    if missing:
        return _unknown(each, f"not permitted, or not there, to read {', '.join(missing)}")
    try:
        return tuple(each.collect(scene))
    except SourceError as error:
        return _unknown(each, error.message)
    except Exception as error:
        # What one collector cannot cope with must not cost the others' evidence.
        log.exception("collecting %s of case %s", each.name, scene.case.id)
        return _unknown(each, f"{type(error).__name__} while looking")


def _readable(scene: Scene, need: str) -> bool:
    if need == "metrics":
        return scene.sources.has_metrics
    if need == "logs":
        return scene.sources.has_logs
    return scene.state.readable(need)


def _unknown(each: Collector, why: str) -> tuple[Clue, ...]:
    return tuple(
        Clue(
            name=name,
            holds=None,
            text=f"{name.replace('.', ': ').replace('-', ' ')}: unknown, {why}",
            source="",
            unseen=why,
        )
        for name in each.tells
    )


def _concluded(
    scene: Scene, books: Sequence[Playbook], told: Mapping[Collector, tuple[Clue, ...]], seconds: float
) -> Investigation:
    clues = Clues.of(clue for each in told.values() for clue in each)
    scope, scope_text = scope_of(scene)
    causes, ruled_out = weigh((cause for book in books for cause in book.causes), clues, scope, scene.onset)
    outcome = ask_gates(scene, clues, books[0].noise, causes[0].id if causes else "")
    unknown = tuple(dict.fromkeys(clue.text for each in told.values() for clue in each if clue.holds is None))
    finding = verdict_of(scene, books[0], clues, outcome, causes, unknown)
    priority, why, urgency = urgency_of(scene, books[0], clues, finding, outcome)
    conclusion = Conclusion(
        investigation=scene.case.id,
        at=scene.now,
        playbook=books[0].id,
        verdict=finding.verdict,
        reason=redact(finding.reason),
        confidence=finding.confidence,
        priority=priority,
        priority_reason=redact(why),
        scope=redact(scope_text),
        impact=tuple(redact(clue.text) for clue in _of_step(told, Step.IMPACT) if clue.holds),
        causes=tuple(map(_redacted, causes)),
        ruled_out=tuple(map(_redacted, ruled_out)),
        gates=outcome.records,
        commands=tuple(_commands(scene, books, causes, clues, finding.verdict))[:MOST_COMMANDS],
        unknown=tuple(map(redact, unknown)),
        seconds=seconds,
        urgency=urgency,
    )
    stances = dict(_stances(books, causes, clues))
    lines = tuple(line for each, found in told.items() for line in _lines(scene, each, found, stances))
    return Investigation(conclusion, lines, tuple(_changes(clues)))


def _changes(clues: Clues) -> Iterator[TimelineEntry]:
    for told in clues.by_name.values():
        for clue in told:
            if clue.change and clue.at is not None:
                yield TimelineEntry(clue.at, clue.change, redact(clue.text))


def _of_step(told: Mapping[Collector, tuple[Clue, ...]], step: Step) -> Iterator[Clue]:
    return (clue for each, clues in told.items() if each.step is step for clue in clues)


def _redacted(record: CauseRecord) -> CauseRecord:
    return CauseRecord(
        record.id,
        redact(record.title),
        record.points,
        record.confidence,
        record.sum,
        tuple(map(redact, record.supports)),
        tuple(map(redact, record.contradicts)),
        tuple(map(redact, record.unknown)),
    )


def _stances(books: Iterable[Playbook], causes: Sequence[CauseRecord], clues: Clues) -> Iterator[tuple[str, Stance]]:
    """What each clue says of the likely cause, by its name; a clue that is not of its table is silent."""
    lead = next((c for book in books for c in book.causes if causes and c.id == causes[0].id), None)
    if lead is None:
        return
    for name in (*lead.requires, *lead.any_of, *lead.supports):
        if clues.hold(name):
            yield name, Stance.SUPPORTS
    for name in lead.contradicts:
        if clues.hold(name):
            yield name, Stance.CONTRADICTS


def _commands(
    scene: Scene, books: Iterable[Playbook], causes: Sequence[CauseRecord], clues: Clues, verdict: Verdict
) -> Iterator[str]:
    """What to run next: for the likely cause first, then for the class."""
    books = tuple(books)
    by_id = {cause.id: cause for book in reversed(books) for cause in book.causes}
    templates = [text for record in causes[:2] for text in by_id[record.id].commands]
    templates += [text for book in books for text in book.commands]
    if verdict is Verdict.RECOVERED or not has_way_back(scene, clues):
        templates = [text for text in templates if text != UNDO]
    values: dict[str, str] = {}
    for fills in (scene.names, *(clue.fills for told in clues.by_name.values() for clue in told if clue.holds)):
        for name, value in fills.items():
            values.setdefault(name, shlex.quote(value))
    for template in dict.fromkeys(templates):
        with contextlib.suppress(KeyError):  # it is about something that this case does not have
            yield template.format_map(values)


def _lines(
    scene: Scene, each: Collector, found: Iterable[Clue], stances: Mapping[str, Stance]
) -> Iterator[EvidenceRecord]:
    for clue in found:
        known = Stance.UNKNOWN if clue.holds is None else Stance.SILENT
        yield EvidenceRecord(
            id=0,
            investigation=scene.case.id,
            anomaly=None,
            step=each.step,
            text=redact(clue.text),
            source=clue.source,
            value=redact(clue.value),
            at=clue.at,
            recorded=scene.now,
            stance=stances.get(clue.name, known) if clue.holds else known,
            field=clue.field,
            clue=clue.name,
        )
