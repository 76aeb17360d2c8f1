"""What makes the cycles come: a live cluster and its interval, or a recording and its marks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from app.doctor import check_run
from app.engine import Engine
from app.notify.delivery import Delivery
from app.snapshot import CheckResult, Health, SourceStatus
from app.snapshots import metrics_status, missing_status, objects_status
from app.sources.kubernetes.replay import ReplayCluster
from app.sources.recorder import RecordingCluster, RecordingMetrics
from app.sources.recording import ClusterInput, CycleMark, read_header, read_recording
from app.sources.replay import RecordedLogs, ReplayMetrics, sources_of, steps
from app.wiring import connect, settle

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from app.advisor import Advisor
    from app.clock import Clock, ManualClock
    from app.engine import Outcome
    from app.settings.loading import LoadedSettings
    from app.sources.recording import RecordingWriter
    from detectors.catalog import Catalogue
    from storage.database import Store


class Run(Protocol):
    """What a session runs: a live cluster or a recording. Everything but `cluster` blocks."""

    @property
    def cluster(self) -> str:
        """The name of the cluster it is about; known before anything is asked."""
        ...

    @property
    def advisor(self) -> Advisor | None:
        """Compares requests and limits with what is used; None where nobody does, or not yet."""
        ...

    mode: str
    interval: float
    progress: Callable[[str], None]
    told: Callable[[], None]
    """Called when an investigation has come to something between two cycles."""

    def run(self, stop: threading.Event, wake: threading.Event, done: Callable[[Outcome], None]) -> None:
        """Connect, then run cycles until `stop` is set or there are no more; `wake` ends a pause early."""
        ...

    def statuses(self, outcome: Outcome | None) -> tuple[SourceStatus, ...]:
        """How the sources are doing."""
        ...

    def checks(self) -> tuple[CheckResult, ...]:
        """What `tocsin doctor` says of them."""
        ...

    def close(self) -> None:
        """Release connections; a running cycle fails soon."""
        ...


PRUNE_SECONDS = 3600.0
"""Between two looks for what may be forgotten."""


class LiveRun:
    """A cluster as it is now: a cycle every interval.

    Args:
        loaded: the settings.
        store: where findings go.
        catalogue: the rows.
        clock: of the engine.
        owner: names this process's lease on the cluster; empty for a store of one's own.
        writer: gets every input of the run, in order.

    Raises:
        SourceError: there is nothing to connect to, or it is configured wrongly.
    """

    mode = "live"

    def __init__(
        self,
        loaded: LoadedSettings,
        store: Store,
        catalogue: Catalogue,
        clock: Clock,
        *,
        owner: str = "",
        live: bool = True,
        writer: RecordingWriter | None = None,
    ) -> None:
        self._loaded, self._store, self._catalogue, self._clock = loaded, store, catalogue, clock
        self._owner, self._live, self._writer = owner, live, writer
        self._engine: Engine | None = None
        self._delivery = Delivery(store, loaded.settings.notify)
        self.progress: Callable[[str], None] = lambda _: None
        self.told: Callable[[], None] = lambda: None
        self.interval = loaded.settings.engine.interval_seconds
        self._pruned = 0.0
        self.sources = connect(loaded.settings, clock, self._observe if writer else None)

    @property
    def cluster(self) -> str:
        """The kubeconfig's context, or the metrics server's address."""
        return self.sources.cluster

    @property
    def advisor(self) -> Advisor | None:
        """The engine's, once there is one."""
        return self._engine.advisor if self._engine is not None else None

    def prepare(self) -> Engine:
        """Connect; the engine is ready for its first cycle."""
        if self._engine is None:
            settle(self.sources, self._loaded.settings, self._clock, lambda text: self.progress(text))
            metrics, objects = self.sources.metrics, self.sources.objects
            self._engine = Engine(
                cluster=self.cluster,
                clock=self._clock,
                store=self._store,
                catalogue=self._catalogue,
                settings=self._loaded.settings,
                objects=RecordingCluster(objects, self._writer) if objects and self._writer else objects,
                metrics=RecordingMetrics(metrics, self._writer) if metrics and self._writer else metrics,
                live=self._live,
                owner=self._owner,
                progress=lambda text: self.progress(text),
                told=lambda: self.told(),
                mark=self._mark,
            )
        return self._engine

    def run(self, stop: threading.Event, wake: threading.Event, done: Callable[[Outcome], None]) -> None:
        """Cycles until stopped; a cycle that fails leaves the connections for the next try."""
        engine = self.prepare()
        # Its questions are not part of a recording, and would make one enormous.
        engine.advisor.background = engine.past.wanted = self._writer is None
        if self._writer is None:
            engine.notify = self._loaded.settings.notify
        while not stop.is_set():
            began = self._clock.now()
            done(engine.cycle())
            engine.look_again()
            self._prune(began)
            # Not before: what is over since the last run is withdrawn by now.
            self._delivery.start()
            if self._writer is not None:
                self._writer.flush()
            # The machine's clock may be set meanwhile: never wait for longer than one interval.
            passed = max(0.0, self._clock.now() - began)
            self._clock.wait(self.interval - passed, wake)
            wake.clear()

    def _prune(self, now: float) -> None:
        """Let go of what is older than the settings keep, now and then."""
        if now - self._pruned >= PRUNE_SECONDS:
            self._pruned = now
            keep = self._loaded.settings.store
            self._store.retention.prune(now, days=keep.retention_days, label_days=keep.label_days)

    def statuses(self, outcome: Outcome | None) -> tuple[SourceStatus, ...]:
        """How Prometheus and Kubernetes are doing."""
        found = [missing_status(name, why) for name, why in self.sources.notes.items()]
        if outcome is not None and outcome.changes is None:
            text = "asked by the Tocsin that runs the cycles of this cluster"
            return (*found, *(SourceStatus(name, Health.OFF, text) for name in ("prometheus", "kubernetes")))
        if self.sources.metrics is not None:
            look = self._engine.look if self._engine is not None else None
            info = look.discovery.server if look is not None and look.discovery is not None else None
            trouble = outcome.metrics if outcome is not None else None
            found.append(metrics_status(info, trouble, look.since if look is not None else None))
        if self.sources.objects is not None:
            found.append(objects_status(outcome.state if outcome is not None else None))
        return tuple(found)

    def checks(self) -> tuple[CheckResult, ...]:
        """What `tocsin doctor` says of the connections."""
        return check_run(self._loaded, self.sources, self._catalogue, self._clock)

    def close(self) -> None:
        """Release connections and the lease."""
        self._delivery.close()
        if self._engine is not None:
            self._engine.close()
        self.sources.close()

    def _observe(self, operation: str, payload: dict[str, Any]) -> None:
        assert self._writer is not None
        if operation != "state":
            self._writer.write(ClusterInput(operation, payload))
        elif self._engine is not None:
            # The point at which the engine took its view of the objects is where its cycle begins.
            self._mark(payload["at"])

    def _mark(self, at: float) -> None:
        if self._writer is not None:
            self._writer.write(CycleMark(at))


