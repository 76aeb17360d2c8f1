"""From what is stored to the report: which cases count for whom, which incidents were found, what to label next."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from app.quality.learning import likely, trained
from app.quality.matching import same_workload, workload_of
from app.quality.proposals import Stored, proposals
from app.quality.questions import questions
from app.quality.report import Completeness, Drift, Found, Group, Line, Report, Ruled, Targets
from detectors.model import Severity
from detectors.quality.delays import delay
from detectors.quality.rates import rate_change
from detectors.quality.shares import wilson
from storage.records import Label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.settings.schema import Settings
    from detectors.catalog import Catalogue
    from detectors.quality.member import Member
    from storage.database import Store
    from storage.labels import DetectorOf
    from storage.records import AnomalyRecord, IncidentRecord, InvestigationRecord, WatchRecord

DAY = 86_400.0
RECENT = 7 * DAY
"""What drift is about: the last week against the time before."""
EARLY = 600.0
"""Seconds before an incident's recorded begin at which what is told already counts: nobody looks at the clock then."""
LEAST_DAYS = 0.5
"""Watched, below which nothing is said of a day: one bad hour would count as twenty-four."""
GAP_CYCLES = 3.0
"""Intervals between two cycles from which on nobody was watching."""
LEAST_GAP = 180.0


@dataclass(frozen=True, slots=True)
class Past:
    """What is stored of a time."""

    now: float
    since: float
    cases: Mapping[int, InvestigationRecord]
    members: Mapping[int, Sequence[AnomalyRecord]]
    """The anomalies of each case."""
    incidents: Sequence[Found]
    days: float
    """Watched."""
    recent_days: float
    """Watched within the last week."""
    fewest: int
    """Labels below which no precision is told."""


def report(store: Store, catalogue: Catalogue, settings: Settings, cluster: str, now: float, days: float) -> Report:
    """The quality of a cluster's findings.

    Args:
        store: read only; blocks.
        catalogue: titles of the rows, and their detectors.
        settings: targets, and how often cycles run.
        cluster: whose.
        now: unix seconds.
        days: how far back.
    """
    from app.quality.naming import detectors_of

    since = now - days * DAY
    gap = max(LEAST_GAP, GAP_CYCLES * settings.engine.interval_seconds)
    watch = store.cycles.watch(cluster, since, now, gap)
    lately = store.cycles.watch(cluster, now - min(RECENT, days * DAY / 2), now, gap)
    past = read(store, cluster, now, since, settings, watch, lately)
    titles = {row.id: row.title for row in catalogue.rows}
    detector_of = detectors_of(catalogue)
    stored = Stored({number: case for number, case in past.cases.items() if case.muted is None}, past.members)
    member = trained(store, cluster)
    return Report(
        cluster=cluster,
        at=now,
        since=since,
        targets=Targets(**asdict(settings.quality)),
        total=_line(past, Group.ALL, "", "everything", past.cases, past.incidents),
        lines=tuple(_lines(past, titles, detector_of)),
        incidents=tuple(past.incidents),
        completeness=_completeness(store, cluster, now, watch),
        proposals=proposals(stored),
        rules=_rules(store, cluster, now, past.cases.values()),
        member=member,
        questions=questions(
            tuple(past.cases.values()),
            past.members,
            titles,
            store.evidence.contradicted(cluster, since),
            _likely(member, store, cluster, past),
        ),
    )


def stored_past(store: Store, cluster: str, settings: Settings, now: float, reaching: float = math.inf) -> Stored:
    """What rules are replayed on: the cases of `quality.days`, and back to `reaching` where that is earlier."""
    since = min(now - settings.quality.days * DAY, reaching)
    members: dict[int, list[AnomalyRecord]] = defaultdict(list)
    for anomaly in store.anomalies.opened_since(cluster, since):
        members[anomaly.investigation].append(anomaly)
    return Stored({case.id: case for case in store.investigations.opened_since(cluster, since)}, members)


def read(
    store: Store,
    cluster: str,
    now: float,
    since: float,
    settings: Settings,
    watch: WatchRecord | None,
    lately: WatchRecord | None,
) -> Past:
    """What is stored of a cluster's time."""
    members: dict[int, list[AnomalyRecord]] = defaultdict(list)
    # An incident at the begin of the time may have been told just before.
    for anomaly in store.anomalies.opened_since(cluster, since - EARLY):
        members[anomaly.investigation].append(anomaly)
    cases = {case.id: case for case in store.investigations.opened_since(cluster, since - EARLY)}
    incidents = [
        _found(store, incident, cases, members)
        for incident in store.incidents.of(cluster, since)
        if incident.since <= now
    ]
    counted = {number: case for number, case in cases.items() if case.opened >= since}
    return Past(
        now=now,
        since=since,
        cases=counted,
        members=members,
        incidents=incidents,
        days=watch.watched / DAY if watch else 0.0,
        recent_days=lately.watched / DAY if lately else 0.0,
        fewest=settings.quality.fewest_labels,
    )


def _found(
    store: Store,
    incident: IncidentRecord,
    cases: Mapping[int, InvestigationRecord],
    members: Mapping[int, Sequence[AnomalyRecord]],
) -> Found:
    """What was told of an incident first: of its workload, in its time, not labelled false and not muted."""
    watched = store.cycles.watch(incident.cluster, incident.since - EARLY, incident.until, math.inf) is not None
    telling = [
        anomaly
        for case in cases.values()
        if case.label is not Label.FALSE and case.muted is None
        for anomaly in members[case.id]
        if incident.since - EARLY <= anomaly.opened <= incident.until and same_workload(incident, anomaly.entity)
    ]
    if not telling:
        return Found(incident, watched)
    first = min(telling, key=lambda anomaly: (anomaly.opened, anomaly.id))
    return Found(incident, True, first.investigation, max(0.0, first.opened - incident.since))


