"""Backtests: the same engine over the past, causally, in a store that is forgotten; what it would have said, how often.

Only what metrics tell can be judged: the Kubernetes API knows the present alone.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.clock import ManualClock
from app.engine import Engine
from app.quality.echoes import Echo, echoes
from app.quality.measures import report
from app.sources.past import PastMetrics

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from app.engine import Outcome
    from app.quality.report import Report
    from app.settings.loading import LoadedSettings
    from app.settings.schema import Settings
    from app.sources.base import MetricsSource
    from detectors.catalog import Catalogue
    from storage.database import Store
    from storage.records import AnomalyRecord, IncidentRecord, LabelRecord

DAY = 86_400.0
REDISCOVERY_SECONDS = 6 * 3600.0
"""Between two looks at what the server had: it is asked dozens of questions each time."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to run over a past."""

    name: str
    """`as set`, or the settings file's name."""
    loaded: LoadedSettings
    catalogue: Catalogue
    store: Store
    """Of its own, forgotten afterwards."""

    def settings(self, every: float) -> Settings:
        """The settings, with a cycle each so many seconds."""
        settings = self.loaded.settings
        return replace(settings, engine=replace(settings.engine, interval_seconds=every))


@dataclass(frozen=True, slots=True)
class Ran:
    """How far a backtest came."""

    cluster: str
    since: float
    until: float
    """Unix seconds of its last cycle."""
    cycles: int
    every: float
    complete: bool
    """False where it was stopped."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one trial would have said."""

    name: str
    report: Report
    anomalies: tuple[AnomalyRecord, ...]
    echo: Echo
    """Of the engineer's labels of that time."""
    failing: tuple[str, ...]
    """Rows that could not be asked in the last cycle."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far it is, for whoever waits."""

    done: float
    """Share of the time."""
    at: float
    """Unix seconds in the past."""
    found: int
    """Anomalies out of band at that moment, by the first trial."""
    left: float
    """Seconds, by the pace so far."""


def over_server(
    trials: Sequence[Trial],
    metrics: MetricsSource,
    cluster: str,
    *,
    since: float,
    until: float,
    every: int,
    stop: threading.Event,
    progress: Callable[[Step], None] = lambda _: None,
) -> Ran:
    """Run trials in step over a server's past; each cycle sees what was there at its own instant.

    Args:
        trials: all ask through one memory, so that what they share is fetched once.
        metrics: the server; closed afterwards.
        cluster: what findings carry.
        since: unix seconds of the first cycle.
        until: unix seconds of the last.
        every: seconds between two cycles.
        stop: ends it after the running cycle.
        progress: told after each cycle.

    Raises:
        SourceError: the server does not answer to the first cycle.
    """
    begin, end = (int(at) // every * every for at in (since, until))
    past = PastMetrics(metrics, end, every)
    clock = ManualClock(float(begin))
    with ExitStack() as stack:
        stack.callback(past.close)
        engines = [_engine(trial, past, cluster, clock, every) for trial in trials]
        for engine in engines:
            stack.callback(engine.close)
        started, cycles = time.perf_counter(), 0
        for at in range(begin, end + 1, every):
            if stop.is_set():
                break
            clock.set(float(at))
            outcomes = [engine.cycle() for engine in engines]
            if not cycles and (trouble := outcomes[0].metrics) is not None:
                raise trouble
            for engine in engines:
                engine.look_again()
            cycles += 1
            progress(_step(outcomes[0], begin, end, started))
    return Ran(cluster, float(begin), clock.now(), cycles, float(every), complete=clock.now() >= end)


def over_recording(
    trials: Sequence[Trial],
    path: Path,
    *,
    stop: threading.Event,
    progress: Callable[[Step], None] = lambda _: None,
) -> Ran:
    """Run trials over a recording, one after the other; objects are judged too, as they were recorded.

    Raises:
        RecordingError: the file is no recording.
    """
    from threading import Event

    from app.runs import ReplayRun
    from app.sources.recording import CycleMark, read_recording

    marks = [line.at for line in read_recording(path) if isinstance(line, CycleMark)]
    begin, end = (marks[0], marks[-1]) if marks else (0.0, 0.0)
    cluster, cycles, last, interval = "", 0, begin, 0.0
    for trial in trials:
        started, cycles = time.perf_counter(), 0

        def done(outcome: Outcome, started: float = started) -> None:
            nonlocal cycles, last
            cycles, last = cycles + 1, outcome.at
            progress(_step(outcome, begin, end, started))

        run = ReplayRun(path, trial.loaded, trial.store, trial.catalogue, ManualClock(0.0), "backtest")
        cluster, interval = run.cluster, run.interval
        try:
            run.run(stop, Event(), done)
        finally:
            run.close()
    return Ran(cluster, begin, last, cycles, interval, complete=last >= end)


def said(trial: Trial, ran: Ran, incidents: Sequence[IncidentRecord] = (), labels: Sequence[LabelRecord] = ()) -> Said:
    """What a trial would have said, measured as the present is: by the incidents and labels of its time.

    Args:
        trial: after its run.
        ran: how far it came.
        incidents: that the engineer wrote down.
        labels: that the engineer gave.
    """
    for each in incidents:
        trial.store.incidents.add(
            ran.cluster, each.workload, since=each.since, until=each.until, note=each.note, actor=each.actor,
            at=each.recorded,
        )  # fmt: skip
    settings = trial.settings(ran.every)
    days = (ran.until - ran.since) / DAY
    anomalies = trial.store.anomalies.opened_since(ran.cluster, ran.since)
    return Said(
        name=trial.name,
        report=report(trial.store, trial.catalogue, settings, ran.cluster, ran.until, days),
        anomalies=anomalies,
        echo=echoes(labels, anomalies, ran.since, ran.until),
        failing=tuple(e.signal for e in trial.store.cycles.coverage(ran.cluster) if e.status == "query error"),
    )


def _engine(trial: Trial, past: PastMetrics, cluster: str, clock: ManualClock, every: int) -> Engine:
    return Engine(
        cluster=cluster,
        clock=clock,
        store=trial.store,
        catalogue=trial.catalogue,
        settings=trial.settings(every),
        objects=None,
        metrics=past,
        live=False,
        rediscovery_seconds=REDISCOVERY_SECONDS,
    )


def _step(outcome: Outcome, begin: float, end: float, started: float) -> Step:
    share = (outcome.at - begin) / (end - begin) if end > begin else 1.0
    taken = time.perf_counter() - started
    found = sum(len(result.observations) for result in outcome.results.values())
    return Step(share, outcome.at, found, taken * (1 - share) / share if share else float("nan"))
