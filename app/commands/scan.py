"""`tocsin scan`: one cycle over the connected cluster; what is wrong, for a person or a script."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from app.commands.common import loaded_settings, parse_instant, print_anomalies, tell_progress, tell_sources
from app.exits import Exit
from app.tuning import in_scope
from detectors.entities import environment_of
from detectors.model import Entity, EntityType
from detectors.objects import unix
from storage.records import AnomalyState

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from app.engine import Outcome
    from app.runs import LiveRun
    from app.settings.loading import LoadedSettings
    from app.settings.schema import ScopeSettings
    from detectors.cluster import ClusterState
    from storage.database import Store
    from storage.records import CoverageRecord

FUTURE_SECONDS = 60.0
NEWEST = "newest"
"""Instead of a time: that of the newest object."""


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "--at", metavar="TIME", help="judge as of this time (ISO 8601, unix seconds, or `newest` object's time)"
    )
    parser.add_argument("--json", action="store_true", help="print findings as JSON lines")


def run(options: argparse.Namespace) -> int:
    """Run one cycle. With `--at` nothing is stored: the past must not mix with the present."""
    from app.clock import ManualClock, SystemClock
    from app.opening import open_catalogue, temporary_store
    from app.runs import LiveRun
    from app.session import owner_name
    from storage.database import Store

    loaded = loaded_settings(options)
    at = parse_instant(options.at, "--at", None, NEWEST) if options.at and options.at != NEWEST else None
    with ExitStack() as stack:
        past = options.at is not None
        store = stack.enter_context(temporary_store() if past else Store.open(loaded.database))
        clock = ManualClock(at or SystemClock().now()) if past else SystemClock()
        owner = "" if past else owner_name()
        live = LiveRun(loaded, store, open_catalogue(loaded), clock, owner=owner, live=not past)
        stack.callback(live.close)
        live.progress = tell_progress
        engine = live.prepare()
        if options.at == NEWEST and isinstance(clock, ManualClock) and live.sources.objects is not None:
            clock = engine.clock = ManualClock(newest_instant(live, clock.now()))
        outcome = engine.cycle()
        tell_progress("")
        if at is not None and at > SystemClock().now() + FUTURE_SECONDS:
            sys.stderr.write("warning: --at lies in the future: what is known is judged as if it were so late\n")
        return _report(options, loaded, live, store, outcome)


def _report(options: argparse.Namespace, loaded: LoadedSettings, live: LiveRun, store: Store, outcome: Outcome) -> int:
    from widgets.text import clean

    scope = loaded.settings.scope
    # Objects are those of now: what began after the time in question was not so yet. The store may hold what another
    # process found, in a scope of its own.
    anomalies = [
        a
        for a in store.anomalies.unresolved(live.cluster)
        if a.state is AnomalyState.OPEN and a.onset <= outcome.at and in_scope(a.entity, scope)
    ]
    # Where another process runs the cycles, what it found counts: nothing was asked here.
    answered = outcome.changes is None or tell_sources(live.statuses(outcome))
    for warning in outcome.warnings:
        sys.stderr.write(f"warning: {clean(warning)}\n")
    print_anomalies(anomalies, outcome.at, loaded, as_json=options.json)
    if not answered:
        return Exit.SOURCE
    if anomalies:
        return Exit.FINDINGS
    if missed := out_of_scope(scope, outcome.state):
        sys.stderr.write(f"tocsin: {clean(missed)}\n")
        return Exit.SETTINGS
    return _report_nothing(loaded, store.cycles.coverage(live.cluster), outcome, as_json=options.json)


def _report_nothing(
    loaded: LoadedSettings, coverage: Iterable[CoverageRecord], outcome: Outcome, *, as_json: bool
) -> int:
    """Say how much it means that nothing was found; JSON lines have no place for it."""
    from app.opening import open_catalogue
    from app.past_usage import rightsizing_rows
    from app.unseen import unseen
    from widgets.text import clean

    catalogue = open_catalogue(loaded)
    advised = {row.id for row in rightsizing_rows(catalogue)}
    judging = [record for record in coverage if record.signal not in advised]
    judged = sum(record.live for record in judging)
    if missing := unseen(catalogue, judging, outcome.state, outcome.metrics):
        out = sys.stderr if as_json else sys.stdout
        out.write(f"unknown: nothing wrong among {judged} things judged, but not seen: {clean('; '.join(missing))}\n")
        return Exit.UNKNOWN
    if not as_json:
        print(f"nothing is wrong among {judged} things judged")
    return Exit.OK


def out_of_scope(scope: ScopeSettings, state: ClusterState | None) -> str:
    """Why nothing can be found: a scope that no namespace of the cluster is in; empty where one is."""
    if state is None or not state.namespaces:
        return ""
    own, cluster = scope.environment_of, state.cluster
    environments = {name: environment_of(name, state, own, cluster=cluster) for name in state.namespaces}
    for name, environment in environments.items():
        if in_scope(Entity(EntityType.WORKLOAD, state.cluster, name, "", "", environment=environment), scope):
            return ""
    if scope.services:
        return ""
    there = (
        f"namespaces {', '.join(sorted(environments))}; environments {', '.join(sorted(set(environments.values())))}"
    )
    return f"nothing is in scope, so nothing was judged; the cluster has the {there}"


def newest_instant(live: LiveRun, now: float) -> float:
    """The newest time that any object of the cluster tells: what a dump or a stopped cluster thinks is now."""
    assert live.sources.objects is not None
    state = live.sources.objects.state(now)
    times = [event.last_seen for event in state.events]
    conditions = [each for node in state.nodes.values() for each in node.status.conditions]
    conditions += [each for pod in state.pods.values() for each in pod.status.conditions]
    times += [unix(each.last_heartbeat_time) or each.since or 0.0 for each in conditions]
    for pod in state.pods.values():
        times.append(pod.metadata.created)
        ended = (status.last_state.terminated for status in pod.statuses)
        times += [each.finished or 0.0 for each in ended if each is not None]
    return max((at for at in times if at <= now), default=now)
