"""What several commands share: options to settings, tables, and looking up an investigation by what a person types."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.durations import seconds_of
from app.exits import Exit, UsageError
from app.settings.loading import load_settings

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable
    from datetime import tzinfo

    from app.settings.loading import LoadedSettings
    from app.snapshot import Session, SourceStatus
    from storage.database import Store
    from storage.records import AnomalyRecord

OPTION_KEYS = {
    "context": "kubernetes.context",
    "kubeconfig": "kubernetes.kubeconfig",
    "prometheus": "prometheus.url",
    "db": "store.path",
}


def positive(text: str) -> int:
    """A whole number from 1 on, for an option. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number from 1 on is needed")
    return int(text)


def speed(text: str) -> float:
    """Recorded seconds per second, for an option. Raises ArgumentTypeError."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: a number from 0 on is needed")
    return found


def loaded_settings(options: argparse.Namespace) -> LoadedSettings:
    """Settings with the command line on top. Raises SettingsError."""
    overrides = {
        key: (str(value), f"--{name}") for name, key in OPTION_KEYS.items() if (value := getattr(options, name, None))
    }
    if options.namespace:
        overrides["scope.namespaces"] = (",".join(options.namespace), "--namespace")
    if options.environment:
        overrides["scope.environments"] = (",".join(options.environment), "--environment")
    if options.no_kubernetes:
        overrides["kubernetes.enabled"] = ("false", "--no-kubernetes")
    if options.dry_run:
        overrides["notify.dry_run"] = ("true", "--dry-run")
    log_to(Path(options.log_file) if options.log_file else None)
    return load_settings(Path(options.config) if options.config else None, overrides=overrides)


def existing_store(loaded: LoadedSettings) -> Store:
    """The store, for what only reads what somebody wrote.

    Raises:
        StoreError: there is none yet, or it cannot be used.
    """
    from storage.database import Store
    from storage.errors import StoreError

    if not loaded.database.exists():
        raise StoreError(loaded.database, "nothing was stored there yet", "scan or the console writes it")
    return Store.open(loaded.database)


def log_to(path: Path | None) -> None:
    """Write a debug log. Our own modules never log credentials; the HTTP libraries' own logs stay out of it.

    Args:
        path: where to; None is nowhere: Python's last resort is standard error, which here is the console's screen.
    """
    if path is None:
        logging.getLogger().addHandler(logging.NullHandler())
        return
    logging.basicConfig(
        filename=path, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("app").setLevel(logging.DEBUG)
    for noisy in ("httpx", "httpcore", "urllib3", "kubernetes", "slack_sdk"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def console_options(loaded: LoadedSettings) -> dict[str, Any]:
    """What the settings say of the console's looks, for `run_console`. Raises UsageError without a terminal."""
    served = "TEXTUAL_DRIVER" in os.environ
    if not served and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the console needs a terminal; `tocsin scan`, `watch` and `list` print, --json for scripts")
    console = loaded.settings.console
    return {
        "theme": console.theme,
        "keymap": console.keys,
        "mouse": console.mouse,
        "zone": zone_of(console.time_zone),
        "motion": console.motion,
    }


def remote_session(options: argparse.Namespace, opener: str, *arguments: Any) -> Session:
    """A session in a process of its own, with this one's log file.

    Args:
        options: of the command line.
        opener: a function of `app.opening`, which this process need not import.
        arguments: of that function.

    Raises:
        Exception: what the function raised.
    """
    from app.engine_process.session import open_remotely

    log_file = Path(options.log_file) if options.log_file else None
    return open_remotely(f"app.opening:{opener}", *arguments, log_file=log_file)


def zone_of(name: str) -> tzinfo | None:
    """The zone of a setting; None is this machine's. Raises SettingsError."""
    from zoneinfo import ZoneInfo

    from app.settings.loading import SettingsError

    if name == "local":
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        allowed = "local, UTC, or a name like Europe/Berlin"
        raise SettingsError(f"console.time_zone is {name!r}; allowed: {allowed}") from None


def investigation_id(text: str) -> int:
    """`412` or `#412`, for argparse."""
    if not text.lstrip("#").isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no investigation number; `tocsin list` shows them")
    return int(text.lstrip("#"))


def no_such(number: int) -> int:
    """Say that there is no such investigation."""
    sys.stderr.write(f"tocsin: there is no investigation #{number}; `tocsin list --all` shows them\n")
    return Exit.FINDINGS


def parse_instant(text: str, option: str = "--at", now: float | None = None, *words: str) -> float:
    """A time that somebody typed, as unix seconds.

    Args:
        text: ISO 8601 (UTC where no zone is given), unix seconds, or `2h` for so long before `now`.
        option: that it was given for.
        now: unix seconds; None where no length of time is allowed.
        words: that are allowed too, and looked at by the caller.

    Raises:
        UsageError: it is none of these.
    """
    if now is not None and (ago := seconds_of(text)) is not None:
        return now - ago
    with suppress(ValueError):
        return float(text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        allowed = ["2026-03-14T02:40:00Z", "unix seconds", *words, *(["30m, 2h, 7d ago"] if now is not None else ())]
        raise UsageError(f"{option} is {text!r}; allowed: {', or '.join(allowed)}") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def cluster_of(loaded: LoadedSettings, store: Store) -> str:
    """The cluster that a command is about: that of the settings, or the only one that the store knows.

    Raises:
        SourceError: the settings name none, and the store knows none or several.
    """
    from app.sources.base import SourceError
    from app.wiring import cluster_name

    try:
        return cluster_name(loaded.settings)
    except SourceError:
        known = store.clusters()
        if len(known) != 1:
            raise
        return known[0]


def print_anomalies(anomalies: Iterable[AnomalyRecord], now: float, loaded: LoadedSettings, *, as_json: bool) -> None:
    """One line for each, worst first."""
    from app.findings import finding, json_line
    from app.opening import open_catalogue
    from app.wording import reason
    from widgets.text import age, clean

    catalogue = open_catalogue(loaded)
    for anomaly in sorted(anomalies, key=lambda a: (-a.severity.rank, -a.score, a.id)):
        if as_json:
            print(json_line(finding(anomaly)), flush=True)
        else:
            about = f"{clean(anomaly.entity.kind)} {clean(anomaly.entity.title)}"
            text = clean(reason(catalogue, anomaly))
            lasting = age(now - anomaly.onset)
            print(f"{anomaly.severity:<8} {lasting:>4} #{anomaly.investigation:<4} {about:<48} {text}", flush=True)


def tell_sources(statuses: Iterable[SourceStatus]) -> bool:
    """Say on standard error what is the matter with sources; returns whether any of them answers."""
    from app.snapshot import Health
    from widgets.text import clean

    answering = False
    for status in statuses:
        answering = answering or status.health in (Health.OK, Health.DEGRADED)
        if status.health in (Health.DOWN, Health.DEGRADED, Health.OFF):
            sys.stderr.write(f"{status.name}: {status.health}: {clean(status.detail)}\n")
            if status.hint:
                sys.stderr.write(f"    {clean(status.hint)}\n")
    return answering


def tell_progress(text: str) -> None:
    """One line on standard error that is written over; nothing where that is no terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def until_interrupted(run: Callable[[], None], stop: threading.Event, wake: threading.Event) -> None:
    """Run until done, or until ctrl+c or a termination asks to stop; the running cycle is finished first."""

    def leave(*_: object) -> None:
        stop.set()
        wake.set()

    previous = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        run()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
