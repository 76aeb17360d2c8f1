"""Which cases are investigated when, and where what they come to is kept.

A case is investigated as soon as it opens, again when it changes or ends, and on a timer while it lasts, since what was
true a minute ago need not be. All of it happens after a cycle has been stored, so that nobody waits for it.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from app.call_graph import Calls
from app.consequences import Consequences
from app.investigation.pipeline import investigate
from app.investigation.scene import Scene
from app.investigation.sources import BUDGET_SECONDS, AskedOnce
from detectors.cluster import ClusterState
from storage.records import AnomalyState, Lifecycle, TimelineEntry, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from app.investigation.readings import Readings
    from app.sources.base import ClusterSource, MetricsSource
    from detectors.catalog import Catalogue
    from detectors.model import Entity, Fact
    from storage.database import Store
    from storage.records import Announcement, AnomalyRecord, Conclusion, EvidenceRecord, InvestigationRecord

log = logging.getLogger(__name__)

WORKERS = 4
"""Questions that one investigation asks at a time."""

AGAIN_SECONDS = (60.0, 300.0)
"""How soon a case is looked at again: in its first ten minutes, and later."""
YOUNG_SECONDS = 600.0

TELL_SECONDS = 0.5
"""How often a ledger that fills is shown anew."""

NEAR_SECONDS = 300.0
"""Onsets that are no further apart may have one cause."""


class Surroundings(NamedTuple):
    """What the cycle that was just stored leaves to be investigated."""

    state: ClusterState | None
    now: float
    """By the cluster's clock."""
    newest: float
    """Of the metrics server's samples."""
    anomalies: Sequence[AnomalyRecord]
    """Living, and over since a short while."""
    facts: Mapping[int, Sequence[Fact]]
    metrics: MetricsSource | None
    """None where it does not answer."""
    readings: Readings | None = None
    """The catalogue's numbers on that server."""


class _Known(NamedTuple):
    at: float
    version: tuple[object, ...]
    conclusion: Conclusion | None
    muted: int | None
    """The rule that hid the case then."""


