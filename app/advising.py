"""From histories and containers to what the advisor stores: its advice, ranked, and what each row could see."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.usage import KUBELETS
from detectors.model import Coverage, Sizing, SourceRef
from detectors.rightsizing import FIRST_VERDICT_SECONDS, Rule, advise
from storage.records import AdviceCoverage, AdviceRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from app.containers import ContainerKey
    from app.usage import UsageKey
    from detectors.catalog import Row
    from detectors.rightsizing import Advice, Container
    from detectors.usage import History

SAID = frozenset({Sizing.LOWER, Sizing.RAISE, Sizing.WITHHELD})
"""Outcomes that are listed; the others are counted."""
_ORDER = (Sizing.RAISE, Sizing.LOWER, Sizing.WITHHELD)
_BYTES_PER_CORE = 4 * 2**30
"""What clouds sell with a core, to rank cores and bytes by one number."""


@dataclass(frozen=True, slots=True)
class Past:
    """What one container used of one resource, and who told it."""

    history: History
    source: str
    """A convention id, or `metrics.k8s.io`."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What one row says of one container."""

    row: Row
    rule: Rule
    key: ContainerKey
    container: Container
    past: Past | None
    advice: Advice


def judged(
    row: Row, containers: Mapping[ContainerKey, Container], past: Callable[[ContainerKey, str], Past | None], now: float
) -> list[Judged]:
    """What a row says of every container.

    Args:
        row: one of the advisor's.
        containers: as they are now.
        past: what one used of a resource.
        now: unix seconds.
    """
    rule = Rule.of(row)
    found = []
    for key, container in containers.items():
        seen = past(key, rule.resource)
        advice = advise(rule, seen.history if seen is not None else None, container, now)
        found.append(Judged(row, rule, key, container, seen, advice))
    return found


def recorded(each: Judged, cluster: str, query: str) -> AdviceRecord:
    """Advice as the store keeps it; `query` gives the number behind it."""
    assert each.past is not None
    history, advice = each.past.history, each.advice
    return AdviceRecord(
        cluster=cluster,
        signal=each.row.id,
        entity=each.key.entity,
        container=each.key.name,
        resource=each.rule.resource,
        bound=each.rule.bound,
        outcome=advice.outcome,
        severity=each.row.severity.shifted(int(advice.severe)),
        confidence=advice.confidence,
        current=advice.current,
        observed=advice.observed,
        statistic=each.rule.statistic,
        peak=history.peak,
        peak_at=history.peak_at,
        worst_pod=history.peak_pod,
        suggestion=advice.suggestion,
        saving=advice.saving,
        replicas=each.container.replicas,
        span=history.span,
        points=history.points,
        reason=advice.reason,
        source=SourceRef(each.past.source, query),
    )


def ranked(records: Iterable[AdviceRecord]) -> list[AdviceRecord]:
    """Worst first: severity, then what to raise before what to lower, then how much is at stake."""

    def weight(record: AdviceRecord) -> float:
        amount = abs(record.saving) if record.saving == record.saving else 0.0
        return amount if record.resource == "cpu" else amount / _BYTES_PER_CORE

    return sorted(records, key=lambda r: (-r.severity.rank, _ORDER.index(r.outcome), -weight(r), r.entity, r.container))


def coverage_of(row: Row, found: Sequence[Judged], missing: Coverage, detail: str, now: float) -> AdviceCoverage:
    """What a row could see.

    Args:
        row: one of the advisor's.
        found: what it said.
        missing: what it means that there is no history at all.
        detail: what is the matter with its sources; empty when nothing is.
        now: unix seconds.
    """
    outcomes = [each.advice.outcome for each in found]
    learning = [each for each in found if each.advice.outcome is Sizing.LEARNING and each.past is not None]
    live = sum(outcome in SAID or outcome is Sizing.FITS for outcome in outcomes)
    sources = dict.fromkeys(each.past.source for each in found if each.past is not None)
    status = Coverage.LIVE if live else Coverage.LEARNING if learning else missing
    if learning and not live:
        detail = "; ".join(filter(None, (_awaited(learning, now), detail)))
    if not live and not detail:
        detail = _commonest(found)
    return AdviceCoverage(row.id, status, tuple(sources), live, len(learning), detail)


def _awaited(learning: Sequence[Judged], now: float) -> str:
    """What those lack that have some history: the rest of their first day, or what else keeps them from a verdict."""
    ready = (each.past.history.first + FIRST_VERDICT_SECONDS for each in learning if each.past is not None)
    coming = [at for at in ready if at > now]
    if not coming:
        return _commonest(learning)
    at = time.strftime("%Y-%m-%d %H:%M", time.gmtime(min(coming)))
    return f"a day of history is needed: not before {at} UTC"


def _commonest(found: Sequence[Judged]) -> str:
    """Why most of them were not judged."""
    if not found:
        return "no container to judge is known"
    reason, count = Counter(each.advice.reason for each in found).most_common(1)[0]
    return f"{count} of {len(found)} containers: {reason}"


def kubectl(key: ContainerKey | UsageKey, source: str) -> str:
    """The command that shows what our own history of a source is made of."""
    words = ["top", "pod", "--containers", "-n", key.entity.namespace]
    if source == KUBELETS:
        words = ["get", "--raw", "/api/v1/nodes/NODE/proxy/stats/summary"]
    command = shlex.join(["kubectl", "--context", key.entity.cluster, *words])
    return f"{command}  # {source}, kept by Tocsin once a minute"
