"""Which cases are investigated when, and where what they come to is kept.

A case is investigated as soon as it opens, again when it changes or ends, and on a timer while it lasts, since what was
true a minute ago need not be. All of it happens after a cycle has been stored, so that nobody waits for it.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from app.investigation.pipeline import investigate
from app.investigation.scene import Scene
from app.investigation.sources import BUDGET_SECONDS, AskedOnce
from detectors.cluster import ClusterState
from storage.records import AnomalyState, Lifecycle, TimelineEntry, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from app.sources.base import ClusterSource, MetricsSource
    from detectors.catalog import Catalogue
    from detectors.model import Fact
    from storage.database import Store
    from storage.records import AnomalyRecord, Conclusion, EvidenceRecord, InvestigationRecord

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


class _Known(NamedTuple):
    at: float
    version: tuple[object, ...]
    conclusion: Conclusion | None


@dataclass
class Investigator:
    """Investigates the cases of one cluster, the gravest first."""

    cluster: str
    store: Store
    catalogue: Catalogue
    objects: ClusterSource | None
    owner: str = ""
    """Names this process among those that share the store."""
    live: bool = True
    """Whether answers take time; what is replayed has them at once, and in one order."""
    told: Callable[[], None] = field(default=lambda: None)
    """Called when ledgers and conclusions have grown, not more often than can be looked at."""
    round_seconds: float = BUDGET_SECONDS
    """How long the investigations after one cycle may take; the other cases come after the next one."""
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._rows = {row.id: row for row in self.catalogue.rows}
        self._known: dict[int, _Known] = {}
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
        for case in self._due(members, around.now):
            if self.clock() >= ends and self.live:
                break
            self._investigate(case, members[case.id], around)
        if self._untold:
            self._show()

    def _due(self, members: Mapping[int, Sequence[AnomalyRecord]], now: float) -> list[InvestigationRecord]:
        waiting = [
            number
            for number, anomalies in members.items()
            if (known := self._known.get(number)) is None
            or known.version != _version(anomalies)
            or (now - known.at >= _pause(anomalies, now) and any(a.closed is None for a in anomalies))
        ]
        cases = [case for case in self.store.investigations.many(waiting) if case.lifecycle is not Lifecycle.CLOSED]
        return sorted(cases, key=lambda case: (case.id in self._known, -case.severity.rank, -case.score, case.id))

    def _investigate(self, case: InvestigationRecord, anomalies: Iterable[AnomalyRecord], around: Surroundings) -> None:
        ordered = sorted(anomalies, key=lambda a: (a.closed is not None, -a.severity.rank, -a.score, a.id))
        before = self._known[case.id].conclusion if case.id in self._known else self.store.conclusions.of(case.id)
        scene = self._scene(case, ordered, around)
        try:
            conclusion, lines, changes = investigate(scene, self._pool, self._tell, self.clock)
        except Exception:
            # One case that cannot be investigated must not keep the others from it.
            log.exception("investigating case %s", case.id)
            self._known[case.id] = _Known(around.now, _version(ordered), before)
            return
        conclusion = _carried(before, conclusion)
        self.store.conclusions.write(conclusion, lines, (*changes, *_changes(before, conclusion)), self.owner)
        self._known[case.id] = _Known(around.now, _version(ordered), conclusion)
        self._show_soon()

    def _scene(self, case: InvestigationRecord, anomalies: Sequence[AnomalyRecord], around: Surroundings) -> Scene:
        seconds = BUDGET_SECONDS if self.live else float("inf")
        return Scene(
            case=case,
            anomalies=tuple(anomalies),
            rows=self._rows,
            state=around.state or ClusterState(self.cluster, around.now),
            sources=AskedOnce(self.cluster, around.metrics, self.objects, self.store, seconds, self.clock),
            now=around.now,
            newest=around.newest,
            facts=around.facts,
            related=tuple(
                a
                for a in around.anomalies
                if a.investigation != case.id and a.closed is None and abs(a.onset - case.onset) <= NEAR_SECONDS
            ),
        )

    def _tell(self, lines: tuple[EvidenceRecord, ...]) -> None:
        if lines and self.live:
            self.store.conclusions.tell(lines)
            self._show_soon()

    def _show_soon(self) -> None:
        self._untold = True
        if self.clock() - self._told_at >= TELL_SECONDS:
            self._show()

    def _show(self) -> None:
        self._told_at, self._untold = self.clock(), False
        self.told()


def _version(anomalies: Iterable[AnomalyRecord]) -> tuple[object, ...]:
    """Of two that are equal, nothing has happened that calls for another look."""
    return tuple(sorted((a.id, a.state is AnomalyState.HELD, a.closed is not None, a.severity) for a in anomalies))


def _pause(anomalies: Iterable[AnomalyRecord], now: float) -> float:
    first, later = AGAIN_SECONDS
    return first if now - min(a.opened for a in anomalies) < YOUNG_SECONDS else later


def _carried(before: Conclusion | None, after: Conclusion) -> Conclusion:
    """Of what healed its causes stay known: the objects that told of them tell it no more."""
    if before is None or after.verdict is not Verdict.RECOVERED or after.causes:
        return after
    return replace(
        after,
        causes=before.causes,
        ruled_out=before.ruled_out,
        scope=before.scope,
        impact=before.impact,
        commands=before.commands,
    )


def _changes(before: Conclusion | None, after: Conclusion) -> tuple[TimelineEntry, ...]:
    """A line of the timeline where the verdict or the likely cause has changed."""
    lead = after.causes[0] if after.causes else None
    known = before.causes[0].id if before is not None and before.causes else None
    if before is not None and before.verdict is after.verdict and known == (lead.id if lead is not None else None):
        return ()
    cause = f"; likely cause: {lead.title}" if lead is not None else ""
    return (TimelineEntry(after.at, "verdict", f"{after.verdict} {after.priority}: {after.reason}{cause}"),)
