"""`tocsin backtest`: the engine over the server's past or a recording, before anyone is paged by it."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.common import (
    loaded_settings,
    parse_instant,
    tell_progress,
    until_interrupted,
)
from app.exits import Exit, UsageError

if TYPE_CHECKING:
    import argparse

    from app.quality.backtest import Ran, Step, Trial
    from app.settings.loading import LoadedSettings
    from storage.records import IncidentRecord, LabelRecord


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument(
        "--since", metavar="TIME", default="7d", help="begin: 7d or 24h ago, ISO 8601 or unix seconds (default: 7d)"
    )
    parser.add_argument("--until", metavar="TIME", help="end (default: now)")
    parser.add_argument(
        "--every", metavar="TIME", help="between two cycles, as 60s or 5m (default: detection.step_seconds)"
    )
    parser.add_argument("--recording", metavar="FILE", help="run over a recording instead of the server")
    parser.add_argument("--against", metavar="FILE", help="a second settings file, to compare with side by side")
    parser.add_argument("--json", action="store_true", help="print one JSON object: reports and findings")


def run(options: argparse.Namespace) -> int:
    """Run, and report; ctrl+c ends it after the running cycle, and reports on what was run until then."""
    from app.findings import json_line
    from app.opening import open_catalogue, temporary_store
    from app.quality.backtest import Trial, said
    from app.quality.backtest_text import backtest_object, lines

    loaded = loaded_settings(options)
    others = [_against(loaded, options.against)] if options.against else []
    stop = threading.Event()
    with ExitStack() as stack:
        trials = [
            Trial(name, each, open_catalogue(each), stack.enter_context(temporary_store()))
            for name, each in (("as set", loaded), *((options.against, each) for each in others))
        ]
        ran = _run(trials, options, stop)
        tell_progress("")
        incidents, labels = _remembered(loaded, ran)
        told = [said(trial, ran, incidents, labels) for trial in trials]
    if options.json:
        print(json_line(backtest_object(ran, told)))
    else:
        print("\n".join(lines(ran, told)))
    return Exit.OK if ran.complete else Exit.INTERRUPTED


def _against(loaded: LoadedSettings, path: str) -> LoadedSettings:
    """Another settings file, under the same command line."""
    from app.settings.loading import load_settings

    return load_settings(Path(path), overrides=loaded.overrides)


def _run(trials: list[Trial], options: argparse.Namespace, stop: threading.Event) -> Ran:
    found: list[Ran] = []
    work = _over_recording if options.recording else _over_server
    until_interrupted(lambda: found.append(work(trials, options, stop)), stop, threading.Event())
    return found[0]


def _over_recording(trials: list[Trial], options: argparse.Namespace, stop: threading.Event) -> Ran:
    from app.quality.backtest import over_recording

    return over_recording(trials, Path(options.recording), stop=stop, progress=_progress)


def _over_server(trials: list[Trial], options: argparse.Namespace, stop: threading.Event) -> Ran:
    from app.clock import SystemClock
    from app.quality.backtest import over_server
    from app.wiring import metrics_of

    loaded, clock = trials[0].loaded, SystemClock()
    since, until, every = span(options, loaded, clock.now())
    with metrics_of(loaded.settings, clock, tell_progress) as (cluster, metrics):
        return over_server(
            trials, metrics, cluster, since=since, until=until, every=every, stop=stop, progress=_progress
        )


def span(options: argparse.Namespace, loaded: LoadedSettings, now: float) -> tuple[float, float, int]:
    """Begin, end and seconds between two cycles, as they were asked for. Raises UsageError."""
    from app.durations import seconds_of

    since = parse_instant(options.since, "--since", now)
    until = parse_instant(options.until, "--until", now) if options.until else now
    if not since < until <= now:
        raise UsageError("--since must lie before --until, and neither after now")
    step = loaded.settings.detection.step_seconds
    if not options.every:
        return since, until, step
    every = seconds_of(options.every)
    if every is None or every % step:
        raise UsageError(f"--every is {options.every!r}; allowed: a multiple of detection.step_seconds ({step} s)")
    return since, until, int(every)


def _remembered(loaded: LoadedSettings, ran: Ran) -> tuple[tuple[IncidentRecord, ...], tuple[LabelRecord, ...]]:
    """The incidents and labels that the engineer's own store has of that time."""
    from storage.database import Store

    if not loaded.database.exists():
        return (), ()
    with Store.open(loaded.database) as store:
        incidents = store.incidents.of(ran.cluster, ran.since)
        labels = store.labels.valid(ran.cluster, ran.since)
    return tuple(each for each in incidents if each.since <= ran.until), labels


def _progress(step: Step) -> None:
    from app.findings import instant
    from detectors.words import counted
    from widgets.text import age

    left = f", {age(step.left)} left" if step.done else ""
    out = f"{counted(step.found, 'findings')} out of band"
    tell_progress(f"{step.done:4.0%} {instant(step.at)}: {out}{left} (ctrl+c ends it and reports)")