def _lines(past: Past, titles: Mapping[str, str], detector_of: DetectorOf) -> Iterable[Line]:
    groups: dict[tuple[Group, str], set[int]] = defaultdict(set)
    for number, case in past.cases.items():
        groups[Group.WORKLOAD, workload_of(case.entity)].add(number)
        for anomaly in past.members[number]:
            groups[Group.SIGNAL, anomaly.signal].add(number)
            if detector := detector_of(anomaly.signal, anomaly.source.convention):
                groups[Group.DETECTOR, detector].add(number)
    for group in (Group.DETECTOR, Group.SIGNAL, Group.WORKLOAD):
        named = [(name, cases) for (its, name), cases in groups.items() if its is group]
        for name, cases in sorted(named, key=lambda pair: (-len(pair[1]), pair[0])):
            relevant = [found for found in past.incidents if group is not Group.WORKLOAD or _about(found, name)]
            own = _told_by(past, relevant, group, name, detector_of)
            title = titles.get(name, name) if group is Group.SIGNAL else name
            yield _line(past, group, name, title, {n: past.cases[n] for n in cases}, own)


def _about(found: Found, workload: str) -> bool:
    return found.incident.workload in (workload, workload.rpartition("/")[2])


def _told_by(past: Past, incidents: Sequence[Found], group: Group, name: str, detector_of: DetectorOf) -> list[Found]:
    """The incidents as one detector or signal saw them: only what it told itself counts as found."""
    if group is Group.WORKLOAD:
        return list(incidents)
    own = []
    for found in incidents:
        told = [
            anomaly.opened
            for anomaly in (past.members.get(found.investigation, ()) if found.investigation is not None else ())
            if name in (anomaly.signal, detector_of(anomaly.signal, anomaly.source.convention))
            and same_workload(found.incident, anomaly.entity)
            and anomaly.opened <= found.incident.until
        ]
        seconds = max(0.0, min(told) - found.incident.since) if told else math.nan
        own.append(Found(found.incident, found.watched, found.investigation if told else None, seconds))
    return own


def _line(
    past: Past,
    group: Group,
    name: str,
    title: str,
    cases: Mapping[int, InvestigationRecord],
    incidents: Sequence[Found],
) -> Line:
    labels = Counter(case.label for case in cases.values())
    judged = labels[Label.TRUE] + labels[Label.FALSE]
    watched = [found for found in incidents if found.watched]
    caught = [found for found in watched if found.investigation is not None]
    asking = sum(case.severity.rank >= Severity.MEDIUM.rank and case.muted is None for case in cases.values())
    return Line(
        group=group,
        name=name,
        title=title,
        fired=len(cases),
        true=labels[Label.TRUE],
        false=labels[Label.FALSE],
        unsure=labels[Label.UNSURE],
        muted=sum(case.muted is not None for case in cases.values()),
        precision=wilson(labels[Label.TRUE], judged),
        told=judged >= past.fewest,
        recall=wilson(len(caught), len(watched)),
        detection=delay(found.seconds for found in caught),
        acknowledgement=delay(
            case.acknowledged_at - case.opened for case in cases.values() if case.acknowledged_at is not None
        ),
        per_day=_per_day(len(cases), past.days),
        actionable_per_day=_per_day(asking, past.days),
        drift=_drift(past, cases.values()),
    )


def _likely(member: Member, store: Store, cluster: str, past: Past) -> dict[int, float]:
    members = [past.members[number] for number, case in past.cases.items() if case.label is None]
    worst = ((max(each, key=lambda a: (a.severity.rank, a.peak_score)), len(each)) for each in members if each)
    return likely(member, store, cluster, worst)


def _rules(store: Store, cluster: str, now: float, cases: Iterable[InvestigationRecord]) -> tuple[Ruled, ...]:
    hidden = Counter(case.muted for case in cases)
    return tuple(Ruled(rule, rule.standing(now), hidden[rule.id]) for rule in store.rules.of(cluster))


def _drift(past: Past, cases: Iterable[InvestigationRecord]) -> Drift:
    edge = past.now - min(RECENT, (past.now - past.since) / 2)
    opened = [case.opened for case in cases]
    recent = sum(at >= edge for at in opened)
    before, days_before = len(opened) - recent, past.days - past.recent_days
    return Drift(
        _per_day(recent, past.recent_days),
        _per_day(before, days_before),
        rate_change(recent, past.recent_days, before, days_before),
    )


def _per_day(count: int, days: float) -> float:
    return count / days if days >= LEAST_DAYS else math.nan


def _completeness(store: Store, cluster: str, now: float, watch: WatchRecord | None) -> Completeness:
    coverage = store.cycles.coverage(cluster)
    live, known = sum(e.live for e in coverage), sum(e.live + e.learning + e.silent for e in coverage)
    share = live / known if known else math.nan
    if watch is None:
        return Completeness(0.0, 0.0, 0, math.nan, share)
    return Completeness(
        watch.watched / DAY, (now - watch.since) / DAY, watch.cycles, watch.errors / watch.cycles, share
    )
