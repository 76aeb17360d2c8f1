"""What an investigation may ask, within its budget of time: metrics, logs, and what the store remembers."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from app.sources.base import SourceError, Trouble
from detectors.series import Grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.investigation.readings import Readings, Track
    from app.sources.base import ClusterSource, LogTail, MetricsSource
    from detectors.model import Entity
    from detectors.series import SeriesBlock
    from storage.database import Store
    from storage.records import EventRecord, InvestigationRecord, VerificationRecord

S = TypeVar("S")
T = TypeVar("T")

BUDGET_SECONDS = 10.0
"""How long the questions of one investigation may take."""


class Sources(Protocol):
    """Whom collectors may ask; every question may raise SourceError. Safe to share between threads."""

    @property
    def has_metrics(self) -> bool:
        """Whether there is a metrics server that answers."""
        ...

    @property
    def has_logs(self) -> bool:
        """Whether there is a cluster whose logs may be asked for."""
        ...

    def range(self, promql: str, start: float, end: float, step: int) -> SeriesBlock:
        """The values of an expression between two times, unix seconds."""
        ...

    def log(self, namespace: str, pod: str, container: str, *, previous: bool, lines: int) -> LogTail:
        """The tail of a container's log."""
        ...

    def tracks(self, row: str, onset: float, namespace: str = "") -> tuple[Track, ...]:
        """The numbers of a row of the catalogue, or of the evidence rows, for all entities; see `Readings.of`."""
        ...

    def parts(self, row: str, track: Track, names: tuple[str, ...], onset: float) -> tuple[Track, ...]:
        """The parts of one entity's numbers; see `Readings.split`."""
        ...

    def cases_of(self, entity: Entity) -> tuple[InvestigationRecord, ...]:
        """Earlier and present investigations of an entity, the newest first."""
        ...

    def cause_of(self, investigation: int) -> str:
        """The id of the cause that a case was last given; empty where it has none."""
        ...

    def verifications_of(self, entity: Entity) -> tuple[VerificationRecord, ...]:
        """What became of a workload's rollouts, newest first."""
        ...

    def events_of(self, namespace: str, kind: str, name: str, since: float) -> tuple[EventRecord, ...]:
        """Stored events about one object, newest first."""
        ...


class AskedOnce:
    """Sources that ask each question once an investigation, and none once its time is over.

    Args:
        cluster: whose records are read.
        metrics: None where there is none, or it does not answer.
        objects: None where there is none.
        store: for what is remembered.
        seconds: the budget from now on; infinite where answers cost nothing (a replay).
        clock: a monotonic one.
        readings: the catalogue's numbers on that server; None where there is none.
    """

    def __init__(
        self,
        cluster: str,
        metrics: MetricsSource | None,
        objects: ClusterSource | None,
        store: Store,
        seconds: float = BUDGET_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        readings: Readings | None = None,
    ) -> None:
        self._cluster = cluster
        self._readings = readings
        self._metrics, self._objects, self._store = metrics, objects, store
        self._clock = clock
        self._deadline = clock() + seconds
        self._lock = threading.Lock()
        self._answers: dict[tuple[object, ...], Future[Any]] = {}

    @property
    def has_metrics(self) -> bool:
        """Whether there is a metrics server that answers."""
        return self._metrics is not None

    @property
    def has_logs(self) -> bool:
        """Whether there is a cluster whose logs may be asked for."""
        return self._objects is not None

    def range(self, promql: str, start: float, end: float, step: int) -> SeriesBlock:
        """The values of an expression between two times, unix seconds; the grid ends at a multiple of its step."""
        last = int(end) // step * step
        grid = Grid(last, step, max(1, int(last - start) // step + 1))
        return self._once(("range", promql, grid), lambda: _there(self._metrics).range(promql, grid))

    def log(self, namespace: str, pod: str, container: str, *, previous: bool, lines: int) -> LogTail:
        """The tail of a container's log."""
        return self._once(
            ("log", namespace, pod, container, previous, lines),
            lambda: _there(self._objects).log(namespace, pod, container, previous=previous, lines=lines),
        )

    def tracks(self, row: str, onset: float, namespace: str = "") -> tuple[Track, ...]:
        """The numbers of a row of the catalogue, or of the evidence rows, for all entities; see `Readings.of`."""
        return self._once(
            ("tracks", row, onset, namespace),
            lambda: _there(self._readings).of(row, onset, namespace, self._deadline - self._clock()),
        )

    def parts(self, row: str, track: Track, names: tuple[str, ...], onset: float) -> tuple[Track, ...]:
        """The parts of one entity's numbers; see `Readings.split`."""
        return self._once(
            ("parts", row, track.source, track.entity.key, names, onset),
            lambda: _there(self._readings).split(row, track, names, onset, self._deadline - self._clock()),
        )

    def cases_of(self, entity: Entity) -> tuple[InvestigationRecord, ...]:
        """Earlier and present investigations of an entity, the newest first."""
        return self._store.investigations.about(entity)

    def cause_of(self, investigation: int) -> str:
        """The id of the cause that a case was last given; empty where it has none."""
        known = self._store.conclusions.of(investigation)
        return known.causes[0].id if known is not None and known.causes else ""

    def verifications_of(self, entity: Entity) -> tuple[VerificationRecord, ...]:
        """What became of a workload's rollouts, newest first."""
        return self._store.verifications.of(entity)

    def events_of(self, namespace: str, kind: str, name: str, since: float) -> tuple[EventRecord, ...]:
        """Stored events about one object, newest first."""
        return self._store.events.of(self._cluster, namespace, kind, name, since)

    def _once(self, question: tuple[object, ...], ask: Callable[[], T]) -> T:
        with self._lock:
            known = self._answers.get(question)
            if known is None:
                answer: Future[T] = Future()
                self._answers[question] = answer
        if known is not None:
            # Whoever asked first has the type of its question.
            return cast("Future[T]", known).result()
        try:
            if self._clock() >= self._deadline:
                raise SourceError(Trouble.TIMEOUT, "the time of this investigation was over before it was asked")
            answer.set_result(ask())
        except BaseException as error:
            answer.set_exception(error)
        return answer.result()


def _there(source: S | None) -> S:
    if source is None:
        raise SourceError(Trouble.CONFIGURATION, "there is no such source here")
    return source
