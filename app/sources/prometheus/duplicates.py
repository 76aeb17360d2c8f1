"""What a server holds twice: by two Prometheus servers that scrape the same, or by two jobs of one.

Sums over it would be twice what they are. A matcher in every query leaves out whoever only repeats others.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from app.sources.base import SourceError
from app.sources.prometheus import probes
from app.sources.prometheus.cardinality import TOO_BIG
from app.sources.prometheus.sharding import pattern, restricted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from app.sources.base import MetricsSource

REPLICA_LABELS = ("prometheus_replica", "__replica__", "replica", "receive_replica", "prometheus")
"""Labels that a server puts on all it sends, so that its twin can be told from it."""
NEARLY_ALL = 0.9
"""Share of what one tells that others tell too, where it repeats them: one may be ahead or behind."""
BEHIND_SECONDS = 60.0
"""So much older samples are those of a replica that has stopped."""
MOST_SUSPECTS = 10
"""Of those that repeat each other, of whom it is asked whether the others tell what they do."""

SCRAPED_ONCE = {
    "container_cpu_usage_seconds_total": 'container!="",namespace="kube-system"',
    "kube_pod_info": "",
    "kube_pod_owner": "",
}
"""Metrics that one job has to have for each object, with a scope that keeps the probe cheap."""
_OBJECT = ("namespace", "pod", "container")
"""The labels that tell one object of theirs from another."""


def but_one_replica(source: MetricsSource, at: float, match: str, reach: float) -> str:
    """A matcher that leaves out servers that scrape nothing but what another does; empty where there is none.

    Told by `up`, which every server writes of all its targets: only there is a label surely the server's own.

    Args:
        source: who is asked.
        at: unix seconds.
        match: matchers that scope the question.
        reach: seconds back in which a label has to have been there.

    Raises:
        SourceError: the server does not answer.
    """
    scope = restricted("up", match)
    try:
        names = source.label_names((scope,), at - reach, at)
    except SourceError as trouble:
        if trouble.trouble not in TOO_BIG:
            raise
        return ""
    found = (
        _left_out(label, _repeating_replicas(source, scope, label, at)) for label in REPLICA_LABELS if label in names
    )
    return ",".join(filter(None, found))


def _repeating_replicas(source: MetricsSource, scope: str, label: str, at: float) -> Sequence[str]:
    told = restricted(scope, f'{label}!=""')
    newest = probes.by_label(source, label, f"max by ({label}) (timestamp({told}))", at)
    stale = [each for each, seen in newest.items() if seen < max(newest.values()) - BEHIND_SECONDS]
    return _repeating(source, told, label, at, stale) if len(newest) > 1 else ()


def but_one_job(source: MetricsSource, at: float, selector: str, aliases: Mapping[str, str]) -> str:
    """A matcher that leaves out jobs that scrape nothing but what others do; empty where there is none.

    Args:
        source: who is asked.
        at: unix seconds.
        selector: of a metric that several jobs have.
        aliases: labels that are called otherwise there.

    Raises:
        SourceError: the server does not answer.
    """
    scope = SCRAPED_ONCE.get(probes.metric_name(selector))
    if scope is not None:
        named = ", ".join(aliases.get(label, label) for label in _OBJECT)
        if job := _fullest_job(source, restricted(selector, scope), named, at):
            return f"job={json.dumps(job)}"
    scraped = restricted(selector, 'instance!=""')
    told = f"count by (job, instance) ({scraped})"
    return _left_out("job", _repeating(source, told, "job", at))


def _fullest_job(source: MetricsSource, scoped: str, labels: str, at: float) -> str:
    """The job with most series, where one tells of nearly all objects; else each has its own shard of them."""
    counts = probes.by_job(source, f"count by (job) ({scoped})", at)
    if len(counts) < 2:
        return ""
    each = probes.by_job(source, f"count by (job) (count by (job, {labels}) ({scoped}))", at)
    together = probes.by_job(source, f"count (count by ({labels}) ({scoped}))", at)
    whole = max(each.values(), default=0) >= NEARLY_ALL * sum(together.values())
    return max(counts, key=lambda job: (counts[job], job)) if whole else ""


def _repeating(source: MetricsSource, told: str, label: str, at: float, last: Collection[str] = ()) -> tuple[str, ...]:
    """The values of a label whose series others have too, but for the label; of those that have the same all but one.

    Args:
        source: who is asked.
        told: an expression whose series have the label.
        label: its name.
        at: unix seconds.
        last: values that are to be left out before others that have the same.
    """
    totals = probes.by_label(source, label, f"count by ({label}) ({told})", at)
    if len(totals) < 2:
        return ()

    def shared(values: Sequence[str], among: str, condition: str = "") -> dict[str, float]:
        """Which share of what some values tell is told by some series."""
        mine = restricted(told, _one_of(label, values))
        both = f"count by ({label}) ({mine} and ignoring ({label}) (count without ({label}) ({among}){condition}))"
        return {value: count / totals[value] for value, count in probes.by_label(source, label, both, at).items()}

    doubled = {value: share for value, share in shared((), told, " > 1").items() if share >= NEARLY_ALL}
    by_others = shared(tuple(doubled), restricted(told, _left_out(label, tuple(doubled)))) if doubled else {}
    left_out = [value for value, share in by_others.items() if share >= NEARLY_ALL]
    # Of those that repeat each other the one goes that loses least, and of these the one that leaves most to the rest.
    rest = sorted(doubled.keys() - left_out, key=lambda each: (each not in last, -doubled[each], -totals[each], each))
    for value in rest[:MOST_SUSPECTS]:
        others = restricted(told, _left_out(label, (*left_out, value)))
        if shared((value,), others).get(value, 0.0) >= NEARLY_ALL:
            left_out.append(value)
    return tuple(sorted(left_out))


def _one_of(label: str, values: Sequence[str]) -> str:
    """A matcher for some values; empty, for all, without values."""
    return f'{label}=~"{pattern(values)}"' if values else ""


def _left_out(label: str, values: Sequence[str]) -> str:
    """A matcher for all but some values, and for what has no such label; empty without values."""
    return f'{label}!~"{pattern(values)}"' if values else ""
