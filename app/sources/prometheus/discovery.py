"""What a metrics server knows: which conventions, under which labels, how often sampled, how far back.

All questions are cheap: names come from the index, freshness and cost from `count(...)`.
"""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median_high
from typing import TYPE_CHECKING

from app.sources.base import SourceError, Trouble
from app.sources.prometheus import probes
from app.sources.prometheus.cardinality import TOO_BIG
from app.sources.prometheus.duplicates import SCRAPED_ONCE, but_one_job, but_one_replica
from app.sources.prometheus.sharding import pattern, restricted
from app.sources.prometheus.splitting import portions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.sources.base import MetricsSource, ServerInfo
    from app.sources.prometheus.probes import Target

NAMES_REACH = 900.0
"""Seconds back from now in which a name has to have been there to be looked at."""
SAMPLES_PER_WINDOW = 4
"""Scrapes that a `rate` window spans, so that one missed scrape still leaves the two samples it needs."""
INGEST_DELAY = {"mimir": 60.0}
"""Seconds by product until samples of all series have arrived; elsewhere a scrape is visible as a whole."""

FEW = 20
"""Scraped instances that are taken to have few series in all."""
SAMPLED = 4
"""Instances by which it is estimated how many series the others have."""

DAY = 86_400.0

_ALIASES = {
    "namespace": ("exported_namespace", "namespace", "kubernetes_namespace", "k8s_namespace"),
    "pod": ("exported_pod", "pod", "pod_name", "kubernetes_pod_name"),
    "container": ("exported_container", "container", "container_name"),
    "node": ("exported_node", "node", "kubernetes_node", "nodename"),
    "service": ("exported_service", "service"),
    "job": ("exported_job", "job"),
}
"""A label's names, best first: the target's own label pushes the metric's aside unless the scrape honors it."""
_CLUSTER_LABELS = ("cluster", "k8s_cluster_name", "cluster_name")
_STATUS_LABELS = ("http_response_status_code", "response_code", "code", "status", "status_code", "http_status_code")


@dataclass(frozen=True, slots=True)
class Presence:
    """One convention as this server has it."""

    convention: str
    series: Mapping[str, int | None]
    """Number of series by presence selector, which is also what a query over it costs: 0 where there is none any more,
    None where they are more than the server counts."""
    labels: frozenset[str]
    """Label names of its series."""
    aliases: Mapping[str, str]
    """Labels that are called otherwise here: `{"namespace": "exported_namespace"}`."""
    jobs: tuple[str, ...]
    """The scrape jobs it comes from, most series first."""
    interval: float
    """Seconds between its samples."""
    match: str = ""
    """A matcher to use in every query over it, where two jobs scrape the same objects."""
    troubles: Mapping[str, str] = field(default_factory=dict)
    """By presence selector: what the server said instead of counting it."""

    @property
    def live(self) -> bool:
        """Whether there are series now."""
        return any(count != 0 for count in self.series.values())

    @property
    def status_label(self) -> str:
        """The label that holds a request's outcome; empty where it is none of the usual ones."""
        return next((label for label in _STATUS_LABELS if label in self.labels), "")