@dataclass
class Investigator:
    """Investigates the cases of one cluster, the gravest first."""

    cluster: str
    store: Store
    catalogue: Catalogue
    objects: ClusterSource | None
    grouping_seconds: float = 600.0
    """Onsets that are further apart have different causes."""
    owner: str = ""
    """Names this process among those that share the store."""
    live: bool = True
    """Whether answers take time; what is replayed has them at once, and in one order."""
    told: Callable[[], None] = field(default=lambda: None)
    """Called when ledgers and conclusions have grown, not more often than can be looked at."""
    announce: Callable[[InvestigationRecord, Conclusion, Sequence[AnomalyRecord]], Announcement | None] = field(
        default=lambda *_: None
    )
    """What the outside shall be told of a case; stored together with what it came to."""
    round_seconds: float = BUDGET_SECONDS
    """How long the investigations after one cycle may take; the other cases come after the next one."""
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._rows = {row.id: row for row in self.catalogue.rows}
        self._known: dict[int, _Known] = {}
        self._calls = Calls()
        self._consequences = Consequences(self._rows, self.grouping_seconds)
        self._told_at = float("-inf")
        self._untold = False
        self._pool = ThreadPoolExecutor(WORKERS if self.live else 1, thread_name_prefix="investigation")

    def close(self) -> None:
        """Let go of the workers."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def forget(self) -> None:
        """Another process may have written: what was concluded is read again."""
        self._known.clear()

    def investigate(self, around: Surroundings) -> None:
        """Investigate what is due, for as long as a round may take.

        Raises:
            StoreError: a conclusion cannot be stored; the case is due again.
        """
        members: dict[int, list[AnomalyRecord]] = {}
        for anomaly in around.anomalies:
            members.setdefault(anomaly.investigation, []).append(anomaly)
        self._known = {number: known for number, known in self._known.items() if number in members}
        ends = self.clock() + self.round_seconds
        cases = self._connected(around)
        for case in self._due(cases, members, around.now):
            if self.clock() >= ends and self.live:
                break
            attached = [a for each in cases.values() if each.part_of == case.id for a in members[each.id]]
            self._investigate(case, members[case.id], attached, around)
        if self._untold:
            self._show()

    def _connected(self, around: Surroundings) -> dict[int, InvestigationRecord]:
        """The cases of all anomalies, by id, after it has been seen which of them are consequences of others."""
        cases = {case.id: case for case in self.store.investigations.many({a.investigation for a in around.anomalies})}
        living = [anomaly for anomaly in around.anomalies if anomaly.closed is None]
        if around.readings is not None and living:
            gravest = sorted(living, key=lambda a: (-a.severity.rank, a.id))
            self._calls.ask(around.readings, (a.entity.namespace for a in gravest), around.state, around.now)
        changed = self._consequences.attached(
            cases.values(), living, self._calls.graph, around.state, partial(_rolled_out, around.state), around.now
        )
        if changed:
            self.store.investigations.attach(changed, _attachments(cases, changed, around.now), self.owner)
            self._untold = True
        return cases | {number: replace(cases[number], part_of=root) for number, root in changed.items()}

    def _due(
        self,
        cases: Mapping[int, InvestigationRecord],
        members: Mapping[int, Sequence[AnomalyRecord]],
        now: float,
    ) -> list[InvestigationRecord]:
        waiting = [
            number
            for number, anomalies in members.items()
            if (known := self._known.get(number)) is None
            or known.version != _version(anomalies)
            or (number in cases and known.muted != cases[number].muted)
            or (now - known.at >= _pause(anomalies, now) and any(a.closed is None for a in anomalies))
        ]
        due = [cases[number] for number in waiting if number in cases]
        due = [case for case in due if case.lifecycle is not Lifecycle.CLOSED]
        return sorted(
            due,
            key=lambda case: (case.id in self._known, case.part_of > 0, -case.severity.rank, -case.score, case.id),
        )

    def _investigate(
        self,
        case: InvestigationRecord,
        anomalies: Iterable[AnomalyRecord],
        attached: Sequence[AnomalyRecord],
        around: Surroundings,
    ) -> None:
        ordered = sorted(anomalies, key=lambda a: (a.closed is not None, -a.severity.rank, -a.score, a.id))
        before = self._known[case.id].conclusion if case.id in self._known else self.store.conclusions.of(case.id)
        scene = self._scene(case, ordered, attached, before, around)
        try:
            conclusion, lines, changes = investigate(scene, self._pool, self._tell, self.clock)
        except Exception:
            # One case that cannot be investigated must not keep the others from it.
            log.exception("investigating case %s", case.id)
            self._known[case.id] = _Known(around.now, _version(ordered), before, case.muted)
            return
        if conclusion.verdict is Verdict.RECOVERED or not any(a.present for a in ordered if a.closed is None):
            conclusion = _carried(before, conclusion)
        told = self.announce(case, conclusion, ordered)
        self.store.conclusions.write(conclusion, lines, (*changes, *_changes(before, conclusion)), self.owner, told)
        self._known[case.id] = _Known(around.now, _version(ordered), conclusion, case.muted)
        self._show_soon()

    def _scene(
        self,
        case: InvestigationRecord,
        anomalies: Sequence[AnomalyRecord],
        attached: Sequence[AnomalyRecord],
        before: Conclusion | None,
        around: Surroundings,
    ) -> Scene:
        seconds = BUDGET_SECONDS if self.live else float("inf")
        return Scene(
            case=case,
            anomalies=tuple(anomalies),
            rows=self._rows,
            state=around.state or ClusterState(self.cluster, around.now),
            sources=AskedOnce(
                self.cluster, around.metrics, self.objects, self.store, seconds, self.clock, around.readings
            ),
            now=around.now,
            newest=around.newest,
            facts=around.facts,
            silence=self._silence(case, around.now),
            graph=self._calls.graph,
            attached=tuple(attached),
            before=before,
            elsewhere=tuple(a for a in around.anomalies if a.investigation != case.id and a.closed is None),
            related=tuple(
                a
                for a in around.anomalies
                if a.investigation != case.id and a.closed is None and abs(a.onset - case.onset) <= NEAR_SECONDS
            ),
        )

    def _silence(self, case: InvestigationRecord, now: float) -> str:
        """The rule that mutes a case, in words; empty where none does."""
        rule = self.store.rules.get(case.muted) if case.muted is not None else None
        if rule is None or not rule.holds(now):
            return ""
        until = f" until {datetime.fromtimestamp(rule.expires, UTC):%Y-%m-%d %H:%M} UTC" if rule.expires else ""
        return f"muted by {rule.owner}{until}: {rule.reason}"

    def _tell(self, lines: tuple[EvidenceRecord, ...]) -> None:
        if lines and self.live:
            self.store.conclusions.tell(lines, self.owner)
            self._show_soon()

    def _show_soon(self) -> None:
        self._untold = True
        if self.clock() - self._told_at >= TELL_SECONDS:
            self._show()

    def _show(self) -> None:
        self._told_at, self._untold = self.clock(), False
        self.told()


def _rolled_out(state: ClusterState | None, entity: Entity) -> float | None:
    """When a workload's newest revision appeared; None where it never had another."""
    sets = state.revisions(entity.kind, entity.namespace, entity.name) if state is not None else ()
    return sets[0].metadata.created if len(sets) > 1 else None


