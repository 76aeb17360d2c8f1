"""The checks of `tocsin doctor` and of the settings screen's test: connections, rights, conventions, clocks, store."""

from __future__ import annotations

import platform
import re
import sqlite3
from importlib.metadata import version
from typing import TYPE_CHECKING

from app import __version__
from app.access import KUBELET_ROLE, READ_ROLE, advice
from app.clock import SystemClock
from app.planning import live_rows, presence
from app.snapshot import CheckResult
from app.sources.base import SourceError, Trouble
from app.sources.kubernetes.resources import KUBELETS
from app.sources.prometheus.discovery import discover
from app.wiring import connect, settle
from detectors.cluster import AccessStatus
from detectors.words import counted
from storage.database import Store
from storage.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.clock import Clock
    from app.settings.loading import LoadedSettings
    from app.sources.base import ClusterSource, MetricsSource, ServerInfo
    from app.sources.prometheus.discovery import Discovery, Presence
    from app.wiring import Sources
    from detectors.catalog import Catalogue
    from detectors.cluster import ClusterState

SKEW_SECONDS = 30.0
"""Clocks further apart than this are worth a word; detection itself uses the server's."""

TESTED = {"prometheus": (2, 42), "victoria-metrics": (1, 79)}
"""The oldest versions that the tests run against."""

NO_POD = "tocsin-doctor"
"""The name under which nobody is expected."""


def examine(loaded: LoadedSettings) -> tuple[CheckResult, ...]:
    """All checks, with connections of their own."""
    from app.opening import open_catalogue

    return (*_environment(loaded), *_store(loaded), *check_connections(loaded, open_catalogue(loaded)))


def check_connections(loaded: LoadedSettings, catalogue: Catalogue | None = None) -> tuple[CheckResult, ...]:
    """What answers at these settings' addresses; opens and closes connections of its own."""
    from app.opening import open_catalogue

    clock = SystemClock()
    try:
        sources = connect(loaded.settings, clock)
    except SourceError as error:
        return (_trouble("connection", error),)
    try:
        settle(sources, loaded.settings, clock, lambda _: None)
        return tuple(_sources(loaded, sources, catalogue or open_catalogue(loaded), clock))
    finally:
        sources.close()


def check_run(loaded: LoadedSettings, sources: Sources, catalogue: Catalogue, clock: Clock) -> tuple[CheckResult, ...]:
    """The same over connections that are in use."""
    return (*_environment(loaded), *_sources(loaded, sources, catalogue, clock))


def _environment(loaded: LoadedSettings) -> Iterator[CheckResult]:
    packages = ", ".join(f"{name} {version(name)}" for name in ("textual", "kubernetes", "httpx", "numpy"))
    yield CheckResult("tocsin", True, f"{__version__} on Python {platform.python_version()}; {packages}")
    where = str(loaded.path) if loaded.path.exists() else f"{loaded.path} (absent: the defaults hold)"
    yield CheckResult("settings", True, where)


def _store(loaded: LoadedSettings) -> Iterator[CheckResult]:
    try:
        with Store.open(loaded.database) as store:
            damage = store.integrity()
            size = store.statistics()
    except StoreError as error:
        yield CheckResult("store", False, f"{error.path}: {error.what}", error.hint)
        return
    cases = size.rows.get("investigation", 0)
    held = counted(cases, "investigations")
    detail = f"{size.path}, {size.bytes / 2**20:.1f} MiB, {held}, SQLite {sqlite3.sqlite_version}"
    yield CheckResult("store", not damage, detail if not damage else f"{size.path}: {damage[0]}")


def _sources(loaded: LoadedSettings, sources: Sources, catalogue: Catalogue, clock: Clock) -> Iterator[CheckResult]:
    for name, error in sources.notes.items():
        yield _trouble(name, error, missing=True)
    state = sources.objects.state(clock.now()) if sources.objects is not None else None
    if sources.objects is not None and state is not None:
        yield from _kubernetes(state)
        if _reached(state):
            yield _logs(sources.objects, state)
    if sources.metrics is not None:
        yield from _metrics(loaded, sources.metrics, catalogue, clock)


