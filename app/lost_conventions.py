"""Conventions whose series disappeared while what they told of is still there: a relabelling, a renaming upgrade.

What discovery sees is remembered in the store. Once something has been gone for a while, the server is asked once whom
it told of when it was last seen; whoever is still there, and is told of by nobody else, has lost its metrics.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from app.blind_rows import BlindSearch, identity_of
from app.loss_findings import KIND, MOST_FACTS, finding, of_workloads
from app.lost_workloads import Lost, LostWorkloads
from app.sources.prometheus.probes import metric_name
from app.sources.prometheus.sharding import restricted
from detectors.catalog.model import OWN
from detectors.catalog.promql import quoted
from detectors.model import Coverage, Entity, EntityType, Fact, SourceRef
from storage.records import ConventionRecord, Spell
from widgets.text import age

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from app.blind_rows import Blindness, Past
    from app.evaluation import RowResult
    from app.judging import Surroundings
    from app.looking import MetricsLook
    from app.planning import Plan
    from app.sources.prometheus.discovery import Discovery
    from detectors.catalog import Catalogue, Row
    from detectors.cluster import ClusterState
    from detectors.entities import Resolver
    from detectors.model import Observation
    from storage.records import AnomalyRecord

ROW = "metrics-missing"
LASTING_SECONDS = 3600.0
"""How long series must have been there to be missed."""

FORGET_SECONDS = 24 * 3600.0
"""After that long without it, this is how the server is."""

WARNING_SECONDS = 3600.0
"""How long a change of conventions that left nobody without metrics is worth a word."""


class _Loss(NamedTuple):
    """What of one convention is gone, and what that means."""

    record: ConventionRecord
    gone: tuple[str, ...]
    """Its presence selectors."""
    past: Past
    now: Blindness


class _Told(NamedTuple):
    """What one look came to."""

    found: tuple[Observation, ...] = ()
    warnings: tuple[str, ...] = ()
    undecided: frozenset[str] = frozenset()
    """Conventions of which nobody knows whether somebody misses them."""


class LostConventions:
    """One cluster's memory of conventions, and what became of those that disappeared.

    Args:
        cluster: the cluster.
        catalogue: for the rows that a convention feeds.
    """

    def __init__(self, cluster: str, catalogue: Catalogue) -> None:
        self._cluster, self._catalogue = cluster, catalogue
        self._known: dict[str, ConventionRecord] = {}
        self._looked: float | None = None
        self._past: dict[tuple[str, tuple[str, ...]], Past] = {}
        self._told = _Told()
        self._workloads = LostWorkloads(self._family)
        self._lost = Lost()

    @property
    def records(self) -> tuple[ConventionRecord, ...]:
        """What is to be remembered."""
        return tuple(replace(record, lost=self._workloads.of(name)) for name, record in self._known.items())

    def restore(self, records: Iterable[ConventionRecord]) -> None:
        """Take over what the store remembers; the next cycle looks anew."""
        self._known = {record.convention: record for record in records}
        self._workloads.restore(self._known.values())
        self._looked = None

    def added(
        self,
        result: RowResult,
        rows: Mapping[str, Row],
        planned: Plan,
        look: MetricsLook,
        state: ClusterState | None,
        resolver: Resolver,
        around: Surroundings,
        progress: Callable[[str], None] = lambda _: None,
    ) -> RowResult:
        """The row's result with the conventions that are missing; the server is asked only when one has become so."""
        discovery = look.discovery
        assert discovery is not None
        if discovery.at != self._looked:
            self._looked = discovery.at
            self._known = remembered(self._known, discovery, self._cluster, result.row)
            search = BlindSearch(self._catalogue, rows, planned, look, state, resolver, around, progress)
            self._told = self._missing(search, discovery, result.row)
            self._lost = self._workloads.missing(search, discovery)
        found, warnings, undecided = self._told
        opened = {record.entity.key for record in around.open.values() if record.signal == ROW}
        found += tuple(of_workloads(self._cluster, result.row, self._lost.losses, discovery.at, opened))
        undecided |= {family for family, _ in self._lost.undecided}
        doubtful = {name for _, name in self._lost.undecided}
        living = [each for each in around.open.values() if each.entity.kind == KIND or _about_a_workload(each)]
        seen = {
            each.entity.key: Coverage.QUERY_ERROR
            if each.entity.name in undecided or identity_of(each.entity) in doubtful
            else Coverage.LIVE
            for each in living
            if each.signal == ROW
        }
        return dataclasses.replace(
            result,
            status=Coverage.LIVE if found else result.status,
            observations=(*result.observations, *found),
            coverage={**result.coverage, **seen, **{o.entity.key: Coverage.LIVE for o in found}},
            warnings=(*result.warnings, *warnings),
        )

    def _family(self, convention: str) -> str:
        """The convention that one of its parts belongs to; itself where the catalogue has it no more."""
        try:
            return self._catalogue.convention(convention).id
        except KeyError:
            return convention

    def _missing(self, search: BlindSearch, discovery: Discovery, row: Row) -> _Told:
        hold, at = float(row.params.get("hold_seconds", 0)), discovery.at
        lost: dict[str, list[_Loss]] = {}
        kept = {}
        for record in self._known.values():
            spells = record.selectors.items()
            gone = tuple(selector for selector, spell in spells if spell.missed(at, hold, LASTING_SECONDS))
            if not gone or not _answers(record, discovery):
                continue
            key = (record.convention, gone)
            past = self._past.get(key) or search.past(record, gone)
            if past.whole:
                kept[key] = past
            loss = _Loss(record, gone, past, search.blind(record, gone, past))
            lost.setdefault(self._family(record.convention), []).append(loss)
        self._past = kept
        found = tuple(
            _observation(self._cluster, row, family, [each for each in losses if each.now.blind], discovery)
            for family, losses in lost.items()
            if any(each.now.blind for each in losses)
        )
        missing = {observation.entity.name for observation in found}
        doubtful = {family for family, losses in lost.items() if not all(each.now.certain for each in losses)}
        words = (self._succession(name, losses, at) for name, losses in lost.items() if name not in missing | doubtful)
        return _Told(found, tuple(word for word in words if word), frozenset(doubtful - missing))

    def _succession(self, family: str, losses: Sequence[_Loss], at: float) -> str:
        """A word on a convention that nobody misses; empty when it is long since, or nobody is there to be told of."""
        others = sorted({self._family(name) for each in losses for name in each.now.others})
        ago = at - max(each.past.until for each in losses)
        if not others or ago >= WARNING_SECONDS:
            return ""
        return f"{family} has had no series for {age(ago)}; what it told of is told by {', '.join(others)} now"