def _attachments(
    cases: Mapping[int, InvestigationRecord], changed: Mapping[int, int], now: float
) -> Iterator[tuple[int, TimelineEntry]]:
    """What the timelines of both cases say of an attachment."""
    for number, root in changed.items():
        before = cases[number].part_of
        if root:
            yield number, TimelineEntry(now, "case", f"a consequence of #{root}, {cases[root].entity.title}")
            yield root, TimelineEntry(now, "case", f"has a consequence: #{number}, {cases[number].entity.title}")
        else:
            yield number, TimelineEntry(now, "case", f"goes on without #{before}: stands for itself again")


def _version(anomalies: Iterable[AnomalyRecord]) -> tuple[object, ...]:
    """Of two that are equal, nothing has happened that calls for another look."""
    return tuple(sorted((a.id, a.state is AnomalyState.HELD, a.closed is not None, a.severity) for a in anomalies))


def _pause(anomalies: Iterable[AnomalyRecord], now: float) -> float:
    first, later = AGAIN_SECONDS
    return first if now - min(a.opened for a in anomalies) < YOUNG_SECONDS else later


def _carried(before: Conclusion | None, after: Conclusion) -> Conclusion:
    """Of what heals its causes stay known: the objects that told of them tell it no more. Its impact is of now."""
    if before is None or after.causes:
        return after
    return replace(
        after,
        causes=before.causes,
        ruled_out=before.ruled_out,
        scope=before.scope,
        commands=before.commands if after.verdict is not Verdict.RECOVERED else tuple(_left_to_do(before)),
    )


def _left_to_do(before: Conclusion) -> Iterator[str]:
    """The commands that make sense once it is over: to undo a release that is well, or gone, would bring it back."""
    return (command for command in before.commands if " rollout undo " not in command)


def _changes(before: Conclusion | None, after: Conclusion) -> tuple[TimelineEntry, ...]:
    """A line of the timeline where the verdict, the likely cause or the priority has changed."""
    lead = after.causes[0] if after.causes else None
    known = before.causes[0].id if before is not None and before.causes else None
    if before is not None and before.verdict is after.verdict and known == (lead.id if lead is not None else None):
        if before.priority is after.priority:
            return ()
        text = f"{before.priority} -> {after.priority}: {after.priority_reason}"
        return (TimelineEntry(after.at, "priority", text),)
    cause = f"; likely cause: {lead.title}" if lead is not None else ""
    return (TimelineEntry(after.at, "verdict", f"{after.verdict} {after.priority}: {after.reason}{cause}"),)