@dataclass(frozen=True, slots=True)
class Discovery:
    """What one look at a server found."""

    server: ServerInfo
    at: float
    """Unix seconds, by the server's clock where the look was at the present."""
    newest: float | None
    """Unix seconds of the newest sample; None: nothing was scraped lately."""
    skew: float | None
    """Seconds by which the server's clock is ahead of ours; None where that is not known."""
    interval: float
    """Seconds between two scrapes of most targets."""
    conventions: Mapping[str, Presence]
    """Those with series now."""
    targets: Mapping[str, Target]
    """By scrape job."""
    cluster_label: str = ""
    clusters: tuple[str, ...] = ()
    """Its values: more than one is a central server, whose every query needs a matcher on it."""
    day: bool = False
    """Whether there are samples of a day ago."""
    week: bool = False
    match: str = ""
    """A matcher to use in every query, where several servers that scrape the same have written into this one."""
    troubles: Mapping[str, str] = field(default_factory=dict)
    """What the server said to selectors that it did not count."""
    absent: frozenset[str] = frozenset()
    """Conventions that were looked for and that have no series now, even where they are still counted on."""

    def complete(self, newest: float, step: int) -> int:
        """The newest multiple of the step at which all targets' samples are there, given the newest sample."""
        return int((newest - max(self.interval, INGEST_DELAY.get(self.server.product, 0.0))) // step) * step

    def window(self, step: int, convention: str = "") -> int:
        """Seconds for `$window`: at least the step, and wide enough for the convention's scrape interval."""
        presence = self.conventions.get(convention)
        return window_of(step, presence.interval if presence else self.interval)


def window_of(step: int, interval: float) -> int:
    """Seconds that a `rate` needs over samples that far apart; at least the step."""
    return max(step, round(SAMPLES_PER_WINDOW * interval))


def discover(
    source: MetricsSource,
    presence: Mapping[str, Sequence[str]],
    at: float,
    *,
    live: bool = True,
    match: str = "",
    at_once: float = math.inf,
    earlier: Discovery | None = None,
    concurrency: int = 4,
) -> Discovery:
    """Look at a server.

    Args:
        source: who is asked.
        presence: convention ids with the selectors (or metric names) any of which proves that it is there.
        at: unix seconds by our clock.
        live: whether `at` is the present, so that clocks can be compared; else it is taken as the server's.
        match: matchers that scope every question, for example to one cluster.
        at_once: series that one question may count; where there are more, by the look before or by what a few scraped
            instances have, they are counted in parts.
        earlier: the look before.
        concurrency: questions at once.

    Raises:
        SourceError: the server does not answer; what it merely refuses to count is in `troubles`.
    """
    server = source.info()
    skew = server.clock - at if live and server.clock is not None else None
    at += skew or 0.0
    newest = probes.newest_sample(source, at, match)
    if newest is not None:
        at = min(at, newest + probes.LOOKBACK / 2)
    once = but_one_replica(source, at, match, NAMES_REACH)
    match = ",".join(filter(None, (match, once)))
    targets = probes.targets(source, at, match)
    names = frozenset(source.label_values("__name__", (), at - NAMES_REACH, at))
    counted = {
        restricted(selector, match): count or 0
        for presence in (earlier.conventions.values() if earlier is not None else ())
        for selector, count in presence.series.items()
    }
    look = _Look(source, at, match, targets, names, counted, at_once)
    with ThreadPoolExecutor(concurrency, thread_name_prefix="discover") as pool:
        found = tuple(pool.map(look.presence, presence.keys(), presence.values()))
        conventions = {known.convention: known for known in found if known.live}
        samples = _cheapest(found, at_once) or ("up",)
        day, week = pool.map(look.had, (samples, samples), (DAY, 7 * DAY))
    cluster_label, clusters = look.clusters(conventions.values())
    return Discovery(
        server=server,
        at=at,
        newest=newest,
        skew=skew,
        interval=probes.usual_interval(targets),
        conventions=conventions,
        targets=targets,
        cluster_label=cluster_label,
        clusters=clusters,
        day=day,
        week=week,
        match=once,
        troubles={selector: text for known in found for selector, text in known.troubles.items()},
        absent=frozenset(known.convention for known in found if not known.live and not known.troubles),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at a server, and what it is about."""

    source: MetricsSource
    at: float
    match: str
    targets: Mapping[str, Target]
    names: frozenset[str]
    """All metric names of the server."""
    counted: Mapping[str, int]
    """Series by selector, as the look before found them."""
    at_once: float
    """Series that one question may count."""

    def presence(self, convention: str, selectors: Sequence[str]) -> Presence:
        """Whether and how a convention is there."""
        jobs: Counter[str] = Counter()
        shared: dict[str, float] = {}
        series: dict[str, int | None] = {}
        troubles: dict[str, str] = {}
        for selector in selectors:
            scoped = restricted(selector, self.match)
            try:
                counts = self._count(scoped)
            except SourceError as trouble:
                if trouble.trouble not in {*TOO_BIG, Trouble.REJECTED}:
                    raise
                series[selector] = None if trouble.trouble in TOO_BIG else 0
                troubles[selector] = trouble.message
            else:
                series[selector] = int(sum(counts.values()))
                jobs.update({job: int(count) for job, count in counts.items()})
                if len(counts) > 1:
                    shared[scoped] = sum(counts.values())
        live = [restricted(selector, self.match) for selector, count in series.items() if count != 0]
        ranked = tuple(job for job, _ in jobs.most_common())
        labels = self._labels(live)
        aliases = self._aliases(labels, series)
        return Presence(
            convention=convention,
            series=series,
            labels=labels,
            aliases=aliases,
            jobs=ranked,
            interval=self._interval(ranked, live),
            match=self._one_job(shared, aliases) if shared else "",
            troubles=troubles,
        )

    def had(self, selectors: Sequence[str], ago: float) -> bool:
        """Whether any of some selectors had samples that many seconds before."""
        scoped = " or ".join(restricted(selector, self.match) for selector in selectors)
        return probes.has_samples(self.source, scoped, self.at - ago)

    def clusters(self, conventions: Iterable[Presence]) -> tuple[str, tuple[str, ...]]:
        """The label that tells clusters apart, and its values."""
        names = frozenset[str]().union(*(known.labels for known in conventions))
        label = next((label for label in _CLUSTER_LABELS if label in names), "")
        matchers = (restricted("up", self.match),) if self.match else ()
        values = self.source.label_values(label, matchers, self.at - NAMES_REACH, self.at) if label else ()
        return label, values

    def _count(self, selector: str) -> Mapping[str, float]:
        """Series by job; nothing is asked about names that the index does not have."""
        name = probes.metric_name(selector)
        if name and name not in self.names:
            return {}
        counts: Counter[str] = Counter()
        for part in portions(self.source, selector, math.ceil(self._size(selector) / self.at_once), self.at):
            counts.update(probes.by_job(self.source, f"count by (job) ({restricted(selector, part)})", self.at))
        return counts

    def _size(self, selector: str) -> float:
        """About how many series there are: as before, as a few instances have, or all of the few; 0 if unknown."""
        if selector in self.counted:
            return self.counted[selector]
        try:
            if sum(target.total for target in self.targets.values()) <= FEW:
                return probes.scraped(self.source, self.at, self.match)
            instances = self.source.label_values("instance", (selector,), self.at - NAMES_REACH, self.at)
            if len(instances) <= FEW:
                these = f'instance=~"{pattern(instances)}"' if instances else ""
                return probes.scraped(self.source, self.at, ",".join(filter(None, (self.match, these))))
            some = instances[:: len(instances) // SAMPLED][:SAMPLED]
            chosen = restricted(selector, f'instance=~"{pattern(some)}"')
            return (
                sum(probes.by_job(self.source, f"count by (job) ({chosen})", self.at).values())
                / len(some)
                * len(instances)
            )
        except SourceError:
            return 0

    def _labels(self, live: Sequence[str]) -> frozenset[str]:
        """Label names of some selectors; none where the server finds even that too big."""
        try:
            return frozenset(self.source.label_names(live, self.at - NAMES_REACH, self.at) if live else ())
        except SourceError as trouble:
            if trouble.trouble not in TOO_BIG:
                raise
            return frozenset()

    def _aliases(self, names: frozenset[str], series: Mapping[str, int | None]) -> dict[str, str]:
        """Labels that are called otherwise, by what most series have: one target may have a label of its own.

        Args:
            names: the labels of all series.
            series: how many there are by selector, None where that is not known.
        """
        few = {restricted(each, self.match): count for each, count in series.items() if count and count <= self.at_once}
        selectors = sorted(few, key=lambda each: -few[each])
        chosen = {}
        for label, known in _ALIASES.items():
            there = [name for name in known if name in names]
            usual = there[0] if len(there) == 1 else self._usual(there, selectors)
            if usual and usual != label:
                chosen[label] = usual
        return chosen

    def _usual(self, names: Sequence[str], selectors: Sequence[str]) -> str:
        """The first of some labels that about as many series have as any other; the first where nobody can tell."""
        for selector in selectors if names else ():
            having = {name: self._having(selector, name) for name in names}
            if most := max(having.values()):
                return next(name for name in names if 2 * having[name] > most)
        return names[0] if names else ""

    def _having(self, selector: str, label: str) -> float:
        """How many series have a label; 0 where that is too much to ask."""
        asked = restricted(selector, f'{label}!=""')
        try:
            return sum(probes.by_job(self.source, f"count({asked})", self.at).values())
        except SourceError as trouble:
            if trouble.trouble not in TOO_BIG:
                raise
            return 0.0

    def _interval(self, jobs: Sequence[str], live: Sequence[str]) -> float:
        known = [self.targets[job].interval for job in jobs if job in self.targets]
        if known or not live:
            # Not the longest: a job with a gap looks slow, and would widen everybody's rates.
            return median_high(known) if known else probes.usual_interval(self.targets)
        return probes.own_interval(self.source, live[0], self.at)

    def _one_job(self, shared: Mapping[str, float], aliases: Mapping[str, str]) -> str:
        """A matcher that leaves out jobs that scrape what others do; of many series some instances' are looked at.

        Args:
            shared: series by selector, of those that several jobs have.
            aliases: labels that are called otherwise.
        """
        selector = min(shared, key=lambda each: probes.metric_name(each) not in SCRAPED_ONCE)
        try:
            if shared[selector] > self.at_once:
                instances = self.source.label_values("instance", (selector,), self.at - NAMES_REACH, self.at)
                selector = restricted(selector, f'instance=~"{pattern(instances[:: len(instances) // FEW + 1])}"')
            return but_one_job(self.source, self.at, selector, aliases)
        except SourceError as trouble:
            if trouble.trouble not in TOO_BIG:
                raise
            return ""


def _cheapest(found: Iterable[Presence], most: float) -> tuple[str, ...]:
    """Of each convention the present selector with the fewest series, of no more of them than touch `most` in all.

    Of several, for an exporter that came today has no past.
    """
    counted = [[(count, selector) for selector, count in known.series.items() if count] for known in found]
    cheapest = [min(each) for each in counted if each]
    while sum(count for count, _ in cheapest) > most:
        cheapest.remove(max(cheapest))
    return tuple(selector for _, selector in cheapest)