def _kubernetes(state: ClusterState) -> Iterator[CheckResult]:
    reached = _reached(state)
    failing = next((a.detail for a in state.access.values() if a.status is AccessStatus.ERROR), "does not answer")
    detail = f"{state.cluster}, {state.version or 'version unknown'}" if reached else failing
    yield CheckResult("kubernetes", reached, detail, "" if reached else advice(failing))
    if not reached:
        return
    for resource, access in sorted(state.access.items()):
        match access.status:
            case AccessStatus.LISTED if resource in KUBELETS:
                yield CheckResult(f"  {resource}", True, access.detail)
            case AccessStatus.FORBIDDEN if resource in KUBELETS:
                yield CheckResult(f"  {resource}", None, access.detail, KUBELET_ROLE)
            case AccessStatus.LISTED:
                limited = f" in {', '.join(access.namespaces)}" if access.namespaces else ""
                yield CheckResult(f"  {resource}", True, f"list and watch{limited}")
            case AccessStatus.FORBIDDEN:
                yield CheckResult(f"  {resource}", False, access.detail or "forbidden: unknown, not healthy", READ_ROLE)
            case AccessStatus.NOT_SERVED:
                yield CheckResult(f"  {resource}", None, "not served by this cluster")
            case _:
                yield CheckResult(f"  {resource}", None, access.detail or str(access.status))


def _reached(state: ClusterState) -> bool:
    """Whether the API server gives anything but errors."""
    return any(access.status is not AccessStatus.ERROR for access in state.access.values())


def _logs(objects: ClusterSource, state: ClusterState) -> CheckResult:
    """Whether logs may be read, by asking for that of no pod: rights are checked before names, and no log is read."""
    namespace = next((pod.metadata.namespace for pod in state.pods.values()), "default")
    try:
        objects.log(namespace, NO_POD, "", lines=1)
    except SourceError as error:
        denied = error.trouble is Trouble.FORBIDDEN
        why = READ_ROLE if denied else error.hint
        return CheckResult("  pods/log", False if denied else None, f"{error.message}: no log tails", why)
    return CheckResult("  pods/log", True, f"get in {namespace}: log tails are evidence")


def _metrics(
    loaded: LoadedSettings, metrics: MetricsSource, catalogue: Catalogue, clock: Clock
) -> Iterator[CheckResult]:
    try:
        now = clock.now()
        found = discover(metrics, presence(catalogue, live_rows(catalogue, loaded.settings.detection)), now)
    except SourceError as error:
        yield _trouble("prometheus", error)
        return
    yield _version(found.server)
    if found.skew is not None:
        close = abs(found.skew) <= SKEW_SECONDS
        detail = f"the server's is {abs(found.skew):.0f} s {'ahead' if found.skew > 0 else 'behind'}"
        yield CheckResult("  clock", close, detail, "Synchronise this machine's clock." if not close else "")
    if found.newest is None:
        yield CheckResult("  samples", False, "no sample in the last minutes", "Is anything scraped? See its /targets.")
        return
    yield CheckResult("  samples", True, f"newest {found.at - found.newest:.0f} s old, every {found.interval:.0f} s")
    history = " and ".join(name for name, had in (("a day", found.day), ("a week", found.week)) if had)
    hint = "Until there is a day of history, thresholds are further away."
    yield CheckResult("  history", bool(history) or None, f"{history} back" if history else "less than a day", hint)
    known = ", ".join(f"{name} ({sum(p.series[s] or 0 for s in p.series)} series)" for name, p in _ranked(found))
    hint = "`tocsin coverage` says for each row what would feed it."
    yield CheckResult("  conventions", bool(known), known or "none that a row knows", hint)


def _version(server: ServerInfo) -> CheckResult:
    detail = f"{server.product} {server.version} at {server.url}"
    numbers = re.match(r"(\d+)\.(\d+)", server.version)
    old = numbers is not None and (int(numbers[1]), int(numbers[2])) < TESTED.get(server.product, (0, 0))
    hint = f"Tested from {'.'.join(map(str, TESTED[server.product]))} on; older ones may refuse queries." if old else ""
    return CheckResult("prometheus", None if old else True, detail, hint)


def _ranked(found: Discovery) -> list[tuple[str, Presence]]:
    return sorted(found.conventions.items(), key=lambda item: -sum(c or 0 for c in item[1].series.values()))


def _trouble(name: str, error: SourceError, *, missing: bool = False) -> CheckResult:
    return CheckResult(name, None if missing else False, f"{error.trouble}: {error.message}", error.hint)