class ReplayRun:
    """A recording, at its own pace times `clock.speed`.

    Args:
        path: the recording.
        loaded: the settings.
        store: where findings go.
        catalogue: the rows.
        clock: moved from cycle to cycle.
        mode: what the console calls it.
        length: recorded seconds after which it stands still.

    Raises:
        RecordingError: the file is no recording.
    """

    def __init__(
        self,
        path: Path,
        loaded: LoadedSettings,
        store: Store,
        catalogue: Catalogue,
        clock: ManualClock,
        mode: str,
        *,
        length: float = math.inf,
    ) -> None:
        self.header = read_header(path)
        self.mode = mode
        self._length = length
        self.interval = self.header.interval
        self.progress: Callable[[str], None] = lambda _: None
        self.told: Callable[[], None] = lambda: None
        self._path, self._clock = path, clock
        self._logs, self._metrics = RecordedLogs(), ReplayMetrics()
        self._objects = ReplayCluster(self.header.cluster, self._logs)
        self._seen = sources_of(read_recording(path))
        self._engine = Engine(
            cluster=self.header.cluster,
            clock=clock,
            store=store,
            catalogue=catalogue,
            settings=loaded.settings,
            objects=self._objects if self._seen.objects else None,
            metrics=self._metrics if self._seen.metrics else None,
            live=self.header.live,
            replayed=True,
            told=lambda: self.told(),
        )

    @property
    def cluster(self) -> str:
        """The recorded cluster."""
        return self.header.cluster

    @property
    def advisor(self) -> None:
        """An hour of a recording is no history."""

    def run(self, stop: threading.Event, wake: threading.Event, done: Callable[[Outcome], None]) -> None:
        """The recorded cycles, once."""
        begun: float | None = None
        last: float | None = None
        for before, mark, answers in steps(read_recording(self._path)):
            begun = mark.at if begun is None else begun
            if mark.at - begun > self._length:
                return
            if last is not None:
                self._clock.wait(mark.at - last, wake)
                wake.clear()
            if stop.is_set():
                return
            self._clock.set(mark.at)
            last = mark.at
            for line in before:
                self._objects.cache.replay(line.operation, line.payload)
            for answer in answers:
                self._metrics.feed(answer)
                self._logs.feed(answer)
            done(self._engine.cycle())
            self._engine.look_again()

    def statuses(self, outcome: Outcome | None) -> tuple[SourceStatus, ...]:
        """How the recorded sources were doing."""
        found = []
        if self._seen.metrics:
            info = self._metrics.info() if outcome is not None else None
            found.append(metrics_status(info, outcome.metrics if outcome is not None else None, None))
        if self._seen.objects:
            found.append(objects_status(outcome.state if outcome is not None else None))
        return tuple(found)

    def checks(self) -> tuple[CheckResult, ...]:
        """A recording has no connections."""
        return (CheckResult("recording", True, f"{self._path}: {self.header.title or self.header.cluster}"),)

    def close(self) -> None:
        """Nothing is connected."""
        self._engine.close()