def _about_a_workload(record: AnomalyRecord) -> bool:
    """Whether it is a finding of a workload that lost a convention: not of a convention, nor of a scrape job."""
    return record.signal == ROW and record.entity.kind != KIND and record.source.convention != OWN.id


def remembered(
    known: Mapping[str, ConventionRecord], discovery: Discovery, cluster: str, row: Row
) -> dict[str, ConventionRecord]:
    """What is known of a server's conventions after another look; a server that does not scrape proves nothing.

    Args:
        known: by convention, before the look.
        discovery: the look.
        cluster: whose server it is.
        row: `metrics-missing`, whose hold time tells a gap from an end.
    """
    after = dict(known)
    if discovery.newest is None:
        return after
    hold = float(row.params.get("hold_seconds", 0))
    for name, presence in discovery.conventions.items():
        if name in discovery.absent:
            continue
        before = known[name].selectors if name in known else {}
        seen = {
            selector: before.get(selector, Spell(discovery.at, discovery.at)).seen(discovery.at, hold)
            for selector, count in presence.series.items()
            if count != 0
        }
        lost = {
            selector: spell if selector in presence.troubles else spell.unseen(discovery.at)
            for selector, spell in before.items()
            if selector not in seen
        }
        jobs = tuple(job for job in presence.jobs if job in discovery.targets)
        after[name] = ConventionRecord(
            cluster, name, jobs, dict(presence.aliases), presence.match, presence.interval, seen | lost
        )
    for name in discovery.absent & known.keys():
        spells = {selector: spell.unseen(discovery.at) for selector, spell in known[name].selectors.items()}
        after[name] = replace(known[name], selectors=spells)
    return {
        name: replace(record, selectors=kept)
        for name, record in after.items()
        if (kept := {s: spell for s, spell in record.selectors.items() if not _forgotten(spell, discovery.at)})
    }


def _observation(cluster: str, row: Row, family: str, losses: Sequence[_Loss], discovery: Discovery) -> Observation:
    blind = [each for loss in losses for each in loss.now.blind]
    until = max(loss.past.until for loss in losses)
    rows = list(dict.fromkeys(each.row.id for each in blind))
    gone = list(dict.fromkeys(restricted(selector, loss.record.match) for loss in losses for selector in loss.gone))
    count = " or ".join(f"count({selector})" for selector in gone)
    whole = all(len(loss.gone) == len(loss.record.selectors) for loss in losses)
    what = "series" if whole else ", ".join(dict.fromkeys(metric_name(selector) for selector in gone))
    text = f"{family} has no {what} any more; {len(rows)} rows lost their source: {', '.join(rows)}"
    facts = [Fact("detect", text, count, until, "0 series")]
    facts += _answering(dict.fromkeys(job for loss in losses for job in loss.record.jobs), discovery)
    told: dict[str, dict[str, None]] = {}
    for each in blind:
        told.setdefault(f"{each.entity.kind} {each.entity.title}", {})[each.row.id] = None
    for title, lost in sorted(told.items())[:MOST_FACTS]:
        facts.append(Fact("detect", f"{title} is there and has no source for {', '.join(lost)}", count, until))
    if len(told) > MOST_FACTS:
        facts.append(Fact("detect", f"and {len(told) - MOST_FACTS} more", count))
    entity = Entity(EntityType.CLUSTER, cluster, "", KIND, family)
    return finding(row, entity, rows, until, SourceRef(family, count), facts)


def _answering(jobs: Iterable[str], discovery: Discovery) -> Iterator[Fact]:
    for job in list(jobs)[:MOST_FACTS]:
        target = discovery.targets.get(job)
        if target is not None and target.up:
            text = f"scrape job {job} answers: {target.up} of {target.total} targets are up"
            yield Fact("detect", text, f"sum(up{{job={quoted(job)}}})", discovery.at, str(target.up))


def _answers(record: ConventionRecord, discovery: Discovery) -> bool:
    """Whether its scrape jobs are there: else they are the finding. What is pushed has none."""
    return not record.jobs or any(job in discovery.targets and discovery.targets[job].up for job in record.jobs)


def _forgotten(spell: Spell, at: float) -> bool:
    return spell.absent is not None and at - spell.absent > FORGET_SECONDS
